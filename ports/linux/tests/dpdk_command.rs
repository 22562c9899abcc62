//! `linecard run` with ports on DPDK, as somebody at a shell meets it.

use std::path::Path;
use std::process::{Command, Output};

use linecard_testnet::Folder;

/// Runs the command for a second with this configuration: exit code, JSON, standard error.
fn run(test: &str, config: &str, arguments: &[&str]) -> (Option<i32>, serde_json::Value, String) {
    let folder = Folder::new(&format!("dpdk-command-{test}"));
    let (file, stats) = (
        folder.write("config.toml", config),
        folder.join("stats.json"),
    );
    let Output { status, stderr, .. } = Command::new(env!("CARGO_BIN_EXE_linecard"))
        .args(["run", "--duration", "1s", "--stats-interval", "never"])
        .args([
            Path::new("--config"),
            &file,
            Path::new("--stats-json"),
            &stats,
        ])
        .args(arguments)
        .output()
        .expect("it starts");
    let text = std::fs::read_to_string(stats).unwrap_or_else(|_| "null".into());
    let json = serde_json::from_str(&text).expect("JSON");
    (
        status.code(),
        json,
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

const WIRED: &str = r#"
    forwarder = "cross-connect"
    connect = ["a b"]
    [pool]
    frames = 8192
"#;

#[test]
fn several_queues_are_polled_and_the_environment_is_as_configured() {
    let config = format!(
        r#"{WIRED}
        [[port]]
        name = "a"
        device = "dpdk:net_null0,queues=4,ring=128,rss=ip+udp,rss-key=symmetric,rss-queues=2"
        [[port]]
        name = "b"
        device = "dpdk:net_null1,queues=2,ring=128"
        [dpdk]
        file-prefix = "linecard-command-{}"
        memory = 96
        pci = false
        iova = "virtual"
        log-level = "debug"
        arguments = ["--vdev=net_null7"]
        "#,
        std::process::id()
    );
    let (code, json, said) = run("queues", &config, &["--eal", "--vdev=net_null8"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(json["balanced"], true, "{json}");
    // Whatever queue packets come by, all that go out go by one.
    for port in json["ports"].as_array().expect("ports") {
        for way in ["rx", "tx"] {
            let packets = port[way]["packets"].as_u64();
            assert!(packets.is_some_and(|packets| packets > 10_000), "{json}");
        }
        // By the device's own count, each queue was polled.
        let queues = if port["name"] == "a" { 4 } else { 2 };
        for queue in 0..queues {
            let packets = port["device_stats"][format!("rx_q{queue}_packets")].as_u64();
            assert!(packets.is_some_and(|packets| packets > 1_000), "{json}");
        }
        assert_eq!(
            port["device_stats"]["tx_good_packets"],
            port["tx"]["packets"]
        );
    }
    // What DPDK says at this level shows that it was told.
    assert!(said.contains("Selected IOVA mode 'VA'"), "{said}");
    for vdev in ["net_null7", "net_null8"] {
        assert!(said.contains(vdev), "{vdev}: {said}");
    }
}

#[test]
fn workers_share_the_queues_of_devices() {
    let config = format!(
        r#"{WIRED}
        [[port]]
        name = "a"
        device = "dpdk:net_null0,queues=2,ring=128"
        [[port]]
        name = "b"
        device = "dpdk:net_null1,queues=1,ring=128"
        [worker]
        count = 2
        "#
    );
    let (code, json, said) = run("workers", &config, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(json["balanced"], true, "{json}");
    let of = |worker: usize, what: &str| json["workers"][worker][what].as_u64();
    for worker in 0..2 {
        assert!(of(worker, "received") > Some(10_000), "{json}");
        let name = format!("rx_q{worker}_packets");
        let packets = json["ports"][0]["device_stats"][name].as_u64();
        assert!(packets > Some(10_000), "{json}");
    }
    // What the second receives leaves by the other device's one queue, which is the first's.
    assert!(of(1, "handed_over") > Some(1_000), "{json}");
    assert_eq!(of(0, "passed_on"), of(1, "handed_over"), "{json}");
    assert_eq!(of(0, "handed_over"), Some(0), "{json}");
}

#[test]
fn what_cannot_be_is_said_and_nothing_is_started() {
    let text = |options: &str, table: &str| {
        format!(
            "{WIRED}\n[[port]]\nname = \"a\"\ndevice = \"dpdk:{options}\"\n\
             [[port]]\nname = \"b\"\ndevice = \"null\"\n{table}"
        )
    };
    for (options, table, message) in [
        (
            "net_null0,queues=2,rss=ip+l4-dst-only",
            "",
            "the device cannot hash l4-dst-only",
        ),
        (
            "net_null0,queues=2,rss-key=0102",
            "",
            "takes a key of 40 bytes, and 2 are given",
        ),
        (
            "net_null0,queues=2,rss-queues=3",
            "",
            "3 queues are wanted, the device has 2",
        ),
        (
            "net_ring0,rss=ip",
            "",
            "the device does not spread packets by a hash",
        ),
        (
            "net_null0",
            "[dpdk]\niova = \"physical\"",
            "physical addresses, which DPDK does not know of ordinary pages",
        ),
        (
            "net_null0",
            "[dpdk]\narguments = [\"--no-such\"]",
            "DPDK did not start",
        ),
    ] {
        let (code, _, said) = run("refused", &text(options, table), &[]);
        assert_eq!(code, Some(1), "{options}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains(message), "{options}: {said}");
    }
}

#[test]
fn the_driver_knows_every_field_of_a_hash() {
    for name in linecard_linux::config::Rss::FIELDS {
        let field = linecard_dpdk::RssFields::named(name);
        assert_eq!(field.map(|field| field.to_string()).as_deref(), Some(name));
    }
}

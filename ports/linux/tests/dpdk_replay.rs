//! What `linecard replay` makes of a capture, ports of DPDK's `net_pcap` make of it too, byte by
//! byte: every capture through every forwarder by the replay's own clock, and some by `linecard run`.

use core::time::Duration;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use linecard::mempool::{Pool, PoolConfig};
use linecard::pipeline::WorkerStats;
use linecard::wire::MacAddr;
use linecard_dpdk::{Eal, EalConfig, Memory, PRIVATE, Port};
use linecard_linux::config::{Config, Draft, DraftPort, Setting};
use linecard_linux::memory::{PagePolicy, PoolMemory};
use linecard_linux::port::Flow;
use linecard_linux::replay::{self, Replay};
use linecard_linux::runner::{self, Event};
use linecard_linux::signals::Stop;
use linecard_pcap::{Capture, LinkType, Writer};
use linecard_testnet::{Folder, Rules};

#[test]
fn every_capture_through_net_pcap_gives_what_replay_gives() {
    let folder = Folder::new("dpdk-replay-every");
    let memory = Memory::new(eal(), pool()).expect("DPDK takes the pool");
    let (mut count, mut with, mut packets, mut bytes) = (0, 0, 0, 0);
    for input in captures(&folder, 1) {
        // As the driver takes it: Ethernet frames in a classic capture.
        let whole = folder.join("whole.pcap");
        let (expected, got) = (folder.join("expected.pcap"), folder.join("got.pcap"));
        run_replay(&config(&Rules::WIRE, "pass"), &input, &whole);
        // Some have links of another kind, and nothing of them comes in anywhere.
        with += usize::from(!Capture::open(&whole).unwrap().is_empty());
        for rules in &Rules::ALL {
            let config = config(rules, "drop");
            run_replay(&config, &whole, &expected);
            let device = format!(
                "net_pcap0,rx_pcap={},tx_pcap={}",
                whole.display(),
                got.display()
            );
            let limits = linecard_dpdk::Config {
                // No longer than what a frame receives.
                mtu: Some(32_000),
                ring: 64,
                ..linecard_dpdk::Config::default()
            };
            let name = format!("{} by {}", input.display(), rules.forwarder);
            let mut port = Port::new(&memory, &device, limits).expect("a port");
            let counters: &'static WorkerStats = Box::leak(Box::new(WorkerStats::new()));
            let replay = to(&whole, &got);
            replay::run_on(&config, &replay, memory.pool(), counters, &mut port)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            drop(port);
            let (expected, got) = (data_of(&expected), data_of(&got));
            assert_eq!(got.len(), expected.len(), "{name}");
            assert!(got == expected, "{name}: other bytes");
            let received = Capture::open(&whole).unwrap().len() as u64;
            assert_eq!(counters.received.value(), received, "{name}");
            packets += got.len();
            bytes += got.iter().map(Vec::len).sum::<usize>();
        }
        memory.pool().audit().expect("every frame is back");
        count += 1;
    }
    println!(
        "{count} captures, {with} with Ethernet, 3 forwarders: {packets} packets, {bytes} bytes, the same"
    );
    assert!(packets > 100 && memory.invalid() == 0);
}

#[test]
fn a_run_on_net_pcap_gives_what_replay_gives() {
    eal();
    let folder = Folder::new("dpdk-replay-run");
    let none = folder.join("none.pcap");
    Writer::new(File::create(&none).unwrap())
        .unwrap()
        .flush()
        .unwrap();
    let mut packets = 0;
    for input in &captures(&folder, 40) {
        let capture = Capture::open(input).unwrap();
        if !is_plain(&capture) {
            continue;
        }
        for (name, flags) in WITHOUT_TIME {
            let (replayed, output) = (folder.join("replayed.pcap"), folder.join("out.pcap"));
            replay(input, &replayed, name, flags);
            let device = |rx: &Path, tx: &Path, port: usize| {
                let (rx, tx) = (rx.display(), tx.display());
                // The address that a replay makes up for its port.
                let mac = format!("02:6c:63:00:00:0{port}");
                format!("dpdk:net_pcap{port},rx_pcap={rx},tx_pcap={tx},mtu=15000,ring=64,mac={mac}")
            };
            let back = folder.join("back.pcap");
            let ports = [device(input, &back, 0), device(&none, &output, 1)];
            run(&ports, name, flags, capture.len() as u64);
            let (expected, got) = (data_of(&replayed), data_of(&output));
            let file = input.display();
            assert_eq!(got.len(), expected.len(), "{file} through {name}");
            assert!(got == expected, "{file} through {name}: other bytes");
            packets += got.len();
        }
    }
    assert!(packets > 100, "only {packets} packets were compared");
}

/// DPDK, started by the first who asks.
fn eal() -> Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    *EAL.get_or_init(|| {
        let config = EalConfig {
            pci: false,
            ..EalConfig::default()
        };
        Eal::start(&config).expect("DPDK starts")
    })
}

/// Frames that the longest packet of any capture fits in, for all replays.
fn pool() -> &'static Pool<'static> {
    let config = PoolConfig {
        frame_size: 32_768,
        private: PRIVATE + 64,
        track: true,
        ..PoolConfig::default()
    };
    let memory = PoolMemory::new(FRAMES as usize, config, PagePolicy::Prefer, false);
    let (pool, _) = memory.expect("memory").leak();
    Box::leak(Box::new(pool))
}

fn config(rules: &Rules, malformed: &str) -> Config {
    let text = rules.toml(malformed, FRAMES, 16_384);
    let draft = Draft::parse(Path::new("rules.toml"), &text).unwrap();
    Config::try_from(draft).unwrap()
}

fn to(input: &Path, output: &Path) -> Replay {
    Replay {
        input: input.to_owned(),
        output: output.to_owned(),
        mtu: 1500,
        as_captured: false,
    }
}

/// What the command does.
fn run_replay(config: &Config, input: &Path, output: &Path) {
    let report = replay::run(config, &to(input, output));
    report.unwrap_or_else(|error| panic!("{}: {error}", input.display()));
}

fn data_of(path: &Path) -> Vec<Vec<u8>> {
    let capture = Capture::open(path).unwrap();
    let records = capture.records();
    records.map(|record| record.data.to_vec()).collect()
}

/// Forwarders that do not look at the time, by name, with the rules that they want.
const WITHOUT_TIME: [(&str, &[&str]); 2] = [
    ("cross-connect", &[]),
    (
        "udp",
        &[
            "dst 0.0.0.0/0 to port OUT src 198.51.100.1:4000 dst 198.51.100.9 dst-mac 02:00:00:00:00:02",
        ],
    ),
];

fn replay(input: &Path, output: &Path, forwarder: &str, rules: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linecard"));
    command.arg("replay").args([input, output]);
    command.args([
        "--forwarder",
        forwarder,
        "--frame-size",
        "16384",
        "--frames",
        "512",
    ]);
    match forwarder {
        "udp" => rules.iter().for_each(|rule| {
            command.args(["--udp", &rule.replace("OUT", "out")]);
        }),
        _ => {
            command.args(["--malformed", "pass"]);
        }
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Runs until as many packets have come in as there are, or nothing more comes.
fn run(ports: &[String], forwarder: &str, rules: &[&str], packets: u64) {
    let flag = |value: &str| Setting::flag("--test", value.to_string());
    let draft = Draft {
        forwarder: Some(flag(forwarder)),
        ports: ports
            .iter()
            .map(|port| DraftPort::new(flag(port)))
            .collect(),
        udp: rules
            .iter()
            .map(|rule| flag(&rule.replace("OUT", "port1")))
            .collect(),
        frames: Some(Setting::flag("--frames", 1024)),
        frame_size: Some(Setting::flag("--frame-size", 16_384)),
        stats_interval: Some(flag("20ms")),
        ..Draft::default()
    };
    let config = Config::try_from(draft).unwrap();
    let stop = Stop::new();
    let (mut received, mut last) = (0, Instant::now());
    let report = runner::run(&config, &stop, &mut |event| {
        if let Event::Line(line) = event {
            if line.since.received > 0 {
                (received, last) = (received + line.since.received, Instant::now());
            }
            if received >= packets || last.elapsed() > PATIENCE {
                stop.request();
            }
        }
    })
    .unwrap();
    assert!(report.is_balanced(), "{report}");
    assert_eq!(report.totals.received, packets, "{report}");
}

/// One capture made here, and those of `LINECARD_DATA`, or every so many of them.
fn captures(folder: &Path, step: usize) -> Vec<PathBuf> {
    let mut files = vec![generated(folder)];
    if let Some(data) = std::env::var_os("LINECARD_DATA") {
        let entries = fs::read_dir(Path::new(&data).join("pcap")).unwrap();
        let mut more: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        more.sort();
        assert!(more.len() > 100, "the captures are there: {}", more.len());
        files.extend(more.into_iter().step_by(step));
    }
    files
}

/// Whether both ways take all of it: Ethernet, whole, and no longer than the ports send.
fn is_plain(capture: &Capture) -> bool {
    !capture.is_empty()
        && capture.fault().is_none()
        && capture.records().all(|record| {
            record.link == LinkType::ETHERNET
                && !record.is_cut()
                && (14..=15_000).contains(&record.data.len())
        })
}

fn generated(folder: &Path) -> PathBuf {
    let path = folder.join("generated.pcap");
    let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
    let (to, from) = (MacAddr([2, 0, 0, 0, 0, 9]), MacAddr([2, 0, 0, 0, 0, 8]));
    let source = "192.0.2.9:1".parse().unwrap();
    for (port, size) in (50..60).zip((60..1500).step_by(140)) {
        let target = format!("203.0.113.1:{port}").parse().unwrap();
        let frame = Flow::new(source, target).unwrap().frame(size, to, from);
        for time in 0..20 {
            writer.write(time, [&frame.clone().unwrap()[..]]).unwrap();
        }
    }
    writer.flush().unwrap();
    path
}

/// Without a packet, before a run is held to be at its end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Of each pool.
const FRAMES: u64 = 512;

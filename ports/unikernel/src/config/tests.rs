use std::string::ToString;

use linecard::packet::PortId;

use super::*;

const TWO: &str = "--port virtio,name=a,addr=192.0.2.1/24,addr=2001:db8::1/64 --port virtio:5,name=b,mac=02:00:00:00:00:09";

#[test]
fn a_whole_command_line() {
    let text = [
        TWO,
        "--forwarder router --route \"10.0.0.0/8 via 192.0.2.9\" --route \"::/0 port b\"",
        "--neighbour \"192.0.2.9 02:00:00:00:00:01\" --frames 512 --duration 500ms",
        "virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=4K@0xfeb00c00:13",
    ]
    .join(" ");
    let config = Config::parse(&text).unwrap();
    assert_eq!(config.ports.len(), 2);
    assert_eq!(config.ports[0].addresses[1].to_string(), "2001:db8::1/64");
    assert_eq!(config.ports[1].device, Some(5));
    assert_eq!(config.ports[1].mac, Some(MacAddr([2, 0, 0, 0, 0, 9])));
    assert_eq!(config.routes[0].port, 0);
    assert_eq!(config.routes[0].via, Some([192, 0, 2, 9].into()));
    assert_eq!((config.routes[1].port, config.routes[1].via), (1, None));
    assert_eq!(config.neighbours[0].port, 0);
    assert_eq!(config.frames, Some(512));
    assert_eq!(config.duration, Some(Duration::from_millis(500)));
    assert_eq!(config.mmio, [(0xfeb0_0e00, 512), (0xfeb0_0c00, 4096)]);
}

#[test]
fn rules_may_come_before_the_ports_they_name() {
    let text = "--forwarder cross-connect --connect \"b a\" ".to_string() + TWO;
    assert_eq!(Config::parse(&text).unwrap().pairs, [(1, 0)]);
}

#[test]
fn ports_are_wired_in_order_where_nothing_is_said() {
    let text = "--forwarder cross-connect --port virtio --port virtio --port virtio";
    assert_eq!(Config::parse(text).unwrap().pairs, [(0, 1), (2, 2)]);
}

#[test]
fn ports_without_names_have_numbers() {
    let config = Config::parse("--port virtio --port virtio,name=x").unwrap();
    assert_eq!(config.port("port0"), Some(0));
    assert_eq!(config.port("port1"), None, "it has a name");
    assert_eq!(config.port("x"), Some(1));
}

#[test]
fn a_udp_rule_with_everything() {
    let text = TWO.to_string()
        + " --forwarder udp --udp \"port a src 192.0.2.0/24:7 dst [2001:db8::/32]:53 to port b src *:9 dst [2001:db8::2]:5353 dst-mac 02:00:00:00:00:02\"";
    let config = Config::parse(&text).unwrap();
    let UdpText { rule, own_source } = config.udp[0];
    assert!(own_source);
    assert_eq!((rule.from, rule.to), (Some(PortId(0)), PortId(1)));
    assert_eq!(
        (rule.source.port, rule.destination.port),
        (Some(7), Some(53))
    );
    assert_eq!((rule.new_source, rule.new_source_port), (None, Some(9)));
    assert_eq!(rule.new_destination_port, Some(5353));
    assert_eq!(rule.new_destination, Some("2001:db8::2".parse().unwrap()));
}

#[test]
fn mistakes_are_named() {
    for (text, message) in [
        ("quiet", "unknown word `quiet`"),
        ("--colour red", "unknown word `--colour`"),
        ("--frames", "--frames wants a value"),
        ("--frames many", "--frames cannot be `many`"),
        ("--port eth0", "--port cannot be `eth0`"),
        (
            "--port virtio,addr=1.2.3.4/33",
            "--port cannot be `virtio,addr=1.2.3.4/33`",
        ),
        (
            "--port virtio,mac=ff:ff:ff:ff:ff:ff",
            "--port cannot be `virtio,mac=ff:ff:ff:ff:ff:ff`",
        ),
        (
            "--route \"::/0 via ::1\"",
            "--route cannot be `::/0 via ::1`",
        ),
        ("--duration 5", "--duration cannot be `5`"),
        (
            "virtio_mmio.device=x",
            "unknown word `virtio_mmio.device=x`",
        ),
    ] {
        assert_eq!(Config::parse(text).unwrap_err().to_string(), message);
    }
    let many = "--port virtio ".repeat(MAX_PORTS + 1);
    assert_eq!(
        Config::parse(&many).unwrap_err(),
        ConfigError::TooMany("--port")
    );
}

#[test]
fn no_text_makes_it_panic() {
    for text in [
        "\"",
        "\"\"",
        "--port",
        "--port \"",
        "--udp \"to\"",
        "--connect \" \"",
        "--route \"\"",
    ] {
        let _ = Config::parse(text);
    }
}

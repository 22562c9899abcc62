use std::fs::{self, File};
use std::path::PathBuf;

use linecard_pcap::Writer;

use super::*;
use crate::config::{Draft, DraftPort, Setting};
use crate::port::Flow;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("linecard-replay-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn replay(&self) -> Replay {
        Replay {
            input: self.0.join("in.pcap"),
            output: self.0.join("out.pcap"),
            mtu: 1500,
            as_captured: false,
        }
    }

    fn capture(&self, records: &[(u64, Vec<u8>)]) {
        let file = File::create(self.0.join("in.pcap")).unwrap();
        let mut writer = Writer::new(file).unwrap();
        for (time, data) in records {
            writer.write(*time, [&data[..]]).unwrap();
        }
        writer.flush().unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config(forwarder: &str, change: impl FnOnce(&mut Draft)) -> Config {
    let port = |text: &str| DraftPort::new(Setting::flag("--port", text.into()));
    let mut draft = Draft {
        forwarder: Some(Setting::flag("--forwarder", forwarder.into())),
        ports: vec![
            port("null,name=in,addr=192.0.2.1/24"),
            port("null,name=out,addr=198.51.100.1/24"),
        ],
        frames: Some(Setting::flag("--frames", 1024)),
        ..Draft::default()
    };
    change(&mut draft);
    Config::try_from(draft).unwrap()
}

fn routed(change: impl FnOnce(&mut Draft)) -> Config {
    config("router", |draft| {
        draft.routes = vec![Setting::flag(
            "--route",
            "0.0.0.0/0 via 198.51.100.2".into(),
        )];
        change(draft);
    })
}

/// A frame to somebody else's MAC address, from a host on the first port's link.
fn frame(destination: &str) -> Vec<u8> {
    let flow = Flow::new(
        "192.0.2.9:1000".parse().unwrap(),
        destination.parse().unwrap(),
    );
    let (to, from) = (MacAddr([2, 9, 9, 9, 9, 1]), MacAddr([2, 9, 9, 9, 9, 2]));
    flow.unwrap().frame(100, to, from).unwrap()
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn the_same_in_gives_the_same_out_to_the_last_byte() {
    let folder = Folder::new("same");
    let records: Vec<(u64, Vec<u8>)> = (0..500)
        .map(|n| {
            let to = format!("203.0.{}.{}:53", n % 7, n % 251);
            (1_700_000_000 * SECOND + n * 777_777, frame(&to))
        })
        .collect();
    folder.capture(&records);
    let config = routed(|_| {});
    let replay = folder.replay();
    let first = run(&config, &replay).unwrap();
    let bytes = fs::read(&replay.output).unwrap();
    assert!(first.is_balanced(), "{first}");
    for _ in 0..3 {
        let again = run(&config, &replay).unwrap();
        assert_eq!(again.run.totals, first.run.totals);
        assert!(fs::read(&replay.output).unwrap() == bytes);
    }
    // It asks for its gateway three times, a second apart, by the capture's clock.
    let out = Capture::open(&replay.output).unwrap();
    let asked: Vec<u64> = out
        .records()
        .filter(|record| record.data[12..14] == [8, 6] && record.data[38..42] == [198, 51, 100, 2])
        .map(|record| record.time - 1_700_000_000 * SECOND)
        .collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[1] - asked[0] >= SECOND && asked[2] - asked[1] >= SECOND);
}

#[test]
fn a_known_gateway_gets_every_packet_at_its_time() {
    let folder = Folder::new("gateway");
    // Hours lie between them, and a packet goes back in time.
    let times = [5, 5, 7_200, 3_600, 90_000].map(|seconds| seconds * SECOND);
    folder.capture(&times.map(|time| (time, frame("203.0.113.5:53"))));
    let config = routed(|draft| {
        let known = "198.51.100.2 02:00:00:00:00:02";
        draft.neighbours = vec![Setting::flag("--neighbour", known.into())];
    });
    let replay = folder.replay();
    let report = run(&config, &replay).unwrap();
    assert!(report.is_balanced(), "{report}");
    assert_eq!(report.run.totals.sent, 5);
    let out = Capture::open(&replay.output).unwrap();
    let sent: Vec<u64> = out.records().map(|record| record.time).collect();
    assert_eq!(
        sent,
        [5, 5, 7_200, 7_200, 90_000].map(|seconds| seconds * SECOND)
    );
    for record in out.records() {
        assert_eq!(record.data[..6], [2, 0, 0, 0, 0, 2]);
        assert_eq!(record.data[22], 63, "the TTL");
    }
}

#[test]
fn packets_for_other_stations_are_dropped_if_they_are_left_as_captured() {
    let folder = Folder::new("captured");
    folder.capture(&[(0, frame("203.0.113.5:53"))]);
    let replay = Replay {
        as_captured: true,
        ..folder.replay()
    };
    let report = run(&routed(|_| {}), &replay).unwrap();
    assert!(report.is_balanced(), "{report}");
    let not_for_us = linecard::pipeline::DropReason::NOT_FOR_US;
    assert_eq!(report.run.totals.drops, [(not_for_us, 1)]);
}

#[test]
fn a_udp_rule_rewrites_and_the_checksums_stay_right() {
    let folder = Folder::new("udp");
    folder.capture(&[(0, frame("203.0.113.5:53")), (1, frame("203.0.113.5:54"))]);
    let config = config("udp", |draft| {
        let rule = "port in dst *:53 to port out dst 192.0.2.53:5353 dst-mac 02:00:00:00:00:53";
        draft.udp = vec![Setting::flag("--udp", rule.into())];
    });
    let replay = folder.replay();
    let report = run(&config, &replay).unwrap();
    assert!(report.is_balanced(), "{report}");
    let no_match = linecard::pipeline::DropReason::NO_MATCH;
    assert_eq!(report.run.totals.drops, [(no_match, 1)]);
    let out = Capture::open(&replay.output).unwrap();
    let data = out.record(0).unwrap().data;
    assert_eq!(data[..12], [2, 0, 0, 0, 0, 0x53, 2, b'l', b'c', 0, 0, 1]);
    let packet = etherparse::PacketHeaders::from_ethernet_slice(data).unwrap();
    let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else {
        panic!("{packet:?}");
    };
    assert_eq!(ip.destination, [192, 0, 2, 53]);
    assert_eq!(ip.header_checksum, ip.calc_header_checksum());
    let udp = packet.transport.unwrap().udp().unwrap();
    assert_eq!(udp.destination_port, 5353);
    let payload = packet.payload.slice();
    assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&ip, payload).unwrap());
}

#[test]
fn a_pool_that_the_forwarder_keeps_for_itself_is_named() {
    let folder = Folder::new("stuck");
    // Each waits for a neighbour of its own, all at one moment.
    let records = (0..128).map(|n| (7 * SECOND, frame(&format!("198.51.100.{}:53", 10 + n))));
    folder.capture(&records.collect::<Vec<_>>());
    let small = routed(|draft| draft.frames = Some(Setting::flag("--frames", 64)));
    let stuck = run(&small, &folder.replay()).unwrap_err();
    assert_eq!(stuck.exit_code(), 1);
    assert_eq!(
        stuck.to_string(),
        "the replay stands still at 0ns: a packet is due, and there is no free frame for it; \
         the pool has 64 frames, make it larger with `--frames 128`"
    );
    let report = run(&routed(|_| {}), &folder.replay()).unwrap();
    assert!(report.is_balanced(), "{report}");
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let folder = Folder::new("files");
    let config = routed(|_| {});
    let replay = folder.replay();
    let missing = run(&config, &replay).unwrap_err().to_string();
    assert!(missing.contains("in.pcap"), "{missing}");
    fs::write(&replay.input, b"this is no capture, whatever its name says").unwrap();
    let refused = run(&config, &replay).unwrap_err().to_string();
    assert!(refused.contains("in.pcap"), "{refused}");
    folder.capture(&[(0, frame("203.0.113.5:53"))]);
    let replay = Replay {
        output: folder.0.join("no/such/folder/out.pcap"),
        ..folder.replay()
    };
    let refused = run(&config, &replay).unwrap_err().to_string();
    assert!(refused.contains("out.pcap"), "{refused}");
}

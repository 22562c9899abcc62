//! What `linecard replay` makes of a capture, ports of DPDK's `net_pcap` make of it too, byte by
//! byte.

use core::time::Duration;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use linecard::wire::MacAddr;
use linecard_linux::config::{Config, Draft, DraftPort, Setting};
use linecard_linux::port::Flow;
use linecard_linux::runner::{self, Event};
use linecard_linux::signals::Stop;
use linecard_pcap::{Capture, LinkType, Writer};

#[test]
fn net_pcap_gives_what_replay_gives() {
    let folder = std::env::temp_dir().join(format!("linecard-dpdk-replay-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let _removed = Folder(folder.clone());
    let none = folder.join("none.pcap");
    Writer::new(File::create(&none).unwrap())
        .unwrap()
        .flush()
        .unwrap();
    let mut packets = 0;
    for (number, input) in captures(&folder).iter().enumerate() {
        let capture = Capture::open(input).unwrap();
        if !is_plain(&capture) {
            continue;
        }
        for (name, flags) in FORWARDERS {
            let (replayed, output) = (folder.join("replayed.pcap"), folder.join("out.pcap"));
            replay(input, &replayed, name, flags);
            // No two devices of one process have a name in common.
            let device = |rx: &Path, tx: &Path, port: usize| {
                let (rx, tx) = (rx.display(), tx.display());
                let made = format!("net_pcap{name}{number}x{port}").replace('-', "");
                // The address that a replay makes up for its port.
                let mac = format!("02:6c:63:00:00:0{port}");
                format!("dpdk:{made},rx_pcap={rx},tx_pcap={tx},mtu=15000,ring=64,mac={mac}")
            };
            let back = folder.join("back.pcap");
            let ports = [device(input, &back, 0), device(&none, &output, 1)];
            run(&ports, name, flags, capture.len() as u64);
            let bytes = |path: &Path| -> Vec<Vec<u8>> {
                let capture = Capture::open(path).unwrap();
                capture
                    .records()
                    .map(|record| record.data.to_vec())
                    .collect()
            };
            let (expected, got) = (bytes(&replayed), bytes(&output));
            let file = input.display();
            assert_eq!(got.len(), expected.len(), "{file} through {name}");
            assert!(got == expected, "{file} through {name}: other bytes");
            packets += got.len();
        }
    }
    assert!(packets > 100, "only {packets} packets were compared");
}

/// Forwarders by name, with the rules that they want.
const FORWARDERS: [(&str, &[&str]); 2] = [
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

/// Captures of `LINECARD_DATA`, every twelfth, or else one made here. (Each wants a pool of its own
/// for as long as the process.)
fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![generated(folder)];
    if let Some(data) = std::env::var_os("LINECARD_DATA") {
        let entries = fs::read_dir(Path::new(&data).join("pcap")).unwrap();
        let mut more: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        more.sort();
        assert!(more.len() > 100, "the captures are there: {}", more.len());
        files.extend(more.into_iter().step_by(12));
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

/// Removed at the end, whatever that is.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Without a packet, before a run is held to be at its end.
const PATIENCE: Duration = Duration::from_secs(5);

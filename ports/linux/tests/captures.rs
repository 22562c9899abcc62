//! Every capture of `LINECARD_DATA` through every forwarder: all of it is accounted for, and what
//! comes out is well formed in etherparse's eyes. Without the data, on captures made here.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use etherparse::err::packet::SliceError;
use linecard::wire::{MacAddr, parse};
use linecard_linux::port::Flow;
use linecard_pcap::{Capture, LinkType, Writer};
use linecard_testnet::Folder;

/// The captures, and a folder for what comes out.
struct Captures {
    files: Vec<PathBuf>,
    folder: Folder,
}

impl Captures {
    fn new(test: &str) -> Self {
        let folder = Folder::new(&format!("captures-{test}"));
        let files = match std::env::var_os("LINECARD_DATA") {
            Some(data) => {
                let entries = fs::read_dir(Path::new(&data).join("pcap")).unwrap();
                let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
                files.sort();
                assert!(files.len() > 100, "the captures are there: {}", files.len());
                files
            }
            None => {
                eprintln!("LINECARD_DATA is not set: generated captures only");
                vec![generated(&folder)]
            }
        };
        Self { files, folder }
    }

    /// What every capture comes out as.
    fn each(&self, forwarder: &[&str], mut check: impl FnMut(&Path, &Capture, &Capture)) {
        let out = self.folder.join("out.pcap");
        let json = self.folder.join("stats.json");
        for file in &self.files {
            let run = Command::new(env!("CARGO_BIN_EXE_linecard"))
                .arg("replay")
                .args([file, &out])
                .args(forwarder)
                .arg("--stats-json")
                .arg(&json)
                // As much as the default takes, without asking the kernel for 64 MiB each time.
                .args(["--frame-size", "16384", "--frames", "512"])
                .output()
                .unwrap();
            let errors = String::from_utf8_lossy(&run.stderr);
            assert!(run.status.success(), "{}: {errors}", file.display());
            let text = fs::read_to_string(&json).unwrap();
            let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
            let (before, after) = (Capture::open(file).unwrap(), Capture::open(&out).unwrap());

            // Every record is received or counted by reason, and so is every packet.
            let rx = &stats["ports"][0]["rx"];
            let count = |value: &serde_json::Value| value.as_u64().unwrap();
            let refused: u64 = ["unsupported", "oversize", "truncated", "invalid"]
                .iter()
                .map(|name| count(&rx[name]))
                .sum();
            let worker = &stats["worker"];
            let name = file.display();
            assert_eq!(
                before.len() as u64,
                count(&rx["packets"]) + refused,
                "{name}"
            );
            assert_eq!(count(&worker["received"]), count(&rx["packets"]), "{name}");
            assert_eq!(
                count(&worker["received"]) + count(&worker["made"]),
                count(&worker["sent"]) + count(&worker["dropped"]) + count(&worker["punted"]),
                "{name}"
            );
            // A device takes what it cannot send, and counts it: frames too short for Ethernet.
            let ports = stats["ports"].as_array().unwrap();
            let tx = |what: &str| {
                ports
                    .iter()
                    .map(|port| count(&port["tx"][what]))
                    .sum::<u64>()
            };
            assert_eq!(
                count(&worker["sent"]),
                tx("packets") + tx("undersize"),
                "{name}"
            );
            assert_eq!(after.len() as u64, tx("packets"), "{name}");
            assert_eq!(stats["ledger"]["free"], stats["ledger"]["total"], "{name}");
            check(file, &before, &after);
        }
    }
}

/// Good packets, and the same with a byte changed or the end cut off.
fn generated(folder: &Path) -> PathBuf {
    let path = folder.join("generated.pcap");
    let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
    let (to, from) = (MacAddr([2, 0, 0, 0, 0, 9]), MacAddr([2, 0, 0, 0, 0, 8]));
    let flows = [
        Flow::new(
            "192.0.2.9:1".parse().unwrap(),
            "203.0.113.1:53".parse().unwrap(),
        ),
        Flow::new(
            "[2001:db8:1::9]:1".parse().unwrap(),
            "[2001:db8:9::1]:53".parse().unwrap(),
        ),
    ];
    let mut time = 0;
    for flow in flows.into_iter().flatten() {
        let good = flow.frame(120, to, from).unwrap();
        // The UDP length: a router does not look behind the IP header, etherparse does.
        let udp_length = flow.header_len() - 4..flow.header_len() - 2;
        for at in 0..good.len() {
            let mut changed = good.clone();
            if !udp_length.contains(&at) {
                changed[at] ^= 1 << (at % 8);
            }
            for data in [&good[..], &changed, &good[..at]] {
                time += 1_000_000;
                writer.write(time, [data]).unwrap();
            }
        }
    }
    writer.flush().unwrap();
    path
}

/// What etherparse holds against a frame, if anything.
fn malformed(data: &[u8]) -> Option<SliceError> {
    etherparse::SlicedPacket::from_ethernet(data).err()
}

fn assert_well_formed(file: &Path, after: &Capture) {
    for (number, record) in after.records().enumerate() {
        let error = malformed(record.data);
        assert!(
            error.is_none(),
            "{}, packet {number} that came out: {error:?}: {:02x?}",
            file.display(),
            record.data
        );
    }
}

#[test]
fn through_the_router() {
    Captures::new("router").each(&["-f", "router"], |file, _, after| {
        assert_well_formed(file, after);
        // Beyond form: every IPv4 header that leaves adds up.
        for record in after.records() {
            if let Some(header) = record.data.get(14..34)
                && record.data[12..14] == [8, 0]
                && header[0] == 0x45
            {
                assert!(
                    linecard::wire::checksum::is_valid(header),
                    "{}",
                    file.display()
                );
            }
        }
    });
}

#[test]
fn through_the_udp_forwarder() {
    let rules = [
        "-f",
        "udp",
        "--udp",
        "dst 0.0.0.0/0 to port out src 198.51.100.1:4000 dst 198.51.100.9:5000 \
         dst-mac 02:00:00:00:00:02",
        "--udp",
        "dst ::/0 to port out src [2001:db8:2::1]:4000 dst [2001:db8:2::9]:5000 \
         dst-mac 02:00:00:00:00:02",
    ];
    Captures::new("udp").each(&rules, |file, _, after| {
        assert_well_formed(file, after);
        for record in after.records() {
            assert_eq!(record.data[..6], [2, 0, 0, 0, 0, 2], "{}", file.display());
        }
    });
}

#[test]
fn through_the_cross_connect() {
    let mut kept_out = 0;
    Captures::new("cross").each(&["-f", "cross-connect"], |file, before, after| {
        assert_well_formed(file, after);
        let faulty = before
            .records()
            .filter(|record| malformed(record.data).is_some());
        kept_out += faulty.count();
        // What comes out came in, in this order and unchanged; what did not come out was refused
        // by the port, or is malformed in our eyes.
        if !is_ethernet(before) {
            return;
        }
        let mut came = before.records();
        for left in after.records() {
            let mut skipped = came.by_ref().take_while(|record| record.data != left.data);
            assert!(
                skipped.all(|record| !passes(record.data)),
                "{}",
                file.display()
            );
        }
        assert!(
            came.all(|record| !passes(record.data)),
            "{}",
            file.display()
        );
    });
    assert!(kept_out > 0, "there is something to keep out");
}

/// Whether a frame fits the pool's frames, is long enough for Ethernet, and is well formed.
fn passes(data: &[u8]) -> bool {
    let parsed = parse::parse::<{ parse::VERIFY }>(data);
    data.len() <= 16_000 && parsed.outcome.is_well_formed()
}

#[test]
fn over_a_plain_wire() {
    let wire = ["-f", "cross-connect", "--malformed", "pass"];
    Captures::new("wire").each(&wire, |file, before, after| {
        // It passes on what it gets, malformed or not: each Ethernet frame comes out as it was.
        if !is_ethernet(before) {
            return;
        }
        let (before, after): (Vec<&[u8]>, Vec<&[u8]>) = (
            before.records().map(|record| record.data).collect(),
            after.records().map(|record| record.data).collect(),
        );
        // Those too long for a frame of the pool, or too short for Ethernet, are counted.
        if before.len() == after.len() {
            assert!(before == after, "{}", file.display());
        }
    });
}

fn is_ethernet(capture: &Capture) -> bool {
    let mut links = capture.records().map(|record| record.link);
    links.all(|link| link == LinkType::ETHERNET)
}

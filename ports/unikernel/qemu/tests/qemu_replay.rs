//! Same in, same out: captures through `linecard replay` here and through the image in QEMU give the
//! same bytes, for every forwarder.
//!
//! The image takes classic Ethernet captures with nanoseconds. Others are made into that first, by a
//! replay through a cross-connect that passes everything.

use core::time::Duration;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use linecard_linux::config::{Config, Draft};
use linecard_linux::replay::{Replay, run};
use linecard_pcap::{Capture, Writer};
use linecard_qemu::{Guest, Machine, Setup, build, missing};
use linecard_testnet::{Folder, Rules};

/// What the command is told.
fn config(rules: &Rules, malformed: &str) -> Config {
    let text = rules.toml(malformed, FRAMES, FRAME_SIZE);
    let draft = Draft::parse(Path::new("rules.toml"), &text).unwrap();
    Config::try_from(draft).unwrap()
}

/// What the image is told.
fn command_line(rules: &Rules) -> String {
    let mut line = format!(
        "--replay --forwarder {} --frames {FRAMES} --frame-size {FRAME_SIZE}",
        rules.forwarder
    );
    for port in Rules::PORTS {
        line += &format!(" --port virtio,{port}");
    }
    for (flag, texts) in [
        ("--route", rules.routes),
        ("--neighbour", rules.neighbours),
        ("--udp", rules.udp),
    ] {
        for text in texts {
            line += &format!(" {flag} \"{text}\"");
        }
    }
    line
}

const FRAMES: u64 = 512;
const FRAME_SIZE: u64 = 16_384;

#[test]
fn qemu_replays_give_the_same_bytes() {
    if std::env::var_os("LINECARD_SKIP_QEMU").is_some() {
        return;
    }
    if let Some(why) = missing(&Machine::ALL.map(|machine| machine.processor().emulator())) {
        eprintln!("SUITE SKIPPED qemu: {why}");
        assert!(std::env::var_os("LINECARD_REQUIRE_QEMU").is_none(), "{why}");
        return;
    }
    let folder = Folder::new("qemu-replay");
    let images = Machine::ALL.map(|machine| build(machine.processor(), &[]).unwrap());
    let (captures, mut packets) = (captures(&folder), 0);
    let count = captures.len();
    for (number, input) in captures.iter().enumerate() {
        let whole = folder.join("whole.pcap");
        let through = |config: &Config, input: &Path, output: &Path| {
            let replay = Replay {
                input: input.to_owned(),
                output: output.to_owned(),
                mtu: 1500,
                as_captured: false,
            };
            run(config, &replay).unwrap_or_else(|error| panic!("{}: {error}", input.display()))
        };
        through(&config(&Rules::WIRE, "pass"), input, &whole);
        for rules in &Rules::ALL {
            let (here, there) = (folder.join("here.pcap"), folder.join("there.pcap"));
            through(&config(rules, "drop"), &whole, &here);
            let _ = fs::remove_file(&there);
            // In turns; a replay uses no device of any.
            let turn = number % Machine::ALL.len();
            let setup = Setup {
                machine: Machine::ALL[turn],
                memory: 64,
                command_line: &command_line(rules),
                module: Some(&whole),
                output: Some(&there),
                ..Setup::default()
            };
            let mut guest = Guest::start(&images[turn], &setup).unwrap();
            let well = guest.ends_well(Duration::from_secs(60));
            let name = format!("{} by {}", input.display(), rules.forwarder);
            assert!(well, "{name}: {}", guest.printed());
            let (ours, theirs) = (fs::read(&here).unwrap(), fs::read(&there).unwrap());
            assert!(
                ours == theirs,
                "{name}: {} and {} bytes: {}",
                ours.len(),
                theirs.len(),
                guest.printed()
            );
            packets += Capture::open(&here).unwrap().len();
        }
    }
    println!("{count} captures, 3 forwarders: {packets} packets came out, the same bytes each");
    assert!(packets > 0);
}

/// Every tenth capture of `LINECARD_DATA`, or all of them with `LINECARD_QEMU_CAPTURES=all`; without
/// data, one that is made here.
fn captures(folder: &Path) -> Vec<PathBuf> {
    let Some(data) = std::env::var_os("LINECARD_DATA") else {
        eprintln!("LINECARD_DATA is not set: a generated capture only");
        return vec![generated(folder)];
    };
    let entries = fs::read_dir(Path::new(&data).join("pcap")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let all = std::env::var_os("LINECARD_QEMU_CAPTURES").is_some_and(|which| which == "all");
    files
        .into_iter()
        .step_by(if all { 1 } else { 10 })
        .collect()
}

/// ARP, UDP over both versions of IP, a fragmented datagram's worth, and noise.
fn generated(folder: &Path) -> PathBuf {
    let path = folder.join("generated.pcap");
    let mut writer = Writer::new(File::create(&path).unwrap()).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for n in 0..400u64 {
        let mut packet = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 8, 0];
        let len = 8 + n as u16 % 1400;
        let target = if n % 3 == 0 {
            [10, 0, 0, 1]
        } else {
            [203, 0, 113, n as u8]
        };
        let mut ip = vec![
            0x45,
            0,
            0,
            0,
            n as u8,
            1,
            0,
            0,
            1 + n as u8 % 64,
            17,
            0,
            0,
            192,
            0,
            2,
            77,
        ];
        ip.extend(target);
        ip[2..4].copy_from_slice(&(20 + len).to_be_bytes());
        let sum: u32 = ip
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
            .sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(ip);
        packet.extend([1, 2, 0, 53]);
        packet.extend(len.to_be_bytes());
        packet.extend([0, 0]);
        packet.extend((8..len).map(|_| random()));
        if n % 17 == 0 {
            let at = usize::from(random()) % packet.len();
            packet[at] ^= 1 << (n % 8);
        }
        if n % 29 == 0 {
            packet.truncate(usize::from(random()) % packet.len());
        }
        writer
            .write(1_700_000_000_000_000_000 + n * 7_000_000, [&packet[..]])
            .unwrap();
    }
    writer.flush().unwrap();
    path
}

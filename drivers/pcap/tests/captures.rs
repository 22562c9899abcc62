//! Captures, good and mangled, read beside the crate `pcap-parser`.
//!
//! Deliberate differences from it, all of them about files that are broken:
//! - it takes any version number, we take 2.x (pcap) and 1.x (pcapng), and follow versions before
//!   2.4 in the order of the two lengths;
//! - it takes records longer than 262,144 bytes when the file has the bytes, we do not.
//!
//! So what we read is always a beginning of what it reads.

use std::path::PathBuf;

use linecard_pcap::{Capture, Writer};
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, LegacyPcapReader, PcapBlockOwned, PcapNGReader};
use proptest::prelude::*;

/// A packet as either reader gives it: original length and bytes.
type Packet = (u32, Vec<u8>);

/// What the other reader finds.
fn oracle(bytes: &[u8]) -> Vec<Packet> {
    let capacity = bytes.len() + 64;
    let next_generation = bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]);
    let reader: Result<Box<dyn PcapReaderIterator + '_>, _> = match next_generation {
        true => PcapNGReader::new(capacity, bytes).map(|reader| Box::new(reader) as _),
        false => LegacyPcapReader::new(capacity, bytes).map(|reader| Box::new(reader) as _),
    };
    let Ok(mut reader) = reader else {
        return Vec::new();
    };
    let mut packets = Vec::new();
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::Legacy(block) => {
                        packets.push((block.origlen, block.data.to_vec()));
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                        let length = (block.caplen as usize).min(block.data.len());
                        packets.push((block.origlen, block.data[..length].to_vec()));
                    }
                    _ => {}
                }
                reader.consume(used);
            }
            Err(_) => return packets,
        }
    }
}

/// What we find, and whether we came to the end of the file.
fn ours(bytes: &[u8]) -> (Vec<Packet>, bool) {
    match Capture::from_bytes(bytes.to_vec()) {
        Err(_) => (Vec::new(), false),
        Ok(capture) => {
            let packets = capture.records().map(|r| (r.original, r.data.to_vec()));
            (packets.collect(), capture.fault().is_none())
        }
    }
}

fn captures() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("LINECARD_DATA") else {
        return Vec::new();
    };
    let folder = PathBuf::from(folder).join("pcap");
    let entries = std::fs::read_dir(&folder).expect("LINECARD_DATA has a folder pcap");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    assert!(!paths.is_empty(), "no captures in {}", folder.display());
    paths
}

#[test]
fn every_public_capture_reads_like_the_oracle() {
    let mut packets = 0;
    let mut ended_early = 0;
    for path in captures() {
        let bytes = std::fs::read(&path).expect("readable");
        let (ours, ended) = ours(&bytes);
        let theirs = oracle(&bytes);
        assert_eq!(ours, theirs, "{}", path.display());
        packets += ours.len();
        ended_early += usize::from(!ended);
        if !ended {
            let fault = Capture::open(&path).map(|capture| capture.fault());
            println!("{}: {fault:?}", path.display());
        }
    }
    println!("{packets} packets; {ended_early} files end early, by name");
}

/// A file that [`Writer`] made.
fn written(packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for (time, data) in packets {
        writer.write(*time, [&data[..]]).expect("memory");
    }
    writer.into_inner().expect("memory")
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_both(
        packets in prop::collection::vec((0..1u64 << 61, prop::collection::vec(any::<u8>(), 0..200)), 1..20)
    ) {
        let file = written(&packets);
        let wanted: Vec<_> = packets.iter().map(|(_, data)| (data.len() as u32, data.clone())).collect();
        prop_assert_eq!(ours(&file), (wanted.clone(), true));
        prop_assert_eq!(oracle(&file), wanted);
        let capture = Capture::from_bytes(file).unwrap();
        for (record, (time, _)) in capture.records().zip(&packets) {
            prop_assert_eq!(record.time, *time);
        }
    }

    #[test]
    fn a_mangled_file_is_read_up_to_where_it_breaks(
        packets in prop::collection::vec((0..1u64 << 32, prop::collection::vec(any::<u8>(), 0..60)), 0..6),
        blows in prop::collection::vec((24usize..400, any::<u8>()), 0..4),
        cut in 24usize..500,
    ) {
        let mut file = written(&packets);
        file.truncate(cut);
        for (at, value) in blows {
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
        }
        let (ours, ended) = ours(&file);
        let theirs = oracle(&file);
        prop_assert!(theirs.starts_with(&ours));
        prop_assert!(!ended || ours.len() == theirs.len());
    }
}

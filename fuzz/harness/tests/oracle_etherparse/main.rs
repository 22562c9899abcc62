//! `wire::parse` against etherparse: on generated packets, on their damaged and cut-off forms, and on
//! every capture of `LINECARD_DATA/pcap` where that is set, both find the same headers at the same
//! places and say the same of a packet, on each layer that etherparse knows.
//!
//! Where they differ on purpose, [`Difference`] has a name for it, a reason, a condition that the packet
//! itself must meet, and what must hold there all the same. A difference without a name fails the test,
//! and so does a name that no packet needs.

mod examples;
#[path = "../packets/mod.rs"]
mod packets;

use std::collections::BTreeMap;
use std::path::Path;

use linecard::wire::parse::{self, Parsed};
use linecard_harness::parse::{Difference, Start, Theirs, compare};
use linecard_pcap::Capture;
use proptest::prelude::*;

/// How often each difference was met.
type Met = BTreeMap<Difference, usize>;

fn compare_all(capture: &Capture, met: &mut Met) {
    for record in capture.records() {
        // With the link type that it has or without, each is a packet to be looked at.
        for bytes in [record.data, record.data.get(14..).unwrap_or_default()] {
            for start in [Start::Ip, Start::Ethernet] {
                if let Some(difference) = compare(start, bytes) {
                    *met.entry(difference).or_default() += 1;
                }
            }
        }
    }
}

#[test]
fn captures() {
    let Some(folder) = std::env::var_os("LINECARD_DATA") else {
        println!("LINECARD_DATA is not set: no captures to compare on");
        return;
    };
    let (mut met, mut files, mut frames) = (Met::new(), 0, 0);
    let folder = Path::new(&folder).join("pcap");
    for entry in std::fs::read_dir(folder).expect("LINECARD_DATA has a folder pcap") {
        let path = entry.expect("an entry").path();
        println!("{}", path.display()); // seen only if something fails
        let capture = Capture::open(path).expect("a capture");
        compare_all(&capture, &mut met);
        files += 1;
        frames += capture.len();
    }
    println!("{files} captures, {frames} frames: {met:?}");
    assert!(files >= 200 && frames >= 1000, "was anything read?");
}

#[test]
fn each_difference_has_an_example() {
    for difference in Difference::ALL {
        let examples = examples::of(difference);
        assert!(!examples.is_empty(), "{difference:?}");
        for (start, bytes) in examples {
            let met = compare(start, &bytes);
            let reason = difference.reason();
            assert_eq!(met, Some(difference), "{reason}\n{bytes:02x?}");
        }
    }
}

/// An oracle that agreed with everything would be none.
#[test]
fn a_wrong_answer_is_noticed() {
    let frame = examples::udp_frame();
    let right = Start::Ethernet.ours(&frame);
    let theirs = Theirs::of(Start::Ethernet, &frame);
    assert!(theirs.agrees(right));
    let layers = right.layers;
    let wrong = [
        layers.without_l4(),
        layers.moved_back(1).unwrap(),
        layers.with_kinds(layers.kinds() | linecard::wire::Kinds::VLAN),
    ];
    for layers in wrong {
        let parsed = Parsed { layers, ..right };
        assert!(!theirs.agrees(parsed), "{parsed}");
        assert_eq!(
            Difference::of(Start::Ethernet, &frame, parsed, &theirs),
            None
        );
    }
    let outcome = parse::Outcome::LaterFragment;
    assert!(!theirs.agrees(Parsed { outcome, ..right }));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_frames(frame in packets::damaged(packets::good_frame())) {
        compare(Start::Ethernet, &frame);
    }

    #[test]
    fn damaged_ip_packets(packet in packets::damaged(packets::good_ip_packet())) {
        compare(Start::Ip, &packet);
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        compare(Start::Ethernet, &bytes);
        compare(Start::Ip, &bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn cut_off_anywhere(frame in packets::good_frame()) {
        for len in 0..=frame.len().min(300) {
            compare(Start::Ethernet, &frame[..len]);
        }
    }
}

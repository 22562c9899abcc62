//! `wire::parse` against etherparse: on generated packets, on their damaged and cut-off forms, and on
//! every capture of `LINECARD_DATA/pcap` where that is set, both find the same headers at the same
//! places and say the same of a packet, on each layer that etherparse knows.
//!
//! Where they differ on purpose, [`Difference`] has a name for it, a reason, a condition that the packet
//! itself must meet, and what must hold there all the same. A difference without a name fails the test,
//! and so does a name that no packet needs.

#[path = "../captures/mod.rs"]
mod captures;
mod difference;
mod examples;
#[path = "../packets/mod.rs"]
mod packets;
mod theirs;

use std::collections::BTreeMap;

use difference::Difference;
use linecard::wire::parse::{self, Parsed};
use proptest::prelude::*;
use theirs::Theirs;

/// How a packet starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With Ethernet.
    Ethernet,
    /// With an IP header.
    Ip,
}

impl Start {
    fn ours(self, bytes: &[u8]) -> Parsed {
        match self {
            Self::Ethernet => parse::parse::<{ parse::TRUST }>(bytes),
            Self::Ip => parse::parse_ip::<{ parse::TRUST }>(bytes),
        }
    }
}

/// Holds both against each other; gives the difference, if there is one that may be.
///
/// # Panics
/// With a difference that has no name.
#[track_caller]
pub(crate) fn compare(start: Start, bytes: &[u8]) -> Option<Difference> {
    let ours = start.ours(bytes);
    let theirs = Theirs::of(start, bytes);
    if theirs.agrees(ours) {
        return None;
    }
    let difference = Difference::of(start, bytes, ours, &theirs);
    assert!(
        difference.is_some(),
        "{start:?}\nours   {ours}\ntheirs {theirs:?}\n{}",
        hex(bytes)
    );
    difference
}

fn hex(bytes: &[u8]) -> String {
    let line =
        |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x} ")).collect() };
    bytes.chunks(16).map(|bytes| line(bytes) + "\n").collect()
}

/// How often each difference was met.
type Met = BTreeMap<Difference, usize>;

fn compare_all(start: Start, capture: &captures::Capture, met: &mut Met) -> usize {
    for frame in &capture.frames {
        // With the link type that it has or without, each is a packet to be looked at.
        for bytes in [&frame[..], frame.get(14..).unwrap_or_default()] {
            for start in [start, Start::Ip, Start::Ethernet] {
                if let Some(difference) = compare(start, bytes) {
                    *met.entry(difference).or_default() += 1;
                }
            }
        }
    }
    capture.frames.len()
}

#[test]
fn captures() {
    let Some(captures) = captures::all() else {
        return;
    };
    let (mut met, mut frames) = (Met::new(), 0);
    for capture in &captures {
        println!("{}", capture.name); // seen only if something fails
        let start = match capture.link {
            link if captures::RAW_IP.contains(&link) => Start::Ip,
            _ => Start::Ethernet,
        };
        frames += compare_all(start, capture, &mut met);
    }
    println!("{} captures, {frames} frames: {met:?}", captures.len());
    assert!(
        captures.len() >= 200 && frames >= 1000,
        "was anything read?"
    );
}

#[test]
fn each_difference_has_an_example() {
    for difference in Difference::ALL {
        let examples = examples::of(difference);
        assert!(!examples.is_empty(), "{difference:?}");
        for (start, bytes) in examples {
            let met = compare(start, &bytes);
            let reason = difference.reason();
            assert_eq!(met, Some(difference), "{reason}\n{}", hex(&bytes));
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

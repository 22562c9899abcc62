//! Unfinished checksums, against packets that etherparse makes.

use std::vec::Vec;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::{Finish, finish, finish_doubtful};
use crate::wire::checksum::{PseudoHeader, Sum};
use crate::wire::parse::{self, TRUST};
use crate::wire::{IpProtocol, Layers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

/// A finished packet, its layers, where its checksum is, and what its sender would leave there.
struct Made {
    frame: Vec<u8>,
    layers: Layers,
    at: usize,
    left: u16,
}

fn make(version: Version, tcp: bool, source: u32, destination: u32, payload: &[u8]) -> Made {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let six = |address: u32| {
        let mut all = [0; 16];
        all[..2].copy_from_slice(&[0x20, 0x01]);
        all[12..].copy_from_slice(&address.to_be_bytes());
        all
    };
    let ip = match version {
        Version::V4 => builder.ipv4(source.to_be_bytes(), destination.to_be_bytes(), 64),
        Version::V6 => builder.ipv6(six(source), six(destination), 64),
    };
    let mut frame = Vec::new();
    if tcp {
        ip.tcp(1000, 2000, 3, 4).write(&mut frame, payload).unwrap();
    } else {
        ip.udp(1000, 2000).write(&mut frame, payload).unwrap();
    }
    let layers = parse::parse::<TRUST>(&frame).layers;
    let l4 = layers.l4_offset().unwrap();
    let (protocol, field) = match tcp {
        true => (IpProtocol::TCP, 16),
        false => (IpProtocol::UDP, 6),
    };
    let pseudo = match version {
        Version::V4 => PseudoHeader::ipv4(source.into(), destination.into()),
        Version::V6 => PseudoHeader::ipv6(six(source).into(), six(destination).into()),
    };
    let left = pseudo.sum(protocol, (frame.len() - l4) as u32).value();
    Made {
        frame,
        layers,
        at: l4 + field,
        left,
    }
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V4), Just(Version::V6)]
}

proptest! {
    #[test]
    fn what_was_left_is_finished_and_what_is_right_is_left(
        version in version(),
        tcp: bool,
        source: u32,
        destination: u32,
        payload in prop::collection::vec(any::<u8>(), 0..100),
        padding in 0usize..20,
    ) {
        let Made { mut frame, layers, at, left } = make(version, tcp, source, destination, &payload);
        // What follows the IP packet is no part of it.
        frame.resize(frame.len() + padding, 0xa5);
        let right = frame.clone();
        prop_assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
        prop_assert_eq!(&frame, &right);

        frame[at..at + 2].copy_from_slice(&left.to_be_bytes());
        let unfinished = frame.clone();
        // A payload may make the two alike; otherwise something was to be done.
        let expected = if unfinished == right { Finish::Untouched } else { Finish::Finished };
        prop_assert_eq!(finish_doubtful(&mut frame, layers), expected);
        prop_assert_eq!(&frame, &right);
        frame = unfinished;
        prop_assert_eq!(finish(&mut frame, layers), Finish::Finished);
        prop_assert_eq!(&frame, &right);
    }

    /// A payload chosen so that the finished checksum *is* the pseudo-header's sum.
    #[test]
    fn a_right_checksum_that_looks_unfinished_is_left(
        version in version(), tcp: bool, source: u32, destination: u32, filler: [u8; 6],
    ) {
        let mut payload = filler.to_vec();
        payload.extend([0, 0]);
        let Made { frame, at, left, .. } = make(version, tcp, source, destination, &payload);
        let now = u16::from_be_bytes([frame[at], frame[at + 1]]);
        // The checksum falls by what the payload grows by, in one's complement.
        let word = (Sum::of_u16(now) + Sum::of_u16(!left)).value();
        payload[6..].copy_from_slice(&word.to_be_bytes());
        let Made { mut frame, layers, at, left } = make(version, tcp, source, destination, &payload);
        let value = u16::from_be_bytes([frame[at], frame[at + 1]]);
        prop_assume!(value == left);
        let right = frame.clone();
        prop_assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
        prop_assert_eq!(frame, right);
    }

    #[test]
    fn a_wrong_checksum_stays_wrong(
        version in version(), tcp: bool, source: u32, destination: u32, wrong: u16,
    ) {
        let Made { mut frame, layers, at, left } = make(version, tcp, source, destination, b"data");
        prop_assume!(wrong != left && wrong != 0);
        frame[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
        let before = frame.clone();
        prop_assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
        prop_assert_eq!(frame, before);
    }

    #[test]
    fn any_bytes_under_any_layers_are_safe(
        mut frame in prop::collection::vec(any::<u8>(), 0..120), kinds: u16, l3: u8, l4: u8,
    ) {
        let kinds = crate::wire::Kinds::from_bits_truncate(kinds);
        let len = frame.len();
        let _ = finish_doubtful(&mut frame, Layers::new(kinds, l3, l4));
        let _ = finish(&mut frame, Layers::new(kinds, l3, l4));
        prop_assert_eq!(frame.len(), len);
    }
}

#[test]
fn the_packet_in_a_tunnel_is_finished() {
    let Made {
        frame: right,
        at,
        left,
        ..
    } = make(Version::V4, true, 0x0a00_0001, 0x0a00_0002, b"data");
    let mut unfinished = right.clone();
    unfinished[at..at + 2].copy_from_slice(&left.to_be_bytes());
    let ip = |bytes: &[u8]| bytes[14..].to_vec();
    let vxlan = |inner: &[u8]| {
        let mut all = Vec::new();
        let payload = [&[0x08, 0, 0, 0, 0, 0, 42, 0][..], inner].concat();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(5000, 4789)
            .write(&mut all, &payload)
            .unwrap();
        // Without a checksum of its own, as over IPv4 it has none.
        all[40..42].fill(0);
        all
    };
    let protocol = |number: u8, payload: &[u8]| {
        let mut all = Vec::new();
        PacketBuilder::ethernet2([2; 6], [4; 6])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .write(&mut all, etherparse::IpNumber(number), payload)
            .unwrap();
        all
    };
    let gre = |inner: &[u8]| {
        let head: &[u8] = &[0x20, 0, 0x08, 0, 0, 0, 0, 7];
        protocol(47, &[head, inner].concat())
    };
    let gretap = |inner: &[u8]| {
        let head: &[u8] = &[0, 0, 0x65, 0x58];
        protocol(47, &[head, inner].concat())
    };
    let cases: [(Vec<u8>, Vec<u8>); 4] = [
        (vxlan(&unfinished), vxlan(&right)),
        (gre(&ip(&unfinished)), gre(&ip(&right))),
        (gretap(&unfinished), gretap(&right)),
        (protocol(4, &ip(&unfinished)), protocol(4, &ip(&right))),
    ];
    for (mut frame, expected) in cases {
        let layers = parse::parse::<TRUST>(&frame).layers;
        assert_eq!(
            finish_doubtful(&mut frame, layers),
            Finish::Finished,
            "{layers:?}"
        );
        assert_eq!(frame, expected);
        assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
    }
}

#[test]
fn a_datagram_without_a_checksum_and_a_fragment_are_left() {
    let Made {
        mut frame,
        layers,
        at,
        ..
    } = make(Version::V4, false, 1, 2, b"data");
    frame[at..at + 2].fill(0);
    let before = frame.clone();
    assert_eq!(finish(&mut frame, layers), Finish::Untouched);
    assert_eq!(frame, before);

    let Made {
        mut frame,
        at,
        left,
        ..
    } = make(Version::V4, false, 1, 2, b"data");
    frame[at..at + 2].copy_from_slice(&left.to_be_bytes());
    frame[20] = 0x20; // more fragments to come
    let layers = parse::parse::<TRUST>(&frame).layers;
    let before = frame.clone();
    assert_eq!(finish_doubtful(&mut frame, layers), Finish::Untouched);
    assert_eq!(finish(&mut frame, layers), Finish::Untouched);
    assert_eq!(frame, before);
}

#[test]
fn what_was_left_of_sctp_is_filled_in() {
    let mut right = Vec::new();
    let chunks = [7, 132, 0, 0, 0, 0, 0, 42, 0, 0, 0, 0, 3, 0, 0, 16];
    let mut segment = [&chunks[..], &[0; 12]].concat();
    let mut sctp = crate::wire::SctpMut::new(&mut segment).unwrap();
    sctp.fill_checksum();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .write(&mut right, etherparse::IpNumber::SCTP, &segment)
        .unwrap();
    right.resize(right.len() + 6, 0xa5);
    let layers = parse::parse::<TRUST>(&right).layers;
    let mut frame = right.clone();
    for finish in [finish, finish_doubtful] {
        assert_eq!(finish(&mut frame, layers), Finish::Untouched);
        frame[42..46].fill(0);
        assert_eq!(finish(&mut frame, layers), Finish::Finished);
        assert_eq!(frame, right);
    }
}

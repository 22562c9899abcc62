//! The straight way says what the careful one says, of packets that are right, nearly right and wrong.

use std::vec::Vec;

use proptest::prelude::*;

use super::{ethernet, link};
use crate::wire::checksum::checksum;
use crate::wire::parse::{Outcome, TRUST, VERIFY};
use crate::wire::{Ipv6Extensions, Kinds};

/// What both say of a frame that is a part of `total_len` bytes.
fn both_say(frame: &[u8], total_len: usize) -> Result<(), TestCaseError> {
    let (straight, careful) = (ethernet::<VERIFY>, link::ethernet::<VERIFY>);
    prop_assert_eq!(straight(frame, total_len), careful(frame, total_len));
    let (straight, careful) = (ethernet::<TRUST>, link::ethernet::<TRUST>);
    prop_assert_eq!(straight(frame, total_len), careful(frame, total_len));
    Ok(())
}

fn frame(tags: &[u16], ethertype: u16, packet: &[u8]) -> Vec<u8> {
    let mut frame = std::vec![2; 12];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0, 7]);
    }
    frame.extend(ethertype.to_be_bytes());
    frame.extend(packet);
    frame
}

fn ipv4(options: usize, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + 4 * options;
    let mut packet = std::vec![0; header_len];
    packet[0] = 0x40 | (header_len / 4) as u8;
    packet[2..4].copy_from_slice(&((header_len + payload.len()) as u16).to_be_bytes());
    packet[8..10].copy_from_slice(&[64, protocol]);
    packet[20..].fill(1);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// With extension headers of these numbers and lengths.
fn ipv6(extensions: &[(u8, u8)], last: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    packet.resize(40, 9);
    let mut next_at = 6;
    for &(number, units) in extensions {
        packet[next_at] = number;
        next_at = packet.len();
        packet.extend([0, units]);
        packet.resize(next_at + 8 + 8 * usize::from(units), 0);
    }
    packet[next_at] = last;
    packet.extend(payload);
    let len = (packet.len() - 40) as u16;
    packet[4..6].copy_from_slice(&len.to_be_bytes());
    packet
}

/// Enough for each layer 4, and right for UDP and TCP.
fn layer_4(protocol: u8, len: usize) -> Vec<u8> {
    let mut payload = std::vec![0; len];
    if protocol == 17 && len >= 8 {
        payload[4..6].copy_from_slice(&(len as u16).to_be_bytes());
    }
    if protocol == 6 && len >= 20 {
        payload[12] = 0x50;
    }
    payload
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let number = || {
        prop_oneof![
            8 => prop::sample::select(std::vec![6u8, 17]),
            4 => prop::sample::select(std::vec![0u8, 43, 44, 51, 59, 60]),
            1 => any::<u8>(),
        ]
    };
    let extension = (
        prop::sample::select(std::vec![0u8, 43, 60, 60, 60, 44, 51]),
        prop_oneof![4 => 0u8..3, 1 => any::<u8>()],
    );
    let tag = prop::sample::select(std::vec![0x8100u16, 0x8100, 0x88a8, 0x9100]);
    let packet = prop_oneof![
        (0usize..11, number(), 0usize..40).prop_map(|(options, protocol, len)| {
            (
                0x0800,
                ipv4(options, protocol, &layer_4(protocol, len + 12)),
            )
        }),
        (
            prop::collection::vec(extension, 0..10),
            number(),
            0usize..40
        )
            .prop_map(|(extensions, last, len)| {
                (0x86dd, ipv6(&extensions, last, &layer_4(last, len + 12)))
            }),
    ];
    (prop::collection::vec(tag, 0..4), packet)
        .prop_map(|(tags, (ethertype, packet))| frame(&tags, ethertype, &packet))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Bytes of the headers changed to what they often are, the end cut off, padding behind it.
    #[test]
    fn as_the_careful_way_does(
        mut frame in any_frame(),
        damage in prop::collection::vec((0usize..110, prop_oneof![
            any::<u8>(),
            prop::sample::select(std::vec![0u8, 1, 6, 8, 17, 0x12, 0x20, 0x45, 0x46, 0x50, 0x60, 0xb5]),
        ]), 0..4),
        len in prop_oneof![2 => Just(None), 1 => (0usize..160).prop_map(Some)],
        more in prop_oneof![3 => Just(0), 1 => 0usize..100],
    ) {
        let whole = frame.len();
        for (at, byte) in damage {
            if let Some(there) = frame.get_mut(at) {
                *there = byte;
            }
        }
        frame.resize(len.unwrap_or(whole), 0);
        both_say(&frame, frame.len() + more)?;
        both_say(&frame, 0)?;
    }
}

#[test]
fn each_length_that_a_frame_may_be_cut_to() {
    let tags: [&[u16]; 4] = [&[], &[0x8100], &[0x88a8, 0x8100], &[0x8100; 3]];
    for tags in tags {
        for protocol in [6, 17, 1, 44] {
            let payload = layer_4(protocol, 24);
            let packets = [
                frame(tags, 0x0800, &ipv4(0, protocol, &payload)),
                frame(tags, 0x0800, &ipv4(1, protocol, &payload)),
                frame(tags, 0x0800, &ipv4(10, protocol, &payload)),
                frame(tags, 0x86dd, &ipv6(&[], protocol, &payload)),
                frame(tags, 0x86dd, &ipv6(&[(0, 0), (60, 1)], protocol, &payload)),
            ];
            for packet in packets {
                for len in 0..=packet.len() {
                    both_say(&packet[..len], packet.len()).unwrap();
                    both_say(&packet[..len], len).unwrap();
                }
            }
        }
    }
}

/// Fields that are compared together, or with more than one bound at once: each value that they can have.
#[test]
fn every_value_of_the_fields_that_decide() {
    let tags: [&[u16]; 3] = [&[], &[0x8100], &[0x88a8, 0x8100]];
    for tags in tags {
        let l3 = 14 + 4 * tags.len();
        for protocol in [6, 17] {
            let payload = layer_4(protocol, 24);
            let four = frame(tags, 0x0800, &ipv4(0, protocol, &payload));
            let option = frame(tags, 0x0800, &ipv4(1, protocol, &payload));
            let six = frame(tags, 0x86dd, &ipv6(&[], protocol, &payload));
            let options = frame(tags, 0x86dd, &ipv6(&[(0, 0), (60, 1)], protocol, &payload));
            // Ethertype, IPv4's total length and fragment field; IPv6's payload length.
            each_value(&four, &[l3 - 2, l3 + 2, l3 + 6, l3 + 24]);
            each_value(&option, &[l3 - 2, l3 + 2, l3 + 6, l3 + 28]);
            each_value(&six, &[l3 - 2, l3 + 4, l3 + 44]);
            each_value(&options, &[l3 - 2, l3 + 4, l3 + 40, l3 + 48, l3 + 68]);
            // Version and length of the header, TTL and protocol, ports, TCP's data offset.
            each_value(&four, &[l3, l3 + 8, l3 + 22, l3 + 32]);
            each_value(&option, &[l3, l3 + 8, l3 + 26, l3 + 36]);
            each_value(&six, &[l3, l3 + 6, l3 + 42, l3 + 52]);
        }
    }
}

/// Two bytes at each of these places take every value.
fn each_value(frame: &[u8], places: &[usize]) {
    for &at in places {
        let mut frame = frame.to_vec();
        for value in 0..=u16::MAX {
            frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
            both_say(&frame, 0).unwrap();
        }
    }
}

#[test]
fn any_number_of_extension_headers_in_any_place() {
    for protocol in [6, 17] {
        let payload = layer_4(protocol, 20);
        for count in 0..=usize::from(Ipv6Extensions::MAX) + 1 {
            let mut extensions = std::vec![(60, 0); count];
            both_say(
                &frame(&[], 0x86dd, &ipv6(&extensions, protocol, &payload)),
                0,
            )
            .unwrap();
            for at in 0..count {
                extensions[at].0 = 0;
                let packet = ipv6(&extensions, protocol, &payload);
                both_say(&frame(&[], 0x86dd, &packet), 0).unwrap();
                extensions[at].0 = 43;
            }
        }
        // As far from layer 3 as can be said, and one further.
        for units in 120..=125 {
            let packet = ipv6(&[(60, units)], protocol, &payload);
            both_say(&frame(&[], 0x86dd, &packet), 0).unwrap();
        }
    }
}

#[test]
fn vxlan_is_found() {
    let mut payload = layer_4(17, 30);
    payload[2..4].copy_from_slice(&4789u16.to_be_bytes());
    payload[8] = 0x08;
    for packet in [
        frame(&[], 0x0800, &ipv4(0, 17, &payload)),
        frame(&[0x8100], 0x86dd, &ipv6(&[], 17, &payload)),
        frame(&[], 0x86dd, &ipv6(&[(60, 0)], 17, &payload)),
    ] {
        both_say(&packet, 0).unwrap();
        let parsed = ethernet::<VERIFY>(&packet, 0);
        assert!(parsed.layers.contains(Kinds::VXLAN), "{parsed}");
        assert_eq!(parsed.outcome, Outcome::Complete);
    }
}

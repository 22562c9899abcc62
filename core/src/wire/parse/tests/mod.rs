//! Each decision of the parser by an example of its own. What holds for all packets is in
//! `fuzz/harness/tests/parse.rs`, agreement with another parser in `oracle_etherparse` beside it.

mod layer2;
mod network;
mod transport;

use std::vec::Vec;

use super::*;
use crate::wire::checksum::checksum;
use crate::wire::{IpProtocol, Ipv6Extensions, Sap};

const VLAN: u16 = 0x8100;
const QINQ: u16 = 0x88a8;
const UDP: [u8; 8] = [0, 53, 0, 53, 0, 8, 0, 0];

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ethertype.to_be_bytes(), payload].concat()
}

/// A tag or a type with what follows.
fn tagged(tci: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&tci.to_be_bytes()[..], &ethertype.to_be_bytes(), payload].concat()
}

fn ipv4(protocol: u8, options: &[u8], fragment: u16, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut packet = std::vec![0; 20];
    packet[0] = 0x40 | (header_len / 4) as u8;
    packet[2..4].copy_from_slice(&((header_len + payload.len()) as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    packet[8..10].copy_from_slice(&[64, protocol]);
    packet.extend(options);
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = std::vec![0; 40];
    packet[0] = 0x60;
    packet[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    packet[6] = next;
    packet.extend(payload);
    packet
}

fn tcp(words: u8) -> Vec<u8> {
    let mut segment = std::vec![0; usize::from(words) * 4];
    segment[12] = words << 4;
    segment
}

#[track_caller]
fn check(frame: &[u8], kinds: Kinds, l3: usize, l4: Option<usize>, outcome: Outcome) {
    let parsed = parse::<VERIFY>(frame);
    assert_eq!(parsed.outcome, outcome, "{parsed}");
    assert_eq!(parsed.layers.kinds(), kinds, "{parsed}");
    assert_eq!(
        (parsed.layers.l3_offset(), parsed.layers.l4_offset()),
        (l3, l4),
        "{parsed}"
    );
    // In several frames as in one, as long as the headers are in the first.
    let first = &frame[..frame.len().min(l4.unwrap_or(l3) + 80)];
    assert_eq!(parse_first::<VERIFY>(first, frame.len()), parsed);
}

/// An IP packet that is complete but for what is tested, without layer 2.
#[track_caller]
fn check_ip(packet: &[u8], kinds: Kinds, l4: Option<usize>, outcome: Outcome) {
    let parsed = parse_ip::<VERIFY>(packet);
    assert_eq!(parsed.outcome, outcome, "{parsed}");
    assert_eq!(parsed.layers.kinds(), kinds, "{parsed}");
    assert_eq!(parsed.layers.l4_offset(), l4, "{parsed}");
}

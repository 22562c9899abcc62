//! Packets cut into buffers, against the same packets in one piece.

use std::vec::Vec;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::finish_chained;
use crate::wire::Layers;
use crate::wire::checksum::{finish, finish_doubtful};
use crate::wire::parse::{self, TRUST};

/// A packet of random addresses, its checksum field as given, and where its headers end.
fn packet(tcp: bool, source: u32, field: Option<u16>, payload: &[u8]) -> (Vec<u8>, Layers, usize) {
    let ip = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(
        source.to_be_bytes(),
        [192, 0, 2, 1],
        64,
    );
    let mut frame = Vec::new();
    if tcp {
        ip.tcp(1000, 2000, 3, 4).write(&mut frame, payload).unwrap();
    } else {
        ip.udp(1000, 2000).write(&mut frame, payload).unwrap();
    }
    let layers = parse::parse::<TRUST>(&frame).layers;
    let l4 = layers.l4_offset().unwrap();
    let (at, headers) = if tcp { (16, 20) } else { (6, 8) };
    if let Some(field) = field {
        frame[l4 + at..][..2].copy_from_slice(&field.to_be_bytes());
    }
    (frame, layers, l4 + headers)
}

/// The frame in pieces, of which the first has all headers.
fn cut<'f>(frame: &'f [u8], headers: usize, lengths: &[usize]) -> Vec<&'f [u8]> {
    let first = headers + lengths.first().copied().unwrap_or(0);
    let (first, mut rest) = frame.split_at(first.min(frame.len()));
    let mut pieces = Vec::from([first]);
    for &length in lengths.iter().skip(1) {
        let (piece, more) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

proptest! {
    /// Of odd and even lengths, and none; with padding behind the packet.
    #[test]
    fn pieces_get_the_checksum_of_the_whole(
        tcp: bool,
        source: u32,
        // What the right one is, what its sender leaves, or anything.
        field in prop_oneof![Just(None), any::<u16>().prop_map(Some)],
        payload in prop::collection::vec(any::<u8>(), 0..200),
        padding in 0usize..9,
        lengths in prop::collection::vec(0usize..60, 1..6),
    ) {
        let (mut frame, layers, headers) = packet(tcp, source, field, &payload);
        frame.resize(frame.len() + padding, 0xa5);
        for doubtful in [false, true] {
            let mut whole = frame.clone();
            let _ = match doubtful {
                true => finish_doubtful(&mut whole, layers),
                false => finish(&mut whole, layers),
            };
            let mut pieced = frame.clone();
            let pieces = cut(&frame, headers, &lengths);
            if let Some((at, bytes)) = finish_chained(pieces.into_iter(), layers, doubtful) {
                pieced[at..at + 2].copy_from_slice(&bytes);
            }
            prop_assert_eq!(&pieced, &whole);
        }
    }

    #[test]
    fn what_a_sender_left_is_finished(
        tcp: bool,
        source: u32,
        payload in prop::collection::vec(any::<u8>(), 0..200),
        lengths in prop::collection::vec(0usize..60, 1..6),
    ) {
        let (right, layers, headers) = packet(tcp, source, None, &payload);
        let l4 = layers.l4_offset().unwrap();
        let pseudo = crate::wire::checksum::PseudoHeader::ipv4(source.into(), 0xc000_0201.into());
        let protocol = crate::wire::IpProtocol(if tcp { 6 } else { 17 });
        let left = pseudo.sum(protocol, (right.len() - l4) as u32).value();
        let (frame, ..) = packet(tcp, source, Some(left), &payload);
        prop_assume!(frame != right);
        for doubtful in [false, true] {
            let pieces = cut(&frame, headers, &lengths);
            let (at, bytes) = finish_chained(pieces.into_iter(), layers, doubtful).unwrap();
            prop_assert_eq!(&right[at..at + 2], &bytes[..]);
        }
    }

    #[test]
    fn any_bytes_under_any_layers_are_safe(
        bytes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
        kinds: u16,
        l3: u8,
        l4: u8,
        doubtful: bool,
    ) {
        let layers = Layers::new(crate::wire::Kinds::from_bits_truncate(kinds), l3, l4);
        let buffers = bytes.iter().map(Vec::as_slice);
        if let Some((at, _)) = finish_chained(buffers, layers, doubtful) {
            prop_assert!(at + 2 <= bytes[0].len());
        }
    }
}

#[test]
fn headers_that_go_on_in_the_second_buffer_are_left() {
    let (frame, layers, headers) = packet(false, 1, Some(0x1234), b"data");
    let (first, second) = frame.split_at(headers - 1);
    let buffers = [first, second];
    assert_eq!(finish_chained(buffers.into_iter(), layers, false), None);
    assert_eq!(finish_chained(core::iter::empty(), layers, false), None);
}

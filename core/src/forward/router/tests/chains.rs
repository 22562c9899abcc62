//! Packets in several frames: what counts is the packet, not the frame it begins in.

use super::ipv6::{host_a, host_b, know_all6, udp6, with_net6};
use super::*;

/// Runs a packet through, which comes in by port 0 in parts.
fn feed<'p>(lab: &mut Lab<'p>, router: &mut Net<'_, 'p>, parts: &[&[u8]]) -> Out {
    let mut out = Out::default();
    let mut packets = vec![lab.chain(0, parts)];
    lab.process(router, &mut packets, &mut out);
    out
}

/// The frame in three parts, and `more` bytes that are none of the packet's.
fn parts(frame: &[u8], first: usize, more: usize) -> [Vec<u8>; 3] {
    let (head, rest) = frame.split_at(first);
    let (middle, last) = rest.split_at(rest.len() / 2);
    [
        head.to_vec(),
        middle.to_vec(),
        [last, &vec![0xee; more]].concat(),
    ]
}

#[test]
fn a_packet_in_parts_leaves_whole() {
    with_net6(|lab, router| {
        know_all(router);
        know_all6(router);
        let four = udp(A, B, 64, 1400);
        let six = udp6(host_a(), host_b(), 64, 1400);
        for frame in [four, six] {
            for first in [60, 700, frame.len()] {
                let parts = parts(&frame, first, 0);
                let out = feed(lab, router, &parts.each_ref().map(|part| &part[..]));
                assert_well_formed(&out);
                assert_eq!(out.sent.len(), 1, "{:?}", out.dropped);
                assert_eq!(out.sent[0].1.len(), frame.len());
                assert_eq!(out.sent[0].1[54..], frame[54..]);
            }
        }
    });
}

#[test]
fn what_follows_a_packet_in_further_frames_does_not_leave() {
    with_net6(|lab, router| {
        know_all(router);
        know_all6(router);
        let four = udp(A, B, 64, 100);
        let six = udp6(host_a(), host_b(), 64, 100);
        for frame in [four, six] {
            for first in [60, frame.len() - 1, frame.len()] {
                for more in [1, 1500] {
                    let parts = parts(&frame, first, more);
                    let out = feed(lab, router, &parts.each_ref().map(|part| &part[..]));
                    assert_well_formed(&out);
                    assert_eq!(out.sent.len(), 1, "{:?}", out.dropped);
                    assert_eq!(out.sent[0].1.len(), frame.len(), "{first} and {more}");
                }
            }
        }
    });
}

#[test]
fn nor_does_it_from_where_packets_wait_for_a_neighbour() {
    with_net6(|lab, router| {
        let frame = udp(A, B, 64, 100);
        let parts = parts(&frame, 60, 1500);
        let out = feed(lab, router, &parts.each_ref().map(|part| &part[..]));
        assert_eq!(out.sent.len(), 1, "the question");
        let out = lab.feed(router, &[super::resolve::says(HOST_B, B)]);
        assert_eq!(out.sent[0].1.len(), frame.len());
        assert_well_formed(&out);
    });
}

#[test]
fn a_packet_too_long_for_the_link_is_refused_in_parts_as_well() {
    with_net6(|lab, router| {
        know_all(router);
        know_all6(router);
        let frame = udp6(host_a(), host_b(), 64, 1480);
        for first in [60, 1400] {
            let parts = parts(&frame, first, 0);
            let out = feed(lab, router, &parts.each_ref().map(|part| &part[..]));
            assert_eq!(out.dropped, [DropReason::TOO_BIG]);
            assert_eq!(out.sent.len(), 1, "its sender is told");
        }
        // It could be fragmented, were it in one frame.
        let frame = with_ip(udp(A, B, 64, 1480), |ip| ip[6] = 0);
        let parts = parts(&frame, 60, 0);
        let out = feed(lab, router, &parts.each_ref().map(|part| &part[..]));
        assert_eq!(out.dropped, [DropReason::CHAINED]);
    });
}

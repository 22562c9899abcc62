//! Forwarding IPv4: what leaves and how, and what does not.

use super::*;
use crate::packet::Offloads;

#[test]
fn forwards_on_the_fast_path() {
    with_net(|lab, router| {
        know_all(router);
        let frames: Vec<_> = [(B, 0), (FAR, 18), (B, 1400), (FAR, 1472)]
            .map(|(to, len)| (0, udp(A, to, 64, len)))
            .into();
        let out = lab.feed(router, &frames);
        assert_eq!(out.exceptions, 0);
        assert_eq!(out.sent.len(), 4);
        assert_well_formed(&out);
        for ((port, sent), ((_, given), to)) in out
            .sent
            .iter()
            .zip(frames.iter().zip([HOST_B, GATEWAY, HOST_B, GATEWAY]))
        {
            assert_eq!(*port, 1);
            assert_eq!(macs(sent), (to, ROUTER[1]));
            assert_eq!(sent[22], 63, "one hop less");
            assert_eq!(sent[14..22], given[14..22]);
            assert_eq!(sent[26..], given[26..], "the rest is untouched");
        }
    });
}

#[test]
fn the_slow_path_gives_the_same_bytes() {
    with_net(|lab, router| {
        know_all(router);
        let frames = vec![(0, udp(A, B, 64, 100)), (0, udp(A, FAR, 2, 0))];
        let fast = lab.feed(router, &frames);
        lab.offloads = Offloads::VLAN_STRIPPED; // tag 0: a priority, and not plain
        let slow = lab.feed(router, &frames);
        assert_eq!((fast.exceptions, slow.exceptions), (0, 2));
        assert_eq!(fast.sent, slow.sent);
    });
}

#[test]
fn padding_is_kept_or_cut() {
    with_net(|lab, router| {
        know_all(router);
        let mut short = udp(A, B, 9, 2);
        short.resize(60, 0xee);
        let mut long = udp(A, B, 9, 1472);
        long.resize(1514 + 9, 0xee);
        let out = lab.feed(router, &[(0, short), (0, long)]);
        assert_eq!((out.sent[0].1.len(), out.sent[1].1.len()), (60, 1514));
        assert_eq!(
            out.exceptions, 1,
            "the one that would not have fitted the link"
        );
    });
}

#[test]
fn reasons_for_drops() {
    with_net(|lab, router| {
        know_all(router);
        let plain = || udp(A, B, 64, 8);
        let at = |at: usize, byte: u8| {
            let mut frame = plain();
            frame[at] = byte;
            frame
        };
        let cases = [
            (at(5, 9), DropReason::NOT_FOR_US),
            (at(12, 0x81), DropReason::UNKNOWN_PROTOCOL),
            (at(14, 0x65), DropReason::MALFORMED_L3),
            (at(14, 0x44), DropReason::MALFORMED_L3),
            (at(14, 0x4f), DropReason::MALFORMED_L3),
            (at(24, 0), DropReason::L3_CHECKSUM),
            (plain()[..13].to_vec(), DropReason::MALFORMED_L2),
            (plain()[..33].to_vec(), DropReason::TRUNCATED),
            (plain()[..49].to_vec(), DropReason::TRUNCATED),
            (with_ip(plain(), |ip| ip[3] = 19), DropReason::MALFORMED_L3),
            (udp([0, 0, 0, 0], B, 64, 8), DropReason::MARTIAN_SOURCE),
            (udp([127, 0, 0, 1], B, 64, 8), DropReason::MARTIAN_SOURCE),
            (udp([224, 0, 0, 1], B, 64, 8), DropReason::MARTIAN_SOURCE),
            (udp([255; 4], B, 64, 8), DropReason::MARTIAN_SOURCE),
            (udp(A, [0, 0, 0, 0], 64, 8), DropReason::MARTIAN_DESTINATION),
            (
                udp(A, [127, 0, 0, 1], 64, 8),
                DropReason::MARTIAN_DESTINATION,
            ),
            (
                udp(A, [240, 0, 0, 1], 64, 8),
                DropReason::MARTIAN_DESTINATION,
            ),
            (udp(A, [255; 4], 64, 8), DropReason::NOT_SPOKEN),
            (udp(A, [239, 1, 1, 1], 64, 8), DropReason::NOT_SPOKEN),
            (udp(A, [198, 51, 100, 255], 64, 8), DropReason::NOT_SPOKEN),
            (udp(A, [198, 51, 100, 0], 64, 8), DropReason::NOT_SPOKEN),
        ];
        for (number, (frame, why)) in cases.into_iter().enumerate() {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!(out.dropped, [why], "case {number}");
            assert!(out.sent.is_empty(), "case {number} is not answered");
        }
        let out = lab.feed(router, &[(3, plain()), (9, plain())]);
        assert_eq!(
            out.dropped,
            [DropReason::NOT_FOR_US; 2],
            "no such interface"
        );
        lab.offloads = Offloads::L3_BAD;
        assert_eq!(
            lab.feed(router, &[(0, plain())]).dropped,
            [DropReason::L3_CHECKSUM]
        );
    });
}

#[test]
fn link_layer_broadcasts_are_not_forwarded() {
    with_net(|lab, router| {
        know_all(router);
        for to in [B, FAR, [192, 0, 2, 1], [198, 51, 100, 255]] {
            let mut frame = udp(A, to, 64, 8);
            frame[..6].fill(0xff);
            let out = lab.feed(router, &[(0, frame)]);
            assert!(out.sent.is_empty());
            assert_eq!(out.dropped.len(), 1);
        }
    });
}

#[test]
fn fragments_are_made_and_fit_together() {
    with_net(|lab, router| {
        know_all(router);
        let to = [10, 0, 0, 2];
        router.set_neighbour(PortId(2), to.into(), HOST_B).unwrap();
        let whole = with_ip(udp(A, to, 64, 1400), |ip| ip[6] = 0);
        let out = lab.feed(router, &[(0, whole.clone())]);
        assert_well_formed(&out);
        assert_eq!(out.sent.len(), 3);
        let mut payload: Vec<u8> = Vec::new();
        for (number, (port, frame)) in out.sent.iter().enumerate() {
            assert_eq!((*port, macs(frame)), (2, (HOST_B, ROUTER[2])));
            assert!(frame.len() <= 614);
            assert_eq!(frame[22], 63);
            let field = u16::from_be_bytes([frame[20], frame[21]]);
            assert_eq!(usize::from(field & 0x1fff) * 8, payload.len());
            assert_eq!(field & 0x2000 != 0, number < 2, "more follow, but the last");
            assert_eq!(frame[18..20], whole[18..20], "one identification");
            payload.extend(&frame[34..]);
        }
        assert_eq!(payload, whole[34..]);
        assert_eq!(
            (
                router.stats().fragmented.value(),
                router.stats().fragments.value()
            ),
            (1, 3)
        );
    });
}

#[test]
fn a_fragment_is_cut_further_and_keeps_its_place() {
    with_net(|lab, router| {
        let to = [10, 0, 0, 2];
        router.set_neighbour(PortId(2), to.into(), HOST_B).unwrap();
        // A middle piece at offset 80.
        let piece = with_ip(udp(A, to, 64, 700), |ip| {
            ip[6..8].copy_from_slice(&[0x20, 10])
        });
        let out = lab.feed(router, &[(0, piece)]);
        let fields: Vec<u16> = out
            .sent
            .iter()
            .map(|(_, frame)| u16::from_be_bytes([frame[20], frame[21]]))
            .collect();
        assert_eq!(
            fields,
            [0x2000 | 10, 0x2000 | (10 + 72)],
            "576 bytes in the first"
        );
    });
}

#[test]
fn options_are_passed_dropped_or_faulted() {
    let with_options = |options: &[u8]| {
        let mut frame = udp(A, B, 64, 8);
        let words = options.len() / 4;
        frame.splice(34..34, options.iter().copied());
        with_ip(frame, |ip| {
            ip[0] = 0x45 + words as u8;
            ip[3] += options.len() as u8;
        })
    };
    with_net(|lab, router| {
        know_all(router);
        let alert = with_options(&[148, 4, 0, 0]);
        let out = lab.feed(router, &[(0, alert.clone())]);
        assert_well_formed(&out);
        assert_eq!(out.sent[0].1[26..], alert[26..]);

        let source_route = with_options(&[1, 131, 7, 4, 203, 0, 113, 1]);
        let out = lab.feed(router, &[(0, source_route)]);
        assert_eq!(
            (out.sent.len(), &out.dropped[..]),
            (0, &[DropReason::OPTIONS][..])
        );

        // Nor does one end here, whose reply would go out with the route as it is.
        for options in [
            [1, 131, 7, 4, 203, 0, 113, 1],
            [1, 131, 7, 8, 203, 0, 113, 1],
        ] {
            let here = with_ip(with_options(&options), |ip| {
                ip[16..20].copy_from_slice(&[192, 0, 2, 1]);
            });
            let out = lab.feed(router, &[(0, here)]);
            assert_eq!(
                (out.sent.len(), &out.dropped[..]),
                (0, &[DropReason::OPTIONS][..])
            );
        }

        // Record route with a length past the end: byte 21 of the header is its start.
        let out = lab.feed(router, &[(0, with_options(&[1, 7, 39, 4]))]);
        assert_eq!(out.dropped, [DropReason::OPTIONS]);
        assert_well_formed(&out);
        assert_eq!(out.sent[0].1[34..36], [12, 0], "parameter problem");
        assert_eq!(out.sent[0].1[38], 21, "pointer");
    });
    let config = RouterConfig {
        options: OptionsPolicy::Drop,
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        know_all(router);
        let out = lab.feed(router, &[(0, with_options(&[148, 4, 0, 0]))]);
        assert_eq!(
            (out.sent.len(), &out.dropped[..]),
            (0, &[DropReason::OPTIONS][..])
        );
    });
}

#[test]
fn fragments_carry_the_options_that_are_copied() {
    with_net(|lab, router| {
        let to = [10, 0, 0, 2];
        router.set_neighbour(PortId(2), to.into(), HOST_B).unwrap();
        let options = [68, 8, 5, 0, 0, 0, 0, 0, 148, 4, 0, 0]; // timestamp, and router alert
        let mut frame = udp(A, to, 64, 600);
        frame.splice(34..34, options);
        let len = (frame.len() - 14) as u16;
        let frame = with_ip(frame, |ip| {
            ip[0] = 0x48;
            ip[2..4].copy_from_slice(&len.to_be_bytes());
            ip[6] = 0;
        });
        let out = lab.feed(router, &[(0, frame.clone())]);
        assert_well_formed(&out);
        let [(_, first), (_, last)] = &out.sent[..] else {
            panic!("two fragments");
        };
        assert_eq!(first[34..46], options);
        assert_eq!((last[14], &last[34..38]), (0x46, &[148, 4, 0, 0][..]));
        let payload: Vec<u8> = first[46..].iter().chain(&last[38..]).copied().collect();
        assert_eq!(payload, frame[46..]);
    });
}

#[test]
fn bursts_of_any_size() {
    with_net(|lab, router| {
        know_all(router);
        for count in [0, 1, 31, 32, 33] {
            let frames: Vec<_> = (0..count).map(|i| (0, udp(A, B, 64, i))).collect();
            let out = lab.feed(router, &frames);
            assert_eq!(out.sent.len(), count);
        }
        // Longer than the scratch memory: in turns.
        let mut packets = Vec::new();
        for _ in 0..MAX_BURST + 20 {
            let frame = udp(A, B, 64, 8);
            let mut packet = Packet::received(lab.cache.alloc().unwrap(), PortId(0));
            packet.append(frame.len()).unwrap().copy_from_slice(&frame);
            packets.push(packet);
        }
        let mut out = Out::default();
        lab.process(router, &mut packets, &mut out);
        assert_eq!(out.sent.len(), MAX_BURST + 20);
    });
}

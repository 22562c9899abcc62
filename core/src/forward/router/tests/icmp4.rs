//! What is answered by ICMP, and what is not.

use core::time::Duration;

use super::*;
use crate::wire::{Icmpv4, Icmpv4Message};

fn icmp(frame: &[u8]) -> Icmpv4Message {
    assert_eq!(frame[23], 1);
    Icmpv4::new(&frame[34..]).unwrap().message()
}

fn echo(to: [u8; 4], payload: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
        .ipv4(A, to, 64)
        .icmpv4_echo_request(7, 9);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &vec![0x5a; payload]).unwrap();
    bytes
}

#[test]
fn time_exceeded_comes_from_the_near_interface_and_quotes() {
    with_net(|lab, router| {
        know_all(router);
        for (ttl, len) in [(0, 8), (1, 8), (1, 1400)] {
            let frame = udp(A, B, ttl, len);
            let out = lab.feed(router, &[(0, frame.clone())]);
            assert_well_formed(&out);
            assert_eq!(out.dropped, [DropReason::TTL_EXPIRED]);
            let [(0, error)] = &out.sent[..] else {
                panic!("one, to host A");
            };
            assert_eq!(icmp(error), Icmpv4Message::TimeExceeded { code: 0 });
            assert_eq!(macs(error), (HOST_A, ROUTER[0]));
            assert_eq!(
                (&error[26..30], &error[30..34]),
                (&[192, 0, 2, 1][..], &A[..])
            );
            let quote = &error[42..];
            assert_eq!(quote.len(), (frame.len() - 14).min(548));
            assert_eq!(quote, &frame[14..14 + quote.len()], "as it came in");
            assert!(error.len() <= 14 + 576);
            assert_eq!(error[15] >> 5, 6, "precedence 6");
        }
    });
}

#[test]
fn routes_that_lead_nowhere() {
    with_net(|lab, router| {
        know_all(router);
        route(router, "172.16.0.0/16", Target::Blackhole);
        route(router, "172.17.0.0/16", Target::Unreachable);
        route(router, "172.18.0.0/16", Target::Prohibited);
        for (to, code, why) in [
            ([8, 8, 8, 8], Some(0), DropReason::NO_ROUTE),
            ([172, 16, 0, 1], None, DropReason::BLACKHOLE),
            ([172, 17, 0, 1], Some(1), DropReason::BLACKHOLE),
            ([172, 18, 0, 1], Some(13), DropReason::FILTERED),
        ] {
            let out = lab.feed(router, &[(0, udp(A, to, 64, 8))]);
            assert_well_formed(&out);
            assert_eq!(out.dropped, [why]);
            let codes: Vec<_> = out.sent.iter().map(|(_, frame)| frame[35]).collect();
            assert_eq!(codes, Vec::from_iter(code), "{to:?}");
        }
    });
}

#[test]
fn too_big_and_not_to_be_fragmented() {
    with_net(|lab, router| {
        know_all(router);
        let to = [10, 0, 0, 2];
        router.set_neighbour(PortId(2), to.into(), HOST_B).unwrap();
        let df = |len| with_ip(udp(A, to, 64, len), |ip| ip[6] = 0x40);
        let out = lab.feed(router, &[(0, df(572)), (0, df(573))]);
        assert_well_formed(&out);
        assert_eq!(out.dropped, [DropReason::TOO_BIG]);
        let [(2, _), (0, error)] = &out.sent[..] else {
            panic!("600 bytes fit, 601 are answered");
        };
        let expected = Icmpv4Message::Unreachable {
            code: 4,
            next_hop_mtu: 600,
        };
        assert_eq!(icmp(error), expected);
        assert_eq!(error[26..30], [192, 0, 2, 1]);
    });
}

#[test]
fn echo_for_each_own_address() {
    with_net(|lab, router| {
        know_all(router);
        for (own, len) in [
            ([192, 0, 2, 1], 56),
            ([198, 51, 100, 1], 0),
            ([10, 0, 0, 1], 1400),
        ] {
            let request = echo(own, len);
            let out = lab.feed(router, &[(0, request.clone())]);
            assert_well_formed(&out);
            let [(0, reply)] = &out.sent[..] else {
                panic!("one reply");
            };
            assert_eq!(macs(reply), (HOST_A, ROUTER[0]));
            assert_eq!(
                icmp(reply),
                Icmpv4Message::EchoReply {
                    ident: 7,
                    sequence: 9
                }
            );
            assert_eq!((&reply[26..30], &reply[30..34]), (&own[..], &A[..]));
            assert_eq!((reply[22], &reply[42..]), (64, &request[42..]));
        }
        assert_eq!(router.stats().echo_replies.value(), 3);
    });
}

#[test]
fn echo_that_is_not_answered() {
    with_net(|lab, router| {
        know_all(router);
        let mut broken = echo([192, 0, 2, 1], 8);
        broken[45] ^= 1;
        let fragment = with_ip(echo([192, 0, 2, 1], 8), |ip| ip[6] = 0x20);
        for (frame, why) in [
            (broken, DropReason::L4_CHECKSUM),
            (fragment, DropReason::FRAGMENT),
            (echo([192, 0, 2, 255], 8), DropReason::NOT_SPOKEN),
            (echo([224, 0, 0, 1], 8), DropReason::NOT_SPOKEN),
        ] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!((out.sent.len(), out.dropped), (0, vec![why]));
        }
    });
}

#[test]
fn an_echo_to_which_there_is_no_way_back_counts_as_unanswered() {
    with_net(|lab, router| {
        let lost = [172, 30, 0, 1];
        let ping = with_ip(echo([192, 0, 2, 1], 8), |ip| {
            ip[12..16].copy_from_slice(&lost)
        });
        let out = lab.feed(router, &[(0, ping)]);
        assert_eq!(
            (out.sent.len(), out.dropped),
            (0, vec![DropReason::NO_ROUTE])
        );
        assert_eq!(router.stats().echo_replies.value(), 0);
    });
}

#[test]
fn nobody_speaks_to_the_router_in_its_own_name() {
    let config = RouterConfig {
        local: LocalTraffic::Punt,
        ..RouterConfig::default()
    };
    for config in [config, RouterConfig::default()] {
        with_net_as(config, |lab, router| {
            know_all(router);
            // Of the port itself and of another; to the router, and to a link.
            for from in [[192, 0, 2, 1], [198, 51, 100, 1]] {
                for to in [
                    [192, 0, 2, 1],
                    [10, 0, 0, 1],
                    [192, 0, 2, 255],
                    [224, 0, 0, 1],
                ] {
                    let ping = with_ip(echo(to, 8), |ip| ip[12..16].copy_from_slice(&from));
                    let out = lab.feed(router, &[(0, udp(from, to, 64, 8)), (0, ping)]);
                    assert_eq!(out.dropped, [DropReason::MARTIAN_SOURCE; 2]);
                    assert_eq!((out.sent.len(), out.punted.len()), (0, 0));
                }
            }
        });
    }
}

#[test]
fn what_the_router_does_not_speak() {
    let own = [192, 0, 2, 1];
    let tcp = || {
        let builder = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
            .ipv4(A, own, 64)
            .tcp(4000, 179, 1, 1000);
        let mut bytes = Vec::new();
        builder.write(&mut bytes, &[]).unwrap();
        bytes
    };
    with_net(|lab, router| {
        know_all(router);
        for (frame, code) in [(udp(A, own, 64, 8), 3), (tcp(), 2)] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_well_formed(&out);
            assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
            assert_eq!(out.sent[0].1[34..36], [3, code]);
        }
    });
    let config = RouterConfig {
        local: LocalTraffic::Punt,
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        know_all(router);
        let frames = [tcp(), udp(A, own, 64, 8), udp(A, [224, 0, 0, 5], 1, 8)];
        let out = lab.feed(router, &frames.clone().map(|frame| (0, frame)));
        assert_eq!(out.punted, frames, "untouched");
        let out = lab.feed(router, &[(0, echo(own, 8))]);
        assert_eq!(
            (out.sent.len(), out.punted.len()),
            (1, 0),
            "echo stays the router's"
        );
    });
}

/// RFC 1812 section 4.3.2.7, each of its cases, with a packet that would be answered otherwise.
#[test]
fn no_errors_about() {
    with_net(|lab, router| {
        know_all(router);
        let error = {
            let builder = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
                .ipv4(A, B, 1)
                .icmpv4_raw(3, 1, [0; 4]);
            let mut bytes = Vec::new();
            builder.write(&mut bytes, &[0; 28]).unwrap();
            bytes
        };
        let expired = |from| udp(from, B, 1, 8);
        let later = with_ip(expired(A), |ip| ip[7] = 1);
        let first = with_ip(expired(A), |ip| ip[6] = 0x20);
        let mut broadcast = expired(A);
        broadcast[..6].fill(0xff);
        let cases = [
            (error, 0),
            (later, 0),
            (first, 1),
            (broadcast, 0),
            (expired([0, 0, 0, 1]), 0),
            (expired([127, 0, 0, 1]), 0),
            (expired([224, 0, 0, 1]), 0),
            (expired([255; 4]), 0),
            (expired([192, 0, 2, 1]), 0), // the router itself
            (expired([192, 0, 2, 255]), 0),
            (expired([9, 9, 9, 9]), 0), // no route back
            (udp(A, [224, 0, 0, 5], 1, 8), 0),
            (expired(A), 1),
        ];
        for (number, (frame, errors)) in cases.into_iter().enumerate() {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!(out.sent.len(), errors, "case {number}");
            assert_eq!(out.dropped.len(), 1);
        }
    });
}

#[test]
fn too_many_errors_are_not_sent() {
    let config = RouterConfig {
        errors: Rate {
            per_second: 10,
            burst: 2,
        },
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        know_all(router);
        let frames: Vec<_> = (0..5).map(|_| (0, udp(A, B, 1, 8))).collect();
        let out = lab.feed(router, &frames);
        assert_eq!((out.sent.len(), out.dropped.len()), (2, 5));
        assert_eq!(router.stats().rate_limited.value(), 3);
        lab.pass(router, Duration::from_millis(100));
        assert_eq!(lab.feed(router, &frames).sent.len(), 1);
    });
}

#[test]
fn without_frames_nothing_is_answered_and_nothing_lost() {
    with_net(|lab, router| {
        know_all(router);
        let mut held = Vec::new();
        let mut packets = Vec::new();
        for frame in [
            udp(A, B, 1, 8),
            udp(A, B, 64, 8),
            udp(A, [198, 51, 100, 77], 64, 8),
        ] {
            let mut packet = Packet::received(lab.cache.alloc().unwrap(), PortId(0));
            packet.append(frame.len()).unwrap().copy_from_slice(&frame);
            packets.push(packet);
        }
        while let Some(frame) = lab.cache.alloc() {
            held.push(frame);
        }
        let mut out = Out::default();
        lab.process(router, &mut packets, &mut out);
        assert_eq!(out.dropped, [DropReason::TTL_EXPIRED]);
        // What was dropped made room for the question.
        assert_eq!(out.sent.len(), 2);
        assert_eq!(router.stats().no_frame.value(), 1);
        assert_eq!(router.waiting(), 1);
    });
}

//! The short way and the general one: the same bytes, verdicts and layers, whatever comes; and of all
//! rules the first.

use core::net::{IpAddr, Ipv4Addr};
use std::vec::Vec;

use proptest::prelude::*;

use super::super::super::testing::with_lab;
use super::super::*;
use super::ways::{both_ways, eight_at_a_time, four_at_a_time, go_by_eights, process};
use super::{arbitrary_rule, packet4};
use crate::packet::PortId;
use crate::wire::checksum::Delta;
use crate::wire::{Ipv4Mut, vxlan};

/// A rule that a packet of [`shapes`] may well match, and that changes anything.
fn likely_rule() -> impl Strategy<Value = UdpRule> {
    let port = || prop::option::weighted(0.5, 0u16..4);
    let network = |host: IpAddr| {
        let len = prop_oneof![Just(0u8), Just(15), Just(24), Just(31), Just(32)];
        prop::option::weighted(0.4, len.prop_map(move |len| Network::new(host, len)))
            .prop_map(Option::flatten)
    };
    let from = prop::option::weighted(0.2, 0u16..2);
    let sides = (
        port(),
        port(),
        network(SOURCE.into()),
        network(DESTINATION.into()),
    );
    (arbitrary_rule(), sides, from).prop_map(|(mut rule, sides, from)| {
        (rule.source.port, rule.destination.port) = (sides.0, sides.1);
        (rule.source.network, rule.destination.network) = (sides.2, sides.3);
        rule.from = from.map(PortId);
        rule
    })
}

/// A datagram between [`SOURCE`] and [`DESTINATION`], often damaged.
fn shapes() -> impl Strategy<Value = Vec<u8>> {
    let port = || prop_oneof![8 => 0u16..4, 1 => Just(vxlan::PORT)];
    let checksum = prop_oneof![
        Just(None),
        Just(Some(0)),
        Just(Some(0xffff)),
        any::<u16>().prop_map(Some)
    ];
    // What is anywhere in the headers, and what has a meaning of its own.
    let anywhere = (0usize..44, any::<u8>());
    let telling = prop::sample::select(&[
        (12usize, 0x81u8),
        (13, 6),
        (14, 0x46),
        (14, 0x65),
        (15, 0xff),
        (16, 1),
        (17, 45),
        (17, 27),
        (20, 0x20),
        (20, 0x40),
        (21, 1),
        (22, 0),
        (23, 6),
        (39, 7),
        (39, 17),
        (39, 18),
        (39, 19),
        (42, 8),
    ]);
    let damage = prop::collection::vec(prop_oneof![1 => anywhere, 2 => telling], 0..3);
    let host = |address: Ipv4Addr| {
        (0u8..2).prop_map(move |low| Ipv4Addr::from_bits(address.to_bits() ^ u32::from(low)))
    };
    let whole = (host(SOURCE), host(DESTINATION), (port(), port()), checksum);
    let rest = (damage, any::<bool>(), any::<Option<u16>>(), 0usize..12);
    (whole, rest).prop_map(
        |((source, destination, ports, udp), (damage, mend, sum, cut))| {
            let mut frame = packet4(source.octets(), destination.octets(), ports, &[7; 10]);
            for (at, byte) in damage {
                frame[at] = byte;
            }
            if let Some(udp) = udp {
                frame[40..42].copy_from_slice(&udp.to_be_bytes());
            }
            if mend {
                if let Some(sum) = sum {
                    // A right sum whatever it is: the identification makes up for it.
                    frame[18..20].fill(0);
                    if let Ok(mut ip) = Ipv4Mut::new(&mut frame[14..]) {
                        ip.fill_checksum();
                        let there = u16::from_be_bytes([frame[24], frame[25]]);
                        let ident = Delta::of_u16(sum, 0).apply(there);
                        frame[18..20].copy_from_slice(&(!ident).to_be_bytes());
                        frame[24..26].copy_from_slice(&sum.to_be_bytes());
                    }
                } else if let Ok(mut ip) = Ipv4Mut::new(&mut frame[14..]) {
                    ip.fill_checksum();
                }
            }
            frame.truncate(52 - cut);
            frame
        },
    )
}

proptest! {
    #[test]
    fn the_short_way_gives_what_the_general_one_gives(
        rules in prop::collection::vec(likely_rule(), 0..5),
        frames in prop::collection::vec((0u16..2, shapes()), 1..8),
    ) {
        let mut stage: UdpForwarder<5> = UdpForwarder::new();
        for rule in rules {
            // Some name both families.
            let _ = stage.add(rule);
        }
        with_lab(4, |lab| {
            for (port, frame) in &frames {
                both_ways(lab, &stage, *port, frame);
            }
        });
    }

    /// Often four of which one is damaged; and by rules of which each packet takes another.
    #[test]
    fn four_together_become_what_each_becomes_alone(
        rules in prop::collection::vec(likely_rule(), 0..5),
        all in likely_rule(),
        port in 0u16..2,
        odd in prop::collection::vec((0usize..4, shapes()), 0..3),
        plain in prop::array::uniform4((0u16..4, 0u16..4, any::<u16>(), any::<[bool; 2]>())),
    ) {
        let mut stage: UdpForwarder<6> = UdpForwarder::new();
        for rule in rules {
            // Some name both families.
            let _ = stage.add(rule);
        }
        // What the others do not take, mostly.
        let all = UdpRule { source: Endpoint::default(), destination: Endpoint::default(), ..all };
        let _ = stage.add(all);
        let mut frames = plain.map(|(source_port, destination_port, udp, [source, destination])| {
            let hosts = [flip(SOURCE, source), flip(DESTINATION, destination)].map(|host| host.octets());
            let mut frame = packet4(hosts[0], hosts[1], (source_port, destination_port), &[7; 10]);
            frame[40..42].copy_from_slice(&udp.to_be_bytes());
            frame
        });
        for (at, frame) in odd {
            frames[at] = frame;
        }
        with_lab(8, |lab| {
            four_at_a_time(lab, &mut stage, port, frames.each_ref().map(|frame| &frame[..]));
        });
    }

    /// Often eight to one port, of which some are damaged or go elsewhere.
    #[test]
    fn eight_together_become_what_each_becomes_alone(
        rules in prop::collection::vec(likely_rule(), 0..4),
        all in likely_rule(),
        (from, to) in (0u16..2, 0u16..4),
        odd in prop::collection::vec((0usize..8, shapes()), 0..2),
        plain in prop::array::uniform8((0u16..4, any::<u16>(), any::<[bool; 2]>())),
    ) {
        let mut stage: UdpForwarder<5> = UdpForwarder::new();
        for rule in rules {
            // Some name both families.
            let _ = stage.add(rule);
        }
        let all = UdpRule { source: Endpoint::default(), destination: Endpoint::default(), ..all };
        let _ = stage.add(all);
        let mut frames = plain.map(|(port, udp, others)| {
            let hosts = [flip(SOURCE, others[0]), flip(DESTINATION, others[1])].map(|host| host.octets());
            let mut frame = packet4(hosts[0], hosts[1], (port, to), &[7; 10]);
            frame[40..42].copy_from_slice(&udp.to_be_bytes());
            frame
        });
        for (at, frame) in odd {
            frames[at] = frame;
        }
        with_lab(24, |lab| {
            eight_at_a_time(lab, &mut stage, from, frames.each_ref().map(|frame| &frame[..]));
        });
    }

    /// Whole bursts, of any length, of one port or of several: what becomes of each packet alone.
    #[test]
    fn bursts_become_what_their_packets_become(
        rules in prop::collection::vec(likely_rule(), 1..5),
        frames in prop::collection::vec(shapes(), 1..40),
        chained in prop::collection::vec(0usize..40, 0..2),
        decided in prop::collection::vec(0usize..40, 0..2),
        alike in 0usize..40,
        known: bool,
        hidden: bool,
    ) {
        let mut frames = frames;
        for (at, frame) in frames.iter_mut().take(alike).enumerate() {
            *frame = packet4(SOURCE.octets(), DESTINATION.octets(), (at as u16 & 3, 2), &[7; 10]);
        }
        let mut stage: UdpForwarder<5> = UdpForwarder::new();
        for rule in rules {
            let _ = stage.add(rule);
        }
        with_lab(160, |lab| {
            let [mut packets, mut alone] = [(); 2].map(|()| {
                let each = frames.iter().enumerate();
                let packets = each.map(|(at, frame)| {
                    let port = if known { 1 } else { at as u16 & 1 };
                    match chained.contains(&at) {
                        true => lab.chain(port, &[frame, b"more"]),
                        false => lab.chain(port, &[frame]),
                    }
                });
                packets.collect::<Vec<_>>()
            });
            let mut verdicts = std::vec![Verdict::UNDECIDED; packets.len()];
            for at in decided.iter().filter(|at| **at < frames.len()) {
                verdicts[*at] = Verdict::PUNT;
            }
            let before = verdicts.clone();
            let lot = Lot::new(&mut packets, &mut verdicts, lab.now);
            let mut lot = if known { lot.from_port(PortId(1)) } else { lot };
            process(&mut stage, &mut lot, hidden);
            for (at, packet) in alone.iter_mut().enumerate() {
                let expected = if !before[at].is_undecided() {
                    before[at]
                } else if packet.is_chained() {
                    Verdict::drop(DropReason::CHAINED)
                } else {
                    stage.decide(packet)
                };
                assert_eq!(verdicts[at], expected, "{at}: {:02x?}", frames[at]);
                assert_eq!(packets[at].data(), packet.data());
                assert_eq!(packets[at].layers, packet.layers);
            }
        });
    }

    #[test]
    fn every_checksum_comes_out_as_the_general_way_has_it(
        rule in likely_rule(), udp in any::<u16>(), ident in any::<u16>(),
    ) {
        let mut rule = rule;
        (rule.source, rule.destination, rule.from) = Default::default();
        let mut frame = packet4(SOURCE.octets(), DESTINATION.octets(), (1, 2), b"x");
        frame[18..20].copy_from_slice(&ident.to_be_bytes());
        frame[40..42].copy_from_slice(&udp.to_be_bytes());
        let _ = Ipv4Mut::new(&mut frame[14..]).map(|mut ip| ip.fill_checksum());
        // Nothing is known about what matches; then everything is.
        for exact in [false, true] {
            if exact {
                let host = |address: Ipv4Addr, port| Endpoint {
                    network: Some(Network::host(address.into())),
                    port: Some(port),
                };
                (rule.source, rule.destination) = (host(SOURCE, 1), host(DESTINATION, 2));
            }
            let mut stage: UdpForwarder<1> = UdpForwarder::new();
            if stage.add(rule).is_ok() {
                with_lab(24, |lab| {
                    assert!(both_ways(lab, &stage, 0, &frame));
                    let four = four_at_a_time(lab, &mut stage, 0, [&frame; 4]);
                    let eight = eight_at_a_time(lab, &mut stage, 0, [&frame; 8]);
                    assert_eq!(eight, four && go_by_eights());
                });
            }
        }
    }

    #[test]
    fn of_all_rules_the_first_that_matches_is_found(
        rules in prop::collection::vec(likely_rule(), 0..40),
        packets in prop::collection::vec((0u16..2, 0u16..4, 0u16..4, any::<[bool; 2]>()), 1..20),
    ) {
        let mut stage: UdpForwarder<40> = UdpForwarder::new();
        let mut added = Vec::new();
        for mut rule in rules {
            rule.to = PortId(added.len() as u16);
            if stage.add(rule).is_ok() {
                added.push(rule);
            }
        }
        with_lab(4, |lab| {
            for (port, source_port, destination_port, others) in packets {
                let (source, destination) = (flip(SOURCE, others[0]), flip(DESTINATION, others[1]));
                let frame = packet4(
                    source.octets(),
                    destination.octets(),
                    (source_port, destination_port),
                    b"x",
                );
                let matched = added.iter().find(|rule| {
                    rule.from.is_none_or(|from| from.0 == port)
                        && is_in(rule.source, source, source_port)
                        && is_in(rule.destination, destination, destination_port)
                        && [rule.new_source, rule.new_destination]
                            .iter()
                            .flatten()
                            .all(IpAddr::is_ipv4)
                });
                let sent = lab.feed(&mut stage, &[(port, frame)]).sent;
                let ports: Vec<u16> = sent.iter().map(|(port, _)| *port).collect();
                let expected: Vec<u16> = matched.iter().map(|rule| rule.to.0).collect();
                assert_eq!(ports, expected);
            }
        });
    }
}

/// The address, or its neighbour.
fn flip(address: Ipv4Addr, other: bool) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() ^ u32::from(other))
}

/// By the words of [`Endpoint`]'s documentation.
fn is_in(endpoint: Endpoint, address: Ipv4Addr, port: u16) -> bool {
    let contains = endpoint.network.is_none_or(|network| match network {
        Network::V4(prefix) => prefix.contains(address.to_bits()),
        Network::V6(_) => false,
    });
    contains && endpoint.port.is_none_or(|wanted| wanted == port)
}

#[test]
fn ports_that_share_a_bucket_keep_their_rules() {
    with_lab(4, |lab| {
        let mut stage: UdpForwarder<64> = UdpForwarder::new();
        for at in 0..64 {
            let mut rule = UdpRule::to(PortId(at));
            rule.destination.port = Some(at * 977);
            stage.add(rule).expect("there is room");
        }
        for at in 0..64 {
            let ports = (5, at * 977);
            let frame = packet4(SOURCE.octets(), DESTINATION.octets(), ports, b"x");
            let out = lab.feed(&mut stage, &[(0, frame.clone())]);
            assert_eq!(out.sent, [(at, frame)]);
        }
    });
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[test]
fn rules_of_other_ports_are_passed_over_once_for_a_lot() {
    let plain = packet4(SOURCE.octets(), DESTINATION.octets(), (5, 53), b"four");
    // The last is the first of its port; behind many others it is found all the same.
    for others in 0..12 {
        let mut stage: UdpForwarder<13> = UdpForwarder::new();
        for at in 0..=others {
            let mut rule = UdpRule::to(PortId(at));
            rule.from = Some(PortId(u16::from(at == others)));
            rule.new_source_port = Some(100 + at);
            stage.add(rule).expect("there is room");
        }
        let any = stage.rules.any_from(PortId(1));
        let first = stage.rules.first_of(0, any).expect("a rule");
        let passed = first.words.elsewhere(PortId(1)) == 0;
        assert_eq!(passed, others <= 8, "{others}");
        with_lab(16, |lab| {
            assert!(four_at_a_time(lab, &mut stage, 1, [&plain; 4]), "{others}");
            assert_eq!(four_at_a_time(lab, &mut stage, 0, [&plain; 4]), others > 0);
        });
    }
}

#[test]
fn plain_datagrams_go_the_short_way_and_no_others() {
    let plain = packet4(SOURCE.octets(), DESTINATION.octets(), (5, 53), b"four");
    let with = |at: usize, byte: u8| {
        let mut frame = plain.clone();
        frame[at] = byte;
        let _ = Ipv4Mut::new(&mut frame[14..]).map(|mut ip| ip.fill_checksum());
        frame
    };
    let mut padded = plain.clone();
    padded.resize(60, 0);
    let mut wrong_sum = plain.clone();
    wrong_sum[24] ^= 1;
    let (cut, shorter) = (plain[..45].to_vec(), with(39, 11));
    let vxlan = {
        let mut frame = plain.clone();
        frame[36..38].copy_from_slice(&vxlan::PORT.to_be_bytes());
        frame
    };
    let short = [
        plain.clone(),
        padded,
        with(15, 0xb8),
        with(20, 0x40),
        with(22, 1),
    ];
    let general = [
        cut,
        shorter,
        wrong_sum,
        vxlan,
        with(12, 0x81),
        with(14, 0x46),
        with(20, 0x20),
        with(21, 1),
        with(23, 6),
        with(39, 7),
        plain[..41].to_vec(),
    ];
    with_lab(24, |lab| {
        for rules in 0..2 {
            let mut stage: UdpForwarder<4> = UdpForwarder::new();
            if rules > 0 {
                stage.add(UdpRule::to(PortId(3))).expect("a rule");
            }
            for frame in &short {
                assert!(both_ways(lab, &stage, 0, frame), "{frame:02x?}");
            }
            for frame in &general {
                assert!(!both_ways(lab, &stage, 0, frame), "{frame:02x?}");
            }
            for (lane, frame) in
                (0..8).flat_map(|lane| short.iter().map(move |frame| (lane, frame)))
            {
                let together = four_at_a_time(lab, &mut stage, 0, but(&plain, lane / 2, frame));
                assert_eq!(together, rules > 0, "{frame:02x?}");
                let together = eight_at_a_time(lab, &mut stage, 0, but(&plain, lane, frame));
                assert_eq!(together, rules > 0 && go_by_eights(), "{frame:02x?}");
            }
            for (lane, frame) in
                (0..8).flat_map(|lane| general.iter().map(move |frame| (lane, frame)))
            {
                let four = but(&plain, lane / 2, frame);
                assert!(!four_at_a_time(lab, &mut stage, 0, four), "{frame:02x?}");
                let eight = but(&plain, lane, frame);
                assert!(!eight_at_a_time(lab, &mut stage, 0, eight), "{frame:02x?}");
            }
        }
    });
}

/// The same frame everywhere, but an odd one in one place.
fn but<'a, const COUNT: usize>(frame: &'a [u8], at: usize, odd: &'a [u8]) -> [&'a [u8]; COUNT] {
    let mut frames = [frame; COUNT];
    frames[at] = odd;
    frames
}

const SOURCE: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 8);

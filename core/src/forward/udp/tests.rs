//! The UDP forwarder against etherparse: what leaves is what the rules say, and adds up.

use std::vec;
use std::vec::Vec;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use proptest::prelude::*;

use super::super::testing::{Out, with_lab};
use super::*;
use crate::packet::PortId;
use crate::wire::MacAddr;

#[path = "agreement.rs"]
mod agreement;
#[path = "ways.rs"]
mod ways;

/// A UDP packet over IPv4.
fn packet4(source: [u8; 4], destination: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv4(source, destination, 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, payload)
        .expect("a vector takes it");
    frame
}

/// A UDP packet over IPv6.
fn packet6(source: [u8; 16], destination: [u8; 16], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .ipv6(source, destination, 64)
        .udp(ports.0, ports.1);
    let mut frame = Vec::new();
    builder
        .write(&mut frame, payload)
        .expect("a vector takes it");
    frame
}

/// Feeds one packet to a forwarder of one rule.
fn forward(rule: UdpRule, frame: &[u8]) -> Out {
    let mut result = Out::default();
    with_lab(64, |lab| {
        let mut stage: UdpForwarder<4> = UdpForwarder::new();
        stage.add(rule).expect("a rule that fits together");
        result = lab.feed(&mut stage, &[(0, frame.to_vec())]);
    });
    result
}

/// The UDP checksum in the packet, and the one that etherparse computes.
fn checksums(frame: &[u8]) -> (u16, u16) {
    let sliced = SlicedPacket::from_ethernet(frame).expect("well formed");
    let Some(TransportSlice::Udp(udp)) = &sliced.transport else {
        panic!("UDP")
    };
    let header = udp.to_header();
    let computed = match sliced.net.as_ref().expect("IP") {
        NetSlice::Ipv4(ip) => {
            let ip = ip.header().to_header();
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            header.calc_checksum_ipv4(&ip, udp.payload())
        }
        NetSlice::Ipv6(ip) => header.calc_checksum_ipv6(&ip.header().to_header(), udp.payload()),
        NetSlice::Arp(_) => panic!("IP"),
    };
    (header.checksum, computed.expect("of this length"))
}

/// Any change, of any packet.
fn arbitrary_rule() -> impl Strategy<Value = UdpRule> {
    let v4 = any::<[u8; 4]>().prop_map(core::net::IpAddr::from);
    let v6 = any::<[u8; 16]>().prop_map(core::net::IpAddr::from);
    let addresses = prop_oneof![
        (prop::option::of(v4.clone()), prop::option::of(v4)),
        (prop::option::of(v6.clone()), prop::option::of(v6)),
    ];
    let ports = (
        prop::option::of(1..=u16::MAX),
        prop::option::of(1..=u16::MAX),
    );
    let mac = prop::option::of(any::<[u8; 6]>().prop_map(MacAddr));
    (addresses, ports, mac).prop_map(|(addresses, ports, mac)| UdpRule {
        new_source: addresses.0,
        new_destination: addresses.1,
        new_source_port: ports.0,
        new_destination_port: ports.1,
        new_destination_mac: mac,
        ..UdpRule::to(PortId(1))
    })
}

proptest! {
    #[test]
    fn what_is_rewritten_adds_up(
        rule in arbitrary_rule(),
        v6 in any::<bool>(),
        from in any::<[u8; 16]>(),
        to in any::<[u8; 16]>(),
        ports in any::<(u16, u16)>(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        without in any::<bool>(),
    ) {
        let first = |bytes: [u8; 16]| [bytes[0], bytes[1], bytes[2], bytes[3]];
        let mut frame = if v6 {
            packet6(from, to, ports, &payload)
        } else {
            packet4(first(from), first(to), ports, &payload)
        };
        let l4 = if v6 { 54 } else { 34 };
        if without {
            frame[l4 + 6..l4 + 8].fill(0);
        }
        let out = forward(rule, &frame);
        let addressed = [rule.new_source, rule.new_destination].into_iter().flatten().next();
        if addressed.is_some_and(|address| address.is_ipv6() != v6) {
            prop_assert_eq!(out.dropped, [DropReason::NO_MATCH]);
            return Ok(());
        }
        prop_assert_eq!(out.sent.len(), 1);
        let (port, sent) = &out.sent[0];
        prop_assert_eq!(*port, 1);
        let (there, computed) = checksums(sent);
        if without {
            prop_assert_eq!(there, 0, "there was none, and there is none");
        } else {
            // Both zeros mean the same to a receiver, and only one is allowed on the wire.
            prop_assert_eq!(there, if computed == 0 { 0xffff } else { computed });
        }
        // Everything else is as it was, or as the rule says.
        let mut expected = frame.clone();
        let at = if v6 { (22, 38, 16) } else { (26, 30, 4) };
        let octets = |address: core::net::IpAddr| match address {
            core::net::IpAddr::V4(address) => address.octets().to_vec(),
            core::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        if let Some(new) = rule.new_source {
            expected[at.0..at.0 + at.2].copy_from_slice(&octets(new));
        }
        if let Some(new) = rule.new_destination {
            expected[at.1..at.1 + at.2].copy_from_slice(&octets(new));
        }
        if let Some(new) = rule.new_source_port {
            expected[l4..l4 + 2].copy_from_slice(&new.to_be_bytes());
        }
        if let Some(new) = rule.new_destination_port {
            expected[l4 + 2..l4 + 4].copy_from_slice(&new.to_be_bytes());
        }
        if let Some(mac) = rule.new_destination_mac {
            expected[..6].copy_from_slice(&mac.0);
        }
        expected[l4 + 6..l4 + 8].copy_from_slice(&sent[l4 + 6..l4 + 8]);
        if !v6 {
            expected[24..26].copy_from_slice(&sent[24..26]);
        }
        prop_assert_eq!(&expected, sent);
    }

    #[test]
    fn whatever_comes_is_accounted_for(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        with_lab(64, |lab| {
            let mut stage: UdpForwarder<4> = UdpForwarder::new();
            let mut rule = UdpRule::to(PortId(1));
            rule.new_source_port = Some(7);
            stage.add(rule).expect("it fits together");
            let mut good = packet4([192, 0, 2, 1], [192, 0, 2, 2], (1, 2), &[0; 30]);
            for (at, byte) in &damage {
                let at = at.index(good.len());
                good[at] = *byte;
            }
            let mut all: Vec<_> = frames.iter().map(|frame| (0, frame.clone())).collect();
            all.push((0, good));
            let out = lab.feed(&mut stage, &all);
            assert_eq!(out.sent.len() + out.dropped.len() + out.punted.len(), all.len());
            for (_, frame) in &out.sent {
                SlicedPacket::from_ethernet(frame).expect("well formed");
            }
        });
    }
}

#[test]
fn the_first_rule_that_matches_wins() {
    let frame = |ports| packet4([10, 1, 2, 3], [192, 0, 2, 9], ports, b"x");
    let network = |text: &str| Some(Network::V4(text.parse().expect("a prefix")));
    let mut rules = vec![UdpRule::to(PortId(1)); 4];
    rules[0].source.network = network("10.2.0.0/16");
    rules[1].to = PortId(2);
    rules[1].source.network = network("10.1.0.0/16");
    rules[1].destination.port = Some(53);
    rules[2].to = PortId(3);
    rules[2].from = Some(PortId(7));
    rules[3].to = PortId(4);
    rules[3].destination.network = network("192.0.2.8/29");
    with_lab(64, |lab| {
        let mut stage: UdpForwarder<4> = UdpForwarder::new();
        for rule in rules {
            stage.add(rule).expect("it fits together");
        }
        assert_eq!(
            stage.add(UdpRule::to(PortId(0))),
            Err(UdpRuleError::TooMany(4))
        );
        let fed = [
            (0, frame((9, 53))),
            (7, frame((53, 9))),
            (0, frame((53, 9))),
        ];
        let out = lab.feed(&mut stage, &fed);
        let ports: Vec<u16> = out.sent.iter().map(|(port, _)| *port).collect();
        assert_eq!(ports, [2, 3, 4]);
    });
}

/// Whichever way has been given up meanwhile.
#[test]
fn rules_that_share_a_port_take_their_packets_lot_after_lot() {
    let frames = |to: &dyn Fn(usize) -> (u8, u16)| -> Vec<Vec<u8>> {
        let frame = |at| {
            let (host, port) = to(at);
            packet4([10, 1, 2, host], [192, 0, 2, 9], (5, port), b"x")
        };
        (0..32).map(frame).collect()
    };
    let mut stage: UdpForwarder<9> = UdpForwarder::new();
    for host in 0..8u8 {
        let mut rule = UdpRule::to(PortId(host.into()));
        rule.source.network = Network::new([10, 1, 2, host].into(), 32);
        rule.destination.port = Some(53);
        stage.add(rule).expect("it fits together");
    }
    let mut other = UdpRule::to(PortId(8));
    other.destination.port = Some(80);
    stage.add(other).expect("it fits together");
    let shared = frames(&|at| (at as u8 & 7, 53));
    let alike = frames(&|at| (at as u8 & 7, 80));
    let mixed = frames(&|at| (0, if at & 1 == 0 { 80 } else { 53 }));
    with_lab(64, |lab| {
        for (lots, frames, to) in [
            (80, &shared, [0, 1, 2, 3, 4, 5, 6, 7]),
            (80, &mixed, [8, 0, 8, 0, 8, 0, 8, 0]),
            (80, &alike, [8; 8]),
            (10, &shared, [0, 1, 2, 3, 4, 5, 6, 7]),
            (10, &alike, [8; 8]),
        ] {
            for _ in 0..lots {
                let mut packets: Vec<_> =
                    frames.iter().map(|frame| lab.chain(0, &[frame])).collect();
                let mut verdicts = [Verdict::UNDECIDED; 32];
                let lot = Lot::new(&mut packets, &mut verdicts, lab.now);
                stage.process(&mut lot.from_port(PortId(0)));
                for (at, verdict) in verdicts.into_iter().enumerate() {
                    assert_eq!(verdict.port(), Some(PortId(to[at % 8])), "{at}");
                }
            }
        }
    });
}

#[test]
fn others_are_dropped_by_name_or_left() {
    let udp = packet4([10, 1, 2, 3], [192, 0, 2, 9], (1, 2), b"x");
    let mut fragment = udp.clone();
    fragment[20] = 0x20;
    // The header checksum, for 0x2000 more.
    let sum = u16::from_be_bytes([fragment[24], fragment[25]]);
    let sum = crate::wire::checksum::Delta::of_u16(0x4000, 0x2000).apply(sum);
    fragment[24..26].copy_from_slice(&sum.to_be_bytes());
    let mut tcp = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 1, 2, 3], [192, 0, 2, 9], 64)
        .tcp(1, 2, 3, 4)
        .write(&mut tcp, b"x")
        .expect("a vector takes it");
    let mut damaged = udp.clone();
    damaged[24] ^= 1;
    let frames = [(0, udp), (0, fragment), (0, tcp), (0, damaged)];
    for others in [Others::Drop, Others::Leave] {
        with_lab(64, |lab| {
            let mut stage = UdpForwarder::<4>::new().others(others);
            let mut rule = UdpRule::to(PortId(1));
            rule.source.port = Some(99);
            stage.add(rule).expect("it fits together");
            let out = lab.feed(&mut stage, &frames);
            let names = match others {
                Others::Drop => [
                    DropReason::NO_MATCH,
                    DropReason::FRAGMENT,
                    DropReason::UNKNOWN_PROTOCOL,
                    DropReason::L3_CHECKSUM,
                ],
                Others::Leave => [
                    DropReason::UNDECIDED,
                    DropReason::UNDECIDED,
                    DropReason::UNDECIDED,
                    DropReason::L3_CHECKSUM,
                ],
            };
            assert_eq!(out.dropped, names);
        });
    }
}

#[test]
fn a_source_routed_packet_is_not_given_another_destination() {
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]);
    let mut header = etherparse::Ipv4Header::new(
        0,
        64,
        etherparse::ip_number::UDP,
        [10, 1, 2, 3],
        [192, 0, 2, 9],
    )
    .expect("a header");
    header.options = [131, 7, 4, 192, 0, 2, 1, 0]
        .as_slice()
        .try_into()
        .expect("options");
    let mut frame = Vec::new();
    builder
        .ip(etherparse::IpHeaders::Ipv4(
            header,
            etherparse::Ipv4Extensions::default(),
        ))
        .udp(1, 2)
        .write(&mut frame, b"x")
        .expect("a vector takes it");
    let mut rule = UdpRule::to(PortId(1));
    rule.new_source_port = Some(9);
    assert_eq!(forward(rule, &frame).sent.len(), 1, "its destination stays");
    rule.new_destination = Some([192, 0, 2, 7].into());
    assert_eq!(forward(rule, &frame).dropped, [DropReason::OPTIONS]);
}

#[test]
fn rules_that_contradict_themselves_are_named() {
    let mut stage: UdpForwarder<4> = UdpForwarder::new();
    let mut rule = UdpRule::to(PortId(1));
    rule.source.network = Network::new([10, 0, 0, 0].into(), 8);
    rule.new_destination = Some("2001:db8::1".parse().expect("an address"));
    assert_eq!(stage.add(rule), Err(UdpRuleError::MixedFamilies));
    let mut rule = UdpRule::to(PortId(1));
    rule.new_source_port = Some(0);
    assert_eq!(stage.add(rule), Err(UdpRuleError::PortZero));
    assert!(stage.is_empty());
}

//! IPv6: forwarding and ICMPv6.
//!
//! Port 0 is 2001:db8:a::1/64, port 1 is 2001:db8:b::1/64, 2001:db8:f::/48 is behind the gateway
//! 2001:db8:b::fe.

use core::net::Ipv6Addr;

use super::*;
use crate::wire::checksum::PseudoHeader;
use crate::wire::{
    EtherType, EthernetHeader, Header, Icmpv6, Icmpv6Message, IpProtocol, Ipv6Header,
};

pub(super) fn ip(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

pub(super) fn host_a() -> Ipv6Addr {
    ip("2001:db8:a::10")
}

pub(super) fn host_b() -> Ipv6Addr {
    ip("2001:db8:b::20")
}

pub(super) fn with_net6(test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut Net<'m, 'p>)) {
    with_net(|lab, router| {
        for (port, own) in [(0, "2001:db8:a::1"), (1, "2001:db8:b::1")] {
            let hop = router.add_ipv6(PortId(port), ip(own), 64).unwrap();
            let prefix = Prefix6::new(ip(own).to_bits(), 64).unwrap();
            router.tables().1.insert(prefix, hop);
        }
        let gateway = Target::Gateway(PortId(1), ip("2001:db8:b::fe").into());
        let hop = router.next_hop(gateway).unwrap();
        router
            .tables()
            .1
            .insert("2001:db8:f::/48".parse().unwrap(), hop);
        test(lab, router);
    });
}

pub(super) fn know_all6(router: &mut Net<'_, '_>) {
    for (port, address, mac) in [
        (0, host_a(), HOST_A),
        (1, host_b(), HOST_B),
        (1, ip("2001:db8:b::fe"), GATEWAY),
    ] {
        router
            .set_neighbour(PortId(port), address.into(), mac)
            .unwrap();
    }
}

/// From host A's station by port 0.
pub(super) fn udp6(from: Ipv6Addr, to: Ipv6Addr, hops: u8, payload: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
        .ipv6(from.octets(), to.octets(), hops)
        .udp(4000, 5000);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, &vec![7; payload]).unwrap();
    bytes
}

/// A message of ICMPv6 from a station.
pub(super) fn icmp6(
    (to_mac, from_mac): (MacAddr, MacAddr),
    (from, to): (Ipv6Addr, Ipv6Addr),
    hops: u8,
    write: impl FnOnce(&mut [u8], &PseudoHeader) -> usize,
) -> Vec<u8> {
    let mut bytes = vec![0; 54 + 100];
    let pseudo = PseudoHeader::ipv6(from, to);
    let len = write(&mut bytes[54..], &pseudo);
    bytes.truncate(54 + len);
    let mut header = Ipv6Header::new(from, to, IpProtocol::ICMPV6, len as u16);
    header.set_hop_limit(hops);
    let rest = EthernetHeader::new(to_mac, from_mac, EtherType::IPV6)
        .write(&mut bytes)
        .unwrap();
    header.write(rest).unwrap();
    bytes
}

pub(super) fn message(frame: &[u8]) -> Icmpv6Message {
    Icmpv6::new(&frame[54..]).unwrap().message()
}

#[test]
fn forwards_on_the_fast_path_beside_ipv4() {
    with_net6(|lab, router| {
        know_all(router);
        know_all6(router);
        let far = ip("2001:db8:f:1::9");
        let frames: Vec<_> = vec![
            (0, udp6(host_a(), host_b(), 64, 100)),
            (0, udp(A, B, 64, 20)),
            (0, udp6(host_a(), far, 2, 0)),
            (0, udp(A, FAR, 64, 20)),
        ];
        let out = lab.feed(router, &frames);
        assert_eq!((out.exceptions, out.sent.len()), (0, 4));
        assert_well_formed(&out);
        for (number, to, hops) in [(0, HOST_B, 63), (2, GATEWAY, 1)] {
            let (sent, given) = (&out.sent[number].1, &frames[number].1);
            assert_eq!(macs(sent), (to, ROUTER[1]));
            assert_eq!(sent[21], hops);
            assert_eq!((&sent[12..21], &sent[22..]), (&given[12..21], &given[22..]));
        }
    });
}

#[test]
fn the_slow_path_gives_the_same_bytes() {
    with_net6(|lab, router| {
        know_all6(router);
        let frames = vec![(0, udp6(host_a(), host_b(), 64, 100))];
        let fast = lab.feed(router, &frames);
        lab.offloads = crate::packet::Offloads::VLAN_STRIPPED;
        let slow = lab.feed(router, &frames);
        assert_eq!((fast.exceptions, slow.exceptions), (0, 1));
        assert_eq!(fast.sent, slow.sent);
    });
}

#[test]
fn reasons_for_drops() {
    with_net6(|lab, router| {
        know_all6(router);
        let plain = || udp6(host_a(), host_b(), 64, 8);
        let from = |from: &str| udp6(ip(from), host_b(), 64, 8);
        let to = |to: &str| udp6(host_a(), ip(to), 64, 8);
        let mut broadcast = plain();
        broadcast[..6].fill(0xff);
        let mut version = plain();
        version[14] = 0x40;
        let cases = [
            (version, DropReason::MALFORMED_L3),
            (plain()[..53].to_vec(), DropReason::TRUNCATED),
            (plain()[..69].to_vec(), DropReason::TRUNCATED),
            (broadcast, DropReason::NOT_FOR_US),
            (from("::"), DropReason::MARTIAN_SOURCE),
            (from("::1"), DropReason::MARTIAN_SOURCE),
            (from("ff02::1"), DropReason::MARTIAN_SOURCE),
            (to("::"), DropReason::MARTIAN_DESTINATION),
            (to("::1"), DropReason::MARTIAN_DESTINATION),
            (to("fe80::77"), DropReason::MARTIAN_DESTINATION),
            (to("ff05::1:3"), DropReason::NOT_SPOKEN),
            (to("ff02::1:ff00:77"), DropReason::NOT_SPOKEN),
            (to("ff02::1"), DropReason::NOT_SPOKEN), // UDP to all nodes
        ];
        for (number, (frame, why)) in cases.into_iter().enumerate() {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!(out.dropped, [why], "case {number}");
            assert!(out.sent.is_empty(), "case {number}");
        }
    });
}

//! Each decision of the parser by an example of its own. What holds for all packets is in
//! `fuzz/harness/tests/parse.rs`, agreement with another parser in `oracle_etherparse` beside it.

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

#[test]
fn ethernet_and_padding() {
    let udp = Kinds::IPV4 | Kinds::UDP;
    let mut frame = ethernet(0x0800, &ipv4(17, &[], 0, &UDP));
    check(&frame, udp, 14, Some(34), Outcome::Complete);
    frame.resize(60, 0xff);
    check(&frame, udp, 14, Some(34), Outcome::Complete);
    frame.truncate(41);
    check(
        &frame,
        Kinds::empty(),
        14,
        None,
        Outcome::Truncated(Layer::Payload),
    );
    let unknown = Outcome::UnknownEtherType(EtherType(0x88cc));
    check(&ethernet(0x88cc, &[]), Kinds::empty(), 14, None, unknown);
    let empty = Outcome::Truncated(Layer::Ethernet);
    check(&[2; 13], Kinds::empty(), 0, None, empty);
}

#[test]
fn tags_up_to_the_bound() {
    let packet = ipv4(6, &[], 0, &tcp(5));
    let one = ethernet(VLAN, &tagged(7, 0x0800, &packet));
    let kinds = Kinds::VLAN | Kinds::IPV4 | Kinds::TCP;
    check(&one, kinds, 18, Some(38), Outcome::Complete);
    let two = ethernet(QINQ, &tagged(7, VLAN, &tagged(8, 0x0800, &packet)));
    check(&two, kinds | Kinds::QINQ, 22, Some(42), Outcome::Complete);

    let mut inner = tagged(0, 0x0800, &packet);
    for _ in 1..MAX_TAGS {
        inner = tagged(0, 0x9100, &inner);
    }
    let frame = ethernet(0x9100, &inner);
    check(&frame, kinds | Kinds::QINQ, 30, Some(50), Outcome::Complete);
    let frame = ethernet(VLAN, &tagged(0, 0x9100, &inner));
    let many = Outcome::Malformed(Check::TooManyTags);
    check(&frame, Kinds::VLAN | Kinds::QINQ, 30, None, many);

    let cut = Outcome::Truncated(Layer::Vlan);
    check(&one[..17], Kinds::empty(), 14, None, cut);
}

const MAX_TAGS: u8 = crate::wire::VlanTags::MAX;

#[test]
fn llc_and_snap() {
    let packet = ipv4(17, &[], 0, &UDP);
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &packet].concat();
    let length = snap.len() as u16;
    let mut frame = ethernet(length, &snap);
    let kinds = Kinds::LLC | Kinds::IPV4 | Kinds::UDP;
    check(&frame, kinds, 22, Some(42), Outcome::Complete);
    // The length ends the packet, and what is behind it is padding.
    frame.extend([0; 20]);
    check(&frame, kinds, 22, Some(42), Outcome::Complete);
    frame[13] -= 1;
    let cut = Outcome::Truncated(Layer::Payload);
    check(&frame, Kinds::LLC, 22, None, cut);
    let cut = Outcome::Truncated(Layer::Llc);
    check(&ethernet(length + 1, &snap), Kinds::empty(), 14, None, cut);
    // SNAP that its own length cuts off; LLC that does not fit its length.
    check(&ethernet(7, &snap), Kinds::LLC, 14, None, cut);
    let short = Outcome::Malformed(Check::LlcLength);
    check(&ethernet(2, &snap), Kinds::empty(), 14, None, short);
    check(
        &ethernet(3, &[0x42, 0x42, 0]),
        Kinds::empty(),
        14,
        None,
        short,
    );
    // Spanning tree; an organization of its own; a length behind a length.
    let unknown = |sap| Outcome::UnknownSap(Sap(sap));
    let frame = ethernet(3, &[0x42, 0x42, 3]);
    check(&frame, Kinds::LLC, 14, None, unknown(0x42));
    let frame = ethernet(8, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]);
    check(&frame, Kinds::LLC, 14, None, unknown(0xaa));
    let frame = ethernet(8, &[0xaa, 0xaa, 3, 0, 0, 0, 0, 5]);
    let unknown = Outcome::UnknownEtherType(EtherType(5));
    check(&frame, Kinds::LLC, 22, None, unknown);
    let unknown = Outcome::UnknownEtherType(EtherType(1501));
    check(
        &ethernet(1501, &[0; 1501]),
        Kinds::empty(),
        14,
        None,
        unknown,
    );
    // Over several frames.
    let mut long = std::vec![0; 1500];
    long[..snap.len()].copy_from_slice(&snap);
    let frame = ethernet(1500, &long);
    check(&frame, kinds, 22, Some(42), Outcome::Complete);
    let parsed = parse_first::<VERIFY>(&frame[..100], frame.len() - 1);
    assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Llc));
}

#[test]
fn mpls() {
    let packet = ipv6(17, &UDP);
    let mut stack = std::vec![0, 0, 1, 64];
    stack.splice(0..0, [0, 1, 0, 64]);
    let frame = ethernet(0x8847, &[&stack[..], &packet].concat());
    let kinds = Kinds::MPLS | Kinds::IPV6 | Kinds::UDP;
    check(&frame, kinds, 22, Some(62), Outcome::Complete);
    check(
        &ethernet(0x8848, &[&stack[..], &[0x10]].concat()),
        Kinds::MPLS,
        22,
        None,
        Outcome::UnknownInMpls,
    );
    let cut = Outcome::Truncated(Layer::Mpls);
    check(&ethernet(0x8847, &stack), Kinds::MPLS, 22, None, cut);
    check(
        &ethernet(0x8847, &stack[..7]),
        Kinds::empty(),
        14,
        None,
        cut,
    );
    let endless = ethernet(0x8847, &[0; 100]);
    let many = Outcome::Malformed(Check::TooManyLabels);
    check(&endless, Kinds::empty(), 14, None, many);
}

#[test]
fn arp() {
    let mut frame = ethernet(0x0806, &[0; 28]);
    frame[14..22].copy_from_slice(&[0, 1, 8, 0, 6, 4, 0, 1]);
    check(&frame, Kinds::ARP, 14, None, Outcome::Complete);
    let cut = Outcome::Truncated(Layer::Arp);
    check(&frame[..41], Kinds::empty(), 14, None, cut);
    frame[19] = 16;
    let bad = Outcome::Malformed(Check::ArpFormat);
    check(&frame, Kinds::empty(), 14, None, bad);
}

#[test]
fn ipv4_checks() {
    let good = ipv4(17, &[1; 8], 0, &UDP);
    let kinds = Kinds::IPV4 | Kinds::L3_OPTIONS | Kinds::UDP;
    check_ip(&good, kinds, Some(28), Outcome::Complete);
    let wrong = |at: usize, value: u8, outcome| {
        let mut packet = good.clone();
        packet[at] = value;
        let parsed = parse_ip::<TRUST>(&packet);
        assert_eq!(parsed.outcome, outcome, "byte {at} = {value}");
        assert!(parsed.layers.kinds().is_empty());
    };
    wrong(0, 0x57, Outcome::Malformed(Check::IpVersion));
    wrong(0, 0x44, Outcome::Malformed(Check::Ipv4HeaderLength));
    wrong(3, 27, Outcome::Malformed(Check::Ipv4TotalLength));
    wrong(3, 0, Outcome::Malformed(Check::Ipv4TotalLength));
    wrong(3, 37, Outcome::Truncated(Layer::Payload));
    check_ip(&[], Kinds::empty(), None, Outcome::Truncated(Layer::Ip));
    for len in 1..28 {
        let cut = Outcome::Truncated(Layer::Ipv4);
        check_ip(&good[..len], Kinds::empty(), None, cut);
    }
    // Any bit of the header that is wrong, with or without options.
    for packet in [good.clone(), ipv4(17, &[], 0, &UDP)] {
        for bit in 0..(packet.len() - 8) * 8 {
            let mut packet = packet.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(parse_ip::<VERIFY>(&packet).layers.kinds().is_empty());
        }
    }
    // Announced as the other version.
    let frame = ethernet(0x0800, &ipv6(17, &UDP));
    let bad = Outcome::Malformed(Check::IpVersion);
    check(&frame, Kinds::empty(), 14, None, bad);
    let frame = ethernet(0x86dd, &ipv4(17, &[], 0, &[0; 20]));
    check(&frame, Kinds::empty(), 14, None, bad);
}

#[test]
fn fragments() {
    let kinds = Kinds::IPV4 | Kinds::FRAGMENT;
    // UDP's length is that of the whole datagram.
    let long = [0, 53, 0, 53, 0x10, 0, 0, 0];
    let first = ipv4(17, &[], 0x2000, &long);
    check_ip(&first, kinds | Kinds::UDP, Some(20), Outcome::FirstFragment);
    let whole = ipv4(17, &[], 0x4000, &long);
    let bad = Outcome::Malformed(Check::UdpLength);
    check_ip(&whole, Kinds::IPV4, None, bad);
    let later = ipv4(17, &[], 0x0001, &UDP);
    check_ip(&later, kinds, None, Outcome::LaterFragment);
    let middle = ipv4(17, &[], 0x2001, &[]);
    check_ip(&middle, kinds, None, Outcome::LaterFragment);
    // RFC 1858: a first fragment that is too small for TCP.
    let tiny = ipv4(6, &[], 0x2000, &[0; 8]);
    let cut = Outcome::Truncated(Layer::Tcp);
    check_ip(&tiny, kinds, None, cut);

    let options = Kinds::IPV6 | Kinds::L3_OPTIONS;
    let fragment = |offset: u16, more: u16, payload: &[u8]| {
        let field = (offset | more).to_be_bytes();
        let header = [17, 0, field[0], field[1], 0, 0, 0, 1];
        ipv6(44, &[&header[..], payload].concat())
    };
    let kinds = options | Kinds::FRAGMENT;
    check_ip(
        &fragment(0, 1, &long),
        kinds | Kinds::UDP,
        Some(48),
        Outcome::FirstFragment,
    );
    check_ip(&fragment(8, 1, &UDP), kinds, None, Outcome::LaterFragment);
    check_ip(&fragment(8, 0, &[]), kinds, None, Outcome::LaterFragment);
    // RFC 6946: a whole packet.
    let complete = Outcome::Complete;
    check_ip(
        &fragment(0, 0, &UDP),
        options | Kinds::UDP,
        Some(48),
        complete,
    );
    check_ip(&fragment(0, 0, &long), options, None, bad);
}

#[test]
fn extension_headers() {
    let kinds = Kinds::IPV6 | Kinds::L3_OPTIONS;
    let chain = |types: &[u8], payload: &[u8]| {
        let mut bytes: Vec<u8> = types[1..]
            .iter()
            .flat_map(|&next| [next, 0, 1, 4, 0, 0, 0, 0])
            .collect();
        bytes.extend(payload);
        ipv6(types[0], &bytes)
    };
    // Hop-by-hop, destination, routing, destination.
    let packet = chain(&[0, 60, 43, 60, 6], &tcp(8));
    check_ip(&packet, kinds | Kinds::TCP, Some(72), Outcome::Complete);
    // All the way up to where it is too much.
    let most = [60; Ipv6Extensions::MAX as usize];
    let packet = chain(&[&most[..], &[17]].concat(), &UDP);
    check_ip(&packet, kinds | Kinds::UDP, Some(104), Outcome::Complete);
    let packet = chain(&[&most[..], &[60, 17]].concat(), &UDP);
    let many = Outcome::Malformed(Check::TooManyExtensions);
    check_ip(&packet, kinds, None, many);
    let packet = chain(&[60, 0, 17], &UDP);
    let misplaced = Outcome::Malformed(Check::HopByHopNotFirst);
    check_ip(&packet, kinds, None, misplaced);
    check_ip(&chain(&[60, 59], &[]), kinds, None, Outcome::Complete);
    check_ip(&ipv6(59, &[1]), Kinds::IPV6, None, Outcome::Complete);
    // Cut off in the middle, or by its own length.
    let cut = Outcome::Truncated(Layer::Extension);
    check_ip(&ipv6(60, &[17, 0, 1, 4, 0, 0, 0]), Kinds::IPV6, None, cut);
    check_ip(
        &ipv6(60, &[17, 1, 1, 4, 0, 0, 0, 0]),
        Kinds::IPV6,
        None,
        cut,
    );
    check_ip(
        &chain(&[0, 6], &tcp(5)[..19]),
        kinds,
        None,
        Outcome::Truncated(Layer::Tcp),
    );
    // 40 + 984 bytes are one word more than the offset can say.
    let mut long = std::vec![0; 984 + 8];
    long[..2].copy_from_slice(&[17, (984 / 8 - 1) as u8]);
    let bad = Outcome::Malformed(Check::ExtensionsLength);
    check_ip(&ipv6(60, &long), Kinds::IPV6, None, bad);
    long[1] -= 1;
    long[976..984].copy_from_slice(&UDP);
    check_ip(
        &ipv6(60, &long),
        kinds | Kinds::UDP,
        Some(1016),
        Outcome::Complete,
    );
}

#[test]
fn authentication_header() {
    let mut ah = [0; 24];
    ah[..2].copy_from_slice(&[17, 4]);
    let payload = [&ah[..], &UDP].concat();
    let options = Kinds::L3_OPTIONS | Kinds::UDP;
    check_ip(
        &ipv6(51, &payload),
        Kinds::IPV6 | options,
        Some(64),
        Outcome::Complete,
    );
    let packet = ipv4(51, &[], 0, &payload);
    check_ip(&packet, Kinds::IPV4 | options, Some(44), Outcome::Complete);
    ah[1] = 0;
    let bad = Outcome::Malformed(Check::AhLength);
    check_ip(&ipv4(51, &[], 0, &ah), Kinds::IPV4, None, bad);
    let cut = Outcome::Truncated(Layer::Extension);
    check_ip(&ipv4(51, &[], 0, &payload[..20]), Kinds::IPV4, None, cut);
    // Only AH is an extension header of IPv4.
    let unknown = Outcome::UnknownProtocol(IpProtocol::DESTINATION);
    let packet = ipv4(60, &[], 0, &payload);
    check_ip(&packet, Kinds::IPV4 | Kinds::OTHER_L4, Some(20), unknown);
}

#[test]
fn jumbograms() {
    let packet = |len: u32, payload: usize| {
        let mut packet = ipv6(0, &[17, 0, JUMBO, 4, 0, 0, 0, 0, 0, 53, 0, 53, 0, 0, 0, 0]);
        packet[44..48].copy_from_slice(&len.to_be_bytes());
        packet[4..6].fill(0);
        packet.resize(40 + payload, 0);
        packet
    };
    let kinds = Kinds::IPV6 | Kinds::L3_OPTIONS | Kinds::UDP;
    check_ip(
        &packet(0x1_0010, 0x1_0010),
        kinds,
        Some(48),
        Outcome::Complete,
    );
    let cut = Outcome::Truncated(Layer::Payload);
    check_ip(&packet(0x1_0000, 0xffff), Kinds::empty(), None, cut);
    let bad = Outcome::Malformed(Check::JumboLength);
    check_ip(&packet(0xffff, 0xffff), Kinds::empty(), None, bad);
    // The length 0 without the option is none at all.
    let mut other = packet(0x1_0010, 0x1_0010);
    other[42] = 5;
    let cut = Outcome::Truncated(Layer::Extension);
    check_ip(&other, Kinds::IPV6, None, cut);
    // Padding in front of the option, and a fragment header behind.
    let mut padded = packet(0, 0x1_0018);
    padded[41..52].copy_from_slice(&[1, 0, 1, 0, 0, 0, JUMBO, 4, 0, 1, 0]);
    padded[52..58].copy_from_slice(&[0x18, 1, 2, 0, 0, 0]);
    padded[40] = 44;
    padded[56..60].copy_from_slice(&[17, 0, 0, 1]);
    let bad = Outcome::Malformed(Check::JumboLength);
    check_ip(&padded, Kinds::IPV6 | Kinds::L3_OPTIONS, None, bad);
    padded[59] = 0;
    check_ip(&padded, kinds, Some(64), Outcome::Complete);
    // In several frames.
    let frame = ethernet(0x86dd, &packet(0x1_0010, 0x1_0010));
    check(&frame, kinds, 14, Some(62), Outcome::Complete);
}

const JUMBO: u8 = 0xc2;

#[test]
fn udp_and_tcp_lengths() {
    let udp = |len: u8, payload: usize| {
        let mut datagram = UDP.to_vec();
        datagram[5] = len;
        datagram.resize(payload, 0);
        ipv4(17, &[], 0, &datagram)
    };
    let kinds = Kinds::IPV4 | Kinds::UDP;
    check_ip(&udp(12, 12), kinds, Some(20), Outcome::Complete);
    // Bytes of IP that are not UDP's.
    check_ip(&udp(8, 12), kinds, Some(20), Outcome::Complete);
    let bad = Outcome::Malformed(Check::UdpLength);
    for len in [0, 7, 13] {
        check_ip(&udp(len, 12), Kinds::IPV4, None, bad);
    }
    check_ip(
        &udp(8, 7),
        Kinds::IPV4,
        None,
        Outcome::Truncated(Layer::Udp),
    );

    let mut segment = tcp(6);
    let kinds = Kinds::IPV4 | Kinds::TCP;
    check_ip(
        &ipv4(6, &[], 0, &segment),
        kinds,
        Some(20),
        Outcome::Complete,
    );
    let cut = Outcome::Truncated(Layer::Tcp);
    check_ip(&ipv4(6, &[], 0, &segment[..23]), Kinds::IPV4, None, cut);
    check_ip(&ipv4(6, &[], 0, &segment[..19]), Kinds::IPV4, None, cut);
    segment[12] = 0x40;
    let bad = Outcome::Malformed(Check::TcpDataOffset);
    check_ip(&ipv4(6, &[], 0, &segment), Kinds::IPV4, None, bad);
}

#[test]
fn other_protocols() {
    // Protocol, over IPv6 or IPv4, bytes needed, kind, layer.
    for (protocol, v6, needed, kind, layer) in [
        (1, false, 8, Kinds::ICMP, Layer::Icmp),
        (58, true, 8, Kinds::ICMP, Layer::Icmp),
        (132, false, 12, Kinds::SCTP, Layer::Sctp),
        (132, true, 12, Kinds::SCTP, Layer::Sctp),
        (47, true, 4, Kinds::GRE, Layer::Gre),
    ] {
        let bytes = [0; 12];
        for len in 0..=12 {
            let (packet, ip, l4) = if v6 {
                (ipv6(protocol, &bytes[..len]), Kinds::IPV6, 40)
            } else {
                (ipv4(protocol, &[], 0, &bytes[..len]), Kinds::IPV4, 20)
            };
            if len < needed {
                check_ip(&packet, ip, None, Outcome::Truncated(layer));
            } else {
                check_ip(&packet, ip | kind, Some(l4), Outcome::Complete);
            }
        }
    }
    // The other version's ICMP is no ICMP.
    for (packet, ip, l4, protocol) in [
        (ipv4(58, &[], 0, &[0; 8]), Kinds::IPV4, 20, 58),
        (ipv6(1, &[0; 8]), Kinds::IPV6, 40, 1),
        (ipv4(4, &[], 0, &[]), Kinds::IPV4, 20, 4),
        (ipv6(50, &[0; 8]), Kinds::IPV6, 40, 50),
    ] {
        let unknown = Outcome::UnknownProtocol(IpProtocol(protocol));
        check_ip(&packet, ip | Kinds::OTHER_L4, Some(l4), unknown);
    }
}

#[test]
fn gre_flags() {
    let gre = |flags: u16, len: usize| {
        let mut bytes = flags.to_be_bytes().to_vec();
        bytes.resize(len, 0);
        ipv4(47, &[], 0, &bytes)
    };
    let kinds = Kinds::IPV4 | Kinds::GRE;
    for (flags, needed) in [(0, 4), (0x8000, 8), (0x2000, 8), (0xb000, 16), (0x03f8, 4)] {
        check_ip(&gre(flags, needed), kinds, Some(20), Outcome::Complete);
        let cut = Outcome::Truncated(Layer::Gre);
        check_ip(&gre(flags, needed - 1), Kinds::IPV4, None, cut);
    }
    for flags in [0x4000, 0x0800, 0x0400] {
        let bad = Outcome::Malformed(Check::GreFlags);
        check_ip(&gre(flags, 20), Kinds::IPV4, None, bad);
    }
    let pptp = Outcome::Malformed(Check::GreVersion);
    check_ip(&gre(0x2001, 20), Kinds::IPV4, None, pptp);
}

#[test]
fn vxlan_needs_its_flag_and_its_header() {
    let vxlan = |flags: u8, len: usize| {
        let mut datagram = [0xff, 0xff, 0x12, 0xb5, 0, len as u8, 0, 0, flags].to_vec();
        datagram.resize(20, 0);
        ipv4(17, &[], 0, &datagram)
    };
    let udp = Kinds::IPV4 | Kinds::UDP;
    let complete = Outcome::Complete;
    check_ip(&vxlan(8, 16), udp | Kinds::VXLAN, Some(20), complete);
    check_ip(&vxlan(8, 15), udp, Some(20), complete);
    check_ip(&vxlan(0, 16), udp, Some(20), complete);
}

#[test]
fn behind_an_ethertype() {
    let packet = ipv6(6, &tcp(5));
    let parsed = parse_ethertype::<VERIFY>(EtherType(VLAN), &tagged(1, 0x86dd, &packet));
    assert_eq!(parsed.outcome, Outcome::Complete);
    assert_eq!(parsed.layers.l3_offset(), 4);
    assert_eq!(parsed.layers.l4_offset(), Some(44));
}

#[test]
fn headers_must_be_in_the_first_frame() {
    let frame = ethernet(0x0800, &ipv4(6, &[], 0, &tcp(10)));
    for first in 14 + 20 + 20..14 + 20 + 40 {
        let parsed = parse_first::<VERIFY>(&frame[..first], frame.len());
        assert_eq!(parsed.outcome, Outcome::Truncated(Layer::Tcp));
    }
    // A total below what is there is not believed.
    assert_eq!(parse_first::<VERIFY>(&frame, 0), parse::<VERIFY>(&frame));
}

//! What IP carries, and what is the same for every layer.

use super::*;

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

//! IPv4 and IPv6.

use super::*;

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

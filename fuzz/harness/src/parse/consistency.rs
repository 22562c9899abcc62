//! What the parser says is what the views say, one after the other.

use linecard::wire::parse::{self, Check, Outcome, Parsed};
use linecard::wire::*;

/// Parses bytes by `parse` and holds the answer against the views: each header is there, and the
/// outcome fits.
///
/// # Panics
/// If one does not.
pub fn check(frame: &[u8], parse: fn(&[u8]) -> Parsed) -> Parsed {
    let parsed = parse(frame);
    views_can_be_made(frame, parsed);
    outcome_fits(parsed);
    parsed
}

/// With the checksum verified the answer is the same, but for a header whose checksum is wrong.
///
/// # Panics
/// If it is not.
pub fn checksum_is_all_that_differs(frame: &[u8], trusting: Parsed) {
    let verifying = parse::parse::<{ parse::VERIFY }>(frame);
    if verifying == trusting {
        if trusting.layers.contains(Kinds::IPV4) {
            let ip = Ipv4::new(&frame[trusting.layers.l3_offset()..]).unwrap();
            assert!(ip.checksum_ok());
        }
        return;
    }
    assert_eq!(verifying.outcome, Outcome::Malformed(Check::Ipv4Checksum));
    let header = &frame[trusting.layers.l3_offset()..];
    let len = usize::from(header[0] & 0x0f) * 4;
    assert!(!checksum::is_valid(&header[..len]));
    assert_eq!(verifying.layers.l3_offset(), trusting.layers.l3_offset());
}

/// A packet that starts with IP is parsed as behind Ethernet.
///
/// # Panics
/// If it is not.
pub fn same_behind_ethernet(packet: &[u8]) {
    let parsed = check(packet, parse::parse_ip::<{ parse::TRUST }>);
    let ethertype = match packet.first().map(|first| first >> 4) {
        Some(4) => EtherType::IPV4,
        Some(6) => EtherType::IPV6,
        _ => return,
    };
    let frame = [&[0; 12][..], &ethertype.0.to_be_bytes(), packet].concat();
    let framed = parse::parse::<{ parse::TRUST }>(&frame);
    assert_eq!(framed.outcome, parsed.outcome);
    assert_eq!(framed.layers.moved_forward(14), Some(parsed.layers));
    let behind = parse::parse_ethertype::<{ parse::TRUST }>(ethertype, packet);
    assert_eq!(behind, parsed);
}

/// Of a packet in several frames, the first of which has `first` bytes, the same is found as long
/// as the headers are in the first one.
///
/// # Panics
/// If it is not.
pub fn same_in_several_frames(frame: &[u8], first: usize) {
    let whole = parse::parse::<{ parse::TRUST }>(frame);
    let first = frame.get(..first).unwrap_or(frame);
    let split = parse::parse_first::<{ parse::TRUST }>(first, frame.len());
    outcome_fits(split);
    if split != whole {
        // Something is not in the first frame, and no layer behind it was found.
        let vxlan = whole.layers.contains(Kinds::VXLAN) && split.layers.contains(Kinds::UDP);
        assert!(vxlan || !split.outcome.is_well_formed(), "{split} {whole}");
        let found = split.layers.kinds();
        let more = matches!(whole.outcome, Outcome::Malformed(_) | Outcome::Truncated(_))
            || whole.layers.kinds().contains(found);
        assert!(more, "{split} {whole}");
    }
    if let Some(l4) = whole
        .layers
        .l4_offset()
        .filter(|_| first.len() >= l4_end(frame, whole))
    {
        assert_eq!(split, whole, "layer 4 at {l4}");
    }
}

/// Each header that was reported can be viewed where it was reported.
fn views_can_be_made(frame: &[u8], parsed: Parsed) {
    let layers = parsed.layers;
    let l3 = frame
        .get(layers.l3_offset()..)
        .unwrap_or_else(|| panic!("layer 3 out of bounds: {parsed}"));
    if layers.contains(Kinds::ARP) {
        Arp::new(l3).expect("ARP");
    }
    let mut ends = frame.len();
    if layers.contains(Kinds::IPV4) {
        let ip = Ipv4::new(l3).expect("IPv4");
        ends = layers.l3_offset() + usize::from(ip.total_len());
        let fragment = layers.contains(Kinds::FRAGMENT);
        assert_eq!(fragment, ip.is_fragment(), "{parsed}");
    }
    if layers.contains(Kinds::IPV6) {
        let ip = Ipv6::new(l3).expect("IPv6");
        if ip.payload_len() > 0 {
            ends = layers.l3_offset() + 40 + usize::from(ip.payload_len());
        }
        if layers.l4_offset().is_some() && ip.payload_len() > 0 {
            let upper = ip.upper().expect("extension headers");
            assert_eq!(layers.l3_len(), Some(40 + upper.offset), "{parsed}");
        }
    }
    assert!(
        ends <= frame.len(),
        "the packet ends out of bounds: {parsed}"
    );
    let four = layers.kinds().intersection(Kinds::L4);
    assert_eq!(
        four.iter().count(),
        usize::from(layers.l4_offset().is_some()),
        "{parsed}"
    );
    assert!(layers.kinds().intersection(Kinds::IP).iter().count() <= 1);
    let Some(at) = layers.l4_offset() else {
        assert!(!layers.contains(Kinds::VXLAN));
        return;
    };
    let l4 = &frame[at..ends];
    let whole = !layers.contains(Kinds::FRAGMENT);
    if four == Kinds::UDP {
        let udp = Udp::new_quoted(l4).expect("UDP");
        assert!(!whole || Udp::new(l4).is_ok(), "{parsed}");
        let vxlan = udp.destination_port() == vxlan::PORT && Vxlan::new(udp.payload).is_ok();
        assert_eq!(layers.contains(Kinds::VXLAN), vxlan, "{parsed}");
    } else if four == Kinds::TCP {
        Tcp::new(l4).expect("TCP");
    } else if four == Kinds::ICMP && layers.contains(Kinds::IPV4) {
        Icmpv4::new(l4).expect("ICMP");
    } else if four == Kinds::ICMP {
        Icmpv6::new(l4).expect("ICMPv6");
    } else if four == Kinds::SCTP {
        Sctp::new(l4).expect("SCTP");
    } else if four == Kinds::GRE {
        Gre::new(l4).expect("GRE");
    } else {
        assert!(
            matches!(parsed.outcome, Outcome::UnknownProtocol(_)),
            "{parsed}"
        );
    }
}

/// The outcome fits what was found.
fn outcome_fits(parsed: Parsed) {
    let (layers, fits) = (parsed.layers, |yes: bool| assert!(yes, "{parsed}"));
    match parsed.outcome {
        Outcome::Complete => {
            fits(!layers.contains(Kinds::FRAGMENT));
            fits(layers.kinds().intersects(Kinds::ARP | Kinds::IP));
        }
        Outcome::FirstFragment => {
            fits(layers.contains(Kinds::FRAGMENT));
        }
        Outcome::LaterFragment => {
            fits(layers.contains(Kinds::FRAGMENT) && layers.l4_offset().is_none());
        }
        Outcome::UnknownProtocol(_) => fits(layers.contains(Kinds::OTHER_L4)),
        Outcome::Truncated(_) | Outcome::Malformed(_) => fits(layers.l4_offset().is_none()),
        Outcome::UnknownEtherType(_) | Outcome::UnknownSap(_) | Outcome::UnknownInMpls => {
            fits(!layers.kinds().intersects(Kinds::ARP | Kinds::IP));
        }
    }
}

/// Where the layer-4 header ends that was found.
fn l4_end(frame: &[u8], parsed: Parsed) -> usize {
    let (layers, at) = (parsed.layers, parsed.layers.l4_offset().unwrap());
    let l4 = &frame[at..];
    at + if layers.contains(Kinds::TCP) {
        usize::from(l4[12] >> 4) * 4
    } else if layers.contains(Kinds::VXLAN) {
        16
    } else if layers.contains(Kinds::GRE) {
        Gre::new(l4).unwrap().header_len()
    } else {
        // SCTP's, the longest of the others; what ends before it is not asked about.
        12
    }
}

//! Ethernet, LLC and SNAP, VLAN tags, MPLS, ARP.

use super::*;

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

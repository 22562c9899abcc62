//! Views of headers.
//!
//! For any bytes: the two views of a protocol agree on whether they are that protocol and on
//! every part; the parts lie inside the bytes; and writing what was read changes nothing.

use core::fmt::Display;

use linecard::wire::{
    Arp, ArpMut, EtherType, Ethernet, EthernetMut, Ipv4, Ipv4Mut, Llc, LlcMut, Mpls, MplsMut,
    MplsStack, Snap, SnapMut, Vlan, VlanMut, VlanTags, vlan,
};

/// Views `bytes` both ways and compares; gives the views, if the bytes are of the protocol, to
/// what follows.
macro_rules! views {
    ($bytes:expr, $view:ident::new($($arg:expr)?), $edit:ident, [$($part:ident),*], {$($set:ident($get:ident)),*}) => {{
        let bytes: &[u8] = $bytes;
        let mut copy = bytes.to_vec();
        let view = $view::new($($arg,)? bytes);
        let ok = match (&view, $edit::new($($arg,)? &mut copy)) {
            (Ok(view), Ok(mut edit)) => {
                assert_eq!(*view.header, *edit.header);
                $(
                    inside(bytes, view.$part);
                    assert_eq!(view.$part, &*edit.$part);
                )*
                assert_eq!(shown(view), shown(&edit));
                $( let value = edit.$get(); edit.$set(value); )*
                true
            }
            (Err(one), Err(other)) => {
                assert_eq!(*one, other);
                assert!(!shown(one).is_empty());
                false
            }
            (one, other) => panic!("one view accepts: {one:?}, {other:?}"),
        };
        if ok {
            assert_eq!(copy, bytes, "writing what was read changed something");
        }
        view.ok()
    }};
}

/// Any bytes as an Ethernet frame.
pub fn ethernet(bytes: &[u8]) {
    views!(bytes, Ethernet::new(), EthernetMut, [payload],
        {set_destination(destination), set_source(source), set_ethertype(ethertype)});
}

/// Any bytes as a VLAN tag and as a frame with tags; a tag that is pushed and popped leaves the
/// frame as it was.
pub fn vlan(bytes: &[u8]) {
    views!(bytes, Vlan::new(), VlanMut, [payload], {set_tci(tci), set_ethertype(ethertype)});
    let Ok(frame) = Ethernet::new(bytes) else {
        return;
    };
    let mut tags = VlanTags::new(&frame);
    let mut count = 0;
    for tag in tags.by_ref() {
        count += 1;
        let Ok((kind, tag)) = tag else { break };
        let mut room = vec![0; 4];
        room.extend(bytes);
        vlan::push(&mut room, kind, tag.tci()).expect("there is a header to tag");
        assert_eq!(vlan::pop(&mut room), Ok((kind, tag.tci())));
        assert_eq!(&room[4..], bytes);
    }
    assert!(count <= usize::from(VlanTags::MAX) + 1);
    inside(bytes, tags.payload());
}

/// Any bytes as an LLC frame of any length, and as SNAP.
pub fn llc(bytes: &[u8]) {
    let Some((length, bytes)) = bytes.split_first_chunk() else {
        return;
    };
    let length = EtherType(u16::from_be_bytes(*length));
    views!(bytes, Llc::new(length), LlcMut, [control, payload],
        {set_destination(destination), set_source(source), set_control(control)});
    views!(bytes, Snap::new(), SnapMut, [payload],
        {set_organization(organization), set_protocol(protocol)});
}

/// Any bytes as an ARP packet; a reply to it asks the same question the other way round.
pub fn arp(bytes: &[u8]) {
    if let Some(arp) = views!(bytes, Arp::new(), ArpMut, [], { set_operation(operation) }) {
        let mac = arp.sender_mac();
        let reply = arp.header.reply(mac);
        assert_eq!(
            (reply.sender_ip(), reply.target_ip()),
            (arp.target_ip(), arp.sender_ip())
        );
        assert_eq!((reply.sender_mac(), reply.target_mac()), (mac, mac));
    }
}

/// Any bytes as an MPLS label and as a stack of them.
pub fn mpls(bytes: &[u8]) {
    views!(bytes, Mpls::new(), MplsMut, [payload],
        {set_label(label), set_traffic_class(traffic_class), set_bottom(is_bottom), set_ttl(ttl)});
    let mut stack = MplsStack::new(bytes);
    let count = stack.by_ref().count();
    assert!(count <= usize::from(MplsStack::MAX) + 1);
    inside(bytes, stack.payload());
}

/// Any bytes as an IPv4 packet; a checksum that was right stays right when the TTL goes down.
pub fn ipv4(bytes: &[u8]) {
    let packet = views!(bytes, Ipv4::new(), Ipv4Mut, [options, payload],
        {set_dscp(dscp), set_ecn(ecn), set_total_len(total_len), set_ident(ident), set_ttl(ttl),
         set_protocol(protocol), set_checksum(checksum), set_source(source),
         set_destination(destination), set_dont_fragment(dont_fragment)});
    if let Ok(quoted) = Ipv4::new_quoted(bytes) {
        inside(bytes, quoted.payload);
        assert!(quoted.payload.len() >= packet.map_or(0, |packet| packet.payload.len()));
    }
    let Some(packet) = packet else { return };
    for option in packet.options() {
        assert!(
            !shown(&option.map_or_else(|error| shown(&error), |option| shown(&option))).is_empty()
        );
    }
    let mut copy = bytes.to_vec();
    let mut edit = Ipv4Mut::new(&mut copy).expect("it was one");
    let ok = edit.checksum_ok();
    assert_eq!(ok, packet.checksum_ok());
    if edit.decrement_ttl().is_some() {
        assert_eq!(edit.ttl(), packet.ttl() - 1);
        assert_eq!(edit.checksum_ok(), ok, "{packet}");
    } else {
        assert!(packet.ttl() <= 1);
    }
    edit.fill_checksum();
    assert!(edit.checksum_ok());
}

/// `part` lies inside of `whole`, in memory.
fn inside(whole: &[u8], part: &[u8]) {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    assert!(whole.start <= part.start && part.end <= whole.end);
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}

//! Layer 2, and ARP.

use linecard::wire::{
    Arp, ArpMut, EtherType, Ethernet, EthernetMut, Llc, LlcMut, Mpls, MplsMut, MplsStack, Snap,
    SnapMut, Vlan, VlanMut, VlanTags, vlan,
};

use super::{inside, shown, views};

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

//! Layer 4, and tunnels.

use core::net::Ipv6Addr;

use linecard::wire::checksum::PseudoHeader;
use linecard::wire::{Gre, GreMut, Sctp, SctpMut, Tcp, TcpMut, Udp, UdpMut, Vxlan, VxlanMut};

use super::{inside, shown, views};

const PSEUDO: PseudoHeader = PseudoHeader::ipv4(
    core::net::Ipv4Addr::LOCALHOST,
    core::net::Ipv4Addr::BROADCAST,
);

/// Any bytes as a UDP datagram.
pub fn udp(bytes: &[u8]) {
    let datagram = views!(bytes, Udp::new(), UdpMut, [payload],
        {set_source_port(source_port), set_destination_port(destination_port), set_length(length),
         set_checksum(checksum)});
    if let Ok(quoted) = Udp::new_quoted(bytes) {
        inside(bytes, quoted.payload);
        assert!(quoted.payload.len() >= datagram.map_or(0, |datagram| datagram.payload.len()));
    }
    let Some(datagram) = datagram else { return };
    assert_eq!(datagram.has_checksum(), datagram.checksum() != 0);
    assert!(datagram.has_checksum() || datagram.checksum_ok(&PSEUDO));
    // RFC 8200, 8.1: over IPv6 "the UDP checksum is not optional".
    let pseudo6 = PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    assert!(datagram.has_checksum() || !datagram.checksum_ok(&pseudo6));
    let mut copy = bytes.to_vec();
    for pseudo in [PSEUDO, pseudo6] {
        let mut edit = UdpMut::new(&mut copy).expect("it was one");
        edit.fill_checksum(&pseudo);
        assert!(edit.has_checksum() && edit.checksum_ok(&pseudo));
    }
}

/// Any bytes as a TCP segment with options.
pub fn tcp(bytes: &[u8]) {
    let Some(segment) = views!(bytes, Tcp::new(), TcpMut, [options, payload],
        {set_source_port(source_port), set_destination_port(destination_port),
         set_sequence(sequence), set_acknowledgment(acknowledgment), set_flags(flags),
         set_window(window), set_checksum(checksum), set_urgent(urgent)})
    else {
        return;
    };
    let mut options = segment.options();
    while let Some(option) = options.next() {
        inside(bytes, options.rest());
        assert!(
            !option
                .map_or_else(|error| shown(&error), |option| shown(&option))
                .is_empty()
        );
    }
    let mut copy = bytes.to_vec();
    let mut edit = TcpMut::new(&mut copy).expect("it was one");
    edit.fill_checksum(&PSEUDO);
    assert!(edit.checksum_ok(&PSEUDO));
}

/// Any bytes as an SCTP packet and its chunks.
pub fn sctp(bytes: &[u8]) {
    let Some(packet) = views!(bytes, Sctp::new(), SctpMut, [payload],
        {set_source_port(source_port), set_destination_port(destination_port), set_tag(tag),
         set_checksum(checksum)})
    else {
        return;
    };
    for chunk in packet.chunks() {
        assert!(
            !chunk
                .map_or_else(|error| shown(&error), |chunk| shown(&chunk))
                .is_empty()
        );
    }
    let mut copy = bytes.to_vec();
    let mut edit = SctpMut::new(&mut copy).expect("it was one");
    edit.fill_checksum();
    assert!(edit.checksum_ok());
}

/// Any bytes as GRE with its optional fields.
pub fn gre(bytes: &[u8]) {
    let Some(packet) = views!(bytes, Gre::new(), GreMut, [fields, payload], {
        set_protocol(protocol)
    }) else {
        return;
    };
    let mut copy = bytes.to_vec();
    let mut edit = GreMut::new(&mut copy).expect("it was one");
    assert_eq!(edit.checksum_ok(), packet.checksum_ok());
    assert_eq!(edit.set_key(7), packet.key().is_some());
    assert_eq!(edit.set_sequence(9), packet.sequence().is_some());
    assert_eq!(edit.fill_checksum(), packet.checksum().is_some());
    assert!(edit.checksum_ok());
    let again = Gre::new(&copy).expect("its flags are the same");
    assert_eq!(again.key(), packet.key().map(|_| 7));
    assert_eq!(again.sequence(), packet.sequence().map(|_| 9));
    assert_eq!(again.payload, packet.payload);
}

/// Any bytes as VXLAN.
pub fn vxlan(bytes: &[u8]) {
    views!(bytes, Vxlan::new(), VxlanMut, [payload], { set_vni(vni) });
}

//! Changing addresses and ports in place, as NAT and a UDP forwarder do.

use core::net::{Ipv4Addr, Ipv6Addr};

use linecard::wire::checksum::{Delta, PseudoHeader};
use linecard::wire::{IpProtocol, Ipv4Mut, Ipv6Mut, TcpMut, UdpMut};

use crate::input::Input;

/// Rewrites addresses and ports of an IPv4 or IPv6 packet of any bytes and tells the checksums of
/// the change: right ones stay right and wrong ones wrong, and UDP without one stays without.
pub fn rewrite(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (new, port) = (input.u32(), input.u16());
    let mut packet = input.rest().to_vec();
    match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4(&mut packet, Ipv4Addr::from_bits(new), port),
        Some(6) => ipv6(&mut packet, new, port),
        _ => {}
    }
}

fn ipv4(packet: &mut [u8], new: Ipv4Addr, port: u16) {
    let Ok(mut ip) = Ipv4Mut::new(packet) else {
        return;
    };
    if ip.is_fragment() {
        return;
    }
    let before = PseudoHeader::ipv4(ip.source(), ip.destination());
    let header_ok = ip.checksum_ok();
    let change = Delta::of_ipv4(ip.source(), new);
    let after = PseudoHeader::ipv4(new, ip.destination());
    ip.set_source(new);
    let checksum = change.apply(ip.checksum());
    ip.set_checksum(checksum);
    assert_eq!(ip.checksum_ok(), header_ok);
    let protocol = ip.protocol();
    upper(protocol, ip.payload, before, after, change, port);
}

fn ipv6(packet: &mut [u8], new: u32, port: u16) {
    let Ok(mut ip) = Ipv6Mut::new(packet) else {
        return;
    };
    let before = PseudoHeader::ipv6(ip.source(), ip.destination());
    let mut octets = ip.source().octets();
    octets[12..].copy_from_slice(&new.to_be_bytes());
    let source = Ipv6Addr::from(octets);
    let change = Delta::of_ipv6(ip.source(), source);
    let after = PseudoHeader::ipv6(source, ip.destination());
    ip.set_source(source);
    let protocol = ip.next_header();
    upper(protocol, ip.payload, before, after, change, port);
}

/// Rewrites the source port; `change` is that of the addresses.
fn upper(
    protocol: IpProtocol,
    bytes: &mut [u8],
    before: PseudoHeader,
    after: PseudoHeader,
    change: Delta,
    port: u16,
) {
    match protocol {
        IpProtocol::UDP => {
            let Ok(mut udp) = UdpMut::new(bytes) else {
                return;
            };
            let (ok, had) = (udp.checksum_ok(&before), udp.has_checksum());
            let change = change.and(Delta::of_u16(udp.source_port(), port));
            udp.set_source_port(port);
            udp.update_checksum(change);
            assert_eq!(udp.has_checksum(), had);
            assert_eq!(udp.checksum_ok(&after), ok);
        }
        IpProtocol::TCP => {
            let Ok(mut tcp) = TcpMut::new(bytes) else {
                return;
            };
            let ok = tcp.checksum_ok(&before);
            let change = change.and(Delta::of_u16(tcp.source_port(), port));
            tcp.set_source_port(port);
            tcp.update_checksum(change);
            assert_eq!(tcp.checksum_ok(&after), ok);
        }
        _ => {}
    }
}

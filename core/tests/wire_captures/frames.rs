//! Well-formed frames, put together header by header.

use core::net::{Ipv4Addr, Ipv6Addr};

use linecard::wire::checksum::PseudoHeader;
use linecard::wire::ndp::NeighborFlags;
use linecard::wire::*;

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const HOST_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ROUTER_4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
const HOST_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ROUTER_6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe);

/// Well-formed frames, each with the kinds of headers in it, sorted.
pub(crate) fn generated() -> Vec<(&'static str, Vec<u8>, Vec<&'static str>)> {
    let icmp = icmpv4_error();
    let options = [
        7, 11, 8, 10, 0, 0, 3, 0, 0, 0, 0, 148, 4, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 0,
    ];
    let packet = ipv4(IpProtocol::ICMP, &options, &icmp);
    let double = [tag(EtherType::VLAN), tag(EtherType::IPV4), packet.clone()].concat();
    let labels = [
        bytes_of(&MplsHeader::new(MplsLabel(100), 0, false, 64)),
        bytes_of(&MplsHeader::new(MplsLabel(200), 0, true, 64)),
        ipv4(IpProtocol::UDP, &[], &[0; 8]),
    ];
    let snap = [
        bytes_of(&LlcHeader::new(Sap::SNAP, Sap::SNAP, LlcHeader::UNNUMBERED)),
        bytes_of(&SnapHeader::for_ethertype(EtherType::IPV4)),
        ipv4(IpProtocol::UDP, &[], &[0; 8]),
    ]
    .concat();
    let chain = [
        &[43, 0, 5, 2, 0, 0, 1, 0][..], // hop-by-hop: router alert
        &[51, 2, 4, 0, 0, 0, 0, 0],
        &[0xfe; 16], // one segment
        &[60, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1],
        &[7; 12],                      // AH
        &[44, 0, 0x3e, 3, 1, 2, 3, 0], // destination: an option
        &[58, 0, 0, 1, 0, 0, 0, 9],    // first fragment
        &icmpv6_error(),
    ]
    .concat();
    let arp = bytes_of(&ArpHeader::request(MAC, HOST_4, ROUTER_4));

    let quoted = ["ICMPv4", "IPv4", "IPv4 option", "quote"];
    let extended = [
        "AH",
        "Ethernet",
        "ICMPv6",
        "IPv6",
        "IPv6 extension",
        "IPv6 option",
        "IPv6 options",
        "IPv6 routing",
        "quote",
    ];
    vec![
        (
            "ARP",
            ethernet(EtherType::ARP, &arp),
            vec!["ARP", "Ethernet"],
        ),
        (
            "ICMP error",
            ethernet(EtherType::IPV4, &packet),
            [&["Ethernet"], &quoted[..]].concat(),
        ),
        (
            "two tags",
            ethernet(EtherType::QINQ, &double),
            [&["Ethernet"], &quoted[..], &["VLAN"]].concat(),
        ),
        (
            "labels",
            ethernet(EtherType::MPLS, &labels.concat()),
            vec!["Ethernet", "IPv4", "MPLS"],
        ),
        (
            "SNAP",
            ethernet(EtherType(snap.len() as u16), &snap),
            vec!["Ethernet", "IPv4", "LLC", "SNAP"],
        ),
        (
            "extensions",
            ethernet(EtherType::IPV6, &ipv6(IpProtocol::HOP_BY_HOP, &chain)),
            extended.to_vec(),
        ),
        (
            "NDP",
            ethernet(EtherType::IPV6, &ipv6(IpProtocol::ICMPV6, &advertisement())),
            vec!["Ethernet", "ICMPv6", "IPv6", "NDP", "NDP option"],
        ),
    ]
    .into_iter()
    .map(|(name, frame, mut kinds)| {
        kinds.sort_unstable();
        (name, frame, kinds)
    })
    .collect()
}

fn bytes_of(header: &impl Header) -> Vec<u8> {
    let mut bytes = vec![0; size_of_val(header)];
    header.write(&mut bytes).unwrap();
    bytes
}

fn ethernet(ethertype: EtherType, payload: &[u8]) -> Vec<u8> {
    let mut frame = bytes_of(&EthernetHeader::new(MacAddr::BROADCAST, MAC, ethertype));
    frame.extend(payload);
    frame.resize(frame.len().max(60), 0);
    frame
}

fn tag(ethertype: EtherType) -> Vec<u8> {
    bytes_of(&VlanHeader::new(VlanTci::new(0, false, 7), ethertype))
}

fn ipv4(protocol: IpProtocol, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = (options.len() + payload.len()) as u16;
    let mut header = Ipv4Header::new(HOST_4, ROUTER_4, protocol, len).unwrap();
    header.set_header_words((20 + options.len()) as u8 / 4);
    let mut packet = [&bytes_of(&header), options, payload].concat();
    Ipv4Mut::new(&mut packet).unwrap().fill_checksum();
    packet
}

fn ipv6(next_header: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv6Header::new(HOST_6, ROUTER_6, next_header, payload.len() as u16);
    header.set_hop_limit(255);
    [&bytes_of(&header), payload].concat()
}

fn icmpv4_error() -> Vec<u8> {
    let mut out = vec![0; 576];
    let packet = ipv4(IpProtocol::UDP, &[], &[0; 8]);
    let code = icmpv4::unreachable::FRAGMENTATION_NEEDED;
    let message = Icmpv4Message::Unreachable {
        code,
        next_hop_mtu: 1400,
    };
    let len = icmpv4::write_error(&mut out, message, &packet).unwrap();
    out.truncate(len);
    out
}

fn icmpv6_error() -> Vec<u8> {
    let mut out = vec![0; 1280];
    let packet = ipv6(IpProtocol::UDP, &[0; 8]);
    let pseudo = PseudoHeader::ipv6(HOST_6, ROUTER_6);
    let message = Icmpv6Message::PacketTooBig { mtu: 1280 };
    let len = icmpv6::write_error(&mut out, message, &packet, &pseudo).unwrap();
    out.truncate(len);
    out
}

fn advertisement() -> Vec<u8> {
    let mut out = vec![0; 32];
    let pseudo = PseudoHeader::ipv6(HOST_6, ROUTER_6);
    ndp::write_advertisement(&mut out, HOST_6, MAC, NeighborFlags::SOLICITED, &pseudo).unwrap();
    out
}

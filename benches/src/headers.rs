//! Headers: parsing to offsets, and checksums.

use core::hint::black_box;

use linecard::wire::{checksum, parse};
use smoltcp::wire as smol;

use crate::harness::Contender;

/// Packets that a contender goes through in turn: as many as stay in L1.
const PACKETS: usize = 64;

/// Ethernet, IPv4, UDP; 64 bytes with the FCS, so 60 here.
pub fn udp_packets() -> Vec<Vec<u8>> {
    (0..PACKETS)
        .map(|number| {
            let number = number as u8;
            let builder =
                etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                    .ipv4([192, 0, 2, number], [198, 51, 100, number], 64)
                    .udp(1024 + u16::from(number), 53);
            let mut packet = Vec::new();
            builder
                .write(&mut packet, &[number; 18])
                .expect("a vector takes it");
            packet
        })
        .collect()
}

/// Ethernet, 802.1Q, IPv4, TCP with timestamps.
pub fn vlan_tcp_packets() -> Vec<Vec<u8>> {
    (0..PACKETS)
        .map(|number| {
            let number = number as u8;
            let vlan = etherparse::VlanId::try_new(100).expect("below 4096");
            let builder =
                etherparse::PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
                    .single_vlan(vlan)
                    .ipv4([192, 0, 2, number], [198, 51, 100, number], 64)
                    .tcp(1024 + u16::from(number), 443, 7, 1000)
                    .options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
                    .expect("twelve bytes of options");
            let mut packet = Vec::new();
            builder
                .write(&mut packet, &[number; 18])
                .expect("a vector takes it");
            packet
        })
        .collect()
}

/// Runs `each` over the packets in turn, once a unit.
fn over(
    name: &'static str,
    packets: &[Vec<u8>],
    mut each: impl FnMut(&[u8]) -> u32 + 'static,
) -> Contender {
    let packets = packets.to_vec();
    Contender::timed(name, move |units| {
        let mut sum = 0u32;
        for _ in 0..units.div_ceil(PACKETS as u64) {
            for packet in &packets {
                sum = sum.wrapping_add(each(black_box(packet)));
            }
        }
        black_box(sum);
    })
}

/// Parsing to offsets, the header checksum trusted.
pub fn parse_udp() -> Result<Vec<Contender>, String> {
    Ok(parsers(&udp_packets()))
}

/// Likewise, of tagged TCP.
pub fn parse_vlan_tcp() -> Result<Vec<Contender>, String> {
    Ok(parsers(&vlan_tcp_packets()))
}

/// Parsing to offsets, the header checksum verified.
pub fn parse_udp_verified() -> Result<Vec<Contender>, String> {
    let packets = udp_packets();
    let ours = over("linecard parse", &packets, |packet| {
        let parsed = parse::parse::<{ parse::VERIFY }>(packet);
        parsed.layers.l4_offset().unwrap_or(0) as u32
    });
    let smoltcp = over("smoltcp wire", &packets, |packet| {
        smoltcp_offset(packet, true)
    });
    let etherparse = over("etherparse, sliced", &packets, |packet| {
        let Ok(sliced) = etherparse::SlicedPacket::from_ethernet(packet) else {
            return 0;
        };
        let Some(etherparse::NetSlice::Ipv4(ip)) = &sliced.net else {
            return 0;
        };
        let header = ip.header();
        if header.header_checksum() != header.to_header().calc_header_checksum() {
            return 0;
        }
        etherparse_offset(packet, &sliced)
    });
    Ok(vec![ours, smoltcp, etherparse])
}

fn parsers(packets: &[Vec<u8>]) -> Vec<Contender> {
    let ours = over("linecard parse", packets, |packet| {
        let parsed = parse::parse::<{ parse::TRUST }>(packet);
        parsed.layers.l4_offset().unwrap_or(0) as u32
    });
    let smoltcp = over("smoltcp wire", packets, |packet| {
        smoltcp_offset(packet, false)
    });
    let etherparse = over("etherparse, sliced", packets, |packet| {
        etherparse::SlicedPacket::from_ethernet(packet)
            .map_or(0, |sliced| etherparse_offset(packet, &sliced))
    });
    vec![ours, smoltcp, etherparse]
}

/// Where layer 4 begins: what a program wants of a parser.
fn etherparse_offset(packet: &[u8], sliced: &etherparse::SlicedPacket<'_>) -> u32 {
    let l4 = match &sliced.transport {
        Some(etherparse::TransportSlice::Udp(udp)) => udp.slice().as_ptr(),
        Some(etherparse::TransportSlice::Tcp(tcp)) => tcp.slice().as_ptr(),
        _ => return 0,
    };
    (l4.addr() - packet.as_ptr().addr()) as u32
}

/// The same by smoltcp's checked views; it knows no 802.1Q, so a tag is skipped by hand.
fn smoltcp_offset(packet: &[u8], verify: bool) -> u32 {
    let Ok(ethernet) = smol::EthernetFrame::new_checked(packet) else {
        return 0;
    };
    let (skip, payload) = match u16::from(ethernet.ethertype()) {
        0x0800 => (14, ethernet.payload()),
        0x8100 => match ethernet.payload() {
            [_, _, 8, 0, rest @ ..] => (18, rest),
            _ => return 0,
        },
        _ => return 0,
    };
    let Ok(ip) = smol::Ipv4Packet::new_checked(payload) else {
        return 0;
    };
    if verify && !ip.verify_checksum() {
        return 0;
    }
    let whole = match ip.next_header() {
        smol::IpProtocol::Udp => smol::UdpPacket::new_checked(ip.payload()).is_ok(),
        smol::IpProtocol::Tcp => smol::TcpPacket::new_checked(ip.payload()).is_ok(),
        _ => false,
    };
    if whole {
        skip + u32::from(ip.header_len())
    } else {
        0
    }
}

/// Its checksum functions are private: an ICMPv4 packet's is that of all its bytes, and verifying
/// it is summing them.
fn smoltcp_checksum(bytes: &[u8]) -> bool {
    smol::Icmpv4Packet::new_unchecked(bytes).verify_checksum()
}

/// The Internet checksum of so many bytes, a unit being one checksum.
fn checksums(len: usize) -> Vec<Contender> {
    let packets: Vec<Vec<u8>> = (0..PACKETS)
        .map(|number| (0..len).map(|at| (at * 7 + number) as u8).collect())
        .collect();
    let ours = over("linecard checksum", &packets, |bytes| {
        u32::from(checksum::checksum(bytes))
    });
    let smoltcp = over("smoltcp", &packets, |bytes| {
        u32::from(smoltcp_checksum(bytes))
    });
    let etherparse = over("etherparse", &packets, |bytes| {
        let sum = etherparse::checksum::Sum16BitWords::new().add_slice(bytes);
        u32::from(sum.ones_complement())
    });
    vec![ours, smoltcp, etherparse]
}

/// 20 bytes.
pub fn checksum_20() -> Result<Vec<Contender>, String> {
    Ok(checksums(20))
}

/// 64 bytes.
pub fn checksum_64() -> Result<Vec<Contender>, String> {
    Ok(checksums(64))
}

/// 1,500 bytes.
pub fn checksum_1500() -> Result<Vec<Contender>, String> {
    Ok(checksums(1500))
}

/// 9,000 bytes.
pub fn checksum_9000() -> Result<Vec<Contender>, String> {
    Ok(checksums(9000))
}

//! Headers: from bytes to the offsets of layers 3 and 4.
//!
//! Every contender gives a [`Found`], so that none is let off a part of the answer: Linecard as its
//! own [`Layers`](linecard::wire::Layers) say it, which is what it gives a program.

use core::hint::black_box;

use linecard::wire::{Kinds, parse};
use pnet_packet::ip::IpNextHeaderProtocols as Next;
use pnet_packet::{ethernet, ipv4, ipv6, tcp, udp, vlan};
use smoltcp::wire as smol;

use crate::by_hand;
use crate::harness::Contender;
use crate::{packets, peer_packets};

/// What a parser says of a packet: the offsets of layers 3 and 4, the protocol of layer 4, the version
/// of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found(u32);

impl Found {
    /// From the parts; those of packets here are all below 256.
    #[inline]
    #[must_use]
    pub const fn new(l3: usize, l4: usize, protocol: u8, version: u8) -> Self {
        Self(l3 as u32 | (l4 as u32) << 8 | (protocol as u32) << 16 | (version as u32) << 24)
    }
}

/// Parsing the packets of a [kind](packets::KINDS), or the mix, with the header checksum of IPv4
/// verified or trusted.
///
/// # Errors
/// Never.
pub fn parse<const SET: usize, const VERIFY: bool>() -> Result<Vec<Contender>, String> {
    let packets = packets::set(packets::KINDS.get(SET).unwrap_or(&"mix"));
    let mut contenders = vec![
        over("linecard", &packets, layers::<VERIFY>),
        right(
            "floor: a parser by hand",
            &packets,
            by_hand::parse::<VERIFY>,
        ),
        right("smoltcp", &packets, smoltcp::<VERIFY>),
        right("etherparse", &packets, etherparse::<VERIFY>),
        right("pnet_packet, lengths by hand", &packets, pnet::<VERIFY>),
    ];
    // It verifies nothing.
    if !VERIFY {
        peer_packets::add_parser(&mut contenders, &packets, |packet| {
            let layers = parse::parse::<{ parse::TRUST }>(packet).layers;
            layers.l4_offset().unwrap_or(0) as u32
        });
    }
    Ok(contenders)
}

/// The set of all kinds.
pub const MIX: usize = packets::KINDS.len();

/// A contender that finds the headers of all `packets`: one that gives up is fast.
fn right(
    name: &'static str,
    packets: &[Vec<u8>],
    each: impl Fn(&[u8]) -> Option<Found> + 'static,
) -> Contender {
    for packet in packets {
        let found = ours::<true>(packet);
        assert!(
            found.is_some() && each(packet) == found,
            "{name}: {packet:x?}"
        );
    }
    over(name, packets, move |packet| {
        each(packet).unwrap_or_default().0
    })
}

/// Runs `each` over the packets in turn, once a unit.
pub(crate) fn over(
    name: &'static str,
    packets: &[Vec<u8>],
    mut each: impl FnMut(&[u8]) -> u32 + 'static,
) -> Contender {
    let packets = packets.to_vec();
    Contender::timed(name, move |units| {
        let mut sum = 0u32;
        for _ in 0..units.div_ceil(packets.len() as u64) {
            for packet in &packets {
                sum = sum.wrapping_add(each(black_box(packet)));
            }
        }
        black_box(sum);
    })
}

/// The kinds of headers, and the offsets of layers 3 and 4: all are asked for, none is packed anew.
fn layers<const VERIFY: bool>(packet: &[u8]) -> u32 {
    let layers = parse::parse::<VERIFY>(packet).layers;
    let offsets = layers.l3_offset() + layers.l4_offset().unwrap_or(0);
    offsets as u32 + u32::from(layers.kinds().bits())
}

/// The same as the others say it.
fn ours<const VERIFY: bool>(packet: &[u8]) -> Option<Found> {
    let layers = parse::parse::<VERIFY>(packet).layers;
    let l4 = layers.l4_offset()?;
    let protocol = if layers.contains(Kinds::UDP) { 17 } else { 6 };
    let version = if layers.contains(Kinds::IPV4) { 4 } else { 6 };
    Some(Found::new(layers.l3_offset(), l4, protocol, version))
}

fn etherparse<const VERIFY: bool>(packet: &[u8]) -> Option<Found> {
    let sliced = etherparse::SlicedPacket::from_ethernet(packet).ok()?;
    let at = |part: &[u8]| part.as_ptr().addr().wrapping_sub(packet.as_ptr().addr());
    let (l3, version) = match &sliced.net {
        Some(etherparse::NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            if VERIFY && header.header_checksum() != header.to_header().calc_header_checksum() {
                return None;
            }
            (at(header.slice()), 4)
        }
        Some(etherparse::NetSlice::Ipv6(ip)) => (at(ip.header().slice()), 6),
        _ => return None,
    };
    let (l4, protocol) = match &sliced.transport {
        Some(etherparse::TransportSlice::Udp(udp)) => (at(udp.slice()), 17),
        Some(etherparse::TransportSlice::Tcp(tcp)) => (at(tcp.slice()), 6),
        _ => return None,
    };
    Some(Found::new(l3, l4, protocol, version))
}

/// By smoltcp's checked views; it knows no 802.1Q, so tags are skipped by hand.
fn smoltcp<const VERIFY: bool>(packet: &[u8]) -> Option<Found> {
    let frame = smol::EthernetFrame::new_checked(packet).ok()?;
    let (mut l3, mut rest) = (14, frame.payload());
    let mut ethertype = u16::from(frame.ethertype());
    while let (0x8100 | 0x88a8, [_, _, high, low, behind @ ..]) = (ethertype, rest) {
        (l3, rest) = (l3 + 4, behind);
        ethertype = u16::from_be_bytes([*high, *low]);
    }
    let (len, protocol, payload, version) = match ethertype {
        0x0800 => {
            let ip = smol::Ipv4Packet::new_checked(rest).ok()?;
            if VERIFY && !ip.verify_checksum() {
                return None;
            }
            let len = usize::from(ip.header_len());
            (len, ip.next_header(), ip.payload(), 4)
        }
        0x86dd => {
            let ip = smol::Ipv6Packet::new_checked(rest).ok()?;
            let (mut len, mut next, mut payload) = (40, ip.next_header(), ip.payload());
            while let smol::IpProtocol::HopByHop
            | smol::IpProtocol::Ipv6Route
            | smol::IpProtocol::Ipv6Opts = next
            {
                let header = smol::Ipv6ExtHeader::new_checked(payload).ok()?;
                let behind = usize::from(header.header_len()) * 8 + 8;
                next = header.next_header();
                len += behind;
                payload = payload.get(behind..)?;
            }
            (len, next, payload, 6)
        }
        _ => return None,
    };
    let protocol = match protocol {
        smol::IpProtocol::Udp => smol::UdpPacket::new_checked(payload).ok().map(|_| 17)?,
        smol::IpProtocol::Tcp => smol::TcpPacket::new_checked(payload).ok().map(|_| 6)?,
        _ => return None,
    };
    Some(Found::new(l3, l3 + len, protocol, version))
}

/// pnet's views check that the fixed part of a header is there; lengths are checked here, as all others do.
fn pnet<const VERIFY: bool>(packet: &[u8]) -> Option<Found> {
    let frame = ethernet::EthernetPacket::new(packet)?;
    let mut l3 = 14;
    let mut ethertype = frame.get_ethertype();
    while let ethernet::EtherTypes::Vlan | ethernet::EtherTypes::PBridge = ethertype {
        ethertype = vlan::VlanPacket::new(packet.get(l3..)?)?.get_ethertype();
        l3 += 4;
    }
    let rest = packet.get(l3..)?;
    let (rest, len, protocol, version) = match ethertype {
        ethernet::EtherTypes::Ipv4 => {
            let ip = ipv4::Ipv4Packet::new(rest)?;
            if VERIFY && ipv4::checksum(&ip) != ip.get_checksum() {
                return None;
            }
            let len = usize::from(ip.get_header_length()) * 4;
            let whole = usize::from(ip.get_total_length());
            if ip.get_version() != 4 || len < 20 || whole < len {
                return None;
            }
            (rest.get(..whole)?, len, ip.get_next_level_protocol(), 4)
        }
        ethernet::EtherTypes::Ipv6 => {
            let ip = ipv6::Ipv6Packet::new(rest)?;
            let whole = 40 + usize::from(ip.get_payload_length());
            if ip.get_version() != 6 {
                return None;
            }
            let rest = rest.get(..whole)?;
            let (mut len, mut next) = (40, ip.get_next_header());
            while let Next::Hopopt | Next::Ipv6Route | Next::Ipv6Opts = next {
                let header = ipv6::ExtensionPacket::new(rest.get(len..)?)?;
                next = header.get_next_header();
                len += usize::from(header.get_hdr_ext_len()) * 8 + 8;
            }
            (rest, len, next, 6)
        }
        _ => return None,
    };
    let segment = rest.get(len..)?;
    let (header_len, protocol) = match protocol {
        Next::Udp => {
            let len = udp::UdpPacket::new(segment)?.get_length();
            (usize::from(len).max(8), 17)
        }
        Next::Tcp => {
            let words = tcp::TcpPacket::new(segment)?.get_data_offset();
            (usize::from(words.max(5)) * 4, 6)
        }
        _ => return None,
    };
    if segment.len() < header_len {
        return None;
    }
    Some(Found::new(l3, l3 + len, protocol, version))
}

//! What most packets are, in as few steps as will do: whole TCP or UDP over IP, behind up to two VLAN
//! tags.
//!
//! Nothing is decided here but that all is right. Whatever is not goes to [`link::ethernet`], which
//! starts over and says what is wrong with it; so does what is merely rare, such as a fragment.
//!
//! Untagged, tagged and twice tagged each have a copy of their own, in which the offset of layer 3 is
//! a constant, and mostly the answer too. Lengths are compared with an eye on what is checked already:
//! `len - 8 > rest - 8` says in one comparison that a length is below 8 or above what is there.

use super::{Outcome, Parsed, be16, link, network, transport};
use crate::wire::checksum::Sum;
use crate::wire::{EtherType, IpProtocol, Ipv6Extensions, Kinds, Layers, vxlan};

/// A frame that is part of `total_len` bytes, or all there is if it is longer.
#[inline(always)]
pub(super) fn ethernet<const CHECKSUM: bool>(frame: &[u8], total_len: usize) -> Parsed {
    let frame = Frame::<CHECKSUM> {
        bytes: frame,
        total_len,
    };
    // The shortest that has TCP or UDP in it, and all three ethertypes.
    let Some(start) = frame.bytes.first_chunk::<42>() else {
        return frame.carefully();
    };
    let ethertype = ne16(start, 12);
    if ethertype == IPV4 {
        return frame.ipv4::<14>();
    }
    if ethertype == IPV6 {
        return frame.ipv6::<14>();
    }
    if ethertype != VLAN && ethertype != QINQ {
        return frame.carefully();
    }
    let ethertype = ne16(start, 16);
    if ethertype == IPV4 {
        return frame.ipv4::<18>();
    }
    if ethertype == VLAN {
        let ethertype = ne16(start, 20);
        if ethertype == IPV4 {
            return frame.ipv4::<22>();
        }
        if ethertype == IPV6 {
            return frame.ipv6::<22>();
        }
        return frame.carefully();
    }
    if ethertype == IPV6 {
        return frame.ipv6::<18>();
    }
    frame.carefully()
}

/// A frame from its first byte on, of which the rest up to `total_len` bytes may be elsewhere.
#[derive(Clone, Copy)]
struct Frame<'a, const CHECKSUM: bool> {
    bytes: &'a [u8],
    total_len: usize,
}

impl<const CHECKSUM: bool> Frame<'_, CHECKSUM> {
    /// From the start, step by step.
    #[inline(always)]
    fn carefully(self) -> Parsed {
        link::ethernet::<CHECKSUM>(self.bytes, self.total_len)
    }

    /// IPv4 at this offset.
    #[inline(always)]
    fn ipv4<const L3: u8>(self) -> Parsed {
        let start = self.bytes.get(usize::from(L3)..);
        let Some(header) = start.and_then(|start| start.first_chunk::<20>()) else {
            return self.carefully();
        };
        let total_len = usize::from(be16(header, 2));
        let Some(packet) = start.and_then(|start| start.get(..total_len)) else {
            return self.carefully();
        };
        match header[0] {
            0x45 => self.behind_ipv4::<L3>(header, 5, packet),
            0x46 => self.behind_ipv4::<L3>(header, 6, packet),
            // The version, and the length in words.
            first @ 0x47..=0x4f => self.behind_ipv4::<L3>(header, first & 0x0f, packet),
            _ => self.carefully(),
        }
    }

    /// What is in an IPv4 packet whose header has so many words.
    #[inline(always)]
    fn behind_ipv4<const L3: u8>(self, header: &[u8; 20], words: u8, packet: &[u8]) -> Parsed {
        let header_len = usize::from(words) * 4;
        let Some(rest) = packet.get(header_len..) else {
            return self.carefully();
        };
        if ne16(header, 6) & FRAGMENT != 0 {
            return self.carefully();
        }
        let mut kinds = tags::<L3>().union(Kinds::IPV4);
        if words > 5 {
            kinds = kinds.union(Kinds::L3_OPTIONS);
        }
        if CHECKSUM {
            let valid = match packet.get(20..header_len) {
                Some([]) => Sum::is_valid_20(header),
                Some(options) => Sum::of_20(header).plus_words(options).is_valid(),
                None => false,
            };
            if !valid {
                return self.carefully();
            }
        }
        self.transport(rest, Layers::new(kinds, L3, words), IpProtocol(header[9]))
    }

    /// IPv6 at this offset.
    #[inline(always)]
    fn ipv6<const L3: u8>(self) -> Parsed {
        let start = self.bytes.get(usize::from(L3)..);
        let Some((header, behind)) = start.and_then(|start| start.split_first_chunk::<40>()) else {
            return self.carefully();
        };
        let Some(rest) = behind.get(..usize::from(be16(header, 4))) else {
            return self.carefully();
        };
        if header[0] >> 4 != 6 {
            return self.carefully();
        }
        let layers = Layers::new(tags::<L3>().union(Kinds::IPV6), L3, 10);
        let next = IpProtocol(header[6]);
        if next == IpProtocol::UDP {
            self.udp(rest, layers)
        } else if next == IpProtocol::TCP {
            self.tcp(rest, layers)
        } else if rest.is_empty() {
            // Perhaps a jumbogram.
            self.carefully()
        } else {
            extensions::<L3>(rest, next)
        }
    }

    /// Layer 4 of a whole packet, of which `rest` is all.
    #[inline(always)]
    fn transport(self, rest: &[u8], layers: Layers, protocol: IpProtocol) -> Parsed {
        if protocol == IpProtocol::UDP {
            self.udp(rest, layers)
        } else if protocol == IpProtocol::TCP {
            self.tcp(rest, layers)
        } else {
            transport::others(rest, rest.len(), layers, protocol)
        }
    }

    #[inline(always)]
    fn udp(self, rest: &[u8], layers: Layers) -> Parsed {
        match udp(rest) {
            Some(header) if ne16(header, 2) != VXLAN => whole(layers, Kinds::UDP),
            Some(header) => transport::in_vxlan_port(rest, layers, be16(header, 4).into()),
            None => self.carefully(),
        }
    }

    #[inline(always)]
    fn tcp(self, rest: &[u8], layers: Layers) -> Parsed {
        match tcp(rest) {
            Some(_) => whole(layers, Kinds::TCP),
            None => self.carefully(),
        }
    }
}

/// IPv6's options and routing headers up to TCP or UDP. What else there may be is
/// [`network::extensions`]'.
#[inline(never)]
fn extensions<const L3: u8>(packet: &[u8], first: IpProtocol) -> Parsed {
    let kinds = tags::<L3>().union(Kinds::IPV6);
    let carefully = || network::extensions(packet, packet.len(), Layers::new(kinds, L3, 10), first);
    if first != IpProtocol::HOP_BY_HOP && !may_follow(first) {
        return carefully();
    }
    let mut rest = packet;
    for _ in 0..FEW {
        let Some([next, units, ..]) = rest.first_chunk::<8>() else {
            break;
        };
        // "in 8-octet units, not including the first 8 octets" (RFC 8200 section 4.3)
        let Some(behind) = rest.get(usize::from(*units) * 8 + 8..) else {
            break;
        };
        rest = behind;
        let next = IpProtocol(*next);
        let found = match next {
            IpProtocol::TCP => tcp(rest).map(|_| Kinds::TCP),
            IpProtocol::UDP => udp(rest)
                .filter(|header| ne16(header, 2) != VXLAN)
                .map(|_| Kinds::UDP),
            _ => None,
        };
        if let Some(kind) = found {
            let words = (packet.len() - rest.len()) / 4;
            if words > 255 - 10 {
                break;
            }
            let kinds = kinds.union(Kinds::L3_OPTIONS);
            return whole(Layers::new(kinds, L3, 10 + words as u8), kind);
        }
        if !may_follow(next) {
            break;
        }
    }
    carefully()
}

/// So many extension headers are followed here: two are rare, more are a test.
const FEW: u8 = 3;
const _: () = assert!(FEW < Ipv6Extensions::MAX);

/// Hop-by-hop options may be first and nowhere else.
#[inline(always)]
const fn may_follow(next: IpProtocol) -> bool {
    next.0 == IpProtocol::DESTINATION.0 || next.0 == IpProtocol::ROUTING.0
}

/// UDP's header, if its length is neither too small nor beyond the end.
#[inline(always)]
fn udp(rest: &[u8]) -> Option<&[u8; 8]> {
    let header = rest.first_chunk()?;
    let len = usize::from(be16(header, 4));
    (len.wrapping_sub(8) <= rest.len() - 8).then_some(header)
}

/// TCP's header, if it is there with its options.
#[inline(always)]
fn tcp(rest: &[u8]) -> Option<&[u8; 20]> {
    let header = rest.first_chunk()?;
    let len = usize::from(header[12] >> 4 << 2);
    (len.wrapping_sub(20) <= rest.len() - 20).then_some(header)
}

/// The tags in front of layer 3 at this offset.
const fn tags<const L3: u8>() -> Kinds {
    match L3 {
        14 => Kinds::empty(),
        18 => Kinds::VLAN,
        _ => Kinds::VLAN.union(Kinds::QINQ),
    }
}

#[inline(always)]
const fn whole(layers: Layers, kind: Kinds) -> Parsed {
    Parsed {
        layers: layers.with_kinds(layers.kinds().union(kind)),
        outcome: Outcome::Complete,
    }
}

/// The number in the two bytes at `at`, as it lies in memory: what is only compared is compared so,
/// with constants turned round when the program is built.
#[inline(always)]
const fn ne16<const N: usize>(header: &[u8; N], at: usize) -> u16 {
    u16::from_ne_bytes([header[at], header[at + 1]])
}

const IPV4: u16 = EtherType::IPV4.0.to_be();
const IPV6: u16 = EtherType::IPV6.0.to_be();
const VLAN: u16 = EtherType::VLAN.0.to_be();
const QINQ: u16 = EtherType::QINQ.0.to_be();
const FRAGMENT: u16 = network::FRAGMENT.to_be();
const VXLAN: u16 = vxlan::PORT.to_be();

#[cfg(test)]
#[path = "straight_tests.rs"]
mod tests;

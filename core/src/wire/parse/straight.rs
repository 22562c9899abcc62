//! What most packets are, in as few steps as will do: whole TCP or UDP over IP, behind up to two VLAN
//! tags.
//!
//! Nothing is decided here but that all is right. Whatever is not goes to [`link::ethernet`], which
//! starts over and says what is wrong with it; so does what is merely rare, such as a fragment, and all that is
//! neither TCP nor UDP.
//!
//! Untagged, tagged and twice tagged each have a copy of their own, in which the offset of layer 3 is
//! a constant, and mostly the answer too. What lies side by side is compared at once: an ethertype with the
//! version behind it, the fragment bits with the protocol. Lengths are compared with an eye on what is
//! checked already: `len - 8 > rest - 8` says in one comparison that a length is below 8 or above what is
//! there.

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
    // As much as UDP behind two tags has. Less is rare, as Ethernet pads to 60 bytes.
    let Some(start) = frame.bytes.first_chunk::<50>() else {
        return frame.carefully();
    };
    let announced = ne32(start, 12);
    if announced & IPV4_MASK == IPV4 {
        return frame.ipv4::<14, 5, 42>();
    }
    // By one bit first, which the tags do not have: less for them to skip.
    if announced & IPV6_BIT != 0 {
        return match announced & IPV6_MASK {
            IPV6 => frame.ipv6::<14, 62>(),
            _ => frame.carefully(),
        };
    }
    if announced & IPV4_MASK == IPV4_OPTION {
        return frame.ipv4::<14, 6, 46>();
    }
    let tag = ne16(start, 12);
    if tag != QINQ && tag != VLAN {
        return frame.carefully();
    }
    frame.tagged(start)
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

    /// Behind a tag, or two.
    #[inline(always)]
    fn tagged(self, start: &[u8; 50]) -> Parsed {
        if ne16(start, 16) == VLAN {
            let announced = ne32(start, 20);
            if announced & IPV4_MASK == IPV4 {
                return self.ipv4::<22, 5, 50>();
            }
            return match announced & IPV6_MASK {
                IPV6 => self.ipv6::<22, 70>(),
                _ => self.carefully(),
            };
        }
        let announced = ne32(start, 16);
        if announced & IPV4_MASK == IPV4 {
            return self.ipv4::<18, 5, 46>();
        }
        match announced & IPV6_MASK {
            IPV6 => self.ipv6::<18, 66>(),
            _ => self.carefully(),
        }
    }

    /// IPv4 at this offset, with a header of so many words. `HEADERS` bytes end behind the first eight of
    /// layer 4.
    #[inline(always)]
    fn ipv4<const L3: usize, const WORDS: usize, const HEADERS: usize>(self) -> Parsed {
        const { assert!(HEADERS == L3 + WORDS * 4 + 8) };
        let Some((headers, behind)) = self.bytes.split_first_chunk::<HEADERS>() else {
            return self.carefully();
        };
        let total_len = usize::from(be16(headers, L3 + 2));
        let Some(behind) = behind.get(..total_len.wrapping_sub(WORDS * 4 + 8)) else {
            return self.carefully();
        };
        if CHECKSUM && !is_valid::<L3, WORDS, HEADERS>(headers) {
            return self.carefully();
        }
        let mut kinds = tags::<L3>().union(Kinds::IPV4);
        if WORDS > 5 {
            kinds = kinds.union(Kinds::L3_OPTIONS);
        }
        let layers = Layers::new(kinds, L3 as u8, WORDS as u8);
        match ne32(headers, L3 + 6) & WHOLE_MASK {
            UDP => self.udp(headers, behind, layers),
            TCP => self.tcp(behind, layers),
            _ => self.carefully(),
        }
    }

    /// IPv6 at this offset. `HEADERS` bytes end behind the first eight of what follows its header.
    #[inline(always)]
    fn ipv6<const L3: usize, const HEADERS: usize>(self) -> Parsed {
        const { assert!(HEADERS == L3 + 40 + 8) };
        let Some((headers, behind)) = self.bytes.split_first_chunk::<HEADERS>() else {
            return self.carefully();
        };
        let payload_len = usize::from(be16(headers, L3 + 4));
        let Some(behind) = behind.get(..payload_len.wrapping_sub(8)) else {
            return self.carefully();
        };
        let layers = Layers::new(tags::<L3>().union(Kinds::IPV6), L3 as u8, 10);
        match IpProtocol(headers[L3 + 6]) {
            IpProtocol::UDP => self.udp(headers, behind, layers),
            IpProtocol::TCP => self.tcp(behind, layers),
            next => {
                if next == IpProtocol::HOP_BY_HOP || next == IpProtocol::DESTINATION {
                    let options = [headers[L3 + 40], headers[L3 + 41]];
                    if let Some(parsed) = behind_options::<L3>(options, behind) {
                        return parsed;
                    }
                }
                match self.bytes.get(L3 + 40..L3 + 40 + payload_len) {
                    Some(packet) => network::extensions(packet, payload_len, layers, next),
                    None => self.carefully(),
                }
            }
        }
    }

    /// UDP, whose header the last bytes of `headers` are.
    #[inline(always)]
    fn udp<const HEADERS: usize>(
        self,
        headers: &[u8; HEADERS],
        behind: &[u8],
        layers: Layers,
    ) -> Parsed {
        let len = usize::from(be16(headers, HEADERS - 4));
        if len.wrapping_sub(8) > behind.len() {
            return self.carefully();
        }
        if ne16(headers, HEADERS - 6) == VXLAN {
            return transport::in_vxlan_port(behind, layers, len);
        }
        whole(layers, Kinds::UDP)
    }

    /// TCP, of whose header eight bytes are before `behind`.
    #[inline(always)]
    fn tcp(self, behind: &[u8], layers: Layers) -> Parsed {
        if is_tcp(behind) {
            whole(layers, Kinds::TCP)
        } else {
            self.carefully()
        }
    }
}

/// TCP or UDP behind IPv6's options, whose first header begins so and has eight bytes before `behind`.
#[inline(always)]
fn behind_options<const L3: usize>(first: [u8; 2], behind: &[u8]) -> Option<Parsed> {
    let ([mut next, mut units], mut at) = (first, 0);
    for _ in 0..FEW {
        // "in 8-octet units, not including the first 8 octets" (RFC 8200 section 4.3)
        at += usize::from(units) * 8;
        let header = behind.get(at..at + 8)?.first_chunk::<8>()?;
        at += 8;
        let rest = behind.get(at..)?;
        let kind = match IpProtocol(next) {
            IpProtocol::TCP if is_tcp(rest) => Kinds::TCP,
            IpProtocol::UDP if is_udp(header, rest) && ne16(header, 2) != VXLAN => Kinds::UDP,
            IpProtocol::DESTINATION => {
                [next, units, ..] = *header;
                continue;
            }
            _ => return None,
        };
        // Where layer 4 starts, 40 bytes behind IPv6's header.
        if at > 255 * 4 - 40 {
            return None;
        }
        let kinds = tags::<L3>().union(Kinds::IPV6).union(Kinds::L3_OPTIONS);
        let layers = Layers::new(kinds, L3 as u8, (10 + at / 4) as u8);
        return Some(whole(layers, kind));
    }
    None
}

/// So many headers of options are followed here: more than hop-by-hop and destination are a test.
const FEW: u8 = 2;
const _: () = assert!(FEW < Ipv6Extensions::MAX);

/// Whether UDP's length is neither too small nor beyond the end, with its header these bytes and so many
/// behind.
#[inline(always)]
fn is_udp(header: &[u8; 8], behind: &[u8]) -> bool {
    usize::from(be16(header, 4)).wrapping_sub(8) <= behind.len()
}

/// Whether TCP's header is there with its options, with eight bytes of it before these.
#[inline(always)]
fn is_tcp(behind: &[u8]) -> bool {
    match behind.first_chunk::<12>() {
        Some(header) => {
            let len = usize::from(header[12 - 8] >> 4 << 2);
            len.wrapping_sub(20) <= behind.len() - 12
        }
        None => false,
    }
}

/// Whether IPv4's header at this offset, of so many words, has the right checksum.
#[inline(always)]
fn is_valid<const L3: usize, const WORDS: usize, const HEADERS: usize>(
    headers: &[u8; HEADERS],
) -> bool {
    let Some((header, behind)) = headers.split_at(L3).1.split_first_chunk::<20>() else {
        return false;
    };
    match behind.split_at(WORDS * 4 - 20).0 {
        [] => Sum::is_valid_20(header),
        options => Sum::of_20(header).plus_words(options).is_valid(),
    }
}

/// The tags in front of layer 3 at this offset.
const fn tags<const L3: usize>() -> Kinds {
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

/// Likewise of four bytes, of which the compiler makes one load: from an array it makes several.
#[inline(always)]
const fn ne32<const N: usize>(header: &[u8; N], at: usize) -> u32 {
    match header.split_at(at).1.first_chunk() {
        Some(bytes) => u32::from_ne_bytes(*bytes),
        None => 0,
    }
}

const fn announced(ethertype: EtherType, version: u8) -> u32 {
    let [high, low] = ethertype.0.to_be_bytes();
    u32::from_ne_bytes([high, low, version, 0])
}

// An ethertype and what it announces: IPv4's version and the words of its header, or IPv6's version.
const IPV4_MASK: u32 = announced(EtherType(0xffff), 0xff);
const IPV4: u32 = announced(EtherType::IPV4, 0x45);
const IPV4_OPTION: u32 = announced(EtherType::IPV4, 0x46);
const IPV6_MASK: u32 = announced(EtherType(0xffff), 0xf0);
const IPV6: u32 = announced(EtherType::IPV6, 0x60);
const IPV6_BIT: u32 = announced(EtherType(0x0200), 0);
const VLAN: u16 = EtherType::VLAN.0.to_be();
const QINQ: u16 = EtherType::QINQ.0.to_be();
const _: () = assert!((EtherType::VLAN.0 | EtherType::QINQ.0) & 0x0200 == 0);

const fn fragment(field: u16, protocol: u8) -> u32 {
    let [high, low] = field.to_be_bytes();
    u32::from_ne_bytes([high, low, 0, protocol])
}

// Of IPv4's third word what is 0 in a whole packet, and the protocol.
const WHOLE_MASK: u32 = fragment(network::FRAGMENT, 0xff);
const UDP: u32 = fragment(0, IpProtocol::UDP.0);
const TCP: u32 = fragment(0, IpProtocol::TCP.0);
const VXLAN: u16 = vxlan::PORT.to_be();

#[cfg(test)]
#[path = "straight_tests.rs"]
mod tests;

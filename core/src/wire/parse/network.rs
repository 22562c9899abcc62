//! Layer 3: IPv4 and IPv6 with all that comes before layer 4.

use super::transport::{Segment, transport};
use super::{At, Check, Layer, Outcome, Parsed, be16};
use crate::wire::checksum::Sum;
use crate::wire::{IpProtocol, Ipv6Extensions, Kinds, Layers};

/// IPv4 or IPv6, by the first nibble.
pub(super) fn by_version<const CHECKSUM: bool>(
    rest: &[u8],
    beyond: usize,
    layers: Layers,
) -> Parsed {
    let at = At {
        rest,
        beyond,
        layers,
    };
    match at.rest.first().map(|first| first >> 4) {
        Some(4) => ipv4::<CHECKSUM>(at),
        Some(6) => ipv6(at),
        Some(_) => at.ends(Outcome::Malformed(Check::IpVersion)),
        None => at.ends(Outcome::Truncated(Layer::Ip)),
    }
}

/// IPv4 (RFC 791), with the checks that RFC 1812 section 5.2.2 asks of a router.
#[inline(always)]
pub(super) fn ipv4<const CHECKSUM: bool>(at: At<'_>) -> Parsed {
    let Some(header) = at.rest.first_chunk::<20>() else {
        return at.ends(Outcome::Truncated(Layer::Ipv4));
    };
    if header[0] != 0x45 {
        return ipv4_with_options::<CHECKSUM>(at.rest, at.beyond, at.layers);
    }
    if CHECKSUM && !Sum::of_20(header).is_valid() {
        return at.ends(Outcome::Malformed(Check::Ipv4Checksum));
    }
    ipv4_payload(at, Kinds::IPV4, header, 20)
}

/// IPv4 with options, or with what is wrong in the first byte.
#[inline(never)]
fn ipv4_with_options<const CHECKSUM: bool>(rest: &[u8], beyond: usize, layers: Layers) -> Parsed {
    let at = At {
        rest,
        beyond,
        layers,
    };
    let Some(header) = rest.first_chunk::<20>() else {
        return at.ends(Outcome::Truncated(Layer::Ipv4));
    };
    // "The IP version number must be 4."
    if header[0] >> 4 != 4 {
        return at.ends(Outcome::Malformed(Check::IpVersion));
    }
    // "The IP header length field must be large enough to hold the minimum length legal IP datagram
    // (20 bytes = 5 words)."
    let header_len = (header[0] & 0x0f) << 2;
    if header_len < 20 {
        return at.ends(Outcome::Malformed(Check::Ipv4HeaderLength));
    }
    let Some(whole) = at.rest.get(..header_len.into()) else {
        return at.ends(Outcome::Truncated(Layer::Ipv4));
    };
    if CHECKSUM && !Sum::of(whole).is_valid() {
        return at.ends(Outcome::Malformed(Check::Ipv4Checksum));
    }
    let kind = Kinds::IPV4.union(Kinds::L3_OPTIONS);
    ipv4_payload(at, kind, header, header_len)
}

/// What follows IPv4's header, whose `header_len` bytes are there.
#[inline(always)]
fn ipv4_payload(at: At<'_>, kind: Kinds, header: &[u8; 20], header_len: u8) -> Parsed {
    // "The IP total length field must be large enough to hold the IP datagram header, whose length is
    // specified in the IP header length field."
    let total_len = usize::from(be16(header, 2));
    let Some(len) = total_len.checked_sub(header_len.into()) else {
        return at.ends(Outcome::Malformed(Check::Ipv4TotalLength));
    };
    // "The packet length reported by the Link Layer must be large enough to hold the minimum length
    // legal IP datagram"; here all of it, and what is more is padding.
    let Some(rest) = at
        .up_to(total_len)
        .and_then(|rest| rest.get(header_len.into()..))
    else {
        return at.ends(Outcome::Truncated(Layer::Payload));
    };
    let segment = Segment::new(rest, len, at, kind, header_len >> 2);
    let protocol = IpProtocol(header[9]);
    // In memory order, so that the whole packet's case is one test against a constant.
    let fragment = u16::from_ne_bytes([header[6], header[7]]);
    if fragment & FRAGMENT_OFFSET.to_be() != 0 {
        return segment.later_fragment();
    }
    if fragment & MORE_FRAGMENTS.to_be() != 0 {
        let Segment { rest, len, layers } = segment.with(Kinds::FRAGMENT);
        return first_fragment(rest, len, layers, protocol);
    }
    transport(segment, protocol)
}

/// The first of several fragments.
#[cold]
fn first_fragment(rest: &[u8], len: usize, layers: Layers, protocol: IpProtocol) -> Parsed {
    transport(Segment { rest, len, layers }, protocol)
}

/// IPv6 (RFC 8200).
#[inline(always)]
pub(super) fn ipv6(at: At<'_>) -> Parsed {
    let Some((header, behind)) = at.rest.split_first_chunk::<40>() else {
        return at.ends(Outcome::Truncated(Layer::Ipv6));
    };
    if header[0] >> 4 != 6 {
        return at.ends(Outcome::Malformed(Check::IpVersion));
    }
    let len = usize::from(be16(header, 4));
    let protocol = IpProtocol(header[6]);
    if len == 0 && protocol == IpProtocol::HOP_BY_HOP {
        return jumbogram(behind, at.beyond, at.layers);
    }
    let Some(rest) = (At { rest: behind, ..at }).up_to(len) else {
        return at.ends(Outcome::Truncated(Layer::Payload));
    };
    let segment = Segment::new(rest, len, at, Kinds::IPV6, 10);
    match protocol {
        IpProtocol::TCP | IpProtocol::UDP => transport(segment, protocol),
        _ => segment.extensions(protocol),
    }
}

/// IPv6 whose length is in a jumbo payload option (RFC 2675), if it has one.
#[cold]
fn jumbogram(rest: &[u8], beyond: usize, layers: Layers) -> Parsed {
    let at = At {
        rest,
        beyond,
        layers,
    };
    let len = match jumbo_len(rest) {
        // Without the option the length is what it says, and the announced header is not in it.
        None => 0,
        // "The Jumbo Payload Length must be greater than 65,535."
        Some(..=0xffff) => return at.ends(Outcome::Malformed(Check::JumboLength)),
        Some(len) => len,
    };
    let Some(rest) = at.up_to(len) else {
        return at.ends(Outcome::Truncated(Layer::Payload));
    };
    let segment = Segment::new(rest, len, at, Kinds::IPV6, 10);
    segment.extensions(IpProtocol::HOP_BY_HOP)
}

/// The length that a jumbo payload option gives, if the hop-by-hop options have one.
fn jumbo_len(options: &[u8]) -> Option<usize> {
    let len = usize::from(*options.get(1)?).wrapping_add(1) << 3;
    let mut rest = options.get(2..len)?;
    loop {
        rest = match rest {
            [0, rest @ ..] => rest,
            [JUMBO_PAYLOAD, 4, a, b, c, d, ..] => {
                return usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok();
            }
            [_, len, rest @ ..] => rest.get(usize::from(*len)..)?,
            _ => return None,
        };
    }
}

/// The extension headers that `next` starts (over IPv4: AH), and what is behind them.
///
/// RFC 8200 section 4.1: "IPv6 nodes must accept and attempt to process extension headers in any order
/// and occurring any number of times in the same packet, except for the Hop-by-Hop Options header,
/// which is restricted to appear immediately after an IPv6 header only."
#[inline(never)]
pub(super) fn extensions(rest: &[u8], len: usize, layers: Layers, mut next: IpProtocol) -> Parsed {
    let mut segment = Segment { rest, len, layers };
    let is_ipv6 = segment.layers.contains(Kinds::IPV6);
    let mut followed = 0;
    while next.is_ipv6_extension() && (is_ipv6 || next == IpProtocol::AH) {
        if followed == Ipv6Extensions::MAX {
            return segment.ends(Outcome::Malformed(Check::TooManyExtensions));
        }
        if next == IpProtocol::HOP_BY_HOP && followed > 0 {
            return segment.ends(Outcome::Malformed(Check::HopByHopNotFirst));
        }
        let Some([after, units, field @ ..]) = segment.rest.first_chunk::<8>() else {
            return segment.ends(Outcome::Truncated(Layer::Extension));
        };
        let (after, mut kind) = (IpProtocol(*after), Kinds::L3_OPTIONS);
        let words = match next {
            IpProtocol::FRAGMENT => {
                match be16(field, 0) & (IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS) {
                    0 => {}
                    // "A Jumbo Payload option must not be used in a packet that carries a Fragment
                    // header" (RFC 2675 section 3)
                    _ if segment.is_jumbogram() => {
                        return segment.ends(Outcome::Malformed(Check::JumboLength));
                    }
                    IPV6_MORE_FRAGMENTS => kind |= Kinds::FRAGMENT,
                    _ => return segment.with(kind).later_fragment(),
                }
                2
            }
            // "the length of this Authentication Header in 4-octet units, minus 2", which has three
            // words before its integrity check value (RFC 4302 section 2.2).
            IpProtocol::AH if *units == 0 => {
                return segment.ends(match segment.rest.len() {
                    ..12 => Outcome::Truncated(Layer::Extension),
                    _ => Outcome::Malformed(Check::AhLength),
                });
            }
            IpProtocol::AH => u16::from(*units) + 2,
            // "in 8-octet units, not including the first 8 octets" (RFC 8200 section 4.3)
            _ => (u16::from(*units) + 1) * 2,
        };
        segment = match segment.behind(kind, words) {
            Ok(segment) => segment,
            Err(outcome) => return segment.ends(outcome),
        };
        (next, followed) = (after, followed + 1);
    }
    match next {
        // "The value 59 ... indicates that there is nothing following that header." (section 4.7)
        IpProtocol::NO_NEXT if is_ipv6 => segment.ends(segment.good()),
        _ => transport(segment, next),
    }
}

/// More-fragments flag and fragment offset of IPv4's third word, in host order.
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;
/// The same of IPv6's fragment header.
const IPV6_MORE_FRAGMENTS: u16 = 0x0001;
const IPV6_FRAGMENT_OFFSET: u16 = 0xfff8;
/// The jumbo payload option (RFC 2675 section 2).
const JUMBO_PAYLOAD: u8 = 0xc2;

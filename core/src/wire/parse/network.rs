//! Layer 3: IPv4 and IPv6 with all that comes before layer 4.

use super::transport::{Segment, transport};
use super::{At, Check, Layer, Outcome, Parsed, be16};
use crate::wire::checksum::Sum;
use crate::wire::{EtherType, IpProtocol, Ipv6Extensions, Kinds, Layers};

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

/// IPv4 or IPv6, by the ethertype.
#[inline(never)]
pub(super) fn announced<const CHECKSUM: bool>(
    rest: &[u8],
    beyond: usize,
    layers: Layers,
    ethertype: EtherType,
) -> Parsed {
    let at = At {
        rest,
        beyond,
        layers,
    };
    match ethertype {
        EtherType::IPV4 => ipv4::<CHECKSUM>(at),
        _ => ipv6(at),
    }
}

/// IPv4 (RFC 791), with the checks that RFC 1812 section 5.2.2 asks of a router.
#[inline(always)]
pub(super) fn ipv4<const CHECKSUM: bool>(at: At<'_>) -> Parsed {
    let Some((header, behind)) = at.rest.split_first_chunk::<20>() else {
        return at.ends(Outcome::Truncated(Layer::Ipv4));
    };
    if header[0] == 0x45 {
        if CHECKSUM && !Sum::is_valid_20(header) {
            return at.ends(Outcome::Malformed(Check::Ipv4Checksum));
        }
        return ipv4_payload(at, Kinds::IPV4, header, 20);
    }
    // "The IP version number must be 4."
    if header[0] >> 4 != 4 {
        return at.ends(Outcome::Malformed(Check::IpVersion));
    }
    // "The IP header length field must be large enough to hold the minimum length legal IP datagram
    // (20 bytes = 5 words)."
    let header_len = header[0] << 2 & 0x3c;
    let Some(options) = usize::from(header_len).checked_sub(20) else {
        return at.ends(Outcome::Malformed(Check::Ipv4HeaderLength));
    };
    let Some(options) = behind.get(..options) else {
        return at.ends(Outcome::Truncated(Layer::Ipv4));
    };
    if CHECKSUM && !Sum::of_20(header).plus_words(options).is_valid() {
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
    // In memory order, so that a whole packet costs one test against a constant.
    let fragment = u16::from_ne_bytes([header[6], header[7]]);
    if fragment & FRAGMENT.to_be() != 0 {
        let Segment { rest, len, layers } = segment.with(Kinds::FRAGMENT);
        return ipv4_fragment(rest, len, layers, protocol, u16::from_be(fragment));
    }
    transport(segment, protocol)
}

/// One of several fragments.
#[cold]
fn ipv4_fragment(
    rest: &[u8],
    len: usize,
    layers: Layers,
    protocol: IpProtocol,
    field: u16,
) -> Parsed {
    let segment = Segment { rest, len, layers };
    match field & FRAGMENT_OFFSET {
        0 => transport(segment, protocol),
        _ => segment.later_fragment(),
    }
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

/// The extension headers that `next` starts, and what is behind them.
///
/// RFC 8200 section 4.1: "IPv6 nodes must accept and attempt to process extension headers in any order
/// and occurring any number of times in the same packet, except for the Hop-by-Hop Options header,
/// which is restricted to appear immediately after an IPv6 header only."
#[inline(never)]
pub(super) fn extensions(rest: &[u8], len: usize, layers: Layers, mut next: IpProtocol) -> Parsed {
    let mut segment = Segment { rest, len, layers };
    for followed in 0.. {
        if !is_extension(next) {
            break;
        }
        if followed == Ipv6Extensions::MAX {
            return segment.ends(Outcome::Malformed(Check::TooManyExtensions));
        }
        if next == IpProtocol::HOP_BY_HOP && followed > 0 {
            return segment.ends(Outcome::Malformed(Check::HopByHopNotFirst));
        }
        let Some([after, units, field @ ..]) = segment.rest.first_chunk::<8>() else {
            return segment.ends(Outcome::Truncated(Layer::Extension));
        };
        let (kind, words) = match next {
            IpProtocol::FRAGMENT => match fragment(segment.len, segment.layers, be16(field, 0)) {
                Ok(kind) => (kind, 2),
                Err(parsed) => return parsed,
            },
            IpProtocol::AH => match ah_words(segment.rest.len(), *units) {
                Ok(words) => (Kinds::L3_OPTIONS, words),
                Err(outcome) => return segment.ends(outcome),
            },
            // "in 8-octet units, not including the first 8 octets" (RFC 8200 section 4.3)
            _ => (Kinds::L3_OPTIONS, (u16::from(*units) + 1) * 2),
        };
        segment = match segment.behind(kind, words) {
            Ok(segment) => segment,
            Err(outcome) => return segment.ends(outcome),
        };
        next = IpProtocol(*after);
    }
    match next {
        // "The value 59 ... indicates that there is nothing following that header." (section 4.7)
        IpProtocol::NO_NEXT => segment.ends(segment.good()),
        _ => transport(segment, next),
    }
}

/// As [`IpProtocol::is_ipv6_extension`], by a test of one bit: a `match` in the loop above would become
/// a table of jumps, and those are hard to predict.
#[inline(always)]
const fn is_extension(next: IpProtocol) -> bool {
    const BITS: u64 = {
        let (mut bits, mut number) = (0, 0);
        while number < 64 {
            bits |= (IpProtocol(number).is_ipv6_extension() as u64) << number;
            number += 1;
        }
        bits
    };
    next.0 < 64 && BITS >> (next.0 & 63) & 1 != 0
}

/// What IPv6's fragment header with this field makes of a packet; `Err` if no header follows.
#[cold]
fn fragment(len: usize, layers: Layers, field: u16) -> Result<Kinds, Parsed> {
    let rest = &[];
    let segment = Segment { rest, len, layers };
    match field & (IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS) {
        0 => Ok(Kinds::L3_OPTIONS),
        // "A Jumbo Payload option must not be used in a packet that carries a Fragment header" (RFC
        // 2675 section 3)
        _ if segment.is_jumbogram() => Err(segment.ends(Outcome::Malformed(Check::JumboLength))),
        IPV6_MORE_FRAGMENTS => Ok(Kinds::L3_OPTIONS.union(Kinds::FRAGMENT)),
        _ => Err(segment.with(Kinds::L3_OPTIONS).later_fragment()),
    }
}

/// AH over IPv4, as many times as over IPv6, and what is behind it.
#[cold]
pub(super) fn authenticated(rest: &[u8], len: usize, layers: Layers) -> Parsed {
    let (mut segment, mut next) = (Segment { rest, len, layers }, IpProtocol::AH);
    let mut left = Ipv6Extensions::MAX;
    while next == IpProtocol::AH {
        let Some(&[after, units, ..]) = segment.rest.first_chunk::<8>() else {
            return segment.ends(Outcome::Truncated(Layer::Extension));
        };
        if left == 0 {
            return segment.ends(Outcome::Malformed(Check::TooManyExtensions));
        }
        let behind = ah_words(segment.rest.len(), units)
            .and_then(|words| segment.behind(Kinds::L3_OPTIONS, words));
        segment = match behind {
            Ok(segment) => segment,
            Err(outcome) => return segment.ends(outcome),
        };
        (next, left) = (IpProtocol(after), left - 1);
    }
    transport(segment, next)
}

/// Words of an AH of which `here` bytes are here. Its length is "in 4-octet units, minus 2", and three
/// of them are in front of the integrity check value (RFC 4302 section 2.2).
#[cold]
fn ah_words(here: usize, units: u8) -> Result<u16, Outcome> {
    match units {
        _ if here < 12 => Err(Outcome::Truncated(Layer::Extension)),
        0 => Err(Outcome::Malformed(Check::AhLength)),
        units => Ok(u16::from(units) + 2),
    }
}

/// More-fragments flag and fragment offset of IPv4's third word, in host order.
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;
/// What is 0 in a whole packet.
pub(super) const FRAGMENT: u16 = MORE_FRAGMENTS | FRAGMENT_OFFSET;
/// The same of IPv6's fragment header.
const IPV6_MORE_FRAGMENTS: u16 = 0x0001;
const IPV6_FRAGMENT_OFFSET: u16 = 0xfff8;
/// The jumbo payload option (RFC 2675 section 2).
const JUMBO_PAYLOAD: u8 = 0xc2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_the_extension_headers() {
        for number in 0..=255 {
            let next = IpProtocol(number);
            assert_eq!(is_extension(next), next.is_ipv6_extension(), "{next}");
        }
    }
}

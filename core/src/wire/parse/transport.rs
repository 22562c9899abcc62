//! Layer 4: how far each protocol's header has to be there.

use super::network::{authenticated, extensions};
use super::{At, Check, Layer, Outcome, Parsed, be16};
use crate::wire::{IpProtocol, Kinds, Layers, vxlan};

/// What is behind an IP header and the extension headers followed so far.
///
/// As with [`At`], functions that are not inlined take its parts.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    /// Its bytes that are here, without what is behind the end of the IP packet.
    pub(super) rest: &'a [u8],
    /// How many there are in the IP packet.
    pub(super) len: usize,
    /// What was found on the way; the layer-4 offset is that of `rest`.
    pub(super) layers: Layers,
}

impl<'a> Segment<'a> {
    /// What is `words` of 4 bytes behind an IP header of this kind.
    #[inline(always)]
    pub(super) const fn new(
        rest: &'a [u8],
        len: usize,
        at: At<'_>,
        kind: Kinds,
        words: u8,
    ) -> Self {
        let kinds = at.layers.kinds().union(kind);
        let layers = Layers::new(kinds, at.layers.l3_offset() as u8, words);
        Self { rest, len, layers }
    }

    /// The same, with one more kind found on the way.
    #[inline(always)]
    pub(super) const fn with(self, kind: Kinds) -> Self {
        let kinds = self.layers.kinds().union(kind);
        Self {
            layers: self.layers.with_kinds(kinds),
            ..self
        }
    }

    /// What is behind `words` of 4 bytes of an extension header.
    #[inline]
    pub(super) fn behind(&self, kind: Kinds, words: u16) -> Result<Self, Outcome> {
        let bytes = usize::from(words) * 4;
        let Some(rest) = self.rest.get(bytes..) else {
            return Err(Outcome::Truncated(Layer::Extension));
        };
        let Some(layers) = self.with(kind).layers.l4_moved_back(words) else {
            return Err(Outcome::Malformed(Check::ExtensionsLength));
        };
        let len = self.len.wrapping_sub(bytes);
        Ok(Self { rest, len, layers })
    }

    /// Longer than IPv6's payload length can say.
    #[inline]
    pub(super) const fn is_jumbogram(&self) -> bool {
        let followed = match self.layers.l3_len() {
            Some(len) => len.saturating_sub(40),
            None => 0,
        };
        self.len.saturating_add(followed) > 0xffff
    }

    /// The extension headers that `next` starts, and what is behind them.
    #[inline(always)]
    pub(super) fn extensions(self, next: IpProtocol) -> Parsed {
        extensions(self.rest, self.len, self.layers, next)
    }

    /// There is no layer 4, or its header is not to be had.
    #[inline(always)]
    pub(super) const fn ends(self, outcome: Outcome) -> Parsed {
        Parsed {
            layers: self.layers.without_l4(),
            outcome,
        }
    }

    /// There is no layer 4 here because it is in another fragment.
    #[inline(always)]
    pub(super) const fn later_fragment(self) -> Parsed {
        self.with(Kinds::FRAGMENT).ends(Outcome::LaterFragment)
    }

    /// What to say when all is right.
    #[inline(always)]
    pub(super) const fn good(&self) -> Outcome {
        if self.layers.contains(Kinds::FRAGMENT) {
            Outcome::FirstFragment
        } else {
            Outcome::Complete
        }
    }

    /// Layer 4 starts here and is of this kind.
    #[inline(always)]
    const fn is(self, kind: Kinds) -> Parsed {
        self.is_with(kind, self.good())
    }

    /// The same with another outcome.
    #[inline(always)]
    const fn is_with(self, kind: Kinds, outcome: Outcome) -> Parsed {
        Parsed {
            layers: self.with(kind).layers,
            outcome,
        }
    }
}

/// Layer 4 of this protocol, whole or the first fragment.
#[inline(always)]
pub(super) fn transport(segment: Segment<'_>, protocol: IpProtocol) -> Parsed {
    match protocol {
        IpProtocol::UDP => udp(segment),
        IpProtocol::TCP => tcp(segment),
        _ => others(segment.rest, segment.len, segment.layers, protocol),
    }
}

/// UDP (RFC 768).
#[inline(always)]
fn udp(segment: Segment<'_>) -> Parsed {
    let Some((header, payload)) = segment.rest.split_first_chunk::<8>() else {
        return segment.ends(Outcome::Truncated(Layer::Udp));
    };
    let len = usize::from(be16(header, 4));
    // "This means the minimum value of the length is eight."
    if len < 8 {
        return short_udp(segment.len, segment.layers, len);
    }
    // The datagram goes on in the fragments that follow.
    if len > segment.len && !segment.layers.contains(Kinds::FRAGMENT) {
        return segment.ends(Outcome::Malformed(Check::UdpLength));
    }
    if be16(header, 2) == vxlan::PORT {
        return in_vxlan_port(payload, segment.layers, len);
    }
    segment.is(Kinds::UDP)
}

/// "If the UDP header plus UDP data is greater than 65,535, set the Length field to zero" (RFC 2675
/// section 4).
#[cold]
fn short_udp(len: usize, layers: Layers, udp_len: usize) -> Parsed {
    let segment = Segment {
        rest: &[],
        len,
        layers,
    };
    if udp_len == 0 && len > 0xffff {
        segment.is(Kinds::UDP)
    } else {
        segment.ends(Outcome::Malformed(Check::UdpLength))
    }
}

/// UDP to VXLAN's port (RFC 7348), of which `payload` is what lies behind the header.
#[cold]
#[inline(never)]
pub(super) fn in_vxlan_port(payload: &[u8], layers: Layers, udp_len: usize) -> Parsed {
    let segment = Segment {
        rest: payload,
        len: 0,
        layers,
    };
    match payload {
        // "the I flag MUST be set to 1 for a valid VXLAN Network ID"
        [flags, _, _, _, _, _, _, _, ..] if udp_len >= 16 && flags & VXLAN_I_FLAG != 0 => {
            segment.is(Kinds::UDP.union(Kinds::VXLAN))
        }
        _ => segment.is(Kinds::UDP),
    }
}

/// TCP (RFC 9293).
#[inline(always)]
fn tcp(segment: Segment<'_>) -> Parsed {
    let Some(header) = segment.rest.first_chunk::<20>() else {
        return segment.ends(Outcome::Truncated(Layer::Tcp));
    };
    let header_len = header[12] >> 4 << 2;
    if header_len < 20 {
        return segment.ends(Outcome::Malformed(Check::TcpDataOffset));
    }
    if usize::from(header_len) > segment.rest.len() {
        return segment.ends(Outcome::Truncated(Layer::Tcp));
    }
    segment.is(Kinds::TCP)
}

/// Each protocol that is not worth a place in the straight path.
#[inline(never)]
pub(super) fn others(rest: &[u8], len: usize, layers: Layers, protocol: IpProtocol) -> Parsed {
    let segment = Segment { rest, len, layers };
    let is_ipv6 = segment.layers.contains(Kinds::IPV6);
    let (kind, layer, needed) = match protocol {
        IpProtocol::ICMP if !is_ipv6 => (Kinds::ICMP, Layer::Icmp, 8),
        IpProtocol::ICMPV6 if is_ipv6 => (Kinds::ICMP, Layer::Icmp, 8),
        IpProtocol::SCTP => (Kinds::SCTP, Layer::Sctp, 12),
        IpProtocol::GRE => match gre_len(rest) {
            Ok(needed) => (Kinds::GRE, Layer::Gre, needed),
            Err(outcome) => return segment.ends(outcome),
        },
        // IPv6's was followed before it came here.
        IpProtocol::AH if !is_ipv6 => return authenticated(rest, segment.len, segment.layers),
        _ => return segment.is_with(Kinds::OTHER_L4, Outcome::UnknownProtocol(protocol)),
    };
    if rest.len() < needed {
        return segment.ends(Outcome::Truncated(layer));
    }
    segment.is(kind)
}

/// Length of a GRE header with its optional fields (RFC 2784, RFC 2890).
fn gre_len(bytes: &[u8]) -> Result<usize, Outcome> {
    let Some(header) = bytes.first_chunk::<4>() else {
        return Err(Outcome::Truncated(Layer::Gre));
    };
    let flags = be16(header, 0);
    // "Version Number field MUST contain the value zero." Others mean other formats.
    if flags & GRE_VERSION != 0 {
        return Err(Outcome::Malformed(Check::GreVersion));
    }
    // "A receiver MUST discard a packet where any of bits 1-5 are non-zero, unless that receiver
    // implements RFC 1701." RFC 2890 gave two of them, key and sequence number, a meaning.
    if flags & GRE_DISCARD != 0 {
        return Err(Outcome::Malformed(Check::GreFlags));
    }
    Ok(4 + 4 * (flags & GRE_FIELDS).count_ones() as usize)
}

/// The flag that says that the VNI is valid.
const VXLAN_I_FLAG: u8 = 0x08;
/// GRE: checksum, key and sequence number present; routing, strict source route, recursion; version.
const GRE_FIELDS: u16 = 0xb000;
const GRE_DISCARD: u16 = 0x4c00;
const GRE_VERSION: u16 = 0x0007;

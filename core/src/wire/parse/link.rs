//! Layer 2: Ethernet, VLAN tags, LLC and SNAP, MPLS, and ARP behind them.

use super::{At, Check, Layer, Outcome, Parsed, be16, network};
use crate::wire::{
    Arp, EtherType, Header, Kinds, Layers, LlcHeader, MplsStack, Snap, VlanTags, WireError,
};

/// A frame that is part of `total_len` bytes, or all there is if it is longer: step by step.
#[cold]
pub(super) fn ethernet<const CHECKSUM: bool>(frame: &[u8], total_len: usize) -> Parsed {
    let beyond = total_len.saturating_sub(frame.len());
    let at = At::start(frame, beyond);
    let Some((header, rest)) = frame.split_first_chunk::<14>() else {
        return at.ends(Outcome::Truncated(Layer::Ethernet));
    };
    let layers = at.behind(Kinds::empty(), 14, rest).layers;
    let ethertype = EtherType(be16(header, 12));
    behind::<CHECKSUM>(rest, beyond, layers, ethertype, VlanTags::MAX)
}

/// Behind a tag, which is of this kind, and what it announces.
#[inline(always)]
fn tag(at: At<'_>, kind: Kinds) -> Option<(At<'_>, EtherType)> {
    let (tag, rest) = at.rest.split_first_chunk::<4>()?;
    Some((at.behind(kind, 4, rest), EtherType(be16(tag, 2))))
}

/// What `ethertype` announces, with so many tags that may still come.
#[inline(never)]
pub(super) fn behind<const CHECKSUM: bool>(
    rest: &[u8],
    beyond: usize,
    layers: Layers,
    mut ethertype: EtherType,
    mut tags_left: u8,
) -> Parsed {
    let mut at = At {
        rest,
        beyond,
        layers,
    };
    loop {
        match ethertype {
            EtherType::IPV4 | EtherType::IPV6 => {
                return network::announced::<CHECKSUM>(at.rest, at.beyond, at.layers, ethertype);
            }
            EtherType::VLAN | EtherType::QINQ | EtherType::QINQ_LEGACY => {
                if tags_left == 0 {
                    return at.ends(Outcome::Malformed(Check::TooManyTags));
                }
                tags_left -= 1;
                let kind = match at.layers.contains(Kinds::VLAN) {
                    true => Kinds::QINQ,
                    false => Kinds::VLAN,
                };
                match tag(at, kind) {
                    Some(next) => (at, ethertype) = next,
                    None => return at.ends(Outcome::Truncated(Layer::Vlan)),
                }
            }
            EtherType::ARP => return arp(at.rest, at.layers),
            EtherType::MPLS | EtherType::MPLS_UPSTREAM => {
                return mpls::<CHECKSUM>(at.rest, at.beyond, at.layers);
            }
            length if length.is_length() && !at.layers.contains(Kinds::LLC) => {
                match llc(at.rest, at.beyond, at.layers, length.0.into()) {
                    Ok(next) => (at, ethertype) = next,
                    Err(parsed) => return parsed,
                }
            }
            unknown => return at.ends(Outcome::UnknownEtherType(unknown)),
        }
    }
}

/// `length` bytes of IEEE 802.2, in which SNAP may announce an ethertype.
#[cold]
fn llc(
    rest: &[u8],
    beyond: usize,
    layers: Layers,
    length: usize,
) -> Result<(At<'_>, EtherType), Parsed> {
    let at = At {
        rest,
        beyond,
        layers,
    };
    let truncated = at.ends(Outcome::Truncated(Layer::Llc));
    // What is behind the length is padding.
    let bounded = match at.rest.get(..length) {
        Some(rest) => At {
            rest,
            beyond: 0,
            ..at
        },
        None => {
            let beyond = length.wrapping_sub(at.rest.len());
            if beyond > at.beyond {
                return Err(truncated);
            }
            At { beyond, ..at }
        }
    };
    let Ok((header, rest)) = LlcHeader::split(bounded.rest) else {
        return Err(short_llc(bounded));
    };
    if rest.len() < usize::from(header.header_len()).wrapping_sub(LlcHeader::LEN) {
        return Err(short_llc(bounded));
    }
    let at = bounded.behind(Kinds::LLC, 0, bounded.rest);
    if !header.is_snap() {
        return Err(at.ends(Outcome::UnknownSap(header.destination())));
    }
    let Ok(snap) = Snap::new(rest) else {
        return Err(at.ends(Outcome::Truncated(Layer::Llc)));
    };
    match snap.ethertype() {
        Some(ethertype) => Ok((at.behind(Kinds::LLC, 8, snap.payload), ethertype)),
        None => Err(at.ends(Outcome::UnknownSap(header.destination()))),
    }
}

/// Too few bytes for LLC: cut off, unless the length itself says so.
fn short_llc(at: At<'_>) -> Parsed {
    at.ends(match at.beyond {
        0 => Outcome::Malformed(Check::LlcLength),
        _ => Outcome::Truncated(Layer::Llc),
    })
}

#[cold]
fn arp(rest: &[u8], layers: Layers) -> Parsed {
    let at = At {
        rest,
        beyond: 0,
        layers,
    };
    match Arp::new(at.rest) {
        Ok(_) => at.behind(Kinds::ARP, 0, at.rest).ends(Outcome::Complete),
        Err(WireError::Truncated { .. }) => at.ends(Outcome::Truncated(Layer::Arp)),
        Err(_) => at.ends(Outcome::Malformed(Check::ArpFormat)),
    }
}

/// A label stack. What it carries only the last label's meaning says (RFC 3032 section 2.2), which is
/// known to those who have the table; everybody else looks at the first nibble (RFC 4928 section 3).
#[cold]
fn mpls<const CHECKSUM: bool>(rest: &[u8], beyond: usize, layers: Layers) -> Parsed {
    let at = At {
        rest,
        beyond,
        layers,
    };
    let mut stack = MplsStack::new(at.rest);
    let mut len = 0u8;
    for label in stack.by_ref() {
        match label {
            Ok(_) => len = len.wrapping_add(4),
            Err(WireError::TooMany(_)) => return at.ends(Outcome::Malformed(Check::TooManyLabels)),
            Err(_) => return at.ends(Outcome::Truncated(Layer::Mpls)),
        }
    }
    let at = at.behind(Kinds::MPLS, len, stack.payload());
    match at.rest.first() {
        Some(first) if matches!(first >> 4, 4 | 6) => {
            network::by_version::<CHECKSUM>(at.rest, at.beyond, at.layers)
        }
        Some(_) => at.ends(Outcome::UnknownInMpls),
        None => at.ends(Outcome::Truncated(Layer::Mpls)),
    }
}

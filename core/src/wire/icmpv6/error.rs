//! Errors about packets: what they quote, and when there may be none (RFC 4443).

use super::{Icmpv6Header, Icmpv6Message, Icmpv6Mut, Icmpv6Type, parameter_problem};
use crate::wire::checksum::PseudoHeader;
use crate::wire::header::copy_to;
use crate::wire::{Header, IpProtocol, Ipv6, Ipv6Header, WireError};

/// The most bytes of the packet it is about that an error quotes. RFC 4443, 2.4 (c): "as much of
/// the IPv6 offending (invoking) packet [...] as possible without making the error message packet
/// exceed the minimum IPv6 MTU".
pub const MAX_QUOTE: usize = Ipv6Header::MIN_MTU as usize - Ipv6Header::LEN - Icmpv6Header::LEN;

/// Writes an error about `packet` (from its IPv6 header on, as it came in) to the start of `out`:
/// the header, as much of the packet as [`MAX_QUOTE`] allows, and the checksum for the addresses in
/// `pseudo`. Gives the length of the message.
///
/// A router that answers in the packet's own buffer needs no copy: it keeps at most [`MAX_QUOTE`]
/// bytes, prepends room for the headers, and writes them with [`Header::write`] and
/// [`Icmpv6Mut::fill_checksum`]. Whether there may be an error at all, [`may_cause_error`] says.
///
/// # Errors
/// [`WireError::NoRoom`] if `out` is too short; nothing is written then.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::{Icmpv6, Icmpv6Message, checksum::PseudoHeader, icmpv6};
///
/// let packet = [0x60; 40];
/// let pseudo = PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
/// let mut out = [0; 64];
/// let message = Icmpv6Message::PacketTooBig { mtu: 1280 };
/// let len = icmpv6::write_error(&mut out, message, &packet, &pseudo)?;
/// let error = Icmpv6::new(&out[..len])?;
/// assert!(error.checksum_ok(&pseudo));
/// assert_eq!(error.payload, packet);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
pub fn write_error(
    out: &mut [u8],
    message: Icmpv6Message,
    packet: &[u8],
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let quote = packet.get(..MAX_QUOTE).unwrap_or(packet);
    let len = Icmpv6Header::LEN + quote.len();
    let out = out.get_mut(..len).ok_or(WireError::no_room(len))?;
    let place = Icmpv6Header::new(message).write(out)?;
    copy_to(place, quote);
    Icmpv6Mut::new(out)?.fill_checksum(pseudo);
    Ok(len)
}

/// An error of this kind may be sent about this packet, as far as the packet itself can tell. RFC
/// 4443, 2.4 (e) forbids it for
///
/// - "An ICMPv6 error message" and "An ICMPv6 redirect message", where the packet's extension
///   headers can be walked;
/// - "A packet destined to an IPv6 multicast address", except with "packet too big", and with a
///   parameter problem of an unknown option;
/// - "A packet whose source address does not uniquely identify a single node": unspecified or
///   multicast.
///
/// What only the caller knows it must check itself: a packet sent as link-layer multicast or
/// broadcast, to which the same exceptions apply, and anycast sources. Fragments other than the
/// first may cause an error.
///
/// ```
/// use linecard::wire::{Icmpv6Message, Ipv6, icmpv6};
///
/// let mut packet = [0; 40];
/// (packet[0], packet[23]) = (0x60, 1);
/// let message = Icmpv6Message::TimeExceeded { code: 0 };
/// assert!(icmpv6::may_cause_error(&Ipv6::new(&packet)?, message));
/// packet[24] = 0xff;
/// assert!(!icmpv6::may_cause_error(&Ipv6::new(&packet)?, message));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[must_use]
pub fn may_cause_error(packet: &Ipv6<'_>, message: Icmpv6Message) -> bool {
    let source = packet.source();
    if source.is_unspecified() || source.is_multicast() {
        return false;
    }
    let also_to_many = match message {
        Icmpv6Message::PacketTooBig { .. } => true,
        Icmpv6Message::ParameterProblem { code, .. } => code == parameter_problem::UNKNOWN_OPTION,
        _ => false,
    };
    if packet.destination().is_multicast() && !also_to_many {
        return false;
    }
    match packet.upper() {
        Ok(upper) if upper.protocol == IpProtocol::ICMPV6 && upper.has_header() => {
            upper.payload.first().is_some_and(|&kind| {
                !Icmpv6Type(kind).is_error() && Icmpv6Type(kind) != Icmpv6Type::REDIRECT
            })
        }
        _ => true,
    }
}

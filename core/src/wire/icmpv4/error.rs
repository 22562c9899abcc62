//! Errors about packets: what they quote, and when there may be none (RFC 1812).

use super::{Icmpv4Header, Icmpv4Message, Icmpv4Mut, Icmpv4Type};
use crate::wire::header::copy_to;
use crate::wire::{Header, IpProtocol, Ipv4, Ipv4Header, WireError};

/// The most bytes of the packet it is about that an error quotes: with two IPv4 headers without
/// options in front, 576 bytes. RFC 1812, 4.3.2.3: "as much of the original datagram as possible
/// without the length of the ICMP datagram exceeding 576 bytes".
pub const MAX_QUOTE: usize = 576 - Ipv4Header::LEN - Icmpv4Header::LEN;

/// Writes an error about `packet` (from its IPv4 header on, as it came in) to the start of `out`:
/// the header, as much of the packet as [`MAX_QUOTE`] allows, and the checksum. Gives the length of
/// the message.
///
/// A router that answers in the packet's own buffer needs no copy: it keeps at most [`MAX_QUOTE`]
/// bytes, prepends room for the headers, and writes them with [`Header::write`] and
/// [`Icmpv4Mut::fill_checksum`]. Whether there may be an error at all, [`may_cause_error`] says.
///
/// # Errors
/// [`WireError::NoRoom`] if `out` is too short; nothing is written then.
///
/// ```
/// use linecard::wire::{Icmpv4, Icmpv4Message, icmpv4};
///
/// let packet = *b"\x45\0\0\x18\0\0\0\0\x01\x11\0\0\x0a\0\0\x01\x0a\0\0\x02abcd";
/// let mut out = [0; 64];
/// let len = icmpv4::write_error(&mut out, Icmpv4Message::TimeExceeded { code: 0 }, &packet)?;
/// let error = Icmpv4::new(&out[..len])?;
/// assert!(error.checksum_ok());
/// assert_eq!(error.quoted().unwrap()?.payload, b"abcd");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
pub fn write_error(
    out: &mut [u8],
    message: Icmpv4Message,
    packet: &[u8],
) -> Result<usize, WireError> {
    let quote = packet.get(..MAX_QUOTE).unwrap_or(packet);
    let len = Icmpv4Header::LEN + quote.len();
    let out = out.get_mut(..len).ok_or(WireError::no_room(len))?;
    let place = Icmpv4Header::new(message).write(out)?;
    copy_to(place, quote);
    Icmpv4Mut::new(out)?.fill_checksum();
    Ok(len)
}

/// An ICMP error may be sent about this packet, as far as the packet itself can tell. RFC 1812,
/// 4.3.2.7 forbids it for
///
/// - "an ICMP error message";
/// - "a packet destined to an IP broadcast or IP multicast address";
/// - "a packet whose source address has a network prefix of zero or is an invalid source address";
/// - "any fragment of a datagram other then the first fragment".
///
/// What only the caller knows it must check itself: a packet sent as link-layer broadcast or
/// multicast, one whose header was not valid, and broadcast addresses of its own subnets.
///
/// ```
/// use linecard::wire::{Ipv4, icmpv4};
///
/// let mut packet = *b"\x45\0\0\x14\0\0\0\0\x01\x11\0\0\x0a\0\0\x01\x0a\0\0\x02";
/// assert!(icmpv4::may_cause_error(&Ipv4::new(&packet)?));
/// packet[16] = 224;
/// assert!(!icmpv4::may_cause_error(&Ipv4::new(&packet)?));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[must_use]
pub fn may_cause_error(packet: &Ipv4<'_>) -> bool {
    let (source, destination) = (packet.source(), packet.destination());
    let [source_net, ..] = source.octets();
    // RFC 1812, 5.3.7: sources in 0/8, 127/8, 224/4 and 240/4 (broadcast is of these) are not
    // valid.
    let source_is_a_host = !matches!(source_net, 0 | 127 | 224..=255);
    let to_many = destination.is_broadcast() || destination.is_multicast();
    let is_error = packet.protocol() == IpProtocol::ICMP
        && packet
            .payload
            .first()
            .is_none_or(|&kind| Icmpv4Type(kind).is_error());
    source_is_a_host && !to_many && packet.fragment_offset() == 0 && !is_error
}

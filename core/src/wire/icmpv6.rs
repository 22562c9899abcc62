//! ICMP for IPv6: [RFC 4443](https://www.rfc-editor.org/rfc/rfc4443).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     type      |     code      |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        4 bytes by the type; of "packet too big":              |
//! |                              MTU                              |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        data; in an error: the packet it is about ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Neighbour discovery, which is ICMPv6 as well, is in [`ndp`](super::ndp).

use core::fmt;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::{PseudoHeader, Sum};
use super::header::views_deref_to_header;
use super::{Header, IpProtocol, Ipv6, Ipv6Header, WireError};

/// What an ICMPv6 message is
/// ([IANA, ICMPv6 types](https://www.iana.org/assignments/icmpv6-parameters)).
///
/// ```
/// use linecard::wire::Icmpv6Type;
///
/// assert!(Icmpv6Type::PACKET_TOO_BIG.is_error());
/// assert_eq!(Icmpv6Type::NEIGHBOR_SOLICITATION.to_string(), "neighbor solicitation");
/// assert_eq!(Icmpv6Type(200).to_string(), "type 200");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Icmpv6Type(pub u8);

impl Icmpv6Type {
    /// Could not be delivered; the code says why (RFC 4443).
    pub const UNREACHABLE: Self = Self(1);
    /// Larger than the next hop's MTU (RFC 4443).
    pub const PACKET_TOO_BIG: Self = Self(2);
    /// Too many hops, or fragments that came too late (RFC 4443).
    pub const TIME_EXCEEDED: Self = Self(3);
    /// A field is wrong or not understood (RFC 4443).
    pub const PARAMETER_PROBLEM: Self = Self(4);
    /// To be answered (RFC 4443).
    pub const ECHO_REQUEST: Self = Self(128);
    /// Answer to an echo request (RFC 4443).
    pub const ECHO_REPLY: Self = Self(129);
    /// Who listens to which multicast group? (RFC 2710).
    pub const LISTENER_QUERY: Self = Self(130);
    /// Is there a router? (RFC 4861).
    pub const ROUTER_SOLICITATION: Self = Self(133);
    /// Here is a router (RFC 4861).
    pub const ROUTER_ADVERTISEMENT: Self = Self(134);
    /// Who has this address? (RFC 4861).
    pub const NEIGHBOR_SOLICITATION: Self = Self(135);
    /// I have this address (RFC 4861).
    pub const NEIGHBOR_ADVERTISEMENT: Self = Self(136);
    /// There is a better first hop (RFC 4861).
    pub const REDIRECT: Self = Self(137);
    /// I listen to these multicast groups (RFC 3810).
    pub const LISTENER_REPORT_V2: Self = Self(143);

    /// It tells of another packet, whose start it quotes. RFC 4443, 2.1: "error messages have
    /// message types from 0 to 127".
    #[inline]
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

impl fmt::Display for Icmpv6Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::UNREACHABLE => "unreachable",
            Self::PACKET_TOO_BIG => "packet too big",
            Self::TIME_EXCEEDED => "time exceeded",
            Self::PARAMETER_PROBLEM => "parameter problem",
            Self::ECHO_REQUEST => "echo request",
            Self::ECHO_REPLY => "echo reply",
            Self::LISTENER_QUERY => "listener query",
            Self::ROUTER_SOLICITATION => "router solicitation",
            Self::ROUTER_ADVERTISEMENT => "router advertisement",
            Self::NEIGHBOR_SOLICITATION => "neighbor solicitation",
            Self::NEIGHBOR_ADVERTISEMENT => "neighbor advertisement",
            Self::REDIRECT => "redirect",
            Self::LISTENER_REPORT_V2 => "listener report",
            Self(other) => return write!(f, "type {other}"),
        })
    }
}

/// Why a packet could not be delivered: the codes of [`Icmpv6Type::UNREACHABLE`] (RFC 4443, section
/// 3.1).
///
/// ```
/// use linecard::wire::{Icmpv6Message, icmpv6::unreachable};
///
/// let message = Icmpv6Message::Unreachable { code: unreachable::PORT };
/// assert_eq!(message.to_string(), "unreachable, code 4");
/// ```
pub mod unreachable {
    /// No route to the destination.
    pub const NO_ROUTE: u8 = 0;
    /// A filter forbids it.
    pub const ADMINISTRATIVELY_PROHIBITED: u8 = 1;
    /// Beyond the scope of the source address.
    pub const BEYOND_SCOPE: u8 = 2;
    /// The host does not answer, for example to neighbour solicitations.
    pub const ADDRESS: u8 = 3;
    /// Nobody listens at the port.
    pub const PORT: u8 = 4;
}

/// What is wrong with a packet: the codes of [`Icmpv6Type::PARAMETER_PROBLEM`] (RFC 4443, section
/// 3.4).
///
/// ```
/// use linecard::wire::{Icmpv6Message, icmpv6::parameter_problem};
///
/// let code = parameter_problem::UNKNOWN_OPTION;
/// let message = Icmpv6Message::ParameterProblem { code, pointer: 42 };
/// assert_eq!(message.to_string(), "parameter problem, code 2, byte 42");
/// ```
pub mod parameter_problem {
    /// A field of a header is wrong.
    pub const ERRONEOUS_FIELD: u8 = 0;
    /// The next header is of an unknown kind.
    pub const UNKNOWN_NEXT_HEADER: u8 = 1;
    /// An option is of an unknown kind.
    pub const UNKNOWN_OPTION: u8 = 2;
}

/// What a message says: its type, its code and the 4 bytes that mean something else in each type.
///
/// ```
/// use linecard::wire::{Icmpv6Header, Icmpv6Message};
///
/// let message = Icmpv6Message::PacketTooBig { mtu: 1280 };
/// let header = Icmpv6Header::new(message);
/// assert_eq!(header.rest(), [0, 0, 0x05, 0x00]);
/// assert_eq!(header.message(), message);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Icmpv6Message {
    /// Could not be delivered.
    Unreachable {
        /// Why: see [`unreachable`].
        code: u8,
    },
    /// Larger than the next hop's MTU.
    PacketTooBig {
        /// What would fit, in bytes.
        mtu: u32,
    },
    /// The packet was on its way for too long.
    TimeExceeded {
        /// 0: no hops left. 1: not all fragments came in time.
        code: u8,
    },
    /// A field is wrong or not understood.
    ParameterProblem {
        /// What is wrong: see [`parameter_problem`].
        code: u8,
        /// Which byte of the packet.
        pointer: u32,
    },
    /// To be answered with the same identifier, sequence number and data.
    EchoRequest {
        /// Which of the sender's series.
        ident: u16,
        /// Which of the series.
        sequence: u16,
    },
    /// Answer to an echo request.
    EchoReply {
        /// As in the request.
        ident: u16,
        /// As in the request.
        sequence: u16,
    },
    /// Any other, as it stands; neighbour discovery too.
    Other {
        /// The type.
        kind: Icmpv6Type,
        /// The code.
        code: u8,
        /// The 4 bytes behind the checksum.
        rest: [u8; 4],
    },
}

impl Icmpv6Message {
    /// Its type.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Icmpv6Type {
        match *self {
            Self::Unreachable { .. } => Icmpv6Type::UNREACHABLE,
            Self::PacketTooBig { .. } => Icmpv6Type::PACKET_TOO_BIG,
            Self::TimeExceeded { .. } => Icmpv6Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv6Type::PARAMETER_PROBLEM,
            Self::EchoRequest { .. } => Icmpv6Type::ECHO_REQUEST,
            Self::EchoReply { .. } => Icmpv6Type::ECHO_REPLY,
            Self::Other { kind, .. } => kind,
        }
    }

    /// Its code; 0 for an echo and for "packet too big".
    #[inline]
    #[must_use]
    pub const fn code(&self) -> u8 {
        match *self {
            Self::PacketTooBig { .. } | Self::EchoRequest { .. } | Self::EchoReply { .. } => 0,
            Self::Unreachable { code }
            | Self::TimeExceeded { code }
            | Self::ParameterProblem { code, .. }
            | Self::Other { code, .. } => code,
        }
    }

    #[inline]
    const fn rest(&self) -> [u8; 4] {
        match *self {
            Self::Unreachable { .. } | Self::TimeExceeded { .. } => [0; 4],
            Self::PacketTooBig { mtu: value } | Self::ParameterProblem { pointer: value, .. } => {
                value.to_be_bytes()
            }
            Self::EchoRequest { ident, sequence } | Self::EchoReply { ident, sequence } => {
                ((ident as u32) << 16 | sequence as u32).to_be_bytes()
            }
            Self::Other { rest, .. } => rest,
        }
    }
}

impl fmt::Display for Icmpv6Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match *self {
            Self::PacketTooBig { mtu } => write!(f, ", mtu {mtu}"),
            Self::ParameterProblem { code, pointer } => write!(f, ", code {code}, byte {pointer}"),
            Self::EchoRequest { ident, sequence } | Self::EchoReply { ident, sequence } => {
                write!(f, ", id {ident}, seq {sequence}")
            }
            Self::Unreachable { code } | Self::TimeExceeded { code } | Self::Other { code, .. } => {
                write!(f, ", code {code}")
            }
        }
    }
}

/// The 8 bytes that each ICMPv6 message starts with.
///
/// ```
/// use linecard::wire::{Header, Icmpv6Header, Icmpv6Message};
///
/// let header = Icmpv6Header::new(Icmpv6Message::TimeExceeded { code: 0 });
/// assert_eq!(header.to_string(), "ICMPv6 time exceeded, code 0");
/// let mut bytes = [0; 8];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [3, 0, 0, 0, 0, 0, 0, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Icmpv6Header {
    kind: Icmpv6Type,
    code: u8,
    checksum: U16,
    rest: [u8; 4],
}

impl Header for Icmpv6Header {}

impl Icmpv6Header {
    /// A header that says this. Its checksum is zero: it covers the data too, and is filled in by
    /// [`Icmpv6Mut::fill_checksum`] when they are there.
    #[inline]
    #[must_use]
    pub const fn new(message: Icmpv6Message) -> Self {
        let checksum = U16::new(0);
        Self {
            kind: message.kind(),
            code: message.code(),
            checksum,
            rest: message.rest(),
        }
    }

    /// What it is.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Icmpv6Type {
        self.kind
    }

    /// Which of its kind.
    #[inline]
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The 4 bytes behind the checksum.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> [u8; 4] {
        self.rest
    }

    /// What it says.
    #[must_use]
    pub const fn message(&self) -> Icmpv6Message {
        let value = u32::from_be_bytes(self.rest);
        let (ident, sequence) = ((value >> 16) as u16, value as u16);
        let code = self.code;
        match self.kind {
            Icmpv6Type::UNREACHABLE => Icmpv6Message::Unreachable { code },
            // RFC 4443, 3.2: the code is "Set to 0 (zero) by the originator and ignored by the
            // receiver."
            Icmpv6Type::PACKET_TOO_BIG => Icmpv6Message::PacketTooBig { mtu: value },
            Icmpv6Type::TIME_EXCEEDED => Icmpv6Message::TimeExceeded { code },
            Icmpv6Type::PARAMETER_PROBLEM => Icmpv6Message::ParameterProblem {
                code,
                pointer: value,
            },
            Icmpv6Type::ECHO_REQUEST if code == 0 => Icmpv6Message::EchoRequest { ident, sequence },
            Icmpv6Type::ECHO_REPLY if code == 0 => Icmpv6Message::EchoReply { ident, sequence },
            kind => Icmpv6Message::Other {
                kind,
                code,
                rest: self.rest,
            },
        }
    }

    /// Sets what it says; the checksum is left as it is.
    #[inline]
    pub fn set_message(&mut self, message: Icmpv6Message) {
        *self = Self {
            checksum: self.checksum,
            ..Self::new(message)
        };
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }
}

impl fmt::Display for Icmpv6Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMPv6 {}", self.message())
    }
}

/// A message, checked.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::{Icmpv6, Icmpv6Message, checksum::PseudoHeader};
///
/// let icmp = Icmpv6::new(b"\x80\0\x7f\xb3\0\x07\0\x01")?;
/// assert_eq!(icmp.message(), Icmpv6Message::EchoRequest { ident: 7, sequence: 1 });
/// let pseudo = PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
/// assert!(icmp.checksum_ok(&pseudo));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Icmpv6<'a> {
    /// The first 8 bytes.
    pub header: &'a Icmpv6Header,
    /// What follows: an echo's data, or what an error is about.
    pub payload: &'a [u8],
}

impl<'a> Icmpv6<'a> {
    /// Views `bytes`, the upper layer of an IPv6 packet, as a message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = Icmpv6Header::split(bytes)?;
        Ok(Self { header, payload })
    }

    /// The checksum, which covers the addresses of the packet, is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        sum(pseudo, self.header, self.payload).is_valid()
    }

    /// The packet that an error is about, whose payload may be cut off; `None` if this is no error.
    ///
    /// Where the length field of [RFC 4884](https://www.rfc-editor.org/rfc/rfc4884#section-4) is
    /// set, the quote ends there and extensions follow.
    ///
    /// # Errors
    /// As [`Ipv6::new_quoted`].
    #[must_use]
    pub fn quoted(&self) -> Option<Result<Ipv6<'a>, WireError>> {
        let kind = self.header.kind;
        if !kind.is_error() {
            return None;
        }
        let [words, ..] = self.header.rest;
        let quote = match kind {
            Icmpv6Type::UNREACHABLE | Icmpv6Type::TIME_EXCEEDED if words != 0 => self
                .payload
                .get(..usize::from(words) * 8)
                .unwrap_or(self.payload),
            _ => self.payload,
        };
        Some(Ipv6::new_quoted(quote))
    }
}

/// A message, checked, for writing in place.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::{Icmpv6Message, Icmpv6Mut, checksum::PseudoHeader};
///
/// // An echo request becomes its reply.
/// let mut bytes = *b"\x80\0\0\0\0\x07\0\x01";
/// let mut icmp = Icmpv6Mut::new(&mut bytes)?;
/// if let Icmpv6Message::EchoRequest { ident, sequence } = icmp.message() {
///     icmp.set_message(Icmpv6Message::EchoReply { ident, sequence });
///     icmp.fill_checksum(&PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST));
/// }
/// assert_eq!(bytes[..4], [0x81, 0, 0x7e, 0xb3]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Icmpv6Mut<'a> {
    /// The first 8 bytes.
    pub header: &'a mut Icmpv6Header,
    /// What follows: an echo's data, or what an error is about.
    pub payload: &'a mut [u8],
}

impl<'a> Icmpv6Mut<'a> {
    /// Views `bytes`, the upper layer of an IPv6 packet, as a message.
    ///
    /// # Errors
    /// As [`Icmpv6::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = Icmpv6Header::split_mut(bytes)?;
        Ok(Self { header, payload })
    }

    /// The checksum, which covers the addresses of the packet, is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        sum(pseudo, self.header, self.payload).is_valid()
    }

    /// Computes the checksum over the addresses and the whole message and puts it in.
    #[inline]
    pub fn fill_checksum(&mut self, pseudo: &PseudoHeader) {
        self.header.set_checksum(0);
        let checksum = sum(pseudo, self.header, self.payload).checksum();
        self.header.set_checksum(checksum);
    }
}

views_deref_to_header!(Icmpv6, Icmpv6Mut, Icmpv6Header);

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
    place.copy_from_slice(quote);
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

#[inline]
fn sum(pseudo: &PseudoHeader, header: &Icmpv6Header, payload: &[u8]) -> Sum {
    // Longer than 4 GiB is not a message; its checksum need only be some number.
    let len = (Icmpv6Header::LEN + payload.len()) as u32;
    pseudo.sum(IpProtocol::ICMPV6, len) + Sum::of(header.as_bytes()) + Sum::of(payload)
}

static_assertions::assert_eq_size!(Icmpv6Header, [u8; 8]);

#[cfg(test)]
#[path = "tests/icmpv6.rs"]
mod tests;

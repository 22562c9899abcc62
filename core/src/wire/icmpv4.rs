//! ICMP for IPv4: [RFC 792](https://www.rfc-editor.org/rfc/rfc792), the next-hop MTU of
//! [RFC 1191](https://www.rfc-editor.org/rfc/rfc1191#section-4), and what a router may answer by
//! [RFC 1812](https://www.rfc-editor.org/rfc/rfc1812#section-4.3.2).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     type      |     code      |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        4 bytes by the type; of an echo:                       |
//! |          identifier           |        sequence number        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        data; in an error: the packet it is about ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::Sum;
use super::header::views_deref_to_header;
use super::{Header, IpProtocol, Ipv4, Ipv4Header, WireError};

/// What an ICMP message is ([IANA, ICMP types](https://www.iana.org/assignments/icmp-parameters)).
///
/// ```
/// use linecard::wire::Icmpv4Type;
///
/// assert!(Icmpv4Type::TIME_EXCEEDED.is_error());
/// assert_eq!(Icmpv4Type::ECHO_REQUEST.to_string(), "echo request");
/// assert_eq!(Icmpv4Type(99).to_string(), "type 99");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Icmpv4Type(pub u8);

impl Icmpv4Type {
    /// Answer to an echo request (RFC 792).
    pub const ECHO_REPLY: Self = Self(0);
    /// Could not be delivered; the code says why (RFC 792).
    pub const UNREACHABLE: Self = Self(3);
    /// Send slower (RFC 792; by RFC 6633 no longer used).
    pub const SOURCE_QUENCH: Self = Self(4);
    /// There is a better first hop (RFC 792).
    pub const REDIRECT: Self = Self(5);
    /// To be answered (RFC 792).
    pub const ECHO_REQUEST: Self = Self(8);
    /// Here is a router (RFC 1256).
    pub const ROUTER_ADVERTISEMENT: Self = Self(9);
    /// Is there a router? (RFC 1256).
    pub const ROUTER_SOLICITATION: Self = Self(10);
    /// Too many hops, or fragments that came too late (RFC 792).
    pub const TIME_EXCEEDED: Self = Self(11);
    /// A field of the header is wrong (RFC 792).
    pub const PARAMETER_PROBLEM: Self = Self(12);
    /// What time is it? (RFC 792).
    pub const TIMESTAMP_REQUEST: Self = Self(13);
    /// Answer to a timestamp request (RFC 792).
    pub const TIMESTAMP_REPLY: Self = Self(14);

    /// It tells of another packet, whose start it quotes. RFC 1812, 4.3.2.1 names these:
    /// unreachable, redirect, source quench, time exceeded and parameter problem.
    #[inline]
    #[must_use]
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::UNREACHABLE
                | Self::SOURCE_QUENCH
                | Self::REDIRECT
                | Self::TIME_EXCEEDED
                | Self::PARAMETER_PROBLEM
        )
    }
}

impl fmt::Display for Icmpv4Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::ECHO_REPLY => "echo reply",
            Self::UNREACHABLE => "unreachable",
            Self::SOURCE_QUENCH => "source quench",
            Self::REDIRECT => "redirect",
            Self::ECHO_REQUEST => "echo request",
            Self::ROUTER_ADVERTISEMENT => "router advertisement",
            Self::ROUTER_SOLICITATION => "router solicitation",
            Self::TIME_EXCEEDED => "time exceeded",
            Self::PARAMETER_PROBLEM => "parameter problem",
            Self::TIMESTAMP_REQUEST => "timestamp request",
            Self::TIMESTAMP_REPLY => "timestamp reply",
            Self(other) => return write!(f, "type {other}"),
        })
    }
}

/// Why a packet could not be delivered: the codes of [`Icmpv4Type::UNREACHABLE`] (RFC 792, RFC 1122
/// section 3.2.2.1, RFC 1812 section 5.2.7.1).
///
/// ```
/// use linecard::wire::{Icmpv4Message, icmpv4::unreachable};
///
/// let message = Icmpv4Message::Unreachable { code: unreachable::HOST, next_hop_mtu: 0 };
/// assert_eq!(message.to_string(), "unreachable, code 1");
/// ```
pub mod unreachable {
    /// No route to the network.
    pub const NET: u8 = 0;
    /// The host does not answer, for example to ARP.
    pub const HOST: u8 = 1;
    /// The host does not speak the protocol.
    pub const PROTOCOL: u8 = 2;
    /// Nobody listens at the port.
    pub const PORT: u8 = 3;
    /// Larger than the next hop's MTU, and not to be fragmented.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
    /// A source route could not be followed.
    pub const SOURCE_ROUTE_FAILED: u8 = 5;
    /// A filter forbids it.
    pub const ADMINISTRATIVELY_PROHIBITED: u8 = 13;
}

/// What a message says: its type, its code and the 4 bytes that mean something else in each type.
///
/// ```
/// use linecard::wire::{Icmpv4Header, Icmpv4Message, icmpv4::unreachable};
///
/// let code = unreachable::FRAGMENTATION_NEEDED;
/// let message = Icmpv4Message::Unreachable { code, next_hop_mtu: 1400 };
/// let header = Icmpv4Header::new(message);
/// assert_eq!(header.rest(), [0, 0, 0x05, 0x78]);
/// assert_eq!(header.message(), message);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Icmpv4Message {
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
    /// Could not be delivered.
    Unreachable {
        /// Why: see [`unreachable`].
        code: u8,
        /// What would fit, in bytes, if fragmentation was needed; 0 from routers older than RFC
        /// 1191.
        next_hop_mtu: u16,
    },
    /// There is a better first hop.
    Redirect {
        /// 0 for the network, 1 for the host; 2 and 3 the same for a type of service.
        code: u8,
        /// The better first hop.
        gateway: Ipv4Addr,
    },
    /// The packet was on its way for too long.
    TimeExceeded {
        /// 0: no hops left. 1: not all fragments came in time.
        code: u8,
    },
    /// A field of the header is wrong.
    ParameterProblem {
        /// 0: see the pointer. 1: an option is missing. 2: bad length.
        code: u8,
        /// Which byte of the packet is wrong.
        pointer: u8,
    },
    /// Any other, as it stands.
    Other {
        /// The type.
        kind: Icmpv4Type,
        /// The code.
        code: u8,
        /// The 4 bytes behind the checksum.
        rest: [u8; 4],
    },
}

impl Icmpv4Message {
    /// Its type.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Icmpv4Type {
        match *self {
            Self::EchoRequest { .. } => Icmpv4Type::ECHO_REQUEST,
            Self::EchoReply { .. } => Icmpv4Type::ECHO_REPLY,
            Self::Unreachable { .. } => Icmpv4Type::UNREACHABLE,
            Self::Redirect { .. } => Icmpv4Type::REDIRECT,
            Self::TimeExceeded { .. } => Icmpv4Type::TIME_EXCEEDED,
            Self::ParameterProblem { .. } => Icmpv4Type::PARAMETER_PROBLEM,
            Self::Other { kind, .. } => kind,
        }
    }

    /// Its code; 0 for an echo.
    #[inline]
    #[must_use]
    pub const fn code(&self) -> u8 {
        match *self {
            Self::EchoRequest { .. } | Self::EchoReply { .. } => 0,
            Self::Unreachable { code, .. }
            | Self::Redirect { code, .. }
            | Self::TimeExceeded { code }
            | Self::ParameterProblem { code, .. }
            | Self::Other { code, .. } => code,
        }
    }

    #[inline]
    const fn rest(&self) -> [u8; 4] {
        match *self {
            Self::EchoRequest { ident, sequence } | Self::EchoReply { ident, sequence } => {
                ((ident as u32) << 16 | sequence as u32).to_be_bytes()
            }
            Self::Unreachable { next_hop_mtu, .. } => (next_hop_mtu as u32).to_be_bytes(),
            Self::Redirect { gateway, .. } => gateway.octets(),
            Self::TimeExceeded { .. } => [0; 4],
            Self::ParameterProblem { pointer, .. } => [pointer, 0, 0, 0],
            Self::Other { rest, .. } => rest,
        }
    }
}

impl fmt::Display for Icmpv4Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match *self {
            Self::EchoRequest { ident, sequence } | Self::EchoReply { ident, sequence } => {
                write!(f, ", id {ident}, seq {sequence}")
            }
            Self::Unreachable {
                code,
                next_hop_mtu: 0,
            } => write!(f, ", code {code}"),
            Self::Unreachable { code, next_hop_mtu } => {
                write!(f, ", code {code}, mtu {next_hop_mtu}")
            }
            Self::Redirect { code, gateway } => write!(f, ", code {code}, to {gateway}"),
            Self::ParameterProblem { code, pointer } => write!(f, ", code {code}, byte {pointer}"),
            Self::TimeExceeded { code } | Self::Other { code, .. } => write!(f, ", code {code}"),
        }
    }
}

/// The 8 bytes that each ICMP message starts with.
///
/// ```
/// use linecard::wire::{Header, Icmpv4Header, Icmpv4Message};
///
/// let header = Icmpv4Header::new(Icmpv4Message::EchoRequest { ident: 7, sequence: 1 });
/// assert_eq!(header.to_string(), "ICMP echo request, id 7, seq 1");
/// let mut bytes = [0; 8];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [8, 0, 0, 0, 0, 7, 0, 1]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Icmpv4Header {
    kind: Icmpv4Type,
    code: u8,
    checksum: U16,
    rest: [u8; 4],
}

impl Header for Icmpv4Header {}

impl Icmpv4Header {
    /// A header that says this. Its checksum is zero: it covers the data too, and is filled in by
    /// [`Icmpv4Mut::fill_checksum`] when they are there.
    #[inline]
    #[must_use]
    pub const fn new(message: Icmpv4Message) -> Self {
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
    pub const fn kind(&self) -> Icmpv4Type {
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
    pub const fn message(&self) -> Icmpv4Message {
        let [a, b, c, d] = self.rest;
        let (ident, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        let code = self.code;
        match self.kind {
            Icmpv4Type::ECHO_REQUEST if code == 0 => Icmpv4Message::EchoRequest { ident, sequence },
            Icmpv4Type::ECHO_REPLY if code == 0 => Icmpv4Message::EchoReply { ident, sequence },
            Icmpv4Type::UNREACHABLE => Icmpv4Message::Unreachable {
                code,
                next_hop_mtu: sequence,
            },
            Icmpv4Type::REDIRECT => Icmpv4Message::Redirect {
                code,
                gateway: Ipv4Addr::new(a, b, c, d),
            },
            Icmpv4Type::TIME_EXCEEDED => Icmpv4Message::TimeExceeded { code },
            Icmpv4Type::PARAMETER_PROBLEM => Icmpv4Message::ParameterProblem { code, pointer: a },
            kind => Icmpv4Message::Other {
                kind,
                code,
                rest: self.rest,
            },
        }
    }

    /// Sets what it says; the checksum is left as it is.
    #[inline]
    pub fn set_message(&mut self, message: Icmpv4Message) {
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

impl fmt::Display for Icmpv4Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ICMP {}", self.message())
    }
}

/// A message, checked.
///
/// ```
/// use linecard::wire::{Icmpv4, Icmpv4Message, WireError};
///
/// let icmp = Icmpv4::new(b"\x08\0\x8e\x8d\0\x07\0\x01ab\x08\x08")?;
/// assert_eq!(icmp.message(), Icmpv4Message::EchoRequest { ident: 7, sequence: 1 });
/// assert!(icmp.checksum_ok());
/// assert_eq!(Icmpv4::new(&[8; 7]).unwrap_err(), WireError::Truncated { needed: 8 });
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Icmpv4<'a> {
    /// The first 8 bytes.
    pub header: &'a Icmpv4Header,
    /// What follows: an echo's data, or what an error is about.
    pub payload: &'a [u8],
}

impl<'a> Icmpv4<'a> {
    /// Views `bytes`, the payload of an IPv4 packet, as a message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = Icmpv4Header::split(bytes)?;
        Ok(Self { header, payload })
    }

    /// The checksum is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        sum(self.header, self.payload).is_valid()
    }

    /// The packet that an error is about, whose payload may be cut off; `None` if this is no error.
    ///
    /// Where the length field of [RFC 4884](https://www.rfc-editor.org/rfc/rfc4884#section-5) is
    /// set, the quote ends there and extensions follow.
    ///
    /// # Errors
    /// As [`Ipv4::new_quoted`].
    #[must_use]
    pub fn quoted(&self) -> Option<Result<Ipv4<'a>, WireError>> {
        let kind = self.header.kind;
        if !kind.is_error() {
            return None;
        }
        let [_, words, ..] = self.header.rest;
        let quote = match kind {
            Icmpv4Type::UNREACHABLE | Icmpv4Type::TIME_EXCEEDED | Icmpv4Type::PARAMETER_PROBLEM
                if words != 0 =>
            {
                self.payload
                    .get(..usize::from(words) * 4)
                    .unwrap_or(self.payload)
            }
            _ => self.payload,
        };
        Some(Ipv4::new_quoted(quote))
    }
}

/// A message, checked, for writing in place.
///
/// ```
/// use linecard::wire::{Icmpv4Message, Icmpv4Mut};
///
/// // An echo request becomes its reply.
/// let mut bytes = *b"\x08\0\x8e\x8d\0\x07\0\x01ab\x08\x08";
/// let mut icmp = Icmpv4Mut::new(&mut bytes)?;
/// if let Icmpv4Message::EchoRequest { ident, sequence } = icmp.message() {
///     icmp.set_message(Icmpv4Message::EchoReply { ident, sequence });
///     icmp.fill_checksum();
/// }
/// assert_eq!(bytes[..4], [0, 0, 0x96, 0x8d]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Icmpv4Mut<'a> {
    /// The first 8 bytes.
    pub header: &'a mut Icmpv4Header,
    /// What follows: an echo's data, or what an error is about.
    pub payload: &'a mut [u8],
}

impl<'a> Icmpv4Mut<'a> {
    /// Views `bytes`, the payload of an IPv4 packet, as a message.
    ///
    /// # Errors
    /// As [`Icmpv4::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = Icmpv4Header::split_mut(bytes)?;
        Ok(Self { header, payload })
    }

    /// The checksum is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        sum(self.header, self.payload).is_valid()
    }

    /// Computes the checksum over the whole message and puts it in.
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.header.set_checksum(0);
        let checksum = sum(self.header, self.payload).checksum();
        self.header.set_checksum(checksum);
    }
}

views_deref_to_header!(Icmpv4, Icmpv4Mut, Icmpv4Header);

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
    place.copy_from_slice(quote);
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

#[inline]
fn sum(header: &Icmpv4Header, payload: &[u8]) -> Sum {
    Sum::of(header.as_bytes()) + Sum::of(payload)
}

static_assertions::assert_eq_size!(Icmpv4Header, [u8; 8]);

#[cfg(test)]
#[path = "tests/icmpv4.rs"]
mod tests;

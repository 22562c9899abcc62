//! What an ICMP message is, and what it says.

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

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
        /// Why: see [`mod@unreachable`].
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
    pub(super) const fn rest(&self) -> [u8; 4] {
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

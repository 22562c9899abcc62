//! What an ICMP message is, and what it says.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

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
    /// I listen to this multicast group (RFC 2710).
    pub const LISTENER_REPORT: Self = Self(131);
    /// I no longer listen to this multicast group (RFC 2710).
    pub const LISTENER_DONE: Self = Self(132);
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
            Self::LISTENER_REPORT => "listener report, version 1",
            Self::LISTENER_DONE => "listener done",
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
        /// Why: see [`mod@unreachable`].
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
    pub(super) const fn rest(&self) -> [u8; 4] {
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

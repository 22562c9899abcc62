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
//! Neighbour discovery and multicast listener discovery, which are ICMPv6 as well, are in
//! [`ndp`](super::ndp) and [`mld`](super::mld).

mod error;
mod message;

use core::fmt;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::checksum::{PseudoHeader, Sum};
use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, IpProtocol, Ipv6, WireError};

pub use error::{MAX_QUOTE, may_cause_error, write_error};
pub use message::{Icmpv6Message, Icmpv6Type, parameter_problem, unreachable};

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

// Every message is summed by the one copy: they are rare, and there are many kinds.
#[inline(never)]
fn sum(pseudo: &PseudoHeader, header: &Icmpv6Header, payload: &[u8]) -> Sum {
    // Longer than 4 GiB is not a message; its checksum need only be some number.
    let len = (Icmpv6Header::LEN + payload.len()) as u32;
    pseudo.sum(IpProtocol::ICMPV6, len) + Sum::of(header.as_bytes()) + Sum::of(payload)
}

static_assertions::assert_eq_size!(Icmpv6Header, [u8; 8]);

#[cfg(test)]
#[path = "../tests/icmpv6.rs"]
mod tests;

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

mod error;
mod message;

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::checksum::Sum;
use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, Ipv4, WireError};

pub use error::{MAX_QUOTE, may_cause_error, write_error};
pub use message::{Icmpv4Message, Icmpv4Type, unreachable};

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

#[inline]
fn sum(header: &Icmpv4Header, payload: &[u8]) -> Sum {
    Sum::of(header.as_bytes()) + Sum::of(payload)
}

static_assertions::assert_eq_size!(Icmpv4Header, [u8; 8]);

#[cfg(test)]
#[path = "../tests/icmpv4.rs"]
mod tests;

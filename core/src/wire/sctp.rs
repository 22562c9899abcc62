//! SCTP: [RFC 9260](https://www.rfc-editor.org/rfc/rfc9260#section-3), the common header and the
//! chunks behind it.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          source port          |       destination port        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       verification tag                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       checksum (CRC32c)                       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  chunk type   |  chunk flags  |         chunk length          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      chunk value, padded to a multiple of 4 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The checksum covers no addresses, so that it stays right when they change; a change of ports wants
//! a new one over the whole packet. Where both ends agreed to do without
//! ([RFC 9653](https://www.rfc-editor.org/rfc/rfc9653)) it is zero, which only they can know.

use core::fmt;

use zerocopy::byteorder::little_endian;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{Crc32c, Header, WireError};

/// The 12 bytes that each packet starts with.
///
/// ```
/// use linecard::wire::{Header, SctpHeader};
///
/// let header = SctpHeader::new(2905, 2905, 0x1234_5678);
/// assert_eq!(header.to_string(), "SCTP 2905 > 2905, tag 0x12345678");
/// let mut packet = [0; 12];
/// header.write(&mut packet)?;
/// assert_eq!(packet[4..8], [0x12, 0x34, 0x56, 0x78]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SctpHeader {
    source_port: U16,
    destination_port: U16,
    tag: U32,
    // The one number that is not in network order (RFC 9260 appendix A).
    checksum: little_endian::U32,
}

impl Header for SctpHeader {}

impl SctpHeader {
    /// A header without a checksum.
    #[inline]
    #[must_use]
    pub const fn new(source_port: u16, destination_port: u16, tag: u32) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            tag: U32::new(tag),
            checksum: little_endian::U32::new(0),
        }
    }

    /// The sender's port.
    #[inline]
    #[must_use]
    pub fn source_port(&self) -> u16 {
        self.source_port.get()
    }

    /// The receiver's port.
    #[inline]
    #[must_use]
    pub fn destination_port(&self) -> u16 {
        self.destination_port.get()
    }

    /// What the receiver knows the association by.
    #[inline]
    #[must_use]
    pub fn tag(&self) -> u32 {
        self.tag.get()
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum.get()
    }

    /// Sets the sender's port; the checksum is left as it is.
    #[inline]
    pub fn set_source_port(&mut self, port: u16) {
        self.source_port.set(port);
    }

    /// Sets the receiver's port; the checksum is left as it is.
    #[inline]
    pub fn set_destination_port(&mut self, port: u16) {
        self.destination_port.set(port);
    }

    /// Sets what the receiver knows the association by; the checksum is left as it is.
    #[inline]
    pub fn set_tag(&mut self, tag: u32) {
        self.tag.set(tag);
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u32) {
        self.checksum.set(checksum);
    }

    /// The checksum that these ports and this tag have with these chunks.
    fn crc(&self, chunks: &[u8]) -> u32 {
        let mut header = *self;
        header.set_checksum(0);
        Crc32c::new().with(header.as_bytes()).with(chunks).value()
    }
}

impl fmt::Display for SctpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SCTP {} > {}, tag {:#010x}",
            self.source_port(),
            self.destination_port(),
            self.tag()
        )
    }
}

/// A packet, checked.
///
/// ```
/// use linecard::wire::{Sctp, SctpChunkKind};
///
/// // A cookie acknowledgment.
/// let bytes = [0, 1, 0, 2, 0, 0, 0, 7, 0xfb, 0xa4, 0xc6, 0xd0, 11, 0, 0, 4];
/// let sctp = Sctp::new(&bytes)?;
/// assert!(sctp.checksum_ok());
/// let chunk = sctp.chunks().next().unwrap()?;
/// assert_eq!((chunk.kind, chunk.value), (SctpChunkKind::COOKIE_ACK, &[][..]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Sctp<'a> {
    /// The first 12 bytes.
    pub header: &'a SctpHeader,
    /// The chunks as bytes; [`chunks`](Self::chunks) walks them.
    pub payload: &'a [u8],
}

impl<'a> Sctp<'a> {
    /// Views `bytes`, the upper layer of an IP packet.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 12 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = SctpHeader::split(bytes)?;
        Ok(Self { header, payload })
    }

    /// The chunks, one by one.
    #[inline]
    #[must_use]
    pub const fn chunks(&self) -> SctpChunks<'a> {
        SctpChunks::new(self.payload)
    }

    /// The checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        self.header.crc(self.payload) == self.header.checksum()
    }
}

/// A packet, checked, for writing in place.
///
/// ```
/// use linecard::wire::SctpMut;
///
/// let mut bytes = [0, 1, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 11, 0, 0, 4];
/// let mut sctp = SctpMut::new(&mut bytes)?;
/// sctp.set_source_port(9);
/// sctp.fill_checksum();
/// assert!(sctp.checksum_ok());
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SctpMut<'a> {
    /// The first 12 bytes.
    pub header: &'a mut SctpHeader,
    /// The chunks as bytes.
    pub payload: &'a mut [u8],
}

impl<'a> SctpMut<'a> {
    /// Views `bytes`, the upper layer of an IP packet.
    ///
    /// # Errors
    /// As [`Sctp::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = SctpHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }

    /// The checksum is right.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        self.header.crc(self.payload) == self.header.checksum()
    }

    /// Computes the checksum over the whole packet and puts it in.
    pub fn fill_checksum(&mut self) {
        let crc = self.header.crc(self.payload);
        self.header.set_checksum(crc);
    }
}

views_deref_to_header!(Sctp, SctpMut, SctpHeader);

/// What a chunk is ([IANA, SCTP chunk types](https://www.iana.org/assignments/sctp-parameters)).
///
/// ```
/// use linecard::wire::SctpChunkKind;
///
/// assert_eq!(SctpChunkKind::INIT.to_string(), "INIT");
/// assert_eq!(SctpChunkKind(99).to_string(), "chunk 99");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct SctpChunkKind(pub u8);

impl SctpChunkKind {
    /// User data.
    pub const DATA: Self = Self(0);
    /// Opens an association.
    pub const INIT: Self = Self(1);
    /// Answers INIT, with a cookie.
    pub const INIT_ACK: Self = Self(2);
    /// Selective acknowledgment.
    pub const SACK: Self = Self(3);
    /// Is the peer still there?
    pub const HEARTBEAT: Self = Self(4);
    /// It is.
    pub const HEARTBEAT_ACK: Self = Self(5);
    /// Ends the association at once.
    pub const ABORT: Self = Self(6);
    /// Asks to end the association.
    pub const SHUTDOWN: Self = Self(7);
    /// Answers SHUTDOWN.
    pub const SHUTDOWN_ACK: Self = Self(8);
    /// Something was wrong, but not so much as for ABORT.
    pub const ERROR: Self = Self(9);
    /// Gives the cookie back.
    pub const COOKIE_ECHO: Self = Self(10);
    /// The association is open.
    pub const COOKIE_ACK: Self = Self(11);
    /// Answers SHUTDOWN ACK.
    pub const SHUTDOWN_COMPLETE: Self = Self(14);

    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::DATA => "DATA",
            Self::INIT => "INIT",
            Self::INIT_ACK => "INIT ACK",
            Self::SACK => "SACK",
            Self::HEARTBEAT => "HEARTBEAT",
            Self::HEARTBEAT_ACK => "HEARTBEAT ACK",
            Self::ABORT => "ABORT",
            Self::SHUTDOWN => "SHUTDOWN",
            Self::SHUTDOWN_ACK => "SHUTDOWN ACK",
            Self::ERROR => "ERROR",
            Self::COOKIE_ECHO => "COOKIE ECHO",
            Self::COOKIE_ACK => "COOKIE ACK",
            Self::SHUTDOWN_COMPLETE => "SHUTDOWN COMPLETE",
            _ => return None,
        })
    }
}

impl fmt::Display for SctpChunkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "chunk {}", self.0),
        }
    }
}

/// One chunk.
///
/// ```
/// use linecard::wire::{SctpChunk, SctpChunks};
///
/// let chunk: SctpChunk = SctpChunks::new(&[4, 0, 0, 7, 1, 2, 3, 0]).next().unwrap()?;
/// assert_eq!(chunk.value, [1, 2, 3]);
/// assert_eq!(chunk.to_string(), "HEARTBEAT, flags 0x00, length 7");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpChunk<'a> {
    /// What it is.
    pub kind: SctpChunkKind,
    /// By the kind.
    pub flags: u8,
    /// What the length covers behind the chunk's 4 bytes of header; padding is not part of it.
    pub value: &'a [u8],
}

impl fmt::Display for SctpChunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.value.len() + 4;
        write!(f, "{}, flags {:#04x}, length {len}", self.kind, self.flags)
    }
}

/// Walks the chunks of a packet. After an error the walk is over.
///
/// ```
/// use linecard::wire::{SctpChunks, WireError};
///
/// let mut chunks = SctpChunks::new(&[11, 0, 0, 4, 0, 3, 0, 9, 0, 0, 0, 0]);
/// assert!(chunks.next().unwrap().is_ok());
/// assert_eq!(chunks.next(), Some(Err(WireError::Truncated { needed: 9 })));
/// assert_eq!(chunks.next(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SctpChunks<'a> {
    rest: &'a [u8],
}

impl<'a> SctpChunks<'a> {
    /// The chunks in `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Splits off a chunk.
    ///
    /// # Errors
    /// [`WireError::BadTotalLength`] under 4, [`WireError::Truncated`] with fewer bytes than the
    /// length.
    fn step(bytes: &'a [u8]) -> Result<(SctpChunk<'a>, &'a [u8]), WireError> {
        let [kind, flags, a, b, rest @ ..] = bytes else {
            return Err(WireError::truncated(4));
        };
        let len = u16::from_be_bytes([*a, *b]);
        let Some(value_len) = len.checked_sub(4) else {
            return Err(WireError::BadTotalLength(len));
        };
        let Some((value, rest)) = rest.split_at_checked(value_len.into()) else {
            return Err(WireError::truncated(len.into()));
        };
        let chunk = SctpChunk {
            kind: SctpChunkKind(*kind),
            flags: *flags,
            value,
        };
        // RFC 9260, 3.2: "A robust implementation is expected to accept the chunk whether or not
        // the final padding has been included in the Chunk Length." Or is there at all.
        let padding = usize::from(len).wrapping_neg() & 3;
        Ok((chunk, rest.get(padding..).unwrap_or_default()))
    }
}

impl<'a> Iterator for SctpChunks<'a> {
    type Item = Result<SctpChunk<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        Some(Self::step(bytes).map(|(chunk, rest)| {
            self.rest = rest;
            chunk
        }))
    }
}

impl core::iter::FusedIterator for SctpChunks<'_> {}

static_assertions::assert_eq_size!(SctpHeader, [u8; 12]);

#[cfg(test)]
#[path = "tests/sctp.rs"]
mod tests;

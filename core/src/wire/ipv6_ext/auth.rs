//! The authentication header: [RFC 4302](https://www.rfc-editor.org/rfc/rfc4302#section-2), which
//! follows IPv4 as well.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  next header  |  payload len  |           reserved            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   security parameters index                   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                        sequence number                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 integrity check value ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::header::{split_at, split_at_mut, views_deref_to_header};
use crate::wire::{Header, IpProtocol, WireError};

/// The 12 bytes that each authentication header starts with.
///
/// ```
/// use linecard::wire::{Header, AhHeader};
///
/// let bytes = [50, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 9];
/// let (header, _) = AhHeader::split(&bytes)?;
/// assert_eq!((header.header_len(), header.spi(), header.sequence()), (24, 0x100, 9));
/// assert_eq!(header.to_string(), "AH spi 0x00000100, seq 9: ESP");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct AhHeader {
    next_header: IpProtocol,
    payload_len: u8,
    reserved: U16,
    spi: U32,
    sequence: U32,
}

impl Header for AhHeader {}

impl AhHeader {
    /// What follows.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Length of the header with its check value in bytes: 12 to 1028 in each view. RFC 4302, 2.2:
    /// "This 8-bit field specifies the length of AH in 32-bit words (4-byte units), minus '2'."
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u16 {
        (self.payload_len as u16 + 2) * 4
    }

    /// Security parameters index: which keys.
    #[inline]
    #[must_use]
    pub fn spi(&self) -> u32 {
        self.spi.get()
    }

    /// Counts packets.
    #[inline]
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// Sets what follows.
    #[inline]
    pub fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol;
    }

    /// Sets which keys.
    #[inline]
    pub fn set_spi(&mut self, spi: u32) {
        self.spi.set(spi);
    }

    /// Sets the number of the packet.
    #[inline]
    pub fn set_sequence(&mut self, sequence: u32) {
        self.sequence.set(sequence);
    }

    /// Length of the check value; an error if the header were shorter than its fixed part.
    #[inline]
    fn check_value_len(&self) -> Result<usize, WireError> {
        usize::from(self.header_len())
            .checked_sub(Self::LEN)
            .ok_or(WireError::BadHeaderLength(self.header_len()))
    }
}

impl fmt::Display for AhHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AH spi {:#010x}, seq {}: {}",
            self.spi(),
            self.sequence(),
            self.next_header
        )
    }
}

/// An authentication header and what follows it, checked.
///
/// ```
/// use linecard::wire::{Ah, WireError};
///
/// let mut bytes = [0; 18];
/// bytes[1] = 2;
/// let ah = Ah::new(&bytes)?;
/// assert_eq!((ah.check_value.len(), ah.payload.len()), (4, 2));
///
/// bytes[1] = 0;
/// assert_eq!(Ah::new(&bytes).unwrap_err(), WireError::BadHeaderLength(8));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ah<'a> {
    /// The first 12 bytes.
    pub header: &'a AhHeader,
    /// The integrity check value.
    pub check_value: &'a [u8],
    /// What follows.
    pub payload: &'a [u8],
}

impl<'a> Ah<'a> {
    /// Views `bytes` as an authentication header and what follows.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 12 or than the length field says,
    /// [`WireError::BadHeaderLength`] if that is under 12.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = AhHeader::split(bytes)?;
        match split_at(rest, header.check_value_len()?) {
            Ok((check_value, payload)) => Ok(Self {
                header,
                check_value,
                payload,
            }),
            Err(_) => Err(WireError::truncated(header.header_len().into())),
        }
    }
}

/// An authentication header and what follows it, checked, for writing in place.
///
/// ```
/// use linecard::wire::AhMut;
///
/// let mut bytes = [0; 18];
/// bytes[1] = 2;
/// let mut ah = AhMut::new(&mut bytes)?;
/// ah.set_sequence(1);
/// ah.check_value.fill(7);
/// assert_eq!(bytes[11..], [1, 7, 7, 7, 7, 0, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct AhMut<'a> {
    /// The first 12 bytes.
    pub header: &'a mut AhHeader,
    /// The integrity check value.
    pub check_value: &'a mut [u8],
    /// What follows.
    pub payload: &'a mut [u8],
}

impl<'a> AhMut<'a> {
    /// Views `bytes` as an authentication header and what follows.
    ///
    /// # Errors
    /// As [`Ah::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = AhHeader::split_mut(bytes)?;
        match split_at_mut(rest, header.check_value_len()?) {
            Ok((check_value, payload)) => Ok(Self {
                header,
                check_value,
                payload,
            }),
            Err(_) => Err(WireError::truncated(header.header_len().into())),
        }
    }
}

views_deref_to_header!(Ah, AhMut, AhHeader);

static_assertions::assert_eq_size!(AhHeader, [u8; 12]);

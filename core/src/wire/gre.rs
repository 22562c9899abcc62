//! GRE: [RFC 2784](https://www.rfc-editor.org/rfc/rfc2784#section-2), with the key and the sequence
//! number of [RFC 2890](https://www.rfc-editor.org/rfc/rfc2890).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |C| |K|S|       reserved0       | version (0)   | protocol type |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      checksum (with C)        |     reserved1 (with C)        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         key (with K)                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                   sequence number (with S)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Source routing (RFC 1701) and version 1 (PPTP, RFC 2637) are refused.

use core::fmt;

use bitflags::bitflags;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::Sum;
use super::header::{split_at, split_at_mut, views_deref_to_header};
use super::{EtherType, Header, WireError};

bitflags! {
    /// Which optional fields there are.
    ///
    /// ```
    /// use linecard::wire::GreFields;
    ///
    /// assert_eq!((GreFields::KEY | GreFields::SEQUENCE).byte_len(), 8);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct GreFields: u16 {
        /// A checksum.
        const CHECKSUM = 0x8000;
        /// A key.
        const KEY = 0x2000;
        /// A sequence number.
        const SEQUENCE = 0x1000;
    }
}

impl GreFields {
    /// How many bytes they take.
    #[inline]
    #[must_use]
    pub const fn byte_len(self) -> usize {
        self.intersection(Self::all()).bits().count_ones() as usize * 4
    }
}

/// The 4 bytes that each packet starts with.
///
/// ```
/// use linecard::wire::{EtherType, GreFields, GreHeader, Header};
///
/// let header = GreHeader::new(EtherType::IPV4, GreFields::KEY);
/// assert_eq!(header.header_len(), 8);
/// assert_eq!(header.to_string(), "GRE IPv4 (0x0800), KEY");
/// let mut packet = [0; 8];
/// header.write(&mut packet)?;
/// assert_eq!(packet[..4], [0x20, 0, 8, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct GreHeader {
    flags: U16,
    protocol: U16,
}

impl Header for GreHeader {}

impl GreHeader {
    /// A header with these optional fields, which are to be written behind it.
    #[inline]
    #[must_use]
    pub const fn new(protocol: EtherType, fields: GreFields) -> Self {
        Self {
            flags: U16::new(fields.intersection(GreFields::all()).bits()),
            protocol: U16::new(protocol.0),
        }
    }

    /// What the payload is.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> EtherType {
        EtherType(self.protocol.get())
    }

    /// Which optional fields there are.
    #[inline]
    #[must_use]
    pub fn fields(&self) -> GreFields {
        GreFields::from_bits_truncate(self.flags.get())
    }

    /// The version field: 0 in each view.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u8 {
        (self.flags.get() & VERSION) as u8
    }

    /// Length of the header with its optional fields in bytes: 4 to 16.
    #[inline]
    #[must_use]
    pub fn header_len(&self) -> usize {
        Self::LEN + self.fields().byte_len()
    }

    /// Sets what the payload is.
    #[inline]
    pub fn set_protocol(&mut self, protocol: EtherType) {
        self.protocol.set(protocol.0);
    }

    /// Checks flags and version; gives the length of the optional fields.
    #[inline]
    fn checked_fields_len(&self) -> Result<usize, WireError> {
        let flags = self.flags.get();
        // RFC 2784, 2.3.1: "The Version Number field MUST contain the value zero."
        if flags & VERSION != 0 {
            return Err(WireError::BadVersion(self.version()));
        }
        // 2.3: "A receiver MUST discard a packet where any of bits 1-5 are non-zero, unless that
        // receiver implements RFC 1701." RFC 2890 gave two of them, key and sequence, a meaning.
        if flags & DISCARD != 0 {
            return Err(WireError::BadValue(flags));
        }
        Ok(self.fields().byte_len())
    }

    /// The number in the optional field `field` of `bytes`, all optional fields.
    #[inline]
    fn read(&self, field: GreFields, bytes: &[u8]) -> Option<u32> {
        let at = self.place(field)?;
        let number = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*number))
    }

    /// Writes that number; says whether the field is there.
    #[inline]
    fn write_field(&self, field: GreFields, bytes: &mut [u8], number: u32) -> bool {
        let place = self
            .place(field)
            .and_then(|at| bytes.get_mut(at..)?.first_chunk_mut());
        match place {
            Some(place) => {
                *place = number.to_be_bytes();
                true
            }
            None => false,
        }
    }

    /// Offset of an optional field from the first.
    #[inline]
    fn place(&self, field: GreFields) -> Option<usize> {
        let fields = self.fields();
        // They come in the order of their bits, the highest first.
        let before = GreFields::from_bits_truncate(!(field.bits() | (field.bits() - 1)));
        fields
            .contains(field)
            .then(|| fields.intersection(before).byte_len())
    }
}

impl fmt::Display for GreHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GRE {}", self.protocol())?;
        for (name, _) in self.fields().iter_names() {
            write!(f, ", {name}")?;
        }
        Ok(())
    }
}

/// A packet, checked.
///
/// ```
/// use linecard::wire::{EtherType, Gre, WireError};
///
/// let mut bytes = [0x30, 0, 0x65, 0x58, 0, 0, 0, 7, 0, 0, 0, 9, 0xaa];
/// let gre = Gre::new(&bytes)?;
/// assert_eq!(gre.protocol(), EtherType::TRANSPARENT_ETHERNET);
/// assert_eq!((gre.checksum(), gre.key(), gre.sequence()), (None, Some(7), Some(9)));
/// assert_eq!(gre.payload, [0xaa]);
///
/// bytes[0] = 0x40; // routing
/// assert_eq!(Gre::new(&bytes).unwrap_err(), WireError::BadValue(0x4000));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Gre<'a> {
    /// The first 4 bytes.
    pub header: &'a GreHeader,
    /// The optional fields as bytes.
    pub fields: &'a [u8],
    /// The packet that is carried.
    pub payload: &'a [u8],
}

impl<'a> Gre<'a> {
    /// Views `bytes`, the upper layer of an IP packet.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 4 or than the optional fields take,
    /// [`WireError::BadVersion`] with another than 0, [`WireError::BadValue`] with a flag of RFC
    /// 1701.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = GreHeader::split(bytes)?;
        let len = header.checked_fields_len()?;
        match split_at(rest, len) {
            Ok((fields, payload)) => Ok(Self {
                header,
                fields,
                payload,
            }),
            Err(_) => Err(WireError::truncated(GreHeader::LEN + len)),
        }
    }

    /// The checksum, if there is one.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> Option<u16> {
        let field = self.header.read(GreFields::CHECKSUM, self.fields)?;
        Some((field >> 16) as u16)
    }

    /// The key, if there is one: which tunnel between two hosts this is.
    #[inline]
    #[must_use]
    pub fn key(&self) -> Option<u32> {
        self.header.read(GreFields::KEY, self.fields)
    }

    /// The sequence number, if there is one.
    #[inline]
    #[must_use]
    pub fn sequence(&self) -> Option<u32> {
        self.header.read(GreFields::SEQUENCE, self.fields)
    }

    /// The checksum is right, or not there.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        checksum_ok(self.header, self.fields, self.payload)
    }
}

/// A packet, checked, for writing in place.
///
/// ```
/// use linecard::wire::{EtherType, GreFields, GreHeader, GreMut, Header};
///
/// let fields = GreFields::CHECKSUM | GreFields::KEY;
/// let mut bytes = [0; 14];
/// GreHeader::new(EtherType::IPV6, fields).write(&mut bytes)?;
/// let mut gre = GreMut::new(&mut bytes)?;
/// gre.payload.copy_from_slice(b"ab");
/// assert!(gre.set_key(0xbeef));
/// assert!(!gre.set_sequence(1)); // has none
/// gre.fill_checksum();
/// assert!(gre.checksum_ok());
/// assert_eq!(bytes[8..12], [0, 0, 0xbe, 0xef]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct GreMut<'a> {
    /// The first 4 bytes.
    pub header: &'a mut GreHeader,
    /// The optional fields as bytes.
    pub fields: &'a mut [u8],
    /// The packet that is carried.
    pub payload: &'a mut [u8],
}

impl<'a> GreMut<'a> {
    /// Views `bytes`, the upper layer of an IP packet.
    ///
    /// # Errors
    /// As [`Gre::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = GreHeader::split_mut(bytes)?;
        let len = header.checked_fields_len()?;
        match split_at_mut(rest, len) {
            Ok((fields, payload)) => Ok(Self {
                header,
                fields,
                payload,
            }),
            Err(_) => Err(WireError::truncated(GreHeader::LEN + len)),
        }
    }

    /// Sets the key; false if there is none.
    #[inline]
    pub fn set_key(&mut self, key: u32) -> bool {
        self.header.write_field(GreFields::KEY, self.fields, key)
    }

    /// Sets the sequence number; false if there is none.
    #[inline]
    pub fn set_sequence(&mut self, number: u32) -> bool {
        self.header
            .write_field(GreFields::SEQUENCE, self.fields, number)
    }

    /// The checksum is right, or not there.
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        checksum_ok(self.header, self.fields, self.payload)
    }

    /// Computes the checksum over the whole packet and puts it in; false if there is none.
    pub fn fill_checksum(&mut self) -> bool {
        let field = GreFields::CHECKSUM;
        if !self.header.write_field(field, self.fields, 0) {
            return false;
        }
        let checksum = sum(self.header, self.fields, self.payload).checksum();
        self.header
            .write_field(field, self.fields, u32::from(checksum) << 16)
    }
}

views_deref_to_header!(Gre, GreMut, GreHeader);

/// RFC 2784, 2.5: "the IP (one's complement) checksum sum of the all the 16 bit words in the GRE header
/// and the payload packet".
fn sum(header: &GreHeader, fields: &[u8], payload: &[u8]) -> Sum {
    Sum::of(header.as_bytes()) + Sum::of(fields) + Sum::of(payload)
}

fn checksum_ok(header: &GreHeader, fields: &[u8], payload: &[u8]) -> bool {
    !header.fields().contains(GreFields::CHECKSUM) || sum(header, fields, payload).is_valid()
}

const VERSION: u16 = 0x0007;
/// Routing present, strict source route, and the highest of the recursion bits.
const DISCARD: u16 = 0x4c00;

static_assertions::assert_eq_size!(GreHeader, [u8; 4]);

#[cfg(test)]
#[path = "tests/gre.rs"]
mod tests;

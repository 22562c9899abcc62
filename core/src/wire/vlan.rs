//! VLAN tags: IEEE 802.1Q, and stacked by IEEE 802.1ad ("QinQ").
//!
//! The two bytes that say "a tag follows" ([`EtherType::VLAN`], [`EtherType::QINQ`]) are in the
//! place of the frame's EtherType. What follows them, in front of the payload, is this header:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | PCP |D|        VLAN id        |        type or length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{EtherType, Ethernet, EthernetHeader, Header, WireError};

/// Tag control information: priority, drop eligibility and VLAN, as devices report it for a tag
/// that they have stripped.
///
/// ```
/// use linecard::wire::VlanTci;
///
/// let tci = VlanTci::new(5, false, 100);
/// assert_eq!((tci.0, tci.priority(), tci.id()), (0xa064, 5, 100));
/// assert_eq!(tci.to_string(), "vlan 100, p 5");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct VlanTci(pub u16);

impl VlanTci {
    /// Puts the fields together; of `priority` the low 3 bits count, of `id` the low 12.
    #[inline]
    #[must_use]
    pub const fn new(priority: u8, drop_eligible: bool, id: u16) -> Self {
        let priority = (priority as u16 & 0x7) << 13;
        Self(priority | (drop_eligible as u16) << 12 | id & Self::ID_MASK)
    }

    /// The VLAN: 12 bits. 0 carries priority only, 4095 is reserved.
    #[inline]
    #[must_use]
    pub const fn id(self) -> u16 {
        self.0 & Self::ID_MASK
    }

    /// Priority code point, 3 bits.
    #[inline]
    #[must_use]
    pub const fn priority(self) -> u8 {
        (self.0 >> 13) as u8
    }

    /// To be dropped first under congestion.
    #[inline]
    #[must_use]
    pub const fn drop_eligible(self) -> bool {
        self.0 & 0x1000 != 0
    }

    const ID_MASK: u16 = 0x0fff;
}

impl fmt::Display for VlanTci {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vlan {}, p {}", self.id(), self.priority())?;
        if self.drop_eligible() {
            f.write_str(", DEI")
        } else {
            Ok(())
        }
    }
}

/// The 4 bytes of a tag that follow its EtherType.
///
/// ```
/// use linecard::wire::{EtherType, Header, VlanHeader, VlanTci};
///
/// let header = VlanHeader::new(VlanTci::new(0, false, 7), EtherType::IPV6);
/// let mut bytes = [0; 4];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [0x00, 0x07, 0x86, 0xdd]);
/// assert_eq!(header.to_string(), "vlan 7, p 0, IPv6 (0x86dd)");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct VlanHeader {
    tci: U16,
    ethertype: U16,
}

impl Header for VlanHeader {}

impl VlanHeader {
    /// A tag of these fields.
    #[inline]
    #[must_use]
    pub const fn new(tci: VlanTci, ethertype: EtherType) -> Self {
        Self {
            tci: U16::new(tci.0),
            ethertype: U16::new(ethertype.0),
        }
    }

    /// Priority, drop eligibility and VLAN.
    #[inline]
    #[must_use]
    pub fn tci(&self) -> VlanTci {
        VlanTci(self.tci.get())
    }

    /// What follows the tag: another tag, a protocol, or a length.
    #[inline]
    #[must_use]
    pub fn ethertype(&self) -> EtherType {
        EtherType(self.ethertype.get())
    }

    /// Sets priority, drop eligibility and VLAN.
    #[inline]
    pub fn set_tci(&mut self, tci: VlanTci) {
        self.tci.set(tci.0);
    }

    /// Sets what follows the tag.
    #[inline]
    pub fn set_ethertype(&mut self, ethertype: EtherType) {
        self.ethertype.set(ethertype.0);
    }
}

impl fmt::Display for VlanHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.tci(), self.ethertype())
    }
}

/// A tag and what follows it, checked.
///
/// ```
/// use linecard::wire::{EtherType, Vlan};
///
/// let vlan = Vlan::new(&[0x20, 0x03, 0x08, 0x06, 0xff])?;
/// assert_eq!((vlan.tci().id(), vlan.ethertype()), (3, EtherType::ARP));
/// assert_eq!(vlan.payload, [0xff]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Vlan<'a> {
    /// The tag.
    pub header: &'a VlanHeader,
    /// All that follows, padding included.
    pub payload: &'a [u8],
}

impl<'a> Vlan<'a> {
    /// Views `bytes`, which follow the EtherType of a tag.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 4 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = VlanHeader::split(bytes)?;
        Ok(Self { header, payload })
    }
}

/// A tag and what follows it, checked, for writing in place.
///
/// ```
/// use linecard::wire::{VlanMut, VlanTci};
///
/// let mut bytes = [0x20, 0x03, 0x08, 0x06];
/// VlanMut::new(&mut bytes)?.set_tci(VlanTci::new(1, true, 4));
/// assert_eq!(bytes[..2], [0x30, 0x04]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct VlanMut<'a> {
    /// The tag.
    pub header: &'a mut VlanHeader,
    /// All that follows, padding included.
    pub payload: &'a mut [u8],
}

impl<'a> VlanMut<'a> {
    /// Views `bytes`, which follow the EtherType of a tag.
    ///
    /// # Errors
    /// As [`Vlan::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = VlanHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Vlan, VlanMut, VlanHeader);

/// Walks the stacked tags of a frame, the outermost first.
///
/// It ends at the first EtherType that is not a tag; [`ethertype`](Self::ethertype) and
/// [`payload`](Self::payload) are then those behind the last tag. After an error it ends as well.
///
/// ```
/// use linecard::wire::{EtherType, Ethernet, VlanTags};
///
/// let mut frame = [0; 60];
/// frame[12..22].copy_from_slice(&[0x88, 0xa8, 0, 100, 0x81, 0x00, 0, 7, 0x08, 0x00]);
/// let mut tags = VlanTags::new(&Ethernet::new(&frame)?);
/// let (outer, tag) = tags.next().unwrap()?;
/// assert_eq!((outer, tag.tci().id()), (EtherType::QINQ, 100));
/// let (inner, tag) = tags.next().unwrap()?;
/// assert_eq!((inner, tag.tci().id()), (EtherType::VLAN, 7));
/// assert!(tags.next().is_none());
/// assert_eq!((tags.ethertype(), tags.payload().len()), (EtherType::IPV4, 38));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Debug)]
pub struct VlanTags<'a> {
    ethertype: EtherType,
    payload: &'a [u8],
    left: u8,
    failed: bool,
}

impl<'a> VlanTags<'a> {
    /// The most tags that are followed. IEEE 802.1ad has two; three are seen where providers tunnel
    /// each other.
    pub const MAX: u8 = 4;

    /// The tags of `frame`.
    #[inline]
    #[must_use]
    pub fn new(frame: &Ethernet<'a>) -> Self {
        let (ethertype, payload) = (frame.ethertype(), frame.payload);
        Self {
            ethertype,
            payload,
            left: Self::MAX,
            failed: false,
        }
    }

    /// The EtherType behind the tags walked so far.
    #[inline]
    #[must_use]
    pub const fn ethertype(&self) -> EtherType {
        self.ethertype
    }

    /// The bytes behind the tags walked so far.
    #[inline]
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    #[inline]
    fn step(&mut self) -> Result<(EtherType, &'a VlanHeader), WireError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(WireError::TooMany(Self::MAX));
        };
        let (header, payload) = VlanHeader::split(self.payload)?;
        let kind = core::mem::replace(&mut self.ethertype, header.ethertype());
        (self.payload, self.left) = (payload, left);
        Ok((kind, header))
    }
}

impl<'a> Iterator for VlanTags<'a> {
    /// Which kind of tag, and the tag.
    type Item = Result<(EtherType, &'a VlanHeader), WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || !self.ethertype.is_vlan() {
            return None;
        }
        let tag = self.step();
        self.failed = tag.is_err();
        Some(tag)
    }
}

impl core::iter::FusedIterator for VlanTags<'_> {}

/// Puts a tag of type `kind` into the frame that starts at byte 4 of `bytes`; afterwards the frame
/// starts at byte 0. So a packet is tagged by prepending 4 bytes and calling this.
///
/// # Errors
/// [`WireError::Truncated`] if there are fewer than 4 + 14 bytes; nothing is changed then.
///
/// ```
/// use linecard::wire::{EtherType, VlanTci, vlan};
///
/// let mut bytes = *b"....\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00payload";
/// vlan::push(&mut bytes, EtherType::VLAN, VlanTci::new(0, false, 9))?;
/// assert_eq!(bytes, *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x81\x00\x00\x09\x08\x00payload");
///
/// let (kind, tci) = vlan::pop(&mut bytes)?;
/// assert_eq!((kind, tci.id()), (EtherType::VLAN, 9));
/// assert_eq!(bytes[4..], *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00payload");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[inline]
pub fn push(bytes: &mut [u8], kind: EtherType, tci: VlanTci) -> Result<(), WireError> {
    let (place, _) = Spaced::split_mut(bytes)?;
    let frame = place.ethernet;
    let ethernet = EthernetHeader::new(frame.destination(), frame.source(), kind);
    let tag = VlanHeader::new(tci, frame.ethertype());
    *place = zerocopy::transmute!(Tagged { ethernet, tag });
    Ok(())
}

/// Takes the outermost tag out of the frame; afterwards the frame starts at byte 4 of `bytes`, and
/// the first 4 bytes are to be trimmed. Gives the type of the tag and what was in it.
///
/// # Errors
/// [`WireError::Truncated`] if there are fewer than 18 bytes, [`WireError::Unsupported`] with the
/// frame's EtherType if it has no tag; nothing is changed then.
#[inline]
pub fn pop(bytes: &mut [u8]) -> Result<(EtherType, VlanTci), WireError> {
    let (place, _) = Tagged::split_mut(bytes)?;
    let Tagged { ethernet, tag } = *place;
    let kind = ethernet.ethertype();
    if !kind.is_vlan() {
        return Err(WireError::Unsupported(kind.0));
    }
    let ethernet = EthernetHeader::new(ethernet.destination(), ethernet.source(), tag.ethertype());
    *place = zerocopy::transmute!(Spaced {
        space: [0; 4],
        ethernet
    });
    Ok((kind, tag.tci()))
}

/// The first 18 bytes of a tagged frame.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Tagged {
    ethernet: EthernetHeader,
    tag: VlanHeader,
}

impl Header for Tagged {}

/// The same bytes without the tag.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Spaced {
    space: [u8; 4],
    ethernet: EthernetHeader,
}

impl Header for Spaced {}

static_assertions::assert_eq_size!(VlanHeader, [u8; 4]);

#[cfg(test)]
#[path = "tests/vlan.rs"]
mod tests;

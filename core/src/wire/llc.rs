//! IEEE 802.3 frames: a length where Ethernet II has a type, then IEEE 802.2 LLC, then perhaps SNAP
//! ([RFC 1042](https://www.rfc-editor.org/rfc/rfc1042)).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     DSAP      |     SSAP      |    control    | (control, for |
//! |               |               |               |    I and S)   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!
//! SNAP, behind DSAP aa, SSAP aa, control 03:
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |             organization (OUI)                |   protocol    :
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! :               |   payload ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::{split_at, split_at_mut, views_deref_to_header};
use super::{EtherType, Header, WireError};

/// A service access point: which protocol an LLC frame carries.
///
/// ```
/// use linecard::wire::Sap;
///
/// assert_eq!(Sap::STP.to_string(), "STP (0x42)");
/// assert_eq!(Sap(0x12).to_string(), "0x12");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Sap(pub u8);

impl Sap {
    /// None: the link layer itself.
    pub const NULL: Self = Self(0x00);
    /// Spanning tree (IEEE 802.1D).
    pub const STP: Self = Self(0x42);
    /// A SNAP header follows (RFC 1042).
    pub const SNAP: Self = Self(0xaa);
    /// Novell IPX.
    pub const IPX: Self = Self(0xe0);
    /// NetBIOS.
    pub const NETBIOS: Self = Self(0xf0);
    /// ISO network layer, such as IS-IS.
    pub const ISO: Self = Self(0xfe);
    /// All; also how a raw Novell frame looks, which has no LLC header.
    pub const GLOBAL: Self = Self(0xff);
}

impl fmt::Display for Sap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::NULL => "null",
            Self::STP => "STP",
            Self::SNAP => "SNAP",
            Self::IPX => "IPX",
            Self::NETBIOS => "NetBIOS",
            Self::ISO => "ISO",
            Self::GLOBAL => "global",
            Self(other) => return write!(f, "{other:#04x}"),
        };
        write!(f, "{name} ({:#04x})", self.0)
    }
}

/// The 3 bytes that each LLC header starts with.
///
/// ```
/// use linecard::wire::{Header, LlcHeader, Sap};
///
/// let header = LlcHeader::new(Sap::STP, Sap::STP, LlcHeader::UNNUMBERED);
/// let mut bytes = [0; 3];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [0x42, 0x42, 0x03]);
/// assert_eq!(header.to_string(), "LLC STP (0x42) > STP (0x42), control 0x03");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct LlcHeader {
    destination: Sap,
    source: Sap,
    control: u8,
}

impl Header for LlcHeader {}

impl LlcHeader {
    /// The control field of a datagram: unnumbered information.
    pub const UNNUMBERED: u8 = 0x03;

    /// A header of these fields.
    #[inline]
    #[must_use]
    pub const fn new(destination: Sap, source: Sap, control: u8) -> Self {
        Self {
            destination,
            source,
            control,
        }
    }

    /// Whom it is for (DSAP).
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> Sap {
        self.destination
    }

    /// Who sent it (SSAP).
    #[inline]
    #[must_use]
    pub const fn source(&self) -> Sap {
        self.source
    }

    /// The first byte of the control field.
    #[inline]
    #[must_use]
    pub const fn control(&self) -> u8 {
        self.control
    }

    /// Length of the header: 3 bytes for unnumbered frames, 4 for numbered ones (ISO 8802-2, 5.2).
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u8 {
        if self.control & 0x03 == 0x03 { 3 } else { 4 }
    }

    /// A SNAP header follows: both access points are aa and the control field is 03.
    #[inline]
    #[must_use]
    pub const fn is_snap(&self) -> bool {
        matches!(
            (self.destination, self.source, self.control),
            (Sap::SNAP, Sap::SNAP, 0x03)
        )
    }

    /// Sets whom it is for.
    #[inline]
    pub fn set_destination(&mut self, sap: Sap) {
        self.destination = sap;
    }

    /// Sets who sent it.
    #[inline]
    pub fn set_source(&mut self, sap: Sap) {
        self.source = sap;
    }

    /// Sets the first byte of the control field.
    #[inline]
    pub fn set_control(&mut self, control: u8) {
        self.control = control;
    }
}

impl fmt::Display for LlcHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LLC {} > {}, control {:#04x}",
            self.source, self.destination, self.control
        )
    }
}

/// An LLC frame, checked.
///
/// ```
/// use linecard::wire::{EtherType, Ethernet, Llc, Snap};
///
/// let mut frame = *b"to....from..\0\x0allc\0\0\x0c\x20\x00CD..padding";
/// frame[14..17].copy_from_slice(&[0xaa, 0xaa, 0x03]);
/// let ethernet = Ethernet::new(&frame)?;
/// let llc = Llc::new(ethernet.ethertype(), ethernet.payload)?;
/// assert!(llc.is_snap());
/// let snap = Snap::new(llc.payload)?;
/// assert_eq!((snap.organization(), snap.protocol()), ([0, 0, 0x0c], 0x2000));
/// assert_eq!(snap.payload, b"CD");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Llc<'a> {
    /// The access points and the first byte of the control field.
    pub header: &'a LlcHeader,
    /// The second byte of the control field of a numbered frame, else nothing.
    pub control: &'a [u8],
    /// What the frame's length covers behind the header; padding is not part of it.
    pub payload: &'a [u8],
}

impl<'a> Llc<'a> {
    /// Views `bytes`, which follow a length in the place of the EtherType.
    ///
    /// # Errors
    /// [`WireError::Unsupported`] if `length` is none, [`WireError::Truncated`] if there are fewer
    /// bytes, [`WireError::BadTotalLength`] if that is less than the LLC header.
    #[inline]
    pub fn new(length: EtherType, bytes: &'a [u8]) -> Result<Self, WireError> {
        let length = frame_length(length)?;
        let (bytes, _padding) = split_at(bytes, length.into())?;
        let short = |_| WireError::BadTotalLength(length);
        let (header, rest) = LlcHeader::split(bytes).map_err(short)?;
        let more = usize::from(header.header_len()) - LlcHeader::LEN;
        let (control, payload) = split_at(rest, more).map_err(short)?;
        Ok(Self {
            header,
            control,
            payload,
        })
    }
}

/// An LLC frame, checked, for writing in place.
///
/// ```
/// use linecard::wire::{EtherType, LlcMut, Sap};
///
/// let mut bytes = [0x42, 0x42, 0x03, 0, 0];
/// let mut llc = LlcMut::new(EtherType(4), &mut bytes)?;
/// llc.set_destination(Sap::ISO);
/// llc.payload.fill(9);
/// assert_eq!(bytes, [0xfe, 0x42, 0x03, 9, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct LlcMut<'a> {
    /// The access points and the first byte of the control field.
    pub header: &'a mut LlcHeader,
    /// The second byte of the control field of a numbered frame, else nothing.
    pub control: &'a mut [u8],
    /// What the frame's length covers behind the header; padding is not part of it.
    pub payload: &'a mut [u8],
}

impl<'a> LlcMut<'a> {
    /// Views `bytes`, which follow a length in the place of the EtherType.
    ///
    /// # Errors
    /// As [`Llc::new`].
    #[inline]
    pub fn new(length: EtherType, bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let length = frame_length(length)?;
        let (bytes, _padding) = split_at_mut(bytes, length.into())?;
        let short = |_| WireError::BadTotalLength(length);
        let (header, rest) = LlcHeader::split_mut(bytes).map_err(short)?;
        let more = usize::from(header.header_len()) - LlcHeader::LEN;
        let (control, payload) = split_at_mut(rest, more).map_err(short)?;
        Ok(Self {
            header,
            control,
            payload,
        })
    }
}

views_deref_to_header!(Llc, LlcMut, LlcHeader);

/// The 5 bytes of SNAP: whose numbers, and which of them.
///
/// ```
/// use linecard::wire::{EtherType, SnapHeader};
///
/// let header = SnapHeader::for_ethertype(EtherType::IPV4);
/// assert_eq!(header.ethertype(), Some(EtherType::IPV4));
/// assert_eq!(SnapHeader::new([0, 0, 0x0c], 0x2000).to_string(), "SNAP 00:00:0c, protocol 0x2000");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct SnapHeader {
    organization: [u8; 3],
    protocol: U16,
}

impl Header for SnapHeader {}

impl SnapHeader {
    /// A header of these fields.
    #[inline]
    #[must_use]
    pub const fn new(organization: [u8; 3], protocol: u16) -> Self {
        Self {
            organization,
            protocol: U16::new(protocol),
        }
    }

    /// A protocol of Ethernet II in an IEEE 802.3 frame: RFC 1042, "the organization code is zero".
    #[inline]
    #[must_use]
    pub const fn for_ethertype(ethertype: EtherType) -> Self {
        Self::new([0; 3], ethertype.0)
    }

    /// Whose numbers: an OUI.
    #[inline]
    #[must_use]
    pub const fn organization(&self) -> [u8; 3] {
        self.organization
    }

    /// Which protocol, by that organization's numbers.
    #[inline]
    #[must_use]
    pub fn protocol(&self) -> u16 {
        self.protocol.get()
    }

    /// The protocol as EtherType, if the organization is zero (RFC 1042) or 00-00-f8 (the tunnel of
    /// IEEE 802.1H).
    #[inline]
    #[must_use]
    pub fn ethertype(&self) -> Option<EtherType> {
        matches!(self.organization, [0, 0, 0 | 0xf8]).then_some(EtherType(self.protocol.get()))
    }

    /// Sets whose numbers.
    #[inline]
    pub fn set_organization(&mut self, organization: [u8; 3]) {
        self.organization = organization;
    }

    /// Sets which protocol.
    #[inline]
    pub fn set_protocol(&mut self, protocol: u16) {
        self.protocol.set(protocol);
    }
}

impl fmt::Display for SnapHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ethertype) = self.ethertype() {
            return write!(f, "SNAP {ethertype}");
        }
        let [a, b, c] = self.organization;
        write!(
            f,
            "SNAP {a:02x}:{b:02x}:{c:02x}, protocol {:#06x}",
            self.protocol.get()
        )
    }
}

/// A SNAP header and what follows it, checked.
///
/// ```
/// use linecard::wire::{EtherType, Snap};
///
/// let snap = Snap::new(&[0, 0, 0, 0x08, 0x06, 1])?;
/// assert_eq!((snap.ethertype(), snap.payload), (Some(EtherType::ARP), &[1][..]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Snap<'a> {
    /// Organization and protocol.
    pub header: &'a SnapHeader,
    /// What follows.
    pub payload: &'a [u8],
}

impl<'a> Snap<'a> {
    /// Views `bytes`, which follow an LLC header that [is SNAP's](LlcHeader::is_snap).
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 5 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = SnapHeader::split(bytes)?;
        Ok(Self { header, payload })
    }
}

/// A SNAP header and what follows it, checked, for writing in place.
///
/// ```
/// use linecard::wire::SnapMut;
///
/// let mut bytes = [0, 0, 0, 0x08, 0x06];
/// SnapMut::new(&mut bytes)?.set_protocol(0x86dd);
/// assert_eq!(bytes, [0, 0, 0, 0x86, 0xdd]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct SnapMut<'a> {
    /// Organization and protocol.
    pub header: &'a mut SnapHeader,
    /// What follows.
    pub payload: &'a mut [u8],
}

impl<'a> SnapMut<'a> {
    /// Views `bytes`, which follow an LLC header that [is SNAP's](LlcHeader::is_snap).
    ///
    /// # Errors
    /// As [`Snap::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = SnapHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Snap, SnapMut, SnapHeader);

/// IEEE 802.3, 3.2.6: at most 1500, the field "indicates the number of MAC client data octets".
#[inline]
const fn frame_length(length: EtherType) -> Result<u16, WireError> {
    if length.is_length() {
        Ok(length.0)
    } else {
        Err(WireError::Unsupported(length.0))
    }
}

static_assertions::assert_eq_size!(LlcHeader, [u8; 3]);
static_assertions::assert_eq_size!(SnapHeader, [u8; 5]);

#[cfg(test)]
#[path = "tests/llc.rs"]
mod tests;

//! The fragment header.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  next header  |   reserved    |     fragment offset     |res|M|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         identification                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, IpProtocol, WireError};

/// The 8 bytes of a fragment header.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6FragmentHeader};
///
/// let header = Ipv6FragmentHeader::new(IpProtocol::UDP, 1448, true, 7);
/// assert_eq!(header.to_string(), "fragment 0x00000007 at 1448+: UDP");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6FragmentHeader {
    next_header: IpProtocol,
    reserved: u8,
    offset_more: U16,
    ident: U32,
}

impl Header for Ipv6FragmentHeader {}

impl Ipv6FragmentHeader {
    /// A header of these fields; `offset` is in bytes and rounded down to a multiple of 8.
    #[inline]
    #[must_use]
    pub const fn new(next_header: IpProtocol, offset: u16, more: bool, ident: u32) -> Self {
        let offset_more = U16::new(offset & OFFSET_MASK | more as u16);
        Self {
            next_header,
            reserved: 0,
            offset_more,
            ident: U32::new(ident),
        }
    }

    /// What the packet, put together again, has here.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Where in the packet this part belongs, in bytes: a multiple of 8.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> u16 {
        self.offset_more.get() & OFFSET_MASK
    }

    /// It is not the last part.
    #[inline]
    #[must_use]
    pub fn more_fragments(&self) -> bool {
        self.offset_more.get() & 1 != 0
    }

    /// A whole packet that carries the header all the same: an "atomic fragment"
    /// ([RFC 6946](https://www.rfc-editor.org/rfc/rfc6946)).
    #[inline]
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        self.offset_more.get() & (OFFSET_MASK | 1) == 0
    }

    /// What the parts of one packet have in common.
    #[inline]
    #[must_use]
    pub fn ident(&self) -> u32 {
        self.ident.get()
    }

    /// Sets what the packet has here.
    #[inline]
    pub fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol;
    }

    /// Sets where the part belongs (`offset` in bytes, rounded down to a multiple of 8) and whether
    /// more follow.
    #[inline]
    pub fn set_fragment(&mut self, offset: u16, more: bool) {
        self.offset_more.set(offset & OFFSET_MASK | u16::from(more));
    }

    /// Sets what the parts of one packet have in common.
    #[inline]
    pub fn set_ident(&mut self, ident: u32) {
        self.ident.set(ident);
    }
}

impl fmt::Display for Ipv6FragmentHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.more_fragments() { "+" } else { "" };
        write!(
            f,
            "fragment {:#010x} at {}{more}: {}",
            self.ident(),
            self.offset(),
            self.next_header
        )
    }
}

/// A fragment, checked.
///
/// ```
/// use linecard::wire::Ipv6Fragment;
///
/// let fragment = Ipv6Fragment::new(&[17, 0, 0, 8, 0, 0, 0, 1, 0xaa])?;
/// assert_eq!((fragment.offset(), fragment.payload), (8, &[0xaa][..]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ipv6Fragment<'a> {
    /// Which part it is.
    pub header: &'a Ipv6FragmentHeader,
    /// The part.
    pub payload: &'a [u8],
}

impl<'a> Ipv6Fragment<'a> {
    /// Views `bytes` as a fragment header and what follows.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = Ipv6FragmentHeader::split(bytes)?;
        Ok(Self { header, payload })
    }
}

/// A fragment, checked, for writing in place.
///
/// ```
/// use linecard::wire::Ipv6FragmentMut;
///
/// let mut bytes = [17, 0, 0, 8, 0, 0, 0, 1];
/// Ipv6FragmentMut::new(&mut bytes)?.set_fragment(16, true);
/// assert_eq!(bytes[3], 17);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ipv6FragmentMut<'a> {
    /// Which part it is.
    pub header: &'a mut Ipv6FragmentHeader,
    /// The part.
    pub payload: &'a mut [u8],
}

impl<'a> Ipv6FragmentMut<'a> {
    /// Views `bytes` as a fragment header and what follows.
    ///
    /// # Errors
    /// As [`Ipv6Fragment::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = Ipv6FragmentHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Ipv6Fragment, Ipv6FragmentMut, Ipv6FragmentHeader);

// The offset is in units of 8 bytes and starts at the fourth bit: as it stands it is in bytes.
const OFFSET_MASK: u16 = 0xfff8;

static_assertions::assert_eq_size!(Ipv6FragmentHeader, [u8; 8]);

//! The routing header.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  next header  |  hdr ext len  | routing type  | segments left |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 4 + 8 * (hdr ext len) bytes of data ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;
use core::net::Ipv6Addr;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::header::{split_at, split_at_mut, views_deref_to_header};
use crate::wire::{Header, IpProtocol, WireError};

/// Which kind of routing header
/// ([IANA, IPv6 parameters](https://www.iana.org/assignments/ipv6-parameters), routing types).
///
/// ```
/// use linecard::wire::Ipv6RoutingType;
///
/// assert_eq!(Ipv6RoutingType::SEGMENT.to_string(), "segment routing");
/// assert_eq!(Ipv6RoutingType(9).to_string(), "routing type 9");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Ipv6RoutingType(pub u8);

impl Ipv6RoutingType {
    /// A list of addresses, which [RFC 5095](https://www.rfc-editor.org/rfc/rfc5095) forbids: with
    /// segments left it is to be discarded.
    pub const SOURCE_ROUTE: Self = Self(0);
    /// One address: that of a mobile node at home (RFC 6275).
    pub const MOBILITY: Self = Self(2);
    /// Compressed addresses in networks of small devices (RFC 6554).
    pub const RPL: Self = Self(3);
    /// Segment routing (RFC 8754).
    pub const SEGMENT: Self = Self(4);
}

impl fmt::Display for Ipv6RoutingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::SOURCE_ROUTE => "source route",
            Self::MOBILITY => "mobility routing",
            Self::RPL => "RPL source route",
            Self::SEGMENT => "segment routing",
            Self(other) => return write!(f, "routing type {other}"),
        })
    }
}

/// The 4 bytes that each routing header starts with.
///
/// ```
/// use linecard::wire::{Header, Ipv6RoutingHeader};
///
/// let (header, _) = Ipv6RoutingHeader::split(&[6, 2, 4, 1])?;
/// assert_eq!((header.header_len(), header.segments_left()), (24, 1));
/// assert_eq!(header.to_string(), "segment routing, 1 left: TCP");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6RoutingHeader {
    next_header: IpProtocol,
    ext_len: u8,
    kind: Ipv6RoutingType,
    segments_left: u8,
}

impl Header for Ipv6RoutingHeader {}

impl Ipv6RoutingHeader {
    /// What follows.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Length of the whole header in bytes, 8 to 2048. RFC 8200, 4.4: the field is the "Length of
    /// the Routing header in 8-octet units, not including the first 8 octets."
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u16 {
        (self.ext_len as u16 + 1) * 8
    }

    /// Which kind.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Ipv6RoutingType {
        self.kind
    }

    /// How many addresses are still to be visited.
    #[inline]
    #[must_use]
    pub const fn segments_left(&self) -> u8 {
        self.segments_left
    }

    /// Sets what follows.
    #[inline]
    pub fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol;
    }

    /// Sets how many addresses are still to be visited.
    #[inline]
    pub fn set_segments_left(&mut self, segments: u8) {
        self.segments_left = segments;
    }
}

impl fmt::Display for Ipv6RoutingHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} left: {}",
            self.kind, self.segments_left, self.next_header
        )
    }
}

/// A routing header and what follows it, checked.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::Ipv6Routing;
///
/// let mut bytes = [0; 26];
/// bytes[..5].copy_from_slice(&[17, 2, 4, 0, 0]); // one segment
/// bytes[23] = 1;
/// let routing = Ipv6Routing::new(&bytes)?;
/// assert!(routing.addresses().unwrap().eq([Ipv6Addr::LOCALHOST]));
/// assert_eq!(routing.payload.len(), 2);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ipv6Routing<'a> {
    /// The first 4 bytes.
    pub header: &'a Ipv6RoutingHeader,
    /// What the kind defines.
    pub data: &'a [u8],
    /// What follows.
    pub payload: &'a [u8],
}

impl<'a> Ipv6Routing<'a> {
    /// Views `bytes` as a routing header and what follows.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 4 or than the length field says.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6RoutingHeader::split(bytes)?;
        let len = usize::from(header.header_len());
        match split_at(rest, len - Ipv6RoutingHeader::LEN) {
            Ok((data, payload)) => Ok(Self {
                header,
                data,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }

    /// The addresses in it, as they stand: a segment routing header has the last one first. `None`
    /// if they are cut off, or if the kind is not one that has plain addresses (types 0, 2, 4).
    #[must_use]
    pub fn addresses(&self) -> Option<impl ExactSizeIterator<Item = Ipv6Addr> + use<'a>> {
        let (&[last, ..], rest) = self.data.split_first_chunk::<4>()?;
        let (addresses, rest) = rest.as_chunks::<16>();
        let addresses = match self.header.kind {
            Ipv6RoutingType::SOURCE_ROUTE | Ipv6RoutingType::MOBILITY if rest.is_empty() => {
                addresses
            }
            // RFC 8754, 2: "Last Entry: contains the index (zero based), in the Segment List, of
            // the last element of the Segment List." Behind that there may be TLVs.
            Ipv6RoutingType::SEGMENT => addresses.get(..=usize::from(last))?,
            _ => return None,
        };
        Some(addresses.iter().map(|&address| address.into()))
    }
}

/// A routing header and what follows it, checked, for writing in place.
///
/// ```
/// use linecard::wire::Ipv6RoutingMut;
///
/// let mut bytes = [17, 0, 0, 3, 0, 0, 0, 0];
/// Ipv6RoutingMut::new(&mut bytes)?.set_segments_left(2);
/// assert_eq!(bytes[3], 2);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ipv6RoutingMut<'a> {
    /// The first 4 bytes.
    pub header: &'a mut Ipv6RoutingHeader,
    /// What the kind defines.
    pub data: &'a mut [u8],
    /// What follows.
    pub payload: &'a mut [u8],
}

impl<'a> Ipv6RoutingMut<'a> {
    /// Views `bytes` as a routing header and what follows.
    ///
    /// # Errors
    /// As [`Ipv6Routing::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6RoutingHeader::split_mut(bytes)?;
        let len = usize::from(header.header_len());
        match split_at_mut(rest, len - Ipv6RoutingHeader::LEN) {
            Ok((data, payload)) => Ok(Self {
                header,
                data,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }
}

views_deref_to_header!(Ipv6Routing, Ipv6RoutingMut, Ipv6RoutingHeader);

static_assertions::assert_eq_size!(Ipv6RoutingHeader, [u8; 4]);

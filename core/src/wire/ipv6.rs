//! IPv6: [RFC 8200](https://www.rfc-editor.org/rfc/rfc8200#section-3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |version| traffic class |              flow label               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        payload length         |  next header  |   hop limit   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                         source address                        +
//! |                           (16 bytes)                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                       destination address                     +
//! |                           (16 bytes)                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The extension headers, which the payload may start with, are walked by [`Ipv6::extensions`].

use core::fmt;
use core::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::{split_at, split_at_mut, views_deref_to_header};
use super::{Header, IpProtocol, Ipv6Extensions, Ipv6Upper, WireError};

/// The 40 bytes of an IPv6 header.
///
/// ```
/// use core::net::Ipv6Addr;
/// use linecard::wire::{Header, IpProtocol, Ipv6Header};
///
/// let (a, b) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
/// let mut header = Ipv6Header::new(a, b, IpProtocol::UDP, 8);
/// header.set_hop_limit(1);
/// assert_eq!(header.to_string(), "2001:db8::1 > 2001:db8::2: UDP, hlim 1, length 8");
///
/// let mut packet = [0; 48];
/// let payload = header.write(&mut packet)?;
/// assert_eq!(payload.len(), 8);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6Header {
    version_class_flow: U32,
    payload_len: U16,
    next_header: IpProtocol,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

impl Header for Ipv6Header {}

impl Ipv6Header {
    /// The hop limit to send with: 64
    /// ([IANA, IP parameters](https://www.iana.org/assignments/ip-parameters), recommended
    /// default).
    pub const DEFAULT_HOP_LIMIT: u8 = 64;

    /// The smallest MTU of a link that carries IPv6 (RFC 8200, section 5).
    pub const MIN_MTU: u16 = 1280;

    /// A header in front of a payload of `payload_len` bytes, with traffic class and flow label
    /// zero and [`DEFAULT_HOP_LIMIT`](Self::DEFAULT_HOP_LIMIT).
    #[inline]
    #[must_use]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: IpProtocol,
        payload_len: u16,
    ) -> Self {
        Self {
            version_class_flow: U32::new(6 << 28),
            payload_len: U16::new(payload_len),
            next_header,
            hop_limit: Self::DEFAULT_HOP_LIMIT,
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// The version field: 6 in each view.
    #[inline]
    #[must_use]
    pub fn version(&self) -> u8 {
        (self.version_class_flow.get() >> 28) as u8
    }

    /// Differentiated services code point, 6 bits
    /// ([RFC 2474](https://www.rfc-editor.org/rfc/rfc2474#section-3)).
    #[inline]
    #[must_use]
    pub fn dscp(&self) -> u8 {
        (self.version_class_flow.get() >> 22 & 0x3f) as u8
    }

    /// Explicit congestion notification, 2 bits
    /// ([RFC 3168](https://www.rfc-editor.org/rfc/rfc3168#section-5)).
    #[inline]
    #[must_use]
    pub fn ecn(&self) -> u8 {
        (self.version_class_flow.get() >> 20 & 0x03) as u8
    }

    /// Flow label, 20 bits ([RFC 6437](https://www.rfc-editor.org/rfc/rfc6437)).
    #[inline]
    #[must_use]
    pub fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & FLOW_MASK
    }

    /// Length of what follows the header in bytes.
    #[inline]
    #[must_use]
    pub fn payload_len(&self) -> u16 {
        self.payload_len.get()
    }

    /// What follows the header: an extension header, or the upper layer.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Hops that are left.
    #[inline]
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Who sent it.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.source)
    }

    /// Whom it is for.
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.destination)
    }

    /// Sets the differentiated services code point; the two highest bits are ignored.
    #[inline]
    pub fn set_dscp(&mut self, dscp: u8) {
        let rest = self.version_class_flow.get() & !(0x3f << 22);
        self.version_class_flow
            .set(rest | u32::from(dscp & 0x3f) << 22);
    }

    /// Sets explicit congestion notification; only the two lowest bits count.
    #[inline]
    pub fn set_ecn(&mut self, ecn: u8) {
        let rest = self.version_class_flow.get() & !(0x03 << 20);
        self.version_class_flow
            .set(rest | u32::from(ecn & 0x03) << 20);
    }

    /// Sets the flow label; only the 20 lowest bits count.
    #[inline]
    pub fn set_flow_label(&mut self, label: u32) {
        let rest = self.version_class_flow.get() & !FLOW_MASK;
        self.version_class_flow.set(rest | label & FLOW_MASK);
    }

    /// Sets the length of what follows the header in bytes.
    #[inline]
    pub fn set_payload_len(&mut self, bytes: u16) {
        self.payload_len.set(bytes);
    }

    /// Sets what follows the header.
    #[inline]
    pub fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol;
    }

    /// Sets how many hops are left.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        self.hop_limit = hops;
    }

    /// Sets who sent it.
    #[inline]
    pub fn set_source(&mut self, address: Ipv6Addr) {
        self.source = address.octets();
    }

    /// Sets whom it is for.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv6Addr) {
        self.destination = address.octets();
    }

    /// One hop less; gives the new hop limit.
    ///
    /// `None`, and nothing is changed, if the packet may not be forwarded: its hop limit is 0 or
    /// 1. RFC 8200, section 3: "When forwarding, the packet is discarded if Hop Limit was zero when
    ///    received or is decremented to zero."
    #[inline]
    pub fn decrement_hop_limit(&mut self) -> Option<u8> {
        if self.hop_limit <= 1 {
            return None;
        }
        self.hop_limit -= 1;
        Some(self.hop_limit)
    }

    /// Checks the version; gives the payload length.
    #[inline]
    fn length(&self) -> Result<usize, WireError> {
        // RFC 8200, section 3: "Version: 4-bit Internet Protocol version number = 6."
        if self.version() != 6 {
            return Err(WireError::BadVersion(self.version()));
        }
        Ok(self.payload_len().into())
    }
}

impl fmt::Display for Ipv6Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source(), self.destination());
        write!(
            f,
            "{source} > {destination}: {}, hlim {}",
            self.next_header, self.hop_limit
        )?;
        if self.flow_label() != 0 {
            write!(f, ", flow {:#07x}", self.flow_label())?;
        }
        write!(f, ", length {}", self.payload_len())
    }
}

/// A packet, checked.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6, WireError};
///
/// let mut bytes = [0; 46];
/// bytes[0] = 0x60;
/// bytes[4..8].copy_from_slice(&[0, 4, 17, 64]);
/// let packet = Ipv6::new(&bytes)?;
/// assert_eq!((packet.next_header(), packet.payload.len()), (IpProtocol::UDP, 4));
///
/// bytes[5] = 7;
/// assert_eq!(Ipv6::new(&bytes).unwrap_err(), WireError::Truncated { needed: 47 });
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ipv6<'a> {
    /// The first 40 bytes.
    pub header: &'a Ipv6Header,
    /// What the payload length covers: extension headers and upper layer; link-layer padding is not
    /// part of it.
    pub payload: &'a [u8],
}

impl<'a> Ipv6<'a> {
    /// Views `bytes` as a packet. Bytes behind its payload length are ignored.
    ///
    /// A length of zero is taken as what it says, an empty payload: jumbograms
    /// ([RFC 2675](https://www.rfc-editor.org/rfc/rfc2675)) fit into no frame of ours.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 40 or than the payload length says,
    /// [`WireError::BadVersion`].
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6Header::split(bytes)?;
        let payload_len = header.length()?;
        match split_at(rest, payload_len) {
            Ok((payload, _padding)) => Ok(Self { header, payload }),
            Err(_) => Err(WireError::truncated(Ipv6Header::LEN + payload_len)),
        }
    }

    /// Views the start of a packet, as an ICMPv6 error quotes it: as [`new`](Self::new), but the
    /// payload may be cut off.
    ///
    /// # Errors
    /// As [`new`](Self::new), but [`WireError::Truncated`] only where the header itself is cut off.
    #[inline]
    pub fn new_quoted(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6Header::split(bytes)?;
        let payload_len = header.length()?;
        Ok(Self {
            header,
            payload: rest.get(..payload_len).unwrap_or(rest),
        })
    }

    /// The extension headers, one by one.
    #[inline]
    #[must_use]
    pub const fn extensions(&self) -> Ipv6Extensions<'a> {
        Ipv6Extensions::new(self.header.next_header(), self.payload)
    }

    /// What follows the extension headers.
    ///
    /// # Errors
    /// That of the first extension header that is not well formed.
    ///
    /// ```
    /// use linecard::wire::{IpProtocol, Ipv6};
    ///
    /// let mut bytes = [0; 52];
    /// bytes[0] = 0x60;
    /// bytes[4..8].copy_from_slice(&[0, 12, 60, 64]); // destination options first,
    /// bytes[40..48].copy_from_slice(&[17, 0, 1, 4, 0, 0, 0, 0]); // then UDP
    /// let upper = Ipv6::new(&bytes)?.upper()?;
    /// assert_eq!((upper.protocol, upper.offset, upper.payload.len()), (IpProtocol::UDP, 8, 4));
    /// # Ok::<(), linecard::wire::WireError>(())
    /// ```
    #[inline]
    pub fn upper(&self) -> Result<Ipv6Upper<'a>, WireError> {
        self.extensions().upper()
    }
}

/// A packet, checked, for writing in place.
///
/// ```
/// use linecard::wire::Ipv6Mut;
///
/// let mut bytes = [0; 44];
/// bytes[0] = 0x60;
/// bytes[4..8].copy_from_slice(&[0, 4, 17, 64]);
/// let mut packet = Ipv6Mut::new(&mut bytes)?;
/// assert_eq!(packet.decrement_hop_limit(), Some(63));
/// packet.payload.fill(1);
/// assert_eq!(bytes[43], 1);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ipv6Mut<'a> {
    /// The first 40 bytes.
    pub header: &'a mut Ipv6Header,
    /// What the payload length covers: extension headers and upper layer; link-layer padding is not
    /// part of it.
    pub payload: &'a mut [u8],
}

impl<'a> Ipv6Mut<'a> {
    /// Views `bytes` as a packet. Bytes behind its payload length are ignored.
    ///
    /// # Errors
    /// As [`Ipv6::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6Header::split_mut(bytes)?;
        let payload_len = header.length()?;
        match split_at_mut(rest, payload_len) {
            Ok((payload, _padding)) => Ok(Self { header, payload }),
            Err(_) => Err(WireError::truncated(Ipv6Header::LEN + payload_len)),
        }
    }
}

views_deref_to_header!(Ipv6, Ipv6Mut, Ipv6Header);

const FLOW_MASK: u32 = 0xf_ffff;

static_assertions::assert_eq_size!(Ipv6Header, [u8; 40]);

#[cfg(test)]
#[path = "tests/ipv6.rs"]
mod tests;

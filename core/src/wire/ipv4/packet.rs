//! Header, options and payload.

use super::Ipv4Header;
use crate::wire::checksum::Sum;
use crate::wire::header::{split_at, split_at_mut, views_deref_to_header};
use crate::wire::{Header, Ipv4Options, WireError};

/// A packet, checked.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv4, WireError};
///
/// // Two bytes of Ethernet padding behind a packet of 24 bytes.
/// let mut bytes = *b"\x45\0\0\x18\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02abcd\0\0";
/// let packet = Ipv4::new(&bytes)?;
/// assert_eq!(packet.protocol(), IpProtocol::UDP);
/// assert_eq!((packet.options, packet.payload), (&b""[..], &b"abcd"[..]));
///
/// bytes[3] = 27;
/// assert_eq!(Ipv4::new(&bytes).unwrap_err(), WireError::Truncated { needed: 27 });
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ipv4<'a> {
    /// The first 20 bytes.
    pub header: &'a Ipv4Header,
    /// The options, padded to a multiple of 4 bytes.
    pub options: &'a [u8],
    /// What the total length covers behind the header; link-layer padding is not part of it.
    pub payload: &'a [u8],
}

impl<'a> Ipv4<'a> {
    /// Views `bytes` as a packet. Bytes behind its total length are ignored.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 20 or than the total length,
    /// [`WireError::BadVersion`], [`WireError::BadHeaderLength`] under 20,
    /// [`WireError::BadTotalLength`] under the header length (zero too, as captures of segmentation
    /// offload show it).
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv4Header::split(bytes)?;
        let (header_len, total_len) = header.lengths()?;
        if bytes.len() < total_len {
            return Err(WireError::truncated(total_len));
        }
        let (rest, _padding) = split_at(rest, total_len - Ipv4Header::LEN)?;
        let (options, payload) = split_at(rest, header_len - Ipv4Header::LEN)?;
        Ok(Self {
            header,
            options,
            payload,
        })
    }

    /// Views the start of a packet, as an ICMP error quotes it: as [`new`](Self::new), but the
    /// payload may be cut off.
    ///
    /// # Errors
    /// As [`new`](Self::new), but [`WireError::Truncated`] only where the header itself is cut off.
    #[inline]
    pub fn new_quoted(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv4Header::split(bytes)?;
        let (header_len, total_len) = header.lengths()?;
        if bytes.len() < header_len {
            return Err(WireError::truncated(header_len));
        }
        let rest = rest.get(..total_len - Ipv4Header::LEN).unwrap_or(rest);
        let (options, payload) = split_at(rest, header_len - Ipv4Header::LEN)?;
        Ok(Self {
            header,
            options,
            payload,
        })
    }

    /// The header checksum is right. RFC 1812, 5.2.2 (2): "The IP checksum must be correct."
    ///
    /// ```
    /// use linecard::wire::Ipv4;
    ///
    /// let mut bytes = *b"\x45\0\0\x14\0\0\0\0\x40\x11\x66\xd7\x0a\0\0\x01\x0a\0\0\x02";
    /// assert!(Ipv4::new(&bytes)?.checksum_ok());
    /// bytes[8] = 0x41;
    /// assert!(!Ipv4::new(&bytes)?.checksum_ok());
    /// # Ok::<(), linecard::wire::WireError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        adds_up(self.header, self.options)
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> Ipv4Options<'a> {
        Ipv4Options::new(self.options)
    }
}

/// A packet, checked, for writing in place.
///
/// ```
/// use linecard::wire::Ipv4Mut;
///
/// let mut bytes = *b"\x45\0\0\x18\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02abcd";
/// let mut packet = Ipv4Mut::new(&mut bytes)?;
/// packet.set_ident(0x1234);
/// packet.payload[0] = b'A';
/// assert_eq!(bytes[4..6], [0x12, 0x34]);
/// assert_eq!(bytes[20..], *b"Abcd");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ipv4Mut<'a> {
    /// The first 20 bytes.
    pub header: &'a mut Ipv4Header,
    /// The options, padded to a multiple of 4 bytes.
    pub options: &'a mut [u8],
    /// What the total length covers behind the header; link-layer padding is not part of it.
    pub payload: &'a mut [u8],
}

impl<'a> Ipv4Mut<'a> {
    /// Views `bytes` as a packet. Bytes behind its total length are ignored.
    ///
    /// # Errors
    /// As [`Ipv4::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let len = bytes.len();
        let (header, rest) = Ipv4Header::split_mut(bytes)?;
        let (header_len, total_len) = header.lengths()?;
        if len < total_len {
            return Err(WireError::truncated(total_len));
        }
        let (rest, _padding) = split_at_mut(rest, total_len - Ipv4Header::LEN)?;
        let (options, payload) = split_at_mut(rest, header_len - Ipv4Header::LEN)?;
        Ok(Self {
            header,
            options,
            payload,
        })
    }

    /// The header checksum is right.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self) -> bool {
        adds_up(self.header, self.options)
    }

    /// Computes the header checksum and puts it in.
    ///
    /// ```
    /// use linecard::wire::Ipv4Mut;
    ///
    /// let mut bytes = *b"\x45\0\0\x14\0\0\0\0\x40\x11\0\0\x0a\0\0\x01\x0a\0\0\x02";
    /// let mut packet = Ipv4Mut::new(&mut bytes)?;
    /// packet.fill_checksum();
    /// assert_eq!(packet.checksum(), 0x66d7);
    /// # Ok::<(), linecard::wire::WireError>(())
    /// ```
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.header.set_checksum(0);
        let checksum = sum(self.header, self.options).checksum();
        self.header.set_checksum(checksum);
    }
}

views_deref_to_header!(Ipv4, Ipv4Mut, Ipv4Header);

/// Whether header and options include their own, right checksum.
#[inline]
fn adds_up(header: &Ipv4Header, options: &[u8]) -> bool {
    if options.is_empty() {
        return Sum::is_valid_20(zerocopy::transmute_ref!(header));
    }
    sum(header, options).is_valid()
}

/// The sum over header and options.
#[inline]
fn sum(header: &Ipv4Header, options: &[u8]) -> Sum {
    // Nearly all packets have none: theirs is a sum of a fixed number of bytes.
    if options.is_empty() {
        return header.sum();
    }
    header.sum() + Sum::of(options)
}

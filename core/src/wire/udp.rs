//! UDP: [RFC 768](https://www.rfc-editor.org/rfc/rfc768).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |          source port          |       destination port        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |            length             |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      payload ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! # Checksum
//!
//! The checksum 0 means that the sender computed none; one that is computed as 0 is sent as 0xffff.
//! What changes a datagram keeps that meaning by [`UdpHeader::update_checksum`]. Over IPv6 a datagram
//! without checksum is to be discarded
//! ([RFC 8200](https://www.rfc-editor.org/rfc/rfc8200#section-8.1), section 8.1), except for tunnels
//! that chose so ([RFC 6935](https://www.rfc-editor.org/rfc/rfc6935)).

use core::fmt;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::checksum::{Delta, PseudoHeader, Sum, udp_checksum};
use super::header::views_deref_to_header;
use super::{Header, IpProtocol, WireError};

/// The 8 bytes that each datagram starts with.
///
/// ```
/// use linecard::wire::{Header, UdpHeader};
///
/// let header = UdpHeader::new(5060, 40_000, 12)?;
/// assert_eq!(header.length(), 20);
/// assert_eq!(header.to_string(), "UDP 5060 > 40000, length 20");
/// let mut datagram = [0; 20];
/// let payload = header.write(&mut datagram)?;
/// assert_eq!(payload.len(), 12);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct UdpHeader {
    source_port: U16,
    destination_port: U16,
    length: U16,
    checksum: U16,
}

impl Header for UdpHeader {}

impl UdpHeader {
    /// A header in front of `payload_len` bytes, without a checksum.
    ///
    /// # Errors
    /// [`WireError::BadTotalLength`] if header and payload together are more than 65535 bytes.
    #[inline]
    pub const fn new(
        source_port: u16,
        destination_port: u16,
        payload_len: u16,
    ) -> Result<Self, WireError> {
        let Some(length) = payload_len.checked_add(Self::LEN as u16) else {
            return Err(WireError::BadTotalLength(payload_len));
        };
        Ok(Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            length: U16::new(length),
            checksum: U16::new(0),
        })
    }

    /// The sender's port; 0 if it expects no answer.
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

    /// Length of header and payload in bytes.
    #[inline]
    #[must_use]
    pub fn length(&self) -> u16 {
        self.length.get()
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The sender computed a checksum.
    #[inline]
    #[must_use]
    pub fn has_checksum(&self) -> bool {
        self.checksum.get() != 0
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

    /// Sets the length of header and payload in bytes; the checksum is left as it is.
    #[inline]
    pub fn set_length(&mut self, bytes: u16) {
        self.length.set(bytes);
    }

    /// Sets the checksum; 0 for none.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Brings the checksum, if there is one, up to date with a change of ports or addresses.
    ///
    /// ```
    /// use core::net::Ipv4Addr;
    /// use linecard::wire::{UdpMut, checksum::{Delta, PseudoHeader}};
    ///
    /// let [old, new, peer] = [1, 2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last));
    /// let mut bytes = [0, 53, 0, 53, 0, 8, 0, 0];
    /// let mut udp = UdpMut::new(&mut bytes)?;
    /// udp.fill_checksum(&PseudoHeader::ipv4(old, peer));
    ///
    /// udp.set_source_port(5353);
    /// udp.update_checksum(Delta::of_ipv4(old, new) + Delta::of_u16(53, 5353));
    /// assert!(udp.checksum_ok(&PseudoHeader::ipv4(new, peer)));
    /// # Ok::<(), linecard::wire::WireError>(())
    /// ```
    #[inline]
    pub fn update_checksum(&mut self, change: Delta) {
        self.checksum.set(change.apply_udp(self.checksum.get()));
    }

    /// Checks the length; gives it in bytes.
    #[inline]
    fn checked_length(&self) -> Result<usize, WireError> {
        let length = self.length();
        // "This means the minimum value of the length is eight."
        if usize::from(length) < Self::LEN {
            return Err(WireError::BadTotalLength(length));
        }
        Ok(length.into())
    }

    /// The sum of everything that the checksum covers but the checksum itself.
    #[inline]
    fn sum(&self, pseudo: &PseudoHeader, payload: &[u8]) -> Sum {
        // Longer than 4 GiB is not a datagram; its checksum need only be some number.
        let len = (Self::LEN + payload.len()) as u32;
        pseudo.sum(IpProtocol::UDP, len)
            + Sum::of_except(self.as_bytes(), CHECKSUM)
            + Sum::of(payload)
    }

    #[inline]
    fn checksum_ok(&self, pseudo: &PseudoHeader, payload: &[u8]) -> bool {
        match self.checksum() {
            0 => !pseudo.is_ipv6(),
            checksum => (self.sum(pseudo, payload) + Sum::of_u16(checksum)).is_valid(),
        }
    }
}

impl fmt::Display for UdpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination) = (self.source_port(), self.destination_port());
        write!(f, "UDP {source} > {destination}, length {}", self.length())
    }
}

/// A datagram, checked.
///
/// ```
/// use linecard::wire::{Udp, WireError};
///
/// // Three bytes that IP carries and UDP does not count.
/// let mut bytes = *b"\0\x35\x30\x39\0\x0a\0\0ab...";
/// let udp = Udp::new(&bytes)?;
/// assert_eq!((udp.source_port(), udp.destination_port()), (53, 12345));
/// assert_eq!(udp.payload, b"ab");
///
/// bytes[5] = 7;
/// assert_eq!(Udp::new(&bytes).unwrap_err(), WireError::BadTotalLength(7));
/// bytes[5] = 14;
/// assert_eq!(Udp::new(&bytes).unwrap_err(), WireError::Truncated { needed: 14 });
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Udp<'a> {
    /// The first 8 bytes.
    pub header: &'a UdpHeader,
    /// What the length covers behind the header.
    pub payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// Views `bytes`, the upper layer of an IP packet, as a datagram. Bytes behind its length are
    /// ignored.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 8 or than the length,
    /// [`WireError::BadTotalLength`] under 8.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = UdpHeader::split(bytes)?;
        let length = header.checked_length()?;
        match rest.get(..length - UdpHeader::LEN) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(WireError::truncated(length)),
        }
    }

    /// Views the start of a datagram, as an ICMP error quotes it and a first fragment holds it: as
    /// [`new`](Self::new), but the payload may be cut off.
    ///
    /// # Errors
    /// As [`new`](Self::new), but [`WireError::Truncated`] only where the header itself is cut off.
    #[inline]
    pub fn new_quoted(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = UdpHeader::split(bytes)?;
        let length = header.checked_length()?;
        Ok(Self {
            header,
            payload: rest.get(..length - UdpHeader::LEN).unwrap_or(rest),
        })
    }

    /// The checksum is right, or rightly not there: over IPv4 the sender may leave it out.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        self.header.checksum_ok(pseudo, self.payload)
    }
}

/// A datagram, checked, for writing in place.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{UdpMut, checksum::PseudoHeader};
///
/// let mut bytes = *b"\0\x35\x30\x39\0\x0a\0\0ab";
/// let mut udp = UdpMut::new(&mut bytes)?;
/// udp.payload[1] = b'B';
/// let pseudo = PseudoHeader::ipv4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
/// udp.fill_checksum(&pseudo);
/// assert!(udp.has_checksum() && udp.checksum_ok(&pseudo));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct UdpMut<'a> {
    /// The first 8 bytes.
    pub header: &'a mut UdpHeader,
    /// What the length covers behind the header.
    pub payload: &'a mut [u8],
}

impl<'a> UdpMut<'a> {
    /// Views `bytes`, the upper layer of an IP packet, as a datagram. Bytes behind its length are
    /// ignored.
    ///
    /// # Errors
    /// As [`Udp::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = UdpHeader::split_mut(bytes)?;
        let length = header.checked_length()?;
        match rest.get_mut(..length - UdpHeader::LEN) {
            Some(payload) => Ok(Self { header, payload }),
            None => Err(WireError::truncated(length)),
        }
    }

    /// The checksum is right, or rightly not there: over IPv4 the sender may leave it out.
    #[inline]
    #[must_use]
    pub fn checksum_ok(&self, pseudo: &PseudoHeader) -> bool {
        self.header.checksum_ok(pseudo, self.payload)
    }

    /// Computes the checksum over the addresses and the whole datagram and puts it in.
    #[inline]
    pub fn fill_checksum(&mut self, pseudo: &PseudoHeader) {
        let sum = self.header.sum(pseudo, self.payload);
        self.header.set_checksum(udp_checksum(sum.checksum()));
    }
}

views_deref_to_header!(Udp, UdpMut, UdpHeader);

/// Offset of the checksum field.
const CHECKSUM: usize = 6;

static_assertions::assert_eq_size!(UdpHeader, [u8; 8]);

#[cfg(test)]
#[path = "tests/udp.rs"]
mod tests;

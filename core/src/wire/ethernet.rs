//! Ethernet II.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       destination address                     |
//! +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                               |                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
//! |                         source address                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |        type or length         |           payload ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The frame check sequence is the device's affair and not part of the bytes. Where the last field
//! is a length (see [`EtherType::is_length`]) the frame is IEEE 802.3.

use core::fmt;

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{EtherType, Header, MacAddr, WireError};

/// The 14 bytes that each frame starts with.
///
/// ```
/// use linecard::wire::{EtherType, EthernetHeader, Header, MacAddr};
///
/// let source = MacAddr([2, 0, 0, 0, 0, 1]);
/// let header = EthernetHeader::new(MacAddr::BROADCAST, source, EtherType::ARP);
/// let mut frame = [0; 60];
/// let payload = header.write(&mut frame)?;
/// assert_eq!(payload.len(), 46);
/// assert_eq!(header.to_string(), "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ARP (0x0806)");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct EthernetHeader {
    destination: MacAddr,
    source: MacAddr,
    ethertype: U16,
}

impl Header for EthernetHeader {}

impl EthernetHeader {
    /// A header of these fields.
    #[inline]
    #[must_use]
    pub const fn new(destination: MacAddr, source: MacAddr, ethertype: EtherType) -> Self {
        Self {
            destination,
            source,
            ethertype: U16::new(ethertype.0),
        }
    }

    /// Whom the frame is for.
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> MacAddr {
        self.destination
    }

    /// Who sent it.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> MacAddr {
        self.source
    }

    /// What it carries; a length where [`EtherType::is_length`] says so.
    #[inline]
    #[must_use]
    pub fn ethertype(&self) -> EtherType {
        EtherType(self.ethertype.get())
    }

    /// Sets whom the frame is for.
    #[inline]
    pub fn set_destination(&mut self, mac: MacAddr) {
        self.destination = mac;
    }

    /// Sets who sent it.
    #[inline]
    pub fn set_source(&mut self, mac: MacAddr) {
        self.source = mac;
    }

    /// Makes the source the destination and the other way round.
    ///
    /// ```
    /// use linecard::wire::{EtherType, EthernetHeader, MacAddr};
    ///
    /// let [a, b] = [MacAddr([1, 2, 3, 4, 5, 6]), MacAddr([7, 8, 9, 10, 11, 12])];
    /// let mut header = EthernetHeader::new(a, b, EtherType::IPV4);
    /// header.swap_addresses();
    /// assert_eq!(header, EthernetHeader::new(b, a, EtherType::IPV4));
    /// ```
    #[inline]
    pub fn swap_addresses(&mut self) {
        // In two words: addresses of six bytes each would go through memory, where they are read
        // before they are wholly written, and such a load waits for the store buffer.
        // The source is read with the two bytes before it: put together of both words, it takes an
        // instruction that is slow on AMD's processors (SHLD).
        let Some(Ok((source, _))) = self.as_bytes().get(4..).map(U64::read_from_prefix) else {
            return;
        };
        let Ok((first, rest)) = U64::mut_from_prefix(self.as_mut_bytes()) else {
            return;
        };
        let Ok((last, _ethertype)) = U32::mut_from_prefix(rest) else {
            return;
        };
        let low = first.get();
        first.set(source.get() >> 16 | low << 48);
        last.set((low >> 16) as u32);
    }

    /// Sets what it carries.
    #[inline]
    pub fn set_ethertype(&mut self, ethertype: EtherType) {
        self.ethertype.set(ethertype.0);
    }
}

impl fmt::Display for EthernetHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}, ", self.source, self.destination)?;
        let ethertype = self.ethertype();
        if ethertype.is_length() {
            write!(f, "length {}", ethertype.0)
        } else {
            ethertype.fmt(f)
        }
    }
}

/// A frame, checked.
///
/// ```
/// use linecard::wire::{EtherType, Ethernet};
///
/// let mut frame = [0; 60];
/// frame[12..14].copy_from_slice(&[0x08, 0x00]);
/// let ethernet = Ethernet::new(&frame)?;
/// assert_eq!(ethernet.ethertype(), EtherType::IPV4);
/// assert_eq!(ethernet.payload.len(), 46);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ethernet<'a> {
    /// The addresses and the type.
    pub header: &'a EthernetHeader,
    /// All that follows, padding included.
    pub payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    /// Views `bytes` as a frame.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 14 bytes.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = EthernetHeader::split(bytes)?;
        Ok(Self { header, payload })
    }
}

/// A frame, checked, for writing in place.
///
/// ```
/// use linecard::wire::{EthernetMut, MacAddr};
///
/// let mut frame = [0; 60];
/// let mut ethernet = EthernetMut::new(&mut frame)?;
/// ethernet.set_destination(MacAddr::BROADCAST);
/// ethernet.payload[0] = 0x45;
/// assert_eq!((frame[5], frame[14]), (0xff, 0x45));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct EthernetMut<'a> {
    /// The addresses and the type.
    pub header: &'a mut EthernetHeader,
    /// All that follows, padding included.
    pub payload: &'a mut [u8],
}

impl<'a> EthernetMut<'a> {
    /// Views `bytes` as a frame.
    ///
    /// # Errors
    /// As [`Ethernet::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = EthernetHeader::split_mut(bytes)?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Ethernet, EthernetMut, EthernetHeader);

static_assertions::assert_eq_size!(EthernetHeader, [u8; 14]);

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_where_the_wire_has_them() {
        let bytes: Vec<u8> = (0..20).collect();
        let ethernet = Ethernet::new(&bytes).unwrap();
        assert_eq!(ethernet.destination(), MacAddr([0, 1, 2, 3, 4, 5]));
        assert_eq!(ethernet.source(), MacAddr([6, 7, 8, 9, 10, 11]));
        assert_eq!(ethernet.ethertype(), EtherType(0x0c0d));
        assert_eq!(ethernet.payload, &bytes[14..]);
    }

    #[test]
    fn a_length_is_shown_as_one() {
        let header = EthernetHeader::new(MacAddr::ZERO, MacAddr::ZERO, EtherType(38));
        assert!(header.to_string().ends_with(", length 38"));
    }

    proptest! {
        #[test]
        fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let len = bytes.len();
            match Ethernet::new(&bytes) {
                Ok(view) => {
                    prop_assert_eq!(view.payload.len(), len - 14);
                    let _ = view.to_string();
                }
                Err(error) => {
                    prop_assert!(len < 14);
                    prop_assert_eq!(error, WireError::Truncated { needed: 14 });
                }
            }
            prop_assert_eq!(EthernetMut::new(&mut bytes).is_ok(), len >= 14);
        }

        #[test]
        fn what_is_written_is_read(d: [u8; 6], s: [u8; 6], kind: u16) {
            let mut frame = [0; 14];
            let mut view = EthernetMut::new(&mut frame).unwrap();
            view.set_destination(MacAddr(d));
            view.set_source(MacAddr(s));
            view.set_ethertype(EtherType(kind));
            let header = EthernetHeader::new(MacAddr(d), MacAddr(s), EtherType(kind));
            prop_assert_eq!(*Ethernet::new(&frame).unwrap().header, header);
            let mut swapped = header;
            swapped.swap_addresses();
            let back = EthernetHeader::new(MacAddr(s), MacAddr(d), EtherType(kind));
            prop_assert_eq!(swapped, back);
        }
    }
}

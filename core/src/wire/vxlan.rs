//! VXLAN: [RFC 7348](https://www.rfc-editor.org/rfc/rfc7348#section-5), a whole Ethernet frame in UDP.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|R|R|R|I|R|R|R|                   reserved                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |           VXLAN network identifier            |   reserved    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      Ethernet frame, without frame check sequence ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Reserved bits "MUST be set to zero on transmission and ignored on receipt"; extensions such as the
//! group policy of some vendors live in them.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::header::views_deref_to_header;
use super::{Header, WireError};

/// Which of the virtual networks: 24 bits.
///
/// ```
/// use linecard::wire::Vni;
///
/// assert_eq!(Vni::new(5000).map(|vni| vni.to_string()), Some("5000".into()));
/// assert_eq!(Vni::new(1 << 24), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The network of this number; `None` if it takes more than 24 bits.
    #[inline]
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number >> 24 == 0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 8 bytes in front of the frame.
///
/// ```
/// use linecard::wire::{Header, Vni, VxlanHeader};
///
/// let header = VxlanHeader::new(Vni::new(5000).unwrap());
/// assert_eq!(header.to_string(), "VXLAN 5000");
/// let mut bytes = [0; 8];
/// header.write(&mut bytes)?;
/// assert_eq!(bytes, [0x08, 0, 0, 0, 0, 0x13, 0x88, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct VxlanHeader {
    flags: u8,
    reserved: [u8; 3],
    vni: [u8; 3],
    reserved2: u8,
}

impl Header for VxlanHeader {}

impl VxlanHeader {
    /// A header for this network.
    #[inline]
    #[must_use]
    pub const fn new(vni: Vni) -> Self {
        let [_, vni @ ..] = vni.0.to_be_bytes();
        Self {
            flags: VNI_VALID,
            reserved: [0; 3],
            vni,
            reserved2: 0,
        }
    }

    /// Which network.
    #[inline]
    #[must_use]
    pub const fn vni(&self) -> Vni {
        let [a, b, c] = self.vni;
        Vni(u32::from_be_bytes([0, a, b, c]))
    }

    /// The I flag is set: there is a network identifier.
    #[inline]
    #[must_use]
    pub const fn has_vni(&self) -> bool {
        self.flags & VNI_VALID != 0
    }

    /// Sets which network, and the I flag.
    #[inline]
    pub fn set_vni(&mut self, vni: Vni) {
        let [_, vni @ ..] = vni.0.to_be_bytes();
        self.vni = vni;
        self.flags |= VNI_VALID;
    }

    /// RFC 7348, 5: "the I flag MUST be set to 1 for a valid VXLAN Network ID".
    #[inline]
    const fn check(&self) -> Result<(), WireError> {
        if self.has_vni() {
            Ok(())
        } else {
            Err(WireError::BadValue(self.flags as u16))
        }
    }
}

impl fmt::Display for VxlanHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VXLAN {}", self.vni())
    }
}

/// What UDP to [`PORT`] carries, checked.
///
/// ```
/// use linecard::wire::{Vxlan, WireError};
///
/// let mut bytes = [0x08, 0, 0, 0, 0, 0, 7, 0, 0xaa];
/// let vxlan = Vxlan::new(&bytes)?;
/// assert_eq!(vxlan.vni().number(), 7);
/// assert_eq!(vxlan.payload, [0xaa]);
///
/// bytes[0] = 0;
/// assert_eq!(Vxlan::new(&bytes).unwrap_err(), WireError::BadValue(0));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Vxlan<'a> {
    /// The first 8 bytes.
    pub header: &'a VxlanHeader,
    /// The Ethernet frame.
    pub payload: &'a [u8],
}

impl<'a> Vxlan<'a> {
    /// Views `bytes`, the payload of a UDP datagram.
    ///
    /// # Errors
    /// [`WireError::Truncated`] if there are fewer than 8 bytes, [`WireError::BadValue`] without the
    /// I flag.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, payload) = VxlanHeader::split(bytes)?;
        header.check()?;
        Ok(Self { header, payload })
    }
}

/// What UDP to [`PORT`] carries, checked, for writing in place.
///
/// ```
/// use linecard::wire::{Vni, VxlanMut};
///
/// let mut bytes = [0x08, 0, 0, 0, 0, 0, 7, 0];
/// VxlanMut::new(&mut bytes)?.set_vni(Vni::new(0x0a0b0c).unwrap());
/// assert_eq!(bytes, [0x08, 0, 0, 0, 0x0a, 0x0b, 0x0c, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct VxlanMut<'a> {
    /// The first 8 bytes.
    pub header: &'a mut VxlanHeader,
    /// The Ethernet frame.
    pub payload: &'a mut [u8],
}

impl<'a> VxlanMut<'a> {
    /// Views `bytes`, the payload of a UDP datagram.
    ///
    /// # Errors
    /// As [`Vxlan::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, payload) = VxlanHeader::split_mut(bytes)?;
        header.check()?;
        Ok(Self { header, payload })
    }
}

views_deref_to_header!(Vxlan, VxlanMut, VxlanHeader);

/// The UDP port that IANA has assigned (RFC 7348, section 5).
pub const PORT: u16 = 4789;

const VNI_VALID: u8 = 0x08;

static_assertions::assert_eq_size!(VxlanHeader, [u8; 8]);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reserved_bits_are_ignored_and_kept() {
        let mut bytes = [0xff, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut vxlan = VxlanMut::new(&mut bytes).unwrap();
        assert_eq!(vxlan.vni().number(), 0x04_0506);
        vxlan.set_vni(Vni(9));
        assert_eq!(bytes, [0xff, 1, 2, 3, 0, 0, 9, 7, 8]);
    }

    #[test]
    fn a_network_makes_it_valid() {
        let mut header = VxlanHeader {
            flags: 0,
            ..VxlanHeader::new(Vni(1))
        };
        assert!(!header.has_vni());
        header.set_vni(Vni(2));
        assert_eq!(header, VxlanHeader::new(Vni(2)));
    }

    proptest! {
        #[test]
        fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let copy = bytes.clone();
            let view = Vxlan::new(&copy).map(|view| (view.payload.len(), view.to_string()));
            let good = bytes.len() >= 8 && bytes[0] & 8 != 0;
            prop_assert_eq!(view.is_ok(), good);
            let written = VxlanMut::new(&mut bytes).map(|view| (view.payload.len(), view.to_string()));
            prop_assert_eq!(written, view);
        }

        #[test]
        fn numbers_of_24_bits(number: u32) {
            match Vni::new(number) {
                Some(vni) => {
                    prop_assert!(number <= 0xff_ffff);
                    prop_assert_eq!(VxlanHeader::new(vni).vni().number(), number);
                }
                None => prop_assert!(number > 0xff_ffff),
            }
        }
    }
}

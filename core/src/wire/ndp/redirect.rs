//! Redirect: RFC 4861, section 4.5.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      137      |    code (0)   |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                            reserved                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  target address (16 bytes)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                destination address (16 bytes)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   options ...
//! +-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use core::fmt;
use core::net::Ipv6Addr;

use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::options::find_target_mac;
use super::{NdpOptions, check, expect};
use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, Icmpv6Type, MacAddr, WireError};

/// The 40 bytes that a redirect starts with.
///
/// ```
/// use linecard::wire::ndp::RedirectHeader;
///
/// let header = RedirectHeader::new("fe80::1".parse().unwrap(), "2001:db8::9".parse().unwrap());
/// assert_eq!(header.to_string(), "ICMPv6 redirect, 2001:db8::9 to fe80::1");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RedirectHeader {
    kind: Icmpv6Type,
    code: u8,
    checksum: U16,
    reserved: [u8; 4],
    target: [u8; 16],
    destination: [u8; 16],
}

impl Header for RedirectHeader {}

impl RedirectHeader {
    /// Says that `target` is a better first hop for `destination`; if both are the same, that the
    /// destination is on this link.
    #[inline]
    #[must_use]
    pub const fn new(target: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            kind: Icmpv6Type::REDIRECT,
            code: 0,
            checksum: U16::new(0),
            reserved: [0; 4],
            target: target.octets(),
            destination: destination.octets(),
        }
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The better first hop.
    #[inline]
    #[must_use]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// What it is the better first hop for.
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.destination)
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the better first hop.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }

    /// Sets what it is the better first hop for.
    #[inline]
    pub fn set_destination(&mut self, destination: Ipv6Addr) {
        self.destination = destination.octets();
    }

    fn check(&self, options: &[u8]) -> Result<(), WireError> {
        expect(self.kind, Icmpv6Type::REDIRECT)?;
        check(self.code, options)?;
        // RFC 4861, 8.1: "The ICMP Destination Address field in the redirect message does not
        // contain a multicast address." "The ICMP Target Address is either a link-local address
        // (when redirected to a router) or the same as the ICMP Destination Address".
        let target_ok = self.target().is_unicast_link_local() || self.target == self.destination;
        if target_ok && !self.destination().is_multicast() {
            Ok(())
        } else {
            Err(WireError::BadAddress)
        }
    }
}

impl fmt::Display for RedirectHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ICMPv6 {}, {} to {}",
            self.kind,
            self.destination(),
            self.target()
        )
    }
}

/// A redirect, checked.
///
/// ```
/// use linecard::wire::{Header, ndp::{NdpOption, Redirect, RedirectHeader}};
///
/// let header = RedirectHeader::new("fe80::1".parse().unwrap(), "2001:db8::9".parse().unwrap());
/// let mut bytes = [0; 56];
/// NdpOption::RedirectedHeader(b"original").write(header.write(&mut bytes)?)?;
/// let redirect = Redirect::new(&bytes)?;
/// assert_eq!(redirect.target().to_string(), "fe80::1");
/// assert!(redirect.options().eq([Ok(NdpOption::RedirectedHeader(b"original"))]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Redirect<'a> {
    /// The first 40 bytes.
    pub header: &'a RedirectHeader,
    /// The options.
    pub options: &'a [u8],
}

impl<'a> Redirect<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] under 40 bytes, [`WireError::Unsupported`] with another type,
    /// [`WireError::BadValue`] with a code that is not zero, [`WireError::BadOption`],
    /// [`WireError::BadAddress`] if the destination is a multicast address, or the target neither
    /// link-local nor the destination.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, options) = RedirectHeader::split(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> NdpOptions<'a> {
        NdpOptions::new(self.options)
    }

    /// The link-layer address of the better first hop, if it says so.
    #[must_use]
    pub fn target_mac(&self) -> Option<MacAddr> {
        find_target_mac(self.options())
    }
}

/// A redirect, checked, for writing in place.
///
/// ```
/// use linecard::wire::{Header, ndp::{RedirectHeader, RedirectMut}};
///
/// let address = "2001:db8::9".parse().unwrap();
/// let mut bytes = [0; 40];
/// RedirectHeader::new(address, address).write(&mut bytes)?;
/// RedirectMut::new(&mut bytes)?.set_target("fe80::2".parse().unwrap());
/// assert_eq!((bytes[8], bytes[23]), (0xfe, 2));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RedirectMut<'a> {
    /// The first 40 bytes.
    pub header: &'a mut RedirectHeader,
    /// The options.
    pub options: &'a mut [u8],
}

impl<'a> RedirectMut<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// As [`Redirect::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, options) = RedirectHeader::split_mut(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }
}

views_deref_to_header!(Redirect, RedirectMut, RedirectHeader);

static_assertions::assert_eq_size!(RedirectHeader, [u8; 40]);

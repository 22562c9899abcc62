//! Router solicitation and advertisement: RFC 4861, sections 4.1 and 4.2.
//!
//! A solicitation is an ICMPv6 header (type 133) with options behind it. An advertisement:
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      134      |    code (0)   |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! | cur hop limit |M|O|H|Prf|res. |        router lifetime        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         reachable time                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                          retrans timer                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   options ...
//! +-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use core::fmt;

use bitflags::bitflags;
use zerocopy::byteorder::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::options::find_source_mac;
use super::{NdpOptions, check, expect};
use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, Icmpv6Header, Icmpv6Type, MacAddr, WireError};

/// A router solicitation, checked.
///
/// ```
/// use linecard::wire::ndp::RouterSolicitation;
///
/// let bytes = [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 9];
/// let solicitation = RouterSolicitation::new(&bytes)?;
/// assert_eq!(solicitation.source_mac().unwrap().to_string(), "02:00:00:00:00:09");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RouterSolicitation<'a> {
    /// The first 8 bytes.
    pub header: &'a Icmpv6Header,
    /// The options.
    pub options: &'a [u8],
}

impl<'a> RouterSolicitation<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] under 8 bytes, [`WireError::Unsupported`] with another type,
    /// [`WireError::BadValue`] with a code that is not zero, [`WireError::BadOption`].
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, options) = Icmpv6Header::split(bytes)?;
        expect(header.kind(), Icmpv6Type::ROUTER_SOLICITATION)?;
        check(header.code(), options)?;
        Ok(Self { header, options })
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> NdpOptions<'a> {
        NdpOptions::new(self.options)
    }

    /// The link-layer address of whoever sent it, if it says so.
    #[must_use]
    pub fn source_mac(&self) -> Option<MacAddr> {
        find_source_mac(self.options())
    }
}

/// A router solicitation, checked, for writing in place.
///
/// ```
/// use linecard::wire::ndp::RouterSolicitationMut;
///
/// let mut bytes = [133, 0, 0, 0, 0, 0, 0, 0];
/// RouterSolicitationMut::new(&mut bytes)?.set_checksum(0x1234);
/// assert_eq!(bytes[2..4], [0x12, 0x34]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RouterSolicitationMut<'a> {
    /// The first 8 bytes.
    pub header: &'a mut Icmpv6Header,
    /// The options.
    pub options: &'a mut [u8],
}

impl<'a> RouterSolicitationMut<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// As [`RouterSolicitation::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, options) = Icmpv6Header::split_mut(bytes)?;
        expect(header.kind(), Icmpv6Type::ROUTER_SOLICITATION)?;
        check(header.code(), options)?;
        Ok(Self { header, options })
    }
}

views_deref_to_header!(RouterSolicitation, RouterSolicitationMut, Icmpv6Header);

bitflags! {
    /// What a router advertises besides numbers (RFC 4861, 4.2; RFC 6275, 7.1).
    ///
    /// ```
    /// use linecard::wire::ndp::RouterFlags;
    ///
    /// assert_eq!((RouterFlags::MANAGED | RouterFlags::OTHER).bits(), 0xc0);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct RouterFlags: u8 {
        /// Addresses are to be had by DHCPv6.
        const MANAGED = 0x80;
        /// Other configuration is to be had by DHCPv6.
        const OTHER = 0x40;
        /// It is a home agent of mobile nodes.
        const HOME_AGENT = 0x20;
    }
}

/// The 16 bytes that a router advertisement starts with.
///
/// ```
/// use linecard::wire::ndp::{RouterAdvertisementHeader, RouterFlags};
///
/// let header = RouterAdvertisementHeader::new(64, RouterFlags::OTHER, 1800);
/// assert_eq!(header.to_string(), "ICMPv6 router advertisement, hlim 64, lifetime 1800 s");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RouterAdvertisementHeader {
    kind: Icmpv6Type,
    code: u8,
    checksum: U16,
    hop_limit: u8,
    flags: u8,
    lifetime: U16,
    reachable_time: U32,
    retrans_timer: U32,
}

impl Header for RouterAdvertisementHeader {}

impl RouterAdvertisementHeader {
    /// An advertisement of a router that stays for `lifetime` seconds (0: not a default router), of
    /// medium preference, with both times unspecified.
    #[inline]
    #[must_use]
    pub const fn new(hop_limit: u8, flags: RouterFlags, lifetime: u16) -> Self {
        Self {
            kind: Icmpv6Type::ROUTER_ADVERTISEMENT,
            code: 0,
            checksum: U16::new(0),
            hop_limit,
            flags: flags.bits(),
            lifetime: U16::new(lifetime),
            reachable_time: U32::new(0),
            retrans_timer: U32::new(0),
        }
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The hop limit to send with; 0: unspecified.
    #[inline]
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// What it advertises besides numbers.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> RouterFlags {
        RouterFlags::from_bits_truncate(self.flags)
    }

    /// How much it is to be preferred: 1 high, 0 medium, -1 low
    /// ([RFC 4191](https://www.rfc-editor.org/rfc/rfc4191#section-2.1)); the reserved -2 is to be
    /// taken as medium.
    #[inline]
    #[must_use]
    pub const fn preference(&self) -> i8 {
        (self.flags << 3) as i8 >> 6
    }

    /// For how many seconds it is a default router; 0: it is none.
    #[inline]
    #[must_use]
    pub fn lifetime(&self) -> u16 {
        self.lifetime.get()
    }

    /// For how many milliseconds a neighbour counts as reachable; 0: unspecified.
    #[inline]
    #[must_use]
    pub fn reachable_time(&self) -> u32 {
        self.reachable_time.get()
    }

    /// After how many milliseconds to solicit again; 0: unspecified.
    #[inline]
    #[must_use]
    pub fn retrans_timer(&self) -> u32 {
        self.retrans_timer.get()
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets the hop limit to send with.
    #[inline]
    pub fn set_hop_limit(&mut self, hops: u8) {
        self.hop_limit = hops;
    }

    /// Sets what it advertises besides numbers; the preference stays.
    #[inline]
    pub fn set_flags(&mut self, flags: RouterFlags) {
        self.flags = self.flags & !RouterFlags::all().bits() | flags.bits();
    }

    /// Sets how much it is to be preferred; the low two bits count.
    #[inline]
    pub fn set_preference(&mut self, preference: i8) {
        self.flags = self.flags & !0x18 | (preference as u8 & 0x3) << 3;
    }

    /// Sets for how many seconds it is a default router.
    #[inline]
    pub fn set_lifetime(&mut self, seconds: u16) {
        self.lifetime.set(seconds);
    }

    /// Sets for how many milliseconds a neighbour counts as reachable.
    #[inline]
    pub fn set_reachable_time(&mut self, milliseconds: u32) {
        self.reachable_time.set(milliseconds);
    }

    /// Sets after how many milliseconds to solicit again.
    #[inline]
    pub fn set_retrans_timer(&mut self, milliseconds: u32) {
        self.retrans_timer.set(milliseconds);
    }

    fn check(&self, options: &[u8]) -> Result<(), WireError> {
        expect(self.kind, Icmpv6Type::ROUTER_ADVERTISEMENT)?;
        check(self.code, options)
    }
}

impl fmt::Display for RouterAdvertisementHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, hops, lifetime) = (self.kind, self.hop_limit, self.lifetime());
        write!(f, "ICMPv6 {kind}, hlim {hops}, lifetime {lifetime} s")
    }
}

/// A router advertisement, checked.
///
/// ```
/// use linecard::wire::ndp::{NdpOption, RouterAdvertisement};
///
/// let bytes = *b"\x86\0\0\0\x40\0\x07\x08\0\0\0\0\0\0\0\0\x05\x01\0\0\0\0\x05\xdc";
/// let advertisement = RouterAdvertisement::new(&bytes)?;
/// assert_eq!((advertisement.hop_limit(), advertisement.lifetime()), (64, 1800));
/// assert!(advertisement.options().eq([Ok(NdpOption::Mtu(1500))]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RouterAdvertisement<'a> {
    /// The first 16 bytes.
    pub header: &'a RouterAdvertisementHeader,
    /// The options.
    pub options: &'a [u8],
}

impl<'a> RouterAdvertisement<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] under 16 bytes, [`WireError::Unsupported`] with another type,
    /// [`WireError::BadValue`] with a code that is not zero, [`WireError::BadOption`].
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, options) = RouterAdvertisementHeader::split(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> NdpOptions<'a> {
        NdpOptions::new(self.options)
    }

    /// The link-layer address of the router, if it says so.
    #[must_use]
    pub fn source_mac(&self) -> Option<MacAddr> {
        find_source_mac(self.options())
    }
}

/// A router advertisement, checked, for writing in place.
///
/// ```
/// use linecard::wire::ndp::RouterAdvertisementMut;
///
/// let mut bytes = *b"\x86\0\0\0\x40\0\x07\x08\0\0\0\0\0\0\0\0";
/// RouterAdvertisementMut::new(&mut bytes)?.set_lifetime(0);
/// assert_eq!(bytes[6..8], [0, 0]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RouterAdvertisementMut<'a> {
    /// The first 16 bytes.
    pub header: &'a mut RouterAdvertisementHeader,
    /// The options.
    pub options: &'a mut [u8],
}

impl<'a> RouterAdvertisementMut<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// As [`RouterAdvertisement::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, options) = RouterAdvertisementHeader::split_mut(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }
}

views_deref_to_header!(
    RouterAdvertisement,
    RouterAdvertisementMut,
    RouterAdvertisementHeader
);

static_assertions::assert_eq_size!(RouterAdvertisementHeader, [u8; 16]);

//! Neighbour solicitation and advertisement: RFC 4861, sections 4.3 and 4.4.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  135 or 136   |    code (0)   |           checksum            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|S|O|                       reserved                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                                                               |
//! +                        target address                         +
//! |                           (16 bytes)                          |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   options ...
//! +-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use core::fmt;
use core::net::Ipv6Addr;

use bitflags::bitflags;
use zerocopy::byteorder::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::options::{find_source_mac, find_target_mac};
use super::{NdpOption, NdpOptions, check};
use crate::wire::checksum::PseudoHeader;
use crate::wire::header::views_deref_to_header;
use crate::wire::{Header, Icmpv6Mut, Icmpv6Type, MacAddr, WireError};

bitflags! {
    /// What an advertisement says of itself (RFC 4861, 4.4).
    ///
    /// ```
    /// use linecard::wire::ndp::NeighborFlags;
    ///
    /// let flags = NeighborFlags::ROUTER | NeighborFlags::SOLICITED;
    /// assert_eq!(flags.bits(), 0xc0);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct NeighborFlags: u8 {
        /// The sender is a router.
        const ROUTER = 0x80;
        /// It answers a solicitation.
        const SOLICITED = 0x40;
        /// It replaces what is known.
        const OVERRIDE = 0x20;
    }
}

/// The 24 bytes that a neighbour solicitation or advertisement starts with.
///
/// ```
/// use linecard::wire::ndp::{NeighborFlags, NeighborHeader};
///
/// let target = "fe80::1".parse().unwrap();
/// let solicitation = NeighborHeader::solicitation(target);
/// assert_eq!(solicitation.to_string(), "ICMPv6 neighbor solicitation, who has fe80::1");
/// let advertisement = NeighborHeader::advertisement(target, NeighborFlags::OVERRIDE);
/// assert!(advertisement.to_string().ends_with("advertisement, tgt is fe80::1 (OVERRIDE)"));
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct NeighborHeader {
    kind: Icmpv6Type,
    code: u8,
    checksum: U16,
    flags: u8,
    reserved: [u8; 3],
    target: [u8; 16],
}

impl Header for NeighborHeader {}

impl NeighborHeader {
    /// Asks who has `target`.
    #[inline]
    #[must_use]
    pub const fn solicitation(target: Ipv6Addr) -> Self {
        Self::new(Icmpv6Type::NEIGHBOR_SOLICITATION, 0, target)
    }

    /// Says that the sender has `target`.
    #[inline]
    #[must_use]
    pub const fn advertisement(target: Ipv6Addr, flags: NeighborFlags) -> Self {
        Self::new(Icmpv6Type::NEIGHBOR_ADVERTISEMENT, flags.bits(), target)
    }

    const fn new(kind: Icmpv6Type, flags: u8, target: Ipv6Addr) -> Self {
        let (checksum, target) = (U16::new(0), target.octets());
        Self {
            kind,
            code: 0,
            checksum,
            flags,
            reserved: [0; 3],
            target,
        }
    }

    /// Solicitation or advertisement.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Icmpv6Type {
        self.kind
    }

    /// The checksum as it stands.
    #[inline]
    #[must_use]
    pub fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// What an advertisement says of itself; nothing in a solicitation, whose receivers ignore the
    /// field.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> NeighborFlags {
        match self.kind {
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT => NeighborFlags::from_bits_truncate(self.flags),
            _ => NeighborFlags::empty(),
        }
    }

    /// The address that it is about.
    #[inline]
    #[must_use]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.target)
    }

    /// Sets the checksum.
    #[inline]
    pub fn set_checksum(&mut self, checksum: u16) {
        self.checksum.set(checksum);
    }

    /// Sets what an advertisement says of itself.
    #[inline]
    pub fn set_flags(&mut self, flags: NeighborFlags) {
        self.flags = flags.bits();
    }

    /// Sets the address that it is about.
    #[inline]
    pub fn set_target(&mut self, target: Ipv6Addr) {
        self.target = target.octets();
    }

    fn check(&self, options: &[u8]) -> Result<(), WireError> {
        let (solicitation, advertisement) = (
            Icmpv6Type::NEIGHBOR_SOLICITATION,
            Icmpv6Type::NEIGHBOR_ADVERTISEMENT,
        );
        if self.kind != solicitation && self.kind != advertisement {
            return Err(WireError::Unsupported(self.kind.0.into()));
        }
        check(self.code, options)?;
        // RFC 4861, 7.1.1 and 7.1.2: "Target Address is not a multicast address."
        if self.target().is_multicast() {
            Err(WireError::BadAddress)
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for NeighborHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, target) = (self.kind, self.target());
        if kind == Icmpv6Type::NEIGHBOR_SOLICITATION {
            return write!(f, "ICMPv6 {kind}, who has {target}");
        }
        write!(f, "ICMPv6 {kind}, tgt is {target} (")?;
        bitflags::parser::to_writer(&self.flags(), &mut *f)?;
        f.write_str(")")
    }
}

/// A neighbour solicitation or advertisement, checked.
///
/// ```
/// use linecard::wire::{Icmpv6Type, MacAddr, WireError, ndp::Neighbor};
///
/// let mut bytes = [0; 32];
/// bytes[0] = 136;
/// bytes[24..].copy_from_slice(&[2, 1, 2, 0, 0, 0, 0, 9]);
/// let advertisement = Neighbor::new(&bytes)?;
/// assert_eq!(advertisement.kind(), Icmpv6Type::NEIGHBOR_ADVERTISEMENT);
/// assert_eq!(advertisement.target_mac(), Some(MacAddr([2, 0, 0, 0, 0, 9])));
///
/// bytes[25] = 0; // RFC 4861: "All included options have a length that is greater than zero."
/// assert_eq!(Neighbor::new(&bytes).unwrap_err(), WireError::BadOption(2));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Neighbor<'a> {
    /// The first 24 bytes.
    pub header: &'a NeighborHeader,
    /// The options.
    pub options: &'a [u8],
}

impl<'a> Neighbor<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// [`WireError::Truncated`] under 24 bytes, [`WireError::Unsupported`] with a type that is
    /// neither, [`WireError::BadValue`] with a code that is not zero, [`WireError::BadOption`],
    /// [`WireError::BadAddress`] if the target is a multicast address.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, options) = NeighborHeader::split(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> NdpOptions<'a> {
        NdpOptions::new(self.options)
    }

    /// The link-layer address of whoever sent a solicitation, if it says so.
    #[must_use]
    pub fn source_mac(&self) -> Option<MacAddr> {
        find_source_mac(self.options())
    }

    /// The link-layer address that an advertisement is about, if it says so.
    #[must_use]
    pub fn target_mac(&self) -> Option<MacAddr> {
        find_target_mac(self.options())
    }
}

/// A neighbour solicitation or advertisement, checked, for writing in place.
///
/// ```
/// use linecard::wire::ndp::{NeighborFlags, NeighborMut};
///
/// let mut bytes = [0; 24];
/// bytes[0] = 136;
/// NeighborMut::new(&mut bytes)?.set_flags(NeighborFlags::SOLICITED);
/// assert_eq!(bytes[4], 0x40);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct NeighborMut<'a> {
    /// The first 24 bytes.
    pub header: &'a mut NeighborHeader,
    /// The options.
    pub options: &'a mut [u8],
}

impl<'a> NeighborMut<'a> {
    /// Views `bytes`, a whole ICMPv6 message.
    ///
    /// # Errors
    /// As [`Neighbor::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, options) = NeighborHeader::split_mut(bytes)?;
        header.check(options)?;
        Ok(Self { header, options })
    }
}

views_deref_to_header!(Neighbor, NeighborMut, NeighborHeader);

/// Writes a solicitation of `target` to the start of `out`, with the sender's link-layer address
/// unless there is none to tell (when it has no IPv6 address yet), and the checksum for the
/// addresses in `pseudo`. Gives the length of the message: 24 or 32 bytes.
///
/// # Errors
/// [`WireError::NoRoom`] if `out` is too short; nothing is written then.
///
/// ```
/// use linecard::wire::{checksum::PseudoHeader, ndp};
///
/// let target = "fe80::1".parse().unwrap();
/// let pseudo = PseudoHeader::ipv6("fe80::2".parse().unwrap(), ndp::solicited_node(target));
/// let mut out = [0; 24];
/// assert_eq!(ndp::write_solicitation(&mut out, target, None, &pseudo), Ok(24));
/// ```
pub fn write_solicitation(
    out: &mut [u8],
    target: Ipv6Addr,
    source_mac: Option<MacAddr>,
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let option = source_mac.map(NdpOption::SourceLinkAddr);
    write_message(out, &NeighborHeader::solicitation(target), option, pseudo)
}

/// Writes an advertisement that `target` is at `target_mac` to the start of `out`, with the
/// checksum for the addresses in `pseudo`. Gives the length of the message: 32 bytes.
///
/// # Errors
/// [`WireError::NoRoom`] if `out` is shorter; nothing is written then.
///
/// ```
/// use linecard::wire::{MacAddr, WireError, checksum::PseudoHeader, ndp};
///
/// let (target, asker) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
/// let flags = ndp::NeighborFlags::ROUTER | ndp::NeighborFlags::SOLICITED;
/// let mac = MacAddr([2, 0, 0, 0, 0, 1]);
/// let pseudo = PseudoHeader::ipv6(target, asker);
/// let mut out = [0; 32];
/// assert_eq!(ndp::write_advertisement(&mut out, target, mac, flags, &pseudo), Ok(32));
/// assert_eq!(ndp::Neighbor::new(&out)?.target_mac(), Some(mac));
/// # Ok::<(), WireError>(())
/// ```
pub fn write_advertisement(
    out: &mut [u8],
    target: Ipv6Addr,
    target_mac: MacAddr,
    flags: NeighborFlags,
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let option = Some(NdpOption::TargetLinkAddr(target_mac));
    write_message(
        out,
        &NeighborHeader::advertisement(target, flags),
        option,
        pseudo,
    )
}

fn write_message(
    out: &mut [u8],
    header: &NeighborHeader,
    option: Option<NdpOption<'_>>,
    pseudo: &PseudoHeader,
) -> Result<usize, WireError> {
    let len = NeighborHeader::LEN + if option.is_some() { 8 } else { 0 };
    let out = out.get_mut(..len).ok_or(WireError::no_room(len))?;
    let place = header.write(out)?;
    if let Some(option) = option {
        option.write(place)?;
    }
    Icmpv6Mut::new(out)?.fill_checksum(pseudo);
    Ok(len)
}

static_assertions::assert_eq_size!(NeighborHeader, [u8; 24]);

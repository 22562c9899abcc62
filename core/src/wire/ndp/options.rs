//! Options of neighbour discovery: RFC 4861, section 4.6.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     type      |  length / 8   | 8 * length - 2 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::fmt;
use core::net::Ipv6Addr;

use bitflags::bitflags;
use zerocopy::byteorder::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::header::copy_to;
use crate::wire::{Header, MacAddr, WireError};

/// Which option ([IANA, ICMPv6 parameters](https://www.iana.org/assignments/icmpv6-parameters),
/// neighbour discovery option formats).
///
/// ```
/// use linecard::wire::ndp::NdpOptionKind;
///
/// assert_eq!(NdpOptionKind::MTU.to_string(), "mtu");
/// assert_eq!(NdpOptionKind(200).to_string(), "option 200");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct NdpOptionKind(pub u8);

impl NdpOptionKind {
    /// Link-layer address of the sender (RFC 4861).
    pub const SOURCE_LINK_ADDR: Self = Self(1);
    /// Link-layer address of the target (RFC 4861).
    pub const TARGET_LINK_ADDR: Self = Self(2);
    /// A prefix of this link (RFC 4861).
    pub const PREFIX_INFORMATION: Self = Self(3);
    /// The packet that a redirect is about (RFC 4861).
    pub const REDIRECTED_HEADER: Self = Self(4);
    /// The link's MTU (RFC 4861).
    pub const MTU: Self = Self(5);
    /// A nonce, to tell one's own solicitations (RFC 3971).
    pub const NONCE: Self = Self(14);
    /// A route (RFC 4191).
    pub const ROUTE_INFORMATION: Self = Self(24);
    /// Recursive name servers (RFC 8106).
    pub const RDNSS: Self = Self(25);
}

impl fmt::Display for NdpOptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::SOURCE_LINK_ADDR => "source link-layer address",
            Self::TARGET_LINK_ADDR => "target link-layer address",
            Self::PREFIX_INFORMATION => "prefix",
            Self::REDIRECTED_HEADER => "redirected header",
            Self::MTU => "mtu",
            Self::NONCE => "nonce",
            Self::ROUTE_INFORMATION => "route",
            Self::RDNSS => "rdnss",
            Self(other) => return write!(f, "option {other}"),
        })
    }
}

/// Walks options.
///
/// An option of length zero, one that goes past the end, or one whose length cannot be for its kind
/// gives an error that names the kind, and ends the walk.
///
/// ```
/// use linecard::wire::{WireError, ndp::{NdpOption, NdpOptions}};
///
/// let bytes = [5, 1, 0, 0, 0, 0, 5, 0xdc, 1, 0, 0, 0, 0, 0, 0, 0];
/// let mut options = NdpOptions::new(&bytes);
/// assert_eq!(options.next(), Some(Ok(NdpOption::Mtu(1500))));
/// assert_eq!(options.next(), Some(Err(WireError::BadOption(1))));
/// assert_eq!(options.next(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NdpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> NdpOptions<'a> {
    /// The options in `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next option's kind and what follows its length, as bytes.
    ///
    /// # Errors
    /// As the iterator.
    pub fn next_raw(&mut self) -> Option<Result<(NdpOptionKind, &'a [u8]), WireError>> {
        let bytes = core::mem::take(&mut self.rest);
        let &kind = bytes.first()?;
        let Some((option, rest)) = bytes
            .get(1)
            .and_then(|&units| bytes.split_at_checked(usize::from(units) * 8))
        else {
            return Some(Err(WireError::BadOption(kind)));
        };
        // RFC 4861, 4.6: "The value 0 is invalid. Nodes MUST silently discard an ND packet that
        // contains an option with length zero."
        let Some(data) = option.get(2..) else {
            return Some(Err(WireError::BadOption(kind)));
        };
        self.rest = rest;
        Some(Ok((NdpOptionKind(kind), data)))
    }

    /// Every option has a length that is not zero, and they end where the bytes do.
    pub(super) fn check(mut self) -> Result<(), WireError> {
        while let Some(option) = self.next_raw() {
            option?;
        }
        Ok(())
    }
}

impl<'a> Iterator for NdpOptions<'a> {
    type Item = Result<NdpOption<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let option = self
            .next_raw()?
            .and_then(|(kind, data)| NdpOption::new(kind, data));
        if option.is_err() {
            self.rest = &[];
        }
        Some(option)
    }
}

impl core::iter::FusedIterator for NdpOptions<'_> {}

/// One option.
///
/// ```
/// use linecard::wire::{MacAddr, WireError, ndp::NdpOption};
///
/// let option = NdpOption::SourceLinkAddr(MacAddr([2, 0, 0, 0, 0, 1]));
/// assert_eq!(option.to_string(), "source link-layer address 02:00:00:00:00:01");
/// let mut bytes = [0; 9];
/// assert_eq!(option.write(&mut bytes)?.len(), 1);
/// assert_eq!(bytes, [1, 1, 2, 0, 0, 0, 0, 1, 0]);
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdpOption<'a> {
    /// Link-layer address of the sender.
    SourceLinkAddr(MacAddr),
    /// Link-layer address of the target.
    TargetLinkAddr(MacAddr),
    /// A prefix of this link.
    Prefix(&'a PrefixInformation),
    /// The packet that a redirect is about, from its IPv6 header on; it may be cut off, and padded
    /// to a multiple of 8 bytes.
    RedirectedHeader(&'a [u8]),
    /// The link's MTU in bytes.
    Mtu(u32),
    /// Any other: its kind, and what follows the length.
    Other(NdpOptionKind, &'a [u8]),
}

impl<'a> NdpOption<'a> {
    /// Reads the `data` that follows an option's length.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if the length cannot be for this kind. For link-layer addresses
    /// that is 8 in all: [RFC 2464](https://www.rfc-editor.org/rfc/rfc2464#section-6), section 6.
    pub fn new(kind: NdpOptionKind, data: &'a [u8]) -> Result<Self, WireError> {
        let bad = WireError::BadOption(kind.0);
        let mac = || data.try_into().map(MacAddr).map_err(|_| bad);
        Ok(match kind {
            NdpOptionKind::SOURCE_LINK_ADDR => Self::SourceLinkAddr(mac()?),
            NdpOptionKind::TARGET_LINK_ADDR => Self::TargetLinkAddr(mac()?),
            NdpOptionKind::PREFIX_INFORMATION => {
                Self::Prefix(PrefixInformation::ref_from_bytes(data).map_err(|_| bad)?)
            }
            NdpOptionKind::REDIRECTED_HEADER => {
                Self::RedirectedHeader(data.get(RESERVED..).ok_or(bad)?)
            }
            NdpOptionKind::MTU => {
                let &[_, _, a, b, c, d] = data else {
                    return Err(bad);
                };
                Self::Mtu(u32::from_be_bytes([a, b, c, d]))
            }
            _ => Self::Other(kind, data),
        })
    }

    /// Which option it is.
    #[must_use]
    pub const fn kind(&self) -> NdpOptionKind {
        match *self {
            Self::SourceLinkAddr(_) => NdpOptionKind::SOURCE_LINK_ADDR,
            Self::TargetLinkAddr(_) => NdpOptionKind::TARGET_LINK_ADDR,
            Self::Prefix(_) => NdpOptionKind::PREFIX_INFORMATION,
            Self::RedirectedHeader(_) => NdpOptionKind::REDIRECTED_HEADER,
            Self::Mtu(_) => NdpOptionKind::MTU,
            Self::Other(kind, _) => kind,
        }
    }

    /// Writes it to the start of `out`, filled with zeros to a multiple of 8 bytes; gives the bytes
    /// behind it, where the next one goes.
    ///
    /// # Errors
    /// [`WireError::NoRoom`] if `out` is too short, [`WireError::BadOption`] if the option is
    /// longer than 2040 bytes; nothing is written then.
    pub fn write<'b>(&self, out: &'b mut [u8]) -> Result<&'b mut [u8], WireError> {
        let mtu;
        let (reserved, data): (usize, &[u8]) = match self {
            Self::SourceLinkAddr(mac) | Self::TargetLinkAddr(mac) => (0, &mac.0),
            Self::Prefix(prefix) => (0, prefix.as_bytes()),
            Self::RedirectedHeader(packet) => (RESERVED, packet),
            Self::Mtu(bytes) => {
                mtu = bytes.to_be_bytes();
                (2, &mtu)
            }
            Self::Other(_, data) => (0, data),
        };
        let start = 2 + reserved;
        let units = (start + data.len()).div_ceil(8);
        let Ok(length) = u8::try_from(units) else {
            return Err(WireError::BadOption(self.kind().0));
        };
        let no_room = WireError::no_room(units * 8);
        let (place, rest) = out.split_at_mut_checked(units * 8).ok_or(no_room)?;
        place.fill(0);
        if let [kind, len, ..] = place {
            (*kind, *len) = (self.kind().0, length);
        }
        copy_to(place.get_mut(start..).unwrap_or_default(), data);
        Ok(rest)
    }
}

impl fmt::Display for NdpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::SourceLinkAddr(mac) | Self::TargetLinkAddr(mac) => write!(f, "{kind} {mac}"),
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Mtu(bytes) => write!(f, "{kind} {bytes}"),
            Self::RedirectedHeader(data) | Self::Other(_, data) => {
                write!(f, "{kind} of {} bytes", data.len())
            }
        }
    }
}

bitflags! {
    /// What a prefix is good for (RFC 4861, 4.6.2).
    ///
    /// ```
    /// use linecard::wire::ndp::PrefixFlags;
    ///
    /// assert_eq!(PrefixFlags::all().bits(), 0xc0);
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct PrefixFlags: u8 {
        /// Its addresses are on this link.
        const ON_LINK = 0x80;
        /// Hosts may make themselves an address of it.
        const AUTONOMOUS = 0x40;
    }
}

/// A prefix of this link (RFC 4861, 4.6.2): the 30 bytes that follow the option's length.
///
/// ```
/// use linecard::wire::ndp::{PrefixFlags, PrefixInformation};
///
/// let address = "2001:db8::".parse().unwrap();
/// let prefix = PrefixInformation::new(address, 64, PrefixFlags::all(), 7200, 3600);
/// assert_eq!(prefix.to_string(), "prefix 2001:db8::/64, valid 7200 s, preferred 3600 s");
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct PrefixInformation {
    prefix_len: u8,
    flags: u8,
    valid: U32,
    preferred: U32,
    reserved: [u8; 4],
    prefix: [u8; 16],
}

impl Header for PrefixInformation {}

impl PrefixInformation {
    /// A prefix of `prefix_len` bits (at most 128), with its two lifetimes in seconds; `u32::MAX`
    /// is for ever.
    #[inline]
    #[must_use]
    pub const fn new(
        prefix: Ipv6Addr,
        prefix_len: u8,
        flags: PrefixFlags,
        valid: u32,
        preferred: u32,
    ) -> Self {
        Self {
            prefix_len,
            flags: flags.bits(),
            valid: U32::new(valid),
            preferred: U32::new(preferred),
            reserved: [0; 4],
            prefix: prefix.octets(),
        }
    }

    /// How many bits of the address count; more than 128 is nonsense that a sender may have put
    /// there.
    #[inline]
    #[must_use]
    pub const fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// What it is good for.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> PrefixFlags {
        PrefixFlags::from_bits_truncate(self.flags)
    }

    /// For how many seconds it counts as on this link.
    #[inline]
    #[must_use]
    pub fn valid(&self) -> u32 {
        self.valid.get()
    }

    /// For how many seconds addresses made of it are to be preferred.
    #[inline]
    #[must_use]
    pub fn preferred(&self) -> u32 {
        self.preferred.get()
    }

    /// The prefix; bits behind its length mean nothing.
    #[inline]
    #[must_use]
    pub const fn prefix(&self) -> Ipv6Addr {
        Ipv6Addr::from_octets(self.prefix)
    }
}

impl fmt::Display for PrefixInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, len) = (self.prefix(), self.prefix_len);
        let (valid, preferred) = (self.valid(), self.preferred());
        write!(
            f,
            "prefix {prefix}/{len}, valid {valid} s, preferred {preferred} s"
        )
    }
}

pub(super) fn find_source_mac(options: NdpOptions<'_>) -> Option<MacAddr> {
    options.flatten().find_map(|option| match option {
        NdpOption::SourceLinkAddr(mac) => Some(mac),
        _ => None,
    })
}

pub(super) fn find_target_mac(options: NdpOptions<'_>) -> Option<MacAddr> {
    options.flatten().find_map(|option| match option {
        NdpOption::TargetLinkAddr(mac) => Some(mac),
        _ => None,
    })
}

/// Bytes of a redirected header option between its length and the packet.
const RESERVED: usize = 6;

static_assertions::assert_eq_size!(PrefixInformation, [u8; 30]);

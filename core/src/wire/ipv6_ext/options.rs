//! Hop-by-hop and destination options.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  next header  |  hdr ext len  | options: 6 + 8 * (hdr ext len) bytes
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//!
//! an option; the highest two bits of its type say what to do if it is not known
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! |act|C|  type   |  data length  |  data ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::wire::header::{split_at, split_at_mut, views_deref_to_header};
use crate::wire::{Header, IpProtocol, WireError};

/// The 2 bytes that the options are preceded by.
///
/// ```
/// use linecard::wire::{Header, IpProtocol, Ipv6OptionsHeader};
///
/// let (header, _) = Ipv6OptionsHeader::split(&[58, 1])?;
/// assert_eq!((header.next_header(), header.header_len()), (IpProtocol::ICMPV6, 16));
/// assert_eq!(header.to_string(), "options, 16 bytes: ICMPv6");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6OptionsHeader {
    next_header: IpProtocol,
    ext_len: u8,
}

impl Header for Ipv6OptionsHeader {}

impl Ipv6OptionsHeader {
    /// A header in front of 6 bytes of options, and 8 more for each of `ext_len`.
    #[inline]
    #[must_use]
    pub const fn new(next_header: IpProtocol, ext_len: u8) -> Self {
        Self {
            next_header,
            ext_len,
        }
    }

    /// What follows the options.
    #[inline]
    #[must_use]
    pub const fn next_header(&self) -> IpProtocol {
        self.next_header
    }

    /// Length of the header with its options in bytes, 8 to 2048. RFC 8200, 4.3: the field is the
    /// "Length of the Hop-by-Hop Options header in 8-octet units, not including the first 8
    /// octets."
    #[inline]
    #[must_use]
    pub const fn header_len(&self) -> u16 {
        (self.ext_len as u16 + 1) * 8
    }

    /// Sets what follows the options.
    #[inline]
    pub fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol;
    }
}

impl fmt::Display for Ipv6OptionsHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "options, {} bytes: {}",
            self.header_len(),
            self.next_header
        )
    }
}

/// Hop-by-hop or destination options and what follows them, checked.
///
/// ```
/// use linecard::wire::{Ipv6Option, Ipv6OptionsExt};
///
/// // Router alert (type 5), 2 bytes of padding, then a payload.
/// let extension = Ipv6OptionsExt::new(&[58, 0, 5, 2, 0, 0, 1, 0, 0xaa])?;
/// assert!(extension.options().eq([Ok(Ipv6Option::RouterAlert(0))]));
/// assert_eq!(extension.payload, [0xaa]);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ipv6OptionsExt<'a> {
    /// The first 2 bytes.
    pub header: &'a Ipv6OptionsHeader,
    /// The options.
    pub options: &'a [u8],
    /// What follows.
    pub payload: &'a [u8],
}

impl<'a> Ipv6OptionsExt<'a> {
    /// Views `bytes` as options and what follows. The options themselves are checked when they are
    /// walked.
    ///
    /// # Errors
    /// [`WireError::Truncated`] with fewer bytes than 2 or than the length field says.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6OptionsHeader::split(bytes)?;
        let len = usize::from(header.header_len());
        match split_at(rest, len - Ipv6OptionsHeader::LEN) {
            Ok((options, payload)) => Ok(Self {
                header,
                options,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }

    /// The options, one by one.
    #[inline]
    #[must_use]
    pub const fn options(&self) -> Ipv6Options<'a> {
        Ipv6Options::new(self.options)
    }
}

/// Hop-by-hop or destination options and what follows them, checked, for writing in place.
///
/// ```
/// use linecard::wire::{IpProtocol, Ipv6OptionsExtMut};
///
/// let mut bytes = [58, 0, 1, 4, 0, 0, 0, 0];
/// Ipv6OptionsExtMut::new(&mut bytes)?.set_next_header(IpProtocol::UDP);
/// assert_eq!(bytes[0], 17);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Ipv6OptionsExtMut<'a> {
    /// The first 2 bytes.
    pub header: &'a mut Ipv6OptionsHeader,
    /// The options.
    pub options: &'a mut [u8],
    /// What follows.
    pub payload: &'a mut [u8],
}

impl<'a> Ipv6OptionsExtMut<'a> {
    /// Views `bytes` as options and what follows.
    ///
    /// # Errors
    /// As [`Ipv6OptionsExt::new`].
    #[inline]
    pub fn new(bytes: &'a mut [u8]) -> Result<Self, WireError> {
        let (header, rest) = Ipv6OptionsHeader::split_mut(bytes)?;
        let len = usize::from(header.header_len());
        match split_at_mut(rest, len - Ipv6OptionsHeader::LEN) {
            Ok((options, payload)) => Ok(Self {
                header,
                options,
                payload,
            }),
            Err(_) => Err(WireError::truncated(len)),
        }
    }
}

views_deref_to_header!(Ipv6OptionsExt, Ipv6OptionsExtMut, Ipv6OptionsHeader);

/// Which option ([IANA, IPv6 parameters](https://www.iana.org/assignments/ipv6-parameters),
/// options).
///
/// ```
/// use linecard::wire::{Ipv6OptionAction, Ipv6OptionKind};
///
/// assert_eq!(Ipv6OptionKind::ROUTER_ALERT.action(), Ipv6OptionAction::Skip);
/// assert_eq!(Ipv6OptionKind(0xfe).action(), Ipv6OptionAction::DiscardUnicastWithError);
/// assert!(Ipv6OptionKind(0x3e).may_change());
/// assert_eq!(Ipv6OptionKind::JUMBO.to_string(), "jumbo payload");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Ipv6OptionKind(pub u8);

impl Ipv6OptionKind {
    /// One byte of padding, without length (RFC 8200).
    pub const PAD_1: Self = Self(0x00);
    /// Two or more bytes of padding (RFC 8200).
    pub const PAD_N: Self = Self(0x01);
    /// How deep tunnels may nest (RFC 2473).
    pub const TUNNEL_LIMIT: Self = Self(0x04);
    /// Routers are to look at the payload (RFC 2711).
    pub const ROUTER_ALERT: Self = Self(0x05);
    /// The payload is longer than 65535 bytes (RFC 2675).
    pub const JUMBO: Self = Self(0xc2);
    /// A mobile node's address at home (RFC 6275).
    pub const HOME_ADDRESS: Self = Self(0xc9);

    /// What a node does that does not know it (RFC 8200, 4.2).
    #[inline]
    #[must_use]
    pub const fn action(self) -> Ipv6OptionAction {
        match self.0 >> 6 {
            0 => Ipv6OptionAction::Skip,
            1 => Ipv6OptionAction::Discard,
            2 => Ipv6OptionAction::DiscardWithError,
            _ => Ipv6OptionAction::DiscardUnicastWithError,
        }
    }

    /// Routers on the way may change its data.
    #[inline]
    #[must_use]
    pub const fn may_change(self) -> bool {
        self.0 & 0x20 != 0
    }
}

impl fmt::Display for Ipv6OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::PAD_1 | Self::PAD_N => "padding",
            Self::TUNNEL_LIMIT => "tunnel limit",
            Self::ROUTER_ALERT => "router alert",
            Self::JUMBO => "jumbo payload",
            Self::HOME_ADDRESS => "home address",
            Self(other) => return write!(f, "option {other:#04x}"),
        })
    }
}

/// What a node does that does not know an option (RFC 8200, 4.2).
///
/// ```
/// use linecard::wire::{Ipv6OptionAction, Ipv6OptionKind};
///
/// assert_eq!(Ipv6OptionKind(0x40).action(), Ipv6OptionAction::Discard);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6OptionAction {
    /// "skip over this option and continue processing the header."
    Skip,
    /// "discard the packet."
    Discard,
    /// "discard the packet and, regardless of whether or not the packet's Destination Address was a
    /// multicast address, send an ICMP Parameter Problem, Code 2, message".
    DiscardWithError,
    /// The same, "only if the packet's Destination Address was not a multicast address".
    DiscardUnicastWithError,
}

/// Walks options; padding is skipped.
///
/// An option that goes past the end gives an error that names its kind, and ends the walk.
///
/// ```
/// use linecard::wire::{Ipv6Option, Ipv6OptionKind, Ipv6Options, WireError};
///
/// let mut options = Ipv6Options::new(&[0, 1, 1, 0, 0x3e, 1, 7, 5, 9]);
/// assert_eq!(options.next(), Some(Ok(Ipv6Option::Other(Ipv6OptionKind(0x3e), &[7]))));
/// assert_eq!(options.position(), 4);
/// assert_eq!(options.next(), Some(Err(WireError::BadOption(5))));
/// assert_eq!(options.position(), 7);
/// assert_eq!(options.next(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Options<'a> {
    rest: &'a [u8],
    next: usize,
    position: usize,
}

impl<'a> Ipv6Options<'a> {
    /// The options in `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            next: 0,
            position: 0,
        }
    }

    /// Where the option last given, or the one that was wrong, starts among the bytes: what the
    /// pointer of an ICMPv6 parameter problem is made from.
    #[inline]
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The next option's kind and data.
    ///
    /// # Errors
    /// As the iterator.
    pub fn next_raw(&mut self) -> Option<Result<(Ipv6OptionKind, &'a [u8]), WireError>> {
        loop {
            let (&kind, tail) = core::mem::take(&mut self.rest).split_first()?;
            let kind = Ipv6OptionKind(kind);
            self.position = self.next;
            // RFC 8200, 4.2: "the format of the Pad1 option is a special case -- it does not have
            // length and value fields."
            if kind == Ipv6OptionKind::PAD_1 {
                (self.rest, self.next) = (tail, self.next + 1);
                continue;
            }
            let Some(data) = self.take(tail) else {
                return Some(Err(WireError::BadOption(kind.0)));
            };
            if kind != Ipv6OptionKind::PAD_N {
                return Some(Ok((kind, data)));
            }
        }
    }

    /// RFC 8200, 4.2: "Length of the Option Data field of this option, in octets."
    #[inline]
    fn take(&mut self, tail: &'a [u8]) -> Option<&'a [u8]> {
        let (&len, tail) = tail.split_first()?;
        let (data, rest) = tail.split_at_checked(len.into())?;
        (self.rest, self.next) = (rest, self.next + 2 + data.len());
        Some(data)
    }
}

impl<'a> Iterator for Ipv6Options<'a> {
    type Item = Result<Ipv6Option<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let option = self
            .next_raw()?
            .and_then(|(kind, data)| Ipv6Option::new(kind, data));
        if option.is_err() {
            self.rest = &[];
        }
        Some(option)
    }
}

impl core::iter::FusedIterator for Ipv6Options<'_> {}

/// One option.
///
/// ```
/// use linecard::wire::{Ipv6Option, Ipv6OptionKind, WireError};
///
/// let jumbo = Ipv6Option::new(Ipv6OptionKind::JUMBO, &[0, 1, 0, 0])?;
/// assert_eq!(jumbo, Ipv6Option::Jumbo(65_536));
/// let short = Ipv6Option::new(Ipv6OptionKind::JUMBO, &[0, 1]);
/// assert_eq!(short, Err(WireError::BadOption(0xc2)));
/// # Ok::<(), WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv6Option<'a> {
    /// Look at the payload; 0 is multicast listener discovery
    /// ([RFC 2711](https://www.rfc-editor.org/rfc/rfc2711)).
    RouterAlert(u16),
    /// Length of the payload ([RFC 2675](https://www.rfc-editor.org/rfc/rfc2675)).
    Jumbo(u32),
    /// Any other: its kind and data.
    Other(Ipv6OptionKind, &'a [u8]),
}

impl<'a> Ipv6Option<'a> {
    /// Reads an option's data.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if its length cannot be for this kind.
    #[inline]
    pub fn new(kind: Ipv6OptionKind, data: &'a [u8]) -> Result<Self, WireError> {
        let bad = |_| WireError::BadOption(kind.0);
        Ok(match kind {
            Ipv6OptionKind::ROUTER_ALERT => {
                Self::RouterAlert(u16::from_be_bytes(data.try_into().map_err(bad)?))
            }
            Ipv6OptionKind::JUMBO => Self::Jumbo(u32::from_be_bytes(data.try_into().map_err(bad)?)),
            _ => Self::Other(kind, data),
        })
    }

    /// Which option it is.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> Ipv6OptionKind {
        match *self {
            Self::RouterAlert(_) => Ipv6OptionKind::ROUTER_ALERT,
            Self::Jumbo(_) => Ipv6OptionKind::JUMBO,
            Self::Other(kind, _) => kind,
        }
    }
}

impl fmt::Display for Ipv6Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match *self {
            Self::RouterAlert(value) => write!(f, "{kind} {value}"),
            Self::Jumbo(bytes) => write!(f, "{kind} {bytes}"),
            Self::Other(_, data) => write!(f, "{kind} of {} bytes", data.len()),
        }
    }
}

static_assertions::assert_eq_size!(Ipv6OptionsHeader, [u8; 2]);

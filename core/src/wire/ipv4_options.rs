//! IPv4 options: [RFC 791](https://www.rfc-editor.org/rfc/rfc791#page-15), section 3.1.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! |C|cls| number  |    length     | length - 2 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//!
//! record route, loose and strict source route
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! | 7, 131 or 137 |    length     |    pointer    | addresses ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//!
//! timestamp
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |      68       |    length     |    pointer    | oflow |  flag |  entries ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! Kinds 0 (end of the list) and 1 (no operation) are a single byte.

use core::fmt;
use core::net::Ipv4Addr;

use super::WireError;

/// Which option ([IANA, IP option numbers](https://www.iana.org/assignments/ip-parameters)).
///
/// ```
/// use linecard::wire::Ipv4OptionKind;
///
/// assert!(Ipv4OptionKind::ROUTER_ALERT.is_copied());
/// assert_eq!(Ipv4OptionKind::RECORD_ROUTE.to_string(), "record route");
/// assert_eq!(Ipv4OptionKind(30).to_string(), "option 30");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Ipv4OptionKind(pub u8);

impl Ipv4OptionKind {
    /// The list ends here (RFC 791).
    pub const END: Self = Self(0);
    /// Padding (RFC 791).
    pub const NOP: Self = Self(1);
    /// Routers write their addresses (RFC 791).
    pub const RECORD_ROUTE: Self = Self(7);
    /// Routers write their times (RFC 791).
    pub const TIMESTAMP: Self = Self(68);
    /// Security labels of the US military (RFC 1108).
    pub const SECURITY: Self = Self(130);
    /// Addresses to go through, with others between them allowed (RFC 791).
    pub const LOOSE_SOURCE_ROUTE: Self = Self(131);
    /// Security labels of others, "CIPSO" (FIPS 188).
    pub const COMMERCIAL_SECURITY: Self = Self(134);
    /// Stream identifier (RFC 791; by RFC 6814 no longer used).
    pub const STREAM_ID: Self = Self(136);
    /// Addresses to go through, with no others between them (RFC 791).
    pub const STRICT_SOURCE_ROUTE: Self = Self(137);
    /// Routers are to look at the payload (RFC 2113).
    pub const ROUTER_ALERT: Self = Self(148);

    /// To be in every fragment, not in the first only.
    #[inline]
    #[must_use]
    pub const fn is_copied(self) -> bool {
        self.0 & 0x80 != 0
    }
}

impl fmt::Display for Ipv4OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::END => "end of options",
            Self::NOP => "no operation",
            Self::RECORD_ROUTE => "record route",
            Self::TIMESTAMP => "timestamp",
            Self::SECURITY => "security",
            Self::LOOSE_SOURCE_ROUTE => "loose source route",
            Self::COMMERCIAL_SECURITY => "commercial security",
            Self::STREAM_ID => "stream id",
            Self::STRICT_SOURCE_ROUTE => "strict source route",
            Self::ROUTER_ALERT => "router alert",
            Self(other) => return write!(f, "option {other}"),
        })
    }
}

/// Walks the options of a header up to the end of the list; padding is skipped.
///
/// An option whose length cannot be gives an error that names its kind, and ends the walk.
///
/// ```
/// use linecard::wire::{Ipv4Option, Ipv4OptionKind, Ipv4Options, WireError};
///
/// let mut options = Ipv4Options::new(&[1, 148, 4, 0, 0, 0]);
/// assert_eq!(options.next(), Some(Ok(Ipv4Option::RouterAlert(0))));
/// assert_eq!(options.next(), None);
///
/// let mut options = Ipv4Options::new(&[7, 40, 4, 0]);
/// assert_eq!(options.next(), Some(Err(WireError::BadOption(7))));
/// assert_eq!(options.next(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Options<'a> {
    rest: &'a [u8],
}

impl<'a> Ipv4Options<'a> {
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
    pub fn next_raw(&mut self) -> Option<Result<(Ipv4OptionKind, &'a [u8]), WireError>> {
        loop {
            let rest = core::mem::take(&mut self.rest);
            let (&kind, tail) = rest.split_first()?;
            let kind = Ipv4OptionKind(kind);
            match kind {
                // RFC 791: "This option indicates the end of the option list. This might not
                // coincide with the end of the internet header".
                Ipv4OptionKind::END => return None,
                Ipv4OptionKind::NOP => self.rest = tail,
                _ => return Some(self.take(kind, rest)),
            }
        }
    }

    /// RFC 791: the length "counts the option-type octet and the option-length octet as well as the
    /// option-data octets".
    #[inline]
    fn take(
        &mut self,
        kind: Ipv4OptionKind,
        bytes: &'a [u8],
    ) -> Result<(Ipv4OptionKind, &'a [u8]), WireError> {
        let bad = WireError::BadOption(kind.0);
        let &len = bytes.get(1).ok_or(bad)?;
        let (option, rest) = bytes.split_at_checked(len.into()).ok_or(bad)?;
        let data = option.get(2..).ok_or(bad)?;
        self.rest = rest;
        Ok((kind, data))
    }
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let option = self
            .next_raw()?
            .and_then(|(kind, data)| Ipv4Option::new(kind, data));
        if option.is_err() {
            self.rest = &[];
        }
        Some(option)
    }
}

impl core::iter::FusedIterator for Ipv4Options<'_> {}

/// One option.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{Ipv4Option, Ipv4OptionKind};
///
/// let data = [8, 10, 0, 0, 1, 0, 0, 0, 0]; // pointer, one address written, room for another
/// let option = Ipv4Option::new(Ipv4OptionKind::RECORD_ROUTE, &data)?;
/// let Ipv4Option::Route(kind, route) = option else {
///     panic!("not a route");
/// };
/// assert_eq!(kind, Ipv4OptionKind::RECORD_ROUTE);
/// assert!(route.visited().eq([Ipv4Addr::new(10, 0, 0, 1)]));
/// assert_eq!(route.remaining().len(), 1);
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// A recorded route, or a loose or strict source route, as the kind says.
    Route(Ipv4OptionKind, Ipv4Route<'a>),
    /// Times and addresses of routers.
    Timestamp(Ipv4Timestamp<'a>),
    /// Look at the payload; 0 is "every router"
    /// ([RFC 2113](https://www.rfc-editor.org/rfc/rfc2113)).
    RouterAlert(u16),
    /// Any other: its kind, and what follows the length.
    Other(Ipv4OptionKind, &'a [u8]),
}

impl<'a> Ipv4Option<'a> {
    /// Reads the `data` that follows an option's length.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if the length or the pointer in it cannot be for this kind.
    pub fn new(kind: Ipv4OptionKind, data: &'a [u8]) -> Result<Self, WireError> {
        let bad = WireError::BadOption(kind.0);
        Ok(match kind {
            Ipv4OptionKind::RECORD_ROUTE
            | Ipv4OptionKind::LOOSE_SOURCE_ROUTE
            | Ipv4OptionKind::STRICT_SOURCE_ROUTE => {
                Self::Route(kind, Ipv4Route::new(data).ok_or(bad)?)
            }
            Ipv4OptionKind::TIMESTAMP => Self::Timestamp(Ipv4Timestamp::new(data).ok_or(bad)?),
            Ipv4OptionKind::ROUTER_ALERT => {
                let value = data.try_into().map_err(|_| bad)?;
                Self::RouterAlert(u16::from_be_bytes(value))
            }
            _ => Self::Other(kind, data),
        })
    }

    /// Which option it is.
    #[must_use]
    pub const fn kind(&self) -> Ipv4OptionKind {
        match *self {
            Self::Route(kind, _) | Self::Other(kind, _) => kind,
            Self::Timestamp(_) => Ipv4OptionKind::TIMESTAMP,
            Self::RouterAlert(_) => Ipv4OptionKind::ROUTER_ALERT,
        }
    }
}

impl fmt::Display for Ipv4Option<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self {
            Self::Route(_, route) => {
                for address in route.visited() {
                    write!(f, " {address}")?;
                }
                f.write_str(" ^")?;
                for address in route.remaining() {
                    write!(f, " {address}")?;
                }
                Ok(())
            }
            Self::Timestamp(timestamp) => {
                write!(
                    f,
                    " {} bytes, overflow {}",
                    timestamp.written().len(),
                    timestamp.overflow()
                )
            }
            Self::RouterAlert(value) => write!(f, " {value}"),
            Self::Other(_, data) => write!(f, " of {} bytes", data.len() + 2),
        }
    }
}

/// The addresses of a recorded or a source route, and how far it has got.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::Ipv4Route;
///
/// // A source route that has passed 10.0.0.1 and goes to 10.0.0.2 next.
/// let route = Ipv4Route::new(&[8, 10, 0, 0, 1, 10, 0, 0, 2]).unwrap();
/// assert_eq!(route.pointer(), 8);
/// assert_eq!(route.next_hop(), Some(Ipv4Addr::new(10, 0, 0, 2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Route<'a> {
    pointer: u8,
    visited: &'a [[u8; 4]],
    remaining: &'a [[u8; 4]],
}

impl<'a> Ipv4Route<'a> {
    /// Reads the pointer and the addresses; `None` if there is no pointer, if it points into the
    /// middle of an address or in front of them all, or if the last address is cut off.
    ///
    /// RFC 791: "The pointer is relative to this option, and the smallest legal value for the
    /// pointer is 4." One that is greater than the length means that all addresses are used up.
    #[must_use]
    pub fn new(data: &'a [u8]) -> Option<Self> {
        let (&pointer, addresses) = data.split_first()?;
        let (addresses, []) = addresses.as_chunks() else {
            return None;
        };
        let offset = pointer.checked_sub(4)?;
        if offset % 4 != 0 {
            return None;
        }
        let (visited, remaining) = addresses
            .split_at_checked((offset / 4).into())
            .unwrap_or((addresses, &[]));
        Some(Self {
            pointer,
            visited,
            remaining,
        })
    }

    /// Where in the option the next address is, counted from 1.
    #[inline]
    #[must_use]
    pub const fn pointer(&self) -> u8 {
        self.pointer
    }

    /// The addresses in front of the pointer: those that routers have written.
    pub fn visited(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + use<'a> {
        self.visited.iter().map(|&address| address.into())
    }

    /// The addresses from the pointer on: still to be visited in a source route, room in a recorded
    /// one.
    pub fn remaining(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + use<'a> {
        self.remaining.iter().map(|&address| address.into())
    }

    /// Where a source route goes next; `None` when it is used up.
    #[must_use]
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        self.remaining().next()
    }
}

/// The times, and perhaps the addresses, that routers have written.
///
/// ```
/// use linecard::wire::Ipv4Timestamp;
///
/// let timestamp = Ipv4Timestamp::new(&[9, 0x30, 0, 0, 0, 7, 0, 0, 0, 0]).unwrap();
/// assert_eq!((timestamp.overflow(), timestamp.flag()), (3, Ipv4Timestamp::TIMES_ONLY));
/// assert_eq!((timestamp.written(), timestamp.room()), (&[0, 0, 0, 7][..], 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Timestamp<'a> {
    overflow_flag: u8,
    written: &'a [u8],
    room: u8,
}

impl<'a> Ipv4Timestamp<'a> {
    /// Entries are times: 4 bytes, milliseconds since midnight UT.
    pub const TIMES_ONLY: u8 = 0;
    /// Entries are an address and a time: 8 bytes.
    pub const WITH_ADDRESSES: u8 = 1;
    /// As [`WITH_ADDRESSES`](Self::WITH_ADDRESSES), the addresses given by the sender.
    pub const PRESPECIFIED: u8 = 3;

    /// Reads what follows the length; `None` if pointer or flags are missing, or if the pointer is
    /// in front of the entries, not at the start of one, or if the last entry is cut off.
    ///
    /// RFC 791: "The smallest legal value is 5. The timestamp area is full when the pointer is
    /// greater than the length."
    #[must_use]
    pub fn new(data: &'a [u8]) -> Option<Self> {
        let (&[pointer, overflow_flag], entries) = data.split_first_chunk()?;
        let size = if overflow_flag & 0x0f == Self::TIMES_ONLY {
            4
        } else {
            8
        };
        let offset = usize::from(pointer.checked_sub(5)?);
        if offset % size != 0 || entries.len() % size != 0 {
            return None;
        }
        let (written, room) = entries.split_at_checked(offset).unwrap_or((entries, &[]));
        Some(Self {
            overflow_flag,
            written,
            room: room.len() as u8,
        })
    }

    /// How many routers found no room: 4 bits.
    #[inline]
    #[must_use]
    pub const fn overflow(&self) -> u8 {
        self.overflow_flag >> 4
    }

    /// What the entries are: [`TIMES_ONLY`](Self::TIMES_ONLY),
    /// [`WITH_ADDRESSES`](Self::WITH_ADDRESSES), [`PRESPECIFIED`](Self::PRESPECIFIED), or another
    /// value of 4 bits, whose entries are taken for 8 bytes.
    #[inline]
    #[must_use]
    pub const fn flag(&self) -> u8 {
        self.overflow_flag & 0x0f
    }

    /// The entries in front of the pointer, as bytes.
    #[inline]
    #[must_use]
    pub const fn written(&self) -> &'a [u8] {
        self.written
    }

    /// How many bytes are left behind the pointer.
    #[inline]
    #[must_use]
    pub const fn room(&self) -> u8 {
        self.room
    }
}

#[cfg(test)]
#[path = "tests/ipv4_options.rs"]
mod tests;

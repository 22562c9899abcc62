//! TCP options: [RFC 9293](https://www.rfc-editor.org/rfc/rfc9293#section-3.2), section 3.2, and
//! those of [RFC 7323](https://www.rfc-editor.org/rfc/rfc7323) and
//! [RFC 2018](https://www.rfc-editor.org/rfc/rfc2018).
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! |     kind      |    length     | length - 2 bytes ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```
//!
//! Kinds 0 (end of the list) and 1 (no operation) are a single byte.

use core::fmt;

use super::WireError;

/// Which option ([IANA, TCP option kind numbers](https://www.iana.org/assignments/tcp-parameters)).
///
/// ```
/// use linecard::wire::TcpOptionKind;
///
/// assert_eq!(TcpOptionKind::TIMESTAMPS.to_string(), "timestamps");
/// assert_eq!(TcpOptionKind(99).to_string(), "option 99");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct TcpOptionKind(pub u8);

impl TcpOptionKind {
    /// The list ends here (RFC 9293).
    pub const END: Self = Self(0);
    /// Padding (RFC 9293).
    pub const NOP: Self = Self(1);
    /// The largest segment that the sender takes (RFC 9293).
    pub const MAX_SEGMENT_SIZE: Self = Self(2);
    /// By how much the sender's windows are to be shifted (RFC 7323).
    pub const WINDOW_SCALE: Self = Self(3);
    /// Selective acknowledgments are welcome (RFC 2018).
    pub const SACK_PERMITTED: Self = Self(4);
    /// What has arrived behind a gap (RFC 2018).
    pub const SACK: Self = Self(5);
    /// The sender's clock, and an echo of the receiver's (RFC 7323).
    pub const TIMESTAMPS: Self = Self(8);
    /// MD5 signature (RFC 2385), as BGP has it.
    pub const MD5_SIGNATURE: Self = Self(19);
    /// How long unacknowledged data may stay (RFC 5482).
    pub const USER_TIMEOUT: Self = Self(28);
    /// Authentication (RFC 5925).
    pub const AUTHENTICATION: Self = Self(29);
    /// Multipath TCP (RFC 8684).
    pub const MULTIPATH: Self = Self(30);
    /// Fast open cookie (RFC 7413).
    pub const FAST_OPEN: Self = Self(34);
}

impl fmt::Display for TcpOptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::END => "end of options",
            Self::NOP => "no operation",
            Self::MAX_SEGMENT_SIZE => "maximum segment size",
            Self::WINDOW_SCALE => "window scale",
            Self::SACK_PERMITTED => "SACK permitted",
            Self::SACK => "SACK",
            Self::TIMESTAMPS => "timestamps",
            Self::MD5_SIGNATURE => "MD5 signature",
            Self::USER_TIMEOUT => "user timeout",
            Self::AUTHENTICATION => "authentication",
            Self::MULTIPATH => "multipath",
            Self::FAST_OPEN => "fast open",
            Self(other) => return write!(f, "option {other}"),
        })
    }
}

/// Walks the options of a header up to the end of the list; padding is skipped.
///
/// An option whose length cannot be gives an error that names its kind, and ends the walk. The
/// options before it were given, and [`rest`](Self::rest) then starts with it.
///
/// ```
/// use linecard::wire::{TcpOption, TcpOptions, WireError};
///
/// let mut options = TcpOptions::new(&[1, 3, 3, 7, 8, 11, 0, 0]);
/// assert_eq!(options.next(), Some(Ok(TcpOption::WindowScale(7))));
/// assert_eq!(options.next(), Some(Err(WireError::BadOption(8))));
/// assert_eq!(options.next(), None);
/// assert_eq!(options.rest(), [8, 11, 0, 0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
    done: bool,
}

impl<'a> TcpOptions<'a> {
    /// The options in `bytes`.
    #[inline]
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            done: false,
        }
    }

    /// What has not been walked: nothing after the last option, or what is behind the end of the
    /// list, or from the option on that was wrong.
    #[inline]
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next option's kind and what follows its length, as bytes.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if the length is not there, less than 2 or beyond the end.
    pub fn next_raw(&mut self) -> Option<Result<(TcpOptionKind, &'a [u8]), WireError>> {
        while !self.done {
            let (&kind, tail) = self.rest.split_first()?;
            match TcpOptionKind(kind) {
                TcpOptionKind::END => (self.rest, self.done) = (tail, true),
                TcpOptionKind::NOP => self.rest = tail,
                kind => {
                    let option = split_option(self.rest);
                    return Some(match option {
                        Some((data, rest)) => {
                            self.rest = rest;
                            Ok((kind, data))
                        }
                        None => self.stop(kind),
                    });
                }
            }
        }
        None
    }

    #[cold]
    fn stop<T>(&mut self, kind: TcpOptionKind) -> Result<T, WireError> {
        self.done = true;
        Err(WireError::BadOption(kind.0))
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        let before = self.rest;
        let raw = self.next_raw()?;
        let option = raw.and_then(|(kind, data)| TcpOption::new(kind, data));
        if option.is_err() && !self.done {
            // The length was one for another kind. Padding in front of it is not to be walked again.
            let skipped = before.iter().take_while(|&&byte| byte == 1).count();
            self.rest = before.get(skipped..).unwrap_or(before);
            self.done = true;
        }
        Some(option)
    }
}

impl core::iter::FusedIterator for TcpOptions<'_> {}

/// What follows an option's kind and length, and what is behind the option.
#[inline]
fn split_option(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [_, len, ..] = bytes else { return None };
    let (option, rest) = bytes.split_at_checked((*len).into())?;
    Some((option.get(2..)?, rest))
}

/// One option.
///
/// ```
/// use linecard::wire::{TcpOption, TcpOptionKind};
///
/// let option = TcpOption::new(TcpOptionKind::TIMESTAMPS, &[0, 0, 0, 9, 0, 0, 0, 4])?;
/// assert_eq!(option, TcpOption::Timestamps { value: 9, echo: 4 });
/// assert_eq!(option.to_string(), "timestamps 9 echo 4");
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// The largest segment that the sender takes, in bytes of payload.
    MaxSegmentSize(u16),
    /// By how many bits the sender's windows are to be shifted; more than 14 is to be taken as 14
    /// (RFC 7323 section 2.3).
    WindowScale(u8),
    /// Selective acknowledgments are welcome.
    SackPermitted,
    /// What has arrived behind a gap.
    Sack(SackBlocks<'a>),
    /// The sender's clock, and an echo of the receiver's.
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The receiver's clock, as last seen.
        echo: u32,
    },
    /// Any other: its kind, and what follows the length.
    Other(TcpOptionKind, &'a [u8]),
}

impl<'a> TcpOption<'a> {
    /// Reads the `data` that follows an option's length.
    ///
    /// # Errors
    /// [`WireError::BadOption`] if there are not as many bytes as this kind has.
    pub fn new(kind: TcpOptionKind, data: &'a [u8]) -> Result<Self, WireError> {
        Ok(match (kind, data) {
            (TcpOptionKind::MAX_SEGMENT_SIZE, &[a, b]) => {
                Self::MaxSegmentSize(u16::from_be_bytes([a, b]))
            }
            (TcpOptionKind::WINDOW_SCALE, &[shift]) => Self::WindowScale(shift),
            (TcpOptionKind::SACK_PERMITTED, &[]) => Self::SackPermitted,
            (TcpOptionKind::SACK, data) => match data.as_chunks() {
                (blocks @ [_, ..], []) => Self::Sack(SackBlocks { blocks }),
                _ => return Err(WireError::BadOption(kind.0)),
            },
            (TcpOptionKind::TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => Self::Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo: u32::from_be_bytes([e, f, g, h]),
            },
            (
                TcpOptionKind::MAX_SEGMENT_SIZE
                | TcpOptionKind::WINDOW_SCALE
                | TcpOptionKind::SACK_PERMITTED
                | TcpOptionKind::TIMESTAMPS,
                _,
            ) => return Err(WireError::BadOption(kind.0)),
            (kind, data) => Self::Other(kind, data),
        })
    }

    /// Which option it is.
    #[must_use]
    pub const fn kind(&self) -> TcpOptionKind {
        match *self {
            Self::MaxSegmentSize(_) => TcpOptionKind::MAX_SEGMENT_SIZE,
            Self::WindowScale(_) => TcpOptionKind::WINDOW_SCALE,
            Self::SackPermitted => TcpOptionKind::SACK_PERMITTED,
            Self::Sack(_) => TcpOptionKind::SACK,
            Self::Timestamps { .. } => TcpOptionKind::TIMESTAMPS,
            Self::Other(kind, _) => kind,
        }
    }
}

impl fmt::Display for TcpOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match *self {
            Self::MaxSegmentSize(bytes) => write!(f, " {bytes}"),
            Self::WindowScale(shift) => write!(f, " {shift}"),
            Self::SackPermitted => Ok(()),
            Self::Sack(blocks) => {
                for (left, right) in blocks {
                    write!(f, " {left}-{right}")?;
                }
                Ok(())
            }
            Self::Timestamps { value, echo } => write!(f, " {value} echo {echo}"),
            Self::Other(_, data) => write!(f, " of {} bytes", data.len() + 2),
        }
    }
}

/// The blocks of a selective acknowledgment: sequence numbers of the first byte that has arrived and of
/// the first behind it that has not.
///
/// ```
/// use linecard::wire::{TcpOption, TcpOptionKind};
///
/// let data = [0, 0, 0, 5, 0, 0, 0, 9];
/// let TcpOption::Sack(blocks) = TcpOption::new(TcpOptionKind::SACK, &data)? else {
///     panic!("not SACK");
/// };
/// assert!(blocks.eq([(5, 9)]));
/// # Ok::<(), linecard::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlocks<'a> {
    blocks: &'a [[u8; 8]],
}

impl Iterator for SackBlocks<'_> {
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d, e, f, g, h], rest) = self.blocks.split_first()?;
        self.blocks = rest;
        Some((
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        ))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.blocks.len(), Some(self.blocks.len()))
    }
}

impl ExactSizeIterator for SackBlocks<'_> {}

impl core::iter::FusedIterator for SackBlocks<'_> {}

#[cfg(test)]
#[path = "tests/tcp_options.rs"]
mod tests;

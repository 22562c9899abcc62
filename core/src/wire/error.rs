//! Why bytes are not the header that they were taken for.

use core::fmt;

/// Says which bound or field kept a view from being made, or a header from being written.
///
/// Four bytes, so that a `Result` of it travels in a register. Lengths are in bytes; one that does
/// not fit in 16 bits is given as 65535.
///
/// ```
/// use linecard::wire::{Ipv4, WireError};
///
/// assert_eq!(Ipv4::new(&[0x45; 19]).unwrap_err(), WireError::Truncated { needed: 20 });
/// assert_eq!(Ipv4::new(&[0x60; 20]).unwrap_err(), WireError::BadVersion(6));
/// assert_eq!(size_of::<WireError>(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the header does, or before the end that a length field declares.
    Truncated {
        /// How many bytes there would have to be.
        needed: u16,
    },
    /// The buffer that a header is to be written into is too short.
    NoRoom {
        /// How many bytes are to be written.
        needed: u16,
    },
    /// The version field is not the protocol's own.
    BadVersion(u8),
    /// The header length field, in bytes, says less than the fixed part of the header.
    BadHeaderLength(u16),
    /// A length field, in bytes, says less than the header that carries it, or cannot be right.
    BadTotalLength(u16),
    /// The option of this kind has a length that is zero, too short, or past the end of the
    /// options.
    BadOption(u8),
    /// A field that must have one certain value (a code, a reserved flag) has this one.
    BadValue(u16),
    /// An address is one that this message may not have, such as multicast.
    BadAddress,
    /// Well formed, but of a kind (protocol, hardware, type) that this view is not made for.
    Unsupported(u16),
    /// A header of this kind may not come at this place.
    Misplaced(u8),
    /// More headers or labels follow each other than this number, the most that are followed.
    TooMany(u8),
}

impl WireError {
    /// `Truncated`, with `needed` brought into 16 bits.
    #[inline]
    pub(crate) const fn truncated(needed: usize) -> Self {
        Self::Truncated {
            needed: saturate(needed),
        }
    }

    /// `NoRoom`, with `needed` brought into 16 bits.
    #[inline]
    pub(crate) const fn no_room(needed: usize) -> Self {
        Self::NoRoom {
            needed: saturate(needed),
        }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { needed } => write!(f, "truncated: {needed} bytes needed"),
            Self::NoRoom { needed } => write!(f, "no room: {needed} bytes to be written"),
            Self::BadVersion(version) => write!(f, "bad version {version}"),
            Self::BadHeaderLength(bytes) => write!(f, "bad header length: {bytes} bytes"),
            Self::BadTotalLength(bytes) => write!(f, "bad total length: {bytes} bytes"),
            Self::BadOption(kind) => write!(f, "bad length of option {kind}"),
            Self::BadValue(value) => write!(f, "bad value {value} in a fixed field"),
            Self::BadAddress => f.write_str("bad address for this message"),
            Self::Unsupported(kind) => write!(f, "unsupported kind {kind:#x}"),
            Self::Misplaced(kind) => write!(f, "misplaced header of kind {kind}"),
            Self::TooMany(bound) => write!(f, "more than {bound} headers in a row"),
        }
    }
}

impl core::error::Error for WireError {}

#[inline]
const fn saturate(bytes: usize) -> u16 {
    if bytes > u16::MAX as usize {
        u16::MAX
    } else {
        bytes as u16
    }
}

static_assertions::assert_eq_size!(WireError, u32);

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn lengths_saturate() {
        assert_eq!(
            WireError::truncated(65_535),
            WireError::Truncated { needed: 65_535 }
        );
        assert_eq!(
            WireError::truncated(65_536),
            WireError::Truncated { needed: 65_535 }
        );
        assert_eq!(
            WireError::no_room(1 << 20),
            WireError::NoRoom { needed: 65_535 }
        );
    }

    #[test]
    fn messages_name_the_bound() {
        assert_eq!(
            WireError::truncated(20).to_string(),
            "truncated: 20 bytes needed"
        );
        assert_eq!(
            WireError::BadHeaderLength(16).to_string(),
            "bad header length: 16 bytes"
        );
        assert_eq!(
            WireError::Unsupported(0x88cc).to_string(),
            "unsupported kind 0x88cc"
        );
    }
}

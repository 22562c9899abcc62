//! What can be wrong with the bytes of a capture.

use core::fmt;

/// The place at which a capture stopped making sense, and why.
///
/// Everything before it was read; nothing after it can be found, because a capture is a chain in
/// which each record says where the next one starts.
///
/// ```
/// use linecard_pcap::{Capture, FaultKind};
///
/// let fault = Capture::from_bytes(b"not a capture file......".to_vec()).unwrap_err();
/// assert_eq!(fault.offset, 0);
/// assert_eq!(fault.kind, FaultKind::UnknownMagic { magic: 0x6e6f_7420 });
/// assert_eq!(fault.to_string(), "at byte 0: magic 0x6e6f7420 is neither pcap nor pcapng");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the header that is wrong starts, in bytes from the start of the file.
    pub offset: usize,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// The ways in which a capture breaks its format. Lengths are in bytes.
///
/// ```
/// use linecard_pcap::FaultKind;
///
/// let kind = FaultKind::CutOff { wanted: 16, left: 3 };
/// assert_eq!(kind.to_string(), "needs 16 bytes, the file has 3 left");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The file starts with none of the known magic numbers (read in big-endian order).
    UnknownMagic {
        /// The first four bytes.
        magic: u32,
    },
    /// A format version that nobody has defined.
    UnknownVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// The file ends inside of a header, a record or a block.
    CutOff {
        /// How much the structure takes.
        wanted: u64,
        /// How much there is.
        left: usize,
    },
    /// A record claims more than any link can carry
    /// ([`MAX_CAPTURED`](crate::Capture::MAX_CAPTURED)).
    AbsurdLength {
        /// The claimed captured length.
        captured: u32,
    },
    /// A pcapng block is shorter than its own fields, or not a multiple of four.
    BadBlockLength {
        /// The block type.
        block: u32,
        /// The claimed total length.
        length: u32,
    },
    /// The total length at the end of a pcapng block differs from the one at its start.
    LengthsDiffer {
        /// The length at the start.
        first: u32,
        /// The length at the end.
        last: u32,
    },
    /// A pcapng block other than a section header comes first, or a section header has no
    /// byte-order magic.
    NoSection,
    /// A packet block names an interface that no block has described.
    NoInterface {
        /// The interface's number in its section.
        interface: u32,
    },
    /// The packet of a pcapng block, or one of its options, does not fit into the block.
    PastBlock {
        /// The block type.
        block: u32,
        /// The length that does not fit.
        length: u32,
    },
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownMagic { magic } => {
                write!(f, "magic {magic:#010x} is neither pcap nor pcapng")
            }
            Self::UnknownVersion { major, minor } => {
                write!(f, "format version {major}.{minor} is unknown")
            }
            Self::CutOff { wanted, left } => {
                write!(f, "needs {wanted} bytes, the file has {left} left")
            }
            Self::AbsurdLength { captured } => {
                write!(f, "a captured length of {captured} bytes is absurd")
            }
            Self::BadBlockLength { block, length } => {
                write!(f, "block type {block:#x} cannot be {length} bytes long")
            }
            Self::LengthsDiffer { first, last } => {
                write!(f, "block starts with length {first} and ends with {last}")
            }
            Self::NoSection => f.write_str("no valid section header here"),
            Self::NoInterface { interface } => {
                write!(f, "interface {interface} was never described")
            }
            Self::PastBlock { block, length } => {
                write!(f, "{length} bytes do not fit into block type {block:#x}")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.kind)
    }
}

impl core::error::Error for FaultKind {}

impl core::error::Error for Fault {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.kind)
    }
}

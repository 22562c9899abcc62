//! By which rule a guest's queue was taken out of service.

use core::fmt;

/// What a guest did that no driver may do.
///
/// ```
/// use linecard_virtio::queue::device::GuestFault;
/// assert_eq!(GuestFault::Loop.to_string(), "a chain has more descriptors than the ring");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuestFault {
    /// The ring's size is 0, over 32,768, or (of a split ring) no power of two.
    Size(u16),
    /// A ring's address is not aligned as it must be, or its memory is not the guest's.
    Ring,
    /// The position to begin at is not in the ring.
    Position,
    /// The available index moved on by more than the ring has room for.
    Index {
        /// Where the available index was.
        seen: u16,
        /// Where it is.
        now: u16,
    },
    /// The available ring names a descriptor that the ring does not have.
    Head(u16),
    /// A descriptor's successor is not in its table.
    Next(u16),
    /// A chain has more descriptors than the ring.
    Loop,
    /// A buffer, or an indirect table, is not in the guest's memory.
    Address {
        /// Where it begins.
        address: u64,
        /// Its length in bytes.
        len: u32,
    },
    /// A readable buffer comes behind a writable one.
    Order,
    /// An indirect table is empty, not a multiple of 16 bytes, longer than 32,768 entries, inside
    /// another one, chained, or was not negotiated.
    Indirect,
}

impl fmt::Display for GuestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Size(size) => write!(f, "a ring cannot have {size} entries"),
            Self::Ring => f.write_str("a ring is misaligned or outside of the guest's memory"),
            Self::Position => f.write_str("the position to begin at is not in the ring"),
            Self::Index { seen, now } => write!(
                f,
                "the available index jumped from {seen} to {now}, past the ring's size"
            ),
            Self::Head(head) => write!(f, "descriptor {head} is not in the ring"),
            Self::Next(next) => write!(f, "a chain goes on at {next}, outside of its table"),
            Self::Loop => f.write_str("a chain has more descriptors than the ring"),
            Self::Address { address, len } => {
                write!(f, "{len} bytes at {address:#x} are not the guest's memory")
            }
            Self::Order => f.write_str("a readable buffer comes behind a writable one"),
            Self::Indirect => f.write_str("an indirect table that cannot be"),
        }
    }
}

impl core::error::Error for GuestFault {}

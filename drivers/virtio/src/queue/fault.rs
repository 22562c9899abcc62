//! How a device can break the rules of a queue.

use core::fmt;

/// What a device did that cannot be. The queue is out of service from then on: nothing more is
/// taken from it, and what is in it comes back when it was reset.
///
/// ```
/// use linecard_virtio::queue::Fault;
/// let fault = Fault::Index { moved: 9, in_flight: 3 };
/// assert_eq!(fault.to_string(), "the used index moved by 9 with 3 buffers in the queue");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The used index moved past what was made available (section 2.7.8).
    Index {
        /// By how many entries.
        moved: u16,
        /// Buffers that the device has.
        in_flight: u16,
    },
    /// A used entry names a descriptor that the queue does not have.
    Id(u32),
    /// A used entry names a buffer that the device does not have: never posted, or given back
    /// already.
    NotPosted(u16),
    /// With `VIRTIO_F_IN_ORDER`: a batch of used buffers whose last one is not among them.
    Order(u16),
    /// More bytes written than the buffer has.
    Length {
        /// Bytes that the device says it wrote.
        written: u32,
        /// Bytes that there are.
        room: u32,
    },
    /// A packet received without its header, of that many bytes.
    NoHeader(u32),
    /// A packet received in more buffers than can be, or in none (section 5.1.6.4).
    Buffers(u16),
}

impl Fault {
    /// The fault in a word, for messages that have room for no more.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index { .. } => "used index out of range",
            Self::Id(_) => "used id out of range",
            Self::NotPosted(_) => "used id that was not posted",
            Self::Order(_) => "used out of order",
            Self::Length { .. } => "length past the buffer",
            Self::NoHeader(_) => "packet without header",
            Self::Buffers(_) => "number of buffers that cannot be",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Index { moved, in_flight } => write!(
                f,
                "the used index moved by {moved} with {in_flight} buffers in the queue"
            ),
            Self::Id(id) => write!(f, "descriptor {id} was used, and there is none such"),
            Self::NotPosted(id) => {
                write!(f, "buffer {id} was used, and the device did not have it")
            }
            Self::Order(id) => write!(f, "buffer {id} was used out of order"),
            Self::Length { written, room } => {
                write!(f, "{written} bytes were written to a buffer of {room}")
            }
            Self::NoHeader(written) => {
                write!(f, "a packet of {written} bytes has no room for its header")
            }
            Self::Buffers(count) => write!(f, "a packet is in {count} buffers"),
        }
    }
}

impl core::error::Error for Fault {}

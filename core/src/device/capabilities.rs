//! What a device can do, and what can go wrong when it is opened.

use core::fmt;
use core::time::Duration;

use bitflags::bitflags;

bitflags! {
    /// What a device does beyond moving bytes.
    ///
    /// ```
    /// use linecard::device::Features;
    /// let features = Features::RX_CHECKSUM | Features::RX_HASH;
    /// assert!(features.contains(Features::RX_HASH));
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Features: u32 {
        /// Received packets carry a checksum verdict.
        const RX_CHECKSUM = 1 << 0;
        /// Received packets may come with their layer-4 checksum left to the device: the sender
        /// is on the same machine. They are marked
        /// [`L4_DOUBTFUL`](crate::packet::Offloads::L4_DOUBTFUL).
        const RX_UNFINISHED = 1 << 1;
        /// Received packets carry a hash.
        const RX_HASH = 1 << 2;
        /// A VLAN tag is taken off received packets.
        const RX_VLAN_STRIP = 1 << 3;
        /// Packets may arrive in several frames.
        const RX_CHAINED = 1 << 4;
        /// The device finishes layer-4 checksums that are asked for. Without it the transmit
        /// queue does, at the price of summing up the packet.
        const TX_CHECKSUM = 1 << 8;
        /// The device puts on VLAN tags that are asked for. Without it the transmit queue may do so, or
        /// count such packets as unsupported.
        const TX_VLAN = 1 << 9;
        /// Packets in several frames can be sent.
        const TX_CHAINED = 1 << 10;
        /// The device reads and writes frames itself: no copy is made on the way.
        const ZERO_COPY = 1 << 16;
    }
}

/// What a device can do.
///
/// ```
/// use linecard::device::Capabilities;
/// assert_eq!(Capabilities::default().queues, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What it does beyond moving bytes.
    pub features: Features,
    /// Queue pairs that can be opened.
    pub queues: u16,
    /// Packets that a transmit queue holds at most.
    pub tx_depth: u32,
    /// Packets that a receive queue holds at most.
    pub rx_depth: u32,
    /// The longest frame in bytes that it takes, from the Ethernet header, without the FCS.
    pub max_frame: usize,
}

impl Default for Capabilities {
    /// One queue of 1,024 each way, frames of 1,514 bytes, and nothing more.
    fn default() -> Self {
        Self {
            features: Features::empty(),
            queues: 1,
            tx_depth: 1024,
            rx_depth: 1024,
            max_frame: 1514,
        }
    }
}

/// The state of a link.
///
/// ```
/// use linecard::device::Link;
/// assert!(Link::Up { mbits: Some(10_000) }.is_up());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// No carrier, or switched off.
    Down,
    /// Up.
    Up {
        /// Its speed in Mbit/s, if the device says.
        mbits: Option<u32>,
    },
}

impl Link {
    /// Whether packets can be sent.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// Why a queue could not be opened or reset.
///
/// ```
/// use linecard::device::DeviceError;
/// assert_eq!(DeviceError::NoSuchQueue(4).to_string(), "the device has no queue 4");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// The device has no such queue.
    NoSuchQueue(u16),
    /// The queue is open already.
    QueueTaken(u16),
    /// The pool has too few free frames for the device to begin.
    TooFewFrames {
        /// Frames wanted.
        wanted: usize,
        /// Frames there.
        free: usize,
    },
    /// The pool's frames do not suit the device, as this says.
    Unsuitable(&'static str),
    /// The pool has no account left for the queue.
    TooManyAccounts,
    /// The device is gone.
    Gone,
    /// The device cannot be used, or did not do what it was asked, as this says.
    Refused(&'static str),
    /// The device did not do what it must in this time.
    TimedOut(Duration),
    /// The operating system refused: what was asked, and its error number.
    System {
        /// What was asked.
        call: &'static str,
        /// The system's error number (`errno`).
        errno: i32,
    },
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchQueue(queue) => write!(f, "the device has no queue {queue}"),
            Self::QueueTaken(queue) => write!(f, "queue {queue} is taken"),
            Self::TooFewFrames { wanted, free } => {
                write!(
                    f,
                    "the device needs {wanted} frames to begin, the pool has {free} free"
                )
            }
            Self::Unsuitable(why) => write!(f, "the pool does not suit the device: {why}"),
            Self::TooManyAccounts => f.write_str("the pool has no account left for the queue"),
            Self::Gone => f.write_str("the device is gone"),
            Self::Refused(why) => write!(f, "the device cannot be used: {why}"),
            Self::TimedOut(after) => write!(f, "the device did not answer within {after:?}"),
            Self::System { call, errno } => write!(f, "{call} failed with error {errno}"),
        }
    }
}

impl core::error::Error for DeviceError {}

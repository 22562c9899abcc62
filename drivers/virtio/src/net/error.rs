//! Why a device could not be set up.

use core::fmt;
use core::time::Duration;

use linecard::device::DeviceError;
use linecard::mempool::PoolError;
use linecard::platform::DmaError;

use crate::queue::Fault;
use crate::{Features, TransportError};

/// Why a device could not be set up, or does not do what it was asked.
///
/// ```
/// use linecard_virtio::{Features, net::NetError};
/// let error = NetError::Missing(Features::RING_PACKED | Features::MAC);
/// assert_eq!(error.to_string(), "the device does not offer MAC, RING_PACKED");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetError {
    /// The device is of another type (VIRTIO 1.2, section 5).
    NotNetwork(u32),
    /// It does not offer `VIRTIO_F_VERSION_1`: it is a legacy device.
    Legacy,
    /// It does not offer what was required, or not what that needs in turn.
    Missing(Features),
    /// It did not agree to these features.
    Refused(Features),
    /// It broke down, and says that it must be reset.
    NeedsReset,
    /// It has this many queues, and needs more for what was negotiated.
    TooFewQueues {
        /// Queues there are.
        has: u16,
        /// Queues needed.
        needs: u16,
    },
    /// It has so many queue pairs, which cannot be: none, or more than 32,768.
    QueuePairs(u16),
    /// Its MTU is under the 68 bytes of section 5.1.4.1.
    Mtu(u16),
    /// A packet of its MTU fits no frame of the pool, and it does not merge buffers, or not so many.
    MtuOverFrame {
        /// The device's MTU in bytes.
        mtu: u16,
        /// Bytes that can be received, Ethernet header included.
        room: usize,
    },
    /// It hashes with keys, or into tables, of that length, which are too short.
    HashConfig {
        /// The longest key in bytes.
        key: u8,
        /// The longest table.
        table: u16,
    },
    /// The queue would have fewer descriptors than a burst.
    QueueTooSmall {
        /// The queue.
        queue: u16,
        /// Descriptors that it can have.
        size: u16,
    },
    /// The device cannot reach the pool's memory: the `Dma` does not cover it.
    Unreachable,
    /// A port of this device exists already.
    Taken,
    /// What was asked needs this feature, which was not negotiated.
    NotNegotiated(Features),
    /// The device refused a command: class and command (section 5.1.6.5).
    Command {
        /// The class.
        class: u8,
        /// The command.
        command: u8,
    },
    /// The device broke the rules of the control queue.
    Control(Fault),
    /// There is no memory for the rings.
    Dma(DmaError),
    /// The transport.
    Transport(TransportError),
    /// The pool.
    Pool(PoolError),
}

impl From<TransportError> for NetError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<DmaError> for NetError {
    fn from(error: DmaError) -> Self {
        Self::Dma(error)
    }
}

impl From<PoolError> for NetError {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<NetError> for DeviceError {
    /// What the interface of all devices has a name for.
    fn from(error: NetError) -> Self {
        match error {
            NetError::Transport(TransportError::Gone) => Self::Gone,
            NetError::Transport(TransportError::TimedOut(_)) => Self::TimedOut(Duration::ZERO),
            NetError::Transport(TransportError::System { call, errno }) => {
                Self::System { call, errno }
            }
            NetError::Transport(_) => Self::Refused("the transport did not do what was asked"),
            NetError::Pool(PoolError::TooManyAccounts) => Self::TooManyAccounts,
            NetError::Unreachable => Self::Unsuitable("the device cannot reach its memory"),
            NetError::MtuOverFrame { .. } => Self::Unsuitable("a packet of the MTU fits no frame"),
            NetError::NotNetwork(_) => Self::Refused("it is no network device"),
            NetError::Legacy => Self::Refused("it is a legacy device"),
            NetError::Missing(_) => Self::Refused("it lacks a required feature"),
            NetError::Refused(_) => Self::Refused("it did not agree to the features"),
            NetError::NeedsReset => Self::Refused("it broke down"),
            NetError::Control(fault) => Self::Refused(fault.name()),
            NetError::Command { .. } => Self::Refused("a command failed"),
            NetError::Dma(_) => Self::Refused("there is no memory for its rings"),
            _ => Self::Refused("its configuration cannot be used"),
        }
    }
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotNetwork(id) => write!(f, "the device is of type {id}, no network device"),
            Self::Legacy => f.write_str("the device is a legacy one, without VERSION_1"),
            Self::Missing(features) => names(f, "the device does not offer ", features),
            Self::Refused(features) => names(f, "the device does not agree to ", features),
            Self::NeedsReset => f.write_str("the device broke down and must be reset"),
            Self::TooFewQueues { has, needs } => {
                write!(f, "the device has {has} queues, where {needs} are needed")
            }
            Self::QueuePairs(pairs) => write!(f, "the device says it has {pairs} queue pairs"),
            Self::Mtu(mtu) => write!(f, "the device says its MTU is {mtu}"),
            Self::MtuOverFrame { mtu, room } => write!(
                f,
                "the device's MTU is {mtu}, and the frames that a packet can be in have room for \
                 {room} bytes"
            ),
            Self::HashConfig { key, table } => write!(
                f,
                "the device hashes with keys of {key} bytes into tables of {table}"
            ),
            Self::QueueTooSmall { queue, size } => {
                write!(f, "queue {queue} has only {size} descriptors")
            }
            Self::Unreachable => f.write_str("the device cannot reach the pool's memory"),
            Self::Taken => f.write_str("there is a port of this device already"),
            Self::NotNegotiated(features) => names(f, "not negotiated: ", features),
            Self::Command { class, command } => {
                write!(f, "the device refused command {command} of class {class}")
            }
            Self::Control(fault) => write!(f, "on the control queue: {fault}"),
            Self::Dma(error) => error.fmt(f),
            Self::Transport(error) => error.fmt(f),
            Self::Pool(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for NetError {}

fn names(f: &mut fmt::Formatter<'_>, before: &str, features: Features) -> fmt::Result {
    f.write_str(before)?;
    for (place, (name, _)) in features.iter_names().enumerate() {
        f.write_str(if place == 0 { "" } else { ", " })?;
        f.write_str(name)?;
    }
    let rest = features - Features::all_named();
    if !rest.is_empty() {
        write!(f, " and bits {:#x}", rest.bits())?;
    }
    Ok(())
}

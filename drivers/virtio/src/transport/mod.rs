//! How a device is reached: what PCI, MMIO, vhost-user or a transport of one's own implements.
//!
//! ```text
//!   Net ----- Transport ----- status, features, configuration, queues      (set-up, now and then)
//!    |
//!   NetTx --- Doorbell ------ "there are buffers"               (at most once a burst)
//! ```
//!
//! A [`Transport`] is the device as its driver sees it while it sets it up (VIRTIO 1.2, section 3.1);
//! enabling a queue gives its [`Doorbell`], which moves to the thread that polls the queue. The
//! rings themselves are memory ([`QueueMemory`]) and no matter of the transport's.
//!
//! [`Pci`] and [`Mmio`] are those of bare metal, over registers that a [`Window`] reaches.

mod mmio;
mod pci;
mod window;

use core::fmt;

use linecard::mempool::DeviceAddress;

pub use mmio::{Mmio, MmioDoorbell};
pub use pci::{Pci, PciDoorbell, PciFunction};
pub use window::{Mapped, Window};

use crate::Status;

/// A device, by whatever bus it is reached.
///
/// The driver calls it from one thread at a time, and never in a burst. Registers and messages are
/// the device's, so nothing that they say is believed before the driver has checked it.
///
/// Each method may wait for the device, but only for a bounded time; then it gives
/// [`TransportError::TimedOut`].
///
/// # Safety
///
/// The driver gives the device addresses of memory that it may read and write, and takes them to be
/// untouched once [`reset`](Self::reset) or [`reset_queue`](Self::reset_queue) have answered `Ok`.
/// An implementer sees to it that then
///
/// - the device, if it keeps to the specification, has stopped reading and writing the memory of
///   the queues, and of the buffers in them;
/// - what the device wrote before is visible to this thread.
///
/// [`enable_queue`](Self::enable_queue) hands exactly the memory that it is given to the device, as
/// that queue's.
///
/// ```
/// use linecard_virtio::{Doorbell, QueueMemory, Status, Transport, TransportError};
///
/// /// A device that offers nothing, and keeps its status.
/// struct Absent(Status);
///
/// struct NoBell;
/// impl Doorbell for NoBell {
///     fn ring(&self, _value: u32) {}
/// }
///
/// // SAFETY: there is no device that could touch any memory.
/// unsafe impl Transport for Absent {
///     type Doorbell = NoBell;
///     fn device_id(&mut self) -> u32 { 1 }
///     fn is_gone(&mut self) -> bool { false }
///     fn reset(&mut self) -> Result<(), TransportError> { self.0 = Status::empty(); Ok(()) }
///     fn status(&mut self) -> Status { self.0 }
///     fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
///         self.0 = status;
///         Ok(())
///     }
///     fn device_features(&mut self) -> u64 { 0 }
///     fn set_driver_features(&mut self, _: u64) -> Result<(), TransportError> { Ok(()) }
///     fn config_generation(&mut self) -> u32 { 0 }
///     fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
///         Err(TransportError::ConfigOutOfRange { offset, len: out.len() })
///     }
///     fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
///         Err(TransportError::ConfigOutOfRange { offset, len: bytes.len() })
///     }
///     fn queues(&mut self) -> u16 { 0 }
///     fn max_queue_size(&mut self, _: u16) -> u16 { 0 }
///     fn enable_queue(&mut self, queue: u16, _: &QueueMemory) -> Result<NoBell, TransportError> {
///         Err(TransportError::NoSuchQueue(queue))
///     }
///     fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
///         Err(TransportError::NoSuchQueue(queue))
///     }
/// }
/// assert_eq!(Absent(Status::empty()).status(), Status::empty());
/// ```
pub unsafe trait Transport: Send {
    /// What tells the device about one queue.
    type Doorbell: Doorbell;

    /// How often the driver [pauses](Self::pause) for the answer to a command before it gives it
    /// up. With the default pause that is about a second.
    const PATIENCE: u32 = 20_000_000;

    /// The device's type (VIRTIO 1.2, section 5): 1 is a network device.
    fn device_id(&mut self) -> u32;

    /// Whether the device is gone for good: unplugged, or its other end closed for ever.
    fn is_gone(&mut self) -> bool;

    /// Resets the device, and waits until its status reads 0 (section 2.4).
    ///
    /// # Errors
    ///
    /// [`TransportError::TimedOut`], or that the device is gone, which is as good as reset if the
    /// device can then touch no memory.
    fn reset(&mut self) -> Result<(), TransportError>;

    /// The device's status.
    fn status(&mut self) -> Status;

    /// Writes the status, in which bits are only ever added between resets.
    ///
    /// # Errors
    ///
    /// That of the transport.
    fn set_status(&mut self, status: Status) -> Result<(), TransportError>;

    /// The features that the device offers, as [`Features`](crate::Features) names them.
    fn device_features(&mut self) -> u64;

    /// Writes the features that the driver accepts.
    ///
    /// # Errors
    ///
    /// That of the transport. Whether the device agrees is seen in its status afterwards.
    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError>;

    /// The configuration's generation: reads between which it stayed the same belong together
    /// (section 2.5.1). Constant where the transport has none.
    fn config_generation(&mut self) -> u32;

    /// Reads from the device's configuration space, from byte `offset`; fields of 2, 4 and 8 bytes
    /// that lie in `out` whole are read at once where the transport can.
    ///
    /// # Errors
    ///
    /// [`TransportError::ConfigOutOfRange`] past what the device has.
    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError>;

    /// Writes to the device's configuration space, from byte `offset`.
    ///
    /// # Errors
    ///
    /// [`TransportError::ConfigOutOfRange`] past what the device has.
    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError>;

    /// How many queues there are.
    fn queues(&mut self) -> u16;

    /// Queue pairs that a network device uses as soon as they are enabled, where there is no control
    /// queue by which to say how many are to be used (`VIRTIO_NET_F_MQ`). None of most transports.
    fn pairs(&mut self) -> Option<u16> {
        None
    }

    /// Descriptors that a queue can have at most, a power of two up to 32,768 on split rings; 0 if
    /// there is no such queue.
    fn max_queue_size(&mut self, queue: u16) -> u16;

    /// Tells the device where a queue's memory is, and to use it from now on.
    ///
    /// The memory is zeroed but for what the driver has written, and stays where it is until the
    /// device, or this queue, was reset.
    ///
    /// # Errors
    ///
    /// [`TransportError::NoSuchQueue`], [`TransportError::QueueSize`],
    /// [`TransportError::QueueBusy`].
    fn enable_queue(
        &mut self,
        queue: u16,
        memory: &QueueMemory,
    ) -> Result<Self::Doorbell, TransportError>;

    /// Resets one queue, and waits until the device has let go of it (`VIRTIO_F_RING_RESET`,
    /// section 2.6.1). Only called when that was negotiated.
    ///
    /// # Errors
    ///
    /// [`TransportError::NoSuchQueue`], [`TransportError::TimedOut`],
    /// [`TransportError::Unsupported`].
    fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError>;

    /// Waits a moment for the device, between two looks at a ring or a register.
    fn pause(&mut self) {
        core::hint::spin_loop();
    }
}

/// Tells the device about one queue. It belongs to the thread that polls the queue.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use linecard_virtio::Doorbell;
///
/// struct Bell(AtomicU32);
/// impl Doorbell for Bell {
///     fn ring(&self, value: u32) { self.0.store(value, Ordering::Release) }
/// }
/// let bell = Bell(AtomicU32::new(0));
/// bell.ring(3);
/// assert_eq!(bell.0.into_inner(), 3);
/// ```
pub trait Doorbell: Send {
    /// There are new buffers in the queue. `value` is the queue's number in the lower 16 bits, and
    /// with `VIRTIO_F_NOTIFICATION_DATA` how far it has come in the upper (section 2.9).
    ///
    /// It neither waits nor fails: a device that cannot be told is found to be gone elsewhere.
    /// Everything that the program wrote to memory before is visible to the device that is told.
    fn ring(&self, value: u32);
}

/// Where a queue's rings are.
///
/// ```
/// use linecard::mempool::DeviceAddress;
/// use linecard_virtio::QueueMemory;
/// let memory = QueueMemory {
///     size: 256,
///     packed: false,
///     start: 0,
///     descriptors: DeviceAddress(0x1000),
///     driver: DeviceAddress(0x2000),
///     device: DeviceAddress(0x3000),
/// };
/// assert_eq!(memory.size, 256);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueMemory {
    /// Descriptors.
    pub size: u16,
    /// Whether the ring is packed.
    pub packed: bool,
    /// Where both sides begin. Split: the available and used index, 0 on transports that cannot
    /// carry another. Packed: bits 0 to 14 the offset, bit 15 the wrap counter; 0x8000 likewise.
    pub start: u16,
    /// The descriptor table (split) or ring (packed).
    pub descriptors: DeviceAddress,
    /// The available ring (split) or the driver's event suppression structure (packed).
    pub driver: DeviceAddress,
    /// The used ring (split) or the device's event suppression structure (packed).
    pub device: DeviceAddress,
}

/// Why the transport could not do what was asked.
///
/// ```
/// use linecard_virtio::TransportError;
/// let error = TransportError::QueueSize { queue: 2, size: 512, most: 256 };
/// assert_eq!(error.to_string(), "queue 2 takes 256 descriptors at most, not 512");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// The device is gone, and touches no memory any more.
    Gone,
    /// The device did not do this within the time that it has.
    TimedOut(&'static str),
    /// There is no such queue.
    NoSuchQueue(u16),
    /// The queue cannot have so many descriptors.
    QueueSize {
        /// The queue.
        queue: u16,
        /// Descriptors asked for.
        size: u16,
        /// What it takes at most.
        most: u16,
    },
    /// The queue is enabled already.
    QueueBusy(u16),
    /// The configuration space does not reach so far.
    ConfigOutOfRange {
        /// The first byte.
        offset: usize,
        /// Bytes wanted.
        len: usize,
    },
    /// The transport has no such thing, as this says.
    Unsupported(&'static str),
    /// What the device's registers or messages say cannot be, as this says.
    Malformed(&'static str),
    /// The operating system refused: what was asked, and its error number.
    System {
        /// What was asked.
        call: &'static str,
        /// The system's error number (`errno`).
        errno: i32,
    },
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Gone => f.write_str("the device is gone"),
            Self::TimedOut(what) => write!(f, "the device did not {what} in time"),
            Self::NoSuchQueue(queue) => write!(f, "the device has no queue {queue}"),
            Self::QueueSize { queue, size, most } => write!(
                f,
                "queue {queue} takes {most} descriptors at most, not {size}"
            ),
            Self::QueueBusy(queue) => write!(f, "queue {queue} is enabled already"),
            Self::ConfigOutOfRange { offset, len } => {
                write!(f, "the configuration has no {len} bytes from byte {offset}")
            }
            Self::Unsupported(what) => write!(f, "the transport has no {what}"),
            Self::Malformed(what) => write!(f, "the device is not well formed: {what}"),
            Self::System { call, errno } => write!(f, "{call} failed with error {errno}"),
        }
    }
}

impl core::error::Error for TransportError {}

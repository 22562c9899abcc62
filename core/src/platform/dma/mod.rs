//! Memory that devices read and write.
//!
//! Two kinds, with two answers to a device that does not see the processor's caches:
//!
//! - *rings* come from [`Dma::allocate`]. Driver and device write neighbouring entries of one cache
//!   line at the same time, which no write-back and no invalidation can keep apart; so this memory
//!   is coherent on every platform, mapped uncached where it has to be.
//! - *frames* are the pool's. They are on one side at a time, and [`Dma::sync_for_device`] and
//!   [`Dma::sync_for_cpu`] mark the moments at which they change sides.

mod address;
mod arena;
mod non_coherent;
mod region;

use core::fmt;
use core::ptr::NonNull;

pub use address::{DeviceAddress, DmaMap};
pub use arena::{Arena, Window};
pub use non_coherent::NonCoherent;
pub(crate) use region::REGION_ALIGN;
pub use region::Region;

/// Memory that devices read and write: rings, and the frames' addresses.
///
/// Everything takes `&self`, so one value serves all queues and cores; `&D` is a `Dma` too.
///
/// # What the caller may rely on
///
/// Memory from [`allocate`](Self::allocate) is zero, belongs to the caller alone until it goes to
/// [`free`](Self::free), and stays where it is for as long as the value it came from lives: a
/// driver keeps the `Dma`, or a borrow of it, beside what it allocated.
///
/// # Safety
///
/// The implementer promises, for the devices that the value was made for:
/// - what `allocate` gives is readable and writable for `len` bytes from `at`, aligned in both
///   views, zeroed, overlaps nothing else that is in use, and stays so until it is freed or the
///   value is dropped (a copy of a handle such as `&D` does not count as the value);
/// - it is contiguous for the device from `device` on, and coherent: what one side writes the other
///   sees without [`sync_for_device`](Self::sync_for_device);
/// - [`device_address`](Self::device_address) gives an address by which the device reaches just
///   the `len` bytes at `at`, or `None`;
/// - the two `sync` calls change no byte of memory and fault on no address: what the value does not
///   cover they leave alone.
///
/// Whether the addresses are true for a device is for those to promise who bring the two together:
/// a driver's constructor that takes a device's registers is unsafe and says so.
///
/// ```
/// use linecard::platform::Region;
/// use linecard::platform::{Arena, Dma};
/// let mut memory = vec![0u8; 8192];
/// let arena = Arena::new(Region::from_slice(&mut memory));
/// let ring = arena.allocate(1024, 64)?;
/// assert_eq!(arena.device_address(ring.at, ring.len), Some(ring.device));
/// // SAFETY: `arena` gave it, and it is used no more.
/// unsafe { arena.free(ring) };
/// # Ok::<(), linecard::platform::DmaError>(())
/// ```
pub unsafe trait Dma: Sync {
    /// Whether the device sees the processor's caches, so that `sync` does nothing and a driver may
    /// skip the loops that would call it.
    const COHERENT: bool;

    /// Zeroed memory for rings: `len` bytes, contiguous for the device, `align` a power of two that
    /// holds for both addresses.
    ///
    /// # Errors
    /// Which bound failed.
    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError>;

    /// Gives back what [`allocate`](Self::allocate) gave.
    ///
    /// # Safety
    ///
    /// `buffer` came from `allocate` of this value and was not freed since; nobody, no device
    /// either, accesses it any more.
    unsafe fn free(&self, buffer: DmaBuffer);

    /// The device's address of the `len` bytes at `at`, a frame's or a ring's; `None` if they are
    /// not covered or not contiguous for the device.
    fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress>;

    /// Before a device reads what the processor wrote, or is given memory to write: cached lines
    /// are written back.
    ///
    /// Also wanted before a receive buffer is posted: a dirty line evicted later would fall on
    /// what the device wrote.
    fn sync_for_device(&self, at: NonNull<u8>, len: usize);

    /// Before the processor reads what a device wrote: cached lines are dropped.
    fn sync_for_cpu(&self, at: NonNull<u8>, len: usize);
}

// SAFETY: every duty is passed to `D`, whose implementer has it; a borrow of the value keeps it.
unsafe impl<D: Dma + ?Sized> Dma for &D {
    const COHERENT: bool = D::COHERENT;

    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
        (**self).allocate(len, align)
    }

    unsafe fn free(&self, buffer: DmaBuffer) {
        // SAFETY: the caller promises for this handle what `D` asks for the value behind it.
        unsafe { (**self).free(buffer) }
    }

    #[inline]
    fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
        (**self).device_address(at, len)
    }

    #[inline]
    fn sync_for_device(&self, at: NonNull<u8>, len: usize) {
        (**self).sync_for_device(at, len);
    }

    #[inline]
    fn sync_for_cpu(&self, at: NonNull<u8>, len: usize) {
        (**self).sync_for_cpu(at, len);
    }
}

/// Memory from [`Dma::allocate`], to be given back to the same [`Dma::free`].
///
/// It owns nothing by type: dropping it frees nothing, and it is neither `Copy` nor `Clone` so that
/// it is freed once.
///
/// ```
/// use linecard::platform::Region;
/// use linecard::platform::{Arena, Dma};
/// let mut memory = vec![0u8; 4096];
/// let arena = Arena::new(Region::from_slice(&mut memory));
/// let buffer = arena.allocate(100, 16)?;
/// assert_eq!((buffer.len, buffer.device.0 % 16), (100, 0));
/// # Ok::<(), linecard::platform::DmaError>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct DmaBuffer {
    /// The first byte, as the program addresses it.
    pub at: NonNull<u8>,
    /// The first byte, as the device addresses it.
    pub device: DeviceAddress,
    /// How many bytes.
    pub len: usize,
}

// SAFETY: it is an address and a length; who may access the memory is said by `Dma`, whose
// `allocate` gives it to one caller alone, on whatever thread that caller then is.
unsafe impl Send for DmaBuffer {}

/// Why there is no memory for a ring.
///
/// ```
/// use linecard::platform::Region;
/// use linecard::platform::{Arena, Dma, DmaError};
/// let mut memory = vec![0u8; 128];
/// let arena = Arena::new(Region::from_slice(&mut memory));
/// assert_eq!(arena.allocate(64, 3), Err(DmaError::Alignment { align: 3 }));
/// assert!(matches!(arena.allocate(4096, 64), Err(DmaError::Exhausted { wanted: 4096, .. })));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DmaError {
    /// The alignment is no power of two.
    Alignment {
        /// What was asked for.
        align: usize,
    },
    /// A ring has at least one byte.
    Empty,
    /// There is not so much left.
    Exhausted {
        /// Bytes asked for.
        wanted: usize,
        /// Bytes left, before any is lost to alignment.
        left: usize,
    },
    /// There is, but for the device it is not contiguous or not aligned.
    NotContiguous {
        /// Bytes asked for.
        wanted: usize,
    },
}

impl fmt::Display for DmaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alignment { align } => write!(f, "an alignment of {align} is no power of two"),
            Self::Empty => f.write_str("a ring of no bytes was asked for"),
            Self::Exhausted { wanted, left } => {
                write!(f, "{wanted} bytes of device memory wanted, {left} are left")
            }
            Self::NotContiguous { wanted } => {
                write!(
                    f,
                    "no {wanted} bytes that are contiguous and aligned for the device"
                )
            }
        }
    }
}

impl core::error::Error for DmaError {}

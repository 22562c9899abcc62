//! The memory of this process, as a fake device reaches it.

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::{alloc_zeroed, dealloc};

use linecard::platform::{DeviceAddress, Dma, DmaBuffer, DmaError};

use crate::queue::device::GuestMemory;

/// The memory of this process, from the heap; devices use its own addresses.
///
/// ```
/// use linecard::platform::Dma;
/// use linecard_virtio::fake::HostMemory;
/// let ring = HostMemory.allocate(4096, 64)?;
/// assert_eq!(HostMemory.device_address(ring.at, 4096), Some(ring.device));
/// # Ok::<(), linecard::platform::DmaError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HostMemory;

// SAFETY: `allocate` is the heap's, zeroed; addresses are the program's own, which is how the fake
// device reaches them, in the same process and through the same caches.
unsafe impl Dma for HostMemory {
    const COHERENT: bool = true;

    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
        if len == 0 {
            return Err(DmaError::Empty);
        }
        let layout =
            Layout::from_size_align(len, align).map_err(|_| DmaError::Alignment { align })?;
        // SAFETY: the layout has bytes: looked at above.
        let at = unsafe { alloc_zeroed(layout) };
        let at = NonNull::new(at).ok_or(DmaError::Exhausted {
            wanted: len,
            left: 0,
        })?;
        Ok(DmaBuffer {
            at,
            device: DeviceAddress(at.expose_provenance().get() as u64),
            len,
        })
    }

    unsafe fn free(&self, buffer: DmaBuffer) {
        // Everything that this crate asks for is aligned to a cache line.
        if let Ok(layout) = Layout::from_size_align(buffer.len, 64) {
            // SAFETY: it came from `allocate` with this size, and is freed once (the caller's
            // promise).
            unsafe { dealloc(buffer.at.as_ptr(), layout) };
        }
    }

    fn device_address(&self, at: NonNull<u8>, _: usize) -> Option<DeviceAddress> {
        Some(DeviceAddress(at.expose_provenance().get() as u64))
    }

    fn sync_for_device(&self, _: NonNull<u8>, _: usize) {}

    fn sync_for_cpu(&self, _: NonNull<u8>, _: usize) {}
}

/// The guest of a fake device: this program, which is trusted to give true addresses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest;

// SAFETY: the driver under test gives addresses of its rings and frames alone, which stay where they
// are until the device was reset (`Transport`'s contract); it is trusted to, as it runs in the same
// process.
unsafe impl GuestMemory for Guest {
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
        address.checked_add(len as u64)?;
        let at = core::num::NonZeroUsize::new(usize::try_from(address).ok()?)?;
        Some(NonNull::with_exposed_provenance(at))
    }
}

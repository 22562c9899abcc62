//! Frames for devices that do not see the processor's caches.

use core::ptr::NonNull;

use super::{DeviceAddress, Dma, DmaBuffer, DmaError};
use crate::platform::CacheMaintenance;

/// A [`Dma`] with real cache maintenance around one without.
///
/// Rings and addresses come from the inner one. Its rings must lie in memory that the port mapped
/// uncached (see [`Dma::allocate`]); its frames may be cached, and are written back and dropped
/// here, all lines that they touch. Frames should therefore begin and end on cache lines, as those
/// of a [`Pool`](crate::mempool::Pool) do: a line that a frame shares with something else is
/// written back before it is dropped, so that nothing of the processor's is lost, but what the
/// device wrote to it is.
///
/// ```
/// use linecard::platform::{Arena, CacheMaintenance, Dma, NonCoherent, Region};
/// let mut memory = vec![0u8; 8192];
/// let arena = Arena::new(Region::from_slice(&mut memory));
/// let frame = arena.allocate(2048, 64)?; // stands in for a frame
/// let dma = NonCoherent::new(&arena, CacheMaintenance::detect());
/// assert!(!NonCoherent::<&Arena>::COHERENT);
/// dma.sync_for_device(frame.at, 60); // then the device may read it
/// dma.sync_for_cpu(frame.at, 2048); // and when it wrote it, we may
/// # Ok::<(), linecard::platform::DmaError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct NonCoherent<D> {
    inner: D,
    cache: CacheMaintenance,
}

impl<D: Dma> NonCoherent<D> {
    /// Maintains the cache for the frames that `inner` covers, with these instructions.
    pub const fn new(inner: D, cache: CacheMaintenance) -> Self {
        Self { inner, cache }
    }

    /// The instructions used.
    pub const fn cache(&self) -> CacheMaintenance {
        self.cache
    }

    /// Whether the bytes are mapped: what the inner one gives an address of is.
    #[inline]
    fn covers(&self, at: NonNull<u8>, len: usize) -> bool {
        len != 0 && self.inner.device_address(at, len).is_some()
    }
}

// SAFETY: memory and addresses are the inner one's, whose implementer promises them; the two `sync`
// calls change no byte, and touch only what the inner one covers, which is mapped.
unsafe impl<D: Dma> Dma for NonCoherent<D> {
    const COHERENT: bool = false;

    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
        self.inner.allocate(len, align)
    }

    unsafe fn free(&self, buffer: DmaBuffer) {
        // SAFETY: `allocate` passes on what the inner one gave, so what the caller promises of
        // this value holds for the inner one.
        unsafe { self.inner.free(buffer) }
    }

    #[inline]
    fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
        self.inner.device_address(at, len)
    }

    #[inline]
    fn sync_for_device(&self, at: NonNull<u8>, len: usize) {
        if self.covers(at, len) {
            // SAFETY: the inner `Dma` covers the bytes, which by its contract are mapped.
            unsafe { self.cache.write_back(at, len) };
        }
    }

    #[inline]
    fn sync_for_cpu(&self, at: NonNull<u8>, len: usize) {
        if self.covers(at, len) {
            // SAFETY: as above.
            unsafe { self.cache.invalidate(at, len) };
        }
    }
}

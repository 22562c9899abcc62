//! The pool's frames, as a device finds them.

use core::ptr::NonNull;

use linecard::mempool::{FrameIndex, Pool};
use linecard::platform::Dma;

use super::NetError;

/// From frames to device addresses: one addition where the pool's region is contiguous for the
/// device, which it is but for paged maps.
#[derive(Debug)]
pub(super) struct Frames<'p, 'd, D> {
    pool: &'p Pool<'p>,
    dma: &'d D,
    /// The device's address of the first frame, if the others follow it.
    linear: Option<u64>,
    /// The exponent, to base 2, of the bytes from one frame to the next.
    shift: u32,
}

impl<D> Clone for Frames<'_, '_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Frames<'_, '_, D> {}

impl<'p, 'd, D: Dma> Frames<'p, 'd, D> {
    /// # Errors
    ///
    /// [`NetError::Unreachable`] if the device cannot be told the address of every frame.
    pub(super) fn new(pool: &'p Pool<'p>, dma: &'d D) -> Result<Self, NetError> {
        let whole = dma.device_address(pool.base(), pool.region_len());
        let frames = Self {
            pool,
            dma,
            linear: whole.map(|address| address.0),
            shift: pool.frame_size().trailing_zeros(),
        };
        let reached = |index| frames.address(FrameIndex(index), 0, pool.frame_size());
        if frames.linear.is_none()
            && (0..pool.frames() as u32).any(|index| reached(index).is_none())
        {
            return Err(NetError::Unreachable);
        }
        Ok(frames)
    }

    pub(super) const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// The device's address of `len` bytes of a frame. `None` cannot be for a frame of the pool and
    /// bytes inside it.
    #[inline(always)]
    pub(super) fn address(&self, frame: FrameIndex, offset: usize, len: usize) -> Option<u64> {
        match self.linear {
            Some(base) => Some(
                base.wrapping_add(u64::from(frame.0) << self.shift)
                    .wrapping_add(offset as u64),
            ),
            None => self.one_by_one(frame, offset, len),
        }
    }

    /// The frame and the offset in it of a byte of the pool's region.
    #[inline(always)]
    pub(super) const fn place(&self, at: usize) -> (FrameIndex, usize) {
        // A pool has fewer frames than 2^28.
        let index = (at >> self.shift) as u32;
        (FrameIndex(index), at & !(usize::MAX << self.shift))
    }

    /// The device's address of `len` bytes, inside a frame, `at` bytes from the region's start.
    #[inline(always)]
    pub(super) fn address_at(&self, at: usize, len: usize) -> Option<u64> {
        match self.linear {
            Some(base) => Some(base.wrapping_add(at as u64)),
            None => {
                let (frame, offset) = self.place(at);
                self.one_by_one(frame, offset, len)
            }
        }
    }

    /// Hands bytes of a frame to the device, to read or to write.
    #[inline(always)]
    pub(super) fn hand_over(&self, frame: FrameIndex, offset: usize, len: usize) {
        if !D::COHERENT
            && let Some(start) = self.pool.frame_start(frame)
        {
            self.dma.sync_for_device(within(start, offset), len);
        }
    }

    /// Takes bytes of a frame back that the device wrote.
    #[inline(always)]
    pub(super) fn take_over(&self, frame: FrameIndex, offset: usize, len: usize) {
        if !D::COHERENT
            && let Some(start) = self.pool.frame_start(frame)
        {
            self.dma.sync_for_cpu(within(start, offset), len);
        }
    }

    /// Asks for the cache line at `offset` of a frame. Any will do: it is a hint.
    #[inline(always)]
    pub(super) fn prefetch(&self, frame: FrameIndex, offset: usize) {
        let offset = ((frame.0 as usize) << self.shift).wrapping_add(offset);
        linecard::platform::prefetch_read(within(self.pool.base(), offset));
    }

    #[cold]
    fn one_by_one(&self, frame: FrameIndex, offset: usize, len: usize) -> Option<u64> {
        let start = self.pool.frame_start(frame)?;
        let address = self.dma.device_address(within(start, offset), len)?;
        Some(address.0)
    }
}

/// The address `offset` bytes behind `start`, which nobody follows here.
#[inline(always)]
fn within(start: NonNull<u8>, offset: usize) -> NonNull<u8> {
    start.map_addr(|at| at.saturating_add(offset))
}

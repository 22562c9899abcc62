//! Rings cut from memory that the caller provides.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::{DeviceAddress, Dma, DmaBuffer, DmaError, DmaMap, Region};
use crate::sync::atomic::{AtomicU64, Ordering};

/// A bump allocator over a [`Region`]: lock-free, without a heap, for devices that see the
/// processor's caches.
///
/// Memory is handed out from the region's start upwards. What is freed comes back when it was the
/// last handed out, or when nothing is out any more: a driver that frees its queues in reverse, or
/// all of them, can start again for ever. It covers its own region and the
/// [windows](Self::with_windows) it is told of, such as a pool's.
///
/// ```
/// use linecard::platform::Region;
/// use linecard::platform::{Arena, Dma, DmaMap, Window};
/// let mut frames = vec![0u8; 64 * 1024];
/// let frames = Region::from_slice(&mut frames).with_dma(DmaMap::Linear(0x10_0000));
/// let windows = [Window::of(&frames)];
/// let mut rings = vec![0u8; 16 * 1024];
/// let arena = Arena::new(Region::from_slice(&mut rings)).with_windows(&windows);
/// let ring = arena.allocate(4096, 4096)?;
/// assert_eq!(ring.at.as_ptr() as usize % 4096, 0);
/// assert_eq!(arena.device_address(frames.base(), 2048).map(|a| a.0), Some(0x10_0000));
/// # Ok::<(), linecard::platform::DmaError>(())
/// ```
#[derive(Debug)]
pub struct Arena<'m> {
    memory: Window<'m>,
    windows: &'m [Window<'m>],
    /// How many buffers are out, above [`LIVE`], and how many bytes of the region are used, below.
    /// Both change in one compare-and-swap; Acquire and Release hand the bytes from who freed them
    /// to who gets them next.
    state: AtomicU64,
}

/// A stretch of memory that a device may be given addresses of.
///
/// ```
/// use linecard::platform::Region;
/// use linecard::platform::{DmaMap, Window};
/// let mut memory = vec![0u8; 4096];
/// let region = Region::from_slice(&mut memory).with_dma(DmaMap::Linear(0x8000));
/// let window = Window::of(&region);
/// assert_eq!(window.device_address(region.base(), 64).map(|a| a.0), Some(0x8000));
/// assert_eq!(window.device_address(region.base(), 4097), None);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Window<'m> {
    base: NonNull<u8>,
    len: usize,
    map: DmaMap<'m>,
    _memory: PhantomData<&'m ()>,
}

// SAFETY: a window is an address, a length and a shared map of plain numbers; it gives no access.
unsafe impl Send for Window<'_> {}
// SAFETY: as above.
unsafe impl Sync for Window<'_> {}

impl<'m> Window<'m> {
    /// The bytes of `region`, addressed by its map.
    pub const fn of(region: &Region<'m>) -> Self {
        Self {
            base: region.base(),
            len: region.len(),
            map: region.dma(),
            _memory: PhantomData,
        }
    }

    /// The device's address of the `len` bytes at `at`; `None` if not all of them are in the window
    /// or they are not contiguous for the device.
    #[inline]
    pub fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
        let offset = at.addr().get().checked_sub(self.base.addr().get())?;
        if offset.checked_add(len)? > self.len {
            return None;
        }
        let base = self.base.addr().get();
        let first = self.map.translate(base, offset)?;
        if let DmaMap::Paged { .. } = self.map
            && let Some(reach) = len.checked_sub(1)
        {
            // Pages that are neighbours for the program need not be for the device.
            for at in page_starts(&self.map, offset, reach) {
                let there = self.map.translate(base, at)?;
                if there.0.wrapping_sub(first.0) != (at.wrapping_sub(offset)) as u64 {
                    return None;
                }
            }
        }
        Some(first)
    }
}

impl<'m> Arena<'m> {
    /// An arena that hands out `region`, with the addresses that the region's map gives; of the
    /// region at most 2^40 bytes are used.
    pub fn new(region: Region<'m>) -> Self {
        let mut memory = Window::of(&region);
        memory.len = memory.len.min(USED as usize);
        Self {
            memory,
            windows: &[],
            state: AtomicU64::new(0),
        }
    }

    /// Covers these too: memory that is not handed out but that a device may be given, as frames.
    #[must_use]
    pub fn with_windows(mut self, windows: &'m [Window<'m>]) -> Self {
        self.windows = windows;
        self
    }

    /// Bytes that are used, those lost to alignment included.
    pub fn used(&self) -> usize {
        (self.state.load(Ordering::Relaxed) & USED) as usize
    }

    /// Buffers that were handed out and not freed.
    pub fn live(&self) -> usize {
        (self.state.load(Ordering::Relaxed) >> LIVE) as usize
    }

    /// The offset of `len` bytes at or after `used` that are aligned for both sides and contiguous
    /// for the device, and their address there.
    fn place(
        &self,
        used: usize,
        len: usize,
        align: usize,
    ) -> Result<(usize, DeviceAddress), DmaError> {
        let base = self.memory.base.addr().get();
        let mut from = used;
        loop {
            let start = base.wrapping_add(from).checked_next_multiple_of(align);
            let offset = start.map_or(usize::MAX, |start| start.wrapping_sub(base));
            if offset.saturating_add(len) > self.memory.len {
                return Err(if from == used {
                    let left = self.memory.len.saturating_sub(used);
                    DmaError::Exhausted { wanted: len, left }
                } else {
                    DmaError::NotContiguous { wanted: len }
                });
            }
            let device = self.memory.device_address(self.at(offset), len);
            if let Some(device) = device.filter(|at| at.0.is_multiple_of(align as u64)) {
                return Ok((offset, device));
            }
            // The device's pages may begin anew further on.
            let next = self.memory.map.next_page(from);
            from = next.ok_or(DmaError::NotContiguous { wanted: len })?;
        }
    }

    /// The byte at `offset`, which is at most the region's length.
    fn at(&self, offset: usize) -> NonNull<u8> {
        // SAFETY: callers check `offset` against `memory.len`; the region lies in one allocation
        // (`Region`'s constructors).
        unsafe { self.memory.base.add(offset) }
    }
}

// SAFETY: `allocate` gives each caller bytes of its own: the range from the mark it read to the
// one it wrote in one compare-and-swap, inside the region, which is the arena's alone for `'m`
// (`Region`). They are zeroed before they are handed out. A range is given again only after `free`
// moved the mark below it, which happens when it is the topmost or none is out. Addresses are those
// of the region's map; the arena is for devices that share the caches, so `sync` has nothing to do.
unsafe impl Dma for Arena<'_> {
    const COHERENT: bool = true;

    fn allocate(&self, len: usize, align: usize) -> Result<DmaBuffer, DmaError> {
        if !align.is_power_of_two() {
            return Err(DmaError::Alignment { align });
        }
        if len == 0 {
            return Err(DmaError::Empty);
        }
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            let used = (state & USED) as usize;
            let (offset, device) = self.place(used, len, align)?;
            if state >> LIVE == MOST_LIVE {
                return Err(DmaError::Exhausted {
                    wanted: len,
                    left: 0,
                });
            }
            let next = (((state >> LIVE) + 1) << LIVE) | (offset + len) as u64;
            match self
                .state
                .compare_exchange_weak(state, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    let at = self.at(offset);
                    // SAFETY: `place` found `len` bytes from `offset` inside the region, and the
                    // exchange made them this call's alone.
                    unsafe { at.write_bytes(0, len) };
                    return Ok(DmaBuffer { at, device, len });
                }
                Err(now) => state = now,
            }
        }
    }

    unsafe fn free(&self, buffer: DmaBuffer) {
        let offset = buffer
            .at
            .addr()
            .get()
            .wrapping_sub(self.memory.base.addr().get());
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            let live = (state >> LIVE).saturating_sub(1);
            let used = match state & USED {
                _ if live == 0 => 0,
                used if used == offset.wrapping_add(buffer.len) as u64 => offset as u64,
                used => used,
            };
            match self.state.compare_exchange_weak(
                state,
                (live << LIVE) | used,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    #[inline]
    fn device_address(&self, at: NonNull<u8>, len: usize) -> Option<DeviceAddress> {
        // The windows first: frames are asked for far more often than rings.
        for window in self.windows {
            if let Some(address) = window.device_address(at, len) {
                return Some(address);
            }
        }
        self.memory.device_address(at, len)
    }

    #[inline(always)]
    fn sync_for_device(&self, _: NonNull<u8>, _: usize) {}

    #[inline(always)]
    fn sync_for_cpu(&self, _: NonNull<u8>, _: usize) {}
}

/// The first offset of each page after the one of `offset`, up to the one of `offset + reach`.
fn page_starts(map: &DmaMap<'_>, offset: usize, reach: usize) -> impl Iterator<Item = usize> {
    let last = offset.saturating_add(reach);
    let next = map.next_page(offset);
    core::iter::successors(next, |&at| map.next_page(at)).take_while(move |&at| at <= last)
}

/// Where the count of buffers begins in the state.
const LIVE: u32 = 40;
/// The bits of the state that count bytes.
const USED: u64 = (1 << LIVE) - 1;
/// The most buffers that the state can count.
const MOST_LIVE: u64 = u64::MAX >> LIVE;

#[cfg(test)]
#[path = "arena_tests.rs"]
mod tests;

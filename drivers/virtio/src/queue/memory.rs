//! Access to the rings, which the device writes at any time.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::layout::Parts;

/// The memory of one queue: words that both sides read and write, reached by atomics alone.
///
/// Every access goes through [`offset`](Self::offset)s that are inside the memory whatever the
/// device says, so that the methods are safe.
#[derive(Debug)]
pub(super) struct RingMemory {
    at: NonNull<u8>,
    /// The last byte offset that may begin a word of 8 bytes.
    parts: Parts,
    size: u16,
}

// SAFETY: whoever makes one vouches that nobody but it and the device uses the memory
// (`RingMemory::new`), from whichever thread.
unsafe impl Send for RingMemory {}

impl RingMemory {
    /// The memory from `at`, which is zeroed. `None` for a size that cannot be.
    ///
    /// # Safety
    ///
    /// From `at`, aligned to [`Parts::ALIGN`], [`Parts::of`] this queue bytes are readable and
    /// writable for as long as this lives, and used by nobody but this and one device.
    pub(super) unsafe fn new(at: NonNull<u8>, size: u16, packed: bool) -> Option<Self> {
        let parts = Parts::of(size, packed)?;
        let memory = Self { at, parts, size };
        for offset in (0..parts.len).step_by(8) {
            memory.u64(offset).store(0, Ordering::Relaxed);
        }
        Some(memory)
    }

    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    /// The two halves of a descriptor, which are the same in both kinds of ring: the address, and
    /// the rest.
    ///
    /// # Safety
    ///
    /// `index` is below the size.
    #[inline(always)]
    pub(super) unsafe fn desc(&self, index: u16) -> (&AtomicU64, &AtomicU64) {
        debug_assert!(index < self.size);
        let at = usize::from(index) * 16;
        (self.u64(at), self.u64(at + 8))
    }

    /// Asks for the cache line of a descriptor, to be written. Any index will do: it is a hint.
    #[inline(always)]
    pub(super) fn prepare(&self, index: u16) {
        let at = self
            .at
            .map_addr(|at| at.saturating_add(usize::from(index) * 16));
        linecard::platform::prefetch_write(at);
    }

    /// A used entry of a split ring: id and length.
    ///
    /// # Safety
    ///
    /// `place` is below the size, and the ring is split.
    #[inline(always)]
    pub(super) unsafe fn used(&self, place: u16) -> (u32, u32) {
        debug_assert!(place < self.size);
        let at = self.parts.device + USED_RING + 8 * usize::from(place);
        // SAFETY: the entries are behind the header of the device's part, one for each place.
        let id = unsafe { self.at.add(at) };
        // SAFETY: as above; an entry has two words.
        let len = unsafe { id.add(4) };
        // SAFETY: the memory is readable while `self` lives (`new`), aligned to 4 because the parts
        // are to 64, and reached by atomics alone.
        let id = unsafe { AtomicU32::from_ptr(id.cast().as_ptr()) };
        // SAFETY: as above.
        let len = unsafe { AtomicU32::from_ptr(len.cast().as_ptr()) };
        let (id, len) = (id.load(Ordering::Relaxed), len.load(Ordering::Relaxed));
        (u32::from_le(id), u32::from_le(len))
    }

    /// A word of the driver's part; past it, the first one.
    #[inline(always)]
    pub(super) fn driver_u16(&self, offset: usize) -> &AtomicU16 {
        self.u16(self.parts.driver, offset, self.parts.device)
    }

    /// A word of the device's part; past it, the first one.
    #[inline(always)]
    pub(super) fn device_u16(&self, offset: usize) -> &AtomicU16 {
        self.u16(self.parts.device, offset, self.parts.len)
    }

    /// Two neighbouring words of the device's part, as one; past it, the first ones.
    #[inline(always)]
    pub(super) fn device_u32(&self, offset: usize) -> &AtomicU32 {
        let at = self.within(self.parts.device, offset, self.parts.len, 4);
        // SAFETY: `within` gives an offset that leaves 4 bytes inside the memory.
        let word = unsafe { self.at.add(at) };
        // SAFETY: the memory is readable and writable while `self` lives (`new`), aligned to 4
        // because `at` and the parts are to 64 and `within` rounds down, and reached by atomics alone.
        unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) }
    }

    #[inline(always)]
    fn u16(&self, part: usize, offset: usize, end: usize) -> &AtomicU16 {
        let at = self.within(part, offset, end, 2);
        // SAFETY: `within` gives an offset that leaves 2 bytes inside the memory.
        let word = unsafe { self.at.add(at) };
        // SAFETY: as in `device_u32`.
        unsafe { AtomicU16::from_ptr(word.cast().as_ptr()) }
    }

    #[inline(always)]
    fn u64(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= self.parts.len);
        // SAFETY: `offset` is a multiple of 8 below the length, itself a multiple of 64 (`new`), or
        // that of a descriptor below `size` (`desc`), whose table is the first part.
        let word = unsafe { self.at.add(offset) };
        // SAFETY: as in `device_u32`.
        unsafe { AtomicU64::from_ptr(word.cast().as_ptr()) }
    }

    /// The offset of an aligned word of `len` bytes, at `offset` from the start of a part, or at its
    /// start if it would not end in it.
    #[inline(always)]
    fn within(&self, part: usize, offset: usize, end: usize, len: usize) -> usize {
        let at = (part + offset) & !(len - 1);
        if at + len <= end { at } else { part }
    }
}

/// From the start of a used ring to its entries, in bytes.
pub(super) const USED_RING: usize = 4;

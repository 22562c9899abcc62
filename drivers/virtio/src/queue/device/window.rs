//! One ring in a guest's memory: every access is an atomic one of the field's own size, and
//! checked.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use linecard::platform::{prefetch_read, prefetch_write};

use super::{GuestFault, GuestMemory};

/// A stretch of a guest's memory, of known length and alignment.
///
/// Accesses outside of it read 0 and write nothing. Callers mask their indices, so that does not
/// happen; but it makes the rest of this module safe code.
#[derive(Debug)]
pub(super) struct Window {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the window is reached by atomics alone, from whichever thread; the memory belongs to the
// process (`GuestMemory`'s contract).
unsafe impl Send for Window {}

impl Window {
    /// `len` bytes at the guest's `address`, which must be a multiple of `align` here as there.
    ///
    /// # Safety
    ///
    /// The window is dropped before `memory` is.
    pub(super) unsafe fn new<M: GuestMemory>(
        memory: &M,
        address: u64,
        len: usize,
        align: usize,
    ) -> Result<Self, GuestFault> {
        let base = memory.translate(address, len).ok_or(GuestFault::Ring)?;
        if !base.addr().get().is_multiple_of(align) {
            return Err(GuestFault::Ring);
        }
        Ok(Self { base, len })
    }

    /// Asks the processor for the line of the field at `offset`, to be read.
    #[inline(always)]
    pub(super) fn prefetch_read(&self, offset: usize) {
        if let Some(at) = self.field::<u8>(offset) {
            prefetch_read(at);
        }
    }

    /// Asks the processor for the line of the field at `offset`, to be written.
    #[inline(always)]
    pub(super) fn prefetch_write(&self, offset: usize) {
        if let Some(at) = self.field::<u8>(offset) {
            prefetch_write(at);
        }
    }

    #[inline(always)]
    pub(super) fn read16(&self, offset: usize, order: Ordering) -> u16 {
        self.u16(offset).map_or(0, |cell| cell.load(order))
    }

    #[inline(always)]
    pub(super) fn write16(&self, offset: usize, value: u16, order: Ordering) {
        if let Some(cell) = self.u16(offset) {
            cell.store(value, order);
        }
    }

    #[inline(always)]
    pub(super) fn write32(&self, offset: usize, value: u32) {
        if let Some(cell) = self.u32(offset) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn read64(&self, offset: usize, order: Ordering) -> u64 {
        self.u64(offset).map_or(0, |cell| cell.load(order))
    }

    #[inline(always)]
    pub(super) fn write64(&self, offset: usize, value: u64, order: Ordering) {
        if let Some(cell) = self.u64(offset) {
            cell.store(value, order);
        }
    }

    #[inline(always)]
    fn u64(&self, offset: usize) -> Option<&AtomicU64> {
        let at = self.field::<AtomicU64>(offset)?;
        // SAFETY: `field` gave an aligned pointer to eight bytes of the window, which are mapped
        // and initialised (`GuestMemory`'s contract); concurrent writes are what atomics are for.
        Some(unsafe { at.as_ref() })
    }

    #[inline(always)]
    fn u16(&self, offset: usize) -> Option<&AtomicU16> {
        let at = self.field::<AtomicU16>(offset)?;
        // SAFETY: as in `u64`, for two bytes.
        Some(unsafe { at.as_ref() })
    }

    #[inline(always)]
    fn u32(&self, offset: usize) -> Option<&AtomicU32> {
        let at = self.field::<AtomicU32>(offset)?;
        // SAFETY: as in `u64`, for four bytes.
        Some(unsafe { at.as_ref() })
    }

    /// The place of a `T` at `offset`, if it is in the window and aligned.
    #[inline(always)]
    fn field<T>(&self, offset: usize) -> Option<NonNull<T>> {
        let end = offset.wrapping_add(size_of::<T>());
        if offset >= end || end > self.len {
            return None;
        }
        // SAFETY: `offset` is less than `len`, which lies in one allocation from `base`
        // (`GuestMemory`'s contract).
        let at = unsafe { self.base.add(offset) }.cast::<T>();
        at.is_aligned().then_some(at)
    }
}

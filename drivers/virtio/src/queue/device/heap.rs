//! A guest's memory on the heap, for tests.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU8, Ordering};
use std::boxed::Box;
use std::sync::Arc;

use super::{GuestMemory, Segment};

/// A guest's memory on the heap, of which tests can change any byte at any time. Clones are the
/// same memory.
///
/// ```
/// use linecard_virtio::queue::device::{GuestMemory, HeapGuest};
/// let guest = HeapGuest::new(0x1000, 64);
/// guest.poke(0x1003, &[7]);
/// assert_eq!(guest.peek::<2>(0x1002), Some([0, 7]));
/// assert!(guest.translate(0x1000, 65).is_none());
/// ```
#[derive(Debug, Clone)]
pub struct HeapGuest {
    base: u64,
    len: usize,
    lines: Arc<Box<[Line]>>,
}

/// Rings are aligned to 16 bytes.
#[derive(Debug)]
#[repr(C, align(16))]
struct Line([AtomicU8; 16]);

impl HeapGuest {
    /// `len` bytes of zeros at the guest's address `base`.
    #[must_use]
    pub fn new(base: u64, len: usize) -> Self {
        let line = |_| Line([const { AtomicU8::new(0) }; 16]);
        Self {
            base,
            len,
            lines: Arc::new((0..len.div_ceil(16)).map(line).collect()),
        }
    }

    /// Writes bytes at the guest's address, as far as they are in the memory.
    pub fn poke(&self, address: u64, bytes: &[u8]) {
        for (offset, &byte) in bytes.iter().enumerate() {
            if let Some(cell) = self.cell(address.wrapping_add(offset as u64)) {
                cell.store(byte, Ordering::Relaxed);
            }
        }
    }

    /// Reads bytes at the guest's address; `None` if not all are in the memory.
    #[must_use]
    pub fn peek<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let cell = self.cell(address.wrapping_add(offset as u64))?;
            *byte = cell.load(Ordering::Relaxed);
        }
        Some(bytes)
    }

    /// Whether a segment lies in this memory; if so, each byte of it is read, and written if it may
    /// be.
    #[must_use]
    pub fn touch(&self, segment: &Segment) -> bool {
        let base = self.lines.as_ptr().addr();
        let offset = segment.as_ptr().addr().get().wrapping_sub(base);
        if offset > self.len || segment.len() > self.len - offset {
            return false;
        }
        let mut copy = std::vec![0; segment.len()];
        // SAFETY: in this memory (above), which lives.
        let read = unsafe { segment.read(0, &mut copy) };
        // SAFETY: as above.
        let written = unsafe { segment.write(0, &copy) };
        read == copy.len() && written == if segment.is_writable() { read } else { 0 }
    }

    fn cell(&self, address: u64) -> Option<&AtomicU8> {
        let at = usize::try_from(address.checked_sub(self.base)?).ok()?;
        if at >= self.len {
            return None;
        }
        self.lines.get(at / 16)?.0.get(at % 16)
    }
}

// SAFETY: what is given lies in the box, which lives as long as any clone and does not move with
// it, is initialised, and is made of atomics, so that no reference forbids that it be written.
unsafe impl GuestMemory for HeapGuest {
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
        let at = usize::try_from(address.checked_sub(self.base)?).ok()?;
        if at.checked_add(len)? > self.len {
            return None;
        }
        let base = self.lines.as_ptr().cast::<u8>().cast_mut();
        NonNull::new(base.wrapping_add(at))
    }
}

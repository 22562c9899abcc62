//! A ring on plain memory, and the kernel's end of it.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::boxed::Box;

use super::Layout;

/// Memory of one ring, as the kernel would map it, and the kernel's end of it.
///
/// Held by raw pointers from `Box::leak`, so that ring and fake kernel may both use them.
pub(crate) struct Memory<T> {
    words: NonNull<[AtomicU32; 3]>,
    entries: NonNull<T>,
    size: u32,
}

impl<T: Copy + Default> Memory<T> {
    /// A ring of `size` entries whose counters both stand at `start`.
    pub(crate) fn new(size: u32, start: u32) -> Self {
        let words = [start, start, 0].map(AtomicU32::new);
        let entries: Box<[T]> = vec![T::default(); size as usize].into_boxed_slice();
        Self {
            words: NonNull::from(Box::leak(Box::new(words))),
            entries: NonNull::from(Box::leak(entries)).cast(),
            size,
        }
    }

    /// The words: producer's counter, consumer's counter, flags.
    pub(crate) fn words(&self) -> &[AtomicU32; 3] {
        // SAFETY: leaked in `new`, freed only in `drop`.
        unsafe { self.words.as_ref() }
    }

    /// The program's end. It is used no longer than `self` lives, and made once.
    pub(crate) fn layout(&self) -> Layout<T> {
        let word = |index: usize| NonNull::from(&self.words()[index]);
        // SAFETY: the parts are of `new`'s two allocations, which live as long as `self`; tests use
        // a ring no longer than its memory, and one side only.
        unsafe { Layout::new(word(0), word(1), word(2), self.entries, self.size) }
    }

    /// The kernel produces one entry, if there is room.
    pub(crate) fn give(&self, value: T) -> bool {
        let [producer, consumer, _] = self.words();
        let head = producer.load(Ordering::Relaxed);
        if head.wrapping_sub(consumer.load(Ordering::Acquire)) == self.size {
            return false;
        }
        // SAFETY: in bounds, and the entry is the kernel's until `producer` moves.
        unsafe { self.entry(head).write_volatile(value) };
        producer.store(head.wrapping_add(1), Ordering::Release);
        true
    }

    /// The kernel consumes one entry, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        let [producer, consumer, _] = self.words();
        let tail = consumer.load(Ordering::Relaxed);
        if producer.load(Ordering::Acquire) == tail {
            return None;
        }
        // SAFETY: in bounds, and the entry is the kernel's until `consumer` moves.
        let value = unsafe { self.entry(tail).read_volatile() };
        consumer.store(tail.wrapping_add(1), Ordering::Release);
        Some(value)
    }

    fn entry(&self, position: u32) -> NonNull<T> {
        // SAFETY: masked to the size of the allocation.
        unsafe { self.entries.add((position & (self.size - 1)) as usize) }
    }
}

impl<T> Drop for Memory<T> {
    fn drop(&mut self) {
        // SAFETY: leaked from a `Box` in `new`, dropped once.
        drop(unsafe { Box::from_raw(self.words.as_ptr()) });
        let entries =
            core::ptr::slice_from_raw_parts_mut(self.entries.as_ptr(), self.size as usize);
        // SAFETY: leaked from a boxed slice of this length in `new`, dropped once.
        drop(unsafe { Box::from_raw(entries) });
    }
}

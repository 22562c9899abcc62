//! The side that reads entries: of the receive and the completion ring.

use core::sync::atomic::Ordering;

use super::Layout;

/// Reads entries of the kernel's.
#[derive(Debug)]
pub(crate) struct Consumer<T> {
    ring: Layout<T>,
    /// The kernel's counter as last seen and believed.
    head: u32,
    /// Counter of entries read; the shared word follows on [`release`](Consumer::release).
    tail: u32,
    broken: bool,
}

impl<T: Copy> Consumer<T> {
    /// The consuming side of a ring, from wherever its counters stand.
    pub(crate) fn new(ring: Layout<T>) -> Self {
        let tail = ring.consumer().load(Ordering::Relaxed);
        Self {
            ring,
            head: tail,
            tail,
            broken: false,
        }
    }

    /// Entries to read; looks at the kernel's counter only when there are fewer than `wanted`.
    #[inline]
    pub(crate) fn available(&mut self, wanted: u32) -> u32 {
        let known = self.head.wrapping_sub(self.tail);
        if known >= wanted {
            return known;
        }
        let head = self.ring.producer().load(Ordering::Acquire);
        // The kernel may only move on, and not past a full ring.
        let new = head.wrapping_sub(self.tail);
        if new >= known && new <= self.ring.size() {
            self.head = head;
        } else {
            self.broken = true;
        }
        self.head.wrapping_sub(self.tail)
    }

    /// Reads one entry, whose place the kernel gets back on the next
    /// [`release`](Consumer::release).
    ///
    /// It is [there](Self::available), as the caller has seen; otherwise some old entry is read.
    #[inline]
    pub(crate) fn pop(&mut self) -> T {
        debug_assert!(self.head != self.tail);
        let value = self.ring.read(self.tail);
        self.tail = self.tail.wrapping_add(1);
        value
    }

    /// Gives the kernel back the places of every entry read so far.
    pub(crate) fn release(&mut self) {
        self.ring.consumer().store(self.tail, Ordering::Release);
    }

    /// Whether the kernel's counter was ever one that it cannot have.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

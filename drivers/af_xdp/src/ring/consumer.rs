//! The side that reads entries: of the receive and the completion ring.

use core::sync::atomic::Ordering;

use linecard::platform::prefetch_read;

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

    /// Reads `count` entries, up to the first that `each` minds, that one included; the kernel gets their
    /// places back on the next [`release`](Consumer::release).
    ///
    /// They are [there](Self::available), as the caller has seen; otherwise some old entries are read.
    #[inline(always)]
    pub(crate) fn pop_while(&mut self, count: u32, mut each: impl FnMut(T) -> bool) {
        debug_assert!(self.head.wrapping_sub(self.tail) >= count);
        // Out of memory while it counts: what `each` writes may be anywhere.
        let mut tail = self.tail;
        for _ in 0..count {
            let value = self.ring.read(tail);
            tail = tail.wrapping_add(1);
            if !each(value) {
                break;
            }
        }
        self.tail = tail;
    }

    /// Asks for the cache lines of the next `count` entries, which the kernel wrote on another processor:
    /// all at once, and not each when it is needed.
    #[inline]
    pub(crate) fn ask_ahead(&self, count: u32) {
        self.ring.ask_ahead(self.tail, count, prefetch_read);
    }

    /// Reads one entry.
    #[cfg(test)]
    pub(crate) fn pop(&mut self) -> T {
        let mut value = None;
        self.pop_while(1, |entry| value.replace(entry).is_none());
        value.expect("one was read")
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

//! The side that writes entries: of the fill and the transmit ring.

use core::sync::atomic::Ordering;

use linecard::platform::prefetch_write;

use super::Layout;

/// Writes entries for the kernel.
#[derive(Debug)]
pub(crate) struct Producer<T> {
    ring: Layout<T>,
    /// Counter of entries written; the shared word follows on [`publish`](Producer::publish).
    head: u32,
    /// The kernel's counter as last seen and believed.
    tail: u32,
    broken: bool,
}

impl<T: Copy> Producer<T> {
    /// The producing side of a ring, from wherever its counters stand.
    pub(crate) fn new(ring: Layout<T>) -> Self {
        let head = ring.producer().load(Ordering::Relaxed);
        let tail = ring.consumer().load(Ordering::Acquire);
        let broken = head.wrapping_sub(tail) > ring.size();
        Self {
            ring,
            head,
            tail: if broken { head } else { tail },
            broken,
        }
    }

    /// Room for entries; looks at the kernel's counter only when there is less than `wanted`.
    #[inline]
    pub(crate) fn room(&mut self, wanted: u32) -> u32 {
        let known = self
            .ring
            .size()
            .wrapping_sub(self.head.wrapping_sub(self.tail));
        if known >= wanted {
            return known;
        }
        self.ring.size().wrapping_sub(self.held())
    }

    /// Entries that the kernel has not taken yet, published or not.
    pub(crate) fn held(&mut self) -> u32 {
        let tail = self.ring.consumer().load(Ordering::Acquire);
        // The kernel may only move on, and not past what was published: the new distance is never
        // larger than the old one.
        let (old, new) = (
            self.head.wrapping_sub(self.tail),
            self.head.wrapping_sub(tail),
        );
        if new <= old {
            self.tail = tail;
        } else {
            self.broken = true;
        }
        self.head.wrapping_sub(self.tail)
    }

    /// Writes one entry, which the kernel sees after the next [`publish`](Producer::publish).
    ///
    /// There is [room](Self::room), as the caller has seen; otherwise an entry that the kernel has
    /// not taken yet is overwritten.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        debug_assert!(self.head.wrapping_sub(self.tail) < self.ring.size());
        self.ring.write(self.head, value);
        self.head = self.head.wrapping_add(1);
    }

    /// Writes entries one by one, as [`push`](Self::push), with the counter out of memory meanwhile.
    #[inline(always)]
    pub(crate) fn writer(&mut self) -> Writer<'_, T> {
        Writer {
            head: self.head,
            producer: self,
        }
    }

    /// Asks for the cache lines of the next `count` places, which the kernel read on another processor.
    #[inline]
    pub(crate) fn ask_ahead(&self, count: u32) {
        self.ring.ask_ahead(self.head, count, prefetch_write);
    }

    /// Shows the kernel every entry written so far.
    pub(crate) fn publish(&mut self) {
        self.ring.producer().store(self.head, Ordering::Release);
    }

    /// Whether the kernel sleeps and wants a system call to look at this ring.
    ///
    /// Asked after [`publish`](Producer::publish) and a sequentially consistent fence: the kernel
    /// sets the flag and then looks at the ring once more, so either it sees the entries or the
    /// program sees the flag.
    pub(crate) fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }

    /// Whether the kernel's counter was ever one that it cannot have.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }
}

/// Writes a burst of entries; dropped, it leaves the counter to its [`Producer`].
pub(crate) struct Writer<'a, T> {
    producer: &'a mut Producer<T>,
    head: u32,
}

impl<T: Copy> Writer<'_, T> {
    /// As [`Producer::push`].
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        debug_assert!(self.head.wrapping_sub(self.producer.tail) < self.producer.ring.size());
        self.producer.ring.write(self.head, value);
        self.head = self.head.wrapping_add(1);
    }
}

impl<T> Drop for Writer<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.producer.head = self.head;
    }
}

//! Taking items out one by one, and giving their slots back all at once.

use core::{fmt, iter::FusedIterator};

use super::Consumer;

/// Items on their way out of a ring, from [`Consumer::drain`].
///
/// The slots are given back when it is dropped, all at once; what it was not asked for is still in the ring
/// then. One that is forgotten (`mem::forget`) leaks what it could have yielded, and its slots
/// come back with the consumer's next operation.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 4>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// producer.enqueue_from(0..4);
/// let mut drain = consumer.drain(3);
/// assert_eq!(drain.len(), 3);
/// assert_eq!(drain.next(), Some(0));
/// assert_eq!(producer.room(), 0);
/// drop(drain);
/// assert_eq!(producer.room(), 1);
/// ```
pub struct Drain<'h, 'r, T> {
    consumer: &'h mut Consumer<'r, T>,
    next: usize,
    left: usize,
}

impl<'h, 'r, T> Drain<'h, 'r, T> {
    /// `count` is at most the number of items held.
    #[inline]
    pub(super) fn new(consumer: &'h mut Consumer<'r, T>, count: usize) -> Self {
        let next = consumer.head();
        // As if all were taken already: a drain that is forgotten cannot lead to a second use of an
        // item. `drop` puts back what was not.
        consumer.set_head(next.wrapping_add(count));
        Self {
            consumer,
            next,
            left: count,
        }
    }
}

impl<T> Iterator for Drain<'_, '_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: at least one item was left, at `next`, which the consumer held when the drain
        // began and has counted as taken; `next` moves past it.
        let item = unsafe { self.consumer.slots().read(self.next) };
        self.next = self.next.wrapping_add(1);
        Some(item)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Drain<'_, '_, T> {}

impl<T> FusedIterator for Drain<'_, '_, T> {}

impl<T> Drop for Drain<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.set_head(self.next);
        self.consumer.publish();
    }
}

impl<T> fmt::Debug for Drain<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.left).finish()
    }
}

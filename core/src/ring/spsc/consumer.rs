//! The side that takes items out.

use core::{fmt, hint::cold_path};

use super::{CONSUMER, Drain, Indices, PRODUCER};
use crate::{
    ring::{BulkError, Sink, pace::Wait, slots::Slots},
    sync::atomic::Ordering,
};

/// Takes items out of a ring. There is one, and its methods take `&mut self`: it can move to another
/// thread, but not be used on two.
///
/// ```
/// use linecard::ring::{BulkError, Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 8>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// producer.enqueue_from(1..=5);
///
/// let mut burst: heapless::Vec<u32, 4> = heapless::Vec::new();
/// assert_eq!(consumer.dequeue_bulk(&mut burst, 4), Ok(())); // all four, or none
/// assert_eq!(burst, [1, 2, 3, 4]);
/// assert_eq!(consumer.peek(), Some(&5));
/// assert_eq!(consumer.release(32), 1); // as many as there are
/// ```
#[repr(align(128))]
pub struct Consumer<'r, T> {
    /// The next item to take. Only this handle moves it.
    head: usize,
    /// The tail as last seen.
    tail: usize,
    slots: Slots<'r, T>,
    indices: &'r Indices,
    wait: Wait,
}

impl<'r, T> Consumer<'r, T> {
    pub(super) fn new(indices: &'r Indices, slots: Slots<'r, T>) -> Self {
        let head = indices.head.load(Ordering::Relaxed);
        Self {
            head,
            tail: indices.tail.load(Ordering::Acquire),
            slots,
            indices,
            wait: Wait::new(head, slots.capacity()),
        }
    }

    /// Takes one item out; `None` when the ring is empty. If items come one after the other, and faster
    /// here than there, it [waits](super#pace) a moment before it says so.
    #[inline]
    pub fn dequeue(&mut self) -> Option<T> {
        // As `held_of`, but the head is read once: behind the ordered load it would be read again.
        let head = self.head;
        if self.tail == head {
            // Acquire: the producer has written the items before this tail.
            self.tail = self.indices.tail.load(Ordering::Acquire);
            if self.tail == head {
                cold_path();
                let wait = self.wait.clone();
                (self.tail, self.wait) = wait.for_more(head, &self.indices.tail, head);
                if self.tail == head {
                    return None;
                }
            }
        }
        self.head = head.wrapping_add(1);
        // SAFETY: there is an item at `head`, and filled slots are the consumer's; its head has
        // moved past it.
        let item = unsafe { self.slots.read(head) };
        self.publish();
        Some(item)
    }

    /// Takes out exactly `count` items or none, in one copy.
    ///
    /// # Errors
    /// The ring holds fewer, or `out` has room for fewer; nothing has moved then.
    #[inline]
    pub fn dequeue_bulk<S>(&mut self, out: &mut S, count: usize) -> Result<(), BulkError>
    where
        S: Sink<T> + ?Sized,
    {
        let held = self.held_of(count);
        if held < count {
            return Err(BulkError::TooFew {
                wanted: count,
                held,
            });
        }
        let spare = out.spare().len();
        if spare < count {
            return Err(BulkError::NoSpare {
                wanted: count,
                spare,
            });
        }
        self.give_to(out, count);
        Ok(())
    }

    /// Takes out as many items as there are, as `out` has room for, and as `max` allows, in one copy, and
    /// says how many.
    #[inline]
    pub fn dequeue_burst<S>(&mut self, out: &mut S, max: usize) -> usize
    where
        S: Sink<T> + ?Sized,
    {
        let wanted = out.spare().len().min(max);
        let count = self.held_of(wanted).min(wanted);
        self.give_to(out, count);
        count
    }

    /// Takes out at most `max` items by iterating. Items that the iterator is not asked for stay in the
    /// ring; the slots of the others are free when it is dropped.
    ///
    /// ```
    /// use linecard::ring::{Inline, spsc::Ring};
    ///
    /// let mut ring = Ring::<Inline<String, 8>>::new();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.enqueue_from(["a".into(), "b".into(), "c".into()]);
    /// let taken: Vec<String> = consumer.drain(2).collect();
    /// assert_eq!(taken, ["a", "b"]);
    /// assert_eq!(consumer.dequeue().as_deref(), Some("c"));
    /// ```
    #[inline]
    pub fn drain(&mut self, max: usize) -> Drain<'_, 'r, T> {
        let count = self.held_of(max).min(max);
        Drain::new(self, count)
    }

    /// The next item, left in the ring.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        let (first, _) = self.peek_burst(1);
        first.first()
    }

    /// The next items, at most `max`, left in the ring: those up to the end of its memory, and those that go
    /// on at its start. To be done with some of them, [`release`](Self::release).
    #[inline]
    pub fn peek_burst(&mut self, max: usize) -> (&[T], &[T]) {
        let count = self.held_of(max).min(max);
        // SAFETY: `count` items are held from `head` on; filled slots are the consumer's, and
        // for as long as the result borrows `self` it does nothing else with them.
        unsafe { self.slots.items(self.head, count) }
    }

    /// As [`peek_burst`](Self::peek_burst), to change them in place.
    #[inline]
    pub fn peek_burst_mut(&mut self, max: usize) -> (&mut [T], &mut [T]) {
        let count = self.held_of(max).min(max);
        // SAFETY: as in `peek_burst`; `&mut self` is held by the result.
        unsafe { self.slots.items_mut(self.head, count) }
    }

    /// Drops the next `count` items in place, or as many as there are, and says how many.
    #[inline]
    pub fn release(&mut self, count: usize) -> usize {
        let count = self.held_of(count).min(count);
        let first = self.head;
        // Before they are dropped: should a drop panic, the rest is leaked and none used again.
        self.head = first.wrapping_add(count);
        // SAFETY: `count` items were held from `first` on; `head` has moved past them.
        unsafe { self.slots.drop_items(first, count) };
        self.publish();
        count
    }

    /// Counts the next `count` items as taken: [`release`](Self::release) for who has moved them out of
    /// what [`peek_burst`](Self::peek_burst) gave.
    ///
    /// # Safety
    /// The ring holds that many, and the caller has become the owner of them.
    #[inline]
    pub(crate) unsafe fn assume_taken(&mut self, count: usize) {
        self.head = self.head.wrapping_add(count);
        self.publish();
    }

    /// How many items are there to take at this moment; more once the producer goes on.
    #[inline]
    pub fn len(&mut self) -> usize {
        self.held_of(usize::MAX)
    }

    /// Whether there is nothing to take at this moment.
    #[inline]
    pub fn is_empty(&mut self) -> bool {
        self.held_of(1) == 0
    }

    /// How many items fit into the ring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the producer is gone. Look into the ring once more after this has become true:
    /// only then is *empty* the end.
    ///
    /// ```
    /// use linecard::ring::{Inline, spsc::Ring};
    ///
    /// let mut ring = Ring::<Inline<u32, 8>>::new();
    /// let (mut producer, mut consumer) = ring.split();
    /// producer.enqueue(1).unwrap();
    /// assert!(!consumer.is_abandoned());
    /// drop(producer);
    /// assert!(consumer.is_abandoned());
    /// assert_eq!(consumer.dequeue(), Some(1));
    /// ```
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.indices.has_left(PRODUCER)
    }

    /// Items to take: `wanted` or more if there are as many, else all there are. Looks at the
    /// producer's counter only when what was seen of it last is not enough.
    #[inline]
    fn held_of(&mut self, wanted: usize) -> usize {
        let held = self.tail.wrapping_sub(self.head);
        if held >= wanted {
            return held;
        }
        // Acquire: the producer has written the items before this tail.
        self.tail = self.indices.tail.load(Ordering::Acquire);
        self.tail.wrapping_sub(self.head)
    }

    /// Moves the next `count` items to `out`, which has room.
    #[inline]
    fn give_to<S>(&mut self, out: &mut S, count: usize)
    where
        S: Sink<T> + ?Sized,
    {
        let to = out.spare().cast::<T>();
        // SAFETY: the callers have checked `count` against the items held, so that these slots
        // are filled and ours, and against the room at `to`. That is not the ring's memory: a
        // filled slot is lent out by nothing but `peek_burst_mut`, which would hold `self`.
        // `head` moves past the items below.
        unsafe { self.slots.copy_out(self.head, to, count) };
        self.head = self.head.wrapping_add(count);
        self.publish();
        // SAFETY: the first `count` places of `spare` were just filled.
        unsafe { out.filled(count) };
    }

    #[inline]
    pub(super) fn slots(&self) -> Slots<'r, T> {
        self.slots
    }

    /// The next item to take.
    #[inline]
    pub(super) fn head(&self) -> usize {
        self.head
    }

    /// Moves on to `head`: what lies before is taken, now or by whoever calls this.
    #[inline]
    pub(super) fn set_head(&mut self, head: usize) {
        self.head = head;
    }

    /// Hands the slots before the head back to the producer.
    #[inline]
    pub(super) fn publish(&mut self) {
        // Release: the items are out before the producer sees their slots free.
        self.indices.head.store(self.head, Ordering::Release);
    }
}

impl<T> Drop for Consumer<'_, T> {
    fn drop(&mut self) {
        // What a forgotten `Drain` may have taken is not published yet.
        self.publish();
        self.indices.leave(CONSUMER);
    }
}

// SAFETY: there is one consumer per ring; moving it moves the right to take items to another
// thread: `T: Send`. What it shares with the producer is atomic.
unsafe impl<T: Send> Send for Consumer<'_, T> {}

impl<T> fmt::Debug for Consumer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("head", &self.head)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

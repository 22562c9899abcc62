//! The side that puts items in.

use core::{fmt, hint::cold_path};

use super::{CONSUMER, Indices, PRODUCER, Reservation};
use crate::{
    ring::{BulkError, Source, pace::Wait, slots::Slots},
    sync::atomic::Ordering,
};

/// Puts items into a ring. There is one, and its methods take `&mut self`: it can move to another
/// thread, but not be used on two.
///
/// It fills cache lines of its own, because its counters change with every operation: two handles
/// that lie side by side on one stack do not slow each other down.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 4>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// assert_eq!(producer.enqueue_bulk(&mut [1, 2, 3].as_slice()), Ok(())); // all, or none
/// let mut more: &[u32] = &[4, 5, 6];
/// assert_eq!(producer.enqueue_burst(&mut more), 1); // as many as fit
/// assert_eq!(producer.enqueue(5), Err(5));
/// assert_eq!(consumer.drain(32).collect::<Vec<_>>(), [1, 2, 3, 4]);
/// ```
#[repr(align(128))]
pub struct Producer<'r, T> {
    /// Where the next item goes. Only this handle moves it.
    tail: usize,
    /// Where it must stop: the head as last seen, plus the capacity.
    limit: usize,
    slots: Slots<'r, T>,
    indices: &'r Indices,
    wait: Wait,
}

impl<'r, T> Producer<'r, T> {
    pub(super) fn new(indices: &'r Indices, slots: Slots<'r, T>) -> Self {
        let head = indices.head.load(Ordering::Acquire);
        let tail = indices.tail.load(Ordering::Relaxed);
        Self {
            tail,
            limit: head.wrapping_add(slots.capacity()),
            slots,
            indices,
            wait: Wait::new(tail, slots.capacity()),
        }
    }

    /// Puts one item in, or gives it back when the ring is full. If items come one after the other, and
    /// faster here than there, it [waits](super#pace) a moment before it says so.
    ///
    /// # Errors
    /// The ring is full.
    #[inline]
    pub fn enqueue(&mut self, item: T) -> Result<(), T> {
        if self.room_for(1) == 0 {
            let capacity = self.slots.capacity();
            let full = self.tail.wrapping_sub(capacity);
            let wait = self.wait.clone();
            let (head, wait) = wait.for_more(self.tail, &self.indices.head, full);
            self.wait = wait;
            self.limit = head.wrapping_add(capacity);
            if self.limit == self.tail {
                return Err(item);
            }
        }
        // SAFETY: there is room, so `tail`'s slot is free; free slots are the producer's.
        unsafe { self.slots.write(self.tail, item) };
        self.publish(1);
        Ok(())
    }

    /// Puts in all of `items` or none, in one copy.
    ///
    /// # Errors
    /// There is not room for all; nothing has moved then.
    #[inline]
    pub fn enqueue_bulk<S>(&mut self, items: &mut S) -> Result<(), BulkError>
    where
        S: Source<T> + ?Sized,
    {
        let wanted = items.items().len();
        let room = self.room_for(wanted);
        if room < wanted {
            return Err(BulkError::NoRoom { wanted, room });
        }
        self.take_from(items, wanted);
        Ok(())
    }

    /// Puts in as many of `items` as fit, from the front and in one copy, and says how many. The
    /// rest stays with the caller.
    #[inline]
    pub fn enqueue_burst<S>(&mut self, items: &mut S) -> usize
    where
        S: Source<T> + ?Sized,
    {
        let wanted = items.items().len();
        let count = self.room_for(wanted).min(wanted);
        self.take_from(items, count);
        count
    }

    /// Puts in what `items` yields for as long as there is room, and says how many that were. No
    /// item is taken that does not fit.
    ///
    /// ```
    /// use linecard::ring::{Inline, spsc::Ring};
    ///
    /// let mut ring = Ring::<Inline<u32, 4>>::new();
    /// let (mut producer, _consumer) = ring.split();
    /// let mut numbers = 10..20;
    /// assert_eq!(producer.enqueue_from(&mut numbers), 4);
    /// assert_eq!(numbers.next(), Some(14));
    /// ```
    #[inline]
    pub fn enqueue_from<I>(&mut self, items: I) -> usize
    where
        I: IntoIterator<Item = T>,
    {
        let mut reservation = self.reserve_burst(usize::MAX);
        reservation.fill(items);
        reservation.commit()
    }

    /// Takes hold of exactly `count` free slots, to write them in place.
    ///
    /// # Errors
    /// There are fewer.
    #[inline]
    pub fn reserve_bulk(&mut self, count: usize) -> Result<Reservation<'_, 'r, T>, BulkError> {
        let room = self.room_for(count);
        if room < count {
            return Err(BulkError::NoRoom {
                wanted: count,
                room,
            });
        }
        Ok(Reservation::new(self, count))
    }

    /// Takes hold of at most `count` free slots, to write them in place; possibly of none.
    #[inline]
    pub fn reserve_burst(&mut self, count: usize) -> Reservation<'_, 'r, T> {
        let count = self.room_for(count).min(count);
        Reservation::new(self, count)
    }

    /// How many items fit at this moment; more once the consumer goes on.
    #[inline]
    pub fn room(&mut self) -> usize {
        self.room_for(usize::MAX)
    }

    /// Whether nothing fits at this moment.
    #[inline]
    pub fn is_full(&mut self) -> bool {
        self.room_for(1) == 0
    }

    /// How many items fit into the empty ring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the consumer is gone: what is put in now stays until the ring is dropped or split again.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.indices.has_left(CONSUMER)
    }

    /// Free slots: `wanted` or more if there are as many, else all there are. Looks at the consumer's
    /// counter only when what was seen of it last is not enough.
    #[inline]
    fn room_for(&mut self, wanted: usize) -> usize {
        let room = self.limit.wrapping_sub(self.tail);
        if room >= wanted {
            return room;
        }
        cold_path();
        // Acquire: the consumer has taken the items before this head; their slots are ours now.
        let head = self.indices.head.load(Ordering::Acquire);
        self.limit = head.wrapping_add(self.slots.capacity());
        self.limit.wrapping_sub(self.tail)
    }

    /// Moves the first `count` of `items`, for which there is room.
    #[inline]
    fn take_from<S>(&mut self, items: &mut S, count: usize)
    where
        S: Source<T> + ?Sized,
    {
        let from = items.items().as_ptr();
        // SAFETY: the callers have checked `count` against both the room, so that these slots
        // are free and ours and `count` is at most the capacity, and the items. Those lie in a
        // slice that is not the ring's: a free slot is lent out by nothing but a `Reservation`,
        // which would hold `self`. `taken` takes them from their owner.
        unsafe { self.slots.copy_in(self.tail, from, count) };
        // SAFETY: `count` is at most the number of items, and they were just moved out.
        unsafe { items.taken(count) };
        self.publish(count);
        self.ask_ahead(count);
    }

    /// Asks for the lines of the slots that the burst after the next few will fill, if it is as long as this one:
    /// they are on the consumer's core, which read them a lap ago, and each would be waited for.
    ///
    /// In a ring that is not much longer than that, they would be those that the consumer reads just then.
    /// (Where a longer one is nearly full they hold items, which nobody but this core has seen yet.)
    #[inline]
    fn ask_ahead(&self, count: usize) {
        let ahead = count.wrapping_mul(BURSTS_AHEAD);
        if ahead.wrapping_add(count) <= self.slots.capacity() / 2 {
            self.slots.ask_for(self.tail.wrapping_add(ahead), count);
        }
    }

    /// Where the next item goes.
    #[inline]
    pub(super) fn tail(&self) -> usize {
        self.tail
    }

    #[inline]
    pub(super) fn slots(&self) -> Slots<'r, T> {
        self.slots
    }

    /// Hands `count` slots behind the tail, which were filled, to the consumer.
    #[inline]
    pub(super) fn publish(&mut self, count: usize) {
        self.tail = self.tail.wrapping_add(count);
        // Release: the items are written before the consumer sees them counted.
        self.indices.tail.store(self.tail, Ordering::Release);
    }
}

impl<T> Drop for Producer<'_, T> {
    fn drop(&mut self) {
        self.indices.leave(PRODUCER);
    }
}

// SAFETY: there is one producer per ring; moving it moves the right to write free slots, and with
// them items, to another thread: `T: Send`. What it shares with the consumer is atomic.
unsafe impl<T: Send> Send for Producer<'_, T> {}

impl<T> fmt::Debug for Producer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("tail", &self.tail)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

/// So many bursts lie between the one that was written and the one whose lines are asked for. A line comes from
/// another core in 25 to 150 ns on Zen 5, in which a burst of 32 is written.
const BURSTS_AHEAD: usize = 3;

//! One of those who put items in.

use core::fmt;

use super::side::{Claim, Room, Seen, Side, Wish};
use crate::ring::{BulkError, Source, slots::Slots};

/// Puts items into a ring that others put items into as well. Clone it for each thread.
///
/// ```
/// use linecard::ring::{BulkError, Inline, mpmc::Ring};
///
/// let ring = Ring::<Inline<u32, 4>>::new();
/// let mut producer = ring.producer();
/// assert_eq!(producer.enqueue_bulk(&mut [1, 2, 3].as_slice()), Ok(())); // all, or none
/// assert_eq!(
///     producer.enqueue_bulk(&mut [4, 5].as_slice()),
///     Err(BulkError::NoRoom { wanted: 2, room: 1 })
/// );
/// let mut more: &[u32] = &[4, 5];
/// assert_eq!(producer.enqueue_burst(&mut more), 1); // as many as fit
/// assert_eq!(more, [5]);
/// ```
#[repr(align(128))]
pub struct Producer<'r, T> {
    seen: Seen,
    own: &'r Side,
    other: &'r Side,
    slots: Slots<'r, T>,
}

impl<'r, T> Producer<'r, T> {
    pub(super) fn new(own: &'r Side, other: &'r Side, slots: Slots<'r, T>) -> Self {
        own.join();
        Self {
            seen: other.seen(Self::room_in(slots)),
            own,
            other,
            slots,
        }
    }

    /// Puts one item in, or gives it back when the ring is full.
    ///
    /// # Errors
    /// The ring is full.
    // Always, so that a loop has the handle in registers: a compare-and-swap waits for every store before it.
    #[inline(always)]
    pub fn enqueue(&mut self, item: T) -> Result<(), T> {
        match self.claim(Wish::ONE) {
            Ok(claim) => {
                // SAFETY: the slot is free and claimed: it is ours.
                unsafe { self.slots.write(claim.first, item) };
                self.own.publish(claim);
                Ok(())
            }
            Err(_) => Err(item),
        }
    }

    /// Puts in all of `items` or none, in one copy, with no other thread's items between.
    ///
    /// # Errors
    /// There is not room for all; nothing has moved then.
    #[inline]
    pub fn enqueue_bulk<S>(&mut self, items: &mut S) -> Result<(), BulkError>
    where
        S: Source<T> + ?Sized,
    {
        let wanted = items.items().len();
        let claim = self
            .claim(Wish::bulk(wanted))
            .map_err(|room| BulkError::NoRoom { wanted, room })?;
        self.take_from(items, claim);
        Ok(())
    }

    /// Puts in as many of `items` as fit, from the front and in one copy, with no other thread's items
    /// between, and says how many. The rest stays with the caller.
    #[inline]
    pub fn enqueue_burst<S>(&mut self, items: &mut S) -> usize
    where
        S: Source<T> + ?Sized,
    {
        match self.claim(Wish::burst(items.items().len())) {
            Ok(claim) => {
                self.take_from(items, claim);
                claim.count
            }
            Err(_) => 0,
        }
    }

    /// How many items fit at this moment. Another producer may be faster.
    #[inline]
    pub fn room(&mut self) -> usize {
        let room = Self::room_in(self.slots);
        self.seen.usable_now(self.own, self.other, room)
    }

    /// Whether nothing fits at this moment.
    #[inline]
    pub fn is_full(&mut self) -> bool {
        self.room() == 0
    }

    /// How many items fit into the empty ring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether there is no consumer at this moment: none was made yet, or all are gone.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.other.is_empty()
    }

    /// What the ring's slots are to this side.
    #[inline]
    fn room_in(slots: Slots<'_, T>) -> Room {
        Room {
            lead: slots.capacity(),
            capacity: slots.capacity(),
        }
    }

    #[inline]
    fn claim(&mut self, wish: Wish) -> Result<Claim, usize> {
        let room = Self::room_in(self.slots);
        self.own.claim(self.other, &mut self.seen, room, wish)
    }

    /// Moves the first of `items` into the claimed slots.
    #[inline]
    fn take_from<S>(&mut self, items: &mut S, claim: Claim)
    where
        S: Source<T> + ?Sized,
    {
        let from = items.items().as_ptr();
        // SAFETY: the slots are free and claimed, so ours, and no more than the capacity; the
        // claim is for at most the number of items. These lie in a slice that is not the ring's,
        // which never lends out a free slot. `taken` takes them from their owner.
        unsafe { self.slots.copy_in(claim.first, from, claim.count) };
        self.own.publish(claim);
        // SAFETY: they were moved out above, and are no more than there were.
        unsafe { items.taken(claim.count) };
    }
}

impl<T> Clone for Producer<'_, T> {
    fn clone(&self) -> Self {
        self.own.join();
        Self {
            seen: self.seen.clone(),
            own: self.own,
            other: self.other,
            slots: self.slots,
        }
    }
}

impl<T> Drop for Producer<'_, T> {
    fn drop(&mut self) {
        self.own.leave();
    }
}

// SAFETY: moving a producer moves the right to claim slots, and with them items, to another
// thread: `T: Send`. What it shares with other handles is atomic.
unsafe impl<T: Send> Send for Producer<'_, T> {}

impl<T> fmt::Debug for Producer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

//! One of those who take items out.

use core::fmt;

use super::side::{Claim, Room, Seen, Side, Wish};
use crate::ring::{BulkError, Sink, slots::Slots};

/// Takes items out of a ring that others take items out of as well. Clone it for each thread.
///
/// ```
/// use linecard::ring::{BulkError, Inline, mpmc::Ring};
///
/// let ring = Ring::<Inline<u32, 8>>::new();
/// let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
/// producer.enqueue_bulk(&mut [1, 2, 3].as_slice()).unwrap();
///
/// let mut burst: heapless::Vec<u32, 32> = heapless::Vec::new();
/// assert_eq!(
///     consumer.dequeue_bulk(&mut burst, 4), // all four, or none
///     Err(BulkError::TooFew { wanted: 4, held: 3 })
/// );
/// assert_eq!(consumer.dequeue_burst(&mut burst, 32), 3); // as many as there are
/// assert_eq!(burst, [1, 2, 3]);
/// ```
#[repr(align(128))]
pub struct Consumer<'r, T> {
    seen: Seen,
    own: &'r Side,
    other: &'r Side,
    slots: Slots<'r, T>,
}

impl<'r, T> Consumer<'r, T> {
    pub(super) fn new(own: &'r Side, other: &'r Side, slots: Slots<'r, T>) -> Self {
        own.join();
        Self {
            seen: other.seen(Self::room_in(slots)),
            own,
            other,
            slots,
        }
    }

    /// Takes one item out; `None` when the ring is empty.
    // Always, so that a loop has the handle in registers: a compare-and-swap waits for every store before it.
    #[inline(always)]
    pub fn dequeue(&mut self) -> Option<T> {
        let claim = self.claim(Wish::ONE).ok()?;
        // SAFETY: the slot is filled and claimed: it is ours, and nobody claims it again.
        let item = unsafe { self.slots.read(claim.first) };
        self.own.publish(claim);
        Some(item)
    }

    /// Takes out exactly `count` items or none, in one copy; they lay in the ring one behind the
    /// other.
    ///
    /// # Errors
    /// The ring holds fewer, or `out` has room for fewer; nothing has moved then.
    #[inline]
    pub fn dequeue_bulk<S>(&mut self, out: &mut S, count: usize) -> Result<(), BulkError>
    where
        S: Sink<T> + ?Sized,
    {
        let spare = out.spare().len();
        if spare < count {
            return Err(BulkError::NoSpare {
                wanted: count,
                spare,
            });
        }
        let claim = self
            .claim(Wish::bulk(count))
            .map_err(|held| BulkError::TooFew {
                wanted: count,
                held,
            })?;
        self.give_to(out, claim);
        Ok(())
    }

    /// Takes out as many items as there are, as `out` has room for, and as `max` allows, in one copy, and
    /// says how many.
    #[inline]
    pub fn dequeue_burst<S>(&mut self, out: &mut S, max: usize) -> usize
    where
        S: Sink<T> + ?Sized,
    {
        match self.claim(Wish::burst(out.spare().len().min(max))) {
            Ok(claim) => {
                self.give_to(out, claim);
                claim.count
            }
            Err(_) => 0,
        }
    }

    /// How many items are there to take at this moment. Another consumer may be faster.
    #[inline]
    pub fn len(&mut self) -> usize {
        let room = Self::room_in(self.slots);
        self.seen.usable_now(self.own, self.other, room)
    }

    /// Whether there is nothing to take at this moment.
    #[inline]
    pub fn is_empty(&mut self) -> bool {
        self.len() == 0
    }

    /// How many items fit into the ring.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether there is no producer at this moment: none was made yet, or all are gone. Look into the ring
    /// once more after this has become true: only then is *empty* the end.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        self.other.is_empty()
    }

    /// What the ring's slots are to this side.
    #[inline]
    fn room_in(slots: Slots<'_, T>) -> Room {
        Room {
            lead: 0,
            capacity: slots.capacity(),
        }
    }

    #[inline]
    fn claim(&mut self, wish: Wish) -> Result<Claim, usize> {
        let room = Self::room_in(self.slots);
        self.own.claim(self.other, &mut self.seen, room, wish)
    }

    /// Moves the items of the claimed slots to `out`, which has room.
    #[inline]
    fn give_to<S>(&mut self, out: &mut S, claim: Claim)
    where
        S: Sink<T> + ?Sized,
    {
        let to = out.spare().cast::<T>();
        // SAFETY: the slots are filled and claimed, so ours, never claimed again, and no more
        // than the capacity; the callers claim at most as many as there is room for at `to`. That
        // is not the ring's memory, which it never lends out.
        unsafe { self.slots.copy_out(claim.first, to, claim.count) };
        self.own.publish(claim);
        // SAFETY: the first `count` places of `spare` were filled above.
        unsafe { out.filled(claim.count) };
    }
}

impl<T> Clone for Consumer<'_, T> {
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

impl<T> Drop for Consumer<'_, T> {
    fn drop(&mut self) {
        self.own.leave();
    }
}

// SAFETY: moving a consumer moves the right to claim items to another thread: `T: Send`. What it
// shares with other handles is atomic.
unsafe impl<T: Send> Send for Consumer<'_, T> {}

impl<T> fmt::Debug for Consumer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

//! Writing items in place.

use core::{fmt, mem::MaybeUninit};

use super::Producer;

/// Free slots that are being written, from [`Producer::reserve_bulk`] or [`Producer::reserve_burst`].
///
/// Nothing can be seen by the consumer before [`commit`](Self::commit), and then all at once. A
/// reservation that is dropped instead drops what was written and leaves the ring as it was.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 8>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// let mut slots = producer.reserve_bulk(3).unwrap();
/// slots.push(1).unwrap();
/// slots.fill([2, 3, 4]);
/// assert_eq!(slots.push(5), Err(5)); // three were reserved
/// assert_eq!(consumer.len(), 0);
/// assert_eq!(slots.commit(), 3);
/// assert_eq!(consumer.drain(8).collect::<Vec<_>>(), [1, 2, 3]);
/// ```
#[must_use = "dropping a reservation drops what was written to it"]
pub struct Reservation<'h, 'r, T> {
    producer: &'h mut Producer<'r, T>,
    written: usize,
    count: usize,
}

impl<'h, 'r, T> Reservation<'h, 'r, T> {
    /// `count` slots are free.
    #[inline]
    pub(super) fn new(producer: &'h mut Producer<'r, T>, count: usize) -> Self {
        Self {
            producer,
            written: 0,
            count,
        }
    }

    /// How many slots are reserved, written or not.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.count
    }

    /// How many were written.
    #[inline]
    pub fn len(&self) -> usize {
        self.written
    }

    /// Whether none was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// Writes the next slot, or gives the item back when all are written.
    ///
    /// # Errors
    /// All reserved slots are written.
    #[inline]
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.written >= self.count {
            return Err(item);
        }
        // SAFETY: the slot is one of `count` that were free when the reservation was made; only
        // the producer fills slots, and it is borrowed by `self`.
        unsafe { self.producer.slots().write(self.next(), item) };
        self.written = self.written.wrapping_add(1);
        Ok(())
    }

    /// Writes slots for as long as there are any and `items` yields. No item is taken that does not
    /// fit.
    #[inline]
    pub fn fill<I: IntoIterator<Item = T>>(&mut self, items: I) {
        let mut items = items.into_iter();
        while self.written < self.count {
            let Some(item) = items.next() else { return };
            // SAFETY: as in `push`, whose check the loop has made.
            unsafe { self.producer.slots().write(self.next(), item) };
            self.written = self.written.wrapping_add(1);
        }
    }

    /// The slots that were not written yet: those up to the end of the ring's memory, and those that go on
    /// at its start. After writing some of them, from the first on, call
    /// [`assume_written`](Self::assume_written).
    #[inline]
    pub fn spare(&mut self) -> (&mut [MaybeUninit<T>], &mut [MaybeUninit<T>]) {
        let spare = self.count.wrapping_sub(self.written);
        // SAFETY: these slots are free, and the producer's; nothing else is done with them for
        // as long as the result borrows `self`.
        unsafe { self.producer.slots().room(self.next(), spare) }
    }

    /// Counts the next `count` slots as written.
    ///
    /// # Safety
    /// They hold items, written through [`spare`](Self::spare), and `count` is at most as many as it
    /// gave.
    #[inline]
    pub unsafe fn assume_written(&mut self, count: usize) {
        self.written = self.written.wrapping_add(count);
    }

    /// Hands the written slots to the consumer and says how many they are. Slots that were not
    /// written stay free.
    #[inline]
    pub fn commit(mut self) -> usize {
        let written = core::mem::take(&mut self.written);
        self.producer.publish(written);
        written
    }

    /// The index of the next slot to write.
    #[inline]
    fn next(&self) -> usize {
        self.producer.tail().wrapping_add(self.written)
    }
}

impl<T> Drop for Reservation<'_, '_, T> {
    #[inline]
    fn drop(&mut self) {
        let written = core::mem::take(&mut self.written);
        if written == 0 {
            return;
        }
        let (slots, first) = (self.producer.slots(), self.producer.tail());
        // SAFETY: `written` slots from the tail on hold items that were not committed (`commit`
        // leaves zero); free slots are the producer's, and counted as empty from now on.
        unsafe { slots.drop_items(first, written) };
    }
}

impl<T> fmt::Debug for Reservation<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("written", &self.written)
            .field("capacity", &self.count)
            .finish()
    }
}

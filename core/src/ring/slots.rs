//! Raw access to the slots of a ring: the only place that turns an index into memory.

use core::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull, slice};

use crate::{platform::prefetch_write, sync::Track};

use super::{
    lines::{LINE, move_down, move_up},
    storage::sealed,
};

/// The slots as a handle sees them: a pointer and a mask.
///
/// An index is a counter that runs free and wraps at the end of `usize`; masking it on access
/// gives the slot. That is seamless because the number of slots divides 2^BITS.
///
/// It holds no right of its own: each method says which slots the caller must own at that moment.
/// Owning is decided by the rings' counters.
#[derive(Debug)]
pub(crate) struct Slots<'r, T> {
    first: NonNull<MaybeUninit<T>>,
    /// Slots less one.
    mask: usize,
    track: Track<'r>,
    /// Invariant in `T`: an item goes in through one handle and comes out through another, so
    /// neither may see it as a longer- or shorter-lived type.
    _items: PhantomData<fn(T) -> T>,
}

impl<T> Clone for Slots<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slots<'_, T> {}

impl<'r, T> Slots<'r, T> {
    #[inline]
    pub(crate) fn new<S>(storage: &'r S, track: Track<'r>) -> Self
    where
        S: sealed::Slots<Item = T>,
    {
        Self {
            first: storage.first(),
            mask: storage.count().wrapping_sub(1),
            track,
            _items: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.mask.wrapping_add(1)
    }

    /// The slot of `index`.
    #[inline]
    fn slot(&self, index: usize) -> NonNull<MaybeUninit<T>> {
        // SAFETY: `& mask` gives at most `mask`, one less than the number of slots from `first`
        // on, so the result stays inside their allocation (`sealed::Slots`).
        unsafe { self.first.add(index & self.mask) }
    }

    /// `count` slots from `index` on as two runs: the first from `index`'s slot towards the end,
    /// the second from slot zero. `count` is at most the capacity.
    #[inline]
    fn runs(&self, index: usize, count: usize) -> (usize, usize) {
        let to_end = self.capacity().wrapping_sub(index & self.mask);
        let first = count.min(to_end);
        (first, count.wrapping_sub(first))
    }

    #[inline]
    fn will_read(&self, index: usize, count: usize) {
        let (first, second) = self.runs(index, count);
        self.track.read(index & self.mask, first);
        self.track.read(0, second);
    }

    #[inline]
    fn will_write(&self, index: usize, count: usize) {
        let (first, second) = self.runs(index, count);
        self.track.write(index & self.mask, first);
        self.track.write(0, second);
    }

    /// Puts `item` into the slot of `index`.
    ///
    /// # Safety
    /// The caller owns that slot.
    #[inline]
    pub(crate) unsafe fn write(&self, index: usize, item: T) {
        self.will_write(index, 1);
        // SAFETY: `slot` is in bounds and aligned; the caller owns it, so nobody else touches it.
        unsafe { self.slot(index).write(MaybeUninit::new(item)) };
    }

    /// Moves the item out of the slot of `index`.
    ///
    /// # Safety
    /// The caller owns that slot, it holds an item, and nothing takes that item again.
    #[inline]
    pub(crate) unsafe fn read(&self, index: usize) -> T {
        self.will_read(index, 1);
        // SAFETY: `slot` is in bounds and aligned; the caller owns it and says that it is filled.
        unsafe { self.slot(index).cast::<T>().read() }
    }

    /// Moves `count` items from `source` into the slots from `index` on.
    ///
    /// # Safety
    /// The caller owns these slots, `count` is at most the capacity, and `source` points at
    /// `count` items outside of the ring, which nothing takes again.
    #[inline]
    pub(crate) unsafe fn copy_in(&self, index: usize, source: *const T, count: usize) {
        self.will_write(index, count);
        let (first, second) = self.runs(index, count);
        let to = self.slot(index).cast::<T>().as_ptr();
        // `count` here and not `first`: where the caller's is a constant, so is this copy's.
        if second == 0 {
            // SAFETY: all `count` slots lie between `slot(index)` and the end; the caller owns
            // them and `source` holds as many items in other memory, by the caller's word.
            return unsafe { move_up(source, to, count) };
        }
        // SAFETY: `first` slots lie between `slot(index)` and the end; otherwise as above.
        unsafe { to.copy_from_nonoverlapping(source, first) };
        // SAFETY: `first <= count` items lie behind `source`.
        let rest = unsafe { source.add(first) };
        let to = self.first.cast::<T>().as_ptr();
        // SAFETY: `second` slots lie from slot zero on, before `slot(index)`, because
        // `first + second = count` is at most the capacity; otherwise as above.
        unsafe { to.copy_from_nonoverlapping(rest, second) };
    }

    /// Moves the items of `count` slots from `index` on to `target`.
    ///
    /// # Safety
    /// The caller owns these slots, they hold items which nothing takes again, `count` is at most
    /// the capacity, and `target` points at room for `count` items outside of the ring.
    #[inline]
    pub(crate) unsafe fn copy_out(&self, index: usize, target: *mut T, count: usize) {
        self.will_read(index, count);
        let (first, second) = self.runs(index, count);
        let from = self.slot(index).cast::<T>().as_ptr();
        if second == 0 {
            // SAFETY: all `count` slots lie between `slot(index)` and the end; the caller owns
            // them, they hold items, and `target` has room for as many in other memory.
            return unsafe { move_down(from, target, count) };
        }
        // SAFETY: `first` slots lie between `slot(index)` and the end; otherwise as above.
        unsafe { target.copy_from_nonoverlapping(from, first) };
        // SAFETY: there is room for `first <= count` items behind `target`.
        let rest = unsafe { target.add(first) };
        let from = self.first.cast::<T>().as_ptr();
        // SAFETY: the `second` slots lie from slot zero on; otherwise as above.
        unsafe { rest.copy_from_nonoverlapping(from, second) };
    }

    /// Asks for the lines of `count` slots from `index` on, to write them; not where they go over the end
    /// of the ring's memory. A hint.
    #[inline]
    pub(crate) fn ask_for(&self, index: usize, count: usize) {
        let (_, second) = self.runs(index, count);
        if second > 0 {
            return;
        }
        let first = self.slot(index).cast::<u8>();
        // `count` and not `runs`: where the caller's is a constant, so is this loop's.
        let bytes = size_of::<T>().wrapping_mul(count).min(MOST_ASKED);
        let mut at = 0;
        while at < bytes {
            // SAFETY: `count` slots lie between `first` and the end, and `bytes` is at most their length.
            prefetch_write(unsafe { first.add(at) });
            at = at.wrapping_add(LINE);
        }
    }

    /// The items of `count` slots from `index` on, to look at.
    ///
    /// # Safety
    /// For as long as `'a` the caller owns these slots and nothing writes them; they hold items,
    /// and `count` is at most the capacity.
    #[inline]
    pub(crate) unsafe fn items<'a>(&self, index: usize, count: usize) -> (&'a [T], &'a [T]) {
        self.will_read(index, count);
        let (first, second) = self.runs(index, count);
        let from = self.slot(index).cast::<T>().as_ptr();
        // SAFETY: `first` slots from `slot(index)` on are in bounds, filled and owned for `'a`.
        let head = unsafe { slice::from_raw_parts(from, first) };
        let from = self.first.cast::<T>().as_ptr();
        // SAFETY: so are the `second` slots from slot zero on.
        let tail = unsafe { slice::from_raw_parts(from, second) };
        (head, tail)
    }

    /// The items of `count` slots from `index` on, to change or to drop.
    ///
    /// # Safety
    /// For as long as `'a` the caller alone uses these slots; they hold items, and `count` is at most
    /// the capacity.
    #[inline]
    pub(crate) unsafe fn items_mut<'a>(
        &self,
        index: usize,
        count: usize,
    ) -> (&'a mut [T], &'a mut [T]) {
        // SAFETY: the caller says that the slots hold items and are its own for `'a`.
        let (head, tail) = unsafe { self.room(index, count) };
        // SAFETY: they hold items.
        let head = unsafe { head.assume_init_mut() };
        // SAFETY: they hold items.
        let tail = unsafe { tail.assume_init_mut() };
        (head, tail)
    }

    /// `count` slots from `index` on, filled or not.
    ///
    /// # Safety
    /// For as long as `'a` the caller alone uses these slots, and `count` is at most the capacity.
    #[inline]
    pub(crate) unsafe fn room<'a>(
        &self,
        index: usize,
        count: usize,
    ) -> (&'a mut [MaybeUninit<T>], &'a mut [MaybeUninit<T>]) {
        self.will_write(index, count);
        let (first, second) = self.runs(index, count);
        let to = self.slot(index).as_ptr();
        // SAFETY: `first` slots from `slot(index)` on are in bounds and the caller's for `'a`.
        let head = unsafe { slice::from_raw_parts_mut(to, first) };
        // SAFETY: so are the `second` slots from slot zero on; the two runs do not meet, because
        // `first + second = count` is at most the capacity.
        let tail = unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), second) };
        (head, tail)
    }

    /// Drops the items of `count` slots from `index` on.
    ///
    /// # Safety
    /// The caller owns these slots, they hold items, nothing uses them again, even if a drop panics, and
    /// `count` is at most the capacity.
    #[inline]
    pub(crate) unsafe fn drop_items(&self, index: usize, count: usize) {
        if core::mem::needs_drop::<T>() {
            // SAFETY: the caller owns the slots, and they hold items.
            let (head, tail) = unsafe { self.items_mut(index, count) };
            let (head, tail): (*mut [T], *mut [T]) = (head, tail);
            // SAFETY: filled, owned, and not used again by the caller's word.
            unsafe { head.drop_in_place() };
            // SAFETY: the same.
            unsafe { tail.drop_in_place() };
        }
    }
}

/// As many bytes are asked for at once, at most: 32 items of 64 bytes. A core waits for a few dozen lines at
/// a time.
const MOST_ASKED: usize = 2048;

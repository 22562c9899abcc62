//! What a bulk or a burst is moved from and to.
//!
//! Items that are not `Copy` (packets) move between a ring and a caller's container in one copy,
//! without going through an `Option` each. That needs containers which say where their items lie and
//! which can be told that some of them are gone or have come: [`Source`] and [`Sink`].
//!
//! | | as [`Source`] | as [`Sink`] |
//! |---|---|---|
//! | [`heapless::Vec`], [`heapless::VecView`](heapless::vec::VecView) | what is in it, from the front | the room behind what is in it |
//! | `&[T]`, `T: Copy` | the slice; it then starts behind what was taken | |
//! | `&mut [T]`, `T: Copy` | | the slice; it then starts behind what was written |
//! | `&mut [MaybeUninit<T>]` | | likewise; the items are the caller's to drop |

use core::{mem, mem::MaybeUninit, ptr};

use heapless::{
    LenType,
    vec::{VecInner, VecStorage},
};

/// Items in one run of memory, which a ring takes from the front.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 4>>::new();
/// let (mut producer, _consumer) = ring.split();
/// let mut items: &[u32] = &[1, 2, 3, 4, 5, 6];
/// assert_eq!(producer.enqueue_burst(&mut items), 4);
/// assert_eq!(items, [5, 6]); // what did not fit, in order
/// ```
///
/// # Safety
/// [`items`](Source::items) gives the same items until [`taken`](Source::taken) is called. After
/// `taken(n)` the source neither gives nor drops the first `n` of them. Neither panics.
pub unsafe trait Source<T> {
    /// The items, first one first.
    fn items(&self) -> &[T];

    /// The first `count` items were moved out.
    ///
    /// # Safety
    /// `count` is at most the length of [`items`](Source::items), and the caller has become the
    /// owner of that many.
    unsafe fn taken(&mut self, count: usize);
}

/// Room in one run of memory, which a ring fills from the front.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<u32, 4>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// producer.enqueue_bulk(&mut [1, 2, 3].as_slice()).unwrap();
///
/// let mut packets: heapless::Vec<u32, 32> = heapless::Vec::new();
/// assert_eq!(consumer.dequeue_burst(&mut packets, 32), 3);
/// assert_eq!(packets, [1, 2, 3]);
/// ```
///
/// # Safety
/// [`spare`](Sink::spare) points at memory that may be written from its first place to its last,
/// and stays the same until [`filled`](Sink::filled) is called. Neither panics.
pub unsafe trait Sink<T> {
    /// Where the next items go.
    fn spare(&mut self) -> *mut [T];

    /// The first `count` places of [`spare`](Sink::spare) now hold items, which belong to the
    /// sink.
    ///
    /// # Safety
    /// They do, and `count` is at most the length of `spare`.
    unsafe fn filled(&mut self, count: usize);
}

// SAFETY: a shared slice always gives the same items; `taken` cuts them off; `Copy` items are
// never dropped.
unsafe impl<T: Copy> Source<T> for &[T] {
    #[inline]
    fn items(&self) -> &[T] {
        self
    }

    #[inline]
    unsafe fn taken(&mut self, count: usize) {
        *self = self.get(count..).unwrap_or_default();
    }
}

// SAFETY: the items are the vector's initialised part; `taken` closes the gap and shortens it.
unsafe impl<T, L: LenType, S: VecStorage<T> + ?Sized> Source<T> for VecInner<T, L, S> {
    #[inline]
    fn items(&self) -> &[T] {
        self.as_slice()
    }

    #[inline]
    unsafe fn taken(&mut self, count: usize) {
        let left = self.len().wrapping_sub(count);
        if left > 0 {
            let first = self.as_mut_ptr();
            // SAFETY: `count` is at most the length, by the caller's word.
            let rest = unsafe { first.add(count) };
            // SAFETY: `left` items lie behind `count` others that are no longer the vector's;
            // `copy` allows the two ranges to meet.
            unsafe { ptr::copy(rest, first, left) };
        }
        // SAFETY: `left` items now lie at the front, and `left` is at most the old length.
        unsafe { self.set_len(left) };
    }
}

// SAFETY: `spare` is the memory between length and capacity; `filled` makes it part of the vector.
unsafe impl<T, L: LenType, S: VecStorage<T> + ?Sized> Sink<T> for VecInner<T, L, S> {
    #[inline]
    fn spare(&mut self) -> *mut [T] {
        let len = self.len();
        let spare = self.capacity().wrapping_sub(len);
        // SAFETY: the length is at most the capacity, so this stays in the buffer or right behind.
        let first = unsafe { self.as_mut_ptr().add(len) };
        ptr::slice_from_raw_parts_mut(first, spare)
    }

    #[inline]
    unsafe fn filled(&mut self, count: usize) {
        let len = self.len().wrapping_add(count);
        // SAFETY: `count` items lie behind the others and fit, by the caller's word.
        unsafe { self.set_len(len) };
    }
}

// SAFETY: the slice is exclusive, and only `filled` cuts it.
unsafe impl<T: Copy> Sink<T> for &mut [T] {
    #[inline]
    fn spare(&mut self) -> *mut [T] {
        *self
    }

    #[inline]
    unsafe fn filled(&mut self, count: usize) {
        *self = mem::take(self).get_mut(count..).unwrap_or_default();
    }
}

// SAFETY: the slice is exclusive, and only `filled` cuts it.
unsafe impl<T> Sink<T> for &mut [MaybeUninit<T>] {
    #[inline]
    fn spare(&mut self) -> *mut [T] {
        let len = self.len();
        ptr::slice_from_raw_parts_mut(self.as_mut_ptr().cast(), len)
    }

    #[inline]
    unsafe fn filled(&mut self, count: usize) {
        *self = mem::take(self).get_mut(count..).unwrap_or_default();
    }
}

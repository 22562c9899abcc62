//! Taking the first items of a vector, one by one.

use core::fmt;
use core::iter::FusedIterator;
use core::mem::MaybeUninit;
use core::slice;

use heapless::vec::{VecInner, VecStorage};

/// Takes out the first `count` items of `vec`, or all if there are fewer; the rest moves up when the
/// iterator is dropped.
///
/// `heapless`'s own `drain` takes ranges, and its checks of them are a panic that is still in the
/// program where the optimiser does not see through them, as in a small image. Here there is nothing
/// to check.
#[inline]
pub(crate) fn take_front<T, S: VecStorage<T> + ?Sized>(
    vec: &mut VecInner<T, usize, S>,
    count: usize,
) -> Front<'_, T, S> {
    let len = vec.len();
    // If the iterator is forgotten the vector is empty: its items are lost, but none is there twice.
    // SAFETY: 0 is at most the capacity, and no items need be initialised for it.
    unsafe { vec.set_len(0) };
    Front {
        vec,
        next: 0,
        count: count.min(len),
        len,
    }
}

/// The iterator of [`take_front`].
///
/// The vector's memory holds `len` items, of which those from `next` on are still there; its length
/// is 0 meanwhile.
pub(crate) struct Front<'v, T, S: VecStorage<T> + ?Sized> {
    vec: &'v mut VecInner<T, usize, S>,
    /// At most `count`.
    next: usize,
    /// At most `len`.
    count: usize,
    len: usize,
}

impl<T, S: VecStorage<T> + ?Sized> Iterator for Front<'_, T, S> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.next >= self.count {
            return None;
        }
        // SAFETY: `next` is less than `count`, which is at most `len`, the vector's old length.
        let item = unsafe { self.vec.as_ptr().add(self.next) };
        self.next = self.next.wrapping_add(1);
        // SAFETY: the item is initialised, and `next` having gone on, nobody reads it again.
        Some(unsafe { item.read() })
    }

    /// Without an `Option` around each item, which costs a comparison where an item has a niche.
    #[inline]
    fn fold<B, F: FnMut(B, T) -> B>(mut self, init: B, mut each: F) -> B {
        let left = self.len();
        // SAFETY: `next` is at most `len`, the vector's old length.
        let first = unsafe { self.vec.as_ptr().add(self.next) };
        // SAFETY: `left` items from `next` on, up to `count`, are there.
        let items = unsafe { slice::from_raw_parts(first.cast::<MaybeUninit<T>>(), left) };
        let mut folded = init;
        for item in items {
            self.next = self.next.wrapping_add(1);
            // SAFETY: the item is initialised, and `next` having gone on, nobody reads it again.
            folded = each(folded, unsafe { item.assume_init_read() });
        }
        folded
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.count.wrapping_sub(self.next);
        (left, Some(left))
    }
}

impl<T, S: VecStorage<T> + ?Sized> ExactSizeIterator for Front<'_, T, S> {}
impl<T, S: VecStorage<T> + ?Sized> FusedIterator for Front<'_, T, S> {}

impl<T, S: VecStorage<T> + ?Sized> Drop for Front<'_, T, S> {
    #[inline]
    fn drop(&mut self) {
        self.by_ref().for_each(drop);
        let left = self.len.wrapping_sub(self.count);
        let first = self.vec.as_mut_ptr();
        if left > 0 {
            // SAFETY: `count` is at most `len`, the vector's old length.
            let rest = unsafe { first.add(self.count) };
            // SAFETY: `left` items lie behind `count` that were taken; `copy` lets them overlap.
            unsafe { first.copy_from(rest, left) };
        }
        // SAFETY: the `left` items that were not taken now lie at the front.
        unsafe { self.vec.set_len(left) };
    }
}

impl<T, S: VecStorage<T> + ?Sized> fmt::Debug for Front<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("left", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;
    use std::rc::Rc;
    use std::vec::Vec;

    use super::*;

    /// A vector of `n` counted items, numbered.
    fn items(n: usize, count: &Rc<()>) -> heapless::Vec<(usize, Rc<()>), 8> {
        (0..n).map(|i| (i, Rc::clone(count))).collect()
    }

    #[test]
    fn every_item_is_taken_or_kept_and_dropped_once() {
        for len in 0..=8 {
            for count in 0..=9 {
                for asked in 0..=9 {
                    let alive = Rc::new(());
                    let mut vec = items(len, &alive);
                    let mut front = take_front(&mut vec, count);
                    assert_eq!(front.len(), count.min(len));
                    let taken: Vec<usize> = front.by_ref().take(asked).map(|(i, _)| i).collect();
                    drop(front);
                    let expected: Vec<usize> = (0..asked.min(count).min(len)).collect();
                    assert_eq!(taken, expected);
                    let kept: Vec<usize> = vec.iter().map(|(i, _)| *i).collect();
                    assert_eq!(kept, (count.min(len)..len).collect::<Vec<_>>());
                    assert_eq!(Rc::strong_count(&alive), 1 + vec.len());
                }
            }
        }
    }

    #[test]
    fn a_forgotten_iterator_loses_items_but_doubles_none() {
        let alive = Rc::new(());
        let mut vec = items(6, &alive);
        let mut front = take_front(&mut vec, 4);
        drop(front.next());
        core::mem::forget(front);
        assert!(vec.is_empty());
        assert_eq!(Rc::strong_count(&alive), 1 + 5);
    }

    #[test]
    fn folding_takes_what_is_left_once_even_if_it_panics() {
        for asked in 0..=3 {
            for fails_at in [2, 5, 9] {
                let alive = Rc::new(());
                let mut vec = items(6, &alive);
                let mut seen: Vec<usize> = Vec::new();
                let mut front = take_front(&mut vec, 5);
                seen.extend(front.by_ref().take(asked).map(|(i, _)| i));
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    front.for_each(|(i, _)| {
                        assert!(i != fails_at, "on purpose");
                        seen.push(i);
                    });
                }));
                let whole = !(asked..5).contains(&fails_at);
                assert_eq!(caught.is_ok(), whole);
                assert_eq!(
                    seen,
                    (0..if whole { 5 } else { fails_at }).collect::<Vec<_>>()
                );
                assert_eq!(vec.iter().map(|(i, _)| *i).collect::<Vec<_>>(), [5]);
                assert_eq!(Rc::strong_count(&alive), 2);
            }
        }
    }
}

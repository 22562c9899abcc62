//! Moving items between a ring and other memory, a cache line at a time.
//!
//! The lines of a ring are on the other core when their turn comes, and that core is close ahead or behind. A
//! processor that sees lines read one after the other fetches the next ones as well, and these the
//! producer is writing just then. So items go in upwards and come out downwards: what is fetched then is
//! what was read already. A library's memcpy moves both ends at some time of its own.

use core::{
    mem::MaybeUninit,
    sync::atomic::{Ordering, compiler_fence},
};

/// Moves `count` items, the first line first.
///
/// # Safety
/// `source` and `target` are aligned, and valid for reads and for writes of `count` items, which do not overlap.
#[inline(always)]
pub(super) unsafe fn move_up<T>(source: *const T, target: *mut T, count: usize) {
    let bytes = size_of::<T>().wrapping_mul(count);
    if bytes > LONG {
        // SAFETY: the caller's word.
        return unsafe { target.copy_from_nonoverlapping(source, count) };
    }
    let (source, target) = (source.cast::<Bytes>(), target.cast::<Bytes>());
    let mut moved = 0;
    while bytes.wrapping_sub(moved) >= LINE {
        // SAFETY: the line from `moved` on lies within the items.
        unsafe { move_line(source, target, moved) };
        moved = moved.wrapping_add(LINE);
        // Or the compiler would make a memcpy of the loop. No instruction.
        compiler_fence(Ordering::AcqRel);
    }
    // SAFETY: what is left of the items.
    unsafe { move_rest(source, target, moved, bytes.wrapping_sub(moved)) };
}

/// Moves `count` items, the last line first.
///
/// # Safety
/// As [`move_up`].
#[inline(always)]
pub(super) unsafe fn move_down<T>(source: *const T, target: *mut T, count: usize) {
    let bytes = size_of::<T>().wrapping_mul(count);
    if bytes > LONG {
        // SAFETY: the caller's word.
        return unsafe { target.copy_from_nonoverlapping(source, count) };
    }
    let (source, target) = (source.cast::<Bytes>(), target.cast::<Bytes>());
    let mut left = bytes & !(LINE - 1);
    // SAFETY: what lies behind the last whole line of the items.
    unsafe { move_rest(source, target, left, bytes.wrapping_sub(left)) };
    if left & LINE != 0 {
        left = left.wrapping_sub(LINE);
        // SAFETY: the line from `left` on lies within the items.
        unsafe { move_line(source, target, left) };
    }
    while left > 0 {
        left = known_later(left.wrapping_sub(2 * LINE));
        // SAFETY: the line from there on lies within the items.
        unsafe { move_line(source, target, left.wrapping_add(LINE)) };
        // SAFETY: the line from `left` on lies within the items.
        unsafe { move_line(source, target, left) };
    }
}

/// Moves what lies from `at` on, a line's length.
///
/// # Safety
/// So much can be read from `source` and written to `target` from there on.
#[inline(always)]
unsafe fn move_line(source: *const Bytes, target: *mut Bytes, at: usize) {
    // SAFETY: within what can be read, by the caller's word.
    let from = unsafe { source.byte_add(at) };
    // SAFETY: within what can be written, likewise.
    let to = unsafe { target.byte_add(at) };
    // SAFETY: readable; any bytes will do, initialized or not.
    let line = unsafe { from.read_unaligned() };
    // SAFETY: writable.
    unsafe { to.write_unaligned(line) };
}

/// Moves `bytes` from `at` on, less than a line.
///
/// # Safety
/// As [`move_line`], and the two do not overlap.
#[inline(always)]
unsafe fn move_rest(source: *const Bytes, target: *mut Bytes, at: usize, bytes: usize) {
    if bytes == 0 {
        return;
    }
    // SAFETY: within what can be read, by the caller's word.
    let from = unsafe { source.byte_add(at) }.cast::<MaybeUninit<u8>>();
    // SAFETY: within what can be written, likewise.
    let to = unsafe { target.byte_add(at) }.cast::<MaybeUninit<u8>>();
    // SAFETY: both, and they do not overlap.
    unsafe { to.copy_from_nonoverlapping(from, bytes) };
}

/// The same, behind the compiler's back, so that it neither makes a memcpy of the loop nor unrolls it: a load
/// that reads one line of each burst would teach the processor to fetch that of the next. No instruction.
#[inline(always)]
fn known_later(at: usize) -> usize {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    {
        let mut at = at;
        // SAFETY: a comment to the assembler, which changes nothing.
        unsafe {
            core::arch::asm!("/* {} */", inout(reg) at, options(pure, nomem, nostack, preserves_flags));
        }
        at
    }
    #[cfg(any(not(any(target_arch = "x86_64", target_arch = "aarch64")), miri))]
    at
}

type Bytes = MaybeUninit<[u64; 8]>;

/// A cache line's length; nothing but the pace depends on it.
pub(super) const LINE: usize = size_of::<Bytes>();

/// What is longer is left to a library, whose vectors then gain more than the order does: 32 items of 64 bytes.
const LONG: usize = 2048;

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Moves from one place in a run of items to one in another, and looks at all of it.
    fn moves<T: Copy + PartialEq + core::fmt::Debug>(item: impl Fn(usize) -> T) {
        let up = |source, target, count| {
            // SAFETY: of the caller below.
            unsafe { move_up(source, target, count) }
        };
        let down = |source, target, count| {
            // SAFETY: of the caller below.
            unsafe { move_down(source, target, count) }
        };
        moves_by(&item, up);
        moves_by(&item, down);
    }

    fn moves_by<T: Copy + PartialEq + core::fmt::Debug>(
        item: &impl Fn(usize) -> T,
        by: impl Fn(*const T, *mut T, usize),
    ) {
        for count in (0..80).chain([127, 128, 129, 300, 2048, 2049, 2100]) {
            let source: Vec<T> = (0..count + 4).map(item).collect();
            for (from, to) in [(0, 0), (1, 2), (3, 1)] {
                let mut target = vec![item(usize::MAX); count + 4];
                let (first, place) = (source[from..].as_ptr(), target[to..].as_mut_ptr());
                // At most three of four more than `count` items lie before these.
                by(first, place, count);
                assert_eq!(target[to..][..count], source[from..][..count]);
                let others = target[..to].iter().chain(&target[to + count..]);
                assert!(
                    others
                        .copied()
                        .eq(core::iter::repeat_n(item(usize::MAX), 4))
                );
            }
        }
    }

    #[test]
    fn items_of_any_size_arrive_and_nothing_beside_them_changes() {
        moves(|at| at as u8);
        moves(|at| at as u64);
        moves(|at| [at as u8, 1, (at >> 8) as u8]);
        moves(|at| [at as u64, 2, 3]);
        moves(|at| [at as u64; 4]);
        moves(|at| [at as u64; 17]);
        moves(|_| ());
    }

    #[test]
    fn a_reference_is_still_one_when_it_has_been_moved() {
        let words: Vec<_> = (0..20_u32).collect();
        let source: Vec<&u32> = words.iter().collect();
        let mut target = vec![&words[0]; 40];
        let (first, second) = target.split_at_mut(20);
        // SAFETY: both hold 20 items.
        unsafe { move_up(source.as_ptr(), first.as_mut_ptr(), 20) };
        // SAFETY: the same.
        unsafe { move_down(source.as_ptr(), second.as_mut_ptr(), 20) };
        assert_eq!(target, [source.as_slice(), &source].concat());
    }
}

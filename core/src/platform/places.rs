//! Cells of 32 and of 64 bits for a burst's look-ups: 32 loads whose addresses are known, done before the first answer is
//! looked at.
//!
//! They go through vectors for the reason that [`Words`](super::Words) do. SSE2 will do; elsewhere they
//! are ordinary loads.

use core::sync::atomic::{AtomicU32, AtomicU64};

use super::Words;

/// The cells of these numbers, modulo how many there are, in any order: a relaxed load each.
#[inline(always)]
pub(crate) fn load_all<const COUNT: usize>(
    cells: &[AtomicU32; COUNT],
    numbers: [usize; 32],
) -> [u32; 32] {
    const { assert!(COUNT > 0) };
    imp::load_all(cells, numbers)
}

/// Places among cells, behind each of which there are [`Self::WORDS`] words of 16 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places<'c> {
    cells: &'c [AtomicU64],
    /// Each at most `cells.len() - WORDS / 4`: nobody but [`Self::new`] makes one.
    starts: &'c [u32; 32],
}

impl<'c> Places<'c> {
    /// Words from the beginning of a place on.
    pub(crate) const WORDS: usize = 72;

    /// `None` if there are fewer words from one of them on, or more than 2^31 cells before it.
    #[inline(always)]
    pub(crate) fn new(cells: &'c [AtomicU64], starts: &'c [u32; 32]) -> Option<Self> {
        let last = cells.len().checked_sub(Self::WORDS / 4)?.min(HIGH - 1) as u32;
        // By the highest bits, without a branch for each: that of a difference is set if it is below zero.
        let beyond = |any, start: &u32| any | *start | last.wrapping_sub(*start);
        let beyond = starts.iter().fold(0, beyond);
        (beyond >> 31 == 0).then_some(Self { cells, starts })
    }

    /// The cell at each place: a relaxed load each.
    #[inline(always)]
    pub(crate) fn heads(&self) -> [u64; 32] {
        imp::heads(self)
    }

    /// A word of each of eight places, counted from its beginning and modulo [`Self::WORDS`], the lowest of a cell
    /// first: a relaxed load each. Places are counted in eights.
    #[inline(always)]
    pub(crate) fn words(&self, eight: usize, at: [usize; 8]) -> Words {
        let mut at = at.map(|at| at % Self::WORDS);
        for (place, at) in at.iter_mut().enumerate() {
            *at += 4 * self.starts[(8 * eight + place) % 32] as usize;
        }
        imp::words(self, at)
    }
}

const HIGH: usize = 1 << 31;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod imp {
    use core::arch::asm;
    use core::arch::x86_64::{__m128i, _mm_storeu_si128, _mm_unpacklo_epi32, _mm_unpacklo_epi64};
    use core::sync::atomic::AtomicU32;

    use super::{Places, Words};

    #[inline(always)]
    pub(super) fn load_all<const COUNT: usize>(
        cells: &[AtomicU32; COUNT],
        numbers: [usize; 32],
    ) -> [u32; 32] {
        let mut all = [0; 32];
        for (four, numbers) in all.as_chunks_mut().0.iter_mut().zip(numbers.as_chunks().0) {
            // SAFETY: SSE2 is there, as this is not compiled otherwise.
            unsafe { load_four(cells, numbers, four) };
        }
        all
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn load_four<const COUNT: usize>(
        cells: &[AtomicU32; COUNT],
        numbers: &[usize; 4],
        four: &mut [u32; 4],
    ) {
        let [a, b, c, d] = numbers.map(|at| {
            let cell: __m128i;
            // SAFETY: the load is of a cell of `cells`, which is borrowed, by its number modulo how many there are.
            // It may be written at the same time: so it is not the compiler's, and does what a relaxed load does.
            // A cell lies within an aligned quadword, which the processor loads at once (Intel SDM volume 3,
            // section 9.1.1).
            unsafe {
                asm!("movd {cell}, dword ptr [{cells} + 4*{at}]",
                    cell = out(xmm_reg) cell, cells = in(reg) cells.as_ptr(), at = in(reg) at % COUNT,
                    options(nostack, readonly, preserves_flags));
            }
            cell
        });
        let cells = _mm_unpacklo_epi64(_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
        // SAFETY: 16 bytes are there, and the store wants no alignment.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), cells) };
    }

    #[inline(always)]
    pub(super) fn heads(places: &Places<'_>) -> [u64; 32] {
        let mut all = [0; 32];
        for (two, starts) in all
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(places.starts.as_chunks().0)
        {
            // SAFETY: SSE2 is there, and the starts are of `places`, whose `new` has found them to be within `cells`.
            unsafe { load_two(places, starts, two) };
        }
        all
    }

    /// # Safety
    /// The starts are of `places`.
    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn load_two(places: &Places<'_>, starts: &[u32; 2], two: &mut [u64; 2]) {
        let [a, b] = starts.map(|start| start as usize);
        let both: __m128i;
        // SAFETY: both loads are of cells, which are borrowed: the caller has both starts from `places`. Relaxed loads of
        // aligned quadwords, as above.
        unsafe {
            asm!("movq {both}, qword ptr [{cells} + 8*{a}]",
                "movhps {both}, qword ptr [{cells} + 8*{b}]",
                both = out(xmm_reg) both, cells = in(reg) places.cells.as_ptr(),
                a = in(reg) a, b = in(reg) b,
                options(nostack, readonly, preserves_flags));
        }
        // SAFETY: 16 bytes are there, and the store wants no alignment.
        unsafe { _mm_storeu_si128(two.as_mut_ptr().cast(), both) };
    }

    /// Words are numbered from the first cell on; each is below `WORDS` from a place: see there.
    #[inline(always)]
    pub(super) fn words(places: &Places<'_>, at: [usize; 8]) -> Words {
        // SAFETY: a start is at most `WORDS / 4` cells, which are `WORDS` words, before the end: `new` has found that.
        unsafe { Words::load_from(places.cells.as_ptr().cast(), at) }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod imp {
    use core::sync::atomic::{AtomicU32, Ordering};

    use super::{Places, Words};

    #[inline(always)]
    pub(super) fn load_all<const COUNT: usize>(
        cells: &[AtomicU32; COUNT],
        numbers: [usize; 32],
    ) -> [u32; 32] {
        numbers.map(|at| cells[at % COUNT].load(Ordering::Relaxed))
    }

    #[inline(always)]
    pub(super) fn heads(places: &Places<'_>) -> [u64; 32] {
        places.starts.map(|start| cell(places, start as usize))
    }

    #[inline(always)]
    pub(super) fn words(places: &Places<'_>, at: [usize; 8]) -> Words {
        Words::new(at.map(|at| (cell(places, at / 4) >> (at % 4 * 16)) as u16))
    }

    #[inline(always)]
    fn cell(places: &Places<'_>, at: usize) -> u64 {
        places
            .cells
            .get(at)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use core::array;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_those_of_the_numbers(cells: [u32; 23], numbers: [u8; 32]) {
            let numbers = numbers.map(usize::from);
            let expected = numbers.map(|at| cells[at % 23]);
            prop_assert_eq!(load_all(&cells.map(AtomicU32::new), numbers), expected);
        }

        /// One start may be any: most are too far back, a few just so.
        #[test]
        fn places_have_room_or_are_none(
            cells in prop::collection::vec(any::<u64>(), 0..60),
            starts: [u8; 32],
            odd in prop_oneof![any::<u32>(), 0..60u32, Just(u32::MAX), Just(1 << 31)],
            at: [u8; 32],
        ) {
            let room = cells.len().saturating_sub(Places::WORDS / 4) + 1;
            let mut starts = starts.map(|start| u32::from(start) % room as u32);
            starts[at[0] as usize % 32] = odd;
            let fits = |start: &u32| *start as usize + Places::WORDS / 4 <= cells.len();
            let atomics: Vec<AtomicU64> = cells.iter().copied().map(AtomicU64::new).collect();
            let places = Places::new(&atomics, &starts);
            prop_assert_eq!(places.is_some(), starts.iter().all(fits));
            let Some(places) = places else { return Ok(()) };
            prop_assert_eq!(places.heads(), starts.map(|start| cells[start as usize]));
            for eight in 0..4 {
                let at: [usize; 8] = array::from_fn(|place| at[8 * eight + place].into());
                let expected: [u16; 8] = array::from_fn(|place| {
                    let word = at[place] % Places::WORDS + 4 * starts[8 * eight + place] as usize;
                    (cells[word / 4] >> (word % 4 * 16)) as u16
                });
                prop_assert_eq!(places.words(eight, at).store(), expected);
            }
        }
    }
}

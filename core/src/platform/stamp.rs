//! Descriptors of frames, eight at a time.
//!
//! What a pool hands out for one frame differs from what it hands out for another in one word, the
//! address, which is made of the frame's number:
//!
//! ```text
//!   numbers       3          9          ...     one vector of eight
//!   addresses     a3         a9         ...     likewise
//!   cells       | a3 w 0 0 | a9 w 0 0 | ...     as many vectors as a descriptor has words
//! ```
//!
//! | a burst of 32 descriptors of 32 bytes | instructions each |
//! |---|---|
//! | eight at a time | 3 |
//! | one by one | 11 |

use core::mem::MaybeUninit;

use super::Wide;

/// Where a pool's frames lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stride {
    /// Binary logarithm of the bytes from one to the next.
    pub(crate) shift: u32,
    /// The bits that the [colour](crate::mempool::Colours) of a frame may have.
    pub(crate) colours: u32,
}

impl Stride {
    /// Bytes by which a frame's colour moves it.
    #[inline]
    pub(crate) const fn colour(self, number: u32) -> u32 {
        // With frames of 2 KiB, a number's lowest bit chooses between halves of the first-level
        // cache's sets, and the lowest six between those of the second-level one's: a colour is
        // the bits above the first, and those above the sixth. Here both are where an offset has
        // them, in units of 64.
        (number << COLOUR ^ number) & self.colours
    }

    /// Bytes from the data of a new frame 0 to that of this one, which the pool has.
    #[inline]
    pub(crate) const fn offset(self, number: u32) -> u64 {
        let at = (number as u64) << self.shift;
        at.wrapping_add(self.colour(number) as u64)
    }
}

/// How far to the left a frame's number is set off against itself for its colour.
const COLOUR: u32 = 5;

impl Wide {
    /// Writes a descriptor of the frame with each of these numbers into each of the cells; as many as there
    /// are of both. It is `address`, a frame's [offset](Stride::offset) further, then `word`, then zeros.
    ///
    /// # Safety
    ///
    /// A `T` has 16, 32 or 64 bytes, and these are one that the caller may have.
    #[inline(always)]
    pub(crate) unsafe fn stamp<T>(
        self,
        stride: Stride,
        address: u64,
        word: u64,
        numbers: &[u32],
        cells: &mut [MaybeUninit<T>],
    ) {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
        // SAFETY: `self` is the proof that AVX-512F and BMI2 are there; the rest is the caller's word.
        unsafe {
            avx512::stamp(stride, address, word, numbers, cells);
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
        for (cell, &number) in cells.iter_mut().zip(numbers) {
            one(stride, address, word, number, cell);
        }
    }

    /// The other way: writes the number of each descriptor's frame to `numbers`, as many as there are of
    /// both, where frame 0 begins at `base`. Gives which bits of any descriptor's second word are not as in
    /// `word`.
    ///
    /// # Safety
    ///
    /// A `T` has 16, 32 or 64 bytes, all of them initialised.
    #[inline(always)]
    pub(crate) unsafe fn numbers<T>(
        self,
        stride: Stride,
        base: u64,
        word: u64,
        items: &[T],
        numbers: &mut [u32],
    ) -> u64 {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
        // SAFETY: `self` is the proof that AVX-512F and BMI2 are there; the rest is the caller's word.
        unsafe {
            avx512::numbers(stride, base, word, items, numbers)
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
        {
            let mut difference = 0;
            for (item, number) in items.iter().zip(numbers) {
                // SAFETY: the caller's word.
                difference |= unsafe { one_number(stride, base, word, item, number) };
            }
            difference
        }
    }
}

/// # Safety
///
/// As for [`Wide::numbers`].
#[inline(always)]
unsafe fn one_number<T>(stride: Stride, base: u64, word: u64, item: &T, number: &mut u32) -> u64 {
    const { assert!(matches!(size_of::<T>(), 16 | 32 | 64)) }
    let words = core::ptr::from_ref(item).cast::<[u64; 2]>();
    // SAFETY: so many bytes are there, initialised (the caller's word), and may lie anywhere.
    let [address, second] = unsafe { words.read_unaligned() };
    *number = (address.wrapping_sub(base) >> stride.shift) as u32;
    second ^ word
}

/// One descriptor.
#[inline(always)]
fn one<T>(stride: Stride, address: u64, word: u64, number: u32, cell: &mut MaybeUninit<T>) {
    const { assert!(matches!(size_of::<T>(), 16 | 32 | 64)) }
    *cell = MaybeUninit::zeroed();
    let to = cell.as_mut_ptr().cast::<[u64; 2]>();
    let address = address.wrapping_add(stride.offset(number));
    // SAFETY: a cell has at least 16 bytes, and may lie anywhere.
    unsafe { to.write_unaligned([address, word]) };
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx512 {
    use core::arch::x86_64::{
        _mm_cvtsi32_si128, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi64,
        _mm512_cvtepi64_epi32, _mm512_cvtepu32_epi64, _mm512_loadu_si512, _mm512_mask_mov_epi64,
        _mm512_mask_permutexvar_epi64, _mm512_mask_reduce_or_epi64, _mm512_maskz_set1_epi64,
        _mm512_permutex2var_epi64, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sll_epi64,
        _mm512_slli_epi64, _mm512_srl_epi64, _mm512_storeu_si512, _mm512_sub_epi64,
        _mm512_ternarylogic_epi64,
    };

    use super::{COLOUR, MaybeUninit, Stride, one, one_number};

    /// # Safety
    ///
    /// As for [`Wide::stamp`](super::Wide::stamp).
    #[inline]
    #[target_feature(enable = "avx512f,bmi2")]
    pub(super) unsafe fn stamp<T>(
        stride: Stride,
        address: u64,
        word: u64,
        numbers: &[u32],
        cells: &mut [MaybeUninit<T>],
    ) {
        let count = numbers.len().min(cells.len());
        let (Some(numbers), Some(cells)) = (numbers.get(..count), cells.get_mut(..count)) else {
            return;
        };
        let (numbers, few) = numbers.as_chunks::<8>();
        let (cells, rest) = cells.as_chunks_mut::<8>();
        let words = _mm512_maskz_set1_epi64(Places::<T>::FIRST << 1, word.cast_signed());
        let base = _mm512_set1_epi64(address.cast_signed());
        let shift = _mm_cvtsi32_si128(stride.shift.cast_signed());
        let colours = _mm512_set1_epi64(stride.colours.into());
        for (eight, cells) in numbers.iter().zip(cells) {
            // SAFETY: 32 bytes are there, and the load wants no alignment.
            let eight = unsafe { _mm256_loadu_si256(eight.as_ptr().cast()) };
            let eight = _mm512_cvtepu32_epi64(eight);
            let colour = _mm512_slli_epi64::<COLOUR>(eight);
            // (a ^ b) & c
            let colour = _mm512_ternarylogic_epi64::<0x28>(colour, eight, colours);
            let at = _mm512_add_epi64(base, _mm512_sll_epi64(eight, shift));
            let addresses = _mm512_add_epi64(at, colour);
            let to = cells.as_mut_ptr().cast::<u64>();
            for (part, from) in Places::<T>::FROM
                .iter()
                .take(Places::<T>::WORDS)
                .enumerate()
            {
                // SAFETY: 64 bytes are there, and the load wants no alignment.
                let from = unsafe { _mm512_loadu_si512(from.as_ptr().cast()) };
                let first = Places::<T>::FIRST;
                let words = _mm512_mask_permutexvar_epi64(words, first, from, addresses);
                // SAFETY: eight cells are as many vectors as one has words.
                let to = unsafe { to.add(8 * part) };
                // SAFETY: 64 bytes are there, and the store wants no alignment.
                unsafe { _mm512_storeu_si512(to.cast(), words) };
            }
        }
        for (&number, cell) in few.iter().zip(rest) {
            one(stride, address, word, number, cell);
        }
    }

    /// # Safety
    ///
    /// As for [`Wide::numbers`](super::Wide::numbers).
    #[inline]
    #[target_feature(enable = "avx512f,bmi2")]
    pub(super) unsafe fn numbers<T>(
        stride: Stride,
        base: u64,
        word: u64,
        items: &[T],
        numbers: &mut [u32],
    ) -> u64 {
        let count = items.len().min(numbers.len());
        let (Some(items), Some(numbers)) = (items.get(..count), numbers.get_mut(..count)) else {
            return 0;
        };
        let (items, few) = items.as_chunks::<8>();
        let (numbers, rest) = numbers.as_chunks_mut::<8>();
        let words = _mm512_set1_epi64(word.cast_signed());
        let start = _mm512_set1_epi64(base.cast_signed());
        let shift = _mm_cvtsi32_si128(stride.shift.cast_signed());
        // SAFETY: 64 bytes are there, and the load wants no alignment.
        let firsts = unsafe { _mm512_loadu_si512(Places::<T>::FIRSTS.as_ptr().cast()) };
        let mut difference = _mm512_setzero_si512();
        for (items, numbers) in items.iter().zip(numbers) {
            let from = items.as_ptr().cast::<u64>();
            let mut vector = |part: usize| {
                // SAFETY: eight items are as many vectors as one has words.
                let from = unsafe { from.add(8 * part) };
                // SAFETY: 64 bytes are there, initialised (the caller's word), and the load wants no
                // alignment.
                let vector = unsafe { _mm512_loadu_si512(from.cast()) };
                // a | (b ^ c)
                difference = _mm512_ternarylogic_epi64::<0xf6>(difference, vector, words);
                vector
            };
            let mut addresses = _mm512_setzero_si512();
            for pair in 0..Places::<T>::WORDS / 2 {
                let (one, other) = (vector(2 * pair), vector(2 * pair + 1));
                let some = _mm512_permutex2var_epi64(one, firsts, other);
                let lanes = Places::<T>::lanes(pair);
                addresses = _mm512_mask_mov_epi64(addresses, lanes, some);
            }
            let at = _mm512_srl_epi64(_mm512_sub_epi64(addresses, start), shift);
            let at = _mm512_cvtepi64_epi32(at);
            // SAFETY: 32 bytes are there, and the store wants no alignment.
            unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), at) };
        }
        let seconds = Places::<T>::FIRST << 1;
        let mut difference = _mm512_mask_reduce_or_epi64(seconds, difference).cast_unsigned();
        for (item, number) in few.iter().zip(rest) {
            // SAFETY: the caller's word.
            difference |= unsafe { one_number(stride, base, word, item, number) };
        }
        difference
    }

    /// Where the words of eight `T` beside each other come from.
    struct Places<T>(T);

    impl<T> Places<T> {
        /// In each.
        const WORDS: usize = {
            assert!(matches!(size_of::<T>(), 16 | 32 | 64));
            size_of::<T>() / 8
        };

        /// Which words of a vector are the first of a `T`.
        const FIRST: u8 = match Self::WORDS {
            2 => 0b0101_0101,
            4 => 0b0001_0001,
            _ => 1,
        };

        /// The first words of each `T` in two vectors, over and over.
        const FIRSTS: [u64; 8] = {
            let mut firsts = [0; 8];
            let mut lane = 0;
            while lane < 8 {
                firsts[lane] = (lane * Self::WORDS % 16) as u64;
                lane += 1;
            }
            firsts
        };

        /// Which of eight `T` are in this one of their pairs of vectors.
        #[inline(always)]
        const fn lanes(pair: usize) -> u8 {
            let each = 16 / Self::WORDS;
            (((1_u32 << each) - 1) << (pair * each)) as u8
        }

        /// Of each vector's words that are the first of a `T`, which of eight.
        const FROM: [[u64; 8]; 8] = {
            let mut from = [[0; 8]; 8];
            let mut word = 0;
            while word < 8 * Self::WORDS {
                from[word / 8][word % 8] = (word / Self::WORDS) as u64;
                word += 1;
            }
            from
        };
    }
}

#[cfg(all(test, target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn check<const WORDS: usize>(
        stride: Stride,
        [address, word]: [u64; 2],
        numbers: &[u32],
        places: usize,
    ) {
        let Some(wide) = Wide::detect() else { return };
        let mut cells = std::vec![MaybeUninit::new([!0; WORDS]); places];
        // SAFETY: any numbers of 64 bits may be there.
        unsafe { wide.stamp(stride, address, word, numbers, &mut cells) };
        let offsets = numbers.iter().map(|&number| stride.offset(number));
        for (cell, offset) in cells
            .iter()
            .zip(offsets.map(Some).chain(core::iter::repeat(None)))
        {
            let mut expected = match offset {
                Some(_) => [0; WORDS],
                None => [!0; WORDS],
            };
            if let Some(offset) = offset {
                expected[0] = address.wrapping_add(offset);
                expected[1] = word;
            }
            // SAFETY: it was made so above.
            assert_eq!(unsafe { cell.assume_init() }, expected);
        }
        // And back.
        let count = places.min(numbers.len());
        // SAFETY: so many were made above.
        let items: Vec<_> = cells[..count]
            .iter()
            .map(|cell| unsafe { cell.assume_init() })
            .collect();
        for changed in (0..count).map(Some).chain([None]) {
            let (mut items, mut back) = (items.clone(), std::vec![!0; count]);
            if let Some(changed) = changed {
                items[changed][1] ^= 0x8000_0000_0001_0000;
            }
            // SAFETY: all are initialised.
            let difference = unsafe { wide.numbers(stride, address, word, &items, &mut back) };
            assert_eq!(back, numbers[..count]);
            assert_eq!(difference != 0, changed.is_some());
        }
    }

    proptest! {
        #[test]
        fn eight_are_as_one_by_one(
            words: [u64; 2],
            shift in 11..16_u32,
            colours in 0..4_u32,
            numbers in proptest::collection::vec(0..1_u32 << 28, 0..40),
            places in 0..40_usize,
        ) {
            let stride = Stride { shift, colours: ((1 << colours) - 1) << 6 };
            check::<2>(stride, words, &numbers, places);
            check::<4>(stride, words, &numbers, places);
            check::<8>(stride, words, &numbers, places);
        }
    }
}

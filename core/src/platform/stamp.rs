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
//!
//! Where frames are freed and allocated again at once, each step waits for the one before, as what is read was just
//! written. So each eight numbers are in the order in which the fewest steps bring them together, which
//! is undone when descriptors are made of them:
//!
//! | descriptors of | their numbers, in memory |
//! |---|---|
//! | 16 bytes | 0 4 1 5 2 6 3 7 |
//! | 32 bytes | 0 2 1 3 4 6 5 7 |

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
    /// are of both, each eight in its [order](self). It is `address`, a frame's [offset](Stride::offset) further,
    /// then `word`, then zeros.
    ///
    /// # Safety
    ///
    /// A `T` has 16 or 32 bytes, and these are one that the caller may have.
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
    /// both, each eight in its [order](self), where frame 0 begins at `base`. Gives which bits of any descriptor's
    /// second word are not as in `word`.
    ///
    /// # Safety
    ///
    /// A `T` has 16 or 32 bytes, all of them initialised.
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
    const { assert!(matches!(size_of::<T>(), 16 | 32)) }
    let words = core::ptr::from_ref(item).cast::<[u64; 2]>();
    // SAFETY: so many bytes are there, initialised (the caller's word), and may lie anywhere.
    let [address, second] = unsafe { words.read_unaligned() };
    *number = (address.wrapping_sub(base) >> stride.shift) as u32;
    second ^ word
}

/// One descriptor.
#[inline(always)]
fn one<T>(stride: Stride, address: u64, word: u64, number: u32, cell: &mut MaybeUninit<T>) {
    const { assert!(matches!(size_of::<T>(), 16 | 32)) }
    *cell = MaybeUninit::zeroed();
    let to = cell.as_mut_ptr().cast::<[u64; 2]>();
    let address = address.wrapping_add(stride.offset(number));
    // SAFETY: a cell has at least 16 bytes, and may lie anywhere.
    unsafe { to.write_unaligned([address, word]) };
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx512 {
    use core::arch::asm;
    use core::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_add_epi64,
        _mm512_castsi512_si256, _mm512_cvtepi64_epi32, _mm512_cvtepu32_epi64, _mm512_loadu_si512,
        _mm512_mask_mov_epi32, _mm512_mask_permutexvar_epi64, _mm512_mask_reduce_or_epi64,
        _mm512_maskz_set1_epi64, _mm512_permutex2var_epi64, _mm512_set1_epi64, _mm512_setr_epi64,
        _mm512_setzero_si512, _mm512_sll_epi64, _mm512_slli_epi64, _mm512_srl_epi64,
        _mm512_storeu_si512, _mm512_sub_epi64, _mm512_ternarylogic_epi64, _mm512_unpackhi_epi64,
        _mm512_unpacklo_epi64,
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
        let words = _mm512_maskz_set1_epi64(seconds::<T>(), word.cast_signed());
        let base = _mm512_set1_epi64(address.cast_signed());
        let shift = _mm_cvtsi32_si128(stride.shift.cast_signed());
        let colours = _mm512_set1_epi64(stride.colours.into());
        for (eight, cells) in numbers.iter().zip(cells) {
            // SAFETY: 32 bytes are there, and the load wants no alignment.
            let eight = unsafe { _mm256_loadu_si256(eight.as_ptr().cast()) };
            let eight = _mm512_cvtepu32_epi64(eight);
            let mut at = _mm512_add_epi64(base, _mm512_sll_epi64(eight, shift));
            // SAFETY: nothing is done. The compiler would add the base to the colour, which comes last.
            unsafe {
                asm!("/* {} */", inout(zmm_reg) at, options(pure, nomem, nostack, preserves_flags));
            }
            let colour = _mm512_slli_epi64::<COLOUR>(eight);
            // (a ^ b) & c
            let colour = _mm512_ternarylogic_epi64::<0x28>(colour, eight, colours);
            let addresses = _mm512_add_epi64(at, colour);
            let to = cells.as_mut_ptr().cast::<__m512i>();
            let put = |part: usize, vector| {
                // SAFETY: eight cells are as many vectors as one has words.
                let to = unsafe { to.add(part) };
                // SAFETY: 64 bytes are there, and the store wants no alignment.
                unsafe { _mm512_storeu_si512(to, vector) };
            };
            if size_of::<T>() == 16 {
                let words = _mm512_set1_epi64(word.cast_signed());
                put(0, _mm512_unpacklo_epi64(addresses, words));
                put(1, _mm512_unpackhi_epi64(addresses, words));
            } else {
                for (part, [first, next]) in
                    [[0, 2], [1, 3], [4, 6], [5, 7]].into_iter().enumerate()
                {
                    let from = _mm512_setr_epi64(first, 0, 0, 0, next, 0, 0, 0);
                    let pair = _mm512_mask_permutexvar_epi64(words, FIRSTS, from, addresses);
                    put(part, pair);
                }
            }
        }
        for (&number, cell) in few.iter().zip(rest) {
            one_by_one();
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
        let to_upper = _mm_cvtsi32_si128(u32::BITS.wrapping_sub(stride.shift).cast_signed());
        let firsts = _mm512_setr_epi64(0, 4, 8, 12, 0, 0, 0, 0);
        let mut difference = _mm512_setzero_si512();
        for (items, numbers) in items.iter().zip(numbers) {
            let from = items.as_ptr().cast::<__m512i>();
            let mut get = |part: usize| {
                // SAFETY: eight items are as many vectors as one has words.
                let from = unsafe { from.add(part) };
                // SAFETY: 64 bytes are there, initialised (the caller's word), and the load wants no
                // alignment.
                let vector = unsafe { _mm512_loadu_si512(from) };
                // a | (b ^ c)
                difference = _mm512_ternarylogic_epi64::<0xf6>(difference, vector, words);
                vector
            };
            let at = if size_of::<T>() == 16 {
                let addresses = _mm512_unpacklo_epi64(get(0), get(1));
                let at = _mm512_srl_epi64(_mm512_sub_epi64(addresses, start), shift);
                _mm512_cvtepi64_epi32(at)
            } else {
                // Two numbers in each word that has an address: of one vector, and, in the upper half, of the
                // next one.
                let mut two = |part: usize| {
                    let (one, next) = (get(part), get(part + 1));
                    let one = _mm512_srl_epi64(_mm512_sub_epi64(one, start), shift);
                    let next = _mm512_sll_epi64(_mm512_sub_epi64(next, start), to_upper);
                    _mm512_mask_mov_epi32(one, UPPERS, next)
                };
                let (four, next) = (two(0), two(2));
                _mm512_castsi512_si256(_mm512_permutex2var_epi64(four, firsts, next))
            };
            // SAFETY: 32 bytes are there, and the store wants no alignment.
            unsafe { _mm256_storeu_si256(numbers.as_mut_ptr().cast(), at) };
        }
        let difference = _mm512_mask_reduce_or_epi64(seconds::<T>(), difference);
        let mut difference = difference.cast_unsigned();
        for (item, number) in few.iter().zip(rest) {
            one_by_one();
            // SAFETY: the caller's word.
            difference |= unsafe { one_number(stride, base, word, item, number) };
        }
        difference
    }

    /// In a loop over fewer than eight, which the compiler would make a gather or a scatter of.
    #[inline(always)]
    fn one_by_one() {
        // SAFETY: nothing is done.
        unsafe { asm!("", options(nomem, nostack, preserves_flags)) };
    }

    /// Which words of a vector are the first of a descriptor of 32 bytes.
    const FIRSTS: u8 = 0b0001_0001;

    /// Which words of a vector are the second of a `T`.
    const fn seconds<T>() -> u8 {
        const { assert!(matches!(size_of::<T>(), 16 | 32)) }
        match size_of::<T>() {
            16 => 0b1010_1010,
            _ => FIRSTS << 1,
        }
    }

    /// The upper half of each word of a vector.
    const UPPERS: u16 = 0b1010_1010_1010_1010;
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
        let count = places.min(numbers.len());
        let (made, untouched) = cells.split_at(count);
        assert!(untouched.iter().all(|cell| {
            // SAFETY: it was made so above.
            unsafe { cell.assume_init() == [!0; WORDS] }
        }));
        // SAFETY: all were made above.
        let items: Vec<[u64; WORDS]> = (made.iter())
            .map(|cell| unsafe { cell.assume_init() })
            .collect();
        for (items, numbers) in items.chunks(8).zip(numbers[..count].chunks(8)) {
            let mut expected: Vec<_> = (numbers.iter())
                .map(|&number| {
                    let mut expected = [0; WORDS];
                    expected[0] = address.wrapping_add(stride.offset(number));
                    expected[1] = word;
                    expected
                })
                .collect();
            let mut items = items.to_vec();
            // Eight are in an order of their own.
            if items.len() == 8 {
                items.sort_unstable();
                expected.sort_unstable();
            }
            assert_eq!(items, expected);
        }
        // And back, into the order in which they were.
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
        }
    }
}

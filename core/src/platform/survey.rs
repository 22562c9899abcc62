//! What the descriptors of a burst say together, four or eight at a time.
//!
//! Each is read and written in vectors of 64 bytes, as it was copied: a core passes a store on to a load
//! behind it only if the load wants no more than that store has.
//!
//! | 32 packets, of 32 bytes each | by vectors | one by one |
//! |---|---|---|
//! | [`survey`](Wide::survey) | 80 instructions | 130 |
//! | [`mark`](Wide::mark) | 100 | 80, and 32 stores that a copy behind them waits for |

use super::Wide;

impl Wide {
    /// Whether the second word of any descriptor has one of the bits of `any`, and the sum of what these
    /// words have of the bits of `sum`.
    ///
    /// # Safety
    ///
    /// A `T` has 16, 32 or 64 bytes, all of them initialised.
    #[inline(always)]
    pub(crate) unsafe fn survey<T>(self, items: &[T], any: u64, sum: u64) -> (bool, u64) {
        const { assert!(matches!(size_of::<T>(), 16 | 32 | 64)) }
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
        // SAFETY: `self` is the proof that AVX-512F and BMI2 are there; the rest is the caller's word.
        unsafe {
            avx512::survey(items, any, sum)
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
        // SAFETY: the caller's word.
        unsafe {
            plain::survey(items, any, sum)
        }
    }

    /// Writes `value` to those bits of each descriptor's fourth word that `mask` has, and gives which
    /// bits any of these words had before.
    ///
    /// # Safety
    ///
    /// A `T` has 32 bytes, all of them initialised, and may have any such bits there.
    #[inline(always)]
    pub(crate) unsafe fn mark<T>(self, items: &mut [T], value: u64, mask: u64) -> u64 {
        const { assert!(size_of::<T>() == 32) }
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
        // SAFETY: `self` is the proof that AVX-512F and BMI2 are there; the rest is the caller's word.
        unsafe {
            avx512::mark(items, value, mask)
        }
        #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
        // SAFETY: the caller's word.
        unsafe {
            plain::mark(items, value, mask)
        }
    }
}

#[cfg(any(
    test,
    not(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))
))]
mod plain {
    /// # Safety
    ///
    /// As for [`Wide::survey`](super::Wide::survey).
    pub(super) unsafe fn survey<T>(items: &[T], any: u64, sum: u64) -> (bool, u64) {
        items.iter().fold((false, 0), |(found, total), item| {
            let words = core::ptr::from_ref(item).cast::<[u64; 2]>();
            // SAFETY: so many bytes are there, initialised (the caller's word), and may lie anywhere.
            let [_, second] = unsafe { words.read_unaligned() };
            (found | (second & any != 0), total + (second & sum))
        })
    }

    /// # Safety
    ///
    /// As for [`Wide::mark`](super::Wide::mark).
    pub(super) unsafe fn mark<T>(items: &mut [T], value: u64, mask: u64) -> u64 {
        items.iter_mut().fold(0, |found, item| {
            let words = core::ptr::from_mut(item).cast::<[u64; 4]>();
            // SAFETY: so many bytes are there, initialised (the caller's word), and may lie anywhere.
            let mut four = unsafe { words.read_unaligned() };
            let before = four[3];
            four[3] = before & !mask | value & mask;
            // SAFETY: as above; these bits may be there, by the caller's word.
            unsafe { words.write_unaligned(four) };
            found | before
        })
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx512 {
    use core::arch::x86_64::{
        _mm512_add_epi64, _mm512_and_si512, _mm512_loadu_si512, _mm512_mask_reduce_or_epi64,
        _mm512_mask_storeu_epi64, _mm512_maskz_loadu_epi64, _mm512_maskz_set1_epi64,
        _mm512_or_si512, _mm512_reduce_add_epi64, _mm512_setzero_si512, _mm512_storeu_si512,
        _mm512_ternarylogic_epi64, _mm512_test_epi64_mask, _mm512_unpackhi_epi64,
    };

    /// # Safety
    ///
    /// As for [`Wide::survey`](super::Wide::survey).
    #[inline]
    #[target_feature(enable = "avx512f,bmi2")]
    pub(super) unsafe fn survey<T>(items: &[T], any: u64, sum: u64) -> (bool, u64) {
        // Of the odd words of two vectors, those that are the second of a `T`.
        let seconds = match size_of::<T>() {
            16 => 0b1111_1111,
            32 => 0b0011_0011,
            _ => 0b0000_0011,
        };
        let any = _mm512_maskz_set1_epi64(seconds, any.cast_signed());
        let sum = _mm512_maskz_set1_epi64(seconds, sum.cast_signed());
        let (mut found, mut total) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let mut add = |one, other| {
            let odd = _mm512_unpackhi_epi64(one, other);
            found = _mm512_or_si512(found, odd);
            total = _mm512_add_epi64(total, _mm512_and_si512(odd, sum));
        };
        let mut from = items.as_ptr().cast::<i64>();
        let words = size_of_val(items) / 8;
        for _ in 0..words / 16 {
            // SAFETY: 64 bytes are there, initialised (the caller's word), and the load wants no alignment.
            let one = unsafe { _mm512_loadu_si512(from.cast()) };
            // SAFETY: 64 more bytes are there.
            let second = unsafe { from.add(8) };
            // SAFETY: likewise.
            let other = unsafe { _mm512_loadu_si512(second.cast()) };
            add(one, other);
            // SAFETY: of the words of all items, sixteen more have gone by.
            from = unsafe { from.add(16) };
        }
        let there = (1_u32 << (words % 16)) - 1;
        if there != 0 {
            // SAFETY: what is left is there, initialised (the caller's word), and no more is loaded.
            let one = unsafe { _mm512_maskz_loadu_epi64(there as u8, from) };
            let second = from.wrapping_add(8);
            // SAFETY: likewise, if there is anything at `second`.
            let other = unsafe { _mm512_maskz_loadu_epi64((there >> 8) as u8, second) };
            add(one, other);
        }
        let found = _mm512_test_epi64_mask(found, any) != 0;
        (found, _mm512_reduce_add_epi64(total).cast_unsigned())
    }

    /// # Safety
    ///
    /// As for [`Wide::mark`](super::Wide::mark).
    #[inline]
    #[target_feature(enable = "avx512f,bmi2")]
    pub(super) unsafe fn mark<T>(items: &mut [T], value: u64, mask: u64) -> u64 {
        let fourths = 0b1000_1000;
        let value = _mm512_maskz_set1_epi64(fourths, value.cast_signed());
        let mask = _mm512_maskz_set1_epi64(fourths, mask.cast_signed());
        let mut found = _mm512_setzero_si512();
        let mut change = |some| {
            found = _mm512_or_si512(found, some);
            // mask ? value : some
            _mm512_ternarylogic_epi64::<0xd8>(some, value, mask)
        };
        let (pairs, last) = items.as_chunks_mut::<2>();
        for pair in pairs {
            let at = pair.as_mut_ptr();
            // SAFETY: 64 bytes are there, initialised (the caller's word), and the load wants no alignment.
            let some = unsafe { _mm512_loadu_si512(at.cast()) };
            // SAFETY: 64 bytes are there, the store wants no alignment, and what it leaves is a `T` (the
            // caller's word).
            unsafe { _mm512_storeu_si512(at.cast(), change(some)) };
        }
        for item in last {
            let at = core::ptr::from_mut(item).cast();
            // SAFETY: 32 bytes are there, initialised (the caller's word), and no more is loaded.
            let some = unsafe { _mm512_maskz_loadu_epi64(0b1111, at) };
            // SAFETY: as many are there, no more is stored, and what that leaves is a `T`.
            unsafe { _mm512_mask_storeu_epi64(at, 0b1111, change(some)) };
        }
        _mm512_mask_reduce_or_epi64(fourths, found).cast_unsigned()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn check_survey<const WORDS: usize>(wide: Wide, words: &[u64], any: u64, sum: u64) {
        for len in 0..=words.len() / WORDS {
            let items: Vec<[u64; WORDS]> = words
                .chunks_exact(WORDS)
                .take(len)
                .map(|chunk| chunk.try_into().unwrap())
                .collect();
            // SAFETY: so many bytes, all initialised.
            let plain = unsafe { plain::survey(&items, any, sum) };
            // SAFETY: likewise.
            assert_eq!(unsafe { wide.survey(&items, any, sum) }, plain, "{len}");
        }
    }

    proptest! {
        #[test]
        fn by_vectors_is_as_one_by_one(
            words in proptest::collection::vec(0..1_u64 << 40, 8 * 9),
            other in proptest::collection::vec(any::<u64>(), 8 * 9),
            bit in 0..40_u32,
            value: u64,
            mask: u64,
        ) {
            let Some(wide) = Wide::detect() else { return Ok(()) };
            // With a bit that few words have.
            let rare: Vec<u64> = words.iter().zip(&other).map(|(word, other)| word & !(1 << bit) | u64::from(other % 37 == 0) << bit).collect();
            check_survey::<2>(wide, &rare, 1 << bit, 0xffff);
            check_survey::<4>(wide, &rare, 1 << bit, 0xffff);
            check_survey::<8>(wide, &rare, 1 << bit, 0xffff);
            for len in 0..=other.len() / 4 {
                let items: Vec<[u64; 4]> = other.chunks_exact(4).take(len).map(|chunk| chunk.try_into().unwrap()).collect();
                let (mut one, mut all) = (items.clone(), items);
                // SAFETY: 32 bytes, all initialised; any numbers may be there.
                let found = unsafe { plain::mark(&mut one, value, mask) };
                // SAFETY: likewise.
                prop_assert_eq!(unsafe { wide.mark(&mut all, value, mask) }, found);
                prop_assert_eq!(all, one);
            }
        }
    }
}

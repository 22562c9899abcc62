//! Writing the same thing to all descriptors of a burst, two at a time.
//!
//! Each is read and written in vectors of 64 bytes, as it was copied: a core passes a store on to a load
//! behind it only if the load wants no more than that store has. Of 32 packets it takes 100 instructions; one by one, 80,
//! and 32 stores that a copy behind them waits for.
//!
//! Where descriptors are copied anyhow, [`carry`](super::carry) does it on the way.

use super::Wide;

impl Wide {
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
        _mm512_loadu_si512, _mm512_mask_reduce_or_epi64, _mm512_mask_storeu_epi64,
        _mm512_maskz_loadu_epi64, _mm512_maskz_set1_epi64, _mm512_or_si512, _mm512_setzero_si512,
        _mm512_storeu_si512, _mm512_ternarylogic_epi64,
    };

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

    proptest! {
        #[test]
        fn by_vectors_is_as_one_by_one(
            words in proptest::collection::vec(any::<u64>(), 4 * 18),
            value: u64,
            mask: u64,
        ) {
            let Some(wide) = Wide::detect() else { return Ok(()) };
            for len in 0..=words.len() / 4 {
                let items: Vec<[u64; 4]> = words.as_chunks().0.iter().copied().take(len).collect();
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

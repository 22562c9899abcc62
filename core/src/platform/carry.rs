//! Copying the descriptors of a burst, and seeing on the way what they say together.
//!
//! What comes out of a ring, or goes into one, is read once and written once for all that is done with it then: it was
//! three passes over memory that the one before had just written.
//!
//! | 32 packets, of 32 bytes each | carried | copied, seen and marked |
//! |---|---|---|
//! | by vectors of 512 bits | 120 instructions | 270 |
//! | by vectors of 256 bits | 270 | 370, one by one but for the copy |

use super::Wide;

/// What descriptors had that were [carried](carry): two words, so that they come in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Carried {
    /// All bits of their fourth words, together, before.
    pub(crate) fourth: u64,
    /// The lowest bit: whether any second word has one of the bits asked for. Above: the sum.
    second: u64,
}

impl Carried {
    #[inline(always)]
    const fn new(found: bool, total: u64, fourth: u64) -> Self {
        Self {
            fourth,
            second: total << 1 | found as u64,
        }
    }

    /// Whether the second word of any has one of the bits of `ANY`.
    #[inline(always)]
    pub(crate) const fn found(self) -> bool {
        self.second & 1 != 0
    }

    /// The sum of what the second words have of the bits of `SUM`.
    #[inline(always)]
    pub(crate) const fn total(self) -> u64 {
        self.second >> 1
    }
}

/// Copies `count` descriptors: each is read and written once for all that is to be known of it, and for those bits
/// of its fourth word that `MASK` has, which become those of `value`.
///
/// # Safety
///
/// A `T` has 32 bytes, all of them initialised, and may have any such bits there; `value` has no others. `count` of them
/// are at `from`, there is room for as many at `to`, and the two do not overlap.
#[inline(always)]
pub(crate) unsafe fn carry<T, const ANY: u64, const SUM: u64, const MASK: u64>(
    wide: Option<Wide>,
    from: *const T,
    to: *mut T,
    count: usize,
    value: u64,
) -> Carried {
    const { assert!(size_of::<T>() == 32) }
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    if wide.is_some() {
        // SAFETY: a `Wide` is the proof that AVX-512F and BMI2 are there; the rest is the caller's word.
        return unsafe { avx512::carry::<ANY, SUM, MASK>(from.cast(), to.cast(), count, value) };
    }
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    if super::Avx2::known().is_some() {
        // SAFETY: an `Avx2` is the proof that it is there; the rest is the caller's word.
        return unsafe { avx2::carry::<ANY, SUM, MASK>(from.cast(), to.cast(), count, value) };
    }
    let _ = wide;
    // SAFETY: the caller's word.
    unsafe { plain::carry::<ANY, SUM, MASK>(from.cast(), to.cast(), count, value) }
}

mod plain {
    use super::Carried;

    /// # Safety
    ///
    /// As for [`carry`](super::carry).
    pub(super) unsafe fn carry<const ANY: u64, const SUM: u64, const MASK: u64>(
        from: *const [u64; 4],
        to: *mut [u64; 4],
        count: usize,
        value: u64,
    ) -> Carried {
        let (mut second, mut total, mut fourth) = (0, 0_u64, 0);
        for at in 0..count {
            // SAFETY: `at` is below `count`, and so many are there (the caller's word).
            let source = unsafe { from.add(at) };
            // SAFETY: 32 bytes are there, initialised (the caller's word), and may lie anywhere.
            let mut four = unsafe { source.read_unaligned() };
            second |= four[1];
            total = total.wrapping_add(four[1] & SUM);
            fourth |= four[3];
            if MASK != 0 {
                four[3] = four[3] & !MASK | value;
            }
            // SAFETY: there is room for `count` (the caller's word).
            let target = unsafe { to.add(at) };
            // SAFETY: likewise, anywhere.
            unsafe { target.write_unaligned(four) };
        }
        Carried::new(second & ANY != 0, total, fourth)
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx2 {
    use core::arch::x86_64::{
        __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256, _mm256_loadu_si256,
        _mm256_or_si256, _mm256_set_epi64x, _mm256_setzero_si256, _mm256_storeu_si256,
        _mm256_unpackhi_epi64,
    };

    use super::Carried;

    /// # Safety
    ///
    /// As for [`carry`](super::carry).
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn carry<const ANY: u64, const SUM: u64, const MASK: u64>(
        mut from: *const __m256i,
        mut to: *mut __m256i,
        count: usize,
        value: u64,
    ) -> Carried {
        let value = _mm256_set_epi64x(value.cast_signed(), 0, 0, 0);
        let mask = _mm256_set_epi64x(MASK.cast_signed(), 0, 0, 0);
        let sum = _mm256_set_epi64x(0, 0, SUM.cast_signed(), SUM.cast_signed());
        let (mut found, mut total) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        let mut look = |one, other| {
            let odd = _mm256_unpackhi_epi64(one, other);
            found = _mm256_or_si256(found, odd);
            total = _mm256_add_epi64(total, _mm256_and_si256(odd, sum));
        };
        let noted = |some| match MASK != 0 {
            true => _mm256_or_si256(_mm256_andnot_si256(mask, some), value),
            false => some,
        };
        for _ in 0..count / 2 {
            // SAFETY: 32 bytes are there, initialised (the caller's word), and the load wants no alignment.
            let one = unsafe { _mm256_loadu_si256(from) };
            // SAFETY: 32 more are there.
            let second = unsafe { from.add(1) };
            // SAFETY: likewise.
            let other = unsafe { _mm256_loadu_si256(second) };
            look(one, other);
            // SAFETY: there is room for 32 bytes, anywhere.
            unsafe { _mm256_storeu_si256(to, noted(one)) };
            // SAFETY: and for 32 more.
            let second = unsafe { to.add(1) };
            // SAFETY: likewise.
            unsafe { _mm256_storeu_si256(second, noted(other)) };
            // SAFETY: of all that is there, two more have gone by.
            from = unsafe { from.add(2) };
            // SAFETY: and as many of the room.
            to = unsafe { to.add(2) };
        }
        if !count.is_multiple_of(2) {
            // SAFETY: one is left.
            let one = unsafe { _mm256_loadu_si256(from) };
            look(one, _mm256_setzero_si256());
            // SAFETY: and room for it.
            unsafe { _mm256_storeu_si256(to, noted(one)) };
        }
        // The second word of one, that of the other, the fourth word of one, that of the other.
        let [a, b, c, d] = words(found);
        let [total, more, ..] = words(total);
        Carried::new((a | b) & ANY != 0, total + more, c | d)
    }

    #[target_feature(enable = "avx2")]
    fn words(of: __m256i) -> [u64; 4] {
        // SAFETY: both are 32 bytes, of which every pattern is a value.
        unsafe { core::mem::transmute(of) }
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

    use super::Carried;

    /// # Safety
    ///
    /// As for [`carry`](super::carry).
    #[inline]
    #[target_feature(enable = "avx512f,bmi2")]
    pub(super) unsafe fn carry<const ANY: u64, const SUM: u64, const MASK: u64>(
        mut from: *const i64,
        mut to: *mut i64,
        count: usize,
        value: u64,
    ) -> Carried {
        let fourths = 0b1000_1000;
        // Of the odd words of two vectors, the second ones of descriptors, and the fourth ones.
        let (seconds, others) = (0b0011_0011, 0b1100_1100);
        let value = _mm512_maskz_set1_epi64(fourths, value.cast_signed());
        let mask = _mm512_maskz_set1_epi64(fourths, MASK.cast_signed());
        let any = _mm512_maskz_set1_epi64(seconds, ANY.cast_signed());
        let sum = _mm512_maskz_set1_epi64(seconds, SUM.cast_signed());
        let (mut found, mut total) = (_mm512_setzero_si512(), _mm512_setzero_si512());
        let mut look = |one, other| {
            let odd = _mm512_unpackhi_epi64(one, other);
            found = _mm512_or_si512(found, odd);
            total = _mm512_add_epi64(total, _mm512_and_si512(odd, sum));
        };
        // mask ? value : some
        let noted = |some| match MASK != 0 {
            true => _mm512_ternarylogic_epi64::<0xd8>(some, value, mask),
            false => some,
        };
        for _ in 0..count / 4 {
            // SAFETY: 64 bytes are there, initialised (the caller's word), and the load wants no alignment.
            let one = unsafe { _mm512_loadu_si512(from.cast()) };
            // SAFETY: 64 more bytes are there.
            let second = unsafe { from.add(8) };
            // SAFETY: likewise.
            let other = unsafe { _mm512_loadu_si512(second.cast()) };
            look(one, other);
            // SAFETY: there is room for 64 bytes, anywhere.
            unsafe { _mm512_storeu_si512(to.cast(), noted(one)) };
            // SAFETY: and for 64 more.
            let second = unsafe { to.add(8) };
            // SAFETY: likewise.
            unsafe { _mm512_storeu_si512(second.cast(), noted(other)) };
            // SAFETY: of all that is there, four more have gone by.
            from = unsafe { from.add(16) };
            // SAFETY: and as many of the room.
            to = unsafe { to.add(16) };
        }
        let left = (1_u32 << (count % 4 * 4)) - 1;
        if left != 0 {
            // SAFETY: what is left is there, initialised (the caller's word), and no more is loaded.
            let one = unsafe { _mm512_maskz_loadu_epi64(left as u8, from) };
            // SAFETY: likewise, if there is anything at all.
            let other =
                unsafe { _mm512_maskz_loadu_epi64((left >> 8) as u8, from.wrapping_add(8)) };
            look(one, other);
            // SAFETY: there is room for what is left, and no more is stored.
            unsafe { _mm512_mask_storeu_epi64(to, left as u8, noted(one)) };
            let second = to.wrapping_add(8);
            // SAFETY: likewise.
            unsafe { _mm512_mask_storeu_epi64(second, (left >> 8) as u8, noted(other)) };
        }
        Carried::new(
            _mm512_test_epi64_mask(found, any) != 0,
            _mm512_reduce_add_epi64(total).cast_unsigned(),
            _mm512_mask_reduce_or_epi64(others, found).cast_unsigned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const ANY: u64 = 1 << 16;
    const SUM: u64 = 0xffff;
    const MASK: u64 = 0xffff;

    /// What came of them, and how each is afterwards.
    type Outcome = (bool, u64, u64, Vec<[u64; 4]>);

    /// One by one, each in the way that the documentation says it.
    fn expected<const MASK: u64>(items: &[[u64; 4]], value: u64) -> Outcome {
        let found = items.iter().any(|item| item[1] & ANY != 0);
        let total = items.iter().map(|item| item[1] & SUM).sum();
        let fourth = items.iter().fold(0, |bits, item| bits | item[3]);
        let noted = |&[a, b, c, d]: &[u64; 4]| [a, b, c, d & !MASK | value];
        (found, total, fourth, items.iter().map(noted).collect())
    }

    /// By each way that this processor has.
    fn outcomes<const MASK: u64>(items: &[[u64; 4]], value: u64) -> Vec<Outcome> {
        type Way = unsafe fn(*const [u64; 4], *mut [u64; 4], usize, u64) -> Carried;
        let best: Way = |from, to, count, value| {
            // SAFETY: the caller's word.
            unsafe { carry::<_, ANY, SUM, MASK>(Wide::detect(), from, to, count, value) }
        };
        let second: Way = |from, to, count, value| {
            // SAFETY: the caller's word.
            unsafe { carry::<_, ANY, SUM, MASK>(None, from, to, count, value) }
        };
        let ways = [best, second, plain::carry::<ANY, SUM, MASK>];
        let outcome = |way: Way| {
            // One place more than there are, which stays as it is.
            let mut to = vec![[7; 4]; items.len() + 1];
            // SAFETY: 32 bytes each, all initialised; any numbers may be there, and there is room for all.
            let carried = unsafe { way(items.as_ptr(), to.as_mut_ptr(), items.len(), value) };
            assert_eq!(to.pop(), Some([7; 4]));
            (carried.found(), carried.total(), carried.fourth, to)
        };
        ways.map(outcome).into()
    }

    proptest! {
        #[test]
        fn by_vectors_is_as_one_by_one(
            words in proptest::collection::vec(any::<u64>(), 4 * 18),
            rare in 0..40_usize,
            value: u64,
        ) {
            let mut items: Vec<[u64; 4]> = words.as_chunks().0.to_vec();
            for (at, item) in items.iter_mut().enumerate() {
                item[1] = item[1] & !ANY | if at == rare { ANY } else { 0 };
            }
            let value = value & MASK;
            for len in 0..=items.len() {
                let some = &items[..len];
                for outcome in outcomes::<MASK>(some, value) {
                    prop_assert_eq!(outcome, expected::<MASK>(some, value));
                }
                for outcome in outcomes::<0>(some, 0) {
                    prop_assert_eq!(outcome, expected::<0>(some, 0));
                }
            }
        }
    }
}

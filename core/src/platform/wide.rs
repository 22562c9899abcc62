//! Sums by wide vectors, where the processor that runs the program has them.
//!
//! A program is compiled for the least of its processors, and what the compiler makes of a loop for
//! wider vectors is not always good. So the one loop that gains is here by hand: the Internet
//! checksum's.

/// The exact sum of `blocks` as little-endian 16-bit words, at most 2^32 of them; `None` where the
/// processor has no vectors of 256 bits.
///
/// Finding that out costs a load and a comparison, but the first time.
#[inline]
pub(crate) fn sum_of_words(blocks: &[[u8; 64]]) -> Option<u64> {
    imp::sum_of_words(blocks)
}

// Without SSE2 vectors may not be touched: `isa` has where that is.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod imp {
    use core::arch::x86_64::{
        __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_add_epi32,
        _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_set1_epi16, _mm256_setzero_si256, _mm256_xor_si256,
    };
    use core::sync::atomic::{AtomicU8, Ordering};

    use crate::platform::isa::{leaf_7_ebx, switched_on};

    #[inline]
    pub(super) fn sum_of_words(blocks: &[[u8; 64]]) -> Option<u64> {
        // SAFETY: the processor has AVX2, and the system keeps its registers.
        has_avx2().then(|| unsafe { by_avx2(blocks) })
    }

    /// The instruction that adds pairs of words takes them as signed: with its highest bit turned
    /// over, a word less 2^15. What is missing is counted.
    #[target_feature(enable = "avx2")]
    fn by_avx2(blocks: &[[u8; 64]]) -> u64 {
        let mut sum = 0_u64;
        for run in blocks.chunks(RUN) {
            let mut sums = [_mm256_setzero_si256(); 4];
            let (pairs, last) = run.as_chunks::<2>();
            for [first, second] in pairs {
                let [a, b, c, d] = sums;
                let ([e, f], [g, h]) = (halves(first), halves(second));
                sums = [add(a, e), add(b, f), add(c, g), add(d, h)];
            }
            let [mut a, mut b, c, d] = sums;
            for block in last {
                let [e, f] = halves(block);
                (a, b) = (add(a, e), add(b, f));
            }
            let missing = run.len() as i64 * (32 << 15);
            let all = i64::from(across(add(add(a, b), add(c, d))));
            // Not negative: it is the sum of the words.
            sum = sum.wrapping_add((all + missing).cast_unsigned());
        }
        sum
    }

    /// The words of a block less 2^15 each, added by twos.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn halves(block: &[u8; 64]) -> [__m256i; 2] {
        let ([first, second], _) = block.as_chunks::<32>() else {
            return [_mm256_setzero_si256(); 2];
        };
        [first, second].map(|half| {
            // SAFETY: 32 bytes are there, and the load wants no alignment.
            let words = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
            let signed = _mm256_xor_si256(words, _mm256_set1_epi16(i16::MIN));
            _mm256_madd_epi16(signed, _mm256_set1_epi16(1))
        })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn add(a: __m256i, b: __m256i) -> __m256i {
        _mm256_add_epi32(a, b)
    }

    /// The sum of eight numbers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn across(sums: __m256i) -> i32 {
        let upper = _mm256_extracti128_si256::<1>(sums);
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), upper);
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
    }

    #[inline]
    pub(super) fn has_avx2() -> bool {
        /// 0 until it is known; then 1 without, 2 with.
        static KNOWN: AtomicU8 = AtomicU8::new(0);
        match KNOWN.load(Ordering::Relaxed) {
            0 => {
                let found = find_out();
                KNOWN.store(1 + u8::from(found), Ordering::Relaxed);
                found
            }
            known => known == 2,
        }
    }

    /// As the Intel SDM says, volume 1, section 14.7.1 ("Detection of AVX2"): the system has to
    /// keep the registers too, which one on bare metal may not. It keeps none that are not there.
    #[cold]
    fn find_out() -> bool {
        switched_on() & STATE == STATE && leaf_7_ebx() & AVX2 != 0
    }

    /// Blocks whose sum, and each part of it, fits 32 bits with a sign: 2^14 words of less than 2^15.
    const RUN: usize = 512;
    /// CPUID.(07H,0):EBX, AVX2.
    const AVX2: u32 = 1 << 5;
    /// XCR0: the system keeps registers of 128 bits, and their upper halves.
    const STATE: u64 = 1 << 1 | 1 << 2;
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod imp {
    #[inline]
    pub(super) fn sum_of_words(_blocks: &[[u8; 64]]) -> Option<u64> {
        None
    }
}

#[cfg(all(test, target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn what_is_found_is_what_the_standard_library_finds() {
        for _ in 0..2 {
            assert_eq!(imp::has_avx2(), std::is_x86_feature_detected!("avx2"));
        }
    }

    #[test]
    fn the_sum_is_exact_for_any_number_of_blocks() {
        let words = |block: &[u8; 64]| -> u64 {
            let words = block.as_chunks::<2>().0.iter();
            words.map(|word| u64::from(u16::from_le_bytes(*word))).sum()
        };
        for count in [0, 1, 2, 3, 9, 511, 512, 513, 1024, 1535] {
            for byte in [Some(0), Some(0xff), Some(0x80), Some(0x7f), None] {
                let blocks: Vec<[u8; 64]> = (0..count)
                    .map(|i: usize| {
                        core::array::from_fn(|j| byte.unwrap_or((i * 89 + j * 37) as u8))
                    })
                    .collect();
                let exact: u64 = blocks.iter().map(words).sum();
                if let Some(sum) = sum_of_words(&blocks) {
                    assert_eq!(sum, exact, "{count} blocks of {byte:?}");
                }
            }
        }
    }
}

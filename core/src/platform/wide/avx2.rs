//! 256 bits at a time.

use core::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm256_add_epi32,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_set1_epi16, _mm256_setzero_si256, _mm256_xor_si256,
};

/// The instruction that adds pairs of words takes them as signed: with its highest bit turned
/// over, a word less 2^15. What is missing is counted.
#[target_feature(enable = "avx2")]
pub(super) fn sum(blocks: &[[u8; 64]]) -> u64 {
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

/// Blocks whose sum, and each part of it, fits 32 bits with a sign: 2^14 words of less than 2^15.
const RUN: usize = 512;

//! Columns of four words: what both floors are made of.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_cmpgt_epi32, _mm_cvtsi128_si64, _mm_madd_epi16,
    _mm_or_si128, _mm_set_epi64x, _mm_set1_epi16, _mm_set1_epi32, _mm_slli_epi16, _mm_slli_epi32,
    _mm_srli_epi16, _mm_srli_epi32, _mm_unpackhi_epi32, _mm_unpackhi_epi64, _mm_unpacklo_epi32,
    _mm_unpacklo_epi64, _mm_xor_si128,
};

use super::Line;

/// The sixteen bytes from `AT` on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn row<const AT: usize>(line: &Line) -> __m128i {
    let (_, bytes) = line.split_at(AT);
    let [low, high] = [0, 8].map(|at| {
        let word = bytes[at..].first_chunk();
        word.map_or(0, |word| i64::from_le_bytes(*word))
    });
    _mm_set_epi64x(high, low)
}

/// Four rows as columns, or columns as rows.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn turn([a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
    let (low, high) = (_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    let (low_2, high_2) = (_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
    [
        _mm_unpacklo_epi64(low, low_2),
        _mm_unpackhi_epi64(low, low_2),
        _mm_unpacklo_epi64(high, high_2),
        _mm_unpackhi_epi64(high, high_2),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn halves_of(row: __m128i) -> [i64; 2] {
    [
        _mm_cvtsi128_si64(row),
        _mm_cvtsi128_si64(_mm_unpackhi_epi64(row, row)),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn words(column: __m128i) -> [u32; 4] {
    let [low, high] = halves_of(column).map(i64::cast_unsigned);
    [
        low as u32,
        (low >> 32) as u32,
        high as u32,
        (high >> 32) as u32,
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn splat(number: u32) -> __m128i {
    _mm_set1_epi32(number.cast_signed())
}

/// The sums of both halves, [`HALF`] less for each: the instruction takes them as signed.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn halves(column: __m128i) -> __m128i {
    _mm_madd_epi16(xor(column, _mm_set1_epi16(i16::MIN)), _mm_set1_epi16(1))
}

/// With the bytes of each half in the other order.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn swapped(column: __m128i) -> __m128i {
    or(_mm_slli_epi16::<8>(column), _mm_srli_epi16::<8>(column))
}

/// The sums of 16 bits that these are, in the upper halves.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn folded(sums: __m128i) -> __m128i {
    let sums = add(and(sums, splat(0xffff)), _mm_srli_epi32::<16>(sums));
    _mm_slli_epi32::<16>(add(sums, _mm_srli_epi32::<16>(sums)))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn and(a: __m128i, b: __m128i) -> __m128i {
    _mm_and_si128(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn or(a: __m128i, b: __m128i) -> __m128i {
    _mm_or_si128(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn xor(a: __m128i, b: __m128i) -> __m128i {
    _mm_xor_si128(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn add(a: __m128i, b: __m128i) -> __m128i {
    _mm_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn greater(a: __m128i, b: __m128i) -> __m128i {
    _mm_cmpgt_epi32(a, b)
}

/// What [`halves`] takes from each half.
pub(super) const HALF: u32 = 1 << 15;

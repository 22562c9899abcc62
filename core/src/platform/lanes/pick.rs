//! Cells by their numbers, loaded one by one into registers of 512 bits.
//!
//! A gather is one instruction, but many steps inside, and the processor looks less far ahead
//! ([`Words`](crate::platform::Words) has figures). Here the numbers are stored, and each is read back as part of an
//! address. What reads them back does not wait for the cache if the store is within one line.
//!
//! Cells are atomics, and may be written at the same time. The loads are in assembly for that: each does what a relaxed
//! one does, as `avx512` says of gathers.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_unpacklo_epi64, _mm256_castsi128_si256,
    _mm256_inserti128_si256, _mm512_castsi256_si512, _mm512_inserti64x4, _mm512_min_epu64,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_store_si512,
};
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Numbers of one register, in one line.
#[repr(C, align(64))]
pub(super) struct Line<T>(pub(super) T);

/// A load into one place of a register, or into its lowest one and zeroes into the others.
macro_rules! load {
    ($load:literal, $cells:ident, $at:expr) => {{
        let words: __m128i;
        // SAFETY: the load is of a part of `cells`, which is borrowed where this is used, by a number that was just made
        // to be of one of them; it lies within an aligned quadword.
        unsafe {
            asm!(concat!("v", $load),
                words = out(xmm_reg) words, cells = in(reg) $cells, at = in(reg) $at as usize,
                options(nostack, readonly, preserves_flags));
        }
        words
    }};
    ($load:literal, $cells:ident, $at:expr, $others:expr) => {{
        let words: __m128i;
        // SAFETY: likewise.
        unsafe {
            asm!(concat!("v", $load),
                words = out(xmm_reg) words, others = in(xmm_reg) $others,
                cells = in(reg) $cells, at = in(reg) $at as usize,
                options(nostack, readonly, preserves_flags));
        }
        words
    }};
}

/// The cells of these numbers, modulo how many there are.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn sixteen<const COUNT: usize>(
    cells: &[AtomicU32; COUNT],
    numbers: [usize; 16],
) -> __m512i {
    const { assert!(COUNT > 0) };
    let ([a, b, c, d], _) = numbers.as_chunks() else {
        return _mm512_setzero_si512(); // Cannot be: they are four times four.
    };
    join([
        four(cells, a),
        four(cells, b),
        four(cells, c),
        four(cells, d),
    ])
}

/// The cells that lanes of 64 bits number, and of a number past the last, the last one; zeroes if there are none.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn eight(cells: &[AtomicU64], numbers: __m512i) -> __m512i {
    let Some(last) = cells.len().checked_sub(1) else {
        return _mm512_setzero_si512();
    };
    let line = stored(numbers, last);
    let [a, b, c, d, e, f, g, h] = black_box(&line).0;
    let cells = cells.as_ptr();
    let two = |a, b| {
        let low = load!("movq {words}, qword ptr [{cells} + 8*{at}]", cells, a);
        load!(
            "movhps {words}, {others}, qword ptr [{cells} + 8*{at}]",
            cells,
            b,
            low
        )
    };
    join([two(a, b), two(c, d), two(e, f), two(g, h)])
}

/// Likewise words of 16 bits, of which a cell has four, the lowest first.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn eight_words(cells: &[AtomicU64], numbers: __m512i) -> __m128i {
    let Some(last) = cells.len().saturating_mul(4).checked_sub(1) else {
        return _mm_setzero_si128();
    };
    let line = stored(numbers, last);
    let [a, b, c, d, e, f, g, h] = black_box(&line).0;
    let cells = cells.as_ptr();
    let (low, high) = (_mm_setzero_si128(), _mm_setzero_si128());
    let low = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 0",
        cells,
        a,
        low
    );
    let high = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 0",
        cells,
        e,
        high
    );
    let low = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 1",
        cells,
        b,
        low
    );
    let high = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 1",
        cells,
        f,
        high
    );
    let low = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 2",
        cells,
        c,
        low
    );
    let high = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 2",
        cells,
        g,
        high
    );
    let low = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 3",
        cells,
        d,
        low
    );
    let high = load!(
        "pinsrw {words}, {others}, word ptr [{cells} + 2*{at}], 3",
        cells,
        h,
        high
    );
    _mm_unpacklo_epi64(low, high)
}

/// The numbers, none past the last.
#[inline]
#[target_feature(enable = "avx512f")]
fn stored(numbers: __m512i, last: usize) -> Line<[u64; 8]> {
    let numbers = _mm512_min_epu64(numbers, _mm512_set1_epi64(last as i64));
    let mut line = Line([0; 8]);
    // SAFETY: 64 bytes are there, aligned to as many.
    unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), numbers) };
    line
}

#[inline]
#[target_feature(enable = "avx")]
fn four<const COUNT: usize>(cells: &[AtomicU32; COUNT], numbers: &[usize; 4]) -> __m128i {
    let [a, b, c, d] = [
        numbers[0] % COUNT,
        numbers[1] % COUNT,
        numbers[2] % COUNT,
        numbers[3] % COUNT,
    ];
    let cells = cells.as_ptr();
    let low = load!("movd {words}, dword ptr [{cells} + 4*{at}]", cells, a);
    let high = load!("movd {words}, dword ptr [{cells} + 4*{at}]", cells, c);
    let low = load!(
        "pinsrd {words}, {others}, dword ptr [{cells} + 4*{at}], 1",
        cells,
        b,
        low
    );
    let high = load!(
        "pinsrd {words}, {others}, dword ptr [{cells} + 4*{at}], 1",
        cells,
        d,
        high
    );
    _mm_unpacklo_epi64(low, high)
}

/// One behind the other.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn join([a, b, c, d]: [__m128i; 4]) -> __m512i {
    let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
    let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

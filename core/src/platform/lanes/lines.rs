//! Ranks in lines of sorted words: what [`rank`](crate::platform::rank()) is asked for, of thirty-two numbers, each in a
//! line of its own.
//!
//! All words of a line are compared at once, and those that are not above are counted by the mask: no number waits
//! for another, and nothing branches by what is found. The loads are in assembly for the reason that gathers
//! are: `avx512` has it.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm_setzero_si128, _mm_unpacklo_epi64, _mm512_add_epi64, _mm512_min_epu32,
    _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64,
    _mm512_store_si512,
};
use core::sync::atomic::AtomicU16;

use super::longs::both;
use super::pick::{Line, join};

/// As [`Halves::by_rank`](super::Halves::by_rank) says.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
pub(super) fn by_rank(
    lines: &[[AtomicU16; 32]],
    numbers: [__m512i; 2],
    keys: [__m512i; 2],
) -> __m512i {
    let Some(last) = lines.len().checked_sub(1) else {
        return _mm512_setzero_si512();
    };
    let [lower, upper] = numbers;
    let last = _mm512_set1_epi32(last.min(MOST) as i32);
    let [a, b] = both(_mm512_min_epu32(lower, last));
    let [c, d] = both(_mm512_min_epu32(upper, last));
    let [lower, upper] = [stored(keys[0]), stored(keys[1])];
    let ([e, f], _) = lower.0.as_chunks() else {
        return _mm512_setzero_si512(); // Cannot be: they are two times eight, and so below.
    };
    let ([g, h], _) = upper.0.as_chunks() else {
        return _mm512_setzero_si512();
    };
    // SAFETY: no number is above the last line's.
    let a = unsafe { eight(lines, a, e) };
    // SAFETY: likewise.
    let b = unsafe { eight(lines, b, f) };
    // SAFETY: likewise.
    let c = unsafe { eight(lines, c, g) };
    // SAFETY: likewise.
    let d = unsafe { eight(lines, d, h) };
    join(a, b, c, d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn stored(keys: __m512i) -> Line<[u32; 16]> {
    let mut line = Line([0; 16]);
    // SAFETY: 64 bytes are there, aligned to as many.
    unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), keys) };
    line
}

/// One of eight: into this place of a register.
macro_rules! one {
    ($number:literal, $words:literal, $place:literal) => {
        concat!(
            "mov {line}, qword ptr [{at} + 8*",
            $number,
            "]\n",
            "mov {rank:e}, dword ptr [{keys} + 4*",
            $number,
            "]\n",
            "vpbroadcastw zmm31, {rank:e}\n",
            // Not less than what the line has there (Intel SDM volume 2, VPCMPUW).
            "vpcmpuw k2 {{k1}}, zmm31, zmmword ptr [{line}], 5\n",
            "kmovd {rank:e}, k2\n",
            "popcnt {rank:e}, {rank:e}\n",
            "vpinsrw {",
            $words,
            "}, {",
            $words,
            "}, word ptr [{line} + 2*{rank} + 32], ",
            $place,
        )
    };
}

/// Words of the lines of eight numbers.
///
/// # Safety
/// There are such lines.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,popcnt")]
unsafe fn eight(lines: &[[AtomicU16; 32]], numbers: __m512i, keys: &[u32; 8]) -> __m128i {
    // As a number: vectors hold no addresses. What is read behind it is said below.
    let first = _mm512_set1_epi64(lines.as_ptr().expose_provenance() as i64);
    let mut at = Line([0_u64; 8]);
    let begin = _mm512_add_epi64(first, _mm512_slli_epi64::<LINE_SHIFT>(numbers));
    // SAFETY: 64 bytes are there, aligned to as many.
    unsafe { _mm512_store_si512(at.0.as_mut_ptr().cast(), begin) };
    let (mut low, mut high) = (_mm_setzero_si128(), _mm_setzero_si128());
    // SAFETY: the first load of each is of a whole line, which the caller says is there, and which is borrowed; it wants
    // no alignment. At most fifteen bits are counted, those of the mask, so that the second is of one of the line's
    // last sixteen words. The others are of `at` and `keys`. What is needed is there, as of the function.
    unsafe {
        asm!(
            "mov {rank:e}, 0xfffe",
            "kmovd k1, {rank:e}",
            one!(0, "low", 0),
            one!(4, "high", 0),
            one!(1, "low", 1),
            one!(5, "high", 1),
            one!(2, "low", 2),
            one!(6, "high", 2),
            one!(3, "low", 3),
            one!(7, "high", 3),
            line = out(reg) _,
            rank = out(reg) _,
            low = inout(xmm_reg) low,
            high = inout(xmm_reg) high,
            at = in(reg) at.0.as_ptr(),
            keys = in(reg) keys.as_ptr(),
            out("k1") _,
            out("k2") _,
            out("xmm31") _,
            options(nostack, readonly),
        );
    }
    _mm_unpacklo_epi64(low, high)
}

/// Bytes of a line, as a power of two.
const LINE_SHIFT: u32 = 6;

/// The last line that a number of 32 bits names.
const MOST: usize = u32::MAX as usize;

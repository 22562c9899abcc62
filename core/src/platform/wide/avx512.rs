//! 512 bits at a time, each load within one cache line.
//!
//! ```text
//!   lines    ├────────────────┼────────────────┼────────────────┤
//!   bytes            ▓▓▓▓▓▓▓▓▓ ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ ▓▓▓▓▓▓▓
//!   load     ├ masked ───────┤├ whole ────────┤├ masked ───────┤
//! ```
//!
//! A load across two lines costs two, and if bytes lie across lines at all, so does every load of a whole
//! one. So the first is of the line in which the bytes begin, with those before masked out, and all behind it
//! are whole lines.

use core::arch::asm;
use core::arch::x86_64::{
    __m512i, _bzhi_u64, _mm512_add_epi32, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_maskz_loadu_epi8, _mm512_reduce_add_epi32, _mm512_set1_epi16, _mm512_setzero_si512,
    _mm512_xor_si512,
};

/// As [`sum_of_bytes`](super::sum_of_bytes) says.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
pub(super) fn sum(bytes: &[u8]) -> u32 {
    if bytes.len() > RUN {
        return sum_of_runs(bytes);
    }
    if bytes.as_ptr().addr().is_multiple_of(LINE) {
        return sum_of_lines(bytes, _mm512_setzero_si512(), 0);
    }
    sum_from_within_a_line(bytes)
}

/// As [`sum`], of any length.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
fn sum_of_runs(bytes: &[u8]) -> u32 {
    let mut sum = 0_u32;
    // Each begins as far within a line as the first does.
    for run in bytes.chunks(RUN) {
        let (more, carry) = sum.overflowing_add(sum_from_within_a_line(run));
        // A carry is worth 1, as 2^16 - 1 divides 2^32 - 1; after one there is no second.
        sum = more.wrapping_add(u32::from(carry));
    }
    sum
}

/// As [`sum`], of at most [`RUN`] bytes: in the line in which they begin, those before are taken as zero.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
fn sum_from_within_a_line(run: &[u8]) -> u32 {
    let before = run.as_ptr().addr() % LINE;
    let line = run.as_ptr().wrapping_sub(before);
    let sum = if let Some((_, rest)) = run.split_at_checked(LINE - before) {
        // SAFETY: of the line that begins there only the bytes are read that were split off, which lie
        // `before` further; those masked out are not touched (Intel SDM volume 1, section 15.6.4).
        let first = unsafe { _mm512_maskz_loadu_epi8(!0 << before, line.cast()) };
        sum_of_lines(rest, pairs(first), 1)
    } else {
        let here = ones(run.len()) << before;
        // SAFETY: likewise only those of `run`.
        let only = unsafe { _mm512_maskz_loadu_epi8(here, line.cast()) };
        sum_of_lanes(pairs(only), 1)
    };
    // Where the first byte lies at an odd address, each was summed in the other half of a word: turned by
    // 8 it is back (RFC 1071 section 2B).
    sum.rotate_left((before % 2 * 8) as u32)
}

/// The exact sum of the words of `bytes`, and of `first`, which is of so many loads.
///
/// By the bits of the length instead of slices, each of which would have a length to keep.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
fn sum_of_lines(bytes: &[u8], first: __m512i, loads: usize) -> u32 {
    let (mut at, len) = (bytes.as_ptr(), bytes.len());
    let zero = _mm512_setzero_si512();
    // Four sums run beside each other: an addition to one takes four cycles.
    let mut sums = [zero, first, zero, zero];
    if !len.is_multiple_of(LINE) {
        let (here, behind) = (ones(len % LINE), at.wrapping_add(len & !(LINE - 1)));
        // SAFETY: of the 64 bytes behind all whole lines only those of `bytes` are read.
        let last = unsafe { _mm512_maskz_loadu_epi8(here, behind.cast()) };
        sums[0] = pairs(last);
    }
    // The odd one first, where there is nothing yet that it would have to be added to.
    if len & LINE != 0 {
        // SAFETY: there is a line, as this bit says.
        sums[2] = pairs(unsafe { whole(at) });
        at = at.wrapping_add(LINE);
    }
    let end = at.wrapping_add(len & !(8 * LINE - 1));
    while at != end {
        // SAFETY: up to `end` there are eights of the other lines, of which these are the first four.
        sums = unsafe { plus_four(sums, at) };
        // SAFETY: and these the others.
        sums = unsafe { plus_four(sums, at.wrapping_add(4 * LINE)) };
        at = at.wrapping_add(8 * LINE);
    }
    if len & (4 * LINE) != 0 {
        // SAFETY: behind the eights there are four lines, as this bit says.
        sums = unsafe { plus_four(sums, at) };
        at = at.wrapping_add(4 * LINE);
    }
    let [mut e, mut f, g, h] = sums;
    if len & (2 * LINE) != 0 {
        // SAFETY: behind those two lines, as this bit says.
        let one = unsafe { whole(at) };
        // SAFETY: this is the second.
        let other = unsafe { whole(at.wrapping_add(LINE)) };
        (e, f) = (plus(e, one), plus(f, other));
    }
    let sums = _mm512_add_epi32(_mm512_add_epi32(e, f), _mm512_add_epi32(g, h));
    sum_of_lanes(sums, len.div_ceil(LINE).wrapping_add(loads))
}

/// Adds the four lines that begin there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn plus_four([e, f, g, h]: [__m512i; 4], lines: *const u8) -> [__m512i; 4] {
    // SAFETY: the caller says that four are there.
    let [a, b, c, d] = [0, 1, 2, 3].map(|i| unsafe { whole(lines.wrapping_add(i * LINE)) });
    [plus(e, a), plus(f, b), plus(g, c), plus(h, d)]
}

/// The line that begins there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn whole(line: *const u8) -> __m512i {
    // SAFETY: the caller says that its 64 bytes are there, and the load wants no alignment.
    unsafe { _mm512_loadu_si512(line.cast()) }
}

/// The sum of all lanes, and what so many times [`signed`] took from it. That is the sum of the words, which
/// 32 bits hold, and so it does not matter what is carried out of them on the way.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_of_lanes(sums: __m512i, loads: usize) -> u32 {
    let missing = (loads as u32).wrapping_mul(32 << 15);
    _mm512_reduce_add_epi32(sums)
        .cast_unsigned()
        .wrapping_add(missing)
}

/// Adds the words, less 2^15 each, to the lanes by twos.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn plus(mut sums: __m512i, words: __m512i) -> __m512i {
    let (words, ones) = (signed(words), _mm512_set1_epi16(1));
    // By name: of the intrinsic the compiler makes a product and a sum in most places.
    // SAFETY: the instruction is there (AVX512_VNNI), and changes nothing but this register.
    unsafe {
        asm!(
            "vpdpwssd {sums}, {words}, {ones}",
            sums = inout(zmm_reg) sums,
            words = in(zmm_reg) words,
            ones = in(zmm_reg) ones,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// The words, less 2^15 each, by twos.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn pairs(words: __m512i) -> __m512i {
    _mm512_madd_epi16(signed(words), _mm512_set1_epi16(1))
}

/// The instructions that add pairs of words take them as signed: with its highest bit turned over, a word
/// less 2^15. What is missing is counted ([`sum_of_lanes`]).
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn signed(words: __m512i) -> __m512i {
    _mm512_xor_si512(words, _mm512_set1_epi16(i16::MIN))
}

/// A mask of the first `count` bytes, fewer than 64.
#[inline]
#[target_feature(enable = "bmi2")]
fn ones(count: usize) -> u64 {
    _bzhi_u64(!0, count as u32)
}

/// Bytes of a cache line, and of a register.
const LINE: usize = 64;

/// Bytes in whole lines, which lie in at most 2^10 + 2 lines: fewer than 2^16 words of 16 bits, whose sum
/// fits 32 bits.
const RUN: usize = LINE << 10;

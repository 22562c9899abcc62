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

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_dpwssd_epi32, _mm512_loadu_si512, _mm512_maskz_loadu_epi8,
    _mm512_reduce_add_epi32, _mm512_set1_epi16, _mm512_setzero_si512, _mm512_xor_si512,
};

/// As [`sum_of_bytes`](super::sum_of_bytes) says.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
pub(super) fn sum(bytes: &[u8]) -> u32 {
    if bytes.len() > RUN {
        return sum_of_runs(bytes);
    }
    in_place(sum_of_run(bytes), bytes)
}

/// As [`sum`]. All runs begin where the first does, but for whole lines.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
fn sum_of_runs(bytes: &[u8]) -> u32 {
    let mut sum = 0_u32;
    for run in bytes.chunks(RUN) {
        let (more, carry) = sum.overflowing_add(sum_of_run(run));
        // A carry is worth 1, as 2^16 - 1 divides 2^32 - 1; after one there is no second.
        sum = more.wrapping_add(u32::from(carry));
    }
    in_place(sum, bytes)
}

/// Where the first byte lies at an odd address, each was summed in the other half of a word: turned by 8 it
/// is back (RFC 1071 section 2B).
#[inline(always)]
fn in_place(sum: u32, bytes: &[u8]) -> u32 {
    sum.rotate_left((bytes.as_ptr().addr() % 2 * 8) as u32)
}

/// The exact sum of the words of the lines in which the bytes lie, all else in them taken as zero.
///
/// The instruction that adds pairs of words takes them as signed: with its highest bit turned over, a
/// word less 2^15. What is missing is counted.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,bmi2")]
fn sum_of_run(run: &[u8]) -> u32 {
    let before = run.as_ptr().addr() % LINE;
    let line = run.as_ptr().wrapping_sub(before);
    let Some((_, rest)) = run.split_at_checked(LINE - before) else {
        // SAFETY: of the line that begins there only the bytes of `run` are read, which lie `before`
        // further; those that are masked out are not touched (Intel SDM volume 1, section 15.6.4).
        let only = unsafe { _mm512_maskz_loadu_epi8(ones(run.len()) << before, line.cast()) };
        return sum_of_lanes(plus(_mm512_setzero_si512(), only), 1);
    };
    // SAFETY: likewise only those that were split off `rest`.
    let first = unsafe { _mm512_maskz_loadu_epi8(!0 << before, line.cast()) };
    let (lines, last) = rest.as_chunks::<LINE>();
    // SAFETY: of the line that begins there only the bytes of `last` are read.
    let last = unsafe { _mm512_maskz_loadu_epi8(ones(last.len()), last.as_ptr().cast()) };
    let zero = _mm512_setzero_si512();
    // Four sums run beside each other: an addition to one takes four cycles.
    let mut sums = [plus(zero, first), plus(zero, last), zero, zero];
    let (fours, few) = lines.as_chunks::<4>();
    for [a, b, c, d] in fours {
        let [e, f, g, h] = sums;
        let [a, b, c, d] = [whole(a), whole(b), whole(c), whole(d)];
        sums = [plus(e, a), plus(f, b), plus(g, c), plus(h, d)];
    }
    let [mut e, mut f, mut g, h] = sums;
    if let [a, ..] = few {
        e = plus(e, whole(a));
    }
    if let [_, b, ..] = few {
        f = plus(f, whole(b));
    }
    if let [_, _, c, ..] = few {
        g = plus(g, whole(c));
    }
    let sums = _mm512_add_epi32(_mm512_add_epi32(e, f), _mm512_add_epi32(g, h));
    let loads = lines.len().wrapping_add(2);
    sum_of_lanes(sums, loads)
}

/// The sum of all lanes, and what so many times [`plus`] took from it. That is the sum of the words, which
/// 32 bits hold, and so it does not matter what is carried out of them on the way.
#[inline]
#[target_feature(enable = "avx512f")]
fn sum_of_lanes(sums: __m512i, loads: usize) -> u32 {
    let missing = (loads as u32).wrapping_mul(32 << 15);
    _mm512_reduce_add_epi32(sums)
        .cast_unsigned()
        .wrapping_add(missing)
}

/// A whole line.
#[inline]
#[target_feature(enable = "avx512f")]
fn whole(line: &[u8; LINE]) -> __m512i {
    // SAFETY: 64 bytes are there, and the load wants no alignment, though here it has it.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

/// Adds the words, less 2^15 each, to the lanes by twos.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn plus(sums: __m512i, words: __m512i) -> __m512i {
    let signed = _mm512_xor_si512(words, _mm512_set1_epi16(i16::MIN));
    _mm512_dpwssd_epi32(sums, signed, _mm512_set1_epi16(1))
}

/// A mask of the first `count` bytes, fewer than 64.
#[inline(always)]
const fn ones(count: usize) -> u64 {
    !(!0 << count)
}

/// Bytes of a cache line, and of a register.
const LINE: usize = 64;

/// Bytes in whole lines, which lie in at most 2^10 + 2 lines: fewer than 2^16 words of 16 bits, whose sum
/// fits 32 bits.
const RUN: usize = LINE << 10;

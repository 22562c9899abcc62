//! The same register for eight numbers of 64 bits, and for thirty-two of 16.

use core::arch::asm;
use core::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_castsi512_si256, _mm512_cvtepu32_epi64,
    _mm512_extracti64x4_epi64, _mm512_inserti64x4, _mm512_loadu_si512, _mm512_lzcnt_epi64,
    _mm512_mask_mov_epi16, _mm512_mask_mov_epi64, _mm512_min_epu64, _mm512_permutex2var_epi16,
    _mm512_permutex2var_epi64, _mm512_popcnt_epi64, _mm512_rorv_epi64, _mm512_set1_epi16,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_slli_epi64, _mm512_sllv_epi64,
    _mm512_srli_epi64, _mm512_storeu_si512, _mm512_test_epi16_mask, _mm512_test_epi64_mask,
};
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};

use super::avx512::{Lanes, Wide, low_halves};
use super::lines;
use super::pick::through;

/// Eight numbers of 64 bits. As of [`Lanes`], a value is the proof that what its methods need is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Longs(__m512i);

// SAFETY of each block below: what `Wide` stands for is there, of which a value of this type is the proof, too.
impl Longs {
    /// The first eight of sixteen numbers, and the others.
    #[inline(always)]
    pub(crate) fn both(lanes: Lanes) -> [Self; 2] {
        // SAFETY: `lanes` is the proof.
        unsafe { both(lanes.0) }.map(Self)
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    /// The sums, modulo 2^64.
    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    pub(crate) fn shifted_left<const BY: u32>(self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_slli_epi64::<BY>(self.0) })
    }

    #[inline(always)]
    pub(crate) fn shifted_right<const BY: u32>(self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_srli_epi64::<BY>(self.0) })
    }

    /// Each by its own number of bits, modulo 64.
    #[inline(always)]
    pub(crate) fn turned_right_by(self, by: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_rorv_epi64(self.0, by.0) })
    }

    /// Each by its own number of bits; by 64 or more it is 0.
    #[inline(always)]
    pub(crate) fn shifted_left_by(self, by: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_sllv_epi64(self.0, by.0) })
    }

    #[inline(always)]
    pub(crate) fn leading_zeros(self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_lzcnt_epi64(self.0) })
    }

    #[inline(always)]
    pub(crate) fn count_ones(self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_popcnt_epi64(self.0) })
    }

    /// What the table has at these numbers, modulo 32.
    #[inline(always)]
    pub(crate) fn of_table(self, table: &[u64; 32]) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { of_table(table, self.0) })
    }

    /// The cells that the highest bits of these numbers name, as many bits as it takes to name all; and of two times eight of
    /// these cells the long ones that they number. That is for cells whose highest bit is set, and leaves it out: for
    /// others, and numbers past the last, it is the first long cell, or zeroes if there is none. Each is a relaxed load,
    /// a long one after the one that gave its number.
    #[inline(always)]
    pub(crate) fn pick_through<const COUNT: usize>(
        _: Wide,
        cells: &[AtomicU32; COUNT],
        longs: &[AtomicU64],
        numbers: &[u32; 16],
    ) -> (Lanes, [Self; 2]) {
        // SAFETY: a `Wide` was given.
        let (cells, first, others) = unsafe { through(cells, longs, numbers) };
        (Lanes(cells), [Self(first), Self(others)])
    }

    #[cfg(test)]
    pub(crate) fn store(self) -> [u64; 8] {
        let mut numbers = [0; 8];
        // SAFETY: `self` is the proof; 64 bytes are there, and the store wants no alignment.
        unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), self.0) };
        numbers
    }

    /// The cells of these numbers, the last one for those past it, and zeroes if there are none: a relaxed load each.
    #[inline(always)]
    pub(crate) fn gather(cells: &[AtomicU64], numbers: Self) -> Self {
        // SAFETY: `numbers` is the proof.
        Self(unsafe { gather(cells, numbers.0) })
    }
}

/// Thirty-two numbers of 16 bits; likewise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halves(__m512i);

impl Halves {
    /// The lower 16 bits of each of two.
    #[inline(always)]
    pub(crate) fn lower([one, other]: [Lanes; 2]) -> Self {
        // SAFETY: the pair is the proof.
        Self(unsafe { low_halves(one.0, other.0) })
    }

    /// The lowest 16 bits of each of four times eight.
    #[inline(always)]
    pub(crate) fn lowest([a, b, c, d]: [Longs; 4]) -> Self {
        // SAFETY: the numbers are the proof.
        Self(unsafe { lowest([a.0, b.0, c.0, d.0]) })
    }

    /// What lines of these numbers have for keys, which are the lower halves of each lane: the rank-th of a line's last
    /// sixteen words, by the [`rank`](crate::platform::rank()) among the first, which are sorted. Of the last line for
    /// numbers past it, and zeroes if there are none. Each is a relaxed load.
    #[inline(always)]
    pub(crate) fn by_rank(
        lines: &[[AtomicU16; 32]],
        [lower, upper]: [Lanes; 2],
        keys: [Lanes; 2],
    ) -> Self {
        // SAFETY: the numbers are the proof.
        Self(unsafe { lines::by_rank(lines, [lower.0, upper.0], [keys[0].0, keys[1].0]) })
    }

    /// Where a bit of the mask is set, those of others.
    #[inline(always)]
    pub(crate) fn but(self, mask: u32, others: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_mask_mov_epi16(self.0, mask, others.0) })
    }

    /// Which of them have any of these bits.
    #[inline(always)]
    pub(crate) fn have_any_of(self, bits: u16) -> u32 {
        // SAFETY: `self` is the proof.
        unsafe { have_any_of(self.0, bits) }
    }

    #[inline(always)]
    pub(crate) fn store(self) -> [u16; 32] {
        let mut numbers = [0; 32];
        // SAFETY: `self` is the proof; 64 bytes are there, and the store wants no alignment.
        unsafe { _mm512_storeu_si512(numbers.as_mut_ptr().cast(), self.0) };
        numbers
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn both(lanes: __m512i) -> [__m512i; 2] {
    [
        _mm512_cvtepu32_epi64(_mm512_castsi512_si256(lanes)),
        _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64::<1>(lanes)),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn of_table(table: &[u64; 32], at: __m512i) -> __m512i {
    let ([a, b, c, d], _) = table.as_chunks::<8>() else {
        return at; // Cannot be: it is four times eight.
    };
    let load = |eight: &[u64; 8]| {
        // SAFETY: 64 bytes are there, and the load wants no alignment.
        unsafe { _mm512_loadu_si512(eight.as_ptr().cast()) }
    };
    let lower = _mm512_permutex2var_epi64(load(a), at, load(b));
    let upper = _mm512_permutex2var_epi64(load(c), at, load(d));
    let is_upper = _mm512_test_epi64_mask(at, _mm512_set1_epi64(16));
    _mm512_mask_mov_epi64(lower, is_upper, upper)
}

/// As `avx512` says of gathers.
#[inline]
#[target_feature(enable = "avx512f")]
fn gather(cells: &[AtomicU64], numbers: __m512i) -> __m512i {
    let mut longs = _mm512_setzero_si512();
    let Some(last) = cells.len().checked_sub(1) else {
        return longs;
    };
    let there = _mm512_min_epu64(numbers, _mm512_set1_epi64(last as i64));
    // SAFETY: all lanes have numbers of cells, which are borrowed; that one may be written at the same time is
    // what the text of `avx512` is about.
    unsafe {
        asm!("kxnorw {all}, {all}, {all}",
            "vpgatherqq {longs}{{{all}}}, qword ptr [{cells} + 8*{there}]",
            longs = inout(zmm_reg) longs,
            all = out(kreg) _,
            there = in(zmm_reg) there,
            cells = in(reg) cells.as_ptr(),
            options(nostack, readonly, preserves_flags));
    }
    longs
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn lowest([a, b, c, d]: [__m512i; 4]) -> __m512i {
    // SAFETY: 64 bytes are there, and the load wants no alignment.
    let lowest = unsafe { _mm512_loadu_si512(LOWEST.as_ptr().cast()) };
    let first = _mm512_permutex2var_epi16(a, lowest, b);
    let others = _mm512_permutex2var_epi16(c, lowest, d);
    _mm512_inserti64x4::<1>(first, _mm512_castsi512_si256(others))
}

/// Which words of two registers are the lowest of their quadwords; twice.
static LOWEST: [u16; 32] = {
    let mut lowest = [0; 32];
    let mut at = 0;
    while at < 32 {
        lowest[at] = 4 * (at as u16 % 16);
        at += 1;
    }
    lowest
};

#[inline]
#[target_feature(enable = "avx512bw")]
fn have_any_of(halves: __m512i, bits: u16) -> u32 {
    _mm512_test_epi16_mask(halves, _mm512_set1_epi16(bits.cast_signed()))
}

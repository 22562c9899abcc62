//! A register of 512 bits for sixteen numbers.
//!
//! # Gathers from memory that another thread writes
//! The tables are atomics that their writer stores to while readers load; the language has no gather of those,
//! and a gather by the compiler's own is a plain load, which may not race. Here it is written in
//! assembly, of which the compiler knows only that it may read memory. It does what code could do in its place:
//! a relaxed load of each cell that it is asked for, in any order. That holds of the instruction, because
//! every cell lies at a multiple of its size, within one aligned quadword, which the
//! processor loads at once (Intel SDM volume 3, section 9.1.1; AMD APM volume 2, section 7.3.2):
//! a cell is the old number or the new one. Nothing is said of two cells, and readers take nothing of it: they
//! order what they load by fences, and have a generation to tell them whether to ask again. Loads are not
//! taken before those of an earlier instruction on this kind of processor (volume 3, section 9.2.2), which is
//! all that an acquire fence asks of it.

use core::arch::asm;
use core::arch::x86_64::{
    __cpuid_count, __m512i, _mm512_add_epi32, _mm512_and_si512, _mm512_andnot_si512,
    _mm512_loadu_si512, _mm512_mask_cmplt_epu32_mask, _mm512_maskz_mov_epi32,
    _mm512_permutex2var_epi16, _mm512_permutex2var_epi32, _mm512_set1_epi32, _mm512_setr_epi32,
    _mm512_setzero_si512, _mm512_srli_epi32, _mm512_srlv_epi32, _mm512_test_epi32_mask,
};
use core::sync::atomic::AtomicU32;

use super::pick;
use crate::platform::Work;
use crate::platform::isa::Bits;
use crate::platform::wide::has_avx512;

/// The processor has AVX-512F, BW, CD and VPOPCNTDQ, at full width without clocking down, and what [`Bits`] has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide {
    /// Nobody but [`Wide::detect`] makes one.
    _nobody_else: (),
}

impl Wide {
    /// Asks the processor.
    pub(crate) fn detect() -> Option<Self> {
        let there = Bits::detect().are_here() && has_avx512() && counts();
        there.then_some(Self { _nobody_else: () })
    }

    /// Does the work, compiled for such a processor.
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        // SAFETY: the processor has all that is named there: `detect` has asked it, and gives no
        // `Wide` otherwise.
        unsafe { run_wide(work) }
    }
}

/// Whether there are CD and VPOPCNTDQ, where AVX-512F and BW are (Intel SDM volume 2A, CPUID).
fn counts() -> bool {
    let leaf = __cpuid_count(7, 0);
    leaf.ebx & CD != 0 && leaf.ecx & VPOPCNTDQ != 0
}

#[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512vpopcntdq,popcnt,lzcnt,bmi1,bmi2")]
fn run_wide<W: Work>(work: W) -> W::Output {
    work.work()
}

/// Sixteen numbers of 32 bits. Whoever has some was given a [`Wide`], or others: so AVX-512 is there.
///
/// All methods are compiled into what [`Wide::run`] runs; elsewhere they are calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes(pub(super) __m512i);

// SAFETY of each block below: AVX-512F is there, of which a value of `Wide` or `Lanes` is the proof.
impl Lanes {
    /// All the same.
    #[inline(always)]
    pub(crate) fn splat(_: Wide, number: u32) -> Self {
        // SAFETY: a `Wide` was given.
        Self(unsafe { _mm512_set1_epi32(number.cast_signed()) })
    }

    #[inline(always)]
    pub(crate) fn load(_: Wide, numbers: &[u32; 16]) -> Self {
        // SAFETY: a `Wide` was given; 64 bytes are there, and the load wants no alignment.
        Self(unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) })
    }

    /// One word of each number, counted from the lowest.
    #[inline(always)]
    pub(crate) fn words<const AT: i32>(_: Wide, numbers: &[u128; 16]) -> Self {
        // SAFETY: a `Wide` was given.
        Self(unsafe { words::<AT>(numbers) })
    }

    #[cfg(test)]
    pub(crate) fn store(self) -> [u32; 16] {
        let mut numbers = [0; 16];
        // SAFETY: `self` is the proof; 64 bytes are there, and the store wants no alignment.
        unsafe { core::arch::x86_64::_mm512_storeu_si512(numbers.as_mut_ptr().cast(), self.0) };
        numbers
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_and_si512(self.0, other.0) })
    }

    /// Without the bits of others.
    #[inline(always)]
    pub(crate) fn without(self, other: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_andnot_si512(other.0, self.0) })
    }

    /// The sums, modulo 2^32.
    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }

    #[inline(always)]
    pub(crate) fn shifted_right<const BY: u32>(self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_srli_epi32::<BY>(self.0) })
    }

    /// Each by its own number of bits; by 32 or more it is 0.
    #[inline(always)]
    pub(crate) fn shifted_right_by(self, by: Self) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_srlv_epi32(self.0, by.0) })
    }

    /// Which of them have any of the others' bits.
    #[inline(always)]
    pub(crate) fn have_any_of(self, bits: Self) -> u16 {
        // SAFETY: `self` is the proof.
        unsafe { _mm512_test_epi32_mask(self.0, bits.0) }
    }

    /// Those of which a bit of the mask is set, and zeroes.
    #[inline(always)]
    pub(crate) fn only(self, mask: u16) -> Self {
        // SAFETY: `self` is the proof.
        Self(unsafe { _mm512_maskz_mov_epi32(mask, self.0) })
    }

    /// The cells that the highest bits of these numbers name, as many bits as it takes to name all: a relaxed load
    /// each.
    #[inline(always)]
    pub(crate) fn pick<const COUNT: usize>(
        _: Wide,
        cells: &[AtomicU32; COUNT],
        numbers: &[u128; 16],
    ) -> Self {
        // SAFETY: a `Wide` was given.
        Self(unsafe { pick::sixteen(cells, numbers) })
    }

    /// The cells that lanes of `indices` number, of those that are wanted and there; for the others,
    /// what they would be otherwise. Each is a relaxed load.
    #[inline(always)]
    pub(crate) fn gather(cells: &[AtomicU32], indices: Self, wanted: u16, otherwise: Self) -> Self {
        // SAFETY: `indices` is the proof.
        Self(unsafe { gather(cells, indices.0, wanted, otherwise.0) })
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn words<const AT: i32>(numbers: &[u128; 16]) -> __m512i {
    let ([a, b, c, d], _) = numbers.as_chunks::<4>() else {
        return _mm512_setzero_si512();
    };
    let four = |numbers: &[u128; 4]| {
        // SAFETY: 64 bytes are there, and the load wants no alignment.
        unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
    };
    let (a, b, c, d) = (four(a), four(b), four(c), four(d));
    // Lanes of two registers; those of the second are counted from 16 on.
    let (one, two) = (AT, AT + 16);
    let eight = _mm512_setr_epi32(
        one,
        one + 4,
        one + 8,
        one + 12,
        two,
        two + 4,
        two + 8,
        two + 12,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    );
    let halves = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    let first = _mm512_permutex2var_epi32(a, eight, b);
    let second = _mm512_permutex2var_epi32(c, eight, d);
    _mm512_permutex2var_epi32(first, halves, second)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn low_halves(first: __m512i, second: __m512i) -> __m512i {
    // SAFETY: 64 bytes are there, and the load wants no alignment.
    let lower = unsafe { _mm512_loadu_si512(LOWER.as_ptr().cast()) };
    _mm512_permutex2var_epi16(first, lower, second)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn gather(cells: &[AtomicU32], indices: __m512i, wanted: u16, otherwise: __m512i) -> __m512i {
    // More than 2^31 cells would be addressed from the end of the first half: the instruction takes indices
    // as signed.
    let count = _mm512_set1_epi32(cells.len().min(MOST) as i32);
    let there = _mm512_mask_cmplt_epu32_mask(wanted, indices, count);
    let mut lanes = otherwise;
    // SAFETY: each lane that is loaded, by `there`, has an index below `cells.len()`, and so lies within the
    // slice, which is borrowed; that it may be written at the same time is what the module's text is about. Others
    // are not touched (Intel SDM volume 2, VPGATHERDD).
    unsafe {
        asm!("vpgatherdd {lanes}{{{there}}}, dword ptr [{cells} + 4*{indices}]",
            lanes = inout(zmm_reg) lanes,
            there = inout(kreg) there => _,
            indices = in(zmm_reg) indices,
            cells = in(reg) cells.as_ptr(),
            options(nostack, readonly, preserves_flags));
    }
    lanes
}

/// Which words of two registers are the lower ones of their double words.
static LOWER: [u16; 32] = {
    let mut lower = [0; 32];
    let mut at = 0;
    while at < 32 {
        lower[at] = 2 * at as u16;
        at += 1;
    }
    lower
};

/// CPUID.(07H,0):EBX and ECX.
const CD: u32 = 1 << 28;
const VPOPCNTDQ: u32 = 1 << 14;

const MOST: usize = 1 << 31;

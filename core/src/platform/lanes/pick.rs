//! Cells by the highest bits of numbers, loaded one by one into registers of 512 bits, and what these cells number in turn.
//!
//! A gather is one instruction, but many steps inside, and the processor looks less far ahead
//! ([`Words`](crate::platform::Words) has figures). It takes its numbers from a register. Here they come from memory, or
//! from the load before, and meet no vector on their way.
//!
//! Cells are atomics, and may be written at the same time. The loads are in assembly for that: each does what a relaxed
//! one does, as `avx512` says of gathers. One block has all loads of sixteen numbers, and one register for
//! these: of loads given one by one the compiler takes all numbers first, for which it has not registers enough.

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm256_castsi128_si256, _mm256_inserti128_si256, _mm512_castsi256_si512,
    _mm512_inserti64x4,
};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Numbers of one register, in one line.
#[repr(C, align(64))]
pub(super) struct Line<T>(pub(super) T);

/// The cell that the highest bits of a number name: into `at`.
macro_rules! cell {
    ($number:literal) => {
        concat!(
            "mov {at:e}, dword ptr [{numbers} + ",
            $number,
            "*{stride} + {stride} - 4]\n",
            "shr {at:e}, {by}\n",
            "mov {at:e}, dword ptr [{cells} + 4*{at}]\n",
        )
    };
}

/// Four of sixteen cells: into one register.
macro_rules! four {
    ($a:literal, $b:literal, $c:literal, $d:literal, $words:literal) => {
        concat!(
            cell!($a),
            first!($words),
            cell!($b),
            next!($words, 1),
            cell!($c),
            next!($words, 2),
            cell!($d),
            next!($words, 3),
        )
    };
}

macro_rules! first {
    ($words:literal) => {
        concat!("vmovd ", $words, ", {at:e}\n")
    };
}

macro_rules! next {
    ($words:literal, $place:literal) => {
        concat!("vpinsrd ", $words, ", ", $words, ", {at:e}, ", $place, "\n")
    };
}

/// Four registers into the first of them, one behind the other.
macro_rules! join {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        concat!(
            "vinserti128 ymm",
            $a,
            ", ymm",
            $a,
            ", xmm",
            $b,
            ", 1\n",
            "vinserti128 ymm",
            $c,
            ", ymm",
            $c,
            ", xmm",
            $d,
            ", 1\n",
            "vinserti64x4 zmm",
            $a,
            ", zmm",
            $a,
            ", ymm",
            $c,
            ", 1\n",
        )
    };
}

/// The cells that the highest bits of these numbers name, as many bits as it takes to name all.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn sixteen<const COUNT: usize>(
    cells: &[AtomicU32; COUNT],
    numbers: &[u128; 16],
) -> __m512i {
    const { assert!(COUNT.is_power_of_two() && COUNT > 1 && COUNT < 1 << 32) };
    let words;
    // SAFETY: the first load of each is of the last four bytes of one of `numbers`. What the shift leaves of them is
    // below `COUNT`, so that the second is of one of `cells`, which are borrowed. What is needed is there, as of the
    // function.
    unsafe {
        asm!(
            four!(0, 1, 2, 3, "xmm0"),
            four!(4, 5, 6, 7, "xmm1"),
            four!(8, 9, 10, 11, "xmm2"),
            four!(12, 13, 14, 15, "xmm3"),
            join!(0, 1, 2, 3),
            at = out(reg) _,
            out("zmm0") words, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            numbers = in(reg) numbers.as_ptr(),
            cells = in(reg) cells.as_ptr(),
            stride = const size_of::<u128>(),
            by = const 32 - COUNT.trailing_zeros(),
            options(nostack, readonly),
        );
    }
    words
}

/// Four of sixteen cells, and the two times two longs that they number.
macro_rules! through {
    ($a:literal, $b:literal, $c:literal, $d:literal, $words:literal, $low:literal, $high:literal) => {
        concat!(
            cell!($a),
            first!($words),
            long!("vmovq ", $low, ", "),
            cell!($b),
            next!($words, 1),
            long!("vmovhps ", $low, ", ", $low, ", "),
            cell!($c),
            next!($words, 2),
            long!("vmovq ", $high, ", "),
            cell!($d),
            next!($words, 3),
            long!("vmovhps ", $high, ", ", $high, ", "),
        )
    };
}

/// By a cell without its highest bit. One that does not have it is past the last then, as one may be that has.
macro_rules! long {
    ($($load:literal),+) => {
        concat!(
            "xor {at:e}, 0x80000000\n",
            "cmp {at:e}, {last:e}\n",
            "cmova {at:e}, {zero:e}\n",
            $($load,)+
            "qword ptr [{longs} + 8*{at}]\n",
        )
    };
}

/// As [`Longs::pick_through`](super::Longs::pick_through) says.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn through<const COUNT: usize>(
    cells: &[AtomicU32; COUNT],
    longs: &[AtomicU64],
    numbers: &[u32; 16],
) -> (__m512i, __m512i, __m512i) {
    const { assert!(COUNT.is_power_of_two() && COUNT > 1 && COUNT < 1 << 32) };
    // So that there is a first one.
    let longs = if longs.is_empty() { &NONE } else { longs };
    let last = longs.len().wrapping_sub(1).min(MOST);
    let (words, first, others);
    // SAFETY: the first two loads are as of `sixteen`. The third is of one of `longs`, which are borrowed: by a number that
    // was just found to be at most that of the last, or by that of the first. All are there as of the function.
    unsafe {
        asm!(
            through!(0, 1, 2, 3, "xmm0", "xmm4", "xmm5"),
            through!(4, 5, 6, 7, "xmm1", "xmm6", "xmm7"),
            join!(4, 5, 6, 7),
            through!(8, 9, 10, 11, "xmm2", "xmm8", "xmm9"),
            through!(12, 13, 14, 15, "xmm3", "xmm10", "xmm11"),
            join!(8, 9, 10, 11),
            join!(0, 1, 2, 3),
            at = out(reg) _,
            out("zmm0") words, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("zmm4") first, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("zmm8") others, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            numbers = in(reg) numbers.as_ptr(),
            cells = in(reg) cells.as_ptr(),
            longs = in(reg) longs.as_ptr(),
            last = in(reg) last,
            zero = in(reg) 0_usize,
            stride = const size_of::<u32>(),
            by = const 32 - COUNT.trailing_zeros(),
            options(nostack, readonly),
        );
    }
    (words, first, others)
}

/// One behind the other.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn join(a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m512i {
    let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
    let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
}

static NONE: [AtomicU64; 1] = [AtomicU64::new(0)];

/// The last long that a cell names.
const MOST: usize = (1 << 31) - 1;

//! Eight numbers of 32 bits beside each other, in one register of 256 bits.
//!
//! As [`Numbers`], for twice as many at the price of the same instructions, but for the loads: two rows
//! share a register, one of the first four and one of the last four, so that turning costs half as well.
//! What is done with a row of eight is [beside](super::row).
//!
//! [`Avx2`] is the proof that the processor has such registers, and what it [runs](Avx2::run) is compiled for them.

use core::arch::x86_64::{
    __m128i, __m256i, _mm_extract_epi16, _mm_min_epu16, _mm_shuffle_epi8, _mm256_add_epi32,
    _mm256_and_si256, _mm256_castsi128_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi8,
    _mm256_cmpeq_epi32, _mm256_cmpgt_epi32, _mm256_inserti128_si256, _mm256_madd_epi16,
    _mm256_max_epu8, _mm256_min_epu8, _mm256_movemask_ps, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setr_epi8,
    _mm256_shuffle_epi8, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_testz_si256,
    _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32, _mm256_unpacklo_epi64,
    _mm256_xor_si256,
};
use core::ops::{Add, BitAnd, BitOr, BitXor};

use super::isa::Work;
use super::wide::has_avx2;
use super::{Columns, Numbers};

/// Calls what wants AVX2.
macro_rules! avx2 {
    ($call:expr) => {{
        // SAFETY: who calls has an `Avx2` or an `Eight`, of which each is the proof that AVX2 is there; what is called
        // reads and writes no memory.
        unsafe { $call }
    }};
}

/// The processor has AVX2, and the system keeps its registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2 {
    /// Nobody but [`Avx2::known`] makes one.
    _nobody_else: (),
}

impl Avx2 {
    /// Asks the processor the first time, and costs a load and a comparison from then on.
    #[inline]
    pub(crate) fn known() -> Option<Self> {
        #[cfg(test)]
        if tests::IS_HIDDEN.get() {
            return None;
        }
        has_avx2().then_some(Self { _nobody_else: () })
    }

    /// Does the work as if there were none: for tests of the other form.
    #[cfg(test)]
    pub(crate) fn hidden<T>(work: impl FnOnce() -> T) -> T {
        let _comes_back = tests::Hidden::new();
        work()
    }

    /// Puts sixteen bytes in another order: each place gets the one whose number `order` has there, of 0 to 15.
    #[inline(always)]
    pub(crate) fn reorder(self, bytes: &mut [u8; 16], order: &[u8; 16]) {
        let [from, order] = [&*bytes, order].map(Numbers::from_le_bytes);
        *bytes = Numbers::from(avx2!(_mm_shuffle_epi8(from.into(), order.into()))).to_le_bytes();
    }

    /// The least of the numbers of 16 bits that eight rows have in their ninth and tenth bytes.
    #[inline(always)]
    pub(crate) fn least_of_ninths(self, [first, others @ ..]: [Numbers; 8]) -> u16 {
        let least = others.into_iter().fold(first.into(), |least, other| {
            avx2!(_mm_min_epu16(least, other.into()))
        });
        avx2!(_mm_extract_epi16::<4>(least)) as u16
    }

    /// Does the work, compiled for such a processor.
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        // SAFETY: the processor has AVX2: `known` gives no `Avx2` otherwise.
        unsafe { run_with_avx2(work) }
    }
}

#[target_feature(enable = "avx2")]
fn run_with_avx2<W: Work>(work: W) -> W::Output {
    work.work()
}

/// Eight numbers of 32 bits. Operations are on each by itself; sums wrap. Whoever has some was given an [`Avx2`], or
/// others: so it is there.
///
/// All methods are compiled into what [`Avx2::run`] runs; elsewhere they are calls.
#[derive(Clone, Copy)]
pub(crate) struct Eight(pub(super) __m256i);

impl Eight {
    /// Turns eight rows of four little-endian numbers into four columns.
    #[inline(always)]
    pub(crate) fn turn(_: Avx2, rows: [&[u8; 16]; 8]) -> [Self; 4] {
        let [a, b, c, d] = pairs(rows.map(Numbers::from_le_bytes));
        let low = avx2!(_mm256_unpacklo_epi32(a, b));
        let high = avx2!(_mm256_unpackhi_epi32(a, b));
        let (low_2, high_2) = (
            avx2!(_mm256_unpacklo_epi32(c, d)),
            avx2!(_mm256_unpackhi_epi32(c, d)),
        );
        [
            Self(avx2!(_mm256_unpacklo_epi64(low, low_2))),
            Self(avx2!(_mm256_unpackhi_epi64(low, low_2))),
            Self(avx2!(_mm256_unpacklo_epi64(high, high_2))),
            Self(avx2!(_mm256_unpackhi_epi64(high, high_2))),
        ]
    }

    /// The third and the seventh columns of eight rows of eight little-endian numbers.
    #[inline(always)]
    pub(crate) fn turn_thirds(_: Avx2, rows: [&[u8; 32]; 8]) -> [Self; 2] {
        // SAFETY: both are 32 bytes, of which every pattern is a value.
        let rows = rows.map(|row| unsafe { core::mem::transmute::<[u8; 32], __m256i>(*row) });
        let [a, b, c, d, e, f, g, h] = rows;
        // Thirds in the lower half of a register, sevenths in the upper.
        let [i, j, k, l] = [(a, b), (c, d), (e, f), (g, h)]
            .map(|(one, other)| avx2!(_mm256_unpackhi_epi32(one, other)));
        let first = avx2!(_mm256_unpacklo_epi64(i, j));
        let last = avx2!(_mm256_unpacklo_epi64(k, l));
        [
            Self(avx2!(_mm256_permute2x128_si256::<0x20>(first, last))),
            Self(avx2!(_mm256_permute2x128_si256::<0x31>(first, last))),
        ]
    }

    /// Whether no bit is set in both.
    #[inline(always)]
    pub(crate) fn is_apart(self, other: Self) -> bool {
        avx2!(_mm256_testz_si256(self.0, other.0)) != 0
    }

    /// The last two columns of eight rows.
    #[inline(always)]
    pub(crate) fn turn_ends(_: Avx2, rows: [Numbers; 8]) -> [Self; 2] {
        let [a, b, c, d] = pairs(rows);
        let high = avx2!(_mm256_unpackhi_epi32(a, b));
        let high_2 = avx2!(_mm256_unpackhi_epi32(c, d));
        [
            Self(avx2!(_mm256_unpacklo_epi64(high, high_2))),
            Self(avx2!(_mm256_unpackhi_epi64(high, high_2))),
        ]
    }
}

/// The first row and the fifth, and so on.
#[inline(always)]
fn pairs([a, b, c, d, e, f, g, h]: [Numbers; 8]) -> [__m256i; 4] {
    [(a, e), (b, f), (c, g), (d, h)].map(|(low, high)| {
        let (low, high): (__m128i, __m128i) = (low.into(), high.into());
        avx2!(_mm256_inserti128_si256::<1>(
            _mm256_castsi128_si256(low),
            high
        ))
    })
}

impl Columns for Eight {
    #[inline(always)]
    fn all(self, number: u32) -> Self {
        Self(avx2!(_mm256_set1_epi32(number.cast_signed())))
    }

    #[inline(always)]
    fn right<const BITS: i32>(self) -> Self {
        Self(avx2!(_mm256_srli_epi32::<BITS>(self.0)))
    }

    #[inline(always)]
    fn left<const BITS: i32>(self) -> Self {
        Self(avx2!(_mm256_slli_epi32::<BITS>(self.0)))
    }

    #[inline(always)]
    fn halves(self) -> Self {
        let signed = avx2!(_mm256_xor_si256(self.0, _mm256_set1_epi16(i16::MIN)));
        Self(avx2!(_mm256_madd_epi16(signed, _mm256_set1_epi16(1))))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        let order = avx2!(_mm256_setr_epi8(
            3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10,
            9, 8, 15, 14, 13, 12,
        ));
        Self(avx2!(_mm256_shuffle_epi8(self.0, order)))
    }

    #[inline(always)]
    fn equals(self, other: Self) -> Self {
        Self(avx2!(_mm256_cmpeq_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn equals_by_bytes(self, other: Self) -> Self {
        Self(avx2!(_mm256_cmpeq_epi8(self.0, other.0)))
    }

    #[inline(always)]
    fn exceeds(self, other: Self) -> Self {
        Self(avx2!(_mm256_cmpgt_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn clamp_bytes(self, least: Self, most: Self) -> Self {
        let below = avx2!(_mm256_min_epu8(self.0, most.0));
        Self(avx2!(_mm256_max_epu8(below, least.0)))
    }

    #[inline(always)]
    fn signs(self) -> u32 {
        avx2!(_mm256_movemask_ps(_mm256_castsi256_ps(self.0))).cast_unsigned()
    }
}

impl From<Eight> for [u32; 8] {
    #[inline(always)]
    fn from(lanes: Eight) -> Self {
        // SAFETY: both are 32 bytes, of which every pattern is a value (Intel SDM volume 1, section 4.9: the
        // first lane is the lowest, and has the lowest address).
        unsafe { core::mem::transmute(lanes.0) }
    }
}

impl Add for Eight {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(avx2!(_mm256_add_epi32(self.0, other.0)))
    }
}

impl BitAnd for Eight {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(avx2!(_mm256_and_si256(self.0, other.0)))
    }
}

impl BitOr for Eight {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(avx2!(_mm256_or_si256(self.0, other.0)))
    }
}

impl BitXor for Eight {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(avx2!(_mm256_xor_si256(self.0, other.0)))
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    std::thread_local! {
        pub(super) static IS_HIDDEN: Cell<bool> = const { Cell::new(false) };
    }

    /// Hides AVX2 until it is dropped, as it is when the work panics, too.
    pub(super) struct Hidden(bool);

    impl Hidden {
        pub(super) fn new() -> Self {
            Self(IS_HIDDEN.replace(true))
        }
    }

    impl Drop for Hidden {
        fn drop(&mut self) {
            IS_HIDDEN.set(self.0);
        }
    }

    /// What each method gives, all of them, of two columns.
    macro_rules! all {
        ($one:expr, $other:expr) => {{
            let (one, other) = ($one, $other);
            [
                one + other,
                one & other,
                one | other,
                one ^ other,
                one.all(0x89ab_cdef),
                Columns::right::<7>(one),
                Columns::left::<7>(one),
                Columns::halves(one),
                Columns::swap_bytes(one),
                Columns::equals(one, other),
                Columns::equals_by_bytes(one, other),
                Columns::exceeds(Columns::right::<1>(one), Columns::right::<1>(other)),
                Columns::clamp_bytes(one, one.all(0x0001_1080), one.all(0x00df_2080)),
            ]
            .map(|column| (Columns::signs(column), column))
        }};
    }

    proptest! {
        /// Eight are twice four: those have tests of their own.
        #[test]
        fn eight_are_twice_four(rows: [[u8; 16]; 8], same in 0..8usize) {
            let Some(avx2) = Avx2::known() else { return Ok(()) };
            let mut rows = rows;
            let (start, end) = rows[same].split_at_mut(8);
            start.copy_from_slice(end);
            let eight = Eight::turn(avx2, rows.each_ref());
            let fours: [[Numbers; 4]; 2] = core::array::from_fn(|half| {
                Numbers::turn(core::array::from_fn(|at| Numbers::from_le_bytes(&rows[4 * half + at])))
            });
            let is = |eight: Eight, [low, high]: [Numbers; 2]| {
                let (eight, low, high): ([u32; 8], [u32; 4], [u32; 4]) =
                    (eight.into(), low.into(), high.into());
                assert_eq!(eight.as_chunks().0, [low, high]);
            };
            for (column, eight) in eight.into_iter().enumerate() {
                is(eight, fours.map(|four| four[column]));
            }
            let ends = Eight::turn_ends(avx2, rows.each_ref().map(Numbers::from_le_bytes));
            for (column, end) in ends.into_iter().enumerate() {
                is(end, fours.map(|four| four[2 + column]));
            }
            let twice: [[u8; 32]; 8] = core::array::from_fn(|at| {
                let both = [rows[at], rows[7 - at]];
                core::array::from_fn(|byte| both[byte / 16][byte % 16])
            });
            let [thirds, sevenths] = Eight::turn_thirds(avx2, twice.each_ref());
            is(thirds, fours.map(|four| four[2]));
            let mut backwards: [u32; 8] = sevenths.into();
            backwards.reverse();
            assert_eq!(backwards, <[u32; 8]>::from(thirds));
            let [one, other]: [[u32; 8]; 2] = [eight[0].into(), eight[2].into()];
            let apart = one.iter().zip(other).all(|(one, other)| one & other == 0);
            assert_eq!(eight[0].is_apart(eight[2]), apart);
            assert!(eight[0].is_apart(eight[0] ^ eight[0].all(u32::MAX)));
            let found = all!(eight[0], eight[2]);
            let [low, high] = fours.map(|four| all!(four[0], four[2]));
            for ((eight, low), high) in found.into_iter().zip(low).zip(high) {
                is(eight.1, [low.1, high.1]);
                assert_eq!(eight.0, low.0 | high.0 << 4);
            }
        }
    }

    #[test]
    fn hidden_is_not_there() {
        assert!(Avx2::hidden(Avx2::known).is_none());
        let there = Avx2::known().is_some();
        let panicked = std::panic::catch_unwind(|| Avx2::hidden(|| panic!("to be caught")));
        assert!(panicked.is_err());
        assert_eq!(Avx2::known().is_some(), there);
        #[cfg(not(miri))]
        assert_eq!(
            Avx2::known().is_some(),
            std::is_x86_feature_detected!("avx2")
        );
    }
}

//! Eight numbers as a row: 32 bytes of a header, or of what it is compared with.
//!
//! Four rows turn into four columns below and four above, so that what is asked of the lower four may be another thing
//! than what is asked of the upper, at the price of one. And what is looked at again need not be
//! copied, as these instructions leave their operands.

use core::arch::x86_64::{
    _mm256_andnot_si256, _mm256_blend_epi16, _mm256_blend_epi32, _mm256_castsi256_si128,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_permute2x128_si256, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setr_epi8, _mm256_setr_epi32, _mm256_shuffle_epi8,
    _mm256_shuffle_epi32, _mm256_sub_epi16, _mm256_sub_epi32, _mm256_subs_epu16,
    _mm256_testz_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64, _mm256_zextsi128_si256,
};
use core::ops::Sub;

use super::{Avx2, Eight, Numbers};

/// Calls what wants AVX2.
macro_rules! avx2 {
    ($call:expr) => {{
        // SAFETY: who calls has an `Avx2` or an `Eight`, of which each is the proof that AVX2 is there; what is called
        // reads and writes no memory.
        unsafe { $call }
    }};
}

impl Eight {
    /// The same number eight times.
    #[inline(always)]
    pub(crate) fn splat(_: Avx2, number: u32) -> Self {
        Self(avx2!(_mm256_set1_epi32(number.cast_signed())))
    }

    /// One number four times below, and another above.
    #[inline(always)]
    pub(crate) fn splats(_: Avx2, lower: u32, upper: u32) -> Self {
        let (a, b) = (lower.cast_signed(), upper.cast_signed());
        Self(avx2!(_mm256_setr_epi32(a, a, a, a, b, b, b, b)))
    }

    /// These below, zeroes above.
    #[inline(always)]
    pub(crate) fn below(_: Avx2, lower: Numbers) -> Self {
        Self(avx2!(_mm256_zextsi128_si256(lower.into())))
    }

    /// Little-endian numbers.
    #[inline(always)]
    pub(crate) fn from_le_bytes(_: Avx2, bytes: &[u8; 32]) -> Self {
        // SAFETY: `bytes` are the 32 that are read, and the load wants no alignment; the `Avx2` is the proof that
        // AVX2 is there.
        Self(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
    }

    /// As [`from_le_bytes`](Self::from_le_bytes), of numbers.
    #[inline(always)]
    pub(crate) fn load(_: Avx2, numbers: &[u32; 8]) -> Self {
        // SAFETY: as in `from_le_bytes`: eight numbers are 32 bytes.
        Self(unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) })
    }

    /// As little-endian numbers.
    #[inline(always)]
    pub(crate) fn to_le_bytes(self) -> [u8; 32] {
        // SAFETY: both are 32 bytes, of which every pattern is a value.
        unsafe { core::mem::transmute(self.0) }
    }

    /// The lower four.
    #[inline(always)]
    pub(crate) fn lower(self) -> Numbers {
        avx2!(_mm256_castsi256_si128(self.0)).into()
    }

    /// The lower four of both.
    #[inline(always)]
    pub(crate) fn lowers(self, above: Self) -> Self {
        Self(avx2!(_mm256_permute2x128_si256::<0x20>(self.0, above.0)))
    }

    /// The upper four of both.
    #[inline(always)]
    pub(crate) fn uppers(self, above: Self) -> Self {
        Self(avx2!(_mm256_permute2x128_si256::<0x31>(self.0, above.0)))
    }

    /// Turns four rows into columns: of their lower four numbers below, of the upper four above.
    #[inline(always)]
    pub(crate) fn turn_fours([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let low = avx2!(_mm256_unpacklo_epi32(a.0, b.0));
        let high = avx2!(_mm256_unpackhi_epi32(a.0, b.0));
        let low_2 = avx2!(_mm256_unpacklo_epi32(c.0, d.0));
        let high_2 = avx2!(_mm256_unpackhi_epi32(c.0, d.0));
        [
            Self(avx2!(_mm256_unpacklo_epi64(low, low_2))),
            Self(avx2!(_mm256_unpackhi_epi64(low, low_2))),
            Self(avx2!(_mm256_unpacklo_epi64(high, high_2))),
            Self(avx2!(_mm256_unpackhi_epi64(high, high_2))),
        ]
    }

    /// Turns eight rows into eight columns.
    #[inline(always)]
    pub(crate) fn columns([a, b, c, d, e, f, g, h]: [Self; 8]) -> [Self; 8] {
        let [a, b, c, d] = Self::turn_fours([a, b, c, d]);
        let [e, f, g, h] = Self::turn_fours([e, f, g, h]);
        [
            a.lowers(e),
            b.lowers(f),
            c.lowers(g),
            d.lowers(h),
            a.uppers(e),
            b.uppers(f),
            c.uppers(g),
            d.uppers(h),
        ]
    }

    /// These numbers, but the other's where `WHICH` has a bit, the first one's the lowest.
    #[inline(always)]
    pub(crate) fn but<const WHICH: i32>(self, other: Self) -> Self {
        Self(avx2!(_mm256_blend_epi32::<WHICH>(self.0, other.0)))
    }

    /// The lower half of each of these, the upper of the other's.
    #[inline(always)]
    pub(crate) fn with_upper_halves(self, other: Self) -> Self {
        Self(avx2!(_mm256_blend_epi16::<0b1010_1010>(self.0, other.0)))
    }

    /// In each four, numbers of it: the first is the one that the lowest two bits of `WHICH` say.
    #[inline(always)]
    pub(crate) fn pick<const WHICH: i32>(self) -> Self {
        Self(avx2!(_mm256_shuffle_epi32::<WHICH>(self.0)))
    }

    /// The sum of both halves of each, taken as signed.
    #[inline(always)]
    pub(crate) fn signed_halves(self) -> Self {
        Self(avx2!(_mm256_madd_epi16(self.0, _mm256_set1_epi16(1))))
    }

    /// Likewise, but each half as often as the other's says.
    #[inline(always)]
    pub(crate) fn weigh_halves(self, weights: Self) -> Self {
        Self(avx2!(_mm256_madd_epi16(self.0, weights.0)))
    }

    /// With the halves of each in the other order.
    #[inline(always)]
    pub(crate) fn swap_halves(self) -> Self {
        self.order_bytes([2, 3, 0, 1])
    }

    /// With the two bytes of each half in the other order.
    #[inline(always)]
    pub(crate) fn swap_bytes_of_halves(self) -> Self {
        self.order_bytes([1, 0, 3, 2])
    }

    /// With the lower half of each in the upper, too.
    #[inline(always)]
    pub(crate) fn lower_halves_twice(self) -> Self {
        self.order_bytes([0, 1, 0, 1])
    }

    /// The bytes of each that these are the numbers of.
    #[inline(always)]
    fn order_bytes(self, [a, b, c, d]: [i8; 4]) -> Self {
        let (e, f, g, h) = (a + 4, b + 4, c + 4, d + 4);
        let (i, j, k, l) = (a + 8, b + 8, c + 8, d + 8);
        let (m, n, o, p) = (a + 12, b + 12, c + 12, d + 12);
        let order = avx2!(_mm256_setr_epi8(
            a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, a, b, c, d, e, f, g, h, i, j, k, l, m,
            n, o, p
        ));
        Self(avx2!(_mm256_shuffle_epi8(self.0, order)))
    }

    /// The differences of halves.
    #[inline(always)]
    pub(crate) fn minus_halves(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_epi16(self.0, other.0)))
    }

    /// Likewise, but zero where the other's is greater.
    #[inline(always)]
    pub(crate) fn exceed_halves_by(self, other: Self) -> Self {
        Self(avx2!(_mm256_subs_epu16(self.0, other.0)))
    }

    /// Without the bits of the other.
    #[inline(always)]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(avx2!(_mm256_andnot_si256(other.0, self.0)))
    }

    /// Whether all are zero.
    #[inline(always)]
    pub(crate) fn are_zero(self) -> bool {
        avx2!(_mm256_testz_si256(self.0, self.0)) != 0
    }

    /// Whether there is a bit that the other has as well.
    #[inline(always)]
    pub(crate) fn meets(self, other: Self) -> bool {
        avx2!(_mm256_testz_si256(self.0, other.0)) == 0
    }
}

impl Sub for Eight {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(avx2!(_mm256_sub_epi32(self.0, other.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `of` makes of the halves of two numbers, the lower first.
    fn halves(a: u32, b: u32, of: impl Fn(u16, u16) -> u16) -> u32 {
        let upper = of((a >> 16) as u16, (b >> 16) as u16);
        u32::from(of(a as u16, b as u16)) | u32::from(upper) << 16
    }

    fn bytes(numbers: [u32; 8]) -> [u8; 32] {
        zerocopy::transmute!(numbers.map(u32::to_le_bytes))
    }

    proptest! {
        /// Each operation, beside the same on each number alone.
        #[test]
        fn rows_are_their_numbers(a: [u32; 8], b: [u32; 8], same in 0..8usize) {
            let Some(avx2) = Avx2::known() else { return Ok(()) };
            let mut b = b;
            b[same] = a[same];
            let (x, y) = (Eight::load(avx2, &a), Eight::from_le_bytes(avx2, &bytes(b)));
            let is = |row: Eight, of: &dyn Fn(usize) -> u32| {
                let row: [u32; 8] = row.into();
                assert_eq!(row, core::array::from_fn(of));
            };
            is(x, &|at| a[at]);
            is(y, &|at| b[at]);
            assert_eq!(x.to_le_bytes(), bytes(a));
            is(Eight::splat(avx2, a[0]), &|_| a[0]);
            is(Eight::splats(avx2, a[0], a[1]), &|at| a[at / 4]);
            let lower: [u32; 4] = x.lower().into();
            assert_eq!(lower, a[..4]);
            is(Eight::below(avx2, x.lower()), &|at| if at < 4 { a[at] } else { 0 });
            is(x.uppers(y), &|at| if at < 4 { a[at + 4] } else { b[at] });
            is(x.lowers(y), &|at| if at < 4 { a[at] } else { b[at - 4] });
            is(x.but::<0b1010_0110>(y), &|at| if 0b1010_0110 >> at & 1 == 1 { b[at] } else { a[at] });
            is(x.with_upper_halves(y), &|at| a[at] & 0xffff | b[at] & 0xffff_0000);
            is(x.pick::<0b00_11_01_10>(), &|at| a[at & 4 | [2, 1, 3, 0][at % 4]]);
            is(x.signed_halves(), &|at| {
                (i32::from(a[at] as i16) + i32::from((a[at] >> 16) as i16)).cast_unsigned()
            });
            is(x.weigh_halves(y), &|at| {
                let product = |shift: u32| i32::from((a[at] >> shift) as i16) * i32::from((b[at] >> shift) as i16);
                product(0).wrapping_add(product(16)).cast_unsigned()
            });
            is(x.swap_halves(), &|at| a[at].rotate_left(16));
            is(x.swap_bytes_of_halves(), &|at| a[at].swap_bytes().rotate_left(16));
            is(x.lower_halves_twice(), &|at| a[at] & 0xffff | a[at] << 16);
            is(x.minus_halves(y), &|at| halves(a[at], b[at], u16::wrapping_sub));
            is(x.exceed_halves_by(y), &|at| halves(a[at], b[at], u16::saturating_sub));
            is(x.without(y), &|at| a[at] & !b[at]);
            is(x - y, &|at| a[at].wrapping_sub(b[at]));
        }

        #[test]
        fn rows_turn_into_columns_below_and_above(rows: [[u32; 8]; 4]) {
            let Some(avx2) = Avx2::known() else { return Ok(()) };
            let columns = Eight::turn_fours(rows.each_ref().map(|row| Eight::load(avx2, row)));
            for (column, found) in columns.into_iter().enumerate() {
                let found: [u32; 8] = found.into();
                assert_eq!(found, core::array::from_fn(|at| rows[at % 4][at & 4 | column]));
            }
        }

        #[test]
        fn eight_rows_turn_into_eight_columns(rows: [[u32; 8]; 8]) {
            let Some(avx2) = Avx2::known() else { return Ok(()) };
            let columns = Eight::columns(rows.each_ref().map(|row| Eight::load(avx2, row)));
            for (column, found) in columns.into_iter().enumerate() {
                let found: [u32; 8] = found.into();
                assert_eq!(found, core::array::from_fn(|at| rows[at][column]));
            }
        }
    }

    #[test]
    fn any_bit_is_not_zero() {
        let Some(avx2) = Avx2::known() else { return };
        let ones = Eight::splat(avx2, !0);
        assert!(Eight::splat(avx2, 0).are_zero());
        assert!(!Eight::splat(avx2, 0).meets(ones));
        for (at, bit) in (0..8).flat_map(|at| (0..32).map(move |bit| (at, bit))) {
            let mut numbers = [0; 8];
            numbers[at] = 1 << bit;
            let row = Eight::load(avx2, &numbers);
            assert!(!row.are_zero(), "bit {bit} of {at}");
            assert!(row.meets(ones));
            assert!(!row.meets(ones.without(row)));
        }
    }
}

//! Four numbers of 32 bits beside each other, in one register.
//!
//! What is asked of every packet alike is asked of four for the price of one: their headers' words are
//! turned into columns, of which each is a vector. SSE2 will do, which every x86-64 has that may touch
//! vectors at all; [`isa`](super::isa) has where it may not. Wider vectors gain little: it is the loads,
//! and the turning, that cost.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_and_si128, _mm_andnot_si128, _mm_castsi128_ps, _mm_cmpeq_epi8,
    _mm_cmpeq_epi32, _mm_cmpgt_epi32, _mm_cvtsi32_si128, _mm_madd_epi16, _mm_max_epu8,
    _mm_min_epu8, _mm_movemask_epi8, _mm_movemask_ps, _mm_mullo_epi16, _mm_or_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_set1_epi16, _mm_set1_epi32, _mm_shufflehi_epi16, _mm_shufflelo_epi16,
    _mm_slli_epi16, _mm_slli_epi32, _mm_srl_epi32, _mm_srli_epi16, _mm_srli_epi32, _mm_sub_epi32,
    _mm_unpackhi_epi32, _mm_unpackhi_epi64, _mm_unpacklo_epi32, _mm_unpacklo_epi64, _mm_xor_si128,
};
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

/// Calls what wants SSE2.
macro_rules! sse2 {
    ($call:expr) => {{
        // SAFETY: this module is there only where all code may use SSE2, and what is called reads and writes
        // no memory.
        unsafe { $call }
    }};
}

/// Four numbers of 32 bits. Operations are on each by itself; sums wrap.
#[derive(Clone, Copy)]
pub(crate) struct Numbers(__m128i);

impl Numbers {
    /// The same number four times.
    #[inline(always)]
    pub(crate) fn splat(number: u32) -> Self {
        Self(sse2!(_mm_set1_epi32(number.cast_signed())))
    }

    /// Little-endian numbers.
    #[inline(always)]
    pub(crate) fn from_le_bytes(bytes: &[u8; 16]) -> Self {
        let ([low, high], []) = bytes.as_chunks() else {
            return Self::splat(0);
        };
        [u64::from_le_bytes(*low), u64::from_le_bytes(*high)].into()
    }

    /// As little-endian numbers.
    #[inline(always)]
    pub(crate) fn to_le_bytes(self) -> [u8; 16] {
        // SAFETY: both are sixteen bytes, of which every pattern is a value.
        unsafe { core::mem::transmute(self.0) }
    }

    /// Turns four rows of two little-endian numbers into two columns.
    #[inline(always)]
    pub(crate) fn turn_pairs(rows: [[u8; 8]; 4]) -> [Self; 2] {
        let [a, b, c, d] = rows.map(|row| sse2!(_mm_set_epi64x(0, i64::from_le_bytes(row))));
        let (low, high) = (
            sse2!(_mm_unpacklo_epi32(a, b)),
            sse2!(_mm_unpacklo_epi32(c, d)),
        );
        [
            Self(sse2!(_mm_unpacklo_epi64(low, high))),
            Self(sse2!(_mm_unpackhi_epi64(low, high))),
        ]
    }

    /// Turns four rows into four columns.
    #[inline(always)]
    pub(crate) fn turn([a, b, c, d]: [Self; 4]) -> [Self; 4] {
        let low = sse2!(_mm_unpacklo_epi32(a.0, b.0));
        let high = sse2!(_mm_unpackhi_epi32(a.0, b.0));
        let (low_2, high_2) = (
            sse2!(_mm_unpacklo_epi32(c.0, d.0)),
            sse2!(_mm_unpackhi_epi32(c.0, d.0)),
        );
        [
            Self(sse2!(_mm_unpacklo_epi64(low, low_2))),
            Self(sse2!(_mm_unpackhi_epi64(low, low_2))),
            Self(sse2!(_mm_unpacklo_epi64(high, high_2))),
            Self(sse2!(_mm_unpackhi_epi64(high, high_2))),
        ]
    }

    /// Shifted towards the lowest bit.
    #[inline(always)]
    pub(crate) fn right<const BITS: i32>(self) -> Self {
        Self(sse2!(_mm_srli_epi32::<BITS>(self.0)))
    }

    /// Likewise by a number of bits that no generic parameter can say.
    #[inline(always)]
    pub(crate) fn right_by(self, bits: u32) -> Self {
        Self(sse2!(_mm_srl_epi32(
            self.0,
            _mm_cvtsi32_si128(bits.cast_signed())
        )))
    }

    /// Shifted towards the highest bit.
    #[inline(always)]
    pub(crate) fn left<const BITS: i32>(self) -> Self {
        Self(sse2!(_mm_slli_epi32::<BITS>(self.0)))
    }

    /// What [`halves`](Self::halves) takes from each half.
    pub(crate) const HALF: u32 = 1 << 15;

    /// The sum of both halves of each, [`HALF`](Self::HALF) less for each of the two: the instruction
    /// that adds them takes them as signed.
    #[inline(always)]
    pub(crate) fn halves(self) -> Self {
        let signed = sse2!(_mm_xor_si128(self.0, _mm_set1_epi16(i16::MIN)));
        Self(sse2!(_mm_madd_epi16(signed, _mm_set1_epi16(1))))
    }

    /// Each half multiplied by the other's, as far as a half holds it.
    #[inline(always)]
    pub(crate) fn times_halves(self, other: Self) -> Self {
        Self(sse2!(_mm_mullo_epi16(self.0, other.0)))
    }

    /// With the two bytes of each half in the other order.
    #[inline(always)]
    pub(crate) fn swap_bytes_of_halves(self) -> Self {
        let (up, down) = (
            sse2!(_mm_slli_epi16::<8>(self.0)),
            sse2!(_mm_srli_epi16::<8>(self.0)),
        );
        Self(sse2!(_mm_or_si128(up, down)))
    }

    /// With the bytes of each in the other order.
    #[inline(always)]
    pub(crate) fn swap_bytes(self) -> Self {
        // The bytes of each half, then the halves.
        let Self(halves) = self.swap_bytes_of_halves();
        let halves = sse2!(_mm_shufflelo_epi16::<0b10_11_00_01>(halves));
        Self(sse2!(_mm_shufflehi_epi16::<0b10_11_00_01>(halves)))
    }

    /// All ones where they are equal, zero elsewhere.
    #[inline(always)]
    pub(crate) fn equals(self, other: Self) -> Self {
        Self(sse2!(_mm_cmpeq_epi32(self.0, other.0)))
    }

    /// As [`equals`](Self::equals), byte by byte.
    #[inline(always)]
    pub(crate) fn equals_by_bytes(self, other: Self) -> Self {
        Self(sse2!(_mm_cmpeq_epi8(self.0, other.0)))
    }

    /// All ones where this one is greater, zero elsewhere; of numbers below 2^31.
    #[inline(always)]
    pub(crate) fn exceeds(self, other: Self) -> Self {
        Self(sse2!(_mm_cmpgt_epi32(self.0, other.0)))
    }

    /// Each byte, but no less than `least` and no more than `most`.
    #[inline(always)]
    pub(crate) fn clamp_bytes(self, least: Self, most: Self) -> Self {
        Self(sse2!(_mm_max_epu8(_mm_min_epu8(self.0, most.0), least.0)))
    }

    /// Without the bits of the other.
    #[inline(always)]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(sse2!(_mm_andnot_si128(other.0, self.0)))
    }

    /// With the last of the other in place of its own.
    #[inline(always)]
    pub(crate) fn with_last_of(self, other: Self) -> Self {
        let last = Self(sse2!(_mm_set_epi32(-1, 0, 0, 0)));
        self.without(last) | (other & last)
    }

    /// Whether all four are zero.
    #[inline(always)]
    pub(crate) fn are_zero(self) -> bool {
        let zero = self.equals_by_bytes(Self::splat(0));
        sse2!(_mm_movemask_epi8(zero.0)) == 0xffff
    }

    /// The highest bit of each, the first lane's lowest.
    #[inline(always)]
    pub(crate) fn signs(self) -> u32 {
        sse2!(_mm_movemask_ps(_mm_castsi128_ps(self.0))).cast_unsigned()
    }
}

impl From<[u32; 4]> for Numbers {
    #[inline(always)]
    fn from(numbers: [u32; 4]) -> Self {
        let [a, b, c, d] = numbers.map(u32::cast_signed);
        Self(sse2!(_mm_set_epi32(d, c, b, a)))
    }
}

impl From<[u64; 2]> for Numbers {
    /// Two numbers a word, the lower half first.
    #[inline(always)]
    fn from([low, high]: [u64; 2]) -> Self {
        Self(sse2!(_mm_set_epi64x(high.cast_signed(), low.cast_signed())))
    }
}

impl From<__m128i> for Numbers {
    #[inline(always)]
    fn from(lanes: __m128i) -> Self {
        Self(lanes)
    }
}

impl From<Numbers> for __m128i {
    #[inline(always)]
    fn from(lanes: Numbers) -> Self {
        lanes.0
    }
}

impl From<Numbers> for [u32; 4] {
    #[inline(always)]
    fn from(lanes: Numbers) -> Self {
        // SAFETY: both are sixteen bytes, of which every pattern is a value (Intel SDM volume 1,
        // section 4.9: the first lane is the lowest, and has the lowest address).
        unsafe { core::mem::transmute(lanes.0) }
    }
}

impl Add for Numbers {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(sse2!(_mm_add_epi32(self.0, other.0)))
    }
}

impl Sub for Numbers {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(sse2!(_mm_sub_epi32(self.0, other.0)))
    }
}

impl BitAnd for Numbers {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(sse2!(_mm_and_si128(self.0, other.0)))
    }
}

impl BitOr for Numbers {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(sse2!(_mm_or_si128(self.0, other.0)))
    }
}

impl BitXor for Numbers {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(sse2!(_mm_xor_si128(self.0, other.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn each(a: [u32; 4], b: [u32; 4], of: impl Fn(u32, u32) -> u32) -> [u32; 4] {
        core::array::from_fn(|lane| of(a[lane], b[lane]))
    }

    fn truth(yes: bool) -> u32 {
        if yes { !0 } else { 0 }
    }

    fn bytes(a: u32, b: u32, of: impl Fn(u8, u8) -> u8) -> u32 {
        let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
        u32::from_le_bytes(core::array::from_fn(|byte| of(a[byte], b[byte])))
    }

    proptest! {
        /// Each operation, beside the same on each number alone.
        #[test]
        fn lanes_are_numbers_by_themselves(a: [u32; 4], b: [u32; 4], at in 0..4usize) {
            let mut b = b;
            b[at] = a[at];
            let (x, y) = (Numbers::from(a), Numbers::from(b));
            let is = |lanes: Numbers, expected| {
                let lanes: [u32; 4] = lanes.into();
                assert_eq!(lanes, expected);
            };
            is(x, a);
            is(Numbers::splat(a[0]), [a[0]; 4]);
            is(x + y, each(a, b, u32::wrapping_add));
            is(x & y, each(a, b, |a, b| a & b));
            is(x | y, each(a, b, |a, b| a | b));
            is(x ^ y, each(a, b, |a, b| a ^ b));
            is(x.right::<7>(), a.map(|a| a >> 7));
            is(x.left::<7>(), a.map(|a| a << 7));
            is(x - y, each(a, b, u32::wrapping_sub));
            is(x.with_last_of(y), [a[0], a[1], a[2], b[3]]);
            is(x.without(y), each(a, b, |a, b| a & !b));
            is(x.right_by(7), a.map(|a| a >> 7));
            is(x.swap_bytes(), a.map(u32::swap_bytes));
            is(x.swap_bytes_of_halves(), a.map(|a| a.swap_bytes().rotate_left(16)));
            is(
                x.times_halves(y),
                each(a, b, |a, b| (a as u16).wrapping_mul(b as u16) as u32
                    | ((a >> 16) * (b >> 16)) << 16),
            );
            assert_eq!(x.to_le_bytes().as_chunks().0, a.map(u32::to_le_bytes));
            let pairs = [0, 2].map(|at| u64::from(a[at]) | u64::from(a[at + 1]) << 32);
            is(pairs.into(), a);
            assert_eq!(x.are_zero(), a == [0; 4]);
            assert!(Numbers::splat(0).are_zero());
            assert!(!Numbers::from([0, 0, 1 << (a[0] & 31), 0]).are_zero());
            is(x.halves() + Numbers::splat(2 * Numbers::HALF), a.map(|a| (a >> 16) + (a & 0xffff)));
            is(x.equals(y), each(a, b, |a, b| truth(a == b)));
            is(
                x.equals_by_bytes(y),
                each(a, b, |a, b| bytes(a, b, |a, b| truth(a == b) as u8)),
            );
            is(
                x.right::<1>().exceeds(y.right::<1>()),
                each(a, b, |a, b| truth(a >> 1 > b >> 1)),
            );
            let (least, most) = (0x00_01_10_80_u32, 0x00_df_20_80_u32);
            is(
                x.clamp_bytes(Numbers::splat(least), Numbers::splat(most)),
                a.map(|a| bytes(bytes(a, most, u8::min), least, u8::max)),
            );
            assert_eq!(x.signs(), (0..4).map(|lane| a[lane] >> 31 << lane).sum());
        }

        #[test]
        fn rows_become_columns(rows: [[u8; 16]; 4]) {
            let lanes = Numbers::turn(rows.each_ref().map(Numbers::from_le_bytes));
            for (column, lanes) in lanes.into_iter().enumerate() {
                let expected = rows.each_ref().map(|row| {
                    u32::from_le_bytes(row.as_chunks().0[column])
                });
                let lanes: [u32; 4] = lanes.into();
                assert_eq!(lanes, expected);
            }
        }

        #[test]
        fn pairs_become_columns(rows: [[u8; 8]; 4]) {
            for (column, lanes) in Numbers::turn_pairs(rows).into_iter().enumerate() {
                let expected = rows.map(|row| u32::from_le_bytes(row.as_chunks().0[column]));
                let lanes: [u32; 4] = lanes.into();
                assert_eq!(lanes, expected);
            }
        }
    }
}

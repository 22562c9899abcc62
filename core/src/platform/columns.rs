//! What may be done to a column of numbers, however many it has.

use core::ops::{Add, BitAnd, BitOr, BitXor};

use super::Numbers;

/// Numbers of 32 bits beside each other, [four](Numbers) or [eight](super::Eight), so that a rule for them is
/// written once. Operations are on each by itself; sums wrap.
pub(crate) trait Columns:
    Copy + Add<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self> + BitXor<Output = Self>
{
    /// The same number in every place.
    fn all(self, number: u32) -> Self;

    /// Shifted towards the lowest bit.
    fn right<const BITS: i32>(self) -> Self;

    /// Shifted towards the highest bit.
    fn left<const BITS: i32>(self) -> Self;

    /// The sum of both halves of each, [`HALF`] less for each of the two: the instruction that adds them
    /// takes them as signed.
    fn halves(self) -> Self;

    /// With the bytes of each in the other order.
    fn swap_bytes(self) -> Self;

    /// All ones where they are equal, zero elsewhere.
    fn equals(self, other: Self) -> Self;

    /// As [`equals`](Self::equals), byte by byte.
    fn equals_by_bytes(self, other: Self) -> Self;

    /// All ones where this one is greater, zero elsewhere; of numbers below 2^31.
    fn exceeds(self, other: Self) -> Self;

    /// Each byte, but no less than `least` and no more than `most`.
    fn clamp_bytes(self, least: Self, most: Self) -> Self;

    /// The highest bit of each, the first one's lowest.
    fn signs(self) -> u32;
}

/// What [`halves`](Columns::halves) takes from each half.
pub(crate) const HALF: u32 = Numbers::HALF;

impl Columns for Numbers {
    #[inline(always)]
    fn all(self, number: u32) -> Self {
        Self::splat(number)
    }

    #[inline(always)]
    fn right<const BITS: i32>(self) -> Self {
        self.right::<BITS>()
    }

    #[inline(always)]
    fn left<const BITS: i32>(self) -> Self {
        self.left::<BITS>()
    }

    #[inline(always)]
    fn halves(self) -> Self {
        self.halves()
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        self.swap_bytes()
    }

    #[inline(always)]
    fn equals(self, other: Self) -> Self {
        self.equals(other)
    }

    #[inline(always)]
    fn equals_by_bytes(self, other: Self) -> Self {
        self.equals_by_bytes(other)
    }

    #[inline(always)]
    fn exceeds(self, other: Self) -> Self {
        self.exceeds(other)
    }

    #[inline(always)]
    fn clamp_bytes(self, least: Self, most: Self) -> Self {
        self.clamp_bytes(least, most)
    }

    #[inline(always)]
    fn signs(self) -> u32 {
        self.signs()
    }
}

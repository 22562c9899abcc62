//! The one's complement sum over bytes.

use core::ops::{Add, AddAssign};

use super::words;

/// A one's complement sum of 16-bit words, not yet complemented.
///
/// Sums of pieces add up to the sum of the whole, in any order; a piece that starts at an odd offset
/// goes through [`at`](Self::at) first.
///
/// ```
/// use linecard::wire::checksum::Sum;
///
/// let bytes = b"one's complement";
/// let (head, tail) = bytes.split_at(5);
/// assert_eq!(Sum::of(head) + Sum::of(tail).at(5), Sum::of(bytes));
///
/// // A pseudo-header's fields are added as numbers.
/// assert_eq!(Sum::of_u16(17) + Sum::of_u32(0x0a00_0001), Sum::of(&[0, 17, 10, 0, 0, 1]));
/// ```
// The words are summed as little-endian numbers, which swaps the bytes of the sum and nothing else
// (RFC 1071 section 2B), and the sum is kept folded to 32 bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum(u32);

impl Sum {
    /// The sum of nothing.
    pub const ZERO: Self = Self(0);

    /// The sum of `bytes`, of any length below 16 GiB; an odd last byte counts as if a zero followed.
    #[inline]
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(words::sum(bytes))
    }

    /// The sum of eight bytes.
    #[inline]
    pub(crate) const fn of_8(bytes: &[u8; 8]) -> Self {
        Self(words::fold(u64::from_le_bytes(*bytes)))
    }

    /// The sum of a header of exactly 20 bytes, such as IPv4's without options.
    #[inline]
    #[must_use]
    pub const fn of_20(header: &[u8; 20]) -> Self {
        Self(words::fold(words::sum_20(header, [!0; 3])))
    }

    /// Whether a header of exactly 20 bytes includes its own, right checksum; what
    /// `Sum::of_20(header).is_valid()` says, in fewer instructions.
    ///
    /// ```
    /// use linecard::wire::checksum::Sum;
    ///
    /// let mut header = [0x45; 20];
    /// let checksum = Sum::of_20_except::<10>(&header).checksum();
    /// header[10..12].copy_from_slice(&checksum.to_be_bytes());
    /// assert!(Sum::is_valid_20(&header));
    /// header[0] ^= 1;
    /// assert!(!Sum::is_valid_20(&header));
    /// assert!(!Sum::is_valid_20(&[0; 20]));
    /// ```
    #[inline]
    #[must_use]
    pub const fn is_valid_20(header: &[u8; 20]) -> bool {
        let ([a, b, c, d, e], []) = header.as_chunks::<4>() else {
            return false;
        };
        let first = u32::from_le_bytes(*a) as u64 | (u32::from_le_bytes(*b) as u64) << 32;
        // So few words of 32 bits have no carry from 64.
        let rest = u32::from_le_bytes(*c) as u64
            + u32::from_le_bytes(*d) as u64
            + u32::from_le_bytes(*e) as u64;
        // 2^16 - 1 divides 2^64 - 1, so that the carry of a 64-bit sum is worth 1 as well; after it
        // the sum is below 2^34.
        let (sum, carry) = rest.overflowing_add(first);
        is_multiple_of_65535(sum.wrapping_add(carry as u64))
    }

    /// The sum of `bytes` with the two at `field` taken as zero: what a checksum field is computed
    /// from, without first clearing it.
    ///
    /// `field` is even and both bytes are there; otherwise nothing is left out.
    ///
    /// ```
    /// use linecard::wire::checksum::Sum;
    ///
    /// assert_eq!(Sum::of_except(&[1, 2, 3, 4], 2), Sum::of(&[1, 2]));
    /// ```
    #[inline]
    #[must_use]
    pub fn of_except(bytes: &[u8], field: usize) -> Self {
        // What is behind the field is at an even offset as well.
        match (bytes.get(..field), bytes.get(field.saturating_add(2)..)) {
            (Some(before), Some(behind)) if field.is_multiple_of(2) => {
                Self::of(before).plus(Self::of(behind))
            }
            _ => Self::of(bytes),
        }
    }

    /// The sum of a header of exactly 20 bytes with the two at `FIELD` taken as zero.
    ///
    /// ```
    /// use linecard::wire::checksum::Sum;
    ///
    /// let header: [u8; 20] = core::array::from_fn(|i| i as u8);
    /// assert_eq!(Sum::of_20_except::<10>(&header), Sum::of_except(&header, 10));
    /// ```
    #[inline]
    #[must_use]
    pub const fn of_20_except<const FIELD: usize>(header: &[u8; 20]) -> Self {
        const {
            assert!(
                FIELD <= 18 && FIELD.is_multiple_of(2),
                "a 16-bit word of the header"
            )
        };
        let mut keep = [!0u64; 3];
        keep[FIELD / 8] = !(0xffff << (FIELD % 8 * 8));
        Self(words::fold(words::sum_20(header, keep)))
    }

    /// The sum of one 16-bit number.
    #[inline]
    #[must_use]
    pub const fn of_u16(value: u16) -> Self {
        Self(value.swap_bytes() as u32)
    }

    /// The sum of one 32-bit number.
    #[inline]
    #[must_use]
    pub const fn of_u32(value: u32) -> Self {
        Self(value.swap_bytes())
    }

    /// This sum and another.
    #[inline]
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        // After a carry the low part is at most 2^32 - 2, so that this one cannot carry again.
        Self(sum.wrapping_add(carry as u32))
    }

    /// This sum and that of a few 4-byte words, such as IPv4's options.
    ///
    /// With carries, so that the compiler does not make vectors of what is ten words at most.
    #[inline]
    pub(crate) fn plus_words(self, bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        words
            .iter()
            .fold(self, |sum, word| sum.plus(Self(u32::from_le_bytes(*word))))
    }

    /// This sum as it counts when its bytes start at `offset` of the whole: an odd offset swaps the
    /// halves of each word (RFC 1071 section 2B).
    #[inline]
    #[must_use]
    pub const fn at(self, offset: usize) -> Self {
        if offset.is_multiple_of(2) {
            self
        } else {
            Self(self.0.rotate_left(8))
        }
    }

    /// The sum as a 16-bit number; 0 only when every byte was zero.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u16 {
        fold_32(self.0).swap_bytes()
    }

    /// The checksum: the complement of the sum.
    #[inline]
    #[must_use]
    pub const fn checksum(self) -> u16 {
        !self.value()
    }

    /// Whether the bytes summed include their own, right checksum.
    #[inline]
    #[must_use]
    pub const fn is_valid(self) -> bool {
        fold_32(self.0) == 0xffff
    }

    /// The sum in memory order, folded to 32 bits.
    #[inline]
    pub(super) const fn to_raw(self) -> u32 {
        self.0
    }

    /// A sum that [`to_raw`](Self::to_raw) gave.
    #[inline]
    pub(super) const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }
}

impl PartialEq for Sum {
    /// Equal when the 16-bit sums are.
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        fold_32(self.0) == fold_32(other.0)
    }
}

impl Eq for Sum {}

impl Add for Sum {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        self.plus(other)
    }
}

impl AddAssign for Sum {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = self.plus(other);
    }
}

impl core::iter::Sum for Sum {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::ZERO, Self::plus)
    }
}

/// Folds a sum to 16 bits.
#[inline]
const fn fold_32(sum: u32) -> u16 {
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}

/// Whether a sum is a multiple of 65535 and not zero: the checksum is right.
///
/// Times the inverse of 65535 modulo 2^64, each multiple gives its quotient, and all else a number
/// above every quotient (Hacker's Delight, section 10-17).
#[inline]
const fn is_multiple_of_65535(sum: u64) -> bool {
    const INVERSE: u64 = 0x0001_0001_0001_0001_u64.wrapping_neg();
    const _: () = assert!(INVERSE.wrapping_mul(0xffff) == 1);
    sum.wrapping_mul(INVERSE).wrapping_sub(1) < u64::MAX / 0xffff
}

#[cfg(test)]
#[path = "sum_tests.rs"]
mod tests;

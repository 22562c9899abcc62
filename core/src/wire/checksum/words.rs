//! The loop over the bytes: 64 bits at a time, by carries where it is short and by lanes where it is
//! long.
//!
//! All sums here are of little-endian 64-bit words, with every carry out of the 64 bits put back (it
//! is worth 1, as 2^16 - 1 divides 2^64 - 1). Such a sum is zero only when every byte is: a carry
//! that is put back leaves at least itself.
//!
//! | bytes | how | x86-64 |
//! |---|---|---|
//! | 20 | add with carry, without a loop | 5 instructions |
//! | below [`WIDE`] | add with carry, 64, 32, 16 and 8 bytes at a time | 10 instructions for 64 bytes |
//! | from [`WIDE`] on | AVX-512, where the processor has it ([`sum_of_bytes`]) | 4 instructions for 128 bytes, each load within a line |
//! | likewise | AVX2, where it has that ([`sum_of_words`]) | 15 instructions for 128 bytes |
//! | else | lanes without carries, 64 bytes at a time | vectors; 9,000 bytes in 134 ns (Zen 4) |
//!
//! Adding with carry is one chain of 8 bytes a cycle, which the others beat as soon as they have paid
//! for adding themselves up.

use crate::platform::{sum_of_bytes, sum_of_words};

/// The sum of `bytes`, of any length below 16 GiB, folded to 32 bits; fewer than 8 at the end count as if
/// zeros followed.
#[inline]
pub(super) fn sum(bytes: &[u8]) -> u32 {
    // Nearly every IPv4 header is as long as that, also where who asks does not know it.
    if let Ok(header) = bytes.try_into() {
        return fold(sum_20(header, [!0; 3]));
    }
    if bytes.len() >= WIDE {
        return sum_of_bytes(bytes).unwrap_or_else(|| fold(by_blocks(bytes)));
    }
    fold(short(bytes))
}

/// Folds a sum to 32 bits. Adding a number to itself with its halves swapped leaves the folded sum,
/// with its carry, in the upper half.
#[inline]
pub(super) const fn fold(sum: u64) -> u32 {
    (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32
}

/// The sum of fewer than [`WIDE`] bytes.
#[inline(always)]
fn short(bytes: &[u8]) -> u64 {
    let Some(last) = bytes.last_chunk::<8>() else {
        return short_word(bytes);
    };
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    plus_rest(blocks.iter().fold(0, plus_words), rest, last)
}

/// The sum of [`WIDE`] bytes and more, by vectors that are not as wide as a block.
#[inline(never)]
fn by_blocks(bytes: &[u8]) -> u64 {
    let Some(last) = bytes.last_chunk::<8>() else {
        return short_word(bytes);
    };
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let sum = sum_of_words(blocks).unwrap_or_else(|| lanes(blocks));
    plus_rest(sum, rest, last)
}

/// A sum and what is left behind whole blocks. `last` is the last bytes of all.
#[inline(always)]
fn plus_rest(mut sum: u64, mut rest: &[u8], last: &[u8; 8]) -> u64 {
    // No loop for the rest: it is as long as the bits of its length say.
    if let Some((words, after)) = rest.split_first_chunk::<32>() {
        (sum, rest) = (plus_words(sum, words), after);
    }
    if let Some((words, after)) = rest.split_first_chunk::<16>() {
        (sum, rest) = (plus_words(sum, words), after);
    }
    if let Some((word, after)) = rest.split_first_chunk::<8>() {
        (sum, rest) = (plus(sum, u64::from_le_bytes(*word)), after);
    }
    // What is left, by one load that overlaps what is summed already: of 8 bytes those 1 to 7 at the
    // end that are not, or none.
    let summed = 7_u32.wrapping_sub(rest.len() as u32) & 7;
    plus(sum, u64::from_le_bytes(*last) >> 8 >> (summed * 8))
}

/// The sum of a header of exactly 20 bytes, of each word the bits in `keep`.
#[inline]
pub(super) const fn sum_20(header: &[u8; 20], keep: [u64; 3]) -> u64 {
    let ([a, b], [c, d, e, f]) = header.as_chunks::<8>() else {
        return 0;
    };
    let [a, b] = [u64::from_le_bytes(*a), u64::from_le_bytes(*b)];
    let rest = u32::from_le_bytes([*c, *d, *e, *f]) as u64;
    let (sum, carry) = (a & keep[0]).overflowing_add(b & keep[1]);
    // Below 2^33, so that the carry fits.
    plus(sum, (rest & keep[2]).wrapping_add(carry as u64))
}

/// A sum and a word.
#[inline(always)]
const fn plus(sum: u64, word: u64) -> u64 {
    let (sum, carry) = sum.overflowing_add(word);
    // After a carry the sum is at most 2^64 - 2, so that this cannot carry again. That holds for a
    // chain of carries too, if the first addition of it takes none in.
    sum.wrapping_add(carry as u64)
}

/// A sum and some words, in one chain of carries.
#[inline(always)]
fn plus_words<const LEN: usize>(sum: u64, bytes: &[u8; LEN]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let (sum, carry) = words.iter().fold((sum, false), |(sum, carry), word| {
        sum.carrying_add(u64::from_le_bytes(*word), carry)
    });
    sum.wrapping_add(u64::from(carry))
}

/// The exact sum of the halves of all words.
///
/// Two sums run along in each of eight lanes, of whole 64-bit words without regard to carries and of
/// their upper halves; from them the sum of the lower halves follows. That is one shift and two
/// additions a word, which the compiler turns into vector code on every target that has any.
#[inline(never)]
fn lanes(blocks: &[[u8; BLOCK]]) -> u64 {
    let (mut all, mut upper) = ([0u64; LANES], [0u64; LANES]);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for ((all, upper), word) in all.iter_mut().zip(&mut upper).zip(words) {
            let word = u64::from_le_bytes(*word);
            *all = all.wrapping_add(word);
            *upper = upper.wrapping_add(word >> 32);
        }
    }
    let (all, upper) = (across(all), across(upper));
    // Each of both parts is below 2^32 times the number of words.
    let lower = all.wrapping_sub(upper << 32);
    lower.wrapping_add(upper)
}

/// The sum of all lanes, by halves: as a vector is added up.
#[inline(always)]
fn across([a, b, c, d, e, f, g, h]: [u64; LANES]) -> u64 {
    let add = u64::wrapping_add;
    let [a, b, c, d] = [add(a, e), add(b, f), add(c, g), add(d, h)];
    let [a, b] = [add(a, c), add(b, d)];
    a.wrapping_add(b)
}

/// Fewer than 8 bytes, padded with zeros.
#[inline]
fn short_word(bytes: &[u8]) -> u64 {
    let (mut word, mut at, mut rest) = (0, 0, bytes);
    if let Some((four, after)) = rest.split_first_chunk() {
        word = u64::from(u32::from_le_bytes(*four));
        (at, rest) = (32, after);
    }
    if let Some((two, after)) = rest.split_first_chunk() {
        word |= u64::from(u16::from_le_bytes(*two)) << at;
        (at, rest) = (at + 16, after);
    }
    if let [one, ..] = rest {
        word |= u64::from(*one) << at;
    }
    word
}

/// Bytes that are summed at a time.
const BLOCK: usize = 64;

/// Sums that run beside each other.
const LANES: usize = BLOCK / 8;

/// From so many bytes on, lanes are faster.
const WIDE: usize = 256;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn every_way_sums_every_length_wherever_it_lies() {
        let forms: [fn(&[u8]) -> u32; 3] = [
            sum,
            |bytes| fold(short(bytes)),
            |bytes| fold(by_blocks(bytes)),
        ];
        for byte in [Some(0xff), None] {
            let bytes: Vec<u8> = (0..9216 + 64 + 1)
                .map(|i: usize| byte.unwrap_or((i * 89 + i / 64 * 37) as u8))
                .collect();
            for first in (0..64).step_by(7) {
                let mut exact = 0_u64;
                for (len, next) in bytes[first..=first + 9216].iter().enumerate() {
                    for form in forms {
                        let sum = u64::from(form(&bytes[first..first + len]));
                        assert_eq!(sum % 0xffff, exact % 0xffff, "{len} bytes from {first} on");
                        assert_eq!(sum == 0, exact == 0, "{len} bytes from {first} on");
                    }
                    exact += u64::from(*next) << (len % 2 * 8);
                }
            }
        }
    }

    #[test]
    fn lanes_and_carries_agree_where_there_are_wider_vectors_too() {
        for count in [0, 1, 4, 23, 140] {
            for byte in [Some(0xff), Some(0), None] {
                let blocks: Vec<[u8; BLOCK]> = (0..count)
                    .map(|i: usize| {
                        core::array::from_fn(|j| byte.unwrap_or((i * 89 + j * 37) as u8))
                    })
                    .collect();
                let (by_lanes, by_carries) = (lanes(&blocks), blocks.iter().fold(0, plus_words));
                assert_eq!(
                    by_lanes % 0xffff,
                    by_carries % 0xffff,
                    "{count} blocks of {byte:?}"
                );
                assert_eq!(by_lanes == 0, by_carries == 0);
            }
        }
    }
}

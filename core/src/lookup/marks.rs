//! Which prefixes of one stride exist: a bit each, in the order of a binary heap.
//!
//! A stride of `D` bits has `2^(D+1) - 1` prefixes. The one of length `l` with bits `i` is bit
//! `2^l + i`:
//!
//! ```text
//!   level 0            1                 the whole stride
//!   level 1       2         3
//!   level 2     4   5     6   7          position p: parent p/2, children 2p and 2p+1
//! ```
//!
//! These bits are all that a writer needs to know of covered and covering prefixes. To paint a
//! prefix into the entries of a leaf-pushed table it must leave out those that a longer prefix
//! covers ([`uncovered`]); to remove one it must find the next shorter ([`cover`]). For the first
//! 24 bits of IPv4 that costs 4 MiB where a depth for each entry costs 16, and a /24, half of all
//! routes, paints its one entry without reading any of it.
//!
//! The writer alone reads and writes marks.

use core::ops::ControlFlow;

/// Words that the marks of a stride of `depth` bits fill; `depth` is at least 5.
pub(super) const fn words(depth: u32) -> usize {
    1 << (depth.saturating_sub(5))
}

/// Marks of a stride of 8 bits: a node.
pub(super) type Marks8 = [u64; words(8)];

/// Marks of a stride of 12 bits: a wide node of IPv6.
pub(super) type Marks12 = [u64; words(12)];

/// The mark of a stride's whole range, which is a route of the stride above.
pub(super) const WHOLE: u32 = 1;

/// The bit of a prefix: its length within the stride, and its bits.
pub(super) const fn position(level: u32, index: u32) -> u32 {
    (1 << level) | index
}

pub(super) fn contains(marks: &[u64], position: u32) -> bool {
    marks
        .get(word(position))
        .is_some_and(|word| word >> (position % 64) & 1 == 1)
}

pub(super) fn set(marks: &mut [u64], position: u32) {
    if let Some(word) = marks.get_mut(word(position)) {
        *word |= 1 << (position % 64);
    }
}

pub(super) fn clear(marks: &mut [u64], position: u32) {
    if let Some(word) = marks.get_mut(word(position)) {
        *word &= !(1 << (position % 64));
    }
}

/// The longest marked prefix that contains the one at `position`, itself included.
pub(super) fn cover(marks: &[u64], mut position: u32) -> Option<u32> {
    while position != 0 {
        if contains(marks, position) {
            return Some(position);
        }
        position /= 2;
    }
    None
}

/// Calls `paint` for each entry of the prefix at `position` that no longer marked prefix covers.
/// `depth` is the stride's, at least 6.
pub(super) fn uncovered(marks: &[u64], depth: u32, position: u32, mut paint: impl FnMut(usize)) {
    let level = position.ilog2();
    let index = position ^ (1 << level);
    // A block is the 64 entries below one prefix of this level.
    let block_level = depth.saturating_sub(6);
    if let Some(within @ 1..) = level.checked_sub(block_level) {
        let entries = 64 >> within;
        let range = ((1u64 << entries) - 1) << (index * entries % 64);
        let mask = range & !covered_in_block(marks, block_level, index >> within, level + 1);
        ones((index >> within) * 64, mask).for_each(paint);
        return;
    }
    let shift = block_level - level;
    let end = (index + 1) << shift;
    let mut block = index << shift;
    while block < end {
        match longer_cover(marks, block_level, block, level + 1) {
            ControlFlow::Break(past) => block = past,
            ControlFlow::Continue(()) => {
                let mask = !covered_in_block(marks, block_level, block, level + 1);
                ones(block * 64, mask).for_each(&mut paint);
                block += 1;
            }
        }
    }
}

/// Whether a marked prefix of `from` bits or more, but shorter than a block's, starts with
/// `block`; if so, the block behind it.
///
/// Only prefixes that start with this block are looked at: of one that started earlier, the
/// whole was skipped.
fn longer_cover(marks: &[u64], block_level: u32, block: u32, from: u32) -> ControlFlow<u32> {
    let first = from.max(block_level.saturating_sub(block.trailing_zeros()));
    for level in first..block_level {
        let up = block_level - level;
        if contains(marks, position(level, block >> up)) {
            return ControlFlow::Break(((block >> up) + 1) << up);
        }
    }
    ControlFlow::Continue(())
}

/// The entries of a block that marked prefixes of `from` bits or more cover, among those as long
/// as the block's or longer.
fn covered_in_block(marks: &[u64], block_level: u32, block: u32, from: u32) -> u64 {
    let mut covered = 0u64;
    for down in 0..=6 {
        covered = double(covered);
        if block_level + down >= from {
            // 2^down bits, aligned to their number: they never straddle a word.
            let first = position(block_level + down, block << down);
            let bits = marks
                .get(word(first))
                .map_or(0, |word| word >> (first % 64));
            covered |= bits & (u64::MAX >> (64 - (1u32 << down)));
        }
    }
    covered
}

/// Repeats each of the low 32 bits twice: bit `i` becomes bits `2i` and `2i + 1`.
fn double(bits: u64) -> u64 {
    let mut spread = bits & 0xffff_ffff;
    spread = (spread | spread << 16) & 0x0000_ffff_0000_ffff;
    spread = (spread | spread << 8) & 0x00ff_00ff_00ff_00ff;
    spread = (spread | spread << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    spread = (spread | spread << 2) & 0x3333_3333_3333_3333;
    spread = (spread | spread << 1) & 0x5555_5555_5555_5555;
    spread | spread << 1
}

/// `base + i` for each bit `i` that is set.
fn ones(base: u32, mut mask: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = (mask != 0).then(|| mask.trailing_zeros())?;
        mask &= mask - 1;
        Some((base + bit) as usize)
    })
}

fn word(position: u32) -> usize {
    (position / 64) as usize
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Entries below `position` that no other mark below it covers, one by one.
    fn uncovered_naively(marks: &[u64], depth: u32, position: u32) -> Vec<u32> {
        let level = position.ilog2();
        let first = position << (depth - level);
        (first..first + (1 << (depth - level)))
            .filter(|leaf| (0..depth - level).all(|up| !contains(marks, leaf >> up)))
            .map(|leaf| leaf - (1 << depth))
            .collect()
    }

    fn any_position(depth: u32) -> impl Strategy<Value = u32> {
        (0..=depth).prop_flat_map(move |level| {
            (0..1u32 << level).prop_map(move |index| position(level, index))
        })
    }

    fn check(depth: u32, positions: &[u32], painted: u32) -> Result<(), TestCaseError> {
        let mut marks = vec![0; words(depth)];
        for position in positions {
            set(&mut marks, *position);
        }
        let mut entries = Vec::new();
        uncovered(&marks, depth, painted, |entry| entries.push(entry as u32));
        prop_assert_eq!(entries, uncovered_naively(&marks, depth, painted));
        Ok(())
    }

    proptest! {
        #[test]
        fn uncovered_agrees_with_asking_for_each_entry(
            positions in prop::collection::vec(any_position(13), 0..40),
            painted in any_position(13),
        ) {
            check(13, &positions, painted)?;
        }

        #[test]
        fn uncovered_agrees_in_a_stride_of_eight(
            positions in prop::collection::vec(any_position(8), 0..20),
            painted in any_position(8),
        ) {
            check(8, &positions, painted)?;
        }

        #[test]
        fn cover_is_the_longest(
            positions in prop::collection::vec(any_position(10), 0..20),
            asked in any_position(10),
        ) {
            let mut marks = vec![0; words(10)];
            for position in &positions {
                set(&mut marks, *position);
            }
            let naive = positions
                .iter()
                .copied()
                .filter(|mark| mark.ilog2() <= asked.ilog2())
                .filter(|mark| asked >> (asked.ilog2() - mark.ilog2()) == *mark)
                .max();
            prop_assert_eq!(cover(&marks, asked), naive);
        }
    }

    #[test]
    fn a_cleared_mark_is_gone() {
        let mut marks = [0; words(8)];
        set(&mut marks, 511);
        assert_eq!(cover(&marks, 511), Some(511));
        clear(&mut marks, 511);
        assert_eq!(marks, [0; words(8)]);
        assert_eq!(cover(&marks, 511), None);
    }
}

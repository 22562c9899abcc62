//! Which bits of an address each level of the trie resolves.

use crate::lookup::{Prefix6, marks};

/// A level, counted from the root: 20 bits, 12, and 8 for each further one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Level(u32);

impl Level {
    pub(super) const ROOT: Self = Self(0);
    pub(super) const WIDE: Self = Self(1);

    /// How many levels there are.
    pub(super) const COUNT: usize = 14;

    /// The level whose stride a prefix of `len` bits ends in.
    pub(super) fn of(len: u8) -> Self {
        match u32::from(len) {
            ..=20 => Self::ROOT,
            21..=32 => Self::WIDE,
            len => Self(2 + (len - 33) / 8),
        }
    }

    /// Bits of an address before this level's.
    pub(super) fn start(self) -> u32 {
        match self.0 {
            0 => 0,
            1 => 20,
            level => 16 + 8 * level,
        }
    }

    pub(super) fn bits(self) -> u32 {
        match self.0 {
            0 => 20,
            1 => 12,
            _ => 8,
        }
    }

    pub(super) fn below(self) -> Self {
        Self(self.0 + 1)
    }

    /// This level's bits of an address.
    pub(super) fn index(self, address: u128) -> u32 {
        ((address << self.start()) >> (128 - self.bits())) as u32
    }

    /// The mark of a prefix at this level; of a longer one, that of its first bits.
    pub(super) fn position(self, prefix: Prefix6) -> u32 {
        let level = (u32::from(prefix.len()) - self.start()).min(self.bits());
        marks::position(level, self.index(prefix.first()) >> (self.bits() - level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_tile_an_address() {
        let mut level = Level::ROOT;
        let mut end = 0;
        for depth in 0..Level::COUNT as u32 {
            assert_eq!((level, level.start()), (Level(depth), end));
            end += level.bits();
            for len in level.start() + 1..=end {
                assert_eq!(Level::of(len as u8), level);
            }
            level = level.below();
        }
        assert_eq!(end, 128);
        assert_eq!(Level::of(0), Level::ROOT);
    }

    #[test]
    fn bits_are_taken_from_their_place() {
        let address = 0x2001_0db8_1234_5678_9abc_def0_0fed_cba9;
        let mut level = Level::ROOT;
        for expected in [0x20010, 0xdb8, 0x12, 0x34, 0x56, 0x78, 0x9a] {
            assert_eq!(level.index(address), expected);
            level = level.below();
        }
        let prefix = Prefix6::new(address, 36).unwrap();
        assert_eq!(Level::of(36).position(prefix), marks::position(4, 1));
        assert_eq!(Level::WIDE.position(prefix), marks::position(12, 0xdb8));
    }
}

//! Where in its frame a packet begins, so that a burst's headers do not crowd a few cache sets.

use super::FrameIndex;
use crate::platform::Stride;

/// How a pool spreads the data of new frames over neighbouring cache lines: see
/// [`PoolConfig::colours`](super::PoolConfig::colours).
///
/// For a driver that says where in a frame its device writes.
///
/// ```
/// # use linecard::mempool::{FrameIndex, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let frame = pool.alloc().unwrap();
/// let begins = pool.data_offset() + pool.colours().offset(frame.index());
/// assert_eq!(frame.offset(), begins);
/// assert_eq!(pool.colours().longest(), 192, "four colours by default");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colours {
    /// The bits of an offset: a multiple of 64, up to and with the longest offset.
    mask: u16,
}

impl Colours {
    /// So many colours: a power of two.
    pub(super) const fn new(colours: usize) -> Self {
        Self {
            mask: (colours as u16).wrapping_sub(1) << 6,
        }
    }

    /// Bytes by which the data of this frame is moved.
    #[inline]
    pub const fn offset(self, frame: FrameIndex) -> usize {
        self.stride(0).colour(frame.0) as usize
    }

    /// Where frames of these colours lie that are so many bytes apart, as a binary logarithm.
    pub(super) const fn stride(self, shift: u32) -> Stride {
        Stride {
            shift,
            colours: self.mask as u32,
        }
    }

    /// Bytes by which the data of any frame is moved at most.
    pub const fn longest(self) -> usize {
        self.mask as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_a_pair_and_pairs_of_a_page_have_other_colours() {
        for (colours, longest) in [(1, 0), (2, 64), (4, 192), (8, 448)] {
            let all = Colours::new(colours);
            assert_eq!(all.longest(), longest);
            for frame in 0..4096_u32 {
                let colour = (frame >> 1 ^ frame >> 6) as usize % colours;
                assert_eq!(
                    all.offset(FrameIndex(frame)),
                    colour * 64,
                    "{frame} of {colours}"
                );
            }
        }
    }
}

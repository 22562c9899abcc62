//! How much a table can hold, and the memory that takes.

use core::sync::atomic::{AtomicU64, AtomicUsize};

use super::blocks::Blocks;
use super::{CELLS_MOST, Entries, ROOT_BITS, Root};
use crate::lookup::marks::{self, Marks8};
use crate::lookup::memory::lines_of;
use crate::lookup::routes;

/// How much an [`Lpm4Compact`](super::Lpm4Compact) can hold.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4CompactConfig};
///
/// let bytes = Lpm4CompactConfig::default().lines() * CacheLine::SIZE;
/// assert_eq!(bytes >> 20, 7, "just under 8 MiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lpm4CompactConfig {
    /// Routes of up to 19 bits and of over 24, 12 bytes each.
    pub outer_routes: usize,
    /// Cells, of 8 bytes, for the routes of 20 to 24 bits: `n` of them in one /19, counting a /24 that has a
    /// node as one, take (n + 10) / 4 cells, rounded down. More than [`Self::MAX_CELLS`] are not
    /// used.
    pub cells: usize,
    /// Nodes: one for each /24 that has longer prefixes. More than [`Self::MAX_NODES`] are not
    /// used.
    pub nodes: usize,
}

impl Lpm4CompactConfig {
    /// What it takes when all /19s have all prefixes of 20 to 24 bits.
    pub const MAX_CELLS: usize = CELLS_MOST << ROOT_BITS;

    /// What the 15 bits of an answer can name.
    pub const MAX_NODES: usize = 1 << 15;

    /// Cache lines that a table of this configuration lives in.
    pub const fn lines(&self) -> usize {
        lines_of::<AtomicUsize>(1)
            + lines_of::<Root>(1)
            + lines_of::<u64>(marks::words(ROOT_BITS))
            + lines_of::<AtomicU64>(Blocks::cells(self.usable_cells()))
            + lines_of::<Entries>(self.usable_nodes())
            + lines_of::<Marks8>(self.usable_nodes())
            + lines_of::<u16>(self.usable_nodes())
            + lines_of::<u64>(routes::slots(self.outer_routes))
    }

    pub(super) const fn usable_cells(&self) -> usize {
        if self.cells < Self::MAX_CELLS {
            self.cells
        } else {
            Self::MAX_CELLS
        }
    }

    pub(super) const fn usable_nodes(&self) -> usize {
        if self.nodes < Self::MAX_NODES {
            self.nodes
        } else {
            Self::MAX_NODES
        }
    }
}

impl Default for Lpm4CompactConfig {
    /// A full Internet table with room to grow, in 8 MiB: 80,000 routes of up to 19 and over 24
    /// bits, 600,000 cells, 640 nodes.
    fn default() -> Self {
        Self {
            outer_routes: 80_000,
            cells: 600_000,
            nodes: 640,
        }
    }
}

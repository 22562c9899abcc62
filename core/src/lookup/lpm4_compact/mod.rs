//! Longest-prefix match for IPv4 where there is no room for [`lpm4`](super::lpm4): a full Internet
//! table, its routes included, in 8 MiB.
//!
//! ```text
//!              root: 2^19 entries, 2 MiB     blocks: 16 to 144 bytes              nodes: 512 bytes
//!   203.0.96 ─┬─▶ 0 │ index + 1   ──────────────────────────────────────────────────────▶ answer
//!             └─▶ 1 │ block       ─┬─▶ [marks │ index + 1, 0 │ node, …]  ─┬─────────────▶ answer
//!                                  └── the next 5 bits                    └─▶ [.0 … .255] ─▶ answer
//! ```
//!
//! The root has an entry for each /19. One with routes of 20 to 24 bits, which are 93 of 100 of
//! the Internet's, points to a block: a mark for each of these routes, and two bytes each for where
//! they lead. The routes that contain an address are six of the marks; the highest of those is the
//! longest, and the number of marks below it is the place of its answer. So a route is there once,
//! and nothing is spread over the addresses that it covers. For longer prefixes a /24 has a
//! node, as in the big table.
//!
//! # Memory
//! [`Lpm4CompactConfig::lines`] of it, from the caller. The full table of 901,899 routes uses:
//!
//! | | bytes |
//! |---|---|
//! | root, and a bit for each prefix of up to 19 bits | 2,228,224 |
//! | 99,285 blocks | 3,363,088 |
//! | 65,707 routes of up to 19 and over 24 bits, 12 bytes each | 788,484 |
//! | 451 nodes, 578 bytes each | 260,678 |
//!
//! That is 6.4 MiB. [`Lpm4CompactConfig::default`] is 8 MiB, with room for two fifths more routes of 20 to 24
//! bits; the default of the big table is 49 MiB.
//!
//! # Updates
//! As in the big table: one writer, any number of readers that announce nothing, and each answer is one that
//! the table gave at some moment during the look-up. A route that comes or goes copies its block, some
//! 32 bytes; a new next hop is stored in place. When free memory is in pieces too small for a
//! block, all blocks are moved together, which takes milliseconds and refuses nobody: the module
//! `blocks` has how.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use linecard::lookup::{CacheLine, Lpm4Compact, Lpm4CompactConfig, NextHop};
//!
//! let config = Lpm4CompactConfig::default();
//! assert!(config.lines() * CacheLine::SIZE <= 8 << 20);
//! let mut memory = vec![CacheLine::ZERO; config.lines()];
//! let mut table = Lpm4Compact::new(config, &mut memory)?;
//! let (upstream, lan) = (NextHop::new(0)?, NextHop::new(1)?);
//! table.insert("0.0.0.0/0".parse()?, upstream)?;
//! table.insert("192.0.2.0/24".parse()?, lan)?;
//!
//! let reader = table.reader();
//! assert_eq!(reader.lookup(Ipv4Addr::new(192, 0, 2, 130).to_bits()), Some(lan));
//! table.remove("192.0.2.0/24".parse()?)?;
//! assert_eq!(reader.lookup(Ipv4Addr::new(192, 0, 2, 130).to_bits()), Some(upstream));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocks;
mod changes;
mod config;
mod reader;
mod table;
mod wide;

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

pub use config::Lpm4CompactConfig;
pub use reader::Lpm4CompactReader;
pub use table::Lpm4Compact;

use core::sync::atomic::{AtomicU16, AtomicU32};

use crate::platform::Places;

/// Bits of an address that the root resolves.
const ROOT_BITS: u32 = 19;

/// Bits that a block resolves.
const INNER_BITS: u32 = 5;

/// Bits that a node resolves.
const NODE_BITS: u32 = 8;

/// Set in a root entry that says where a block starts, instead of an answer.
const POINTER: u32 = 1 << 31;

/// Set in an answer of a block that is the number of a node.
const NODE: u16 = 0x8000;

/// Set in the marks of a block that is in use: no prefix has this bit.
const IN_USE: u64 = 1;

/// Where a block's answers start, in units of 16 bits: behind its marks and the number of its slot.
const ANSWERS: usize = 6;

/// Cells of the largest block: with all 63 marks.
const CELLS_MOST: usize = blocks::size(63);

// What a look-up reads of a block is there, whatever its marks say.
const _: () = assert!(4 * CELLS_MOST >= Places::WORDS && ANSWERS + 64 <= Places::WORDS);

type Root = [AtomicU32; 1 << ROOT_BITS];
type Entries = [AtomicU16; 1 << NODE_BITS];

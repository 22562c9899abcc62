//! Longest-prefix match for IPv6: a trie of 20, 12 and then 8 bits a level, with leaves of 16 bits where
//! routes are few.
//!
//! ```text
//!   2001:0 | db8 | 12 | 34 | …       bits of the address: 20, 12, then 8 at a node or 16 at a leaf
//!      │      │     │    │
//!      ▼      ▼     ▼    ▼
//!    root ─▶ wide ─▶ node ─▶ leaf     cells of 4 bytes: an answer, or what is below: a node or a leaf
//!    2^20    4096    256     1 line
//! ```
//!
//! Root, wide nodes and nodes are one slice of cells: add the next bits to
//! where the level starts, load, go on while the cell is a pointer. Below most /32s, and
//! below most of the others' /40s, there are no more than 15 routes, no longer than 16 bits more.
//! Those go into a leaf: the module `leaf` has how a single cache line answers for all 16 bits.
//!
//! A bulk look-up takes each level for 32 addresses before the next. How far an address goes down is as good
//! as random, so that nothing branches on it, and the loads of one level wait for memory together.
//!
//! # Why leaves
//! The full Internet table (160,147 routes), without and with them:
//!
//! | | nodes | leaves | of both |
//! |---|---|---|---|
//! | nodes alone | 30,872 | – | 30.1 MiB |
//! | leaves of up to 7 routes | 6,933 | 18,641 | 7.9 MiB |
//! | **of up to 15** | 3,813 | 19,588 | 4.9 MiB |
//!
//! Root and wide nodes are 14 MiB more, of which most lines are never read. Bulk look-ups of 32 random addresses in
//! random routes of that table take 4 to 7 ns each, by Zipf 3 to 4 (`lpm6/internet/routed` and `zipf` of the benches,
//! on Zen 5 with AVX-512: a gather for each level; by plain loads it is 8 to 10 and 5 to 6).
//!
//! # Memory and updates
//! [`Lpm6Config::lines`] of memory from the caller. One writer, any number of readers at the
//! same time, by the rules of [`lpm4`](super::lpm4): an answer is the old next hop or the new one. A
//! change repaints what the prefix covers and longer ones do not; `::/0` takes tens of
//! milliseconds on a full table, the usual route a microsecond or two.
//!
//! ```
//! use core::net::Ipv6Addr;
//! use linecard::lookup::{CacheLine, Lpm6, Lpm6Config, NextHop};
//!
//! let config = Lpm6Config { routes: 1000, wide_nodes: 4, nodes: 16, leaves: 64 };
//! let mut memory = vec![CacheLine::ZERO; config.lines()];
//! let mut table = Lpm6::new(config, &mut memory)?;
//! let (upstream, lan) = (NextHop::new(0)?, NextHop::new(1)?);
//! table.insert("::/0".parse()?, upstream)?;
//! table.insert("2001:db8:1234::/48".parse()?, lan)?;
//!
//! let reader = table.reader();
//! let host: Ipv6Addr = "2001:db8:1234::1".parse()?;
//! assert_eq!(reader.lookup(host.to_bits()), Some(lan));
//! table.remove("2001:db8:1234::/48".parse()?)?;
//! assert_eq!(reader.lookup(host.to_bits()), Some(upstream));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod growth;
mod leaf;
mod level;
mod reader;
mod table;
mod wide;

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

use core::sync::atomic::AtomicU32;

pub use reader::Lpm6Reader;
pub use table::{Lpm6, Lpm6Config};

/// Set in a cell that says where a node starts, instead of an answer.
const NODE: u32 = 1 << 31;

/// Set, and [`NODE`] not, in a cell that names a leaf.
const LEAF: u32 = 1 << 30;

/// Set in the cell of a leaf that begins behind the first 48 bits of an address.
const DEEP: u32 = 1 << 29;

type Root = [AtomicU32; 1 << 20];

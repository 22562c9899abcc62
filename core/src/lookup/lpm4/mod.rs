//! Longest-prefix match for IPv4: DIR-24-8 with two-byte entries.
//!
//! ```text
//!               root: 2^24 entries, 32 MiB             nodes: 256 entries, 512 bytes
//!   198.51.100 ─┬─▶ 0 │ index + 1   ───────────────────────────────────────▶ answer
//!               └─▶ 1 │ node        ─┬─▶ [.0 │ .1 │ … │ .255]: index + 1 ──▶ answer
//!                                    └── the address's last byte
//! ```
//!
//! One load answers for an address whose /24 has no longer prefix (of the 901,899 routes of a
//! full Internet table, 961 are longer than /24, in 451 of them), two for the others. A bulk look-up loads the root entries
//! of 32 addresses, which do not depend on each other, before it looks at any; then it goes
//! to the nodes, if one of them asked for it.
//!
//! # Memory
//! [`Lpm4Config::lines`] of it, from the caller: the root, 512 bytes a node, and for the writer
//! the routes (12 bytes each) and one bit for each prefix of up to 24 bits (4 MiB). Zero memory
//! is an empty table. On huge pages a look-up costs at most one cache miss, on 4 KiB pages a TLB miss more.
//!
//! # Updates
//! [`Lpm4`] is the one writer; [`Lpm4Reader`] is `Copy`, and any number of cores look up while
//! routes come and go. Each answer is one that the table gave at some moment during the look-up:
//! the old next hop or the new one of the longest match, never a third. Readers announce nothing, hold up nobody
//! and write nothing; the module `nodes` has the argument.
//!
//! A route of `l <= 24` bits writes at most 2^(24-l) root entries, and those of its longer prefixes not at all.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, NextHop};
//!
//! let config = Lpm4Config { routes: 1000, nodes: 16 };
//! let mut memory = vec![CacheLine::ZERO; config.lines()];
//! let mut table = Lpm4::new(config, &mut memory)?;
//! let (upstream, lan) = (NextHop::new(0)?, NextHop::new(1)?);
//! table.insert("0.0.0.0/0".parse()?, upstream)?;
//! table.insert("192.0.2.128/25".parse()?, lan)?;
//!
//! let reader = table.reader();
//! assert_eq!(reader.lookup(Ipv4Addr::new(192, 0, 2, 130).to_bits()), Some(lan));
//! assert_eq!(reader.lookup(Ipv4Addr::new(192, 0, 2, 1).to_bits()), Some(upstream));
//! table.remove("0.0.0.0/0".parse()?)?;
//! assert_eq!(reader.lookup(Ipv4Addr::new(192, 0, 2, 1).to_bits()), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod reader;
mod table;

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

pub use reader::Lpm4Reader;
pub use table::{Lpm4, Lpm4Config};

use core::sync::atomic::AtomicU16;

/// Bits of an address that the root resolves.
const ROOT_BITS: u32 = 24;

/// Entries of the root: one for each /24.
const ROOT_ENTRIES: usize = 1 << ROOT_BITS;

/// Set in a root entry that is the number of a node instead of an answer.
const NODE: u16 = 0x8000;

type Root = [AtomicU16; ROOT_ENTRIES];
type Node = [AtomicU16; 256];

//! Longest-prefix match for IPv6: a trie of 20, 12 and then 8 bits a level.
//!
//! ```text
//!   2001:0 | db8 | 12 | 34 | …       bits of the address: 20, 12, 8, 8, …
//!      │      │     │    │
//!      ▼      ▼     ▼    ▼
//!    root ─▶ wide ─▶ node ─▶ node     cells of 4 bytes: an answer, or where the next level starts
//!    2^20    4096    256     256
//! ```
//!
//! All levels are one slice of cells, so that a look-up is one kind of step: add the next bits to
//! where the level starts, load, go on while the cell is a pointer. Most routes of the Internet
//! end at /32 and /48: two and four loads.
//!
//! ```
//! use core::net::Ipv6Addr;
//! use linecard::lookup::{CacheLine, Lpm6, Lpm6Config, NextHop};
//!
//! let config = Lpm6Config { routes: 1000, wide_nodes: 4, nodes: 64 };
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

mod level;
mod reader;
mod table;

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;

pub use reader::Lpm6Reader;
pub use table::{Lpm6, Lpm6Config};

/// Set in a cell that says where the next level starts, instead of an answer.
const POINTER: u32 = 1 << 31;

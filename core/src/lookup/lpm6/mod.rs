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
//! A bulk look-up takes each level for up to 64 addresses before the next. How far an address goes down is as good
//! as random, so that nothing branches on it (which was worth a third of the time), and the loads
//! of one level wait for memory together.
//!
//! # Why these strides
//! The full Internet table (160,147 routes), cells of 4 bytes; a random address in a random
//! route loads from as many levels as given:
//!
//! | bits a level | memory | levels |
//! |---|---|---|
//! | 24, 8, 8, … | 101 MiB | 3.5 |
//! | 16, 16, 8, … | 45 MiB | 3.5 |
//! | **20, 12, 8, …** | 43 MiB | 3.5 |
//! | 18, 6, 6, … | 18 MiB | 5.4 |
//! | 16, 16, 16, … | 2,768 MiB | 2.9 |
//!
//! 20 and 12 bits cost what 16 and 16 do, and a table whose first bits are spread wide (private
//! addresses, say) pays 17 KiB instead of 260 for each prefix that has company of its own.
//! Against `rte_fib6` with AVX-512 (DPDK 22.11, 4-byte next hops) on the same core
//! in the same minutes, bulk 32 on that table: 0.95 times its time for random addresses in random routes, 1.1 to
//! 1.4 times for addresses that stay in the cache; 0.4 times that of `rte_lpm6`.
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

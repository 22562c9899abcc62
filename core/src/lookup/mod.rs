//! Longest-prefix match for IPv4 and IPv6, and the neighbour table.
//!
//! Tables live in memory that the caller gives them as [`CacheLine`]s; nothing here allocates.
//! One writer changes a table while any number of readers look up in it.
//!
//! - [`Lpm4`]: IPv4, one load for most addresses; [`Lpm4Compact`]: in a sixth of the memory;
//!   [`Lpm6`]: IPv6; [`Lpm`]: what every such table answers.
//! - [`Neighbours`]: from a next hop to its MAC address, by the rules of RFC 4861.
//! - [`Prefix4`], [`Prefix6`]: what a route is for; [`NextHop`]: where it leads.
//! - [`Routes4`], [`Routes6`]: tables of any size for benches and demonstrations.
//! - [`RouteError`], [`MemoryError`]: why a table refuses.

mod chunks;
mod error;
mod generate;
mod lpm;
pub mod lpm4;
pub mod lpm4_compact;
pub mod lpm6;
mod marks;
mod memory;
pub mod neighbour;
mod next_hop;
mod nodes;
mod prefix;
mod routes;
#[cfg(test)]
mod testing;

pub use error::{Full, MemoryError, RouteError};
pub use generate::{Routes4, Routes6};
pub use lpm::Lpm;
pub use lpm4::{Lpm4, Lpm4Config, Lpm4Reader};
pub use lpm4_compact::{Lpm4Compact, Lpm4CompactConfig, Lpm4CompactReader};
pub use lpm6::{Lpm6, Lpm6Config, Lpm6Reader};
pub use memory::CacheLine;
pub use neighbour::{
    Advertisement, Displaced, Learned, NeighbourAction, NeighbourConfig, NeighbourEntry,
    NeighbourKey, NeighbourState, Neighbours, Resolution,
};
pub use next_hop::NextHop;
pub use prefix::{ParsePrefixError, Prefix4, Prefix6};

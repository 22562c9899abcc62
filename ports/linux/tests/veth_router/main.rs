//! Two hosts whose only way to each other is `linecard run` as a router, on the real kernel.
//!
//! ```text
//!   left                      router                      right
//!   192.0.2.2/24     eth0 ──── lc0   lc1 ──── eth0   198.51.100.2/24
//!   2001:db8:1::2/64          linecard               2001:db8:2::2/64
//! ```
//!
//! The router's own kernel has no address: what answers is Linecard.

mod groups;
mod hosts;
mod lifecycle;
mod queues;
mod talk;
mod traffic;

/// The router's port on the left.
const LEFT: &str = "af_xdp:lc0";

/// Bits a second at which datagrams are sent.
const DATAGRAMS: u64 = 100_000_000;

/// What is particular of the pool.
const POOL: &str = "";

//! What a port implements: clock, device memory, prefetch.
//!
//! The core never asks an operating system for anything. A port gives it a [`Clock`]; a region's
//! [`DmaMap`](crate::mempool::DmaMap) says how devices address it.

mod clock;
mod prefetch;

pub use clock::{Clock, Instant, ManualClock, NoClock};
pub use prefetch::{prefetch_read, prefetch_write};

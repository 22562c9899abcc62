//! Counters, fixed-size latency histograms, stage timers.

mod counter;
mod observe;

pub use counter::Counter;
pub use observe::{Observe, Phase};

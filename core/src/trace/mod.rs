//! Counters, fixed-size latency histograms, stage timers.
//!
//! One thread writes, any thread reads, and neither waits for the other:
//!
//! - [`Counter`]: a number that goes up, and [`Counters`]: one for each reason;
//! - [`Histogram`]: how often which value came, and its [`Quantile`]s;
//! - [`Snapshot`]: what histograms held at one moment, merged over workers or since an earlier one;
//! - [`Timings`]: the cost of each [`Phase`] of a worker, and how long packets stay, as a
//!   [`Meter`] measures them;
//! - [`Observe`]: the seam at which a worker is measured, by a meter or by the program's own.

mod counter;
mod counters;
mod histogram;
mod meter;
mod observe;
mod snapshot;

pub use counter::Counter;
pub use counters::Counters;
pub use histogram::{Histogram, Quantile};
pub use meter::{Meter, Timings};
pub use observe::{Observe, Phase};
pub use snapshot::Snapshot;

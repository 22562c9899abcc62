//! Counters, fixed-size latency histograms, stage timers.
//!
//! One thread writes, any thread reads, and neither waits for the other:
//!
//! - [`Counter`]: a number that goes up;
//! - [`Histogram`]: how often which value came, and its [`Quantile`]s;
//! - [`Timings`]: the cost of each [`Phase`] of a worker, and how long packets stay, as a
//!   [`Meter`] measures them;
//! - [`Observe`]: the seam at which a worker is measured, by a meter or by the program's own.

mod counter;
mod histogram;
mod meter;
mod observe;

pub use counter::Counter;
pub use histogram::{Histogram, Quantile};
pub use meter::{Meter, Timings};
pub use observe::{Observe, Phase};

//! What a run counted: a [`Line`] an interval while it goes on, a [`Report`] at the end, the
//! latter as JSON too.

mod json;
mod live;
mod report;
mod sample;

pub use live::{Line, Live};
pub use report::{PortReport, Report, WorkerReport};
pub use sample::{Exchanged, Latency, Totals, phases};

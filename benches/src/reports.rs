//! Every report, as data.

use crate::report::Report;
use crate::stages;

/// The reports, in the order in which they are run: after the scenarios.
pub const REPORTS: &[Report] = &[
    Report {
        name: "latency/stages",
        gives: "quantiles of each stage's time a burst, and of a packet's way through the router",
        run: stages::latency,
    },
    Report {
        name: "latency/pauses",
        gives: "pauses of a polling worker, beside a thread that does nothing",
        run: stages::pauses,
    },
];

//! Every report, as data.

use crate::af_xdp::latency;
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
    Report {
        name: "af_xdp/latency",
        gives: "quantiles of each stage's time between two real interfaces",
        run: latency::stages,
    },
    Report {
        name: "af_xdp/pauses",
        gives: "pauses of a worker over AF_XDP, beside a thread that does nothing",
        run: latency::pauses,
    },
];

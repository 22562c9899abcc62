//! Every report, as data.

use crate::report::Report;

/// The reports, in the order in which they are run: after the scenarios.
pub const REPORTS: &[Report] = &[];

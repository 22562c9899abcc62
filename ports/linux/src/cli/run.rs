//! `linecard run`: forwards until told to stop.

use super::args::RunArgs;
use super::output;
use crate::config::Config;
use crate::error::Error;
use crate::runner;
use crate::signals::Stop;

/// Runs what file and flags say, prints a line an interval and the report at the end.
///
/// # Errors
/// What is wrong with the configuration, what [`runner::run`] says, or that the figures cannot be
/// written.
pub(super) fn run(args: RunArgs, stop: &Stop) -> Result<(), Error> {
    let config = Config::try_from(args.draft()?)?;
    output::check(config.stats.json.as_deref())?;
    let report = runner::run(&config, stop, &mut |event| output::event(&event))?;
    output::report(&report, config.stats.json.as_deref())
}

//! `linecard replay`: a capture through a forwarder.

use super::args::ReplayArgs;
use super::output;
use crate::config::Config;
use crate::error::Error;
use crate::replay::{self, Replay};

/// Replays a capture and prints what became of every record.
///
/// # Errors
/// What is wrong with the configuration, what [`replay::run`] says, or that the figures cannot be
/// written.
pub(super) fn run(args: ReplayArgs) -> Result<(), Error> {
    let replay = Replay {
        input: args.input.clone(),
        output: args.output.clone(),
        mtu: args.mtu.into(),
        as_captured: args.as_captured,
    };
    let file = args.config.clone();
    let config = Config::try_from(args.draft()?)?;
    let json = config.stats.json.as_deref();
    let read = [replay.input.as_path()].into_iter().chain(file.as_deref());
    let written = [replay.output.as_path()];
    output::single(json, written)?;
    output::spare(read, written.into_iter().chain(json))?;
    output::check(json)?;
    let report = replay::run(&config, &replay)?;
    output::replay(&report, json)
}

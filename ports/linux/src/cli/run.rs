//! `linecard run`: forwards until told to stop.

use super::args::RunArgs;
use super::output;
use crate::config::{Config, Device};
use crate::error::Error;
use crate::runner;
use crate::signals::Stop;

/// Runs what file and flags say, prints a line an interval and the report at the end.
///
/// # Errors
/// What is wrong with the configuration, what [`runner::run`] says, or that the figures cannot be
/// written.
pub(super) fn run(args: RunArgs, stop: &Stop) -> Result<(), Error> {
    let file = args.config.clone();
    let config = Config::try_from(args.draft()?)?;
    let json = config.stats.json.as_deref();
    let captures = config.ports.iter().filter_map(|port| match &port.device {
        Device::Pcap(pcap) => Some(pcap),
        _ => None,
    });
    let read = captures.clone().filter_map(|pcap| pcap.input.as_deref());
    let written = captures.filter_map(|pcap| pcap.output.as_deref());
    output::single(json, written.clone())?;
    output::spare(read.chain(file.as_deref()), written.chain(json))?;
    output::check(json)?;
    let report = runner::run(&config, stop, &mut |event| output::event(&event))?;
    output::report(&report, json)
}

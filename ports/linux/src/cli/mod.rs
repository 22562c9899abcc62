//! The `linecard` command.
//!
//! | command | what it does |
//! |---|---|
//! | `linecard` | the same as `linecard demo` |
//! | `linecard demo` | routes made-up packets in memory and says how fast; no root, no network |
//! | `linecard run` | forwards between ports until told to stop, by flags or a TOML file |
//! | `linecard replay IN.pcap OUT.pcap` | sends a capture through a forwarder: same in, same out |
//! | `linecard check [INTERFACE...]` | says what works on this machine and what to do about the rest |
//!
//! Exit codes: 0 for a run that balanced, 1 for what could not be had or done, 2 for what was
//! asked wrongly, 3 for a bug: a ledger that does not balance, a worker that panicked. A second
//! SIGINT, SIGTERM or SIGHUP ends at once with 128 and the signal's number.

mod args;
pub mod check;
mod demo;
mod output;
mod replay;
mod run;

use std::io;
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use crate::error::Error;
use crate::signals::Stop;

/// Does what the command line says.
///
/// ```
/// fn main() -> std::process::ExitCode {
///     linecard_linux::cli::main()
/// }
/// ```
#[must_use]
pub fn main() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linecard: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Error> {
    let stop = || {
        Stop::on_signals().map_err(|source| Error::System {
            what: "cannot take signals",
            source,
        })
    };
    match cli.command.unwrap_or(Command::Demo(cli.demo)) {
        Command::Demo(args) => demo::run(args, &stop()?),
        Command::Run(args) => run::run(args, &stop()?),
        Command::Replay(args) => replay::run(args),
        Command::Check(args) => check::run(&args.interfaces, &mut io::stdout())
            .map_err(|source| Error::Output { path: None, source }),
    }
}

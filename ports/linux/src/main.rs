//! The `linecard` command: says what works on this machine.

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    match linecard_linux::cli::check::run(&mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linecard: cannot write the report: {error}");
            ExitCode::FAILURE
        }
    }
}

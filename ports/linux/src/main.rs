//! The `linecard` command; what it does is said in [`linecard_linux::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    linecard_linux::cli::main()
}

//! What the commands print, and where.
//!
//! What goes on goes to standard error, the report to standard output; where the JSON goes to
//! standard output, the report gives way to standard error.

use std::io::{self, Write};
use std::path::Path;

use crate::error::Error;
use crate::runner::Event;
use crate::stats::Report;

/// Tells what goes on.
pub(super) fn event(event: &Event) {
    // Nobody may be listening, and packets are to be forwarded all the same.
    let mut out = io::stderr().lock();
    let _ = match event {
        Event::Note(note) => writeln!(out, "{note}"),
        Event::Line(line) => writeln!(out, "{line}"),
        Event::Started => Ok(()),
    };
}

/// Prints the report, writes the JSON, and fails if the run did not balance.
pub(super) fn report(report: &Report, json: Option<&Path>) -> Result<(), Error> {
    let to_stdout = json == Some(Path::new("-"));
    let printed = if to_stdout {
        writeln!(io::stderr(), "{report}")
    } else {
        writeln!(io::stdout(), "{report}")
    };
    if let Some(path) = json {
        report.write_json(path).map_err(|source| Error::Output {
            path: (!to_stdout).then(|| path.into()),
            source,
        })?;
    }
    if !report.is_balanced() {
        return Err(Error::Unbalanced {
            reason: format!(
                "{} packets under way, {}",
                report.totals.under_way(),
                report.ledger
            ),
        });
    }
    printed.map_err(|source| Error::Output { path: None, source })
}

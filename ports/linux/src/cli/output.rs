//! What the commands print, and where.
//!
//! What goes on goes to standard error, the report to standard output; where the JSON goes to
//! standard output, the report gives way to standard error.

use core::fmt;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::Error;
use crate::replay::ReplayReport;
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

/// Fails if the JSON cannot be written to this file, which is better told before a long run than
/// after it. An old file stays as it is, and no new one is left.
pub(super) fn check(json: Option<&Path>) -> Result<(), Error> {
    let Some(path) = json.filter(|path| *path != Path::new("-")) else {
        return Ok(());
    };
    let tried = match path.metadata() {
        Ok(about) if about.is_file() => File::options().append(true).open(path).map(drop),
        // To open a pipe would wait for its reader.
        Ok(_) => Ok(()),
        Err(_) => File::create_new(path).and_then(|_| fs::remove_file(path)),
    };
    tried.map_err(|source| Error::Output {
        path: Some(path.into()),
        source,
    })
}

/// Fails if a file that is to be written is one that is read: it would be lost.
pub(super) fn spare<'f>(
    read: impl IntoIterator<Item = &'f Path>,
    written: impl IntoIterator<Item = &'f Path>,
) -> Result<(), Error> {
    apart(read, written, "it is read as well, and would be lost")
}

/// Fails if the JSON is to be written to a file that a capture is: of two writers one would be lost.
pub(super) fn single<'f>(
    json: Option<&'f Path>,
    captures: impl IntoIterator<Item = &'f Path>,
) -> Result<(), Error> {
    let json = json.filter(|path| *path != Path::new("-"));
    apart(
        captures,
        json,
        "a capture is written to it as well, and one of the two would be lost",
    )
}

/// Fails with `why` if one of `written` is one of `others`, by whatever name.
fn apart<'f>(
    others: impl IntoIterator<Item = &'f Path>,
    written: impl IntoIterator<Item = &'f Path>,
    why: &'static str,
) -> Result<(), Error> {
    let others: Vec<_> = others.into_iter().filter_map(place).collect();
    let same = |path: &&Path| place(path).is_some_and(|place| others.contains(&place));
    match written.into_iter().find(same) {
        None => Ok(()),
        Some(path) => Err(Error::Output {
            path: Some(path.into()),
            source: io::Error::new(io::ErrorKind::InvalidInput, why),
        }),
    }
}

/// Which file a path names: one that is there, or, by its name, one that is to be in a folder. What is no
/// file, as a pipe, may be read and written at once.
fn place(path: &Path) -> Option<(u64, u64, Option<&OsStr>)> {
    let known = |about: fs::Metadata, name| (about.dev(), about.ino(), name);
    match path.metadata() {
        Ok(about) => about.is_file().then(|| known(about, None)),
        Err(_) => {
            let folder = path.parent()?;
            let folder = match folder.as_os_str().is_empty() {
                true => Path::new("."),
                false => folder,
            };
            Some(known(folder.metadata().ok()?, Some(path.file_name()?)))
        }
    }
}

/// Prints the report, writes the JSON, and fails if the run did not balance.
pub(super) fn report(report: &Report, json: Option<&Path>) -> Result<(), Error> {
    finish(report, report, report.is_balanced(), json)
}

/// The same for a replay.
pub(super) fn replay(report: &ReplayReport, json: Option<&Path>) -> Result<(), Error> {
    finish(report, &report.run, report.is_balanced(), json)
}

fn finish(
    text: &dyn fmt::Display,
    report: &Report,
    balanced: bool,
    json: Option<&Path>,
) -> Result<(), Error> {
    let to_stdout = json == Some(Path::new("-"));
    let printed = if to_stdout {
        writeln!(io::stderr(), "{text}")
    } else {
        writeln!(io::stdout(), "{text}")
    };
    if let Some(path) = json {
        report.write_json(path).map_err(|source| Error::Output {
            path: (!to_stdout).then(|| path.into()),
            source,
        })?;
    }
    if !balanced {
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

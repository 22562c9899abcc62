//! The machine-readable file: every scenario and report, with the machine, the day and the command.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::report::Findings;

/// All that is known. What was measured anew takes the place of what was there, so that a long
/// bench can be run in pieces.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// In the order of the list.
    pub entries: Vec<Entry>,
}

/// One scenario or report, and what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The command that gives it.
    pub command: String,
    /// The day.
    pub date: String,
    /// On what.
    pub machine: Machine,
    /// What came of it.
    pub result: Measured,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measured {
    /// Contenders in turns.
    Scenario(Outcome),
    /// A report.
    Report(Findings),
    /// Nothing: it cannot run there.
    LeftOut {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

impl Document {
    /// What a file has; an empty one if there is no such file.
    ///
    /// # Errors
    /// That it cannot be read, or is not such a file.
    pub fn load(path: &Path) -> Result<Self, String> {
        let told = |error: &dyn core::fmt::Display| format!("{}: {error}", path.display());
        match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| told(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(told(&error)),
        }
    }

    /// Puts an entry in the place of the one with its name, or behind all.
    pub fn put(&mut self, entry: Entry) {
        match self
            .entries
            .iter_mut()
            .find(|old| old.name() == entry.name())
        {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
    }

    /// Puts the entries in the order of these names; what has none of them is no longer there.
    pub fn sort(&mut self, names: &[&str]) {
        let place = |entry: &Entry| names.iter().position(|name| *name == entry.name());
        self.entries.retain(|entry| place(entry).is_some());
        self.entries.sort_by_key(place);
    }

    /// As text.
    ///
    /// # Errors
    /// Never, unless a figure is one that JSON does not know.
    pub fn json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n")
            .map_err(|error| error.to_string())
    }
}

impl Entry {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.result {
            Measured::Scenario(outcome) => &outcome.name,
            Measured::Report(findings) => &findings.name,
            Measured::LeftOut { name, .. } => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, why: &str) -> Entry {
        Entry {
            command: "cargo bench".into(),
            date: "2026-01-01".into(),
            machine: Machine::here(),
            result: Measured::LeftOut {
                name: name.into(),
                why: why.into(),
            },
        }
    }

    #[test]
    fn what_is_new_takes_the_place_of_what_was() {
        let mut document = Document::default();
        for (name, why) in [("b", "old"), ("gone", ""), ("a", ""), ("b", "new")] {
            document.put(entry(name, why));
        }
        assert_eq!(document.entries.len(), 3);
        document.sort(&["a", "b"]);
        assert_eq!(document.entries, [entry("a", ""), entry("b", "new")]);
        let text = document.json().expect("it can be written");
        let again: Document = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(again, document);
    }

    #[test]
    fn no_file_is_an_empty_one_and_a_wrong_one_is_an_error() {
        let path = std::env::temp_dir().join(format!("linecard-document-{}", std::process::id()));
        assert_eq!(Document::load(&path), Ok(Document::default()));
        fs::write(&path, "[]").expect("a file");
        let error = Document::load(&path).expect_err("it is no document");
        fs::remove_file(&path).expect("it is there");
        assert!(error.contains("linecard-document"), "{error}");
    }
}

//! What can be wrong with a configuration, and where it was written.

use core::fmt;
use std::path::PathBuf;

/// Where a setting was written.
///
/// ```
/// use linecard_linux::config::Origin;
///
/// assert_eq!(Origin::Flag("--port").to_string(), "--port");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, by its name.
    Flag(&'static str),
    /// A file, with line and column counted from one.
    File {
        /// The file, as it was named.
        path: PathBuf,
        /// Line of the value.
        line: usize,
        /// Column of the value, in characters.
        column: usize,
        /// The key, as `port[1].device`.
        key: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::File {
                path,
                line,
                column,
                key,
            } => {
                write!(f, "{}:{line}:{column}", path.display())?;
                if !key.is_empty() {
                    write!(f, ": {key}")?;
                }
                Ok(())
            }
        }
    }
}

/// A configuration that cannot be used: where, what, and what would do.
///
/// ```
/// use linecard_linux::config::{Config, Draft, Problem};
///
/// let error = Config::try_from(Draft::default()).unwrap_err();
/// assert!(matches!(error.problem(), Problem::Missing { .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Box<Placed>);

/// Boxed, so that a `Result` of it costs a pointer where nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Placed {
    origin: Option<Origin>,
    problem: Problem,
}

impl ConfigError {
    /// A problem with what was written at `origin`; no origin where nothing was written at all.
    #[must_use]
    pub fn new(origin: Option<Origin>, problem: Problem) -> Self {
        Self(Box::new(Placed { origin, problem }))
    }

    /// Where it was written.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.0.origin.as_ref()
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.0.origin {
            write!(f, "{origin}: ")?;
        }
        self.0.problem.fmt(f)
    }
}

impl core::error::Error for ConfigError {}

/// What is wrong with a setting.
///
/// ```
/// use linecard_linux::config::{Device, Problem};
///
/// let problem = "af_xdp:eth0,queue=9999".parse::<Device>().unwrap_err();
/// assert!(matches!(problem, Problem::OutOfRange { value: 9999, max: 4095, .. }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    Unreadable {
        /// What the system answered.
        reason: String,
    },
    /// The file is no TOML, or has a key or type that is not expected.
    Syntax {
        /// What the TOML reader says.
        message: String,
    },
    /// A value that does not read as what it should be.
    Invalid {
        /// What it should be.
        what: &'static str,
        /// What is written.
        value: String,
        /// How such a value looks.
        expected: &'static str,
    },
    /// A number outside its range.
    OutOfRange {
        /// What the number is.
        what: &'static str,
        /// What is written.
        value: u64,
        /// The least that works.
        min: u64,
        /// The most that works.
        max: u64,
    },
    /// A name that is not among those known.
    Unknown {
        /// What it should be a name of.
        what: &'static str,
        /// What is written.
        value: String,
        /// The names that would do.
        known: Vec<String>,
    },
    /// The same thing twice.
    Duplicate {
        /// What there must be only one of.
        what: &'static str,
        /// The value that is there twice.
        value: String,
    },
    /// Something that must be there and is not.
    Missing {
        /// What is missing.
        what: &'static str,
        /// How to give it.
        hint: &'static str,
    },
    /// Something that goes with another forwarder, port or option than the one chosen.
    Misplaced {
        /// What is written.
        what: &'static str,
        /// Why it cannot be here.
        reason: &'static str,
    },
    /// An address that no port's network contains, so that no port can reach it.
    Unreachable {
        /// The next hop or neighbour.
        address: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { reason } => write!(f, "cannot read the configuration: {reason}"),
            Self::Syntax { message } => f.write_str(message),
            Self::Invalid {
                what,
                value,
                expected,
            } => write!(f, "`{value}` is no {what}; expected {expected}"),
            Self::OutOfRange {
                what,
                value,
                min,
                max,
            } => write!(f, "{what} {value} is out of range; choose {min} to {max}"),
            Self::Unknown { what, value, known } => {
                write!(f, "unknown {what} `{value}`")?;
                match closest(value, known) {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None if known.is_empty() => Ok(()),
                    None => write!(f, "; known: {}", known.join(", ")),
                }
            }
            Self::Duplicate { what, value } => write!(f, "{what} `{value}` is there twice"),
            Self::Missing { what, hint } => write!(f, "{what} is missing; {hint}"),
            Self::Misplaced { what, reason } => write!(f, "{what} has no use here: {reason}"),
            Self::Unreachable { address } => write!(
                f,
                "{address} is in no port's network; \
                 give a port an address in its network, or name the port: `... port NAME`"
            ),
        }
    }
}

/// The known name that `value` is most likely a slip of: at most two edits, and less than half
/// of it.
fn closest<'a>(value: &str, known: &'a [String]) -> Option<&'a String> {
    known
        .iter()
        .map(|name| (edits(value, name), name))
        .filter(|(distance, _)| *distance <= 2 && distance * 2 < value.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = core::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_gets_the_list() {
        let known = ["queue", "mode", "zero-copy"].map(String::from).to_vec();
        let problem = |value: &str| Problem::Unknown {
            what: "option",
            value: value.into(),
            known: known.clone(),
        };
        assert_eq!(
            problem("quue").to_string(),
            "unknown option `quue`; did you mean `queue`?"
        );
        assert_eq!(
            problem("ring").to_string(),
            "unknown option `ring`; known: queue, mode, zero-copy"
        );
    }

    #[test]
    fn edit_distance() {
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("same", "same"), 0);
    }
}

//! What is asked of a scenario, as data, and whether it holds.

use core::fmt;

use crate::outcome::{Outcome, Quartiles};

/// One thing asked: our time divided by theirs, in the same round, is at most so much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Ours: the contender whose name this is, or else the first whose name begins so.
    pub ours: &'static str,
    /// Theirs: of the contenders whose names begin so the quickest counts. Where it is empty, that
    /// is all who are neither "linecard" nor a "floor".
    pub theirs: &'static str,
    /// The most that the ratio may be, in the median.
    pub at_most: f64,
}

impl Bar {
    /// Beside the quickest of those whose names begin so.
    #[must_use]
    pub const fn beside(ours: &'static str, theirs: &'static str, at_most: f64) -> Self {
        Self {
            ours,
            theirs,
            at_most,
        }
    }

    /// Beside the quickest peer of all.
    #[must_use]
    pub const fn best(ours: &'static str, at_most: f64) -> Self {
        Self::beside(ours, "", at_most)
    }

    /// Whether it holds.
    #[must_use]
    pub fn judge(self, outcome: &Outcome) -> Verdict {
        let rows = &outcome.rows;
        let ours = rows
            .iter()
            .find(|row| row.name == self.ours)
            .or_else(|| rows.iter().find(|row| row.name.starts_with(self.ours)));
        let theirs = rows
            .iter()
            .filter(|row| self.is_theirs(row.name) && ours.is_none_or(|ours| ours.name != row.name))
            .min_by(|one, other| one.nanos().median.total_cmp(&other.nanos().median));
        let answer = match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours.turns.len() >= TURNS => Answer::Known {
                theirs: theirs.name,
                ratio: ours.ratio_to(theirs),
            },
            (Some(_), Some(_)) => Answer::Open(format!("wants {TURNS} turns at least")),
            (None, _) => Answer::Open(format!("no row {}", self.ours)),
            (_, None) => {
                let why: Vec<_> = outcome
                    .missing
                    .iter()
                    .filter(|(name, _)| self.is_theirs(name))
                    .map(|(name, why)| format!("{name}: {why}"))
                    .collect();
                Answer::Open(if why.is_empty() {
                    format!("nobody to compare with: {}", self.whom())
                } else {
                    why.join("; ")
                })
            }
        };
        Verdict { bar: self, answer }
    }

    fn is_theirs(self, name: &str) -> bool {
        if self.theirs.is_empty() {
            !name.starts_with("linecard") && !name.starts_with("floor")
        } else {
            name.starts_with(self.theirs)
        }
    }

    fn whom(self) -> &'static str {
        if self.theirs.is_empty() {
            "the best peer"
        } else {
            self.theirs
        }
    }
}

/// What came of a [`Bar`].
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was asked.
    pub bar: Bar,
    /// The answer.
    pub answer: Answer,
}

/// Whether it is known what a [`Bar`] asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The ratio, and to whom.
    Known {
        /// The quickest of them.
        theirs: &'static str,
        /// Our time divided by theirs.
        ratio: Quartiles,
    },
    /// Not decided, and why.
    Open(String),
}

impl Verdict {
    /// Whether it holds; none where that is open.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        match &self.answer {
            Answer::Known { ratio, .. } => Some(ratio.median <= self.bar.at_most),
            Answer::Open(_) => None,
        }
    }

    /// In one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.holds() {
            Some(true) => "holds",
            Some(false) => "FAILS",
            None => "open",
        }
    }

    /// For the machine-readable file.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let (theirs, ratio, why) = match &self.answer {
            Answer::Known { theirs, ratio } => (Some(theirs), Some(ratio.json()), None),
            Answer::Open(why) => (None, None, Some(why)),
        };
        serde_json::json!({
            "ours": self.bar.ours,
            "beside": self.bar.whom(),
            "at_most": self.bar.at_most,
            "theirs": theirs,
            "ratio": ratio,
            "holds": self.holds(),
            "why": why,
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar { ours, at_most, .. } = self.bar;
        match &self.answer {
            Answer::Known { theirs, ratio } => {
                let word = self.word();
                write!(
                    f,
                    "{word}: {ours}, at most {at_most} of {theirs}: {ratio:.2}"
                )
            }
            Answer::Open(why) => {
                let whom = self.bar.whom();
                write!(f, "open: {ours}, at most {at_most} of {whom}: {why}")
            }
        }
    }
}

/// The fewest turns by which a bar is judged.
pub const TURNS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Row;

    fn outcome(rows: &[(&'static str, f64)], turns: usize) -> Outcome {
        let row = |&(name, nanos)| Row {
            name,
            turns: vec![nanos; turns],
            counts: None,
        };
        Outcome {
            name: "scenario",
            unit: "unit",
            rows: rows.iter().map(row).collect(),
            missing: vec![("dpdk", "no libdpdk".to_owned())],
            bars: &[],
        }
    }

    #[test]
    fn the_quickest_peer_counts_and_neither_we_nor_the_floor() {
        let rows = [
            ("linecard", 4.0),
            ("linecard, other", 1.0),
            ("floor", 1.0),
            ("slow peer", 80.0),
            ("peer", 8.0),
        ];
        let outcome = outcome(&rows, TURNS);
        let verdict = Bar::best("linecard", 0.5).judge(&outcome);
        assert_eq!(verdict.holds(), Some(true));
        assert_eq!(
            verdict.to_string(),
            "holds: linecard, at most 0.5 of peer: 0.50 (0.50 to 0.50)"
        );
        let verdict = Bar::best("linecard", 0.49).judge(&outcome);
        assert_eq!((verdict.holds(), verdict.word()), (Some(false), "FAILS"));
        let verdict = Bar::beside("linecard", "floor", 4.0).judge(&outcome);
        assert_eq!(verdict.holds(), Some(true));
        let verdict = Bar::beside("linecard, oth", "linecard", 0.25).judge(&outcome);
        assert_eq!(verdict.holds(), Some(true), "{verdict}");
    }

    #[test]
    fn who_is_missing_leaves_a_bar_open_with_the_reason() {
        let verdict = Bar::best("linecard", 0.5).judge(&outcome(&[("linecard", 4.0)], TURNS));
        assert_eq!(verdict.holds(), None);
        assert!(
            verdict.to_string().ends_with("dpdk: no libdpdk"),
            "{verdict}"
        );
        assert_eq!(verdict.json()["holds"], serde_json::Value::Null);
        let few = outcome(&[("linecard", 4.0), ("peer", 8.0)], TURNS - 1);
        assert_eq!(Bar::best("linecard", 0.5).judge(&few).holds(), None);
        assert_eq!(Bar::best("we", 0.5).judge(&few).holds(), None);
    }
}

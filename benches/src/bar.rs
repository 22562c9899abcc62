//! What is asked of a scenario, as data, and whether it holds.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::{Missing, Quartiles, Row};

/// One thing asked: our time divided by theirs, in the same round, is at most so much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Ours: the contender whose name this is, or else the first whose name begins so.
    pub ours: &'static str,
    /// Theirs: of the contenders whose names begin with the first of these words, and have the
    /// others in them, the quickest counts. Without words that is all who are neither "linecard" nor
    /// a "floor".
    pub theirs: &'static [&'static str],
    /// The most that the ratio may be, in the median.
    pub at_most: f64,
    /// What nobody in our place can be quicker than, named as theirs is; without words nothing of the kind
    /// is known. A bar below that is out of reach.
    pub floor: &'static [&'static str],
}

impl Bar {
    /// Beside the quickest of those with these words.
    #[must_use]
    pub const fn beside(ours: &'static str, theirs: &'static [&'static str], at_most: f64) -> Self {
        Self {
            ours,
            theirs,
            at_most,
            floor: &[],
        }
    }

    /// Beside the quickest peer of all.
    #[must_use]
    pub const fn best(ours: &'static str, at_most: f64) -> Self {
        Self::beside(ours, &[], at_most)
    }

    /// With a floor.
    #[must_use]
    pub const fn floor(mut self, words: &'static [&'static str]) -> Self {
        self.floor = words;
        self
    }

    /// Whether it holds.
    #[must_use]
    pub fn judge(self, rows: &[Row], missing: &[Missing]) -> Verdict {
        let named = || rows.iter().find(|row| row.name == self.ours);
        let ours = named().or_else(|| rows.iter().find(|row| row.name.starts_with(self.ours)));
        let theirs = quickest(rows, |row| {
            self.is_theirs(&row.name) && ours.is_none_or(|ours| ours.name != row.name)
        });
        let floor = quickest(rows, |row| {
            !self.floor.is_empty() && is_meant(row.name.trim(), self.floor)
        });
        let mut verdict = Verdict {
            ours: self.ours.to_owned(),
            theirs: self.whom(),
            at_most: self.at_most,
            ratio: None,
            holds: None,
            floor: None,
            why: None,
        };
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours.turns.len() >= TURNS => {
                let ratio = ours.ratio_to(theirs);
                verdict.theirs.clone_from(&theirs.name);
                verdict.ratio = Some(ratio);
                verdict.holds = Some(ratio.median <= self.at_most);
                verdict.floor = floor.map(|floor| Floor {
                    name: floor.name.trim().to_owned(),
                    ratio: floor.ratio_to(theirs),
                });
            }
            (Some(_), Some(_)) => verdict.why = Some(format!("wants {TURNS} turns at least")),
            (None, _) => verdict.why = Some(format!("no row {}", self.ours)),
            (_, None) => {
                let why: Vec<_> = missing
                    .iter()
                    .map(|Missing { name, why }| format!("{name}: {why}"))
                    .collect();
                verdict.why = Some(if why.is_empty() {
                    "nobody to compare with".to_owned()
                } else {
                    why.join("; ")
                });
            }
        }
        verdict
    }

    fn is_theirs(self, name: &str) -> bool {
        match self.theirs {
            [] => !name.starts_with("linecard") && !name.starts_with("floor"),
            words => is_meant(name, words),
        }
    }

    fn whom(self) -> String {
        match self.theirs {
            [] => "the best peer".to_owned(),
            words => words.join(", "),
        }
    }
}

fn quickest(rows: &[Row], mut which: impl FnMut(&Row) -> bool) -> Option<&Row> {
    rows.iter()
        .filter(|row| which(row))
        .min_by(|one, other| one.nanos.median.total_cmp(&other.nanos.median))
}

/// Whether a name begins with the first of these words, and has the others in it.
fn is_meant(name: &str, words: &[&str]) -> bool {
    let (begin, others) = words.split_first().unwrap_or((&"", &[]));
    name.starts_with(begin) && others.iter().all(|word| name.contains(word))
}

/// What came of a [`Bar`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Ours.
    pub ours: String,
    /// The quickest of theirs; where there is none, who was meant.
    pub theirs: String,
    /// The most that the ratio may be.
    pub at_most: f64,
    /// Our time divided by theirs, where that is known.
    pub ratio: Option<Quartiles>,
    /// Whether it holds, where that is known.
    pub holds: Option<bool>,
    /// What nobody in our place can be quicker than, where that was measured.
    #[serde(default)]
    pub floor: Option<Floor>,
    /// Why it is not known.
    pub why: Option<String>,
}

/// The floor of a [`Bar`], as measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Its row.
    pub name: String,
    /// Its time divided by theirs.
    pub ratio: Quartiles,
}

impl Verdict {
    /// In a word or three.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.holds {
            Some(true) => "holds",
            Some(false) if self.is_out_of_reach() => "out of reach",
            Some(false) => "FAILS",
            None => "open",
        }
    }

    /// Whether it fails, and would for the floor.
    fn is_out_of_reach(&self) -> bool {
        let floor = self.floor.as_ref();
        self.holds == Some(false) && floor.is_some_and(|floor| floor.ratio.median > self.at_most)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, Self { ours, theirs, .. }) = (self.word(), self);
        write!(f, "{word}: {ours}, at most {} of {theirs}", self.at_most)?;
        if let Some(ratio) = self.ratio {
            write!(f, ": {ratio:.2}")?;
        }
        if let Some(Floor { name, ratio }) =
            self.floor.as_ref().filter(|_| self.holds == Some(false))
        {
            write!(f, "; {name}: {ratio:.2}")?;
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

/// The fewest turns by which a bar is judged.
pub const TURNS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Row;

    fn rows(rows: &[(&str, f64)], turns: usize) -> Vec<Row> {
        let row = |&(name, nanos): &(&str, f64)| Row::new(name, vec![nanos; turns]);
        rows.iter().map(row).collect()
    }

    #[test]
    fn the_quickest_peer_counts_and_neither_we_nor_the_floor() {
        let names = [
            ("linecard", 4.0),
            ("linecard, other", 1.0),
            ("floor", 1.0),
            ("slow peer", 80.0),
            ("peer", 8.0),
        ];
        let rows = rows(&names, TURNS);
        let verdict = Bar::best("linecard", 0.5).judge(&rows, &[]);
        assert_eq!(verdict.holds, Some(true));
        assert_eq!(
            verdict.to_string(),
            "holds: linecard, at most 0.5 of peer: 0.50 (0.50 to 0.50)"
        );
        let verdict = Bar::best("linecard", 0.49).judge(&rows, &[]);
        assert_eq!((verdict.holds, verdict.word()), (Some(false), "FAILS"));
        let verdict = Bar::beside("linecard", &["floor"], 4.0).judge(&rows, &[]);
        assert_eq!(verdict.holds, Some(true));
        let verdict = Bar::beside("linecard, oth", &["linecard"], 0.25).judge(&rows, &[]);
        assert_eq!(verdict.holds, Some(true), "{verdict}");
        let verdict = Bar::beside("linecard", &["slow", "peer"], 0.05).judge(&rows, &[]);
        assert_eq!(verdict.theirs, "slow peer");
        let verdict = Bar::beside("linecard", &["slow", "other"], 0.05).judge(&rows, &[]);
        assert_eq!(
            (verdict.holds, verdict.theirs.as_str()),
            (None, "slow, other")
        );
    }

    #[test]
    fn what_the_floor_cannot_do_is_out_of_reach() {
        let rows = rows(
            &[
                ("linecard", 4.0),
                ("    bare, 32", 3.0),
                ("bare, 128", 1.0),
                ("peer", 4.0),
            ],
            TURNS,
        );
        let judge = |bar: Bar| bar.floor(&["bare", "32"]).judge(&rows, &[]);
        let verdict = judge(Bar::beside("linecard", &["peer"], 0.7));
        assert_eq!(
            verdict.to_string(),
            "out of reach: linecard, at most 0.7 of peer: 1.00 (1.00 to 1.00); bare, 32: 0.75 (0.75 to 0.75)"
        );
        let verdict = judge(Bar::beside("linecard", &["peer"], 0.75));
        assert_eq!(verdict.word(), "FAILS", "as quick as the floor would do");
        let verdict = judge(Bar::beside("linecard", &["peer"], 1.0));
        assert_eq!(
            verdict.to_string(),
            "holds: linecard, at most 1 of peer: 1.00 (1.00 to 1.00)"
        );
        let verdict = Bar::beside("linecard", &["peer"], 0.7)
            .floor(&["nobody"])
            .judge(&rows, &[]);
        assert_eq!((verdict.word(), verdict.floor), ("FAILS", None));
    }

    #[test]
    fn who_is_missing_leaves_a_bar_open_with_the_reason() {
        let alone = rows(&[("linecard", 4.0)], TURNS);
        let missing = Missing {
            name: "dpdk".into(),
            why: "no libdpdk".into(),
        };
        let verdict = Bar::best("linecard", 0.5).judge(&alone, &[missing]);
        assert_eq!(verdict.holds, None);
        let text = "open: linecard, at most 0.5 of the best peer: dpdk: no libdpdk";
        assert_eq!(verdict.to_string(), text);
        let few = rows(&[("linecard", 4.0), ("peer", 8.0)], TURNS - 1);
        assert_eq!(Bar::best("linecard", 0.5).judge(&few, &[]).holds, None);
        assert_eq!(Bar::best("we", 0.5).judge(&few, &[]).holds, None);
    }
}

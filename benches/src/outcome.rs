//! What a scenario gave: for a person, and for a program.

use core::fmt;

use serde_json::{Value, json};

use crate::bar::{Bar, Verdict};

/// What a scenario gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The scenario's name.
    pub name: &'static str,
    /// What one unit of work is.
    pub unit: &'static str,
    /// A row a contender that ran.
    pub rows: Vec<Row>,
    /// Who did not run, and why.
    pub missing: Vec<(&'static str, String)>,
    /// What was asked.
    pub bars: &'static [Bar],
}

/// What one contender gave.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub name: &'static str,
    /// Nanoseconds a unit, of each turn.
    pub turns: Vec<f64>,
    /// What it did, where that was counted.
    pub counts: Option<Counts>,
}

/// What a processor does a unit, by simulation: the same every time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// Instructions.
    pub instructions: f64,
    /// Conditional and indirect branches that a simple predictor gets wrong.
    pub mispredicted: f64,
}

impl Row {
    /// Nanoseconds a unit.
    #[must_use]
    pub fn nanos(&self) -> Quartiles {
        Quartiles::of(self.turns.clone())
    }

    /// Its time divided by that of another in the same round.
    #[must_use]
    pub fn ratio_to(&self, other: &Self) -> Quartiles {
        let rounds = self.turns.iter().zip(&other.turns);
        Quartiles::of(rounds.map(|(ours, theirs)| ours / theirs).collect())
    }
}

impl Outcome {
    /// What came of all that was asked.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.bars.iter().map(|bar| bar.judge(self)).collect()
    }

    /// For the machine-readable file.
    #[must_use]
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "name": row.name,
                "nanos": row.nanos().json(),
                "ratio": self.rows.first().map(|first| first.ratio_to(row).json()),
                "turns": row.turns,
                "instructions": row.counts.map(|counts| counts.instructions),
                "mispredicted": row.counts.map(|counts| counts.mispredicted),
            })
        });
        let missing = self.missing.iter();
        json!({
            "scenario": self.name,
            "unit": self.unit,
            "rows": rows.collect::<Vec<_>>(),
            "missing": missing.map(|(name, why)| json!({ "name": name, "why": why })).collect::<Vec<_>>(),
            "bars": self.verdicts().iter().map(Verdict::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (ns per {})", self.name, self.unit)?;
        for row in &self.rows {
            let nanos = row.nanos();
            write!(f, "  {:<42} {:9.2}", row.name, nanos.median)?;
            let spread = format!("({:.2} to {:.2})", nanos.low, nanos.high);
            write!(f, "  {spread:<20}")?;
            if let Some(first) = self.rows.first() {
                write!(f, "  ours / theirs {:.2}", first.ratio_to(row))?;
            }
            if let Some(counts) = row.counts {
                write!(
                    f,
                    "; {:.1} instructions, {:.3} mispredicted",
                    counts.instructions, counts.mispredicted
                )?;
            }
            writeln!(f)?;
        }
        for (name, why) in &self.missing {
            writeln!(f, "  {name:<42} left out: {why}")?;
        }
        for verdict in self.verdicts() {
            writeln!(f, "  {verdict}")?;
        }
        Ok(())
    }
}

/// A median and its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quartiles {
    /// A quarter is at most this.
    pub low: f64,
    /// A half is at most this.
    pub median: f64,
    /// Three quarters are at most this.
    pub high: f64,
}

impl Quartiles {
    /// Of these values, in any order; a quartile is always one of them. Not numbers, of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let at = |quarter: usize| values.get(last * quarter / 4).copied().unwrap_or(f64::NAN);
        Self {
            low: at(1),
            median: at(2),
            high: at(3),
        }
    }

    /// For the machine-readable file.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({ "q1": self.low, "median": self.median, "q3": self.high })
    }
}

impl fmt::Display for Quartiles {
    /// The median, and the quartiles in brackets, with as many digits as asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { low, median, high } = self;
        write!(f, "{median:.digits$} ({low:.digits$} to {high:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, turns: &[f64]) -> Row {
        Row {
            name,
            turns: turns.to_vec(),
            counts: None,
        }
    }

    #[test]
    fn quartiles_are_of_the_sorted_values() {
        let eleven = (1..=11).rev().map(f64::from).collect();
        let quartiles = Quartiles::of(eleven);
        assert_eq!(
            quartiles,
            Quartiles {
                low: 3.0,
                median: 6.0,
                high: 8.0
            }
        );
        assert_eq!(format!("{quartiles:.1}"), "6.0 (3.0 to 8.0)");
        let one = Quartiles::of(vec![7.0]);
        assert_eq!((one.low, one.median, one.high), (7.0, 7.0, 7.0));
        assert!(Quartiles::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_ratio_is_of_the_same_round() {
        // Both are slow in the second round: the medians' ratio would be the same, its spread not.
        let (ours, theirs) = (row("a", &[1.0, 10.0, 1.0]), row("b", &[2.0, 20.0, 2.0]));
        let ratio = ours.ratio_to(&theirs);
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
    }

    #[test]
    fn both_forms_have_rows_missing_ones_and_bars() {
        let outcome = Outcome {
            name: "s",
            unit: "item",
            rows: vec![row("linecard", &[1.0; 9]), row("peer", &[4.0; 9])],
            missing: vec![("other", "not here".to_owned())],
            bars: &[Bar {
                ours: "linecard",
                theirs: "",
                at_most: 0.5,
            }],
        };
        let text = outcome.to_string();
        assert!(text.contains("left out: not here"), "{text}");
        assert!(
            text.contains("holds: linecard, at most 0.5 of peer: 0.25"),
            "{text}"
        );
        let json = outcome.json();
        assert_eq!(json["rows"][1]["ratio"]["median"], 0.25);
        assert_eq!(json["missing"][0]["why"], "not here");
        assert_eq!(json["bars"][0]["holds"], true);
    }
}

//! What a scenario gave: for a person, and for a program.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::bar::{Bar, Verdict};

/// What a scenario gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub name: String,
    /// What one unit of work is.
    pub unit: String,
    /// A row a contender that ran.
    pub rows: Vec<Row>,
    /// Who did not run.
    pub missing: Vec<Missing>,
    /// What was asked, and whether it holds.
    pub bars: Vec<Verdict>,
    /// What a reader should know of it.
    pub note: String,
    /// Along what the rows lie, if they are points of a curve.
    pub along: Option<String>,
}

/// What one contender gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub name: String,
    /// Nanoseconds a unit.
    pub nanos: Quartiles,
    /// The first row's time divided by this one's in the same round.
    pub ratio: Quartiles,
    /// What it did, where that was counted.
    pub counts: Option<Counts>,
    /// Nanoseconds a unit, of each turn.
    pub turns: Vec<f64>,
    /// What it is counted in, if not in nanoseconds.
    #[serde(default)]
    pub unit: Option<String>,
}

/// A contender that did not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Missing {
    /// Who.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// What a processor does a unit, by simulation: the same every time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Instructions.
    pub instructions: f64,
    /// Conditional and indirect branches that a simple predictor gets wrong.
    pub mispredicted: f64,
}

impl Row {
    /// Of these turns.
    #[must_use]
    pub fn new(name: &str, turns: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            nanos: Quartiles::of(turns.clone()),
            ratio: Quartiles::of(Vec::new()),
            counts: None,
            turns,
            unit: None,
        }
    }

    /// Its time divided by that of another in the same round.
    #[must_use]
    pub fn ratio_to(&self, other: &Self) -> Quartiles {
        let rounds = self.turns.iter().zip(&other.turns);
        Quartiles::of(rounds.map(|(ours, theirs)| ours / theirs).collect())
    }

    /// The curve that it is a point of, and where: of a name like `router @ 64`.
    #[must_use]
    pub fn point(&self) -> Option<(&str, f64)> {
        let (curve, at) = self.name.rsplit_once(" @ ")?;
        Some((curve, at.parse().ok()?))
    }
}

impl Outcome {
    /// Of these rows, the first of which is ours.
    #[must_use]
    pub fn new(
        name: &str,
        unit: &str,
        mut rows: Vec<Row>,
        missing: Vec<Missing>,
        bars: &[Bar],
    ) -> Self {
        if let Some(first) = rows.first().cloned() {
            // Of what is counted in something else nothing is a multiple of the first row's time.
            for row in rows.iter_mut().filter(|row| row.unit.is_none()) {
                row.ratio = first.ratio_to(row);
            }
        }
        let bars = bars.iter().map(|bar| bar.judge(&rows, &missing)).collect();
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            rows,
            missing,
            bars,
            note: String::new(),
            along: None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (ns per {})", self.name, self.unit)?;
        for row in &self.rows {
            let Quartiles { low, median, high } = row.nanos;
            if let Some(unit) = &row.unit {
                writeln!(f, "  {:<42} {:9.4} {unit}", row.name, row.nanos)?;
                continue;
            }
            let spread = format!("({low:.2} to {high:.2})");
            write!(f, "  {:<42} {median:9.2}  {spread:<20}", row.name)?;
            if self.along.is_none() {
                write!(f, "  ours / theirs {:.2}", row.ratio.median)?;
            }
            if let Some(counts) = row.counts {
                write!(f, "; {counts}")?;
            }
            writeln!(f)?;
        }
        for Missing { name, why } in &self.missing {
            writeln!(f, "  {name:<42} left out: {why}")?;
        }
        for verdict in &self.bars {
            writeln!(f, "  {verdict}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instructions,
            mispredicted,
        } = self;
        write!(
            f,
            "{instructions:.1} instructions, {mispredicted:.3} mispredicted"
        )
    }
}

/// A median and its spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[Option<f64>; 3]", into = "[Option<f64>; 3]")]
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
}

/// Three numbers in the file; none of those that are not numbers.
impl From<Quartiles> for [Option<f64>; 3] {
    fn from(Quartiles { low, median, high }: Quartiles) -> Self {
        [low, median, high].map(|value| Some(value).filter(|value| value.is_finite()))
    }
}

impl From<[Option<f64>; 3]> for Quartiles {
    fn from(values: [Option<f64>; 3]) -> Self {
        let [low, median, high] = values.map(|value| value.unwrap_or(f64::NAN));
        Self { low, median, high }
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
        let (ours, theirs) = (
            Row::new("a", vec![1.0, 10.0, 1.0]),
            Row::new("b", vec![2.0, 20.0, 2.0]),
        );
        let ratio = ours.ratio_to(&theirs);
        assert_eq!((ratio.low, ratio.median, ratio.high), (0.5, 0.5, 0.5));
    }

    #[test]
    fn both_forms_have_rows_missing_ones_and_bars() {
        let rows = vec![
            Row::new("linecard", vec![1.0; 9]),
            Row::new("peer", vec![4.0; 9]),
        ];
        let missing = vec![Missing {
            name: "other".into(),
            why: "not here".into(),
        }];
        let outcome = Outcome::new("s", "item", rows, missing, &[Bar::best("linecard", 0.5)]);
        let text = outcome.to_string();
        assert!(text.contains("left out: not here"), "{text}");
        assert!(
            text.contains("holds: linecard, at most 0.5 of peer: 0.25"),
            "{text}"
        );
        let json = serde_json::to_value(&outcome).expect("it can be written");
        assert_eq!(json["rows"][1]["ratio"][1], 0.25);
        assert_eq!(json["missing"][0]["why"], "not here");
        assert_eq!(json["bars"][0]["holds"], true);
        let again: Outcome = serde_json::from_value(json).expect("it can be read");
        assert_eq!(again, outcome);
    }

    #[test]
    fn points_of_a_curve_are_known_by_name() {
        let row = Row::new("router, generated @ 1048576", vec![1.0]);
        assert_eq!(row.point(), Some(("router, generated", 1_048_576.0)));
        assert_eq!(Row::new("router", vec![1.0]).point(), None);
    }
}

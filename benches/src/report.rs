//! Questions whose answer is more than a time a unit.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::harness::Plan;

/// One question, and what finds it out.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Its name, by which it is chosen on the command line.
    pub name: &'static str,
    /// What it gives.
    pub gives: &'static str,
    /// Finds it out, in a few seconds.
    pub run: fn(&Plan) -> Result<Findings, String>,
}

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// The report's name.
    pub name: String,
    /// In a sentence or two.
    pub answer: String,
    /// The table's head.
    pub columns: Vec<String>,
    /// Its rows, as long as the head.
    pub rows: Vec<Vec<String>>,
}

impl Findings {
    /// A table with this head, and no rows yet.
    #[must_use]
    pub fn new(name: &str, columns: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            ..Self::default()
        }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        let table: Vec<&Vec<String>> = [&self.columns].into_iter().chain(&self.rows).collect();
        let width = |column: usize| {
            let cells = table.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        for row in &table {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                match column {
                    0 => write!(f, "  {cell:<width$}")?,
                    _ => write!(f, "  {cell:>width$}")?,
                }
            }
            writeln!(f)?;
        }
        writeln!(f, "  {}", self.answer)
    }
}

/// A time, with a unit that suits it.
#[must_use]
pub fn time(nanos: u64) -> String {
    let value = nanos as f64;
    match nanos {
        0..10_000 => format!("{nanos} ns"),
        10_000..10_000_000 => format!("{:.1} µs", value / 1e3),
        _ => format!("{:.1} ms", value / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut findings = Findings::new("r", &["stage", "p50"]);
        findings.row(["parse".into(), time(1_234)]);
        findings.row(["x".into(), time(12_345_678)]);
        findings.answer = "So be it.".into();
        let text = "r\n  stage      p50\n  parse  1234 ns\n  x      12.3 ms\n  So be it.\n";
        assert_eq!(findings.to_string(), text);
        assert_eq!(time(12_345), "12.3 µs");
    }
}

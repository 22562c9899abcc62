//! Instructions and mispredicted branches a unit, by simulation.
//!
//! The bench runs itself under valgrind's callgrind, one contender and one turn at a time, with two
//! numbers of units: the difference is what the units cost, without what setting up costs. Valgrind
//! has no AVX-512, so code that asks what the processor has does without it here; and its predictor
//! is a simple one (16 Ki counters by history, a target for each indirect branch): worse than any
//! of today, the same every time.

use core::time::Duration;
use std::env;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use crate::outcome::{Counts, Outcome};

/// Has the rows of an outcome counted, in so much time at most; those that are not in time, or
/// cannot be simulated, stay without.
///
/// # Errors
/// That valgrind is not there.
pub fn count(outcome: &mut Outcome, within: Duration) -> Result<(), String> {
    let end = Instant::now() + within;
    for row in &mut outcome.rows {
        row.counts = of(&outcome.name, &row.name, end)?;
    }
    Ok(())
}

/// What a unit of one contender's work costs; `None` if it was not simulated by then, or cannot be.
///
/// # Errors
/// That valgrind is not there.
pub fn of(scenario: &str, contender: &str, end: Instant) -> Result<Option<Counts>, String> {
    let found = Command::new("valgrind").arg("--version").output();
    found.map_err(|error| format!("valgrind: {error} (Debian: valgrind)"))?;
    let few = simulate(scenario, contender, FEW, end);
    let many = few.and_then(|_| simulate(scenario, contender, MANY, end));
    Ok(few.zip(many).map(|(few, many)| per_unit(few, many)))
}

/// Whether this process is the one that is simulated: then other processes need not be started, as
/// what they do is not counted.
#[must_use]
pub fn is_simulated() -> bool {
    simulated().is_some()
}

/// The contender that is simulated in this process, if one is.
#[must_use]
pub fn simulated() -> Option<String> {
    env::var(SIMULATED).ok()
}

/// Totals of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Totals {
    instructions: u64,
    mispredicted: u64,
}

fn per_unit(few: Totals, many: Totals) -> Counts {
    let each = |few: u64, many: u64| many.saturating_sub(few) as f64 / (MANY - FEW) as f64;
    Counts {
        instructions: each(few.instructions, many.instructions),
        mispredicted: each(few.mispredicted, many.mispredicted),
    }
}

fn simulate(scenario: &str, contender: &str, units: u64, end: Instant) -> Option<Totals> {
    let base = env::temp_dir().join(format!("linecard-counts-{}", std::process::id()));
    let (log, out) = (base.with_extension("log"), base.with_extension("out"));
    let mut child = Command::new("valgrind")
        .args(["--tool=callgrind", "--branch-sim=yes"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().ok()?)
        .args(["--exact", scenario, "--only", contender, "--turns", "1"])
        .args(["--units", &units.to_string()])
        .env(SIMULATED, contender)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log).ok()?)
        .spawn()
        .ok()?;
    let status = loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(20)),
            Ok(Some(status)) => break Some(status),
            _ => {
                // It may have ended just now.
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let text = fs::read_to_string(&log).unwrap_or_default();
    for file in [log, out] {
        // Not there if it was killed early.
        let _ = fs::remove_file(file);
    }
    status.filter(|status| status.success())?;
    totals(&text)
}

/// From the last lines of callgrind's log: which events it has counted, and how many.
fn totals(log: &str) -> Option<Totals> {
    let after = |word: &str| {
        let line = log.lines().find_map(|line| line.split_once(word))?.1;
        Some(line.trim_start_matches([' ', ':']).split_whitespace())
    };
    let counted: Vec<(&str, u64)> = after("Events")?
        .zip(after("Collected")?.map_while(|number| number.parse().ok()))
        .collect();
    let of = |event: &str| counted.iter().find(|(name, _)| *name == event);
    Some(Totals {
        instructions: of("Ir")?.1,
        mispredicted: of("Bcm")?.1 + of("Bim")?.1,
    })
}

const SIMULATED: &str = "LINECARD_SIMULATED";
/// Units of the two runs: whole rounds of 8,192 packets.
const FEW: u64 = 16_384;
const MANY: u64 = 49_152;

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "==7== Callgrind, a call-graph generating cache profiler\n\
        ==7== Events    : Ir Bc Bcm Bi Bim\n\
        ==7== Collected : 2000000 300000 4000 500 60\n\
        ==7== I   refs:      2,000,000\n";

    #[test]
    fn totals_are_read_by_the_names_of_events() {
        let expected = Totals {
            instructions: 2_000_000,
            mispredicted: 4060,
        };
        assert_eq!(totals(LOG), Some(expected));
        assert_eq!(totals("==7== Events : Ir\n==7== Collected : 7\n"), None);
        assert_eq!(totals("valgrind: it is not for this machine"), None);
    }

    #[test]
    fn setting_up_is_not_counted() {
        let run = |units| Totals {
            instructions: 1_000_000 + 188 * units,
            mispredicted: 5000 + units / 16,
        };
        let counts = per_unit(run(FEW), run(MANY));
        assert_eq!((counts.instructions, counts.mispredicted), (188.0, 0.0625));
    }
}

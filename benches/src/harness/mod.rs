//! Contenders in turns.
//!
//! Each [`Contender`] does about as long a slice of work a turn; in every round all of them have a
//! turn, in random order. What is compared is times of the same round: a machine that becomes slow
//! becomes slow for all.

mod contender;

use core::time::Duration;

pub use contender::{Besides, Contender, Run};

use crate::bar::Bar;
use crate::outcome::{Missing, Outcome, Row};

/// One question, and who answers it. The first contender is Linecard's, unless it says otherwise.
///
/// ```text
/// Scenario::new("ring/spsc/single", "item", rings::single).bars(&[Bar::best("linecard spsc", 1.0)])
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, by which it is chosen on the command line.
    pub name: &'static str,
    /// What one unit of work is.
    pub unit: &'static str,
    /// The contenders, in the order of the table; built when the scenario is run.
    pub build: fn() -> Result<Vec<Contender>, String>,
    /// What is asked of it.
    pub bars: &'static [Bar],
    /// Whether its instructions can be counted: not of what other processes do.
    pub counted: bool,
    /// What a reader should know of it: what bends a curve, what a row is for.
    pub note: &'static str,
    /// Along what its contenders lie, if they are points of a curve, with names like `router @ 64`.
    pub along: Option<&'static str>,
    /// Whether a turn takes as long as it takes, whatever the units: they are not sought.
    pub by_the_clock: bool,
}

impl Scenario {
    /// A scenario of which nothing is asked yet.
    #[must_use]
    pub const fn new(
        name: &'static str,
        unit: &'static str,
        build: fn() -> Result<Vec<Contender>, String>,
    ) -> Self {
        Self {
            name,
            unit,
            build,
            bars: &[],
            counted: true,
            note: "",
            along: None,
            by_the_clock: false,
        }
    }

    /// Asks this of it.
    #[must_use]
    pub const fn bars(mut self, bars: &'static [Bar]) -> Self {
        self.bars = bars;
        self
    }

    /// Tells a reader this.
    #[must_use]
    pub const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    /// Makes curves of the contenders, along this.
    #[must_use]
    pub const fn along(mut self, along: &'static str) -> Self {
        self.along = Some(along);
        self
    }

    /// Says that a profiler sees only a part of the work, or that the work goes by the clock.
    #[must_use]
    pub const fn uncounted(mut self) -> Self {
        self.counted = false;
        self
    }

    /// Says that each turn lasts as long as its contenders like, who watch others at work.
    #[must_use]
    pub const fn by_the_clock(mut self) -> Self {
        self.by_the_clock = true;
        self.uncounted()
    }

    /// Lets the contenders take turns.
    ///
    /// # Errors
    /// What all contenders need and this machine does not have, or that none was chosen. What one
    /// alone lacks is in the outcome.
    pub fn run(&self, plan: &Plan) -> Result<Outcome, String> {
        let mut contenders = (self.build)()?;
        contenders.retain(|contender| plan.chooses(contender.name));
        if contenders.is_empty() {
            return Err("no contender has that name".into());
        }
        let mut missing = Vec::new();
        let mut entered: Vec<(&'static str, Run)> = Vec::new();
        let mut besides: Vec<(usize, Besides)> = Vec::new();
        for contender in contenders {
            let name = contender.name;
            match contender.build_all() {
                Ok((run, more)) => {
                    besides.extend(more.into_iter().map(|figure| (entered.len(), figure)));
                    entered.push((name, run));
                }
                Err(why) => missing.push(Missing {
                    name: name.to_owned(),
                    why,
                }),
            }
        }
        let units: Vec<u64> = entered
            .iter_mut()
            .map(|(_, run)| match (plan.units, self.by_the_clock) {
                (Some(units), _) => units,
                (None, true) => {
                    // Once, to warm up.
                    let _ = run(BY_THE_CLOCK);
                    BY_THE_CLOCK
                }
                (None, false) => calibrate(run, plan.slice),
            })
            .collect();
        let mut nanos = vec![Vec::with_capacity(plan.turns); entered.len()];
        let mut figures = vec![Vec::with_capacity(plan.turns); besides.len()];
        let mut order: Vec<usize> = (0..entered.len()).collect();
        let mut random = Random::default();
        for _ in 0..plan.turns {
            random.shuffle(&mut order);
            for &at in &order {
                let took = (entered[at].1)(units[at]);
                nanos[at].push(took.as_nanos() as f64 / units[at] as f64);
            }
            for (turns, (_, figure)) in figures.iter_mut().zip(&besides) {
                turns.push(figure.value.get());
            }
        }
        let rows = entered.iter().zip(nanos);
        let mut rows: Vec<Row> = rows
            .map(|((name, _), turns)| Row::new(name, turns))
            .collect();
        let mut more: Vec<_> = besides.iter().zip(figures).collect();
        // One kind after the other.
        more.sort_by_key(|((_, figure), _)| figure.what);
        for ((at, figure), turns) in more {
            let mut row = Row::new(&format!("{}: {}", figure.what, entered[*at].0), turns);
            row.unit = Some(figure.unit.to_owned());
            rows.push(row);
        }
        let mut outcome = Outcome::new(self.name, self.unit, rows, missing, self.bars);
        outcome.note = self.note.to_owned();
        outcome.along = self.along.map(str::to_owned);
        Ok(outcome)
    }
}

/// How long to measure, and what.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Turns of each contender.
    pub turns: usize,
    /// About how long a turn takes.
    pub slice: Duration,
    /// Only contenders whose name has this word.
    pub only: Option<String>,
    /// Words are whole names.
    pub exact: bool,
    /// Units of work a turn, in place of what fills the slice.
    pub units: Option<u64>,
}

impl Plan {
    fn chooses(&self, name: &str) -> bool {
        let Some(word) = &self.only else { return true };
        if self.exact {
            name == word
        } else {
            name.contains(word.as_str())
        }
    }
}

impl Default for Plan {
    /// Eleven turns of 50 ms.
    fn default() -> Self {
        Self {
            turns: 11,
            slice: Duration::from_millis(50),
            only: None,
            exact: false,
            units: None,
        }
    }
}

/// The time that this thread has had of a processor: what else the machine does is not counted,
/// but for what it does to the caches.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Numbers in no order, the same every time (xorshift64, G. Marsaglia, 2003).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 up to, not with, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Changes the order of things (Fisher and Yates).
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, (self.number() % (at as u64 + 1)) as usize);
        }
    }
}

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

/// Units of a turn that goes by the clock: enough for a time of each with several digits.
const BY_THE_CLOCK: u64 = 1_000_000;

/// Warms a contender up, and finds how many units fill a slice.
fn calibrate(run: &mut Run, slice: Duration) -> u64 {
    let mut units = 64;
    // It doubles at least, so this ends: 2^40 units of nothing at all.
    while units < 1 << 40 {
        // Twice, where once is enough: the first time something else may have been in the way.
        let took = match run(units) {
            took if took >= slice / 4 => run(units).min(took),
            took => took,
        };
        if took >= slice / 4 {
            let scale = slice.as_secs_f64() / took.as_secs_f64();
            return ((units as f64 * scale) as u64).max(1);
        }
        units *= 2;
    }
    units
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn steady(name: &'static str, nanos: u64) -> Contender {
        Contender::new(name, move |units| Duration::from_nanos(nanos * units))
    }

    fn three() -> Result<Vec<Contender>, String> {
        Ok(vec![
            steady("linecard", 2),
            Contender::lazy("peer, absent", || Err("not installed".into())),
            Contender::missing("peer, refused", "no huge pages"),
            Contender::lazy("peer", || Ok(steady("", 8))),
        ])
    }

    fn none() -> Result<Vec<Contender>, String> {
        Err("wants two cores".into())
    }

    const BARS: &[Bar] = &[Bar::best("linecard", 0.5)];

    #[test]
    fn who_is_missing_has_a_reason_and_the_others_run() {
        let scenario = Scenario::new("s", "unit", three).bars(BARS);
        let outcome = scenario.run(&Plan::default()).expect("it runs");
        let names: Vec<_> = outcome.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["linecard", "peer"]);
        let missing: Vec<_> = outcome.missing.iter().map(|who| who.why.as_str()).collect();
        assert_eq!(missing, ["not installed", "no huge pages"]);
        assert_eq!(outcome.rows[0].turns, [2.0; 11]);
        assert_eq!(outcome.rows[1].turns, [8.0; 11]);
        let refused = Scenario::new("s", "unit", none).run(&Plan::default());
        assert_eq!(refused.err().as_deref(), Some("wants two cores"));
    }

    #[test]
    fn words_choose_and_whole_names_choose_one() {
        let scenario = Scenario::new("s", "unit", three);
        let mut plan = Plan {
            only: Some("peer".into()),
            ..Plan::default()
        };
        let outcome = scenario.run(&plan).expect("it runs");
        assert_eq!((outcome.rows.len(), outcome.missing.len()), (1, 2));
        plan.exact = true;
        let outcome = scenario.run(&plan).expect("it runs");
        assert_eq!((outcome.rows.len(), outcome.missing.len()), (1, 0));
        plan.only = Some("pee".into());
        assert!(scenario.run(&plan).is_err());
    }

    #[test]
    fn a_slice_is_filled() {
        let mut run = steady("", 10).build().expect("it is there");
        let units = calibrate(&mut run, Duration::from_millis(50));
        assert_eq!(units, 5_000_000);
    }

    #[test]
    fn figures_besides_have_rows_behind_the_times() {
        fn build() -> Result<Vec<Contender>, String> {
            let calls = Besides::new("calls", "calls");
            let value = Rc::clone(&calls.value);
            let one = Contender::with("linecard", vec![calls], move |units| {
                value.set(0.25);
                Duration::from_nanos(3 * units)
            });
            Ok(vec![one, steady("peer", 6)])
        }
        const BARS: &[Bar] = &[Bar::beside("linecard", &["peer"], 0.5)];
        let scenario = Scenario::new("s", "unit", build).bars(BARS).by_the_clock();
        let outcome = scenario.run(&Plan::default()).expect("it runs");
        let rows: Vec<_> = outcome.rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(rows, ["linecard", "peer", "calls: linecard"]);
        assert_eq!(outcome.rows[2].turns, [0.25; 11]);
        assert_eq!(outcome.rows[2].unit.as_deref(), Some("calls"));
        assert_eq!(outcome.bars[0].holds, Some(true));
    }

    #[test]
    fn shuffling_keeps_everything() {
        let mut things: Vec<u32> = (0..1000).collect();
        Random::default().shuffle(&mut things);
        assert_ne!(things, (0..1000).collect::<Vec<_>>());
        things.sort_unstable();
        assert_eq!(things, (0..1000).collect::<Vec<_>>());
        let mut random = Random::default();
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.fraction())));
    }
}

//! Contenders in turns, and what came of it.

use core::fmt;
use core::time::Duration;

/// One contender: does a number of units of work, and says how long that took.
pub type Run = Box<dyn FnMut(u64) -> Duration>;

/// One question, and who answers it. The first contender is Linecard's, unless it says otherwise.
pub struct Scenario {
    /// Its name, by which it is chosen on the command line.
    pub name: &'static str,
    /// What one unit of work is.
    pub unit: &'static str,
    /// The contenders, in the order of the table; built when the scenario is run.
    pub build: fn() -> Result<Vec<Contender>, String>,
}

/// One who answers.
pub struct Contender {
    /// Who.
    pub name: &'static str,
    /// Does the work.
    pub run: Run,
}

impl Contender {
    /// A contender whose work is timed from its beginning to its end.
    pub fn timed(name: &'static str, mut work: impl FnMut(u64) + 'static) -> Self {
        let run = Box::new(move |units| {
            let start = cpu_time();
            work(units);
            cpu_time().saturating_sub(start)
        });
        Self { name, run }
    }
}

/// How long to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Turns of each contender.
    pub turns: usize,
    /// About how long a turn takes.
    pub slice: Duration,
    /// Only contenders whose name has this word.
    pub only: Option<String>,
    /// Units of work a turn, in place of what fills the slice.
    pub units: Option<u64>,
}

impl Default for Plan {
    /// Eleven turns of 50 ms.
    fn default() -> Self {
        Self {
            turns: 11,
            slice: Duration::from_millis(50),
            only: None,
            units: None,
        }
    }
}

/// What one contender gave.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub name: &'static str,
    /// Nanoseconds a unit: lower quartile, median, upper quartile.
    pub nanos: [f64; 3],
    /// Our time divided by theirs in the same round: lower quartile, median, upper quartile.
    pub ratio: [f64; 3],
}

/// What a scenario gave.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The scenario's name.
    pub name: &'static str,
    /// What one unit of work is.
    pub unit: &'static str,
    /// A row a contender.
    pub rows: Vec<Row>,
}

impl Scenario {
    /// Lets the contenders take turns.
    ///
    /// # Errors
    /// What a contender needs and this machine does not have.
    pub fn run(&self, plan: &Plan) -> Result<Outcome, String> {
        let mut contenders = (self.build)()?;
        if let Some(word) = &plan.only {
            contenders.retain(|contender| contender.name.contains(word.as_str()));
        }
        if contenders.is_empty() {
            return Err("no contender has that name".into());
        }
        let units: Vec<u64> = contenders
            .iter_mut()
            .map(|contender| {
                plan.units
                    .unwrap_or_else(|| calibrate(&mut contender.run, plan.slice))
            })
            .collect();
        let mut nanos = vec![Vec::with_capacity(plan.turns); contenders.len()];
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..plan.turns {
            for at in (1..order.len()).rev() {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                order.swap(at, (random % (at as u64 + 1)) as usize);
            }
            for &at in &order {
                let took = (contenders[at].run)(units[at]);
                nanos[at].push(took.as_nanos() as f64 / units[at] as f64);
            }
        }
        let ours = nanos[0].clone();
        let rows = contenders
            .iter()
            .zip(nanos)
            .map(|(contender, nanos)| {
                let ratio = ours
                    .iter()
                    .zip(&nanos)
                    .map(|(ours, theirs)| ours / theirs)
                    .collect();
                Row {
                    name: contender.name,
                    nanos: quartiles(nanos),
                    ratio: quartiles(ratio),
                }
            })
            .collect();
        Ok(Outcome {
            name: self.name,
            unit: self.unit,
            rows,
        })
    }
}

impl Outcome {
    /// The outcome for the machine-readable file.
    pub fn json(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|row| {
            serde_json::json!({
                "name": row.name,
                "nanos": { "q1": row.nanos[0], "median": row.nanos[1], "q3": row.nanos[2] },
                "ratio": { "q1": row.ratio[0], "median": row.ratio[1], "q3": row.ratio[2] },
            })
        });
        serde_json::json!({
            "scenario": self.name,
            "unit": self.unit,
            "rows": rows.collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (ns per {})", self.name, self.unit)?;
        for Row {
            name,
            nanos: [low, median, high],
            ratio,
        } in &self.rows
        {
            write!(f, "  {name:<34} {median:9.2}  ({low:.2} to {high:.2})")?;
            writeln!(
                f,
                "   ours / theirs {:.2} ({:.2} to {:.2})",
                ratio[1], ratio[0], ratio[2]
            )?;
        }
        Ok(())
    }
}

/// The time that this thread has had of a processor: what else the machine does is not counted,
/// but for what it does to the caches.
#[must_use]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// Warms a contender up, and finds how many units fill a slice.
fn calibrate(run: &mut Run, slice: Duration) -> u64 {
    let mut units = 64;
    // It doubles at least, so this ends: 2^40 units of nothing at all.
    while units < 1 << 40 {
        let took = run(units);
        if took >= slice / 4 {
            let scale = slice.as_secs_f64() / took.as_secs_f64();
            return ((units as f64 * scale) as u64).max(1);
        }
        units *= 2;
    }
    units
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values[(values.len() - 1) * quarter / 4];
    [at(1), at(2), at(3)]
}

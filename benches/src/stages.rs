//! Where a packet's time goes, stage by stage, and what it costs to look.

use std::thread;
use std::time::Instant as Wall;

use linecard::platform::{Clock, Instant};
use linecard::trace::{Histogram, Meter, Observe, Phase, Quantile, Timings};
use linecard_linux::affinity;
use linecard_linux::clock::MonotonicClock;

use crate::harness::{Contender, Plan};
use crate::peer_router::same_mac;
use crate::report::{Findings, time};
use crate::routing::{belt, frames, leak, router_stage, through_by};

/// The router in hand with stage timers and histograms on, as `linecard run` has them, and off.
///
/// # Errors
/// That there is no memory.
pub fn timers() -> Result<Vec<Contender>, String> {
    let observed = |name: &'static str, every: u32| {
        Contender::lazy(name, move || {
            let timings: &'static Timings = leak(Timings::new());
            let meter = Meter::new(MonotonicClock::new(), timings);
            router(name, Some((leak(meter), every)))
        })
    };
    Ok(vec![
        observed("linecard router, timers on, one burst in 257", 257),
        Contender::lazy("off", || router("off", None)),
        observed("on, one burst in 64", 64),
        observed("on, one burst in 16", 16),
        observed("on, every burst", 1),
    ])
}

/// What each stage takes of a burst's time, and a packet from its reception to its transmission.
///
/// # Errors
/// That there is no memory.
pub fn latency(plan: &Plan) -> Result<Findings, String> {
    let seen: &'static Seen = leak(Seen::default());
    let stages = Stages::new(seen);
    let mut run = router("latency", Some((leak(stages), 1)))?.build()?;
    let end = Wall::now() + plan.slice * plan.turns as u32 * 2;
    while Wall::now() < end {
        run(1 << 16);
    }
    let head = ["stage", "p50", "p99", "p99.9", "max", "bursts"];
    let mut findings = Findings::new("latency/stages", &head);
    seen.phases().for_each(|row| findings.row(row));
    findings.row(quantiles(
        "reception to transmission, a packet".into(),
        &seen.whole,
    ));
    findings.answer = "The router with packets in hand, 8,192 flows, 500,000 routes, in bursts of 32, every burst timed: \
        times of the clock, the reading of the clock in each. A burst waits for the reception of the next one, whose headers \
        are on their way meanwhile: that is in the last row. The maxima are the kernel's and the machine's (latency/pauses)."
        .into();
    Ok(findings)
}

/// The longest pauses of a polling worker, beside those of a thread that does nothing but look at the
/// clock, on the same processor, in turns.
///
/// # Errors
/// That there is no memory.
pub fn pauses(plan: &Plan) -> Result<Findings, String> {
    let plan = plan.clone();
    // A thread of its own, that is pinned: whoever is measured next is not.
    let watcher = thread::spawn(move || watch_both(&plan));
    watcher.join().map_err(|_| "the worker panicked")?
}

fn watch_both(plan: &Plan) -> Result<Findings, String> {
    let cpus = affinity::allowed().unwrap_or_default();
    if let Some(cpu) = cpus.last() {
        // Where that is not allowed both run where the kernel likes.
        let _ = affinity::pin(*cpu);
    }
    let mut run = router("pauses", None)?.build()?;
    // A burst: between two looks at the clock lies a microsecond of work.
    let work = &mut || {
        let _ = run(32);
    };
    let (mut findings, seconds) = compare("latency/pauses", "a burst of the router", plan, work);
    findings.answer = format!(
        "{seconds:.1} s each, in turns on one processor; --turns 300 makes it a minute each. Nothing is allocated and nothing \
         collected: what is longer than a burst's work is the kernel's (its tick, other threads) and the hypervisor's, and \
         the thread that only looks at the clock has it too."
    );
    Ok(findings)
}

/// The time from one look at the clock to the next with this work in between, and with nothing, in turns; and for
/// how many seconds each was watched.
pub(crate) fn compare(
    name: &str,
    what: &str,
    plan: &Plan,
    work: &mut dyn FnMut(),
) -> (Findings, f64) {
    let clock = MonotonicClock::new();
    let (worker, spinner) = (Histogram::new(), Histogram::new());
    let watch = |gaps: &Histogram, work: &mut dyn FnMut()| {
        let end = Wall::now() + plan.slice * 4;
        while Wall::now() < end {
            let mut last = clock.nanos();
            for _ in 0..256 {
                work();
                let now = clock.nanos();
                gaps.record(now.saturating_sub(last), 1);
                last = now;
            }
        }
    };
    let began = Wall::now();
    for _ in 0..plan.turns {
        watch(&worker, work);
        watch(&spinner, &mut || {});
    }
    let seconds = began.elapsed().as_secs_f64() / 2.0;
    let head = [
        "between two looks at the clock",
        "p50",
        "p99",
        "p99.9",
        "max",
    ];
    let mut findings = Findings::new(name, &head);
    for (than, _) in PAUSES {
        findings.columns.push(format!("{than} and more, a second"));
    }
    for (name, gaps) in [(what, &worker), ("nothing", &spinner)] {
        let [name, p50, p99, p99_9, max, _] = quantiles(name.into(), gaps);
        let mut row = vec![name, p50, p99, p99_9, max];
        for (_, than) in PAUSES {
            let longer = gaps.ranges().filter(|(first, ..)| *first >= than);
            let times: u64 = longer.map(|(.., times)| times).sum();
            row.push(format!("{:.1}", times as f64 / seconds));
        }
        findings.rows.push(row);
    }
    (findings, seconds)
}

/// Pauses that are counted, in nanoseconds.
const PAUSES: [(&str, u64); 3] = [("20 µs", 20_000), ("100 µs", 100_000), ("1 ms", 1_000_000)];

pub(crate) fn quantiles(name: String, histogram: &Histogram) -> [String; 6] {
    let at = |quantile| histogram.quantile(quantile).map_or(String::new(), time);
    [
        name,
        at(Quantile::P50),
        at(Quantile::P99),
        at(Quantile::P99_9),
        time(histogram.max()),
        histogram.count().to_string(),
    ]
}

fn router(
    name: &'static str,
    observer: Option<(&'static mut dyn Observe, u32)>,
) -> Result<Contender, String> {
    let (cache, rx, tx) = belt(false, frames()?)?;
    let stage = router_stage(same_mac)?;
    let clock = MonotonicClock::new();
    through_by::<_, _, _, _, 32>(name, stage, cache, (rx, tx), clock, observer)
}

/// What [`Stages`] saw.
#[derive(Default)]
pub(crate) struct Seen {
    phases: [Histogram; Phase::NAMED],
    whole: Histogram,
}

impl Seen {
    /// A row of the table for each phase that was seen.
    pub(crate) fn phases(&self) -> impl Iterator<Item = [String; 6]> {
        let seen = self.phases.iter().enumerate();
        let seen = seen.filter(|(_, histogram)| histogram.count() > 0);
        seen.map(|(number, histogram)| {
            quantiles(format!("{}, a burst", Phase(number as u8)), histogram)
        })
    }
}

/// An observer with a histogram for each phase.
pub(crate) struct Stages {
    clock: MonotonicClock,
    last: Instant,
    seen: &'static Seen,
}

impl Stages {
    pub(crate) fn new(seen: &'static Seen) -> Self {
        Self {
            clock: MonotonicClock::new(),
            last: Instant::from_nanos(0),
            seen,
        }
    }
}

impl Observe for Stages {
    fn begin(&mut self) {
        self.last = self.clock.now();
    }

    fn mark(&mut self, phase: Phase, _packets: usize) {
        let now = self.clock.now();
        if let Some(histogram) = self.seen.phases.get(usize::from(phase.0)) {
            histogram.record(now.nanos_since(self.last), 1);
        }
        self.last = now;
    }

    fn done(&mut self, received: Instant, packets: usize) {
        let nanos = self.last.nanos_since(received);
        self.seen.whole.record(nanos, packets as u64);
    }
}

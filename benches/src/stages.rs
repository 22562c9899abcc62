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
        observed("linecard router, timers on, one burst in 16", 16),
        Contender::lazy("off", || router("off", None)),
        observed("on, every burst", 1),
    ])
}

/// What each stage takes of a burst's time, and a packet from its reception to its transmission.
///
/// # Errors
/// That there is no memory.
pub fn latency(plan: &Plan) -> Result<Findings, String> {
    let seen: &'static Seen = leak(Seen::default());
    let stages = Stages {
        clock: MonotonicClock::new(),
        last: Instant::from_nanos(0),
        seen,
    };
    let mut run = router("latency", Some((leak(stages), 1)))?.build()?;
    let end = Wall::now() + plan.slice * plan.turns as u32 * 2;
    while Wall::now() < end {
        run(1 << 16);
    }
    let head = ["stage", "p50", "p99", "p99.9", "max", "bursts"];
    let mut findings = Findings::new("latency/stages", &head);
    for (number, histogram) in seen.phases.iter().enumerate() {
        if histogram.count() > 0 {
            let name = format!("{}, a burst", Phase(number as u8));
            findings.row(quantiles(name, histogram));
        }
    }
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
    let clock = MonotonicClock::new();
    let (worker, spinner) = (Histogram::new(), Histogram::new());
    let mut run = router("pauses", None)?.build()?;
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
        // A burst: between two looks at the clock lies a microsecond of work.
        watch(&worker, &mut || {
            let _ = run(32);
        });
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
    let mut findings = Findings::new("latency/pauses", &head);
    for (than, _) in PAUSES {
        findings.columns.push(format!("{than} and more, a second"));
    }
    let both = [("a burst of the router", &worker), ("nothing", &spinner)];
    for (name, gaps) in both {
        let [name, p50, p99, p99_9, max, _] = quantiles(name.into(), gaps);
        let mut row = vec![name, p50, p99, p99_9, max];
        for (_, than) in PAUSES {
            let longer = gaps.ranges().filter(|(first, ..)| *first >= than);
            let times: u64 = longer.map(|(.., times)| times).sum();
            row.push(format!("{:.1}", times as f64 / seconds));
        }
        findings.rows.push(row);
    }
    findings.answer = format!(
        "{seconds:.1} s each, in turns on one processor; --turns 300 makes it a minute each. Nothing is allocated and nothing \
         collected: what is longer than a burst's work is the kernel's (its tick, other threads) and the hypervisor's, and \
         the thread that only looks at the clock has it too."
    );
    Ok(findings)
}

/// Pauses that are counted, in nanoseconds.
const PAUSES: [(&str, u64); 3] = [("20 µs", 20_000), ("100 µs", 100_000), ("1 ms", 1_000_000)];

fn quantiles(name: String, histogram: &Histogram) -> [String; 6] {
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
struct Seen {
    phases: [Histogram; Phase::NAMED],
    whole: Histogram,
}

/// An observer with a histogram for each phase.
struct Stages {
    clock: MonotonicClock,
    last: Instant,
    seen: &'static Seen,
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

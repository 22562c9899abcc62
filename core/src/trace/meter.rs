//! Where a worker's time goes: cost of each phase, and how long packets stay.

use super::{Counter, Histogram, Observe, Phase};
use crate::platform::{Clock, Instant};

/// What a [`Meter`] measured: it writes, any thread reads.
///
/// ```
/// use linecard::trace::{Phase, Timings};
///
/// static TIMINGS: Timings = Timings::new();
/// assert_eq!(TIMINGS.per_packet(Phase::LOOKUP), None, "nothing was measured yet");
/// ```
#[derive(Debug)]
pub struct Timings {
    phases: [PhaseTotals; PHASES],
    /// Nanoseconds from the receive call that gave a packet to the end of the transmit step, one
    /// value for each packet.
    pub latency: Histogram,
}

/// The totals of one phase.
#[derive(Debug)]
struct PhaseTotals {
    nanos: Counter,
    packets: Counter,
}

impl Timings {
    /// Nothing measured.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            phases: [const {
                PhaseTotals {
                    nanos: Counter::new(),
                    packets: Counter::new(),
                }
            }; PHASES],
            latency: Histogram::new(),
        }
    }

    /// Nothing measured.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            phases: core::array::from_fn(|_| PhaseTotals {
                nanos: Counter::new(),
                packets: Counter::new(),
            }),
            latency: Histogram::new(),
        }
    }

    /// Nanoseconds that a phase took in all, and for how many packets.
    pub fn totals(&self, phase: Phase) -> (u64, u64) {
        self.phases
            .get(usize::from(phase.0))
            .map_or((0, 0), |totals| {
                (totals.nanos.value(), totals.packets.value())
            })
    }

    /// Picoseconds that a phase takes a packet; `None` if it was never seen.
    pub fn per_packet(&self, phase: Phase) -> Option<u64> {
        let (nanos, packets) = self.totals(phase);
        u128::from(nanos)
            .wrapping_mul(1000)
            .checked_div(u128::from(packets))
            .and_then(|picos| u64::try_from(picos).ok())
    }

    /// The phases that were seen, in order, each with its picoseconds a packet.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, u64)> + '_ {
        (0..PHASES as u8)
            .map(Phase)
            .filter_map(|phase| Some((phase, self.per_packet(phase)?)))
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self::new()
    }
}

/// Measures a worker's phases and latencies by a clock, for [`Worker::observe`].
///
/// What reading the clock costs is found out once, when the meter is made, and taken off each
/// phase; a phase shorter than that counts as nothing. One that took longer than any burst does, as
/// when the operating system gave the CPU to somebody else meanwhile, is left out of the phases; it
/// is in the latencies all the same. With one burst in 64 observed, the worker's speed changes by about
/// a hundredth, with one in 16 by four; with one in 257 by what is lost among other things.
///
/// ```
/// use core::time::Duration;
/// use linecard::platform::ManualClock;
/// use linecard::trace::{Meter, Observe, Phase, Timings};
///
/// let (clock, timings) = (ManualClock::new(), Timings::new());
/// let mut meter = Meter::new(&clock, &timings);
/// meter.begin();
/// clock.advance(Duration::from_nanos(320));
/// meter.mark(Phase::PARSE, 32);
/// assert_eq!(timings.per_packet(Phase::PARSE), Some(10_000), "in picoseconds");
/// ```
///
/// [`Worker::observe`]: crate::pipeline::Worker::observe
#[derive(Debug)]
pub struct Meter<'t, C> {
    clock: C,
    timings: &'t Timings,
    last: Instant,
    /// Nanoseconds between two readings of the clock with nothing in between.
    overhead: u64,
}

impl<'t, C: Clock> Meter<'t, C> {
    /// A meter that writes into `timings`. It is the only one that does.
    pub fn new(clock: C, timings: &'t Timings) -> Self {
        let mut last = clock.now();
        let first = last;
        for _ in 0..READINGS {
            last = clock.now();
        }
        Self {
            overhead: last.nanos_since(first) / READINGS,
            clock,
            timings,
            last,
        }
    }
}

impl<C: Clock + Send> Observe for Meter<'_, C> {
    #[inline]
    fn begin(&mut self) {
        self.last = self.clock.now();
    }

    #[inline]
    fn mark(&mut self, phase: Phase, packets: usize) {
        let now = self.clock.now();
        let nanos = now.nanos_since(self.last).saturating_sub(self.overhead);
        let totals = self.timings.phases.get(usize::from(phase.0));
        if let Some(totals) = totals.filter(|_| nanos < PREEMPTED) {
            totals.nanos.add(nanos);
            totals.packets.add(packets as u64);
        }
        self.last = now;
    }

    #[inline]
    fn done(&mut self, received: Instant, packets: usize) {
        // The last mark was a moment ago: no need to read the clock again.
        let nanos = self.last.nanos_since(received);
        self.timings.latency.record(nanos, packets as u64);
    }
}

/// As many phases as a [`Phase`] can be: the named ones, and the program's own up to 15.
const PHASES: usize = 16;
/// Nanoseconds that no phase of a burst takes by itself: a slow path of a microsecond for each of
/// 200 packets.
const PREEMPTED: u64 = 200_000;
/// How often the clock is read to find out what that costs.
const READINGS: u64 = 64;

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::vec::Vec;

    use super::*;
    use crate::platform::ManualClock;
    use crate::trace::Quantile;

    #[test]
    fn time_goes_to_the_phase_that_ends() {
        let (clock, timings) = (ManualClock::new(), Timings::new());
        let mut meter = Meter::new(&clock, &timings);
        for _ in 0..3 {
            let received = clock.now();
            meter.begin();
            clock.advance(Duration::from_nanos(10));
            meter.mark(Phase::RECEIVE, 2);
            // Time between bursts is nobody's.
            clock.advance(Duration::from_nanos(1000));
            meter.begin();
            clock.advance(Duration::from_nanos(30));
            meter.mark(Phase::PROCESS, 2);
            meter.done(received, 2);
        }
        let phases: Vec<_> = timings.phases().collect();
        assert_eq!(phases, [(Phase::RECEIVE, 5_000), (Phase::PROCESS, 15_000)]);
        assert_eq!(timings.latency.count(), 6);
        assert_eq!(timings.latency.quantile(Quantile::P50), Some(1040));
        assert_eq!(timings.totals(Phase(200)), (0, 0));
    }

    #[test]
    fn a_phase_in_which_the_cpu_was_elsewhere_is_latency_and_no_cost() {
        let (clock, timings) = (ManualClock::new(), Timings::new());
        let mut meter = Meter::new(&clock, &timings);
        let received = clock.now();
        for millis in [0, 3] {
            meter.begin();
            clock.advance(Duration::from_millis(millis) + Duration::from_nanos(50));
            meter.mark(Phase::LOOKUP, 1);
        }
        meter.done(received, 1);
        assert_eq!(timings.totals(Phase::LOOKUP), (50, 1));
        assert_eq!(timings.latency.max(), 3_000_100);
    }

    #[test]
    fn reading_the_clock_is_not_charged_to_a_phase() {
        /// Each reading takes 20 ns.
        struct Slow(ManualClock);
        impl Clock for Slow {
            fn now(&self) -> Instant {
                self.0.advance(Duration::from_nanos(20));
                self.0.now()
            }
        }
        let timings = Timings::new();
        let slow = Slow(ManualClock::new());
        let mut meter = Meter::new(&slow, &timings);
        meter.begin();
        slow.0.advance(Duration::from_nanos(100));
        meter.mark(Phase::PARSE, 1);
        meter.mark(Phase::LOOKUP, 1);
        assert_eq!(timings.totals(Phase::PARSE), (100, 1));
        assert_eq!(timings.totals(Phase::LOOKUP), (0, 1));
    }
}

//! One line per interval: rates, drops, latency.

use core::fmt;
use core::time::Duration;

use linecard::device::{RxStats, TxStats};
use linecard::trace::{Histogram, Snapshot};

use super::sample::{Latency, Totals, rate};

/// What is told while a run goes on, once an interval.
///
/// ```
/// use linecard_linux::stats::Line;
///
/// fn is_losing(line: &Line) -> bool {
///     line.device_drops + line.since.dropped() > 0
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Since the run began.
    pub elapsed: Duration,
    /// Since the line before.
    pub interval: Duration,
    /// What was counted since the line before.
    pub since: Totals,
    /// Packets that devices or the kernel dropped before they came to the worker, or after they
    /// left it, since the line before.
    pub device_drops: u64,
    /// Latencies since the line before.
    pub latency: Option<Latency>,
}

/// Keeps the figures of the line before, to tell the difference.
///
/// ```
/// use linecard_linux::stats::{Live, Totals};
/// use linecard::trace::Histogram;
///
/// let mut live = Live::default();
/// let second = core::time::Duration::from_secs(1);
/// let line = live.line(second, Totals::default(), &[], [&Histogram::new()]);
/// assert_eq!(line.interval, second);
/// ```
#[derive(Debug, Default)]
pub struct Live {
    elapsed: Duration,
    totals: Totals,
    device_drops: u64,
    /// Boxed: 15 KiB each.
    latency: Box<Snapshot>,
}

impl Live {
    /// The line for this moment, of the workers' totals and latencies, and what all queues counted.
    ///
    /// ```
    /// use core::time::Duration;
    /// use linecard_linux::stats::{Live, Totals};
    /// use linecard::trace::{Histogram, Snapshot};
    ///
    /// let mut live = Live::default();
    /// let totals = Totals { received: 2_000_000, sent: 2_000_000, ..Totals::default() };
    /// let line = live.line(Duration::from_secs(1), totals, &[], [&Histogram::new()]);
    /// assert_eq!(line.to_string(), "   1.0 s  in   2.000 Mpps out   2.000 Mpps");
    /// ```
    pub fn line<'l>(
        &mut self,
        elapsed: Duration,
        totals: Totals,
        ports: &[(RxStats, TxStats)],
        latencies: impl IntoIterator<Item = &'l Histogram>,
    ) -> Line {
        let device_drops = ports
            .iter()
            .map(|(rx, tx)| rx.dropped() + tx.dropped())
            .sum::<u64>();
        let mut now = Box::new(Snapshot::new());
        latencies.into_iter().for_each(|one| now.add(one));
        let mut since = now.clone();
        since.take_off(&self.latency);
        let line = Line {
            elapsed,
            interval: elapsed.saturating_sub(self.elapsed),
            since: difference(&totals, &self.totals),
            // A queue that was reset counts from zero again.
            device_drops: device_drops.saturating_sub(self.device_drops),
            latency: Latency::of(&since),
        };
        *self = Self {
            elapsed,
            totals,
            device_drops,
            latency: now,
        };
        line
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>6.1} s  in {} out {}",
            self.elapsed.as_secs_f64(),
            Rate(rate(self.since.received, self.interval)),
            Rate(rate(self.since.sent, self.interval)),
        )?;
        if let Some(latency) = &self.latency {
            write!(
                f,
                "  latency p50 {} p99 {} p99.9 {}",
                Nanos(latency.p50),
                Nanos(latency.p99),
                Nanos(latency.p99_9)
            )?;
        }
        if self.device_drops > 0 {
            write!(f, "  lost by devices {}", self.device_drops)?;
        }
        for (why, count) in &self.since.drops {
            write!(f, "  {why} {count}")?;
        }
        Ok(())
    }
}

/// Packets a second, in millions: always as wide.
pub(super) struct Rate(pub(super) f64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7.3} Mpps", self.0 / 1e6)
    }
}

/// A time in the unit that suits it.
pub(super) struct Nanos(pub(super) u64);

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            nanos @ 0..1_000 => write!(f, "{nanos} ns"),
            nanos @ 1_000..1_000_000 => write!(f, "{:.1} us", nanos as f64 / 1e3),
            nanos @ 1_000_000..1_000_000_000 => write!(f, "{:.1} ms", nanos as f64 / 1e6),
            nanos => write!(f, "{:.1} s", nanos as f64 / 1e9),
        }
    }
}

/// Counters only go up, but for a moment in which one was read before the other.
fn difference(now: &Totals, before: &Totals) -> Totals {
    let earlier = |reason| {
        let drop = before.drops.iter().find(|(why, _)| *why == reason);
        drop.map_or(0, |(_, count)| *count)
    };
    Totals {
        received: now.received.saturating_sub(before.received),
        made: now.made.saturating_sub(before.made),
        sent: now.sent.saturating_sub(before.sent),
        punted: now.punted.saturating_sub(before.punted),
        exceptions: now.exceptions.saturating_sub(before.exceptions),
        polls: now.polls.saturating_sub(before.polls),
        idle: now.idle.saturating_sub(before.idle),
        drops: now
            .drops
            .iter()
            .map(|&(why, count)| (why, count.saturating_sub(earlier(why))))
            .filter(|&(_, count)| count > 0)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use linecard::pipeline::DropReason;

    use super::*;

    #[test]
    fn a_line_tells_what_is_new() {
        let mut live = Live::default();
        let latency = Histogram::new();
        let mut totals = Totals {
            received: 1_000_000,
            sent: 900_000,
            drops: vec![(DropReason::NO_ROUTE, 100_000)],
            ..Totals::default()
        };
        live.line(Duration::from_secs(1), totals.clone(), &[], [&latency]);
        latency.record(900_000, 5);
        live.line(Duration::from_secs(1), totals.clone(), &[], [&latency]);
        totals.received += 500_000;
        totals.sent += 499_990;
        totals.drops.push((DropReason::TTL_EXPIRED, 10));
        latency.record(1_500, 1);
        let mut rx = RxStats::default();
        rx.missed = 7;
        let ports = [(rx, TxStats::default())];
        let line = live.line(Duration::from_millis(1_500), totals, &ports, [&latency]);
        assert_eq!(
            line.to_string(),
            "   1.5 s  in   1.000 Mpps out   1.000 Mpps  latency p50 1.5 us p99 1.5 us p99.9 1.5 us  \
             lost by devices 7  ttl_expired 10"
        );
    }

    #[test]
    fn times_come_in_the_unit_that_suits() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.0 us"),
            (1_500_000, "1.5 ms"),
            (u64::MAX, "18446744073.7 s"),
        ] {
            assert_eq!(Nanos(nanos).to_string(), text);
        }
    }
}

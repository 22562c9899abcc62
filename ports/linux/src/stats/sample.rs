//! What a run counted, as plain numbers at one moment.

use core::time::Duration;

use linecard::pipeline::{DropReason, WorkerStats};
use linecard::trace::{Phase, Quantile, Snapshot, Timings};

/// A worker's counters at one moment.
///
/// ```
/// use linecard::pipeline::WorkerStats;
/// use linecard_linux::stats::Totals;
///
/// let stats = WorkerStats::new();
/// stats.received.add(3);
/// let totals = Totals::of(&stats);
/// assert_eq!((totals.received, totals.under_way()), (3, 3));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Packets received.
    pub received: u64,
    /// Packets that the forwarder made itself.
    pub made: u64,
    /// Packets that devices took to send.
    pub sent: u64,
    /// Packets for the program itself.
    pub punted: u64,
    /// Packets that took the slow path.
    pub exceptions: u64,
    /// Rounds over the ports, and how many of them found nothing.
    pub polls: u64,
    /// Rounds in which nothing was received.
    pub idle: u64,
    /// Packets dropped by reason, only of those reasons that came up.
    pub drops: Vec<(DropReason, u64)>,
}

/// Packets that went from worker to worker. Who hands one over counts it as sent, and who takes one
/// over to work on it, as received.
///
/// ```
/// use linecard_linux::stats::Exchanged;
///
/// assert_eq!(Exchanged::default().handed_over, 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exchanged {
    /// Packets that it handed over.
    pub handed_over: u64,
    /// Packets of others that its ports took.
    pub passed_on: u64,
    /// Packets of others that it received from them.
    pub taken_over: u64,
}

/// How long packets stayed, in nanoseconds.
///
/// ```
/// use linecard::trace::{Histogram, Snapshot};
/// use linecard_linux::stats::Latency;
///
/// let histogram = Histogram::new();
/// histogram.record(250, 10);
/// let mut values = Snapshot::new();
/// values.add(&histogram);
/// assert_eq!(Latency::of(&values).map(|latency| latency.max), Some(250));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latency {
    /// Packets that were measured.
    pub count: u64,
    /// The mean.
    pub mean: u64,
    /// The median.
    pub p50: u64,
    /// What 99 of 100 do not exceed.
    pub p99: u64,
    /// What 999 of 1,000 do not exceed.
    pub p99_9: u64,
    /// The largest.
    pub max: u64,
}

impl Totals {
    /// What `stats` says now.
    #[must_use]
    pub fn of(stats: &WorkerStats) -> Self {
        Self {
            received: stats.received.value(),
            made: stats.made.value(),
            sent: stats.sent.value(),
            punted: stats.punted.value(),
            exceptions: stats.exceptions.value(),
            polls: stats.polls.value(),
            idle: stats.idle.value(),
            drops: stats.drops().collect(),
        }
    }

    /// What workers counted together: what went from one to another counts once.
    ///
    /// ```
    /// use linecard_linux::stats::{Exchanged, Totals};
    ///
    /// let worker = Totals { received: 5, sent: 5, ..Totals::default() };
    /// let over = Exchanged { handed_over: 5, ..Exchanged::default() };
    /// let on = Exchanged { passed_on: 3, ..Exchanged::default() };
    /// let all = Totals::of_all([(worker, over), (Totals::default(), on)]);
    /// assert_eq!((all.received, all.sent, all.under_way()), (5, 3, 2));
    /// ```
    #[must_use]
    pub fn of_all(workers: impl IntoIterator<Item = (Self, Exchanged)>) -> Self {
        let mut all = Self::default();
        let mut between = Exchanged::default();
        for (one, exchanged) in workers {
            all.received += one.received;
            all.made += one.made;
            all.sent += one.sent;
            all.punted += one.punted;
            all.exceptions += one.exceptions;
            all.polls += one.polls;
            all.idle += one.idle;
            for (why, count) in one.drops {
                all.drop(why, count);
            }
            between.handed_over += exchanged.handed_over;
            between.passed_on += exchanged.passed_on;
            between.taken_over += exchanged.taken_over;
        }
        // While workers work, the one may have been read before the other.
        all.received = all.received.saturating_sub(between.taken_over);
        all.exceptions = all.exceptions.saturating_sub(between.taken_over);
        let over = between.handed_over.saturating_sub(between.passed_on);
        all.sent = all.sent.saturating_sub(over);
        all
    }

    fn drop(&mut self, why: DropReason, count: u64) {
        match self.drops.iter_mut().find(|(other, _)| *other == why) {
            Some((_, sum)) => *sum += count,
            None => self.drops.push((why, count)),
        }
    }

    /// The same when the run has ended: packets that waited in the forwarder, whose frames were
    /// `held` and are free now, count as dropped by [`DropReason::SHUTDOWN`]. What is under way
    /// without a frame to show for it stays so.
    #[must_use]
    pub fn with_waiting(mut self, held: u64) -> Self {
        let waiting = u64::try_from(self.under_way()).unwrap_or(0).min(held);
        if waiting > 0 {
            self.drop(DropReason::SHUTDOWN, waiting);
        }
        self
    }

    /// Packets dropped for whatever reason.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.drops.iter().map(|(_, count)| count).sum()
    }

    /// Packets that came or were made, and of which nothing else is counted: they wait in the
    /// forwarder. Negative only if something was counted twice.
    #[must_use]
    pub fn under_way(&self) -> i64 {
        let came = self.received.wrapping_add(self.made);
        let went = self.sent + self.punted + self.dropped();
        came.wrapping_sub(went) as i64
    }
}

impl Latency {
    /// What these nanoseconds come to; `None` if there are none.
    #[must_use]
    pub fn of(values: &Snapshot) -> Option<Self> {
        Some(Self {
            count: values.count(),
            mean: values.mean()?,
            p50: values.quantile(Quantile::P50)?,
            p99: values.quantile(Quantile::P99)?,
            p99_9: values.quantile(Quantile::P99_9)?,
            max: values.max(),
        })
    }
}

/// The phases that workers measured, each with its picoseconds a packet.
///
/// ```
/// use linecard::trace::Timings;
///
/// assert!(linecard_linux::stats::phases(&[Timings::new()]).is_empty());
/// ```
#[must_use]
pub fn phases(workers: &[Timings]) -> Vec<(Phase, u64)> {
    let seen = workers.iter().flat_map(|one| one.phases());
    let mut seen: Vec<Phase> = seen.map(|(phase, _)| phase).collect();
    seen.sort_unstable_by_key(|phase| phase.0);
    seen.dedup();
    let picos = |phase: Phase| {
        let all = workers.iter().map(|one| one.totals(phase));
        let (nanos, packets) = all.fold((0, 0), |sum: (u64, u64), one| {
            (sum.0.wrapping_add(one.0), sum.1.wrapping_add(one.1))
        });
        u128::from(nanos) * 1_000 / u128::from(packets.max(1))
    };
    seen.into_iter()
        .map(|phase| (phase, picos(phase) as u64))
        .collect()
}

/// Packets a second.
#[must_use]
pub(crate) fn rate(packets: u64, time: Duration) -> f64 {
    if time.is_zero() {
        return 0.0;
    }
    packets as f64 / time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use linecard::trace::Histogram;

    use super::*;

    #[test]
    fn what_is_not_accounted_for_is_under_way() {
        let totals = Totals {
            received: 10,
            made: 2,
            sent: 7,
            punted: 1,
            drops: vec![(DropReason::NO_ROUTE, 2), (DropReason::TTL_EXPIRED, 1)],
            ..Totals::default()
        };
        assert_eq!(totals.dropped(), 3);
        assert_eq!(totals.under_way(), 1);
        let twice = Totals {
            sent: 1,
            ..Totals::default()
        };
        assert_eq!(twice.under_way(), -1);
    }

    #[test]
    fn what_waited_with_a_frame_is_dropped_at_the_end_and_the_rest_stays_missing() {
        let totals = Totals {
            received: 10,
            sent: 5,
            ..Totals::default()
        };
        let end = totals.clone().with_waiting(5);
        assert_eq!(end.drops, [(DropReason::SHUTDOWN, 5)]);
        assert_eq!(end.under_way(), 0);
        assert_eq!(totals.clone().with_waiting(3).under_way(), 2);
        assert_eq!(totals.with_waiting(50).dropped(), 5);
    }

    #[test]
    fn latencies_of_nothing_and_of_something() {
        let histogram = Histogram::new();
        let mut values = Snapshot::new();
        assert_eq!(Latency::of(&values), None);
        histogram.record(100, 9);
        histogram.record(1_000, 1);
        values.add(&histogram);
        let latency = Latency::of(&values).unwrap();
        assert_eq!((latency.count, latency.mean, latency.max), (10, 190, 1_000));
        assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    }
}

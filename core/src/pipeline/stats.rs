//! What a worker counts.

use core::fmt;

use super::DropReason;
use crate::trace::{Counter, Counters};

/// What a worker counted: it writes, any thread reads.
///
/// `received + made = sent + punted + dropped + under way`, where `made` are packets that stages
/// made (ARP requests, fragments), and "under way" is what waits in the worker and its stages.
///
/// ```
/// use linecard::pipeline::{DropReason, WorkerStats};
/// static STATS: WorkerStats = WorkerStats::new();
/// assert_eq!(STATS.dropped(DropReason::NO_ROUTE), 0);
/// ```
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerStats {
    /// Packets received from all ports.
    pub received: Counter,
    /// Packets that stages made.
    pub made: Counter,
    /// Packets that devices took.
    pub sent: Counter,
    /// Packets that were punted.
    pub punted: Counter,
    /// Packets that took the slow path.
    pub exceptions: Counter,
    /// Rounds over the ports.
    pub polls: Counter,
    /// Rounds in which nothing was received.
    pub idle: Counter,
    drops: Counters<{ DropReason::COUNT }>,
}

impl WorkerStats {
    /// All at zero.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            received: Counter::new(),
            made: Counter::new(),
            sent: Counter::new(),
            punted: Counter::new(),
            exceptions: Counter::new(),
            polls: Counter::new(),
            idle: Counter::new(),
            drops: Counters::new(),
        }
    }

    /// All at zero.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            received: Counter::new(),
            made: Counter::new(),
            sent: Counter::new(),
            punted: Counter::new(),
            exceptions: Counter::new(),
            polls: Counter::new(),
            idle: Counter::new(),
            drops: Counters::new(),
        }
    }

    /// Packets dropped for this reason.
    pub fn dropped(&self, why: DropReason) -> u64 {
        self.drops.value(usize::from(why.code()))
    }

    /// The reasons for which packets were dropped, and how many each.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        // Every number is below `DropReason::COUNT`, and so fits.
        self.drops
            .in_use()
            .map(|(code, count)| (DropReason::from_code(code as u8), count))
    }

    /// Packets dropped for whatever reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.drops.total()
    }

    #[inline]
    pub(super) fn drop(&self, why: DropReason, count: usize) {
        self.drops.add(usize::from(why.code()), count as u64);
    }

    #[inline]
    pub(super) fn rounds(&self) -> u64 {
        self.polls.value()
    }

    #[inline]
    pub(super) fn polled(&self, received: usize) {
        self.polls.add(1);
        if received == 0 {
            self.idle.add(1);
        } else {
            self.received.add(received as u64);
        }
    }
}

impl Default for WorkerStats {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for WorkerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, sent) = (self.received.value(), self.sent.value());
        write!(
            f,
            "received {received}, sent {sent}, punted {}",
            self.punted.value()
        )?;
        for (why, count) in self.drops() {
            write!(f, ", {why} {count}")?;
        }
        Ok(())
    }
}

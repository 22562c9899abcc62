//! Several queues of one port, polled by one worker as one.

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;

use super::any::{AnyRx, AnyTx};

/// Receives from each of several queues in turn.
///
/// ```
/// use linecard::device::{Device, Null, RxQueue};
/// use linecard::mempool::{Cache, PoolConfig};
/// use linecard::packet::Burst;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::port::{AnyRx, SeveralRx};
///
/// # let mut memory = PoolMemory::new(256, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// # let pool = memory.pool();
/// # let mut cache = Cache::new(&pool, "core 0", 32)?;
/// let mut queues = Vec::new();
/// for _ in 0..4 {
///     queues.push(AnyRx::Null(Null::source(60).open(0, &mut cache)?.0));
/// }
/// let mut several = SeveralRx::new(queues);
/// let mut burst: Burst<'_, 64> = Burst::new();
/// several.rx_burst(&mut cache, &mut burst);
/// assert_eq!(several.stats().packets, burst.len() as u64);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SeveralRx<'r, 'p> {
    queues: Vec<AnyRx<'r, 'p>>,
    /// Which one comes first: none can keep the others from having a turn.
    first: usize,
}

/// Sends by the first of several queues, so that packets leave in order; what the others have is
/// reclaimed too.
///
/// ```
/// use linecard::device::TxQueue;
/// use linecard_linux::port::SeveralTx;
///
/// let none = SeveralTx::new(Vec::new());
/// assert_eq!(none.stats().packets, 0);
/// ```
#[derive(Debug)]
pub struct SeveralTx<'r, 'p> {
    queues: Vec<AnyTx<'r, 'p>>,
}

impl<'r, 'p> SeveralRx<'r, 'p> {
    /// These queues.
    #[must_use]
    pub const fn new(queues: Vec<AnyRx<'r, 'p>>) -> Self {
        Self { queues, first: 0 }
    }

    /// Packets that came from other workers.
    pub(super) fn taken_over(&self) -> u64 {
        self.queues.iter().map(AnyRx::taken_over).sum()
    }

    /// Whether nothing can come on any.
    pub(super) fn is_done(&self) -> bool {
        self.queues.iter().all(AnyRx::is_done)
    }
}

impl<'r, 'p> SeveralTx<'r, 'p> {
    /// These queues.
    #[must_use]
    pub const fn new(queues: Vec<AnyTx<'r, 'p>>) -> Self {
        Self { queues }
    }
}

impl<'p> RxQueue<'p> for SeveralRx<'_, 'p> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        let first = self.first.min(self.queues.len());
        let (behind, front) = self.queues.split_at_mut(first);
        for queue in front.iter_mut().chain(behind) {
            if out.room() == 0 {
                break;
            }
            queue.rx_burst(cache, out);
        }
        self.first = self.first.wrapping_add(1);
        if self.first >= self.queues.len() {
            self.first = 0;
        }
        out.len() - before
    }

    fn stats(&self) -> RxStats {
        let mut stats = RxStats::default();
        for queue in &self.queues {
            stats.add(&queue.stats());
        }
        stats
    }
}

impl<'p> TxQueue<'p> for SeveralTx<'_, 'p> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let first = self.queues.first_mut();
        first.map_or(0, |queue| queue.tx_burst(cache, packets))
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        let queues = self.queues.iter_mut();
        queues.map(|queue| queue.reclaim(cache)).sum()
    }

    fn link_up(&self) -> bool {
        self.queues.first().is_none_or(TxQueue::link_up)
    }

    fn stats(&self) -> TxStats {
        let mut stats = TxStats::default();
        for queue in &self.queues {
            stats.add(&queue.stats());
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use linecard::device::{Device, Null};
    use linecard::mempool::PoolConfig;
    use linecard::packet::Burst;

    use super::*;
    use crate::memory::{PagePolicy, PoolMemory};

    #[test]
    fn every_queue_has_its_turn() {
        let mut memory =
            PoolMemory::new(256, PoolConfig::default(), PagePolicy::Prefer, false).unwrap();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "core 0", 32).unwrap();
        // Each is told apart by its packets' length, and fills any burst.
        let mut open = |len| AnyRx::Null(Null::source(len).open(0, &mut cache).unwrap().0);
        let queues = vec![open(60), open(61), open(62)];
        let mut several = SeveralRx::new(queues);
        let mut seen = Vec::new();
        for _ in 0..6 {
            let mut burst: Burst<'_, 8> = Burst::new();
            assert_eq!(several.rx_burst(&mut cache, &mut burst), 8);
            let (first, last) = (&burst.as_slice()[0], &burst.as_slice()[7]);
            assert_eq!(first.len(), last.len());
            seen.push(first.len());
            burst.free(&mut cache);
        }
        assert_eq!(seen, [60, 61, 62, 60, 61, 62]);
        assert_eq!(several.stats().packets, 48);
        assert!(several.is_done(), "as any of them");
    }
}

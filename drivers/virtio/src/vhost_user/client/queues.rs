//! The two halves of a client's queue pair, which outlive the back end.

use core::cell::Cell;
use std::sync::Arc;

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;
use linecard::platform::Dma;

use super::transport::VhostUser;
use crate::net::{NetRx, NetTx};
use crate::vhost_user::slot::Slot;

/// One half of a pair: the queue while there is a back end, and what earlier ones counted.
#[derive(Debug)]
pub(super) struct Half<Q, S> {
    pub(super) queue: Option<Q>,
    pub(super) before: S,
}

impl<Q, S: Default> Half<Q, S> {
    fn new() -> Self {
        Self {
            queue: None,
            before: S::default(),
        }
    }
}

pub(super) type RxHalf<'d, 'p, D, const N: usize, const Q: usize> =
    Half<NetRx<'d, 'p, VhostUser, D, N, Q>, RxStats>;
pub(super) type TxHalf<'d, 'p, D, const N: usize, const Q: usize> =
    Half<NetTx<'d, 'p, VhostUser, D, N, Q>, TxStats>;

/// Both halves, as the client and its handles share them.
#[derive(Debug)]
pub(super) struct Queues<'d, 'p, D: Dma, const N: usize, const Q: usize> {
    pub(super) number: u16,
    pub(super) rx: Slot<RxHalf<'d, 'p, D, N, Q>>,
    pub(super) tx: Slot<TxHalf<'d, 'p, D, N, Q>>,
}

impl<D: Dma, const N: usize, const Q: usize> Queues<'_, '_, D, N, Q> {
    pub(super) fn new(number: u16) -> Self {
        Self {
            number,
            rx: Slot::new(Half::new()),
            tx: Slot::new(Half::new()),
        }
    }

    /// Whether both halves have a queue that is in order; and whether one broke down.
    pub(super) fn state(&self) -> (bool, bool) {
        let (rx, tx) = (self.rx.lock(), self.tx.lock());
        let faults = [
            rx.queue.as_ref().map(|queue| queue.fault().is_some()),
            tx.queue.as_ref().map(|queue| queue.fault().is_some()),
        ];
        let running = faults.iter().all(|half| *half == Some(false));
        (running, faults.contains(&Some(true)))
    }

    /// Takes the queues out of service; what they counted is kept. The device gives back their
    /// frames.
    pub(super) fn retire(&self) {
        let mut rx = self.rx.lock();
        if let Some(queue) = rx.queue.take() {
            rx.before.add(&queue.stats());
            drop(rx);
            drop(queue);
        } else {
            drop(rx);
        }
        let mut tx = self.tx.lock();
        if let Some(queue) = tx.queue.take() {
            tx.before.add(&settled(queue.stats()));
            drop(tx);
            drop(queue);
        }
    }
}

/// What was counted of a queue whose back end is gone: what it never completed it may or may not
/// have sent, and counts as an error.
fn settled(mut stats: TxStats) -> TxStats {
    let lost = stats.packets.saturating_sub(stats.completed);
    stats.packets = stats.packets.saturating_sub(lost);
    stats.errors = stats.errors.wrapping_add(lost);
    stats
}

/// Receives from whichever back end there is.
///
/// ```
/// use linecard::{device::RxQueue, platform::Dma};
/// use linecard_virtio::vhost_user::ClientRx;
/// fn received<D: Dma>(rx: &ClientRx<'_, '_, D>) -> u64 { rx.stats().packets }
/// ```
#[derive(Debug)]
pub struct ClientRx<'d, 'p, D: Dma, const N: usize = 256, const Q: usize = 1> {
    pub(super) queues: Arc<Queues<'d, 'p, D, N, Q>>,
    /// As last seen, for when the queue is being changed.
    stats: Cell<RxStats>,
}

impl<'d, 'p, D: Dma, const N: usize, const Q: usize> ClientRx<'d, 'p, D, N, Q> {
    pub(super) fn new(queues: Arc<Queues<'d, 'p, D, N, Q>>) -> Self {
        Self {
            queues,
            stats: Cell::default(),
        }
    }
}

impl<'p, D: Dma, const N: usize, const Q: usize> RxQueue<'p> for ClientRx<'_, 'p, D, N, Q> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Some(mut half) = self.queues.rx.poll() else {
            return 0;
        };
        let queue = half.queue.as_mut();
        queue.map_or(0, |queue| queue.rx_burst(cache, out))
    }

    fn stats(&self) -> RxStats {
        if let Some(half) = self.queues.rx.poll() {
            let mut stats = half.before;
            if let Some(queue) = &half.queue {
                stats.add(&queue.stats());
            }
            self.stats.set(stats);
        }
        self.stats.get()
    }
}

impl<D: Dma, const N: usize, const Q: usize> Drop for ClientRx<'_, '_, D, N, Q> {
    fn drop(&mut self) {
        let queue = self.queues.rx.lock().queue.take();
        drop(queue);
    }
}

/// Sends to whichever back end there is. Without one, packets are dropped, as by a port without a
/// cable, and counted as [`link_down`](TxStats::link_down); those that were with one that died are
/// counted as [`errors`](TxStats::errors).
///
/// ```
/// use linecard::{device::TxQueue, platform::Dma};
/// use linecard_virtio::vhost_user::ClientTx;
/// fn sent<D: Dma>(tx: &ClientTx<'_, '_, D>) -> u64 { tx.stats().packets }
/// ```
#[derive(Debug)]
pub struct ClientTx<'d, 'p, D: Dma, const N: usize = 256, const Q: usize = 1> {
    pub(super) queues: Arc<Queues<'d, 'p, D, N, Q>>,
    /// As last seen, for when the queue is being changed.
    stats: Cell<TxStats>,
    /// Packets that came while there was no back end.
    unplugged: u64,
}

impl<'d, 'p, D: Dma, const N: usize, const Q: usize> ClientTx<'d, 'p, D, N, Q> {
    pub(super) fn new(queues: Arc<Queues<'d, 'p, D, N, Q>>) -> Self {
        Self {
            queues,
            stats: Cell::default(),
            unplugged: 0,
        }
    }
}

impl<'p, D: Dma, const N: usize, const Q: usize> TxQueue<'p> for ClientTx<'_, 'p, D, N, Q> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let Some(mut half) = self.queues.tx.poll() else {
            // The queue is being changed: at the next burst.
            return 0;
        };
        if let Some(queue) = &mut half.queue {
            return queue.tx_burst(cache, packets);
        }
        let count = packets.free(cache);
        self.unplugged = self.unplugged.wrapping_add(count as u64);
        count
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        let Some(mut half) = self.queues.tx.poll() else {
            return 0;
        };
        let queue = half.queue.as_mut();
        queue.map_or(0, |queue| queue.reclaim(cache))
    }

    /// Whether there is a back end. While that is being changed packets wait, as they do for a link
    /// that is up.
    fn link_up(&self) -> bool {
        let half = self.queues.tx.poll();
        half.is_none_or(|half| half.queue.is_some())
    }

    fn stats(&self) -> TxStats {
        if let Some(half) = self.queues.tx.poll() {
            let mut stats = half.before;
            if let Some(queue) = &half.queue {
                stats.add(&queue.stats());
            }
            self.stats.set(stats);
        }
        let mut stats = self.stats.get();
        stats.link_down = stats.link_down.wrapping_add(self.unplugged);
        stats
    }
}

impl<D: Dma, const N: usize, const Q: usize> Drop for ClientTx<'_, '_, D, N, Q> {
    fn drop(&mut self) {
        let queue = self.queues.tx.lock().queue.take();
        drop(queue);
    }
}

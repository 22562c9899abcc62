//! The queues of a replay: one capture comes in, everything goes out by one queue.

use std::sync::{Arc, Mutex, PoisonError};

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::{Burst, BurstView};
use linecard::platform::{Clock, Instant, ManualClock};
use linecard::wire::MacAddr;
use linecard_pcap::{Capture, PcapRx};

/// What a replay's port receives.
pub(super) enum ReplayRx<R> {
    /// The capture.
    Capture {
        /// Its packets, when the clock says so.
        rx: R,
        /// The Ethernet address to which unicast packets are addressed anew.
        address_to: Option<MacAddr>,
    },
    /// Nothing.
    Nothing,
}

/// Knows when it receives the next packet.
pub(super) trait Due {
    fn next_due(&self) -> Option<Instant>;
}

impl Due for PcapRx<&ManualClock> {
    fn next_due(&self) -> Option<Instant> {
        Self::next_due(self)
    }
}

/// The packets of a capture by way of a device that has them all at once: each when the capture
/// says that it is due.
pub(super) struct Paced<'c, R> {
    rx: R,
    capture: Arc<Capture>,
    clock: &'c ManualClock,
    /// The record whose packet comes next.
    position: usize,
    /// When the first was due.
    began: Instant,
    /// When the packet before was due: none is due earlier.
    last: Instant,
}

impl<'c, R> Paced<'c, R> {
    pub(super) fn new(rx: R, capture: Arc<Capture>, clock: &'c ManualClock) -> Self {
        let now = clock.now();
        Self {
            rx,
            capture,
            clock,
            position: 0,
            began: now,
            last: now,
        }
    }
}

impl<R> Due for Paced<'_, R> {
    fn next_due(&self) -> Option<Instant> {
        let time = self.capture.record(self.position)?.time;
        let first = self.capture.record(0).map_or(0, |first| first.time);
        let after = time.saturating_sub(first);
        let due = Instant::from_nanos(self.began.as_nanos().saturating_add(after));
        Some(due.max(self.last))
    }
}

impl<'p, R: RxQueue<'p>> RxQueue<'p> for Paced<'_, R> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let now = self.clock.now();
        let before = out.len();
        while out.room() > 0 {
            let Some(due) = self.next_due().filter(|&due| due <= now) else {
                break;
            };
            // Those behind it may be due later.
            let mut one: Burst<'p, 1> = Burst::new();
            if self.rx.rx_burst(cache, &mut one) == 0 {
                break;
            }
            for packet in one.drain() {
                // There is room for one.
                let _ = out.push(packet);
            }
            self.position += 1;
            self.last = due;
        }
        out.len() - before
    }

    fn stats(&self) -> RxStats {
        self.rx.stats()
    }
}

/// One port's way into the queue by which all ports send.
pub(super) struct SharedTx<T> {
    queue: Arc<Mutex<T>>,
    stats: TxStats,
}

impl<R: Due> ReplayRx<R> {
    /// When the next packet comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        match self {
            Self::Capture { rx, .. } => rx.next_due(),
            Self::Nothing => None,
        }
    }
}

impl<'p, R: RxQueue<'p>> RxQueue<'p> for ReplayRx<R> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Self::Capture { rx, address_to } = self else {
            return 0;
        };
        let before = out.len();
        let count = rx.rx_burst(cache, out);
        if let Some(mac) = address_to {
            for packet in out.iter_mut().skip(before) {
                // Broadcast and multicast are for the router as they are.
                if let Some(to) = packet.data_mut().first_chunk_mut::<6>()
                    && MacAddr(*to).is_unicast()
                {
                    *to = mac.0;
                }
            }
        }
        count
    }

    fn stats(&self) -> RxStats {
        match self {
            Self::Capture { rx, .. } => rx.stats(),
            Self::Nothing => RxStats::default(),
        }
    }
}

impl<T> SharedTx<T> {
    pub(super) fn new(queue: Arc<Mutex<T>>) -> Self {
        Self {
            queue,
            stats: TxStats::default(),
        }
    }
}

impl<'p, T: TxQueue<'p>> TxQueue<'p> for SharedTx<T> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        // Nobody else ever holds it: there is one thread.
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let before = queue.stats();
        let taken = queue.tx_burst(cache, packets);
        let after = queue.stats();
        // What the queue counted during this burst is this port's.
        let stats = &mut self.stats;
        stats.packets += after.packets - before.packets;
        stats.bytes += after.bytes - before.bytes;
        stats.completed += after.packets - before.packets;
        stats.oversize += after.oversize - before.oversize;
        stats.undersize += after.undersize - before.undersize;
        stats.errors += after.errors - before.errors;
        taken
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        // A file is written in large pieces, and closed at the end: nobody watches it grow.
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

//! The queues of a replay: one capture comes in, everything goes into one file.

use std::sync::{Arc, Mutex, PoisonError};

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;
use linecard::platform::{Instant, ManualClock};
use linecard::wire::MacAddr;
use linecard_pcap::{PcapRx, PcapTx};

/// What a replay's port receives.
pub(super) enum ReplayRx<'c> {
    /// The capture.
    Capture {
        /// Its packets, when the clock says so.
        rx: PcapRx<&'c ManualClock>,
        /// The Ethernet address to which unicast packets are addressed anew.
        address_to: Option<MacAddr>,
    },
    /// Nothing.
    Nothing,
}

/// One port's way into the file that all ports write.
pub(super) struct SharedTx<'c> {
    file: Arc<Mutex<PcapTx<&'c ManualClock>>>,
    stats: TxStats,
}

impl ReplayRx<'_> {
    /// When the next packet comes.
    pub(super) fn next_due(&self) -> Option<Instant> {
        match self {
            Self::Capture { rx, .. } => rx.next_due(),
            Self::Nothing => None,
        }
    }
}

impl<'p> RxQueue<'p> for ReplayRx<'_> {
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
            Self::Capture { rx, .. } => RxQueue::stats(rx),
            Self::Nothing => RxStats::default(),
        }
    }
}

impl<'c> SharedTx<'c> {
    pub(super) fn new(file: Arc<Mutex<PcapTx<&'c ManualClock>>>) -> Self {
        Self {
            file,
            stats: TxStats::default(),
        }
    }
}

impl<'p> TxQueue<'p> for SharedTx<'_> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        // Nobody else ever holds it: there is one thread.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let before = TxQueue::stats(&*file);
        let taken = file.tx_burst(cache, packets);
        let after = TxQueue::stats(&*file);
        // What the file counted during this burst is this port's.
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
        // The file is written in large pieces, and closed at the end: nobody watches it grow.
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

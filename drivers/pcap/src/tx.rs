//! The transmit side: packets to a file.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use linecard::device::{TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::BurstView;
use linecard::platform::Clock;

use crate::output::Output;

/// The transmit queue of a [`PcapDevice`](crate::PcapDevice).
///
/// It takes every packet. The file is written in blocks of 64 KiB, and when the worker is idle
/// ([`reclaim`](TxQueue::reclaim)), so that whoever watches it sees packets soon; `completed`
/// counts those that have been handed to the system. Checksums that were left to the device are
/// finished before they are written. Once the file has failed (a full disk),
/// packets are counted as `errors`.
///
/// ```
/// use linecard::device::{Device, TxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
/// # let mut cache = Cache::new(&pool, "core 0", 32)?;
/// use linecard::packet::{Burst, Packet};
/// use linecard::platform::NoClock;
/// use linecard_pcap::PcapDevice;
///
/// let mut device = PcapDevice::new("pcap:example", NoClock).output(std::io::sink())?;
/// let (_rx, mut tx) = device.open(0, &mut cache)?;
/// let mut packet = Packet::new(cache.alloc().expect("a frame is free"));
/// packet.append(60)?.fill(0);
/// let mut burst = Burst::<32>::new();
/// burst.push(packet).expect("there is room");
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
/// assert_eq!(tx.stats().packets, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PcapTx<C> {
    output: Output,
    /// Where the output goes when this is dropped.
    home: Arc<Mutex<Option<Output>>>,
    clock: C,
    epoch: u64,
    max_frame: usize,
    stats: TxStats,
}

impl<C> PcapTx<C> {
    pub(crate) fn new(
        output: Output,
        home: Arc<Mutex<Option<Output>>>,
        clock: C,
        epoch: u64,
        max_frame: usize,
    ) -> Self {
        Self {
            output,
            home,
            clock,
            epoch,
            max_frame,
            stats: TxStats::default(),
        }
    }

    /// Hands what is buffered to the system.
    fn flush(&mut self) {
        if self.output.flush() {
            self.stats.completed = self.stats.packets;
        }
    }
}

impl<'p, C: Clock + Send> TxQueue<'p> for PcapTx<C> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let time = self.epoch.saturating_add(self.clock.now().as_nanos());
        for packet in packets.iter_mut() {
            // A file has nobody behind it who would do so.
            packet.finish_checksum();
            let length = packet.total_len();
            if length < ETHERNET_HEADER {
                self.stats.undersize += 1;
            } else if length > self.max_frame {
                self.stats.oversize += 1;
            } else if self.output.write(time, packet.frame().segments()) {
                self.stats.packets += 1;
                self.stats.bytes += length as u64;
            } else {
                self.stats.errors += 1;
            }
        }
        packets.free(cache)
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        if self.stats.completed != self.stats.packets || !self.output.has_begun() {
            self.flush();
        }
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

impl<C> Drop for PcapTx<C> {
    fn drop(&mut self) {
        if self.output.has_begun() {
            self.flush();
        }
        let mut home = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        *home = Some(core::mem::take(&mut self.output));
    }
}

impl<C> fmt::Debug for PcapTx<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcapTx")
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// The shortest packet that is sent, in bytes.
const ETHERNET_HEADER: usize = 14;

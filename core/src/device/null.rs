//! A port to nowhere: packets from nothing, packets to nothing.

use super::{Capabilities, Device, DeviceError, Link, RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::Cache;
use crate::packet::BurstView;
use crate::wire::MacAddr;

/// A port that receives packets of one length without end, or none, and sends into nothing.
///
/// The bytes of what it receives are whatever was last in the frame: it measures what a pipeline
/// costs without a device.
///
/// ```
/// use linecard::device::{Device, Null, RxQueue, TxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # use linecard::packet::Burst;
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let (mut rx, mut tx) = Null::source(60).open(0, &mut cache)?;
/// let mut burst: Burst = Burst::new();
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 32);
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 32);
/// assert_eq!(tx.stats().bytes, 32 * 60);
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Null {
    packet_len: usize,
}

impl Null {
    /// A port that receives nothing.
    pub const fn sink() -> Self {
        Self { packet_len: 0 }
    }

    /// A port that receives packets of `packet_len` bytes without end; none if that is 0, or more
    /// than fits the pool's frames.
    pub const fn source(packet_len: usize) -> Self {
        Self { packet_len }
    }
}

impl<'p> Device<'p> for Null {
    type Rx = NullRx;
    type Tx = NullTx;

    fn name(&self) -> &str {
        "null"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            features: super::Features::TX_CHAINED,
            queues: u16::MAX,
            max_frame: usize::from(u16::MAX),
            ..Capabilities::default()
        }
    }

    fn link(&mut self) -> Link {
        Link::Up { mbits: None }
    }

    fn mac(&self) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, 0])
    }

    fn mtu(&self) -> usize {
        usize::from(u16::MAX) - 14
    }

    fn open(
        &mut self,
        _queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(NullRx, NullTx), DeviceError> {
        let fits = self.packet_len <= cache.pool().room();
        let rx = NullRx {
            packet_len: if fits { self.packet_len } else { 0 },
            stats: RxStats::default(),
        };
        Ok((
            rx,
            NullTx {
                stats: TxStats::default(),
            },
        ))
    }

    fn reset(
        &mut self,
        _rx: NullRx,
        _tx: NullTx,
        cache: &mut Cache<'p>,
    ) -> Result<(NullRx, NullTx), DeviceError> {
        self.open(0, cache)
    }
}

/// The receiving side of [`Null`].
///
/// ```
/// use linecard::device::{NullRx, RxQueue};
/// fn bytes(queue: &NullRx) -> u64 { queue.stats().bytes }
/// ```
#[derive(Debug)]
pub struct NullRx {
    packet_len: usize,
    stats: RxStats,
}

impl<'p> RxQueue<'p> for NullRx {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let len = self.packet_len;
        if len == 0 {
            return 0;
        }
        let want = out.room();
        let got = out.alloc_with_len(cache, want, len);
        self.stats.no_frames += u64::from(got < want);
        self.stats.packets += got as u64;
        self.stats.bytes += (got * len) as u64;
        got
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// The sending side of [`Null`].
///
/// ```
/// use linecard::device::{NullTx, TxQueue};
/// fn bytes(queue: &NullTx) -> u64 { queue.stats().bytes }
/// ```
#[derive(Debug)]
pub struct NullTx {
    stats: TxStats,
}

impl<'p> TxQueue<'p> for NullTx {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let bytes = packets.total_len();
        let sent = packets.free(cache);
        self.stats.packets += sent as u64;
        self.stats.completed += sent as u64;
        self.stats.bytes += bytes as u64;
        sent
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

//! A port that receives made-up packets, and discards what is sent to it.

mod rx;

use core::fmt;
use std::sync::Arc;

use linecard::device::{Capabilities, Device, DeviceError, Link, Null, NullTx, RxStats};
use linecard::mempool::Cache;
use linecard::wire::MacAddr;

use super::flow::Flow;
use super::own_queues::OwnQueues;
use crate::memory::{MemoryError, PagePolicy, Table};

pub use rx::GeneratorRx;

/// A source of UDP packets of many flows: a frame of each in turn, round after round.
///
/// All frames are built beforehand; receiving one costs an allocation and a copy, as from any
/// device that does not own its memory. Flows are taken in the order given, so shuffle them
/// ([`flows`](super::flows) does): then neither addresses nor routes come in order, and what is
/// measured is the forwarder.
///
/// ```
/// use linecard::device::{Device, RxQueue};
/// use linecard::mempool::{Cache, PoolConfig};
/// use linecard::packet::Burst;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::port::{Generator, flows};
///
/// let mut memory = PoolMemory::new(64, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// let pool = memory.pool();
/// let mut cache = Cache::new(&pool, "core 0", 64)?;
///
/// let flows = flows(8, |_| ([192, 0, 2, 1], 53).into());
/// let mut device = Generator::new("in", &flows, 60, PagePolicy::Prefer)?.count(20);
/// let (mut rx, _tx) = device.open(0, &mut cache)?;
/// let mut burst = Burst::<32>::new();
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 20);
/// assert!(rx.is_done());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Generator {
    name: String,
    frames: Arc<Frames>,
    mac: MacAddr,
    count: u64,
    stamp: bool,
    queues: OwnQueues,
}

/// Every flow's frame, each from a cache line of its own.
struct Frames {
    lines: Table<[u8; LINE]>,
    /// Bytes of a frame.
    size: usize,
    /// Lines of a frame.
    stride: usize,
    /// Where in each frame the payload begins, if a stamp fits there.
    payloads: Vec<u8>,
}

impl Generator {
    /// A port under this name that receives frames of `size` bytes, or as long as a flow's
    /// headers are if that is more. They are addressed to the port's own MAC address.
    ///
    /// # Errors
    /// [`MemoryError`] if there is no memory for a frame of each flow, or no flow at all.
    pub fn new(
        name: impl Into<String>,
        flows: &[Flow],
        size: usize,
        policy: PagePolicy,
    ) -> Result<Self, MemoryError> {
        Self::with_mac(name, flows, size, policy, DEFAULT_MAC)
    }

    /// As [`new`](Self::new), with this MAC address for the port.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn with_mac(
        name: impl Into<String>,
        flows: &[Flow],
        size: usize,
        policy: PagePolicy,
        mac: MacAddr,
    ) -> Result<Self, MemoryError> {
        let longest = flows.iter().map(Flow::header_len).max().unwrap_or(0);
        let size = size.max(longest).max(MIN_FRAME);
        let stride = size.div_ceil(LINE);
        let count = flows.len().saturating_mul(stride);
        let mut lines = Table::new("generated frames", count, policy, |_| [0; LINE])?;
        for (flow, lines) in flows.iter().zip(lines.chunks_exact_mut(stride)) {
            // Longer than IP can say: the port receives zeros, and `open` refuses such a size.
            if let Some(frame) = flow.frame(size, mac, PEER_MAC) {
                lines.as_flattened_mut()[..size].copy_from_slice(&frame);
            }
        }
        Ok(Self {
            name: name.into(),
            frames: Arc::new(Frames {
                lines,
                size,
                stride,
                payloads: flows.iter().map(|flow| flow.header_len() as u8).collect(),
            }),
            mac,
            count: u64::MAX,
            stamp: false,
            queues: OwnQueues::new(1),
        })
    }

    /// Ends after so many packets.
    #[must_use]
    pub fn count(mut self, packets: u64) -> Self {
        self.count = packets;
        self
    }

    /// Has so many queues, to be polled by as many threads: flows and packets are shared out among
    /// them, as a card shares them out. A queue without a flow receives nothing.
    #[must_use]
    pub fn queues(mut self, count: u16) -> Self {
        self.queues = OwnQueues::new(count.max(1));
        self
    }

    /// The part of `all` that is this queue's.
    fn part(&self, queue: u16, all: u64) -> (u64, u64) {
        let of = |queue: u16| {
            let before = u128::from(all) * u128::from(queue) / u128::from(self.queues.count());
            before as u64
        };
        (of(queue), of(queue + 1))
    }

    /// Writes a [`Stamp`](crate::port::Stamp) into each packet whose payload has room for one.
    #[must_use]
    pub fn stamped(mut self) -> Self {
        self.stamp = true;
        self
    }

    /// The Ethernet address that the packets come from.
    #[must_use]
    pub fn peer_mac(&self) -> MacAddr {
        PEER_MAC
    }
}

impl<'p> Device<'p> for Generator {
    type Rx = GeneratorRx;
    type Tx = NullTx;

    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.queues.capabilities()
    }

    fn link(&mut self) -> Link {
        Link::Up { mbits: None }
    }

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        OwnQueues::MTU
    }

    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(GeneratorRx, NullTx), DeviceError> {
        if self.frames.size > cache.pool().room() {
            return Err(DeviceError::Unsuitable(
                "generated packets are longer than a frame has room for",
            ));
        }
        self.queues.take(queue)?;
        let (_, tx) = Null::sink().open(queue, cache)?;
        let (first, end) = self.part(queue, self.frames.payloads.len() as u64);
        let packets = match self.count {
            u64::MAX => (0, u64::MAX),
            count => self.part(queue, count),
        };
        let rx = GeneratorRx {
            frames: Arc::clone(&self.frames),
            queue,
            first: first as usize,
            end: end as usize,
            next: first as usize,
            round: 0,
            left: if first < end {
                packets.1 - packets.0
            } else {
                0
            },
            stamp: self.stamp,
            stats: RxStats::default(),
        };
        Ok((rx, tx))
    }

    /// Begins anew, with the first frame.
    fn reset(
        &mut self,
        rx: GeneratorRx,
        _tx: NullTx,
        cache: &mut Cache<'p>,
    ) -> Result<(GeneratorRx, NullTx), DeviceError> {
        self.queues.give_back(rx.queue);
        self.open(rx.queue, cache)
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("name", &self.name)
            .field("flows", &self.frames.payloads.len())
            .field("size", &self.frames.size)
            .finish_non_exhaustive()
    }
}

const LINE: usize = 64;
/// The shortest Ethernet frame, without its checksum (IEEE 802.3, 3.2.8).
const MIN_FRAME: usize = 60;
/// Locally administered.
const DEFAULT_MAC: MacAddr = MacAddr([0x02, b'l', b'c', 0, 0, 1]);
const PEER_MAC: MacAddr = MacAddr([0x02, b'l', b'c', 0xff, 0, 1]);

#[cfg(test)]
mod tests {
    use linecard::device::RxQueue;
    use linecard::mempool::PoolConfig;
    use linecard::packet::Burst;

    use super::*;
    use crate::memory::PoolMemory;
    use crate::port::Stamp;
    use crate::port::flows;

    fn memory() -> PoolMemory {
        PoolMemory::new(256, PoolConfig::default(), PagePolicy::Never, false).unwrap()
    }

    #[test]
    fn every_flow_comes_in_turn_with_its_number() {
        let mut memory = memory();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "test", 64).unwrap();
        let flows = flows(10, |n| ([192, 0, 2, n as u8], 53).into());
        let mut device = Generator::new("test", &flows, 60, PagePolicy::Never)
            .unwrap()
            .count(70)
            .stamped();
        let (mut rx, _tx) = device.open(0, &mut cache).unwrap();
        let mut seen = Vec::new();
        while !rx.is_done() {
            let mut burst = Burst::<32>::new();
            assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
            for packet in &burst {
                let stamp = Stamp::read(&packet.data()[42..]).unwrap();
                let mut expected = flows[stamp.flow as usize]
                    .frame(60, device.mac, PEER_MAC)
                    .unwrap();
                expected[42..56].copy_from_slice(&stamp.to_bytes());
                assert_eq!(packet.data(), expected);
                seen.push(stamp);
            }
            burst.free(&mut cache);
        }
        let expected: Vec<Stamp> = (0..70)
            .map(|n| Stamp {
                flow: n % 10,
                number: u64::from(n / 10),
            })
            .collect();
        assert_eq!(seen, expected);
        assert_eq!((rx.stats().packets, rx.stats().bytes), (70, 70 * 60));
        drop(cache);
        pool.audit().unwrap();
    }

    #[test]
    fn queues_share_flows_and_packets() {
        let mut memory = memory();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "test", 64).unwrap();
        let flows = flows(10, |n| ([192, 0, 2, n as u8], 53).into());
        let mut device = Generator::new("test", &flows, 60, PagePolicy::Never)
            .unwrap()
            .count(31)
            .stamped()
            .queues(3);
        let mut seen = vec![0; 10];
        let mut counts = Vec::new();
        for queue in 0..3 {
            let (mut rx, _tx) = device.open(queue, &mut cache).unwrap();
            let mut flows = Vec::new();
            while !rx.is_done() {
                let mut burst = Burst::<8>::new();
                rx.rx_burst(&mut cache, &mut burst);
                flows.extend(
                    burst
                        .iter()
                        .map(|packet| Stamp::read(&packet.data()[42..]).unwrap().flow as usize),
                );
                burst.free(&mut cache);
            }
            counts.push(flows.len());
            flows.sort_unstable();
            flows.dedup();
            flows.into_iter().for_each(|flow| seen[flow] += 1);
        }
        assert_eq!(seen, [1; 10], "each flow is on one queue");
        assert_eq!(counts, [10, 10, 11]);
    }

    #[test]
    fn without_frames_nothing_comes_and_nothing_is_lost() {
        let mut memory = memory();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "test", 64).unwrap();
        let flows = flows(3, |_| ([192, 0, 2, 1], 53).into());
        let mut device = Generator::new("test", &flows, 60, PagePolicy::Never)
            .unwrap()
            .count(300)
            .stamped();
        let (mut rx, _tx) = device.open(0, &mut cache).unwrap();
        let mut bursts = Vec::new();
        for _ in 0..10 {
            let mut burst = Burst::<32>::new();
            rx.rx_burst(&mut cache, &mut burst);
            bursts.push(burst);
        }
        let got: usize = bursts.iter().map(|burst| burst.len()).sum();
        assert_eq!(got, 256);
        assert_eq!(rx.stats().no_frames, 2);
        bursts.iter_mut().for_each(|burst| {
            burst.free(&mut cache);
        });
        let mut burst = Burst::<32>::new();
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 32);
        let next = Stamp::read(&burst.as_slice()[0].data()[42..]).unwrap();
        assert_eq!((next.flow, next.number), (256 % 3, 256 / 3));
    }

    #[test]
    fn what_it_refuses() {
        let mut memory = memory();
        let pool = memory.pool();
        let mut cache = Cache::new(&pool, "test", 64).unwrap();
        let flows = flows(2, |_| ([192, 0, 2, 1], 53).into());
        let mut device = Generator::new("test", &flows, 60, PagePolicy::Never).unwrap();
        let error = device.open(1, &mut cache).unwrap_err();
        assert_eq!(error, DeviceError::NoSuchQueue(1));
        device.open(0, &mut cache).unwrap();
        let error = device.open(0, &mut cache).unwrap_err();
        assert_eq!(error, DeviceError::QueueTaken(0));
        let mut device = Generator::new("test", &flows, 1900, PagePolicy::Never).unwrap();
        let error = device.open(0, &mut cache).unwrap_err();
        assert!(matches!(error, DeviceError::Unsuitable(_)));
        let none = Generator::new("test", &[], 60, PagePolicy::Never);
        assert!(matches!(none, Err(MemoryError::Empty { .. })));
    }
}

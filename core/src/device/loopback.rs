//! Ports joined in memory by rings.

use super::{Capabilities, Device, DeviceError, Link, RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::{Cache, Carried, PORT_MASK};
use crate::packet::{BurstView, Offloads, Packet, PortId};
use crate::ring::{Storage, spsc};
use crate::wire::MacAddr;

/// A port that sends into one ring and receives from another: what one port of a
/// [`pair`](Self::pair) sends, the other receives. Nothing is copied.
///
/// The two ports may be polled by two threads.
///
/// ```
/// use linecard::device::{Device, Loopback, RxQueue, TxQueue};
/// use linecard::packet::{Burst, Packet};
/// use linecard::ring::{Inline, spsc::Ring};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let mut there = Ring::<Inline<Packet<'_>, 64>>::new();
/// let mut back = Ring::<Inline<Packet<'_>, 64>>::new();
/// let (mut left, mut right) = Loopback::pair(&mut there, &mut back);
/// let (_, mut tx) = left.open(0, &mut cache)?;
/// let (mut rx, _) = right.open(0, &mut cache)?;
///
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 8);
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 8);
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 8);
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct Loopback<'r, 'p> {
    ends: Option<(LoopbackRx<'r, 'p>, LoopbackTx<'r, 'p>)>,
    depth: usize,
    mac: MacAddr,
}

impl<'r, 'p> Loopback<'r, 'p> {
    /// A port that receives what comes out of `from` and sends into `to`.
    pub fn new(
        from: spsc::Consumer<'r, Packet<'p>>,
        to: spsc::Producer<'r, Packet<'p>>,
        mac: MacAddr,
    ) -> Self {
        let depth = to.capacity();
        let rx = LoopbackRx {
            ring: from,
            stats: RxStats::default(),
        };
        let tx = LoopbackTx {
            ring: to,
            stats: TxStats::default(),
        };
        Self {
            ends: Some((rx, tx)),
            depth,
            mac,
        }
    }

    /// Two ports, each of which receives what the other sends: the first sends into `there`.
    pub fn pair<S: Storage<Item = Packet<'p>>>(
        there: &'r mut spsc::Ring<S>,
        back: &'r mut spsc::Ring<S>,
    ) -> (Self, Self) {
        let (to_right, from_left) = there.split();
        let (to_left, from_right) = back.split();
        let left = Self::new(from_right, to_right, MacAddr([2, 0, 0, 0, 0, 1]));
        (
            left,
            Self::new(from_left, to_left, MacAddr([2, 0, 0, 0, 0, 2])),
        )
    }

    /// A port that receives what it sends.
    pub fn to_itself<S: Storage<Item = Packet<'p>>>(ring: &'r mut spsc::Ring<S>) -> Self {
        let (to, from) = ring.split();
        Self::new(from, to, MacAddr([2, 0, 0, 0, 0, 1]))
    }
}

impl<'r, 'p> Device<'p> for Loopback<'r, 'p>
where
    'p: 'r,
{
    type Rx = LoopbackRx<'r, 'p>;
    type Tx = LoopbackTx<'r, 'p>;

    fn name(&self) -> &str {
        "loopback"
    }

    fn capabilities(&self) -> Capabilities {
        let depth = u32::try_from(self.depth).unwrap_or(u32::MAX);
        Capabilities {
            features: super::Features::ZERO_COPY
                | super::Features::RX_CHAINED
                | super::Features::TX_CHAINED,
            tx_depth: depth,
            rx_depth: depth,
            max_frame: usize::from(u16::MAX),
            ..Capabilities::default()
        }
    }

    fn link(&mut self) -> Link {
        Link::Up { mbits: None }
    }

    fn mac(&self) -> MacAddr {
        self.mac
    }

    fn mtu(&self) -> usize {
        usize::from(u16::MAX) - 14
    }

    fn open(
        &mut self,
        queue: u16,
        _cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        if queue != 0 {
            return Err(DeviceError::NoSuchQueue(queue));
        }
        self.ends.take().ok_or(DeviceError::QueueTaken(0))
    }

    /// Frees what is under way to this port. What it has sent is the other port's.
    fn reset(
        &mut self,
        mut rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'p>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        // As many as the ring holds: a producer on another thread must not keep this going.
        let under_way = rx.ring.len();
        cache.free_burst(rx.ring.drain(under_way).map(Packet::into_frame));
        let rx = LoopbackRx {
            ring: rx.ring,
            stats: RxStats::default(),
        };
        Ok((
            rx,
            LoopbackTx {
                ring: tx.ring,
                stats: TxStats::default(),
            },
        ))
    }
}

/// The receiving side of [`Loopback`].
///
/// ```
/// use linecard::device::{LoopbackRx, RxQueue};
/// fn bytes(queue: &LoopbackRx<'_, '_>) -> u64 { queue.stats().bytes }
/// ```
#[derive(Debug)]
pub struct LoopbackRx<'r, 'p> {
    ring: spsc::Consumer<'r, Packet<'p>>,
    stats: RxStats,
}

impl LoopbackRx<'_, '_> {
    #[inline]
    const fn count(&mut self, carried: &Carried) {
        self.stats.packets += carried.count as u64;
        self.stats.bytes += carried.bytes as u64;
    }
}

impl<'p> RxQueue<'p> for LoopbackRx<'_, 'p> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let carried = cache.carry_out::<0>(&mut self.ring, out, PortId(0));
        self.count(&carried);
        carried.count
    }

    #[inline(always)]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        let carried = cache.carry_out::<PORT_MASK>(&mut self.ring, out, port);
        self.count(&carried);
        (carried.count, carried.offloads)
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// The sending side of [`Loopback`].
///
/// Packets go over as they are: what one [asks](crate::packet::Offloads) of a device goes with it, for
/// the receiving side to see to. A [`Worker`](crate::pipeline::Worker) there finishes checksums.
///
/// ```
/// use linecard::device::{LoopbackTx, TxQueue};
/// fn bytes(queue: &LoopbackTx<'_, '_>) -> u64 { queue.stats().bytes }
/// ```
#[derive(Debug)]
pub struct LoopbackTx<'r, 'p> {
    ring: spsc::Producer<'r, Packet<'p>>,
    stats: TxStats,
}

impl<'p> TxQueue<'p> for LoopbackTx<'_, 'p> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let carried = cache.carry_in(&mut self.ring, packets);
        self.stats.packets += carried.count as u64;
        self.stats.completed += carried.count as u64;
        self.stats.bytes += carried.bytes as u64;
        self.stats.full += u64::from(!packets.is_empty());
        carried.count
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::mempool::{Pool, PoolConfig, Region, Slot};
    use crate::packet::Burst;
    use crate::ring::{Inline, spsc::Ring};

    #[test]
    fn what_does_not_fit_stays_and_everything_is_counted() {
        let mut memory = vec![0u8; 64 * 2048 + 63];
        let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
        let config = PoolConfig {
            track: true,
            ..PoolConfig::default()
        };
        let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 64).expect("an account");
        let mut ring = Ring::<Inline<Packet<'_>, 16>>::new();
        // The handles borrow the ring, which is emptied before it goes.
        {
            let mut port = Loopback::to_itself(&mut ring);
            let (mut rx, mut tx) = port.open(0, &mut cache).expect("it opens");
            assert_eq!(
                port.open(0, &mut cache).map(|_| ()),
                Err(DeviceError::QueueTaken(0))
            );
            let mut burst: Burst<'_> = Burst::new();
            burst.alloc(&mut cache, 20);
            for (number, packet) in burst.iter_mut().enumerate() {
                packet.append(60 + number).expect("room");
                packet.mark = number as u16;
            }
            assert_eq!(tx.tx_burst(&mut cache, &mut burst), 16);
            let left: Vec<u16> = burst.iter().map(|packet| packet.mark).collect();
            assert_eq!(left, [16, 17, 18, 19]);
            assert_eq!((tx.stats().packets, tx.stats().full), (16, 1));
            assert_eq!(tx.stats().bytes, (60..76).sum::<u64>());
            let mut some: Burst<'_, 5> = Burst::new();
            assert_eq!(rx.rx_burst(&mut cache, &mut some), 5);
            let came: Vec<u16> = some.iter().map(|packet| packet.mark).collect();
            assert_eq!(came, [0, 1, 2, 3, 4]);
            assert_eq!(rx.stats().bytes, (60..65).sum::<u64>());
            burst.free(&mut cache);
            some.free(&mut cache);
            assert_eq!(pool.ledger().held, 11, "under way");
            let (rx, tx) = port.reset(rx, tx, &mut cache).expect("it opens anew");
            assert_eq!((rx.stats(), tx.stats()), Default::default());
        }
        assert_eq!(pool.ledger().held, 0);
        drop((ring, cache));
        pool.audit().expect("every frame is back, once");
    }

    /// They are for whoever receives the packet.
    #[test]
    fn marks_go_with_their_packet() {
        let mut memory = vec![0u8; 8 * 2048 + 63];
        let slots: Vec<Slot> = (0..8).map(|_| Slot::new()).collect();
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 8).expect("an account");
        let mut ring = Ring::<Inline<Packet<'_>, 16>>::new();
        {
            let mut port = Loopback::to_itself(&mut ring);
            let (mut rx, mut tx) = port.open(0, &mut cache).expect("it opens");
            let mut burst: Burst<'_> = Burst::new();
            burst.alloc(&mut cache, 2);
            for packet in burst.iter_mut() {
                packet.append(60).expect("room").fill(7);
                packet.offloads = Offloads::L4_WANTED | Offloads::HASH;
            }
            assert_eq!(tx.tx_burst(&mut cache, &mut burst), 2);
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 2);
            for packet in burst.iter() {
                assert_eq!(packet.offloads, Offloads::L4_WANTED | Offloads::HASH);
                assert_eq!(packet.data(), [7; 60]);
            }
            burst.free(&mut cache);
        }
        drop((ring, cache));
        pool.audit().expect("every frame is back");
    }

    /// Wherever in the ring they lie, and in however many frames.
    #[test]
    fn bursts_go_round_the_end_of_the_ring() {
        let mut memory = vec![0u8; 64 * 2048 + 63];
        let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 64).expect("an account");
        let mut ring = Ring::<Inline<Packet<'_>, 16>>::new();
        {
            let mut port = Loopback::to_itself(&mut ring);
            let (mut rx, mut tx) = port.open(0, &mut cache).expect("it opens");
            let mut bytes = 0;
            for count in (1..=16).chain([11; 16]) {
                let mut burst: Burst<'_, 32> = Burst::new();
                burst.alloc(&mut cache, count);
                for (number, packet) in burst.iter_mut().enumerate() {
                    packet.append(60 + number).expect("room");
                    packet.mark = number as u16;
                    bytes += 60 + number as u64;
                }
                let mut more = cache.alloc().expect("a frame");
                more.append(100).expect("room");
                let first = burst.as_mut_slice().first_mut().expect("a packet");
                first.frame_mut().chain(more).expect("two frames");
                bytes += 100;
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), count);
                assert!(burst.is_empty());
                assert_eq!(tx.stats().bytes, bytes);
                assert_eq!(rx.rx_burst(&mut cache, &mut burst), count);
                assert_eq!(rx.stats().bytes, bytes);
                for (number, packet) in burst.iter().enumerate() {
                    assert_eq!((packet.mark, packet.port), (number as u16, PortId(0)));
                    assert_eq!(packet.len(), 60 + number);
                }
                burst.free(&mut cache);
            }
            assert_eq!(tx.stats().packets, rx.stats().packets);
        }
        drop((ring, cache));
        pool.audit().expect("every frame is back, once");
    }

    /// By this queue, which does it on the way, and by one that does not say how.
    #[test]
    fn what_is_received_by_a_port_says_so() {
        struct Plain<Q>(Q);
        impl<'p, Q: RxQueue<'p>> RxQueue<'p> for Plain<Q> {
            fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
                self.0.rx_burst(cache, out)
            }
            fn stats(&self) -> RxStats {
                self.0.stats()
            }
        }

        let mut memory = vec![0u8; 64 * 2048 + 63];
        let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
        let region = Region::from_slice(&mut memory);
        let pool = Pool::new(region, &slots, PoolConfig::default()).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 64).expect("an account");
        let mut ring = Ring::<Inline<Packet<'_>, 16>>::new();
        {
            let mut port = Loopback::to_itself(&mut ring);
            let (mut rx, mut tx) = port.open(0, &mut cache).expect("it opens");
            for plain in [false, true] {
                let mut burst: Burst<'_> = Burst::new();
                burst.alloc(&mut cache, 9);
                for packet in burst.iter_mut() {
                    packet.port = PortId(0x4321);
                    packet.offloads = Offloads::L4_GOOD;
                }
                let seventh = burst.as_mut_slice().get_mut(6).expect("nine");
                seventh.offloads = Offloads::L4_WANTED;
                assert_eq!(tx.tx_burst(&mut cache, &mut burst), 9);
                burst.alloc(&mut cache, 2);
                let port = PortId(0xfffe);
                let got = match plain {
                    true => Plain(&mut rx).rx_burst_by(port, &mut cache, &mut burst),
                    false => rx.rx_burst_by(port, &mut cache, &mut burst),
                };
                assert_eq!(got, (9, Offloads::L4_GOOD | Offloads::L4_WANTED));
                let ports: Vec<u16> = burst.iter().map(|packet| packet.port.0).collect();
                assert_eq!(ports[..2], [0; 2], "they were there before");
                assert_eq!(ports[2..], [0xfffe; 9]);
                let marks: Vec<_> = burst.iter().map(|packet| packet.offloads).collect();
                assert_eq!(marks[8], Offloads::L4_WANTED);
                assert_eq!(marks[10], Offloads::L4_GOOD);
                burst.free(&mut cache);
            }
        }
        drop((ring, cache));
        pool.audit().expect("every frame is back, once");
    }
}

//! Queues between workers: one has a device's queue, the others send by it.

use super::{RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::Cache;
use crate::packet::{Burst, BurstView, Packet};
use crate::ring::mpmc;

/// Hands packets over to another worker, by a ring.
///
/// To its own worker it is a queue like any other: packets that the ring took count as sent, and what
/// does not fit stays. They go over as they are, marks and all, and are the program's in the ledger
/// until a device has them. Of the device's link it knows nothing: it says that it is
/// [up](TxQueue::link_up).
///
/// ```
/// use linecard::device::{Device, HandoverTx, Null, OwnerTx, TxQueue};
/// use linecard::packet::{Burst, Packet};
/// use linecard::ring::{Inline, mpmc::Ring};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let ring = Ring::<Inline<Packet<'_>, 64>>::new();
/// let (_, tx) = Null::sink().open(0, &mut cache)?;
/// let mut owner: OwnerTx<'_, '_, _> = OwnerTx::new(tx, ring.consumer());
/// let mut other = HandoverTx::new(ring.producer());
///
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 8);
/// assert_eq!(other.tx_burst(&mut cache, &mut burst), 8); // on one worker
/// owner.reclaim(&mut cache); // on the other
/// assert_eq!((other.stats().packets, owner.stats().packets), (8, 8));
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct HandoverTx<'r, 'p> {
    ring: mpmc::Producer<'r, Packet<'p>>,
    stats: TxStats,
}

impl<'r, 'p> HandoverTx<'r, 'p> {
    /// Hands over by this ring.
    pub fn new(ring: mpmc::Producer<'r, Packet<'p>>) -> Self {
        Self {
            ring,
            stats: TxStats::default(),
        }
    }
}

impl<'p> TxQueue<'p> for HandoverTx<'_, 'p> {
    #[inline]
    fn tx_burst(&mut self, _cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let offered = packets.total_len();
        let sent = self.ring.enqueue_burst(packets.as_vec_mut());
        self.stats.packets += sent as u64;
        self.stats.completed += sent as u64;
        self.stats.bytes += offered.saturating_sub(packets.total_len()) as u64;
        self.stats.full += u64::from(!packets.is_empty());
        sent
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

/// Receives what other workers hand over.
///
/// ```
/// use linecard::device::{HandoverRx, HandoverTx, RxQueue, TxQueue};
/// use linecard::packet::{Burst, Packet};
/// use linecard::ring::{Inline, mpmc::Ring};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let ring = Ring::<Inline<Packet<'_>, 64>>::new();
/// let mut tx = HandoverTx::new(ring.producer());
/// let mut rx = HandoverRx::new(ring.consumer());
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 8);
/// tx.tx_burst(&mut cache, &mut burst);
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 8);
/// ```
#[derive(Debug)]
pub struct HandoverRx<'r, 'p> {
    ring: mpmc::Consumer<'r, Packet<'p>>,
    stats: RxStats,
}

impl<'r, 'p> HandoverRx<'r, 'p> {
    /// Receives from this ring.
    pub fn new(ring: mpmc::Consumer<'r, Packet<'p>>) -> Self {
        Self {
            ring,
            stats: RxStats::default(),
        }
    }
}

impl<'p> RxQueue<'p> for HandoverRx<'_, 'p> {
    #[inline]
    fn rx_burst(&mut self, _cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let room = out.room();
        let before = out.len();
        let got = self.ring.dequeue_burst(out.as_vec_mut(), room);
        self.stats.packets += got as u64;
        self.stats.bytes += out.total_len_from(before) as u64;
        got
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// A device's queue by which other workers send, too: its owner passes on what they hand over, before
/// each burst of its own, and whenever it [reclaims](TxQueue::reclaim).
///
/// What one worker hands over stays in order. Statistics are the device's queue's.
///
/// See [`HandoverTx`] for an example.
#[derive(Debug)]
pub struct OwnerTx<'r, 'p, T> {
    queue: T,
    ring: mpmc::Consumer<'r, Packet<'p>>,
    /// Taken out of the ring, and not taken by the device yet.
    staged: Burst<'p>,
    passed_on: u64,
}

impl<'r, 'p, T: TxQueue<'p>> OwnerTx<'r, 'p, T> {
    /// Sends by `queue`, also what comes out of `ring`.
    pub fn new(queue: T, ring: mpmc::Consumer<'r, Packet<'p>>) -> Self {
        Self {
            queue,
            ring,
            staged: Burst::new(),
            passed_on: 0,
        }
    }

    /// Packets of others that the device took.
    pub const fn passed_on(&self) -> u64 {
        self.passed_on
    }

    /// Packets of others that the device has not taken.
    pub fn waiting(&mut self) -> usize {
        self.staged.len().wrapping_add(self.ring.len())
    }

    /// Frees those that are out of the ring, for an owner that ends, and gives how many they were.
    pub fn discard(&mut self, cache: &mut Cache<'p>) -> usize {
        self.staged.free(cache)
    }

    /// Gives the device what others have handed over, as long as it takes all of it, but not so much
    /// that the owner's own packets would have to wait for long. How many it took.
    #[inline]
    fn pass_on(&mut self, cache: &mut Cache<'p>) -> usize {
        let mut taken = 0;
        for _ in 0..BURSTS {
            if self.staged.is_empty() {
                let room = self.staged.room();
                self.ring.dequeue_burst(self.staged.as_vec_mut(), room);
            }
            if self.staged.is_empty() {
                break;
            }
            taken += self.queue.tx_burst(cache, &mut self.staged);
            if !self.staged.is_empty() {
                break;
            }
        }
        self.passed_on += taken as u64;
        taken
    }
}

impl<'p, T: TxQueue<'p>> TxQueue<'p> for OwnerTx<'_, 'p, T> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        self.pass_on(cache);
        self.queue.tx_burst(cache, packets)
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        if self.pass_on(cache) > 0 {
            return 0;
        }
        self.queue.reclaim(cache)
    }

    fn link_up(&self) -> bool {
        self.queue.link_up()
    }

    fn stats(&self) -> TxStats {
        self.queue.stats()
    }
}

/// Bursts of others' packets between two of one's own.
const BURSTS: usize = 8;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::mempool::{Pool, PoolConfig, Region, Slot};
    use crate::ring::{Inline, mpmc::Ring};

    /// Takes so many packets a call, and keeps their marks.
    struct Narrow {
        width: usize,
        marks: Vec<u16>,
    }

    impl<'p> TxQueue<'p> for Narrow {
        fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
            let count = self.width.min(packets.len());
            for packet in packets.drain_front(count) {
                self.marks.push(packet.mark);
                cache.free(packet.into_frame());
            }
            count
        }

        fn reclaim(&mut self, _: &mut Cache<'p>) -> usize {
            0
        }

        fn stats(&self) -> TxStats {
            TxStats::default()
        }
    }

    fn marked<'p>(cache: &mut Cache<'p>, marks: core::ops::Range<u16>) -> Burst<'p> {
        let mut burst = Burst::new();
        burst.alloc(cache, marks.len());
        for (packet, mark) in burst.iter_mut().zip(marks) {
            packet.mark = mark;
        }
        burst
    }

    #[test]
    fn what_is_handed_over_leaves_in_order_and_before_the_owners_own() {
        let mut memory = vec![0u8; 64 * 2048 + 63];
        let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
        let config = PoolConfig {
            track: true,
            ..PoolConfig::default()
        };
        let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 64).expect("an account");
        let ring = Ring::<Inline<Packet<'_>, 16>>::new();
        let narrow = Narrow {
            width: 5,
            marks: Vec::new(),
        };
        let mut owner = OwnerTx::new(narrow, ring.consumer());
        let mut other = HandoverTx::new(ring.producer());
        let mut theirs = marked(&mut cache, 0..20);
        assert_eq!(other.tx_burst(&mut cache, &mut theirs), 16);
        assert_eq!((theirs.len(), other.stats().full), (4, 1), "the rest stays");
        let mut own = marked(&mut cache, 100..103);
        assert_eq!(owner.tx_burst(&mut cache, &mut own), 3);
        assert_eq!((owner.passed_on(), owner.waiting()), (5, 11));
        for _ in 0..3 {
            owner.reclaim(&mut cache);
        }
        let expected: Vec<u16> = (0..5).chain(100..103).chain(5..16).collect();
        assert_eq!(owner.queue.marks, expected);
        assert_eq!(owner.passed_on(), 16);
        assert_eq!(other.tx_burst(&mut cache, &mut theirs), 4);
        owner.queue.width = 1;
        owner.reclaim(&mut cache);
        assert_eq!(
            pool.ledger().held,
            3,
            "the program's, until the device has them"
        );
        assert_eq!(owner.discard(&mut cache), 3);
        drop(cache);
        pool.audit().expect("every frame is back");
    }
}

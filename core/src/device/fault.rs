//! Faults on purpose, in front of any queue.

use super::{RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::{Cache, Limbo, Pool, PoolError};
use crate::packet::{Burst, BurstView, Offloads, Packet};

/// What goes wrong, and how often: each rate is in 65,536ths of the packets (or calls).
///
/// ```
/// use linecard::device::Faults;
/// let one_in_a_hundred = Faults { drop: 655, ..Faults::none(1) };
/// # let _ = one_in_a_hundred;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// Where the row of chances begins: the same seed gives the same faults.
    pub seed: u64,
    /// Packets that vanish, counted as `injected`.
    pub drop: u16,
    /// Packets that come twice, the copy right behind.
    pub duplicate: u16,
    /// Packets whose end is cut off, at any byte.
    pub truncate: u16,
    /// Packets of which one bit is flipped.
    pub corrupt: u16,
    /// Calls at which the queue does nothing, and for as many calls after it as `stall_calls`.
    pub stall: u16,
    /// How long a stall lasts, in calls.
    pub stall_calls: u32,
    /// Sent packets whose completion never comes: their frames stay with the device, up to 64
    /// at a time, until the queue is dropped.
    pub lose_completion: u16,
}

impl Faults {
    /// No faults at all.
    pub const fn none(seed: u64) -> Self {
        Self {
            seed,
            drop: 0,
            duplicate: 0,
            truncate: 0,
            corrupt: 0,
            stall: 0,
            stall_calls: 0,
            lose_completion: 0,
        }
    }
}

/// A receive queue with faults in front of it.
///
/// ```
/// use linecard::device::{Device, Faults, FaultyRx, Null, RxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # use linecard::packet::Burst;
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let (rx, _tx) = Null::source(60).open(0, &mut cache)?;
/// let mut rx = FaultyRx::new(rx, Faults { drop: 32768, ..Faults::none(7) });
/// let mut burst: Burst = Burst::new();
/// let given = rx.rx_burst(&mut cache, &mut burst);
/// assert_eq!(given as u64 + rx.stats().injected, 32);
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct FaultyRx<'p, Q> {
    inner: Q,
    chance: Chance,
    given: u64,
    given_bytes: u64,
    injected: u64,
    fresh: Burst<'p, 32>,
}

impl<'p, Q: RxQueue<'p>> FaultyRx<'p, Q> {
    /// Puts `faults` in front of `inner`.
    pub const fn new(inner: Q, faults: Faults) -> Self {
        Self {
            inner,
            chance: Chance::new(faults),
            given: 0,
            given_bytes: 0,
            injected: 0,
            fresh: Burst::new(),
        }
    }

    /// The queue without faults.
    pub fn into_inner(self) -> Q {
        self.inner
    }
}

impl<'p, Q: RxQueue<'p>> RxQueue<'p> for FaultyRx<'p, Q> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        if self.chance.stalls() {
            return 0;
        }
        let before = out.len();
        if self.fresh.is_empty() {
            self.inner.rx_burst(cache, &mut self.fresh);
        }
        while out.room() > 0 {
            let Some(mut packet) = self.fresh.drain_front(1).next() else {
                break;
            };
            let faults = self.chance.faults;
            if self.chance.hits(faults.drop) {
                self.injected += 1;
                cache.free(packet.into_frame());
                continue;
            }
            self.chance.spoil(&mut packet);
            let twice = out.room() > 1 && self.chance.hits(faults.duplicate);
            let copy = if twice { copied(cache, &packet) } else { None };
            for packet in core::iter::once(packet).chain(copy) {
                self.given += 1;
                self.given_bytes += packet.total_len() as u64;
                // There is room: looked at above.
                let _ = out.push(packet);
            }
        }
        out.len() - before
    }

    /// The inner queue's, with what was injected; `packets` are those that were given.
    fn stats(&self) -> RxStats {
        let mut stats = self.inner.stats();
        stats.injected += self.injected;
        stats.packets = self.given;
        stats.bytes = self.given_bytes;
        stats
    }
}

/// A transmit queue with faults in front of it.
///
/// ```
/// use linecard::device::{Device, Faults, FaultyTx, Null, TxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # use linecard::packet::Burst;
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// let (_rx, tx) = Null::sink().open(0, &mut cache)?;
/// let faults = Faults { lose_completion: u16::MAX, ..Faults::none(7) };
/// let mut tx = FaultyTx::new(tx, faults, &pool, "lossy")?;
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 8);
/// assert_eq!(tx.tx_burst(&mut cache, &mut burst), 8);
/// assert_eq!(pool.ledger().completing, 8, "the ledger knows where they are");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FaultyTx<'p, Q> {
    inner: Q,
    chance: Chance,
    injected: u64,
    lost: Limbo<'p, 64>,
    passed: Burst<'p, 32>,
    lost_bytes: u64,
    lost_packets: u64,
}

impl<'p, Q: TxQueue<'p>> FaultyTx<'p, Q> {
    /// Puts `faults` in front of `inner`; frames that are lost on purpose stand in the ledger
    /// under `name`.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooManyAccounts`].
    pub fn new(
        inner: Q,
        faults: Faults,
        pool: &'p Pool<'p>,
        name: &str,
    ) -> Result<Self, PoolError> {
        Ok(Self {
            inner,
            chance: Chance::new(faults),
            injected: 0,
            lost: Limbo::new(pool, name)?,
            passed: Burst::new(),
            lost_bytes: 0,
            lost_packets: 0,
        })
    }

    /// Completions that are outstanding for ever.
    pub fn lost_completions(&self) -> usize {
        self.lost.len()
    }

    /// Hands over what was accepted, and asks whether all of it went.
    fn pass_on(&mut self, cache: &mut Cache<'p>) -> bool {
        if !self.passed.is_empty() {
            self.inner.tx_burst(cache, &mut self.passed);
        }
        self.passed.is_empty()
    }

    /// Sends a packet whose completion will not come.
    fn lose(&mut self, packet: Packet<'p>) -> Result<(), Packet<'p>> {
        let len = packet.len() as u64;
        self.lost.hold(packet.into_frame()).map_err(Packet::new)?;
        self.lost_packets += 1;
        self.lost_bytes += len;
        Ok(())
    }
}

impl<'p, Q: TxQueue<'p>> TxQueue<'p> for FaultyTx<'p, Q> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        if self.chance.stalls() || !self.pass_on(cache) {
            return 0;
        }
        let take = packets.len().min(self.passed.capacity() / 2);
        let mut taken = 0;
        let mut front: Burst<'p, 16> = Burst::new();
        for packet in packets.drain_front(take) {
            taken += 1;
            // `take` is at most 16.
            let _ = front.push(packet);
        }
        for mut packet in front.drain() {
            let faults = self.chance.faults;
            if self.chance.hits(faults.drop) {
                self.injected += 1;
                cache.free(packet.into_frame());
                continue;
            }
            self.chance.spoil(&mut packet);
            if self.chance.hits(faults.duplicate)
                && let Some(copy) = copied(cache, &packet)
            {
                let _ = self.passed.push(copy);
            }
            let packet = if self.chance.hits(faults.lose_completion) {
                self.lose(packet).err()
            } else {
                Some(packet)
            };
            if let Some(packet) = packet {
                let _ = self.passed.push(packet);
            }
        }
        self.pass_on(cache);
        taken
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        self.pass_on(cache);
        self.inner.reclaim(cache)
    }

    fn link_up(&self) -> bool {
        self.inner.link_up()
    }

    /// The inner queue's, with what was injected and what was sent and never completed.
    fn stats(&self) -> TxStats {
        let mut stats = self.inner.stats();
        stats.injected += self.injected;
        stats.packets += self.lost_packets;
        stats.bytes += self.lost_bytes;
        stats
    }
}

/// A row of chances that a seed decides.
#[derive(Debug)]
struct Chance {
    faults: Faults,
    state: u64,
    stalled: u32,
}

impl Chance {
    const fn new(faults: Faults) -> Self {
        Self {
            faults,
            state: faults.seed | 1,
            stalled: 0,
        }
    }

    /// Marsaglia's xorshift64 ("Xorshift RNGs", 2003).
    const fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Whether something of this rate happens now.
    const fn hits(&mut self, rate: u16) -> bool {
        rate != 0 && (self.next() >> 48) as u16 <= rate
    }

    const fn stalls(&mut self) -> bool {
        if self.stalled > 0 {
            self.stalled -= 1;
            return true;
        }
        let stalls = self.hits(self.faults.stall);
        if stalls {
            self.stalled = self.faults.stall_calls;
        }
        stalls
    }

    /// Cuts the packet's end off, or flips a bit, or leaves it.
    fn spoil(&mut self, packet: &mut Packet<'_>) {
        let len = packet.len() as u64;
        if len > 0 && self.hits(self.faults.truncate) {
            let cut = self.next() % len;
            // Less than there is.
            let _ = packet.trim_back(cut as usize);
        }
        if len > 0 && self.hits(self.faults.corrupt) {
            let (at, bit) = (self.next() % len, self.next() % 8);
            if let Some(byte) = packet.data_mut().get_mut(at as usize) {
                *byte ^= 1 << bit;
            }
        }
    }
}

/// A packet of the same bytes in a frame of its own; `None` if there is no frame, or the packet
/// is in several.
fn copied<'p>(cache: &mut Cache<'p>, packet: &Packet<'p>) -> Option<Packet<'p>> {
    if packet.is_chained() {
        return None;
    }
    let mut copy = Packet::new(cache.alloc()?);
    let Ok(room) = copy.append(packet.len()) else {
        cache.free(copy.into_frame());
        return None;
    };
    room.copy_from_slice(packet.data());
    copy.port = packet.port;
    copy.hash = packet.hash;
    copy.offloads = packet.offloads.difference(Offloads::TIMESTAMP);
    copy.layers = packet.layers;
    copy.vlan_tci = packet.vlan_tci;
    copy.mark = packet.mark;
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::device::{Device, Null};
    use crate::mempool::{PoolConfig, Region, Slot};

    #[test]
    fn every_packet_is_counted_and_every_frame_comes_back() {
        let mut memory = vec![0u8; 512 * 2048 + 63];
        let slots: Vec<Slot> = (0..512).map(|_| Slot::new()).collect();
        let config = PoolConfig {
            track: true,
            ..PoolConfig::default()
        };
        let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
        let mut cache = Cache::new(&pool, "core 0", 64).expect("an account");
        let faults = Faults {
            drop: 6000,
            duplicate: 6000,
            truncate: 6000,
            corrupt: 6000,
            stall: 2000,
            stall_calls: 3,
            lose_completion: 20,
            ..Faults::none(42)
        };
        let (rx, _) = Null::source(100).open(0, &mut cache).expect("it opens");
        let (_, tx) = Null::sink().open(0, &mut cache).expect("it opens");
        let mut rx = FaultyRx::new(rx, faults);
        let mut tx = FaultyTx::new(tx, faults, &pool, "faulty").expect("an account");
        let (mut received, mut taken, mut short) = (0, 0, 0);
        for _ in 0..2000 {
            let mut burst: Burst<'_> = Burst::new();
            received += rx.rx_burst(&mut cache, &mut burst);
            short += burst.iter().filter(|packet| packet.len() < 100).count();
            for _ in 0..20 {
                taken += tx.tx_burst(&mut cache, &mut burst);
            }
            taken += burst.free(&mut cache);
        }
        tx.reclaim(&mut cache);
        assert!(
            short > 1000 && tx.lost_completions() > 10,
            "{short} {}",
            tx.lost_completions()
        );
        assert!(rx.stats().injected > 1000 && tx.stats().injected > 1000);
        assert_eq!((rx.stats().packets, received), (received as u64, taken));
        assert_eq!(pool.ledger().completing, tx.lost_completions());
        drop((rx, tx, cache));
        pool.audit().expect("every frame is back, once");
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let rates = Faults {
            corrupt: 9000,
            ..Faults::none(3)
        };
        let row = |mut chance: Chance| (0..99).map(|_| chance.hits(9000)).collect::<Vec<_>>();
        let (a, b) = (row(Chance::new(rates)), row(Chance::new(rates)));
        assert_eq!(a, b);
        assert!(a.contains(&true) && a.contains(&false));
    }
}

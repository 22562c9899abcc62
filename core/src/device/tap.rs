//! Looking at what passes a queue.

use super::{RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::Cache;
use crate::packet::{BurstView, Packet};

/// Which way a packet passed.
///
/// ```
/// use linecard::device::Direction;
/// assert_ne!(Direction::Received, Direction::Sent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The device gave it to the program.
    Received,
    /// The program gave it to the device.
    Sent,
}

/// Who looks: a capture file, a counter, a test. It is called on the thread that polls, and sees
/// a packet before it is changed.
///
/// ```
/// use linecard::device::{Direction, Tap};
/// use linecard::packet::Packet;
///
/// #[derive(Default)]
/// struct Lengths(Vec<usize>);
/// impl Tap for Lengths {
///     fn packet(&mut self, _direction: Direction, packet: &Packet<'_>) {
///         self.0.push(packet.total_len());
///     }
/// }
/// ```
pub trait Tap: Send {
    /// Looks at one packet.
    fn packet(&mut self, direction: Direction, packet: &Packet<'_>);
}

impl<T: Tap + ?Sized> Tap for &mut T {
    fn packet(&mut self, direction: Direction, packet: &Packet<'_>) {
        (**self).packet(direction, packet);
    }
}

/// A receive queue that shows each packet to a [`Tap`]: once the kernel no longer sees packets,
/// this is where to capture them.
///
/// ```
/// # use linecard::device::{Device, Direction, Null, RxQueue, Tap, TapRx};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # use linecard::packet::{Burst, Packet};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// struct Count(usize);
/// impl Tap for Count {
///     fn packet(&mut self, _: Direction, _: &Packet<'_>) { self.0 += 1 }
/// }
/// let (rx, _tx) = Null::source(60).open(0, &mut cache)?;
/// let mut rx = TapRx::new(rx, Count(0));
/// rx.rx_burst(&mut cache, &mut Burst::<'_, 8>::new());
/// assert_eq!(rx.tap().0, 8);
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct TapRx<Q, T> {
    inner: Q,
    tap: T,
}

impl<Q, T> TapRx<Q, T> {
    /// Shows what `inner` receives to `tap`.
    pub const fn new(inner: Q, tap: T) -> Self {
        Self { inner, tap }
    }

    /// The tap.
    pub const fn tap(&mut self) -> &mut T {
        &mut self.tap
    }

    /// The queue and the tap, apart.
    pub fn into_parts(self) -> (Q, T) {
        (self.inner, self.tap)
    }
}

impl<'p, Q: RxQueue<'p>, T: Tap> RxQueue<'p> for TapRx<Q, T> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        let received = self.inner.rx_burst(cache, out);
        for packet in out.iter().skip(before) {
            self.tap.packet(Direction::Received, packet);
        }
        received
    }

    fn stats(&self) -> RxStats {
        self.inner.stats()
    }
}

/// A transmit queue that shows each packet to a [`Tap`] when it is offered to the device for the
/// first time.
///
/// A packet that the device has no room for is offered again and shown once, as long as the same
/// packets are offered in the same order, which [`tx_burst`](TxQueue::tx_burst)'s contract makes
/// natural.
///
/// ```
/// # use linecard::device::{Device, Direction, Null, Tap, TapTx, TxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # use linecard::packet::{Burst, Packet};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// # struct Count(usize);
/// # impl Tap for Count {
/// #     fn packet(&mut self, _: Direction, _: &Packet<'_>) { self.0 += 1 }
/// # }
/// let (_rx, tx) = Null::sink().open(0, &mut cache)?;
/// let mut tx = TapTx::new(tx, Count(0));
/// let mut burst: Burst = Burst::new();
/// burst.alloc(&mut cache, 8);
/// tx.tx_burst(&mut cache, &mut burst);
/// assert_eq!(tx.tap().0, 8);
/// # Ok::<(), linecard::device::DeviceError>(())
/// ```
#[derive(Debug)]
pub struct TapTx<Q, T> {
    inner: Q,
    tap: T,
    /// How many at the front of the next burst were shown already.
    shown: usize,
}

impl<Q, T> TapTx<Q, T> {
    /// Shows what is sent through `inner` to `tap`.
    pub const fn new(inner: Q, tap: T) -> Self {
        Self {
            inner,
            tap,
            shown: 0,
        }
    }

    /// The tap.
    pub const fn tap(&mut self) -> &mut T {
        &mut self.tap
    }

    /// The queue and the tap, apart.
    pub fn into_parts(self) -> (Q, T) {
        (self.inner, self.tap)
    }
}

impl<'p, Q: TxQueue<'p>, T: Tap> TxQueue<'p> for TapTx<Q, T> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        // Shown before, since afterwards they are the device's.
        for packet in packets.iter().skip(self.shown) {
            self.tap.packet(Direction::Sent, packet);
        }
        let taken = self.inner.tx_burst(cache, packets);
        self.shown = packets.len();
        taken
    }

    #[inline]
    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        self.inner.reclaim(cache)
    }

    fn link_up(&self) -> bool {
        self.inner.link_up()
    }

    fn stats(&self) -> TxStats {
        self.inner.stats()
    }
}

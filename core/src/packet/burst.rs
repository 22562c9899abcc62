//! Up to a burst's worth of packets.

use core::fmt;
use core::mem::MaybeUninit;

use heapless::vec::{OwnedVecStorage, VecInner, VecStorage, VecView, ViewVecStorage};

use super::Packet;
use crate::mempool::{Cache, Frame};
use crate::ring::take_front;

/// Up to `N` packets, by value, in the order in which they came.
///
/// ```
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 64];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
/// use linecard::packet::Burst;
///
/// let mut burst: Burst = Burst::new();
/// assert_eq!(burst.alloc(&mut cache, 40), 32, "a burst holds 32 unless its type says otherwise");
///
/// // Cheap to split by verdict: each packet is moved once, and order is kept.
/// let verdicts = [true, false].into_iter().cycle();
/// let (mut yes, mut no): (Burst, Burst) = Default::default();
/// for (packet, verdict) in burst.drain().zip(verdicts) {
///     let to = if verdict { &mut yes } else { &mut no };
///     to.push(packet).expect("as many as came out fit");
/// }
/// assert_eq!((burst.len(), yes.len(), no.len()), (0, 16, 16));
/// # yes.free(&mut cache);
/// # no.free(&mut cache);
/// ```
pub type Burst<'p, const N: usize = 32> = BurstInner<'p, OwnedVecStorage<Packet<'p>, N>>;

/// A [`Burst`] of whatever capacity: `&mut Burst<N>` becomes `&mut BurstView` by itself.
///
/// ```
/// use linecard::packet::{Burst, BurstView};
/// fn room_for(burst: &BurstView<'_>) -> usize { burst.room() }
/// assert_eq!(room_for(&Burst::<8>::new()), 8);
/// ```
pub type BurstView<'p> = BurstInner<'p, ViewVecStorage<Packet<'p>>>;

/// What [`Burst`] and [`BurstView`] are made of.
///
/// ```
/// use linecard::packet::{Burst, BurstInner};
/// let burst: Burst<'_, 4> = BurstInner::new();
/// assert!(burst.is_empty());
/// ```
#[repr(C, align(64))]
pub struct BurstInner<'p, S: VecStorage<Packet<'p>> + ?Sized> {
    /// With the vector's length behind it, a cache line: the packets begin at one, so that no two of
    /// them that are read or written at once lie on two.
    _lead: MaybeUninit<[u8; LINE - size_of::<usize>()]>,
    packets: VecInner<Packet<'p>, usize, S>,
}

const LINE: usize = 64;

impl<'p, const N: usize> Burst<'p, N> {
    /// A burst of no packets.
    #[inline]
    pub const fn new() -> Self {
        Self {
            _lead: MaybeUninit::uninit(),
            packets: heapless::Vec::new(),
        }
    }
}

impl<const N: usize> Default for Burst<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p, S: VecStorage<Packet<'p>> + ?Sized> BurstInner<'p, S> {
    /// Packets in it.
    #[inline]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Packets that it can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.packets.capacity()
    }

    /// Bytes of data in all packets.
    #[inline]
    pub fn total_len(&self) -> usize {
        self.total_len_from(0)
    }

    /// Bytes of data in the packets from the one numbered `first` on: in those that a receive queue has
    /// just added.
    #[inline]
    pub fn total_len_from(&self, first: usize) -> usize {
        let packets = self.packets.get(first..).unwrap_or_default();
        match Frame::survey(packets) {
            (true, _) => Self::chained_len(packets),
            (false, len) => len,
        }
    }

    #[cold]
    #[inline(never)]
    fn chained_len(packets: &[Packet<'p>]) -> usize {
        packets.iter().map(Packet::total_len).sum()
    }

    /// Packets that can be pushed yet.
    #[inline]
    pub fn room(&self) -> usize {
        self.capacity().saturating_sub(self.len())
    }

    /// Adds a packet at the end.
    ///
    /// # Errors
    ///
    /// The packet itself, if there is no room.
    #[inline]
    pub fn push(&mut self, packet: Packet<'p>) -> Result<(), Packet<'p>> {
        self.packets.push(packet)
    }

    /// Takes the last packet.
    #[inline]
    pub fn pop(&mut self) -> Option<Packet<'p>> {
        self.packets.pop()
    }

    /// The packets, first to last.
    #[inline]
    pub fn as_slice(&self) -> &[Packet<'p>] {
        &self.packets
    }

    /// The packets, to be changed in place.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Packet<'p>] {
        &mut self.packets
    }

    /// The packets, first to last.
    #[inline]
    pub fn iter(&self) -> core::slice::Iter<'_, Packet<'p>> {
        self.packets.iter()
    }

    /// The packets, to be changed in place.
    #[inline]
    pub fn iter_mut(&mut self) -> core::slice::IterMut<'_, Packet<'p>> {
        self.packets.iter_mut()
    }

    /// The vector that the packets are in: what a ring takes packets from, or puts packets into, in
    /// one copy.
    ///
    /// ```
    /// use linecard::{packet::{Burst, Packet}, ring::{Inline, spsc::Ring}};
    ///
    /// let mut ring = Ring::<Inline<Packet, 64>>::new();
    /// let (mut producer, mut consumer) = ring.split();
    /// let mut burst: Burst = Burst::new();
    /// // What does not fit stays in the burst.
    /// assert_eq!(producer.enqueue_burst(burst.as_vec_mut()), 0);
    /// assert_eq!(consumer.dequeue_burst(burst.as_vec_mut(), 32), 0);
    /// ```
    #[inline]
    pub fn as_vec_mut(&mut self) -> &mut VecInner<Packet<'p>, usize, S> {
        &mut self.packets
    }

    /// Takes out the first `count` packets, or all if there are fewer; the rest moves up. What
    /// the iterator is not asked for is dropped with it.
    #[inline]
    pub fn drain_front(&mut self, count: usize) -> impl ExactSizeIterator<Item = Packet<'p>> {
        take_front(&mut self.packets, count)
    }

    /// Takes out all packets, in order.
    #[inline]
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = Packet<'p>> {
        take_front(&mut self.packets, usize::MAX)
    }

    /// Adds up to `count` new packets, empty and with headroom, while there is room and the cache
    /// and its pool have frames; gives how many.
    #[inline]
    pub fn alloc(&mut self, cache: &mut Cache<'p>, count: usize) -> usize {
        cache.alloc_into(&mut self.packets, count)
    }

    /// As [`alloc`](Self::alloc), packets of `len` bytes, which hold anything; none if not every frame
    /// has [as much room](crate::mempool::Pool::room).
    ///
    /// ```
    /// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 64 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 64];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// # let mut cache = Cache::new(&pool, "core 0", 64).unwrap();
    /// use linecard::packet::Burst;
    ///
    /// let mut burst: Burst = Burst::new();
    /// assert_eq!(burst.alloc_with_len(&mut cache, 8, 60), 8);
    /// assert_eq!(burst.total_len(), 8 * 60);
    /// assert_eq!(burst.alloc_with_len(&mut cache, 8, pool.room() + 1), 0);
    /// # burst.free(&mut cache);
    /// ```
    #[inline]
    pub fn alloc_with_len(&mut self, cache: &mut Cache<'p>, count: usize, len: usize) -> usize {
        cache.alloc_with_len(&mut self.packets, count, len)
    }

    /// Frees all packets into `cache`; gives how many there were.
    #[inline]
    pub fn free(&mut self, cache: &mut Cache<'p>) -> usize {
        let count = self.len();
        if !cache.free_whole(&mut self.packets) {
            BurstView::free_others(cache, self.packets.as_mut_view());
        }
        count
    }
}

impl<'p> BurstView<'p> {
    /// Frees packets that want a look at each: once for bursts of all capacities.
    #[inline(never)]
    fn free_others(cache: &mut Cache<'p>, packets: &mut VecView<Packet<'p>>) {
        cache.free_burst(take_front(packets, usize::MAX).map(Packet::into_frame));
    }
}

impl<'p, S: VecStorage<Packet<'p>> + ?Sized> fmt::Debug for BurstInner<'p, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, 'p, S: VecStorage<Packet<'p>> + ?Sized> IntoIterator for &'a BurstInner<'p, S> {
    type Item = &'a Packet<'p>;
    type IntoIter = core::slice::Iter<'a, Packet<'p>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, 'p, S: VecStorage<Packet<'p>> + ?Sized> IntoIterator for &'a mut BurstInner<'p, S> {
    type Item = &'a mut Packet<'p>;
    type IntoIter = core::slice::IterMut<'a, Packet<'p>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

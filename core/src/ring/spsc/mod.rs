//! One producer, one consumer.
//!
//! ```text
//!            head (consumer writes)        tail (producer writes)
//!              v                             v
//!   | free ... | item | item | item | item | free ... |      slot of an index: index & (N - 1)
//!              |<------- tail - head ----->|
//! ```
//!
//! Both indices run free and wrap, so that `tail - head` is the number of items and all `N` slots are
//! used. Each sits on cache lines of its own. A handle keeps its own index, and a copy of the other
//! side's, in itself; it looks at the shared one only when the copy says *full* or *empty*. In a
//! steady flow the other side's line then crosses between cores once per many items, and
//! in a bulk of 32 once at most.
//!
//! | counter | written by | published with | read by the other side with |
//! |---|---|---|---|
//! | `tail` | [`Producer`] | `Release`, after the items were written | `Acquire`, before they are read |
//! | `head` | [`Consumer`] | `Release`, after the items were taken | `Acquire`, before the slots are written again |
//! | `live` | both, when split and when dropped | `Release` on drop | `Acquire` |
//!
//! Every operation takes a bounded number of steps, whatever the other side does: no lock, no compare-and-swap,
//! no loop but a [wait](#pace). A side that stops holds up nothing but itself: the other one finds the ring
//! full or empty.
//!
//! # Pace
//! Of two threads that pass items one by one, the faster one finds the ring empty, or full, again and again, and
//! each of its looks holds the other one up. So [`Consumer::dequeue`] and [`Producer::enqueue`] wait 16 to
//! 64 pauses, 4 µs at most, before they say *empty* or *full* when they have moved a few items since
//! they last said so, for as long as waiting brings more. An item that comes alone is never waited for, nor is
//! one that is there kept. What moves several items at a time never waits.
//!
//! # Lines
//! What a bulk or a burst costs between two cores is the way of the items' cache lines from one to the other, and
//! back a lap later. The producer asks for those it will write a few bursts on as soon as it has written one, so
//! that it finds them there. The consumer takes the lines of a burst from the last to the first: read upwards,
//! they would lead its core to fetch the next ones, which the producer is writing, unasked.
//!
//! # Handles
//! [`Ring::split`] borrows the ring and gives the two handles; they move to two threads, and
//! when both are gone the ring can be split again, with the items that were left. A ring in a
//! `static` is split with [`Ring::try_split`], which gives `'static` handles, one pair at a time.
//!
//! ```
//! use linecard::ring::{Inline, spsc};
//!
//! static RING: spsc::Ring<Inline<u64, 64>> = spsc::Ring::new();
//!
//! let (mut producer, mut consumer) = RING.try_split().expect("nobody else has split it");
//! assert!(RING.try_split().is_none());
//! let sender = std::thread::spawn(move || {
//!     for number in 0..1_000 {
//!         while producer.enqueue(number).is_err() {
//!             std::hint::spin_loop();
//!         }
//!     }
//! });
//! for expected in 0..1_000 {
//!     let number = loop {
//!         if let Some(number) = consumer.dequeue() {
//!             break number;
//!         }
//!     };
//!     assert_eq!(number, expected);
//! }
//! sender.join().unwrap();
//! assert!(consumer.is_abandoned());
//! ```
//!
//! # One side gone
//! A handle that is dropped says so: [`Producer::is_abandoned`], [`Consumer::is_abandoned`]. What was
//! enqueued before stays and can be dequeued. Items that nobody takes are dropped with the ring.
//!
//! A handle that is *forgotten* (`mem::forget`) never says so. A forgotten consumer may have taken items
//! without having told the ring; rather than drop an item twice, the ring then leaks those that
//! are left.

mod consumer;
mod drain;
mod producer;
mod reserve;

use core::{fmt, mem::MaybeUninit};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};

pub use self::{consumer::Consumer, drain::Drain, producer::Producer, reserve::Reservation};

use super::{Borrowed, CapacityError, Inline, Padded, Storage, slots::Slots};
use crate::sync::{
    Tracker,
    atomic::{AtomicUsize, Ordering},
    const_unless_loom,
};

/// A ring for one producer and one consumer.
///
/// ```
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<&str, 4>>::new();
/// let (mut producer, mut consumer) = ring.split();
/// producer.enqueue("a").unwrap();
/// producer.enqueue("b").unwrap();
/// assert_eq!(consumer.dequeue(), Some("a"));
/// assert_eq!(consumer.dequeue(), Some("b"));
/// assert_eq!(consumer.dequeue(), None);
/// ```
#[repr(C)]
pub struct Ring<S: Storage> {
    indices: Indices,
    storage: S,
    tracker: Tracker,
}

/// The two handles of a ring.
pub type Handles<'r, T> = (Producer<'r, T>, Consumer<'r, T>);

/// What the two sides share, each word on lines of its own.
#[derive(Debug)]
#[repr(C)]
struct Indices {
    /// Items ever enqueued, modulo 2^BITS.
    tail: Padded<AtomicUsize>,
    /// Items ever dequeued, modulo 2^BITS.
    head: Padded<AtomicUsize>,
    /// Which handles exist: [`PRODUCER`], [`CONSUMER`]. Written when they are made and dropped only.
    live: Padded<AtomicUsize>,
}

impl<T, const N: usize> Ring<Inline<T, N>> {
    const_unless_loom! {
        /// An empty ring with `N` slots in itself; `N` is a power of two.
        pub const fn new() -> Self {
            Self {
                indices: Indices::new(),
                storage: Inline::new(),
                tracker: Tracker::new(N),
            }
        }
    }
}

impl<'s, T> Ring<Borrowed<'s, T>> {
    /// An empty ring in the caller's `slots`.
    ///
    /// # Errors
    /// The number of slots is not a power of two.
    pub fn over(slots: &'s mut [MaybeUninit<T>]) -> Result<Self, CapacityError> {
        let tracker = Tracker::new(slots.len());
        Ok(Self {
            indices: Indices::new(),
            storage: Borrowed::new(slots)?,
            tracker,
        })
    }
}

impl<S: Storage> Ring<S> {
    /// How many items fit: every slot is used.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.storage.count()
    }

    /// How many items are in the ring, as far as both sides have published: a figure for
    /// statistics, outdated when it is read.
    #[inline]
    pub fn len(&self) -> usize {
        // The head first: it can only grow meanwhile, and so cannot pass the tail read after it.
        let head = self.indices.head.load(Ordering::Acquire);
        let tail = self.indices.tail.load(Ordering::Acquire);
        tail.wrapping_sub(head).min(self.capacity())
    }

    /// Whether [`len`](Self::len) is zero.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The two handles, for as long as they borrow the ring.
    ///
    /// ```
    /// use linecard::ring::{Inline, spsc::Ring};
    ///
    /// let mut ring = Ring::<Inline<u32, 8>>::new();
    /// let (mut producer, mut consumer) = ring.split();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(move || producer.enqueue(7));
    ///     scope.spawn(move || while consumer.dequeue().is_none() {});
    /// });
    /// assert!(ring.is_empty());
    /// ```
    #[inline]
    pub fn split(&mut self) -> Handles<'_, S::Item> {
        // `&mut self`: no handle exists any more. One whose bit is still there was forgotten.
        if self.consumer_was_forgotten() {
            let tail = self.indices.tail.load(Ordering::Relaxed);
            self.indices.head.store(tail, Ordering::Relaxed);
        }
        self.indices.live.store(BOTH, Ordering::Relaxed);
        self.handles()
    }

    /// The two handles of a ring that is only shared, such as one in a `static`; `None` while a
    /// handle exists, or when one was forgotten.
    #[inline]
    pub fn try_split(&self) -> Option<Handles<'_, S::Item>> {
        // Acquire: what the handles before these two did has happened (their drops release).
        self.indices
            .live
            .compare_exchange(0, BOTH, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        Some(self.handles())
    }

    /// Lets the counters of an empty, unsplit ring start at `index`, for tests that want to see them wrap.
    /// A ring that holds items is left as it is.
    #[doc(hidden)]
    pub fn start_at(&mut self, index: usize) {
        if self.is_empty() {
            self.indices.head.store(index, Ordering::Relaxed);
            self.indices.tail.store(index, Ordering::Relaxed);
        }
    }

    /// The caller has set both bits of `live` and so made sure that there is no other pair.
    fn handles(&self) -> Handles<'_, S::Item> {
        let slots = Slots::new(&self.storage, self.tracker.track());
        (
            Producer::new(&self.indices, slots),
            Consumer::new(&self.indices, slots),
        )
    }

    fn consumer_was_forgotten(&self) -> bool {
        self.indices.live.load(Ordering::Relaxed) & CONSUMER != 0
    }
}

impl Indices {
    const_unless_loom! {
        const fn new() -> Self {
            Self {
                tail: Padded::new(AtomicUsize::new(0)),
                head: Padded::new(AtomicUsize::new(0)),
                live: Padded::new(AtomicUsize::new(0)),
            }
        }
    }

    /// A handle is gone.
    fn leave(&self, side: usize) {
        self.live.fetch_and(!side, Ordering::Release);
    }

    /// Whether that handle is gone, with all it did before.
    fn has_left(&self, side: usize) -> bool {
        self.live.load(Ordering::Acquire) & side == 0
    }
}

impl<S: Storage> Drop for Ring<S> {
    fn drop(&mut self) {
        if self.consumer_was_forgotten() {
            return;
        }
        let head = self.indices.head.load(Ordering::Relaxed);
        let tail = self.indices.tail.load(Ordering::Relaxed);
        let slots = Slots::<S::Item>::new(&self.storage, self.tracker.track());
        // SAFETY: `&mut self`: there is no handle any more, so all slots are ours. Those from
        // `head` to `tail` were written before `tail` was published and not taken: the consumer,
        // dropped as its bit says, published all that it took. At most the capacity, by
        // `Producer::room_for`.
        unsafe { slots.drop_items(head, tail.wrapping_sub(head)) };
    }
}

// SAFETY: a shared ring gives out one producer and one consumer at a time (`try_split`), which
// pass items between their threads: `T: Send`. Nothing gives two threads a reference to one item.
unsafe impl<S: Storage> Sync for Ring<S> where S::Item: Send {}

impl<T, const N: usize> Default for Ring<Inline<T, N>> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Storage> fmt::Debug for Ring<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// The producer exists.
const PRODUCER: usize = 1;
/// The consumer exists.
const CONSUMER: usize = 2;
const BOTH: usize = PRODUCER | CONSUMER;

const_assert_eq!(core::mem::offset_of!(Indices, head), super::CACHE_LINES);
const_assert_eq!(core::mem::offset_of!(Indices, live), 2 * super::CACHE_LINES);
const_assert_eq!(size_of::<Indices>(), 3 * super::CACHE_LINES);
#[cfg(not(loom))]
const_assert_eq!(
    size_of::<Ring<Inline<u64, 16>>>(),
    size_of::<Indices>() + super::CACHE_LINES
);
const_assert_eq!(size_of::<Producer<'static, u64>>(), super::CACHE_LINES);
const_assert_eq!(size_of::<Consumer<'static, u64>>(), super::CACHE_LINES);

assert_impl_all!(Ring<Inline<u64, 16>>: Send, Sync);
assert_impl_all!(Ring<Borrowed<'static, u64>>: Send, Sync);
assert_not_impl_any!(Ring<Inline<*mut u8, 16>>: Send, Sync);
assert_impl_all!(Producer<'static, u64>: Send);
assert_impl_all!(Consumer<'static, u64>: Send);
assert_not_impl_any!(Producer<'static, u64>: Clone, Sync);
assert_not_impl_any!(Consumer<'static, u64>: Clone, Sync);
assert_not_impl_any!(Producer<'static, *mut u8>: Send);

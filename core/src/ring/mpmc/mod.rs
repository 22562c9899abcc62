//! Many producers, many consumers.
//!
//! ```text
//!        consumers                          producers
//!        tail     head                      tail      head
//!          v        v                         v          v
//!   | free | taking | item | item | item | item | putting | free | free ...   slot: index & (N - 1)
//! ```
//!
//! The scheme of DPDK's `rte_ring` in its default mode. A thread *claims* slots by moving its side's head
//! with one compare-and-swap, copies, and *publishes* by moving the tail, in the order of the claims.
//! So a bulk of 32 costs one compare-and-swap, not 32, moves all or nothing, and
//! lies in the ring without another thread's items between.
//!
//! Unlike there, a handle keeps what it last saw of the other side's tail and looks again only when
//! that is not enough; and the four counters lie on lines of their own. Counters are as wide as a
//! pointer: a thread that sleeps between reading the head and claiming would have to miss 2^64 items
//! (2^32 on 32-bit targets), exactly, to be fooled.
//!
//! Who asks for one item and finds nothing is told so at once. Who asks again and again, and then finds a few
//! each time, leaves the other side alone for a moment before it takes them: 64 spin hints at most, which
//! are 3.5 microseconds where those are slowest (Zen 5). Two cores would otherwise pass each item on at
//! the pace of the cache line that says that it is there. Bulks and bursts never wait so.
//!
//! ```
//! use linecard::ring::{Inline, mpmc};
//!
//! static RING: mpmc::Ring<Inline<u64, 64>> = mpmc::Ring::new();
//!
//! let senders = [0, 1].map(|sender| {
//!     let mut producer = RING.producer();
//!     std::thread::spawn(move || {
//!         for number in 0..1_000 {
//!             while producer.enqueue(2 * number + sender).is_err() {
//!                 std::thread::yield_now();
//!             }
//!         }
//!     })
//! });
//! let mut consumer = RING.consumer();
//! let mut sum = 0;
//! for _ in 0..2_000 {
//!     sum += loop {
//!         match consumer.dequeue() {
//!             Some(number) => break number,
//!             None => std::thread::yield_now(),
//!         }
//!     };
//! }
//! assert_eq!(sum, (0..2_000).sum());
//! senders.map(|sender| sender.join().unwrap());
//! ```
//!
//! # What a stalled thread holds up
//! No lock is taken, but the ring is **not lock-free**. A thread that is stopped between claiming and
//! publishing (preempted, its virtual processor descheduled, a page fault in the items it copies):
//!
//! - holds up every other thread *of its side* that has claimed after it: these spin in their
//!   own publishing until it goes on, for as long as that takes;
//! - holds up the *other side* as soon as that has used up what was published before: to it the ring is
//!   empty (or full) meanwhile, which it is told at once, without waiting;
//! - is never overtaken: order stays.
//!
//! A thread that dies there (not by a panic: nothing between the two can panic) stops its side for
//! good. Stopped at any other point, a thread holds up nobody. The window is one copy long; with
//! threads pinned to cores of their own, as in a forwarder, it is tens of nanoseconds. With more threads than
//! cores expect now and then a wait of a scheduler's time slice. And **never use one side both in
//! an interrupt or signal handler and in the code it interrupts**: if the handler comes in the window,
//! it waits for itself.
//!
//! Where that will not do, give each pair of threads an [`spsc`](super::spsc) ring, which never waits.
//!
//! Because claimed slots must be filled at once, there is no reserving, peeking or iterating here:
//! user code would run in the window.

mod consumer;
mod producer;
mod side;

use core::{fmt, mem::MaybeUninit};

use static_assertions::{assert_impl_all, assert_not_impl_any, const_assert_eq};

pub use self::{consumer::Consumer, producer::Producer};

use self::side::Side;
use super::{Borrowed, CapacityError, Inline, Storage, slots::Slots};
use crate::sync::{Tracker, const_unless_loom};

/// A ring for any number of producers and consumers.
///
/// Handles are made from a shared ring ([`producer`](Self::producer), [`consumer`](Self::consumer)),
/// or by cloning one; each thread has its own.
///
/// ```
/// use linecard::ring::{Inline, mpmc::Ring};
///
/// let ring = Ring::<Inline<&str, 4>>::new();
/// let (mut red, mut blue) = (ring.producer(), ring.producer());
/// let mut consumer = ring.consumer();
/// red.enqueue("a").unwrap();
/// blue.enqueue("b").unwrap();
/// assert_eq!(consumer.clone().dequeue(), Some("a"));
/// assert_eq!(consumer.dequeue(), Some("b"));
/// ```
#[repr(C)]
pub struct Ring<S: Storage> {
    producers: Side,
    consumers: Side,
    storage: S,
    tracker: Tracker,
}

impl<T, const N: usize> Ring<Inline<T, N>> {
    const_unless_loom! {
        /// An empty ring with `N` slots in itself; `N` is a power of two.
        pub const fn new() -> Self {
            Self {
                producers: Side::new(),
                consumers: Side::new(),
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
            producers: Side::new(),
            consumers: Side::new(),
            storage: Borrowed::new(slots)?,
            tracker,
        })
    }
}

impl<S: Storage> Ring<S> {
    /// A new producer.
    #[inline]
    pub fn producer(&self) -> Producer<'_, S::Item> {
        Producer::new(&self.producers, &self.consumers, self.slots())
    }

    /// A new consumer.
    #[inline]
    pub fn consumer(&self) -> Consumer<'_, S::Item> {
        Consumer::new(&self.consumers, &self.producers, self.slots())
    }

    /// How many items fit: every slot is used.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.storage.count()
    }

    /// How many items are in the ring, as far as both sides have published: a figure for
    /// statistics, outdated when it is read.
    #[inline]
    pub fn len(&self) -> usize {
        // The consumers first: they can only go on meanwhile, and so cannot pass what is read after.
        let taken = self.consumers.tail();
        self.producers
            .tail()
            .wrapping_sub(taken)
            .min(self.capacity())
    }

    /// Whether [`len`](Self::len) is zero.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets the counters of an empty ring without handles start at `index`, for tests that want to see them
    /// wrap. A ring that holds items is left as it is.
    #[doc(hidden)]
    pub fn start_at(&mut self, index: usize) {
        if self.is_empty() {
            self.producers.start_at(index);
            self.consumers.start_at(index);
        }
    }

    #[inline]
    fn slots(&self) -> Slots<'_, S::Item> {
        Slots::new(&self.storage, self.tracker.track())
    }
}

impl<S: Storage> Drop for Ring<S> {
    fn drop(&mut self) {
        let taken = self.consumers.tail();
        let left = self.producers.tail().wrapping_sub(taken);
        // SAFETY: `&mut self`: there is no handle any more, and so no claim that is not
        // published: claiming, copying and publishing is one call that neither panics nor
        // returns in between. The slots between the tails hold items that nobody has taken, at
        // most the capacity (`Side::claim`).
        unsafe { self.slots().drop_items(taken, left) };
    }
}

// SAFETY: handles made from a shared ring pass items between threads: `T: Send`. Nothing gives two
// threads a reference to one item.
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

#[cfg(not(loom))]
const_assert_eq!(
    size_of::<Ring<Inline<u64, 16>>>(),
    2 * size_of::<Side>() + super::CACHE_LINES
);
const_assert_eq!(size_of::<Producer<'static, u64>>(), super::CACHE_LINES);
const_assert_eq!(size_of::<Consumer<'static, u64>>(), super::CACHE_LINES);

assert_impl_all!(Ring<Inline<u64, 16>>: Send, Sync);
assert_impl_all!(Ring<Borrowed<'static, u64>>: Send, Sync);
assert_not_impl_any!(Ring<Inline<*mut u8, 16>>: Send, Sync);
assert_impl_all!(Producer<'static, u64>: Send, Clone);
assert_impl_all!(Consumer<'static, u64>: Send, Clone);
assert_not_impl_any!(Producer<'static, u64>: Sync);
assert_not_impl_any!(Consumer<'static, u64>: Sync);
assert_not_impl_any!(Producer<'static, *mut u8>: Send);

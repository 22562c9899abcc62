//! Rings: bounded queues between cores, cache-line aligned, bulk and burst.
//!
//! | ring | for | waits for another thread |
//! |---|---|---|
//! | [`spsc`] | one producer, one consumer: a stage handing on to the next, a driver's completions | never |
//! | [`mpmc`] | any number of each: returning buffers, control messages | briefly, as its doc says |
//!
//! Both hold items of any `Send` type, by value: a packet that goes through a ring is moved. Both
//! keep them [`Inline`] or in memory of the caller ([`Borrowed`]), use every slot of a
//! power of two, and never allocate, panic or call the system.
//!
//! # Bulk and burst
//! As in DPDK: a **bulk** moves all items or none, a **burst** as many as fit, and leaves the rest in
//! order with the caller. Both move a run of items in one copy between the ring and a [`Source`]
//! or [`Sink`]: a slice, or a [`heapless::Vec`] where items are not `Copy`.
//!
//! ```
//! use linecard::ring::{Inline, spsc};
//!
//! #[derive(Debug, PartialEq)]
//! struct Packet(u32); // not Copy, not Clone
//!
//! let mut ring = spsc::Ring::<Inline<Packet, 64>>::new();
//! let (mut producer, mut consumer) = ring.split();
//!
//! let mut received: heapless::Vec<Packet, 32> = (0..32).map(Packet).collect();
//! assert_eq!(producer.enqueue_burst(&mut received), 32);
//! assert!(received.is_empty());
//!
//! let mut to_send: heapless::Vec<Packet, 32> = heapless::Vec::new();
//! assert_eq!(consumer.dequeue_burst(&mut to_send, 8), 8);
//! assert_eq!(to_send[7], Packet(7));
//! ```
//!
//! In an SPSC ring items can also be written in place ([`spsc::Producer::reserve_burst`]), looked at
//! in place ([`spsc::Consumer::peek_burst`]) and iterated out ([`spsc::Consumer::drain`]).
//!
//! # How it is checked
//! By proptest against a `VecDeque`, every operation, capacities 1 to 64, counters that start close to
//! their wrap (`tests/ring_oracle.rs`); by threads that pass millions of items with destructors
//! (`tests/ring_threads.rs`); and by loom, which tries every interleaving of a few operations and every
//! value that the memory model lets a load return (`tests/loom_ring.rs`):
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p linecard --release --test loom_ring
//! ```
//!
//! What loom does not prove: it tries rings of one to four slots and a handful of operations, so
//! nothing that shows only after many; it does not let a load return what is stored later (load
//! buffering, which the memory model allows for relaxed operations); it sees a slot as one cell
//! that a raw access announces beforehand, so an access past the slots would have to be found by other
//! means (the masks, the oracle); and it does not finish where two threads wait for each other in
//! loops, so those tests try a fixed number of times.

mod error;
mod front;
mod lines;
pub mod mpmc;
mod pace;
mod padded;
mod slots;
pub mod spsc;
mod storage;
mod transfer;

pub(crate) use self::front::take_front;
pub use self::{
    error::{BulkError, CapacityError},
    padded::{CACHE_LINES, Padded},
    storage::{Borrowed, Inline, Storage},
    transfer::{Sink, Source},
};

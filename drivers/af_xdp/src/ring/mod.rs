//! The four rings that a socket shares with the kernel.
//!
//! ```text
//!              producer           consumer        entries
//!   fill        program            kernel         u64: a free frame, to be received into
//!   receive     kernel             program        Desc: a received packet
//!   transmit    program            kernel         Desc: a packet to be sent
//!   completion  kernel             program        u64: a frame whose packet has left
//! ```
//!
//! Each is a power of two of entries and two counters that run free and wrap at 2³²; the
//! producer's counter minus the consumer's is what the ring holds. A [`Producer`] writes entries,
//! then [publishes](Producer::publish) its counter with *release*; a [`Consumer`] reads the other
//! side's counter with *acquire*, reads entries, then [releases](Consumer::release) its own.
//! Room and entries are asked for once a burst, and then used one by one without asking again.
//! Neither writes the other side's counter, and each keeps its own in private memory: what the
//! kernel does to the shared word cannot move it.
//!
//! The kernel's counter is only believed when it leaves the ring with no fewer than none and no
//! more than all of its entries. If not, the ring reads as full (or empty), nothing is taken or
//! given, and [`is_broken`](Producer::is_broken) says so.

mod consumer;
#[cfg(test)]
pub(crate) mod fake;
mod layout;
mod producer;
#[cfg(test)]
mod tests;

pub(crate) use consumer::Consumer;
pub(crate) use layout::Layout;
pub(crate) use producer::Producer;

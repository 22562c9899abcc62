//! Stages on bursts, verdicts and drop reasons, the run-to-completion worker.
//!
//! ```text
//!  rx_burst ──> Lot ──> Stage::process ──> a Verdict each ──┬─ send(port) ──> tx_burst
//!                       (and_then: more)                    ├─ drop(reason) ─> counted, freed
//!                                                           ├─ PUNT ─────────> Worker::punted
//!                                                           └─ exception ────> Stage::exception
//! ```
//!
//! The fast path sees packets in place, in a [`Lot`], and only decides. What needs more — an
//! ICMP error, a packet that waits for its next hop's address — gets an *exception* verdict, and
//! is then handed over by value, with a [`Context`] in which to send, drop, or make packets.
//!
//! Stages are composed when the program is compiled: [`Stage::and_then`]. The [`Worker`] is
//! generic over devices, stage and clock, and knows no operating system. With a clock that is set
//! by hand, [`replay`] runs it in virtual time.

mod ahead;
mod egress;
mod lot;
mod outbox;
mod reason;
mod replay;
mod stage;
mod stats;
mod verdict;
mod worker;

pub use ahead::Ahead;
pub use egress::{Context, Egress};
pub use lot::{Lot, Marks, Parts};
pub use reason::DropReason;
pub use replay::{Stuck, replay};
pub use stage::{Stage, Then};
pub use stats::WorkerStats;
pub use verdict::Verdict;
pub use worker::{Worker, WorkerError};

#[cfg(test)]
mod tests;

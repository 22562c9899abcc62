//! The packet, an owned descriptor of 32 bytes, and the burst of them.
//!
//! A [`Packet`] is a [`Frame`](crate::mempool::Frame) and what is known about its bytes: where it
//! came in, the receive hash, checksum verdicts, where its headers are. It is moved, never
//! cloned: who received it owns it until it is sent, dropped or handed on. A [`Burst`] is up to
//! 32 of them (or as many as its type says) in one kibibyte that stays in the L1 cache.

mod burst;
mod descriptor;

pub use burst::{Burst, BurstInner, BurstView};
pub use descriptor::{Offloads, Packet, PortId};

#[cfg(test)]
mod tests;

//! Linecard: a `no_std` packet-processing core for people who build forwarders.
//!
//! A packet is an owned descriptor of 32 bytes, passed by value; its bytes stay where the device
//! put them. From the bottom up:
//!
//! - [`ring`]: cache-line-aligned SPSC and MPMC rings;
//! - [`mempool`]: frames in one region of memory, a per-core cache, and the ledger that says
//!   where every frame is;
//! - [`packet`]: [`Packet`](packet::Packet) and [`Burst`](packet::Burst);
//! - [`wire`]: zero-copy headers, checksums, and all layers in one pass;
//! - [`lookup`]: longest-prefix match and neighbours;
//! - [`device`]: what a driver implements;
//! - [`pipeline`]: stages on bursts, verdicts, and the run-to-completion worker;
//! - [`forward`]: ready pipelines: cross-connect, UDP forwarder, router;
//! - [`platform`]: what a port implements: clock, DMA, prefetch;
//! - [`trace`]: counters, histograms, stage timers.
//!
//! The core never allocates and needs neither `std` nor `alloc`.
#![no_std]
#![deny(unsafe_code)]

#[cfg(any(test, loom))]
extern crate std;

pub mod device;
pub mod forward;
pub mod lookup;
#[allow(unsafe_code)]
pub mod mempool;
pub mod packet;
pub mod pipeline;
#[allow(unsafe_code)]
pub mod platform;
#[allow(unsafe_code)]
pub mod ring;
mod sync;
pub mod trace;
pub mod wire;

/// The example in README.md, held to compile and run: by a path that the package has as well.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

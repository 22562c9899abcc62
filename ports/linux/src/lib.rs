//! Linecard on Linux: what the core leaves to the operating system.
//!
//! The core brings the rings, the pool and the pipelines; this crate brings what they stand on:
//!
//! - [`memory`]: regions on huge pages, with an honest fall-back;
//! - [`affinity`]: which CPU a worker runs on;
//! - [`clock`]: monotonic nanoseconds, cheap enough for every burst;
//! - [`signals`]: a clean end on SIGINT and SIGTERM;
//! - [`config`]: what to do, from a file and flags.
#![deny(unsafe_code)]

pub mod affinity;
pub mod cli;
#[allow(unsafe_code)]
pub mod clock;
pub mod config;
mod error;
#[allow(unsafe_code)]
pub mod memory;
pub mod port;
pub mod replay;
pub mod runner;
pub mod signals;
pub mod stats;

pub use error::Error;

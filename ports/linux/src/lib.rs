//! Linecard on Linux: what the core leaves to the operating system.
//!
//! The core brings the rings, the pool and the pipelines; this crate brings what they stand on, for
//! any program:
//!
//! - [`memory`]: regions on huge pages, with an honest fall-back;
//! - [`affinity`]: which CPU a worker runs on;
//! - [`clock`]: monotonic nanoseconds, cheap enough for every burst;
//! - [`signals`]: a clean end on SIGINT, SIGTERM and SIGHUP;
//! - [`port`]: ports in memory, and one type for a port of any kind;
//!
//! and from these the `linecard` command, each part of which can be used by itself:
//!
//! - [`config`]: what to do, from a file and flags;
//! - [`runner`]: does it, and accounts for every frame at the end;
//! - [`replay`]: a capture through a forwarder, the same out for the same in;
//! - [`stats`]: live lines, and the report for people and for machines;
//! - [`cli`]: the commands.
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

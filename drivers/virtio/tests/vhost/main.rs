//! vhost-user against DPDK: `.ci/check vhost`, which needs Debian's `dpdk-dev`.
//!
//! `LINECARD_VHOST` says how many packets go each way (10^6 without).
#![cfg(all(feature = "vhost-user", target_os = "linux"))]
#![allow(clippy::std_instead_of_core, reason = "a test")]

mod client;
mod replaced;
mod rig;
mod server;
mod testpmd;
mod traffic;

use std::path::PathBuf;

/// Packets each way.
fn packets() -> u64 {
    std::env::var("LINECARD_VHOST").map_or(1_000_000, |count| count.parse().unwrap())
}

/// A socket of this test's own.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("linecard-{}-{name}.sock", std::process::id()))
}

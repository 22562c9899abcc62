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

/// Packets each way by each of so many queue pairs.
fn count(pairs: usize) -> u64 {
    let count = std::env::var("LINECARD_VHOST").map_or(1_000_000, |count| count.parse().unwrap());
    if pairs > 1 { count.min(300_000) } else { count }
}

/// A socket of this test's own.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("linecard-{}-{name}.sock", std::process::id()))
}

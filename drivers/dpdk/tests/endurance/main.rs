//! Under pressure: hundreds of millions of packets in a pool of which little is free, a device that
//! sends nothing, and a process that is killed and comes again beside one of DPDK's own.
//!
//! `LINECARD_DPDK_SOAK` is the number of packets; by default there are few, so that the tests do
//! not take long. `.ci/check dpdk` sends 10^8.

mod circle;
mod killed;
mod neighbour;
mod pressure;

use linecard::mempool::PoolConfig;
use linecard_conformance::pool_with;
use linecard_dpdk::{Eal, Memory, PRIVATE};

/// So that it is seen whether a burst allocates.
#[global_allocator]
static ALLOCATOR: linecard_testnet::CountingAllocator = linecard_testnet::CountingAllocator;

/// A pool of its own, which DPDK knows.
fn memory(eal: Eal, frames: usize) -> Memory {
    let config = PoolConfig {
        private: PRIVATE + 64,
        ..PoolConfig::default()
    };
    Memory::new(eal, pool_with(frames, config)).expect("DPDK takes the pool")
}

fn packets() -> u64 {
    match std::env::var("LINECARD_DPDK_SOAK") {
        Ok(number) => number.parse().expect("LINECARD_DPDK_SOAK is a number"),
        Err(_) => 1_000_000,
    }
}

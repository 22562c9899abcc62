//! DPDK for all tests of a process, and pools that it knows.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use linecard::mempool::PoolConfig;
use linecard_conformance::pool_with;
use linecard_dpdk::{Eal, EalConfig, Memory, PRIVATE};

/// DPDK, started by the first who asks.
pub(crate) fn eal() -> Eal {
    static EAL: OnceLock<Eal> = OnceLock::new();
    *EAL.get_or_init(|| {
        let config = EalConfig {
            pci: false,
            megabytes: 256,
            ..EalConfig::default()
        };
        Eal::start(&config).expect("DPDK starts")
    })
}

/// A pool of its own for each test, which DPDK knows.
pub(crate) fn memory(frames: usize) -> Memory {
    let config = PoolConfig {
        private: PRIVATE,
        ..PoolConfig::default()
    };
    Memory::new(eal(), pool_with(frames, config)).expect("DPDK takes the pool")
}

/// As [`memory`], with frames of 4 KiB and the mbufs spread over two cache lines.
pub(crate) fn large_memory(frames: usize) -> Memory {
    let config = PoolConfig {
        frame_size: 4096,
        private: PRIVATE + 64,
        ..PoolConfig::default()
    };
    Memory::new(eal(), pool_with(frames, config)).expect("DPDK takes the pool")
}

/// A name for a device that no other test has.
pub(crate) fn unique(driver: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{driver}{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

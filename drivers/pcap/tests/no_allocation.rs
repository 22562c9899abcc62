//! Nothing is allocated once the queue is open. One test, because the count is the process's.
#![allow(unsafe_code)]

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::alloc::System;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::Burst;
use linecard::platform::NoClock;
use linecard_pcap::{Capture, PcapDevice, Repeat, Writer};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to `System`, whose contract is the same.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises about `layout` are those that `System` wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `System`, by `alloc` above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_running_port_allocates_nothing() {
    let mut memory = vec![0; 64 * 2048 + 63];
    let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
    let mut cache = Cache::new(&pool, "test", 32).unwrap();
    let mut file = Writer::new(Vec::new()).unwrap();
    for length in 60..160 {
        file.write(0, [&[7; 160][..length]]).unwrap();
    }
    let mut device = PcapDevice::new("test", NoClock)
        .input(Capture::from_bytes(file.into_inner().unwrap()).unwrap())
        .repeat(Repeat::Times(100))
        .output(std::io::sink())
        .unwrap();
    let (mut rx, mut tx) = device.open(0, &mut cache).unwrap();
    let mut burst = Burst::<32>::new();

    let before = ALLOCATIONS.load(Ordering::Relaxed);
    while rx.rx_burst(&mut cache, &mut burst) > 0 {
        tx.tx_burst(&mut cache, &mut burst);
    }
    tx.reclaim(&mut cache);
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(tx.stats().packets, 10_000);
    assert_eq!(after - before, 0);
    drop(black_box(vec![0; 10]));
    assert!(
        ALLOCATIONS.load(Ordering::Relaxed) > after,
        "the counter counts"
    );
}

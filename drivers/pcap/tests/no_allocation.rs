//! Nothing is allocated once the queue is open.

use core::hint::black_box;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::Burst;
use linecard::platform::NoClock;
use linecard_pcap::{Capture, PcapDevice, Repeat, Writer};
use linecard_testnet::{CountingAllocator, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

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

    let before = allocations();
    while rx.rx_burst(&mut cache, &mut burst) > 0 {
        tx.tx_burst(&mut cache, &mut burst);
    }
    tx.reclaim(&mut cache);
    let after = allocations();
    assert_eq!(tx.stats().packets, 10_000);
    assert_eq!(after - before, 0);
    drop(black_box(vec![0; 10]));
    assert!(allocations() > after, "the counter counts");
}

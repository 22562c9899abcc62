//! A pool of which nine tenths are in use, and a device that sends nothing for a while.

use std::time::Instant;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::forward::CrossConnect;
use linecard::mempool::Cache;
use linecard::packet::PortId;
use linecard::pipeline::{DropReason, Worker, WorkerStats};
use linecard::platform::ManualClock;
use linecard_dpdk::{Config, Eal, EalConfig, Port, RingPort};

use crate::{circle, memory, packets};

/// One after the other: DPDK is the process's.
#[test]
fn little_is_free_and_nothing_is_lost() {
    let config = EalConfig {
        pci: false,
        ..EalConfig::default()
    };
    let eal = Eal::start(&config).expect("DPDK starts");
    let packets = packets();
    let began = Instant::now();
    circle::run(&memory(eal, circle::FRAMES), packets, |_| {});
    let nanos = began.elapsed().as_nanos() as f64 / packets as f64;
    println!("{packets} packets round and round, {nanos:.1} ns each");
    // The ring is full before the pool is empty, and the other way round.
    a_side_that_stands_still(eal, 256);
    a_side_that_stands_still(eal, 1023);
}

/// A source without end, and a port whose packets nobody takes for some time, twice.
fn a_side_that_stands_still(eal: Eal, places: usize) {
    let memory = memory(eal, 1024);
    let pool = memory.pool();
    let mut cache = Cache::new(pool, "test", 64).expect("an account");
    let held: Vec<_> = (0..HELD).map(|_| pool.alloc().expect("free")).collect();
    let config = Config::default();
    let name = format!("still{places}");
    let mut source = Port::new(&memory, "net_null0", config).expect("a port");
    let (mut sink, mut far) = RingPort::new(&memory, &name, places as u32, config).expect("a port");
    let queues = [source.open(0, &mut cache), sink.open(0, &mut cache)];
    let stats: &'static WorkerStats = Box::leak(Box::new(WorkerStats::new()));
    let clock = ManualClock::new();
    let mut wires: CrossConnect = CrossConnect::new();
    wires.direct(PortId(0), PortId(1)).expect("a place");
    let mut worker: Worker<'_, _, _, _, _> = Worker::new(wires, &clock, cache, stats);
    for queue in queues {
        let (rx, tx) = queue.expect("queue 0");
        worker.add_port(rx, tx).expect("a place");
    }
    // What the ring takes, if there are frames for that: the rest are held, or with the worker.
    let mut taken = 0;
    for round in 1..=2 {
        for _ in 0..100_000 {
            worker.poll();
        }
        let ledger = pool.ledger();
        let (received, sent) = (stats.received.value(), stats.sent.value());
        assert!(ledger.free + ledger.cached < 1024 / 10 + 64, "{ledger}");
        assert_eq!(
            ledger.completing as u64,
            sent - taken,
            "round {round}: {ledger}"
        );
        let dropped = stats.dropped(DropReason::TX_FULL);
        let staged = received - sent - dropped;
        let in_hand = (ledger.held - HELD) as u64;
        assert_eq!(in_hand, staged, "round {round}: {ledger}");
        let (rx, _) = worker.port(PortId(0)).expect("the source");
        if places == 1023 {
            assert!(rx.stats().no_frames > 1000, "the pool is empty: {ledger}");
            assert_eq!(dropped, 0, "what cannot be received need not be dropped");
        } else {
            assert_eq!(ledger.completing, places, "{ledger}");
            assert!(dropped > 100_000, "counted: {dropped}");
            let (_, tx) = worker.port(PortId(1)).expect("the sink");
            assert!(tx.stats().full > 0);
        }
        if round == 1 {
            // It moves again.
            while far.take().is_some() {
                taken += 1;
            }
            assert_eq!(taken, sent);
        }
    }
    assert!(stats.sent.value() > taken, "it moved again");
    // It stands still while everything is closed.
    worker.drain(4);
    assert_eq!(
        stats.received.value(),
        stats.sent.value() + stats.dropped_in_all(),
        "{stats}"
    );
    drop((worker, source, sink, far, held));
    assert_eq!(memory.invalid(), 0);
    pool.audit().expect("every frame is back");
}

/// Frames that somebody else has.
const HELD: usize = 670;

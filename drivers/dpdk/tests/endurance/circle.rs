//! Numbered packets that go round and round through two of DPDK's rings.
//!
//! ```text
//!   +--> net_ring0 --> worker --> net_ring1 --> worker --+
//!   +----------------------------------------------------+
//! ```

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::forward::CrossConnect;
use linecard::mempool::Cache;
use linecard::packet::{Burst, PortId};
use linecard::pipeline::{Lot, Stage, Worker, WorkerStats};
use linecard::platform::ManualClock;
use linecard_dpdk::{Config, Memory, Port};
use linecard_testnet::allocations;

/// Frames of the pool that the packets are in.
pub(crate) const FRAMES: usize = 1024;

/// Packets on their way: nine tenths of the frames. (A ring holds 1,023.)
const NUMBERS: u32 = 922;

/// Sends packets round until a worker has received `packets`; `tell` hears of the number now and
/// then. Every packet is looked at each time it comes by: none may be missing, doubled, changed or
/// in another's place.
pub(crate) fn run(memory: &Memory, packets: u64, mut tell: impl FnMut(u64)) {
    let pool = memory.pool();
    assert_eq!(pool.frames(), FRAMES);
    let mut cache = Cache::new(pool, "circle", 64).expect("an account");
    let port = |name| Port::new(memory, name, Config::default()).expect("a port");
    let mut ports = [port("net_ring0"), port("net_ring1")];
    let mut queues = ports
        .each_mut()
        .map(|port| port.open(0, &mut cache).expect("queue 0"));
    let (_, first) = &mut queues[0];
    let mut burst: Burst<'_, 32> = Burst::new();
    for number in 0..NUMBERS {
        assert_eq!(burst.alloc(&mut cache, 1), 1);
        for packet in &mut burst {
            packet
                .append(64)
                .expect("room")
                .copy_from_slice(&frame(number));
        }
        assert_eq!(first.tx_burst(&mut cache, &mut burst), 1);
    }
    assert!(pool.ledger().completing >= FRAMES * 9 / 10);

    let stats = WorkerStats::new();
    let stats: &'static WorkerStats = Box::leak(Box::new(stats));
    let clock = ManualClock::new();
    let mut wires: CrossConnect = CrossConnect::new();
    wires.pair(PortId(0), PortId(1)).expect("two ports");
    let stage = InOrder::default().and_then(wires);
    let mut worker: Worker<'_, _, _, _, _> = Worker::new(stage, &clock, cache, stats);
    for (rx, tx) in queues {
        worker.add_port(rx, tx).expect("a place");
    }
    // What is made when it is first needed is made in the first part.
    let mut before = 0;
    for until in [packets.min(10_000), packets] {
        before = allocations();
        while stats.received.value() < until {
            for _ in 0..1024 {
                assert!(worker.poll() > 0, "nothing comes any more");
            }
            tell(stats.received.value());
        }
    }
    assert_eq!(allocations() - before, 0, "allocations under way");
    worker.drain(8);
    assert_eq!(stats.dropped_in_all(), 0, "{stats}");

    let (stage, mut cache, queues) = worker.into_parts();

    assert_eq!(stage.first.wrong, 0, "of {stats}");
    // Where each is now: all of them, once.
    let mut seen = vec![0_u32; NUMBERS as usize];
    for (mut rx, tx) in queues {
        while rx.rx_burst(&mut cache, &mut burst) > 0 {
            for packet in &burst {
                let number = number_of(packet.data()).expect("a number");
                seen[number as usize] += 1;
            }
            burst.free(&mut cache);
        }
        assert_eq!((rx.stats().invalid, rx.stats().no_frames), (0, 0));
        assert_eq!(tx.stats().errors, 0);
    }
    assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
    drop((ports, cache));
    assert_eq!(memory.invalid(), 0);
    pool.audit().expect("every frame is back");
}

/// Looks at each packet as it comes by, on each port.
#[derive(Default)]
struct InOrder {
    next: [u32; 2],
    wrong: u64,
}

impl Stage<'_> for InOrder {
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        for (packet, _) in lot.undecided() {
            let number = number_of(packet.data());
            let Some(next) = self.next.get_mut(usize::from(packet.port.0)) else {
                continue;
            };
            if number != Some(*next) || packet.len() != 64 {
                self.wrong += 1;
            }
            *next = number.map_or(0, |number| (number + 1) % NUMBERS);
        }
    }
}

fn frame(number: u32) -> [u8; 64] {
    let mut frame = [0x5a; 64];
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame[60..].copy_from_slice(&(!number).to_be_bytes());
    frame
}

/// The number, if the end of the packet says the same.
fn number_of(data: &[u8]) -> Option<u32> {
    let at = |at: usize| data.get(at..)?.first_chunk().copied();
    let (number, check) = (u32::from_be_bytes(at(14)?), u32::from_be_bytes(at(60)?));
    (check == !number && number < NUMBERS).then_some(number)
}

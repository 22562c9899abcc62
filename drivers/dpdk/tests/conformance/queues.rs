//! A port with several queues, each polled by a thread of its own.

use linecard::device::{Device, DeviceError, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;
use linecard_dpdk::{Config, Port};

use crate::eal::{memory, unique};

#[test]
fn each_queue_has_a_thread_of_its_own() {
    let memory = memory(1024);
    let config = Config {
        queues: QUEUES,
        ..Config::default()
    };
    let mut port = Port::new(&memory, &unique("net_null"), config).expect("a port");
    assert_eq!(port.capabilities().queues, QUEUES);
    let caches = (0..QUEUES).map(|queue| {
        let name = format!("core {queue}");
        Cache::new(memory.pool(), &name, 64).expect("an account")
    });
    let mut opened = Vec::new();
    for (queue, mut cache) in caches.enumerate() {
        let queues = port.open(queue as u16, &mut cache).expect("a queue");
        opened.push((cache, queues));
    }
    let (mut cache, (rx, tx)) = opened.pop().expect("the last queue");
    assert!(matches!(
        port.open(QUEUES, &mut cache),
        Err(DeviceError::NoSuchQueue(QUEUES))
    ));
    assert!(matches!(
        port.open(0, &mut cache),
        Err(DeviceError::QueueTaken(0))
    ));
    // All queues of a port are reset together, or none.
    let reset = port.reset(rx, tx, &mut cache);
    assert!(matches!(reset, Err(DeviceError::Refused(_))));
    let queues = port.open(QUEUES - 1, &mut cache).expect("it is free again");
    opened.push((cache, queues));

    std::thread::scope(|scope| {
        for (mut cache, (mut rx, mut tx)) in opened {
            scope.spawn(move || {
                let mut burst: Burst<'_, 32> = Burst::new();
                while rx.stats().packets < PACKETS {
                    assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
                    let count = burst.len();
                    assert_eq!(tx.tx_burst(&mut cache, &mut burst), count);
                }
                assert_eq!(tx.stats().packets, rx.stats().packets);
                assert_eq!((rx.stats().no_frames, rx.stats().invalid), (0, 0));
            });
        }
    });
    drop(port);
    assert_eq!(memory.invalid(), 0);
    memory.pool().audit().expect("every frame is back");
}

const QUEUES: u16 = 4;
/// Of each queue, at least.
const PACKETS: u64 = 200_000;

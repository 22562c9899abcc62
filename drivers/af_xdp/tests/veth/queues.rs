//! Several queues of one interface, on one UMEM.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::HashMap;
use std::thread;
use std::time::Instant;

use linecard::device::{Device, DeviceError, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet};
use linecard_af_xdp::{Error, Port, Rx, Tx, Umem};
use linecard_testnet::{PacketSocket, TakenQueue};

use crate::net::{Net, frame};
use crate::rig::{pool, small};

/// Queues of either end.
const QUEUES: u16 = 4;
/// Flows that the far end sends: by their hashes the kernel puts them on its transmit queues, and
/// each of those ends in the receive queue of its number.
const FLOWS: u16 = 64;
/// Packets of each flow.
const ROUNDS: u64 = 200;

const IPV4: u16 = 0x0800;

fn pair() -> Option<Net> {
    Net::with(&format!("numrxqueues {QUEUES} numtxqueues {QUEUES}"))
}

/// A UDP packet of flow `flow`, the `number`th.
fn datagram(flow: u16, number: u64) -> Vec<u8> {
    let mut frame = vec![0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00];
    frame.extend([0x45, 0, 0, 36, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend([192, 0, 2, 2, 192, 0, 2, 1]);
    frame.extend((1024 + flow).to_be_bytes());
    frame.extend([0, 9, 0, 16, 0, 0]);
    frame.extend(number.to_be_bytes());
    frame.resize(60, 0);
    frame
}

/// The flow and the number that [`datagram`] was given.
fn flow_of(frame: &[u8]) -> (u16, u64) {
    let port = u16::from_be_bytes([frame[34], frame[35]]);
    let number = u64::from_be_bytes(frame[42..50].try_into().unwrap());
    (port - 1024, number)
}

/// Opens these queues of a port, each with a cache of its own.
fn open(
    port: &mut Port<'static>,
    pool: &'static Pool<'static>,
    queues: impl Iterator<Item = u16>,
) -> Vec<Queue> {
    let opened = queues.map(|queue| {
        let mut cache = Cache::new(pool, "queue", 64).expect("a cache");
        let (rx, tx) = port.open_queue(queue, &mut cache).expect("a queue");
        Queue { rx, tx, cache }
    });
    opened.collect()
}

struct Queue {
    rx: Rx<'static>,
    tx: Tx<'static>,
    cache: Cache<'static>,
}

impl Queue {
    /// Sends all that comes in back again, until told to end; gives what it was, in order.
    fn reflect(mut self, end: &AtomicBool) -> (Self, Vec<(u16, u64)>) {
        let mut seen = Vec::new();
        let mut burst = Burst::<'_, 32>::new();
        while !end.load(Ordering::Relaxed) || !burst.is_empty() {
            let before = burst.len();
            self.rx.rx_burst(&mut self.cache, &mut burst);
            seen.extend(burst.iter().skip(before).map(|p| flow_of(p.data())));
            self.tx.tx_burst(&mut self.cache, &mut burst);
            thread::yield_now();
        }
        (self, seen)
    }

    /// Waits until the kernel has returned what was sent, for at most a second.
    fn settle(&mut self) {
        let start = Instant::now();
        while self.tx.stats().completed < self.tx.stats().packets {
            self.tx.reclaim(&mut self.cache);
            assert!(
                start.elapsed() < Duration::from_secs(1),
                "{}",
                self.tx.stats()
            );
        }
    }
}

#[test]
fn flows_spread_over_queues_and_keep_their_order() {
    let Some(net) = pair() else { return };
    let far = net.peer.inside(|| PacketSocket::on("lc1", IPV4));
    let pool = pool(1024);
    let umem = Umem::new(pool).expect("a umem");
    let mut port = Port::new(&umem, "lc0", small()).expect("a port");
    let queues = open(&mut port, pool, 0..QUEUES);
    let status = port.status();
    assert_eq!((status.queues_left_out, status.shared_queues), (0, 3));

    let end = AtomicBool::new(false);
    let mut returned = HashMap::<(u16, u64), u32>::new();
    let ended: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = queues
            .into_iter()
            .map(|queue| scope.spawn(|| queue.reflect(&end)))
            .collect();
        // What is under way never fills a ring or the far end's backlog.
        for number in 0..ROUNDS {
            for flow in 0..FLOWS {
                far.send(&datagram(flow, number));
            }
            for _ in 0..FLOWS {
                let Some(frame) = far.receive() else { break };
                *returned.entry(flow_of(&frame)).or_default() += 1;
            }
        }
        end.store(true, Ordering::Relaxed);
        let join = |worker: thread::ScopedJoinHandle<'_, _>| worker.join().expect("a worker");
        workers.into_iter().map(join).collect()
    });

    // Each packet has come back, once.
    assert_eq!(returned.len(), usize::from(FLOWS) * ROUNDS as usize);
    assert!(returned.values().all(|times| *times == 1));
    let mut next = HashMap::<u16, (usize, u64)>::new();
    for (queue, (_, seen)) in ended.iter().enumerate() {
        assert!(!seen.is_empty(), "nothing on queue {queue}");
        for (flow, number) in seen {
            let (its, expected) = next.entry(*flow).or_insert((queue, 0));
            assert_eq!((*its, *expected), (queue, *number), "flow {flow}");
            *expected += 1;
        }
    }
    assert!(next.values().all(|(_, expected)| *expected == ROUNDS));
    let mut received = 0;
    for (mut queue, seen) in ended {
        queue.settle();
        let (rx, tx) = (queue.rx.stats(), queue.tx.stats());
        assert_eq!(
            (rx.packets, tx.completed),
            (seen.len() as u64, rx.packets),
            "{rx}; {tx}"
        );
        assert_eq!((rx.missed, rx.invalid, tx.invalid), (0, 0, 0), "{rx}; {tx}");
        received += rx.packets;
    }
    assert_eq!(received, u64::from(FLOWS) * ROUNDS);
    drop(port);
    pool.audit().expect("every frame is back");
}

#[test]
fn flows_of_queues_that_are_not_open_go_to_the_kernel() {
    let Some(net) = pair() else { return };
    let far = net.peer.inside(|| PacketSocket::on("lc1", IPV4));
    let kernel = PacketSocket::on("lc0", IPV4);
    let pool = pool(1024);
    let umem = Umem::new(pool).expect("a umem");
    let mut port = Port::new(&umem, "lc0", small()).expect("a port");
    let mut queues = open(&mut port, pool, 1..3);
    assert_eq!(port.status().queues_left_out, 2);

    let mut ours = [0; FLOWS as usize];
    let mut kernels = ours;
    let mut receive = |queues: &mut [Queue], ours: &mut [u64]| {
        let mut burst = Burst::<'_, 32>::new();
        for queue in queues {
            queue.rx.rx_burst(&mut queue.cache, &mut burst);
            for packet in burst.iter() {
                ours[usize::from(flow_of(packet.data()).0)] += 1;
            }
            burst.free(&mut queue.cache);
        }
        let mut frame = Vec::new();
        while kernel.receive_now(&mut frame) {
            kernels[usize::from(flow_of(&frame).0)] += 1;
        }
        ours.iter().sum::<u64>() + kernels.iter().sum::<u64>()
    };
    for number in 0..ROUNDS {
        for flow in 0..FLOWS {
            far.send(&datagram(flow, number));
        }
        let sent = (number + 1) * u64::from(FLOWS);
        let start = Instant::now();
        while receive(&mut queues, &mut ours) < sent {
            assert!(start.elapsed() < Duration::from_secs(1), "round {number}");
        }
    }
    // Every flow is all here or all there, and there are some of either kind.
    for (flow, (ours, kernels)) in ours.iter().zip(&kernels).enumerate() {
        assert!(
            [(ROUNDS, 0), (0, ROUNDS)].contains(&(*ours, *kernels)),
            "flow {flow}: {ours} here, {kernels} with the kernel"
        );
    }
    assert!(ours.contains(&ROUNDS) && kernels.contains(&ROUNDS));
    drop((queues, port));
    pool.audit().expect("every frame is back");
}

#[test]
fn a_queue_without_a_transmit_queue_says_so_and_loses_nothing() {
    const SENT: usize = 8;
    let Some(net) = Net::with("numrxqueues 2 numtxqueues 1") else {
        return;
    };
    let far = net.peer_socket();
    let pool = pool(1024);
    let umem = Umem::new(pool).expect("a umem");
    let mut port = Port::new(&umem, "lc0", small()).expect("a port");
    let mut queues = open(&mut port, pool, 0..1);
    assert_eq!(port.status().queues_without_tx, 0);
    queues.extend(open(&mut port, pool, 1..2));
    let status = port.status();
    assert_eq!((status.queues_without_tx, status.queues_left_out), (1, 0));
    let text = status.to_string();
    assert!(text.contains("1 queues cannot send"), "{text}");

    for (number, queue) in queues.iter_mut().enumerate() {
        let mut burst = Burst::<'_, SENT>::new();
        for _ in 0..SENT {
            let mut packet = Packet::new(queue.cache.alloc().expect("a frame"));
            let bytes = frame(number as u64, 60);
            packet.append(60).expect("room").copy_from_slice(&bytes);
            burst.push(packet).expect("room in the burst");
        }
        assert_eq!(queue.tx.tx_burst(&mut queue.cache, &mut burst), SENT);
    }
    queues[0].settle();
    for _ in 0..SENT {
        assert_eq!(far.receive().expect("by queue 0"), frame(0, 60));
    }
    let mute = &mut queues[1];
    mute.tx.reclaim(&mut mute.cache);
    let stats = mute.tx.stats();
    assert_eq!((stats.packets, stats.completed), (SENT as u64, 0));
    assert!(stats.busy > 0, "{stats}");
    assert!(!far.receive_now(&mut Vec::new()), "nothing by queue 1");
    // The port goes on: the kernel's answer is not that of an interface that is gone.
    assert_eq!(stats.link_down, 0);
    drop((queues, port));
    pool.audit().expect("every frame is back");
}

#[test]
fn each_queue_ends_and_begins_again_by_itself() {
    let Some(net) = pair() else { return };
    let far = net.peer.inside(|| PacketSocket::on("lc1", IPV4));
    let pool = pool(1024);
    let umem = Umem::new(pool).expect("a umem");
    let mut port = Port::new(&umem, "lc0", small()).expect("a port");
    let mut queues = open(&mut port, pool, 0..QUEUES);
    // The first one registered the region that the others use.
    for at in [0, 2] {
        let Queue { rx, tx, mut cache } = queues.remove(at);
        let (rx, tx) = port.reset(rx, tx, &mut cache).expect("open again");
        queues.insert(at, Queue { rx, tx, cache });
        assert_eq!(port.status().queues_left_out, 0);
    }
    let mut received = [0; QUEUES as usize];
    for flow in 0..FLOWS {
        far.send(&datagram(flow, 0));
    }
    let start = Instant::now();
    while received.iter().sum::<usize>() < usize::from(FLOWS) {
        for (queue, received) in queues.iter_mut().zip(&mut received) {
            let mut burst = Burst::<'_, 32>::new();
            *received += queue.rx.rx_burst(&mut queue.cache, &mut burst);
            burst.free(&mut queue.cache);
        }
        assert!(start.elapsed() < Duration::from_secs(1), "{received:?}");
    }
    assert!(
        received.iter().all(|received| *received > 0),
        "{received:?}"
    );
    drop((queues, port));
    pool.audit().expect("every frame is back");
}

#[test]
fn a_queue_that_cannot_be_had_leaves_the_others() {
    let Some(net) = pair() else { return };
    let taken = TakenQueue::numbered("lc0", 2);
    let pool = pool(1024);
    let umem = Umem::new(pool).expect("a umem");
    let mut port = Port::new(&umem, "lc0", small()).expect("a port");
    let mut queues = open(&mut port, pool, 0..2);
    let cache = &mut queues[0].cache;
    let refused = |opened: Result<_, Error>| opened.map(drop).expect_err("cannot be had");
    let interface = || "lc0".to_owned();
    assert_eq!(
        refused(port.open_queue(2, cache)),
        Error::QueueTaken {
            interface: interface(),
            queue: 2,
            waited_ms: small().bind_patience_ms
        }
    );
    assert_eq!(
        refused(port.open_queue(1, cache)),
        Error::QueueTaken {
            interface: interface(),
            queue: 1,
            waited_ms: 0
        }
    );
    let none = refused(port.open_queue(QUEUES, cache));
    assert_eq!(
        none,
        Error::NoQueue {
            interface: interface(),
            queue: QUEUES,
            queues: QUEUES
        }
    );
    assert!(none.to_string().contains("ethtool -L"), "{none}");
    assert_eq!(DeviceError::from(none), DeviceError::NoSuchQueue(QUEUES));
    drop(taken);
    queues.extend(open(&mut port, pool, 2..QUEUES));
    assert_eq!(port.status().queues_left_out, 0);
    // Those that were open all along still work.
    let far = net.peer_socket();
    far.send(&frame(1, 60));
    let start = Instant::now();
    let mut burst = Burst::<'_, 1>::new();
    while burst.is_empty() {
        for queue in &mut queues {
            queue.rx.rx_burst(&mut queue.cache, &mut burst);
        }
        assert!(start.elapsed() < Duration::from_secs(1), "nothing came");
    }
    burst.free(&mut queues[0].cache);
    drop((queues, port));
    pool.audit().expect("every frame is back");
}

//! A worker with two ports that read from the input and write to a list.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{BurstView, Packet};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::ManualClock;
use linecard::wire::checksum::PseudoHeader;
use linecard::wire::{
    EthernetMut, Icmpv4Mut, Icmpv6Mut, IpProtocol, Ipv4Mut, Ipv6Mut, MacAddr, UdpMut,
};

use crate::input::Input;

/// The ports' own addresses.
pub(super) const MACS: [MacAddr; 2] = [MacAddr([2, 0, 0, 0, 0, 1]), MacAddr([2, 0, 0, 0, 0, 2])];

/// Bytes that went through a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) port: u16,
    pub(super) bytes: Vec<u8>,
}

/// Runs `test` on a tracking pool; every frame must be back afterwards.
pub(super) fn with_pool(test: impl for<'p> FnOnce(&'p Pool<'p>, &'p WorkerStats)) {
    let mut memory = vec![0; FRAMES * 2048 + 63];
    let slots: Vec<Slot> = (0..FRAMES).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, config).expect("the region has room");
    let stats = WorkerStats::new();
    test(&pool, &stats);
    pool.audit().expect("every frame is back, once");
    assert_eq!(pool.free_frames(), FRAMES);
}

/// Runs `stage` on the stream in `input`. What was sent is added to `outputs`; what was received
/// is given back.
pub(super) fn run<'p>(
    pool: &'p Pool<'p>,
    stats: &'p WorkerStats,
    stage: impl Stage<'p>,
    input: &mut Input<'_>,
    outputs: &mut Vec<Sent>,
) -> Vec<Sent> {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1));
    let cache = Cache::new(pool, "worker", 16).expect("there is an account");
    let mut worker: Worker<'_, _, _, _, _> = Worker::new(stage, &clock, cache, stats);
    let sent = Arc::new(Mutex::new(Vec::new()));
    let feeds = [0, 1].map(|port| {
        let feed = Arc::new(Mutex::new(VecDeque::new()));
        let tx = Collect {
            port,
            sent: Arc::clone(&sent),
            calls: 0,
        };
        worker
            .add_port(Feed(Arc::clone(&feed)), tx)
            .expect("there is room for two");
        feed
    });
    let mut inputs = Vec::new();
    while let Some(head) = input.operation() {
        // One bit of port, two of time, one of mending, one of waiting for more.
        let port = u16::from(head & 1);
        clock.advance(Duration::from_millis(
            [0, 15, 1_100, 31_000][usize::from(head >> 1 & 3)],
        ));
        let length = input.below(0..1600);
        // What the input does not give is zero, so that few bytes make a long packet.
        let mut bytes = input.bytes(length).to_vec();
        bytes.resize(length, 0);
        if head & 8 == 0 {
            mend(&mut bytes, MACS[usize::from(port)]);
        }
        inputs.push(Sent {
            port,
            bytes: bytes.clone(),
        });
        lock(&feeds[usize::from(port)]).push_back(bytes);
        if head & 16 == 0 {
            worker.poll();
        }
    }
    while worker.poll() > 0 {}
    // Whatever waits for an answer has waited long enough after that.
    for _ in 0..8 {
        clock.advance(Duration::from_secs(2));
        worker.poll();
    }
    assert!(worker.punted().is_empty());
    worker.drain(16);
    outputs.append(&mut lock(&sent));
    assert_eq!(stats.received.value(), inputs.len() as u64);
    assert_eq!(stats.sent.value(), outputs.len() as u64);
    drop(worker);
    inputs
}

/// Addresses a packet to the port and mends its checksums, so that more inputs come further.
fn mend(bytes: &mut [u8], mac: MacAddr) {
    let Ok(mut ethernet) = EthernetMut::new(bytes) else {
        return;
    };
    if ethernet.destination().is_unicast() {
        ethernet.set_destination(mac);
    }
    if let Ok(mut ip) = Ipv4Mut::new(ethernet.payload) {
        ip.fill_checksum();
        let pseudo = PseudoHeader::ipv4(ip.source(), ip.destination());
        mend_upper(ip.protocol(), ip.payload, &pseudo);
    } else if let Ok(ip) = Ipv6Mut::new(ethernet.payload) {
        let pseudo = PseudoHeader::ipv6(ip.source(), ip.destination());
        mend_upper(ip.next_header(), ip.payload, &pseudo);
    }
}

fn mend_upper(protocol: IpProtocol, bytes: &mut [u8], pseudo: &PseudoHeader) {
    match protocol {
        IpProtocol::UDP => {
            if let Ok(mut udp) = UdpMut::new(bytes) {
                udp.fill_checksum(pseudo);
            }
        }
        IpProtocol::ICMP => {
            if let Ok(mut icmp) = Icmpv4Mut::new(bytes) {
                icmp.fill_checksum();
            }
        }
        IpProtocol::ICMPV6 => {
            if let Ok(mut icmp) = Icmpv6Mut::new(bytes) {
                icmp.fill_checksum(pseudo);
            }
        }
        _ => {}
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().expect("nobody panicked with it")
}

/// Gives the packets that were put into it.
struct Feed(Arc<Mutex<VecDeque<Vec<u8>>>>);

impl<'p> RxQueue<'p> for Feed {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let mut queue = lock(&self.0);
        let mut count = 0;
        while out.room() > 0 && !queue.is_empty() {
            let Some(frame) = cache.alloc() else { break };
            let bytes = queue.pop_front().expect("it is not empty");
            let mut packet = Packet::new(frame);
            let room = packet
                .append(bytes.len())
                .expect("a frame holds 1,600 bytes");
            room.copy_from_slice(&bytes);
            out.push(packet).expect("there is room");
            count += 1;
        }
        count
    }

    fn stats(&self) -> RxStats {
        RxStats::default()
    }
}

/// Writes down what is sent; every third call takes one packet, every seventh none.
struct Collect {
    port: u16,
    sent: Arc<Mutex<Vec<Sent>>>,
    calls: u32,
}

impl<'p> TxQueue<'p> for Collect {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        self.calls += 1;
        let most = match self.calls {
            calls if calls.is_multiple_of(7) => 0,
            calls if calls.is_multiple_of(3) => 1,
            _ => packets.len(),
        };
        let mut sent = lock(&self.sent);
        let mut count = 0;
        for packet in packets.drain_front(most) {
            sent.push(Sent {
                port: self.port,
                bytes: packet.frame().segments().flatten().copied().collect(),
            });
            cache.free(packet.into_frame());
            count += 1;
        }
        count
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        TxStats::default()
    }
}

/// Few enough that a stream can use them up.
const FRAMES: usize = 64;

//! The back end, with DPDK's `net_virtio_user` as the virtual machine.

use core::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use linecard::device::{Device, Link, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard_testnet::Testpmd;
use linecard_virtio::Features;
use linecard_virtio::vhost_user::{Server, ServerConfig};

use super::rig::Pinned;
use super::testpmd;
use super::traffic::{Traffic, there_and_back};
use super::{count, socket};

/// Waits until so many of the guest's queues run, each way counted.
fn plugged(server: &mut Server, queues: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Device::link(server) == Link::Down {
        assert!(Instant::now() < deadline, "{}", server.status());
        std::thread::sleep(Duration::from_millis(1));
    }
    // Both ways, and enabled.
    while server.status().running < queues {
        assert!(Instant::now() < deadline, "{}", server.status());
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Packets there and back by each of so many queue pairs.
fn exchange(name: &str, pairs: u16, options: &str, expected: Features) {
    if !Testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let mut memory = vec![0; 4096 * 2048 + 63];
    let slots: Vec<Slot> = (0..4096).map(|_| Slot::new()).collect();
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
    let mut cache = Cache::new(&pool, "test", 256).unwrap();
    let config = ServerConfig {
        queues: pairs,
        ..ServerConfig::new(&path)
    };
    let mut server = Server::new(config).unwrap();
    let mut queues: Vec<_> = (0..pairs)
        .map(|pair| server.open(pair, &mut cache).unwrap())
        .collect();
    let vdev = format!(
        "net_virtio_user0,path={},queues={pairs}{options}",
        path.display()
    );
    let counts = [format!("--rxq={pairs}"), format!("--txq={pairs}")];
    let mut guest = testpmd::start(&vdev, &counts.each_ref().map(String::as_str));
    let pairs = usize::from(pairs);
    plugged(&mut server, 2 * pairs);
    let features = server.status().features;
    println!("{name}: {features:?}");
    assert!(features.contains(expected), "{features:?}");

    let _pinned = Pinned::new();
    there_and_back(name, &mut queues, &mut cache, count(pairs), || {
        testpmd::stop(&mut guest)
    });
    drop((queues, server, cache));
    pool.audit().unwrap();
}

#[test]
fn split_pairs_there_and_back() {
    exchange("split-pairs", 2, ",packed_vq=0", Features::MQ);
}

#[test]
fn packed_pairs_there_and_back() {
    let expected = Features::MQ | Features::RING_PACKED;
    exchange("packed-pairs", 2, ",packed_vq=1", expected);
}

/// A guest that dies in full traffic, and another that takes its place.
fn replaced(name: &str, options: &str) {
    if !Testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let mut memory = vec![0; 2048 * 2048 + 63];
    let slots: Vec<Slot> = (0..2048).map(|_| Slot::new()).collect();
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, PoolConfig::default()).unwrap();
    let mut cache = Cache::new(&pool, "test", 256).unwrap();
    let mut server = Server::new(ServerConfig::new(&path)).unwrap();
    let (mut rx, mut tx) = server.open(0, &mut cache).unwrap();
    let vdev = format!("net_virtio_user0,path={},queues=1{options}", path.display());
    let mut traffic = Traffic::default();
    for round in 1..=3 {
        let over = AtomicBool::new(false);
        let before = rx.stats().packets;
        std::thread::scope(|scope| {
            let guest = scope.spawn(|| {
                let guest = testpmd::start(&vdev, &[]);
                std::thread::sleep(Duration::from_millis(300));
                drop(guest);
                // A moment without anybody there.
                std::thread::sleep(Duration::from_millis(100));
                over.store(true, Ordering::Release);
            });
            while !over.load(Ordering::Acquire) && !guest.is_finished() {
                for _ in 0..1000 {
                    // Without a window: whatever the port takes.
                    traffic.turn(&mut rx, &mut tx, &mut cache, u64::MAX, u64::MAX);
                }
                std::thread::yield_now();
            }
            guest.join().unwrap();
        });
        assert!(
            rx.stats().packets > before,
            "round {round}: {}",
            server.status()
        );
        assert!(tx.stats().link_down > 0);
        let deadline = Instant::now() + Duration::from_secs(1);
        while server.status().connected {
            assert!(Instant::now() < deadline, "{}", server.status());
        }
        assert_eq!(server.status().sessions, round);
    }
    assert_eq!((traffic.disorder, traffic.corrupt), (0, 0), "{traffic:?}");
    // Nothing but that there was nobody, or no room, has happened to any packet.
    let (received, sent) = (rx.stats(), tx.stats());
    assert_eq!(received.dropped(), 0, "{received}");
    assert_eq!(sent.dropped(), sent.link_down, "{sent}");
    drop((rx, tx, server, cache));
    pool.audit().unwrap();
}

#[test]
fn split_guest_is_replaced() {
    replaced("split-replaced", ",packed_vq=0");
}

#[test]
fn packed_guest_is_replaced() {
    replaced("packed-replaced", ",packed_vq=1");
}

#[test]
fn split_there_and_back() {
    exchange("split", 1, ",packed_vq=0,in_order=0", Features::VERSION_1);
}

#[test]
fn packed_there_and_back() {
    exchange(
        "packed",
        1,
        ",packed_vq=1,in_order=0",
        Features::RING_PACKED,
    );
}

#[test]
fn split_in_order_there_and_back() {
    exchange("splitio", 1, ",packed_vq=0,in_order=1", Features::IN_ORDER);
}

#[test]
fn packed_in_order_there_and_back() {
    exchange(
        "packedio",
        1,
        ",packed_vq=1,in_order=1",
        Features::IN_ORDER | Features::RING_PACKED,
    );
}

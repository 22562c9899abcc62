//! A back end that dies in full traffic, and another that takes its place.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::platform::Arena;
use linecard_testnet::Testpmd;
use linecard_virtio::Features;
use linecard_virtio::net::Adapter;
use linecard_virtio::vhost_user::{Client, ClientConfig, VhostUser};

use super::rig::{Rig, rig};
use super::socket;
use super::testpmd;
use super::traffic::Traffic;

/// Ends the other threads, in a panic too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn replaced(name: &str, packed: bool) {
    if !Testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let Rig {
        pool,
        rings,
        memory,
    } = rig(2048);
    let mut config = ClientConfig::default();
    config.net.accept.set(Features::RING_PACKED, packed);
    let transport = VhostUser::new(&path, config.mac, config.mtu, vec![memory]);
    let adapter: Adapter<'_, VhostUser, Arena<'_>> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 256).unwrap();
    let mut port = Client::new(&adapter, pool, config).unwrap();
    let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
    let vdev = format!("net_vhost0,iface={},queues=1", path.display());
    let (received, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut traffic = Traffic::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _over = Over(&over);
            let mut ended = Instant::now();
            for _ in 0..3 {
                let back_end = testpmd::start(&vdev, &[]);
                let listening = Instant::now();
                let before = received.load(Ordering::Relaxed);
                while received.load(Ordering::Relaxed) == before {
                    assert!(
                        listening.elapsed() < Duration::from_secs(5),
                        "{}",
                        port.status()
                    );
                    thread::sleep(Duration::from_millis(1));
                }
                let back = Instant::now();
                // DPDK looks for new connections once a second: until then it is not back, and our
                // part begins.
                let answered = port.status().answered.expect("it has answered");
                let ours = back.saturating_duration_since(answered);
                println!(
                    "{name}: traffic is back {:?} after DPDK forwards, {ours:?} after it answers",
                    back.saturating_duration_since(listening),
                );
                assert!(ours < Duration::from_secs(1), "{ours:?}");
                assert!(answered > ended, "of the one before");
                // In full traffic.
                thread::sleep(Duration::from_millis(300));
                drop(back_end);
                let killed = Instant::now();
                ended = killed;
                while port.status().running {
                    assert!(
                        killed.elapsed() < Duration::from_secs(1),
                        "{}",
                        port.status()
                    );
                    thread::sleep(Duration::from_millis(1));
                }
                // DPDK leaves the socket of one that died, and cannot listen in its place.
                let _ = std::fs::remove_file(&path);
            }
        });
        // As the port asks: now and then, from a thread that may wait.
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                port.tend();
                thread::sleep(Duration::from_millis(20));
            }
        });
        while !over.load(Ordering::Acquire) {
            for _ in 0..1000 {
                traffic.turn(&mut rx, &mut tx, &mut cache, u64::MAX, u64::MAX);
            }
            received.store(traffic.received, Ordering::Relaxed);
            thread::yield_now();
        }
    });
    let status = port.status();
    assert_eq!(status.sessions, 3, "{status}");
    assert_eq!((traffic.disorder, traffic.corrupt), (0, 0), "{traffic:?}");
    let (rx_stats, tx_stats) = (rx.stats(), tx.stats());
    println!(
        "{name}: {traffic:?}\n{rx_stats}\n{tx_stats}\n{}",
        pool.ledger()
    );
    assert_eq!(rx_stats.packets, traffic.received);
    assert_eq!(rx_stats.invalid + tx_stats.invalid, 0);
    // Whatever was taken is counted once.
    assert_eq!(tx_stats.packets + tx_stats.dropped(), traffic.sent);
    assert!(tx_stats.link_down > 0);
    drop((rx, tx, port, cache));
    drop(adapter);
    pool.audit().unwrap();
}

#[test]
fn split_back_end_is_replaced() {
    replaced("client-split-replaced", false);
}

#[test]
fn packed_back_end_is_replaced() {
    replaced("client-packed-replaced", true);
}

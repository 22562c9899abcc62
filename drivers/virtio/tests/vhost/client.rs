//! The front end, with DPDK's `net_vhost` as the back end.

use std::time::{Duration, Instant};

use linecard::device::{Device, DeviceError, Link, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net};
use linecard_virtio::vhost_user::{Server, ServerConfig, VhostUser};

use super::rig::{Pinned, Rig, rig};
use super::testpmd::{self, Testpmd};
use super::traffic::Traffic;
use super::{packets, socket};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

fn config(packed: bool) -> Config {
    let mut config = Config::default();
    config.accept.set(Features::RING_PACKED, packed);
    config.require.set(Features::RING_PACKED, packed);
    config
}

fn exchange(name: &str, packed: bool) {
    if !testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let Rig {
        pool,
        rings,
        memory,
    } = rig(4096);
    let vdev = format!("net_vhost0,iface={},queues=1", path.display());
    let mut back_end = Testpmd::start(&vdev, &[]);
    let transport = VhostUser::new(&path, MAC, 1500, vec![memory]);
    let adapter: Adapter<'_, VhostUser, Arena<'_>> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 256).unwrap();
    let mut net = Net::new(&adapter, pool, "vhost-user", config(packed)).unwrap();
    assert_eq!(Device::mac(&net), MAC);
    let (mut rx, mut tx) = net.open(0, &mut cache).unwrap();
    assert!(Device::link(&mut net).is_up());
    let _pinned = Pinned::new();
    // Packets that come before testpmd has seen its link come up are lost on it.
    std::thread::sleep(Duration::from_millis(200));

    let mut traffic = Traffic::default();
    let began = Instant::now();
    traffic.run(&mut rx, &mut tx, &mut cache, packets(), 192);
    let took = began.elapsed();
    println!(
        "{name}: {} packets there and back in {took:.2?}: {:.2} Mpps each way, {:?}",
        traffic.received,
        traffic.received as f64 / took.as_secs_f64() / 1e6,
        net.features()
    );
    let dropped = back_end.stop();
    println!("{traffic:?}\n{}\n{}", rx.stats(), tx.stats());
    assert_eq!((traffic.disorder, traffic.corrupt), (0, 0));
    assert_eq!(traffic.sent, packets());
    assert_eq!(traffic.received + dropped, packets(), "lost unaccounted");
    drop(back_end);
    let deadline = Instant::now() + Duration::from_secs(1);
    while Device::link(&mut net) != Link::Down {
        assert!(Instant::now() < deadline, "the back end is gone");
    }
    drop((rx, tx, net, cache));
    drop(adapter);
    pool.audit().unwrap();
}

#[test]
fn split_there_and_back() {
    exchange("client-split", false);
}

#[test]
fn packed_there_and_back() {
    exchange("client-packed", true);
}

/// Two queue pairs at once: what is sent by one comes back by it.
fn pairs(name: &str, packed: bool) {
    if !testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let Rig {
        pool,
        rings,
        memory,
    } = rig(4096);
    let vdev = format!("net_vhost0,iface={},queues=2", path.display());
    let mut back_end = Testpmd::start(&vdev, &["--rxq=2", "--txq=2"]);
    let transport = VhostUser::new(&path, MAC, 1500, vec![memory]).with_queues(2);
    let adapter: Adapter<'_, VhostUser, Arena<'_>, 256, 2> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 256).unwrap();
    let config = Config {
        queues: 2,
        ..config(packed)
    };
    let mut net = Net::new(&adapter, pool, "vhost-user", config).unwrap();
    assert_eq!(net.capabilities().queues, 2);
    let mut queues = [0, 1].map(|pair| net.open(pair, &mut cache).unwrap());
    let _pinned = Pinned::new();
    std::thread::sleep(Duration::from_millis(200));

    let mut traffic = [Traffic::default(), Traffic::default()];
    let count = packets().min(300_000);
    // By turns, so that neither is ever empty for long.
    for limit in (1..=20).map(|part| count * part / 20) {
        for (traffic, (rx, tx)) in traffic.iter_mut().zip(&mut queues) {
            traffic.run(rx, tx, &mut cache, limit, 96);
        }
    }
    let dropped = back_end.stop();
    println!("{name}: {traffic:?} {dropped}");
    for (traffic, (rx, _)) in traffic.iter().zip(&queues) {
        assert_eq!((traffic.disorder, traffic.corrupt), (0, 0));
        assert_eq!(
            (traffic.sent, rx.stats().packets),
            (count, traffic.received)
        );
    }
    let received: u64 = traffic.iter().map(|traffic| traffic.received).sum();
    assert_eq!(received + dropped, 2 * count, "lost unaccounted");
    drop((queues, net));
    drop(adapter);
    drop(cache);
    pool.audit().unwrap();
}

#[test]
fn split_pairs_there_and_back() {
    pairs("client-split-pairs", false);
}

#[test]
fn packed_pairs_there_and_back() {
    pairs("client-packed-pairs", true);
}

#[test]
fn no_more_pairs_are_used_than_the_back_end_has() {
    let path = socket("client-fewer-pairs");
    let server = Server::new(ServerConfig {
        queues: 2,
        ..ServerConfig::new(&path)
    });
    let server = server.unwrap();
    let Rig {
        pool,
        rings,
        memory,
    } = rig(2048);
    let transport = VhostUser::new(&path, MAC, 1500, vec![memory]).with_queues(4);
    let adapter: Adapter<'_, VhostUser, Arena<'_>, 256, 4> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 64).unwrap();
    let config = Config {
        queues: 3,
        ..config(true)
    };
    let mut net = Net::new(&adapter, pool, "vhost-user", config).unwrap();
    assert_eq!(net.capabilities().queues, 2);
    let refused = net.open(2, &mut cache).map(drop);
    assert_eq!(refused, Err(DeviceError::NoSuchQueue(2)));
    let queues = [0, 1].map(|pair| net.open(pair, &mut cache).unwrap());
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.status().running < 4 {
        assert!(Instant::now() < deadline, "{}", server.status());
    }
    drop((queues, net));
    drop(adapter);
    drop(cache);
    pool.audit().unwrap();
}

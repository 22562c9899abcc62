//! The front end, with DPDK's `net_vhost` as the back end.

use std::time::{Duration, Instant};

use linecard::device::{Device, DeviceError, Link, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_testnet::Testpmd;
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net};
use linecard_virtio::vhost_user::{Client, ClientConfig, Server, ServerConfig, VhostUser};

use super::rig::{Pinned, Rig, rig};
use super::testpmd;
use super::traffic::there_and_back;
use super::{count, socket};

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

fn config(packed: bool) -> Config {
    let mut config = Config::default();
    config.accept.set(Features::RING_PACKED, packed);
    config.require.set(Features::RING_PACKED, packed);
    config
}

/// Packets there and back by each of `N` queue pairs.
fn exchange<const N: usize>(name: &str, packed: bool) {
    if !Testpmd::is_there() {
        return;
    }
    let path = socket(name);
    let Rig {
        pool,
        rings,
        memory,
    } = rig(4096);
    let vdev = format!("net_vhost0,iface={},queues={N}", path.display());
    let counts = [format!("--rxq={N}"), format!("--txq={N}")];
    let mut back_end = testpmd::start(&vdev, &counts.each_ref().map(String::as_str));
    let transport = VhostUser::new(&path, MAC, 1500, vec![memory]).with_queues(N as u16);
    let adapter: Adapter<'_, VhostUser, Arena<'_>, 256, N> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 256).unwrap();
    let config = Config {
        queues: N as u16,
        ..config(packed)
    };
    let mut net = Net::new(&adapter, pool, "vhost-user", config).unwrap();
    assert_eq!(Device::mac(&net), MAC);
    assert_eq!(usize::from(net.capabilities().queues), N);
    let mut queues: Vec<_> = (0..N as u16)
        .map(|pair| net.open(pair, &mut cache).unwrap())
        .collect();
    assert!(Device::link(&mut net).is_up());
    println!("{name}: {:?}", net.features());
    let _pinned = Pinned::new();
    // Packets that come before testpmd has seen its link come up are lost on it.
    std::thread::sleep(Duration::from_millis(200));
    there_and_back(name, &mut queues, &mut cache, count(N), || {
        testpmd::stop(&mut back_end)
    });
    drop(back_end);
    let deadline = Instant::now() + Duration::from_secs(1);
    while Device::link(&mut net) != Link::Down {
        assert!(Instant::now() < deadline, "the back end is gone");
    }
    drop((queues, net, cache));
    drop(adapter);
    pool.audit().unwrap();
}

#[test]
fn split_there_and_back() {
    exchange::<1>("client-split", false);
}

#[test]
fn packed_there_and_back() {
    exchange::<1>("client-packed", true);
}

#[test]
fn split_pairs_there_and_back() {
    exchange::<2>("client-split-pairs", false);
}

#[test]
fn packed_pairs_there_and_back() {
    exchange::<2>("client-packed-pairs", true);
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

/// A packet each way by the pair of this number, of both ends.
fn echo<'p>(
    near: (&mut impl RxQueue<'p>, &mut impl TxQueue<'p>),
    far: (&mut impl RxQueue<'p>, &mut impl TxQueue<'p>),
    cache: &mut Cache<'p>,
) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut pass = |tx: &mut dyn TxQueue<'p>, rx: &mut dyn RxQueue<'p>, byte: u8| {
        let mut burst: Burst<'_, 32> = Burst::new();
        while burst.is_empty() {
            assert!(Instant::now() < deadline, "no packet {byte}");
            let mut one: Burst<'_, 1> = Burst::new();
            one.alloc(cache, 1);
            one.iter_mut()
                .for_each(|packet| packet.append(60).unwrap().fill(byte));
            tx.tx_burst(cache, &mut one);
            one.free(cache);
            rx.rx_burst(cache, &mut burst);
        }
        assert_eq!(burst.as_slice()[0].data(), [byte; 60]);
        burst.free(cache);
    };
    pass(near.1, far.0, 1);
    pass(far.1, near.0, 2);
}

#[test]
fn a_client_keeps_its_pairs_while_back_ends_of_fewer_come_and_go() {
    let path = socket("client-keeps-pairs");
    let Rig {
        pool,
        rings,
        memory,
    } = rig(2048);
    let mut config = ClientConfig::default();
    config.net.queues = 3;
    let transport = VhostUser::new(&path, MAC, 1500, vec![memory]).with_queues(3);
    let adapter: Adapter<'_, VhostUser, Arena<'_>, 256, 4> = Adapter::new(transport, rings);
    let mut cache = Cache::new(pool, "test", 64).unwrap();
    let mut port = Client::new(&adapter, pool, config).unwrap();
    assert_eq!(port.capabilities().queues, 3);
    let mut pairs: Vec<_> = (0..3)
        .map(|pair| port.open(pair, &mut cache).unwrap())
        .collect();
    let again = port.open(1, &mut cache).map(drop);
    assert_eq!(again, Err(DeviceError::QueueTaken(1)));
    let past = port.open(3, &mut cache).map(drop);
    assert_eq!(past, Err(DeviceError::NoSuchQueue(3)));
    assert!(!port.tend(), "nobody listens");
    for (session, queues) in [(1, 2), (2, 1), (3, 3)] {
        let config = ServerConfig {
            queues,
            ..ServerConfig::new(&path)
        };
        let mut server = Server::new(config).unwrap();
        let mut theirs: Vec<_> = (0..queues)
            .map(|pair| server.open(pair, &mut cache).unwrap())
            .collect();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !port.tend() {
            assert!(Instant::now() < deadline, "{}", port.status());
        }
        let status = port.status();
        assert_eq!(
            (status.sessions, status.pairs),
            (session, queues),
            "{status}"
        );
        for ((rx, tx), (far_rx, far_tx)) in pairs.iter_mut().zip(&mut theirs) {
            echo((rx, tx), (far_rx, far_tx), &mut cache);
        }
        assert!(
            port.tend() && port.status().faults == 0,
            "{}",
            port.status()
        );
        // A pair that the back end does not have is a port without a cable.
        for (rx, tx) in pairs.iter_mut().skip(usize::from(queues)) {
            let mut burst: Burst<'_, 4> = Burst::new();
            burst.alloc(&mut cache, 4);
            let before = tx.stats().link_down;
            assert_eq!(tx.tx_burst(&mut cache, &mut burst), 4);
            assert_eq!(tx.stats().link_down, before + 4);
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0);
        }
        drop((theirs, server));
        let deadline = Instant::now() + Duration::from_secs(10);
        while port.tend() {
            assert!(Instant::now() < deadline, "its back end is gone");
        }
    }
    drop((pairs, port));
    drop(adapter);
    drop(cache);
    pool.audit().unwrap();
}

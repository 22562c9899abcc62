//! The front end, with DPDK's `net_vhost` as the back end.

use std::time::{Duration, Instant};

use linecard::device::{Device, DeviceError, Link};
use linecard::mempool::Cache;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net};
use linecard_virtio::vhost_user::{Server, ServerConfig, VhostUser};

use super::rig::{Pinned, Rig, rig};
use super::testpmd::{self, Testpmd};
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
    if !testpmd::is_there() {
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
    let mut back_end = Testpmd::start(&vdev, &counts.each_ref().map(String::as_str));
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
    there_and_back(name, &mut queues, &mut cache, count(N), || back_end.stop());
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

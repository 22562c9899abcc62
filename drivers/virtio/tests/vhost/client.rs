//! The front end, with DPDK's `net_vhost` as the back end.

use std::time::{Duration, Instant};

use linecard::device::{Device, Link, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net};
use linecard_virtio::vhost_user::VhostUser;

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

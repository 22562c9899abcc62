//! Links that go down, devices that vanish, pools that run dry, floods.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use linecard::device::{Device, DeviceError, Link, RxQueue, TxQueue};
use linecard::packet::Burst;
use linecard_af_xdp::{Config, Interface, Umem};
use linecard_testnet::Namespace;

use crate::net::{Net, frame, number_of, raw_socket};
use crate::rig::{Rig, pool, small};

#[test]
fn packets_wait_while_the_link_is_down() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let far = net.peer_socket();
    net.ip("link set lc0 down");
    assert_eq!(rig.port.link(), Link::Down);
    assert!(!rig.tx.link_up());
    let frames: Vec<_> = (0..80).map(|number| frame(number, 60)).collect();
    // The ring holds 64; the rest stays with the caller (and is dropped by the rig).
    assert_eq!(rig.send(frames.iter().map(Vec::as_slice)), 64);
    assert!(rig.tx.stats().busy > 0);
    assert_eq!(rig.pool.ledger().completing, 64);
    assert_eq!(rig.tx.reclaim(&mut rig.cache), 0);
    net.ip("link set lc0 up");
    let start = Instant::now();
    while rig.port.link() == Link::Down && start.elapsed() < Duration::from_secs(1) {}
    assert!(rig.tx.link_up());
    rig.settle();
    for number in 0..64 {
        assert_eq!(far.receive().as_deref().map(number_of), Some(number));
    }
    let stats = rig.tx.stats();
    assert_eq!(
        (stats.packets, stats.completed, stats.dropped()),
        (64, 64, 0),
        "{stats}"
    );
    // And receiving goes on.
    far.send(&frame(99, 60));
    assert!(
        rig.receive()
            .is_some_and(|packet| number_of(packet.data()) == 99)
    );
    rig.close();
}

#[test]
fn what_the_device_drops_is_counted() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    net.peer.ip("link set lc1 down");
    assert_eq!(rig.port.link(), Link::Down, "no carrier");
    let frames: Vec<_> = (0..40).map(|number| frame(number, 60)).collect();
    assert_eq!(rig.send(frames.iter().map(Vec::as_slice)), 40);
    rig.settle();
    let stats = rig.tx.stats();
    assert_eq!(
        (stats.packets, stats.errors, stats.completed),
        (0, 40, 40),
        "{stats}"
    );
    net.peer.ip("link set lc1 up");
    let far = net.peer_socket();
    let start = Instant::now();
    while rig.port.link() == Link::Down && start.elapsed() < Duration::from_secs(1) {}
    assert_eq!(rig.send([&frame(1, 60)[..]]), 1);
    assert!(far.receive().is_some());
    rig.settle();
    assert_eq!(rig.tx.stats().packets, 1);
    rig.close();
}

#[test]
fn a_deleted_device_is_noticed_and_gives_its_frames_back() {
    let Some(net) = Net::new() else { return };
    // Once noticed by sending, once by asking for the link.
    for by_sending in [true, false] {
        let mut rig = Rig::new(small());
        net.peer.ip("link del lc1");
        if by_sending {
            let frames: Vec<_> = (0..3).map(|number| frame(number, 60)).collect();
            assert_eq!(rig.send(frames.iter().map(Vec::as_slice)), 3);
        } else {
            assert_eq!(rig.port.link(), Link::Down);
        }
        assert_eq!(
            rig.send([&frame(1, 60)[..], &frame(2, 60)]),
            2,
            "taken, and freed"
        );
        assert_eq!(rig.tx.stats().link_down, 2, "{}", rig.tx.stats());
        let mut burst = Burst::<'_, 32>::new();
        assert_eq!(rig.rx.rx_burst(&mut rig.cache, &mut burst), 0);
        assert_eq!(rig.port.link(), Link::Down);
        let Rig {
            mut port,
            rx,
            tx,
            mut cache,
            pool,
        } = rig;
        assert_eq!(
            port.reset(rx, tx, &mut cache).unwrap_err(),
            DeviceError::Gone
        );
        drop((port, cache));
        pool.audit().expect("every frame is back");
        net.ip("link add lc0 type veth peer name lc1");
        net.ip(&format!("link set lc1 netns {}", net.peer.path()));
        net.ip("link set lc0 up");
        net.peer.ip("link set lc1 up");
    }
}

#[test]
fn a_pool_that_runs_dry_is_counted_and_recovers() {
    let Some(net) = Net::new() else { return };
    let umem = Umem::new(pool(96)).expect("a umem");
    let mut rig = Rig::on(&umem, "lc0", small());
    let far = net.peer_socket();
    // 96 frames: 64 are posted. Holding everything that comes in leaves none in the end.
    let mut held = Vec::new();
    for number in 0..96 {
        far.send(&frame(number, 60));
        held.extend(rig.receive());
    }
    assert_eq!(held.len(), 96);
    assert!(rig.rx.stats().no_frames > 0);
    assert_eq!(rig.pool.ledger().posted, 0);
    for number in 96..100 {
        far.send(&frame(number, 60));
    }
    let mut burst = Burst::<'_, 32>::new();
    assert_eq!(rig.rx.rx_burst(&mut rig.cache, &mut burst), 0);
    let stats = rig.rx.stats();
    assert_eq!(
        (stats.packets, stats.missed, stats.oversize),
        (96, 4, 0),
        "{stats}"
    );
    for packet in held.drain(..) {
        rig.cache.free(packet.into_frame());
    }
    assert_eq!(
        rig.rx.rx_burst(&mut rig.cache, &mut burst),
        0,
        "this one posts"
    );
    far.send(&frame(100, 60));
    assert!(
        rig.receive()
            .is_some_and(|packet| number_of(packet.data()) == 100)
    );
    rig.close();
}

#[test]
fn a_hundred_thousand_packets_there_and_back_in_order() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(Config {
        ring_size: 256,
        ..Config::default()
    });
    let far = net.peer_socket();
    let total: u64 = 100_000;
    let (mut sent, mut echoed) = (0, 0);
    let mut burst = Burst::<'_, 32>::new();
    while echoed < total {
        for _ in 0..(total - sent).min(32) {
            far.send(&frame(sent, 60));
            sent += 1;
        }
        let start = Instant::now();
        while echoed < sent {
            rig.rx.rx_burst(&mut rig.cache, &mut burst);
            for packet in &burst {
                assert_eq!(number_of(packet.data()), echoed, "in order, each once");
                echoed += 1;
            }
            while !burst.is_empty() {
                rig.tx.tx_burst(&mut rig.cache, &mut burst);
            }
            assert!(
                start.elapsed() < Duration::from_secs(5),
                "{}",
                rig.rx.stats()
            );
        }
    }
    for number in 0..total {
        assert_eq!(far.receive().as_deref().map(number_of), Some(number));
    }
    rig.settle();
    let (rx, tx) = (rig.rx.stats(), rig.tx.stats());
    assert_eq!((rx.packets, rx.dropped()), (total, 0), "{rx}");
    assert_eq!(
        (tx.packets, tx.completed, tx.dropped()),
        (total, total, 0),
        "{tx}"
    );
    rig.close();
}

/// A flood that cannot all be taken: each packet was received, or is in a counter.
#[test]
fn every_packet_of_a_flood_is_accounted_for() {
    let Some(net) = Net::new() else { return };
    let mut rig = Rig::new(small());
    let done = Arc::new(AtomicBool::new(false));
    let sent = Arc::new(AtomicU64::new(0));
    let flood = {
        let (done, sent) = (Arc::clone(&done), Arc::clone(&sent));
        let peer = net.peer.inside(Namespace::current).expect("the peer's");
        std::thread::spawn(move || {
            peer.enter().expect("into the peer's");
            let far = raw_socket("lc1");
            for number in 0..300_000 {
                // Refused when the device's queue is full: then it was not sent.
                if far.try_send(&frame(number, 60)).is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
            done.store(true, Ordering::Release);
        })
    };
    let mut burst = Burst::<'_, 32>::new();
    let (mut received, mut last, mut idle) = (0, None, 0);
    while idle < 1000 {
        // A slow program, so that rings overflow.
        if received % 1024 < 32 {
            std::thread::sleep(Duration::from_micros(500));
        }
        let count = rig.rx.rx_burst(&mut rig.cache, &mut burst);
        for packet in &burst {
            let number = number_of(packet.data());
            assert!(last < Some(number), "in order, each once");
            last = Some(number);
        }
        received += burst.free(&mut rig.cache) as u64;
        idle = if count == 0 && done.load(Ordering::Acquire) {
            idle + 1
        } else {
            0
        };
    }
    flood.join().expect("the flood ends");
    let stats = rig.rx.stats();
    let mut interface = Interface::find("lc0").expect("lc0");
    interface.refresh().expect("lc0");
    assert_eq!(stats.packets, received);
    assert!(
        stats.missed > 0,
        "the flood was too slow to overflow anything: {stats}"
    );
    assert_eq!(
        received + stats.missed,
        sent.load(Ordering::Relaxed),
        "{stats}"
    );
    rig.close();
}

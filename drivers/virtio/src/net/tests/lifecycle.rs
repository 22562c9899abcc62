//! Reset, reuse, and devices that break the rules.

use linecard::device::{Device, DeviceError, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;

use super::*;
use crate::queue::Fault;

#[test]
fn frames_come_back_when_the_handles_are_dropped() {
    for kind in kinds() {
        for reset in [Features::empty(), Features::RING_RESET] {
            with_port(offer(kind | reset), accept_all(), |port, handle, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                for _ in 0..3 {
                    let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
                    assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60; 5]).len(), 5);
                    handle.hold(true);
                    exchange(&mut rx, &mut tx, &mut cache, &[60; 5]);
                    let ledger = pool.ledger();
                    assert_eq!((ledger.posted, ledger.completing), (251, 10));
                    drop(rx);
                    assert_eq!(pool.ledger().posted, 251, "the other half is in use");
                    drop(tx);
                    let ledger = pool.ledger();
                    assert_eq!((ledger.posted, ledger.completing), (0, 0));
                    handle.hold(false);
                }
            });
        }
    }
}

#[test]
fn a_pair_is_reset_while_others_run_or_waits_for_them() {
    for ring_reset in [true, false] {
        let mut config = FakeConfig {
            pairs: 2,
            ..offer(Features::MQ | Features::CTRL_VQ)
        };
        if ring_reset {
            config = config.with(Features::RING_RESET);
        }
        with_port(
            config,
            Config {
                queues: 2,
                ..accept_all()
            },
            |port, handle, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let first = port.open(0, &mut cache).unwrap();
                let mut second = port.open(1, &mut cache).unwrap();
                // One that broke down needs the device to itself, unless queues are reset one by one.
                let raw = handle.raw(2).unwrap();
                raw.set_index(0, raw.avail_index().wrapping_add(9));
                let mut burst: Burst = Burst::new();
                assert_eq!(second.0.rx_burst(&mut cache, &mut burst), 0);
                assert!(matches!(second.0.fault(), Some(Fault::Index { .. })));
                let again = port.reset(second.0, second.1, &mut cache);
                if ring_reset {
                    drop(again.unwrap());
                } else {
                    assert_eq!(again.map(drop).unwrap_err(), DeviceError::QueueTaken(0));
                    assert_eq!(pool.ledger().posted, 512);
                }
                drop(first);
                assert_eq!(pool.ledger().posted, 0);
                drop(port.open(1, &mut cache).unwrap());
                // A sound one that was dropped while others run is taken up again.
                let _first = port.open(0, &mut cache).unwrap();
                for _ in 0..3 {
                    let (mut rx, mut tx) = port.open(1, &mut cache).unwrap();
                    let mut burst: Burst = Burst::new();
                    burst.push(packet(&mut cache, 60, 1)).unwrap();
                    burst.as_mut_slice()[0].data_mut()[0] = 1;
                    assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
                    assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
                }
            },
        );
    }
}

/// Lets the device do something to its receive queue, and gives what the driver finds.
fn misbehave(kind: Features, deed: impl Fn(&FakeHandle)) -> Option<Fault> {
    with_port(offer(kind), accept_all(), |port, handle, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        handle.hold(true);
        deed(handle);
        let mut burst: Burst = Burst::new();
        rx.rx_burst(&mut cache, &mut burst);
        let fault = rx.fault();
        assert_eq!(rx.stats().invalid > 0, fault.is_some());
        assert!(burst.is_empty());
        assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0, "out of service");
        handle.hold(false);
        // It works again after a reset, frames and all.
        (rx, tx) = port.reset(rx, tx, &mut cache).unwrap();
        assert_eq!((rx.fault(), pool.ledger().posted), (None, 256));
        assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60; 5]).len(), 5);
        fault
    })
}

#[test]
fn a_split_ring_that_breaks_the_rules_is_named_and_reset() {
    let split = Features::empty();
    let used = |id, len| {
        move |handle: &FakeHandle| {
            let raw = handle.raw(0).unwrap();
            raw.set_used(0, id, len);
            raw.set_index(0, 1);
        }
    };
    assert_eq!(misbehave(split, used(256, 60)), Some(Fault::Id(256)));
    assert_eq!(
        misbehave(split, used(u32::MAX, 60)),
        Some(Fault::Id(u32::MAX))
    );
    let room = 2048 - 256 - 3 * 64 + 12;
    let long = Fault::Length {
        written: room + 1,
        room,
    };
    assert_eq!(misbehave(split, used(3, room + 1)), Some(long));
    assert_eq!(misbehave(split, used(3, 11)), Some(Fault::NoHeader(11)));
    let jump = |handle: &FakeHandle| handle.raw(0).unwrap().set_index(0, 257);
    let jumped = Fault::Index {
        moved: 257,
        in_flight: 256,
    };
    assert_eq!(misbehave(split, jump), Some(jumped));
    let back = |handle: &FakeHandle| handle.raw(0).unwrap().set_index(0, 0xffff);
    let went_back = Fault::Index {
        moved: 0xffff,
        in_flight: 256,
    };
    assert_eq!(misbehave(split, back), Some(went_back));
    let outside = |handle: &FakeHandle| {
        let raw = handle.raw(0).unwrap();
        raw.set_used(0, 7, 11);
        raw.set_used(1, 7, 11);
        raw.set_index(0, 2);
    };
    // The second is found while the first, which is wrong as well, waits to be looked at.
    assert!(matches!(
        misbehave(split, outside),
        Some(Fault::NotPosted(7))
    ));
}

#[test]
fn a_packed_ring_that_breaks_the_rules_is_named_and_reset() {
    let used = |id, len| {
        move |handle: &FakeHandle| {
            let raw = handle.raw(0).unwrap();
            raw.set_used(0, id, len);
            raw.set_index(0, 0x8080);
        }
    };
    let packed = Features::RING_PACKED;
    assert_eq!(misbehave(packed, used(256, 60)), Some(Fault::Id(256)));
    assert_eq!(misbehave(packed, used(3, 11)), Some(Fault::NoHeader(11)));
    let room = 2048 - 256 - 3 * 64 + 12;
    let long = Fault::Length {
        written: room + 1,
        room,
    };
    assert_eq!(misbehave(packed, used(3, room + 1)), Some(long));
    let twice = |handle: &FakeHandle| {
        let raw = handle.raw(0).unwrap();
        for place in [0, 1] {
            raw.set_used(place, 5, 11);
            raw.set_index(place, 0x8080);
        }
    };
    assert!(matches!(
        misbehave(packed, twice),
        Some(Fault::NotPosted(5))
    ));
}

#[test]
fn a_batch_without_its_end_is_out_of_order() {
    let batch = |handle: &FakeHandle| {
        let raw = handle.raw(0).unwrap();
        raw.set_used(0, 9, 60);
        raw.set_index(0, 3);
    };
    assert_eq!(misbehave_lost(batch), Some(Fault::Order(9)));
}

/// As `misbehave`, of an in-order ring whose first buffers count as packets.
fn misbehave_lost(deed: impl Fn(&FakeHandle)) -> Option<Fault> {
    with_port(
        offer(Features::IN_ORDER),
        accept_all(),
        |port, handle, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, tx) = port.open(0, &mut cache).unwrap();
            handle.hold(true);
            deed(handle);
            let mut burst: Burst = Burst::new();
            assert_eq!(rx.rx_burst(&mut cache, &mut burst), 2, "written completely");
            let fault = rx.fault();
            handle.hold(false);
            drop(port.reset(rx, tx, &mut cache).unwrap());
            fault
        },
    )
}

#[test]
fn packets_in_impossible_buffers_or_segments_are_refused() {
    for (header, fault) in [
        (
            Header {
                num_buffers: 65,
                ..Header::default()
            },
            Some(Fault::Buffers(65)),
        ),
        (
            Header {
                num_buffers: 0xffff,
                ..Header::default()
            },
            Some(Fault::Buffers(0xffff)),
        ),
        (
            Header {
                gso_type: 1,
                num_buffers: 1,
                ..Header::default()
            },
            None,
        ),
    ] {
        with_port(
            offer(Features::MRG_RXBUF),
            Config {
                require: Features::MRG_RXBUF,
                ..accept_all()
            },
            |port, handle, pool| {
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let (mut rx, tx) = port.open(0, &mut cache).unwrap();
                handle.hold(true);
                let raw = handle.raw(0).unwrap();
                raw.fill(0, &header.bytes());
                raw.set_used(0, 0, 72);
                raw.set_index(0, 1);
                let mut burst: Burst = Burst::new();
                assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0);
                assert_eq!((rx.fault(), rx.stats().invalid), (fault, 1));
                handle.hold(false);
                drop(port.reset(rx, tx, &mut cache).unwrap());
            },
        );
    }
}

#[test]
fn a_device_that_keeps_its_frames_shows_in_the_ledger_until_it_lets_go() {
    with_port(
        offer(Features::empty()),
        accept_all(),
        |port, handle, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let queues = port.open(0, &mut cache).unwrap();
            handle.stick(true);
            drop(queues);
            assert_eq!(pool.ledger().posted, 256);
            assert!(port.open(0, &mut cache).is_err());
            handle.stick(false);
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            assert_eq!(pool.ledger().posted, 256);
            assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60; 5]).len(), 5);
        },
    );
}

#[test]
fn a_cache_of_another_pool_opens_nothing() {
    let other = pool(16);
    with_port(offer(Features::empty()), accept_all(), |port, _, _| {
        let mut theirs = Cache::new(other, "test", 8).unwrap();
        let refused = port.open(0, &mut theirs).map(drop).unwrap_err();
        assert!(matches!(refused, DeviceError::Unsuitable(_)));
    });
}

#[test]
fn a_device_that_is_unplugged_and_comes_back() {
    with_port(
        offer(Features::empty()),
        accept_all(),
        |port, handle, pool| {
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (rx, mut tx) = port.open(0, &mut cache).unwrap();
            handle.unplug(true);
            assert!(!port.link().is_up());
            let mut burst: Burst = Burst::new();
            burst.push(packet(&mut cache, 60, 1)).unwrap();
            assert_eq!(tx.tx_burst(&mut cache, &mut burst), 1);
            assert_eq!(tx.stats().link_down, 1);
            assert_eq!(
                port.reset(rx, tx, &mut cache).map(drop).unwrap_err(),
                DeviceError::Gone
            );
            assert_eq!(pool.ledger().posted, 0);
            handle.unplug(false);
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60; 5]).len(), 5);
        },
    );
}

#[test]
fn a_configuration_that_changes_under_way_changes_nothing() {
    let features = Features::MTU | Features::MQ | Features::CTRL_VQ;
    let config = FakeConfig {
        pairs: 2,
        ..offer(features)
    };
    with_port(config, accept_all(), |port, handle, pool| {
        let mut cache = Cache::new(pool, "test", 64).unwrap();
        let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
        handle.set_config(1, 65535);
        assert_eq!((port.mtu(), port.capabilities().max_frame), (1500, 1518));
        assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60, 1519]).len(), 1);
    });
}

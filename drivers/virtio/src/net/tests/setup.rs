//! What is agreed on, and what is refused by name.

use linecard::device::Device;
use linecard::mempool::{Cache, PoolConfig};

use super::*;
use crate::fake::Fake;
use crate::{Status, TransportError};

fn refused_on(config: FakeConfig, settings: Config, pool_config: PoolConfig) -> NetError {
    let pool = pool_with(512, pool_config);
    let (fake, handle) = Fake::new(config);
    let adapter = Card::new(fake, HostMemory);
    let error = Net::new(&adapter, pool, "net", settings)
        .map(drop)
        .unwrap_err();
    assert_eq!(handle.status(), Status::empty(), "it was reset");
    drop(adapter);
    assert!(handle.violations().is_empty());
    pool.audit().unwrap();
    error
}

fn refused(config: FakeConfig, settings: Config) -> NetError {
    refused_on(config, settings, PoolConfig::default())
}

#[test]
fn what_cannot_work_is_named() {
    let all = accept_all();
    let no_card = FakeConfig {
        device_id: 2,
        ..FakeConfig::default()
    };
    assert_eq!(refused(no_card, all), NetError::NotNetwork(2));
    let legacy = FakeConfig::default().without(Features::VERSION_1);
    assert_eq!(refused(legacy, all), NetError::Legacy);
    let packed = Config {
        require: Features::RING_PACKED,
        ..all
    };
    let split = FakeConfig::default();
    assert_eq!(
        refused(split, packed),
        NetError::Missing(Features::RING_PACKED)
    );
    let fickle = FakeConfig {
        refuse: Features::MAC,
        ..offer(Features::MAC)
    };
    let accepted = Features::MAC | Features::VERSION_1;
    assert_eq!(refused(fickle, all), NetError::Refused(accepted));
    let small = FakeConfig {
        mtu: 67,
        ..offer(Features::MTU)
    };
    assert_eq!(refused(small, all), NetError::Mtu(67));
    let jumbo = FakeConfig {
        mtu: 9000,
        ..offer(Features::MTU)
    };
    let room = 2048 - 256 - 3 * 64;
    assert_eq!(
        refused(jumbo, all),
        NetError::MtuOverFrame { mtu: 9000, room }
    );
    let many = FakeConfig {
        pairs: 0,
        ..offer(Features::MQ | Features::CTRL_VQ)
    };
    let two = Config { queues: 2, ..all };
    assert_eq!(refused(many, two), NetError::QueuePairs(0));
}

#[test]
fn a_configuration_that_never_settles_is_given_up() {
    let pool = pool(512);
    let (fake, handle) = Fake::new(offer(Features::MAC));
    handle.set_restless(true);
    let adapter = Card::new(fake, HostMemory);
    let error = Net::new(&adapter, pool, "net", accept_all())
        .map(drop)
        .unwrap_err();
    let unsettled = TransportError::TimedOut("settle its configuration");
    assert_eq!(error, NetError::Transport(unsettled));
    handle.set_restless(false);
    Net::new(&adapter, pool, "net", accept_all()).unwrap();
}

#[test]
fn a_device_has_one_port_at_a_time() {
    let pool = pool(1024);
    let (fake, _) = Fake::new(FakeConfig::default());
    let adapter = Card::new(fake, HostMemory);
    let mut port = Net::new(&adapter, pool, "net", Config::default()).unwrap();
    let taken = |error: Result<Port<'_, '_>, _>| error.map(drop).unwrap_err();
    assert_eq!(
        taken(Net::new(&adapter, pool, "again", Config::default())),
        NetError::Taken
    );
    let mut cache = Cache::new(pool, "test", 64).unwrap();
    let queues = port.open(0, &mut cache).unwrap();
    drop(port);
    assert_eq!(
        taken(Net::new(&adapter, pool, "again", Config::default())),
        NetError::Taken
    );
    drop(queues);
    Net::new(&adapter, pool, "again", Config::default()).unwrap();
}

#[test]
fn what_the_device_says_is_what_the_port_says() {
    let config = FakeConfig {
        mac: [2, 3, 4, 5, 6, 7],
        mtu: 1400,
        ..FakeConfig::default()
    };
    with_port(config, accept_all(), |port, handle, _| {
        assert_eq!((port.mac().0, port.mtu()), ([2, 3, 4, 5, 6, 7], 1400));
        assert_eq!(port.name(), "net");
        let capabilities = port.capabilities();
        assert_eq!((capabilities.queues, capabilities.max_frame), (1, 1418));
        assert_eq!((capabilities.rx_depth, capabilities.tx_depth), (256, 256));
        assert_eq!(handle.status().bits(), 15);
        assert!(port.link().is_up());
        handle.set_link(false);
        assert!(!port.link().is_up());
        handle.set_link(true);
        handle.break_down();
        assert!(!port.link().is_up());
    });
}

#[test]
fn depths_fit_the_device_and_the_kind_of_ring() {
    for (packed, depth) in [(Features::empty(), 64), (Features::RING_PACKED, 100)] {
        let config = FakeConfig {
            queue_size: 100,
            ..offer(packed)
        };
        with_port(config, accept_all(), |port, _, pool| {
            assert_eq!(port.capabilities().rx_depth, depth);
            let mut cache = Cache::new(pool, "test", 64).unwrap();
            let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
            for _ in 0..100 {
                let received = exchange(&mut rx, &mut tx, &mut cache, &[60; 7]);
                assert_eq!(received.len(), 7);
            }
        });
    }
}

#[test]
fn only_what_was_offered_and_accepted_is_used() {
    // All, and each left out in turn, on either side: the fake device counts violations.
    for bit in 0..64 {
        let one = Features::from_bits_retain(1 << bit) - Features::VERSION_1;
        let all = Features::all_named() - Features::MQ;
        for (offered, accepted) in [(all - one, all), (all, all - one)] {
            let settings = Config {
                accept: accepted,
                ..Config::default()
            };
            with_port(offer(offered), settings, |port, handle, pool| {
                let kept = one & !(Features::ACCESS_PLATFORM | Features::ORDER_PLATFORM);
                // What another one needs is accepted with it.
                let needed = Features::CTRL_VQ | Features::STATUS;
                assert!(
                    !handle.accepted().intersects(kept - needed)
                        || offered.contains(one) && accepted.contains(one)
                );
                let mut cache = Cache::new(pool, "test", 64).unwrap();
                let (mut rx, mut tx) = port.open(0, &mut cache).unwrap();
                assert_eq!(exchange(&mut rx, &mut tx, &mut cache, &[60; 7]).len(), 7);
            });
        }
    }
}

#[test]
fn packets_are_merged_only_where_one_does_not_fit_a_buffer() {
    let agreed = |mtu, require| {
        let config = FakeConfig {
            mtu,
            ..offer(Features::MTU | Features::MRG_RXBUF)
        };
        let settings = Config {
            require,
            ..accept_all()
        };
        with_port(config, settings, |port, _, _| {
            port.features().contains(Features::MRG_RXBUF)
        })
    };
    let room = 2048 - 256 - 3 * 64;
    let fits = room - 18;
    assert!(!agreed(1500, Features::empty()));
    assert!(!agreed(fits, Features::empty()));
    assert!(agreed(fits + 1, Features::empty()));
    assert!(agreed(1500, Features::MRG_RXBUF));
}

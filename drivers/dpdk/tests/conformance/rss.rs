//! What is chosen of how packets are spread over queues, on the driver that takes it: `net_null`.

use linecard::device::{Device, DeviceError};
use linecard::mempool::Cache;
use linecard_dpdk::{Config, Error, Memory, Port, Rss, RssFields, RssFunction, RssKey, RssTable};

use crate::eal::{memory, unique};

const QUEUES: u16 = 4;

fn port(memory: &Memory, rss: Rss) -> Result<Port<'static>, Error> {
    let config = Config {
        queues: QUEUES,
        rss,
        ..Config::default()
    };
    Port::new(memory, &unique("net_null"), config)
}

#[test]
fn what_is_chosen_is_what_the_device_does() {
    let memory = memory(1024);
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("an account");
    let rss = Rss {
        fields: Some(RssFields::IP | RssFields::UDP),
        key: Some(RssKey::SYMMETRIC),
        table: RssTable::First(3),
        ..Rss::default()
    };
    let mut port = port(&memory, rss).expect("a port");
    let offered = port.rss().offered;
    assert!(offered.contains(RssFields::IPV4_UDP), "{offered}");
    // Twice: what is chosen outlives a stop.
    for _ in 0..2 {
        let queues = port.open(0, &mut cache).expect("a queue");
        let state = port.rss();
        assert_eq!(
            state.fields - (RssFields::IP | RssFields::UDP),
            RssFields::NONE
        );
        assert!(state.fields.contains(RssFields::IPV4 | RssFields::IPV4_UDP));
        assert_eq!(state.key, [0x6d, 0x5a].repeat(20));
        let turns: Vec<u16> = (0..state.table.len()).map(|at| (at % 3) as u16).collect();
        assert!(state.table.len() >= 64, "{state:?}");
        assert_eq!(state.table, turns);
        drop(queues);
    }
}

#[test]
fn by_default_everything_is_the_devices_own() {
    let memory = memory(1024);
    let mut cache = Cache::new(memory.pool(), "test", 64).expect("an account");
    let mut plain = port(&memory, Rss::default()).expect("a port");
    let _queues = plain.open(0, &mut cache).expect("a queue");
    let state = plain.rss();
    assert_eq!(state.key.len(), 40);
    assert_ne!(state.key, [0x6d, 0x5a].repeat(20));
}

#[test]
fn what_the_device_cannot_is_named() {
    let memory = memory(64);
    let error = |rss| port(&memory, rss).expect_err("it cannot");
    let fields = |fields| Rss {
        fields: Some(fields),
        ..Rss::default()
    };
    let refused = error(fields(RssFields::IP | RssFields::L4_DST_ONLY));
    assert!(
        matches!(refused, Error::RssFields { missing, .. } if missing == RssFields::L4_DST_ONLY),
        "{refused}"
    );
    let key = Rss {
        key: RssKey::new(&[1; 16]),
        ..Rss::default()
    };
    assert_eq!(
        error(key),
        Error::RssKey {
            len: 16,
            wanted: 40
        }
    );
    let table = Rss {
        table: RssTable::First(QUEUES + 1),
        ..Rss::default()
    };
    let (wanted, most) = (QUEUES + 1, QUEUES);
    assert_eq!(error(table), Error::Queues { wanted, most });
    let function = Rss {
        function: RssFunction::Xor,
        ..Rss::default()
    };
    assert!(matches!(error(function), Error::RssFunction { .. }));
    // A device that spreads nothing.
    let config = Config {
        rss: fields(RssFields::IP),
        ..Config::default()
    };
    let (name, places) = (unique("ring"), 64);
    let refused = linecard_dpdk::RingPort::new(&memory, &name, places, config);
    assert_eq!(
        refused.map(|_| ()).expect_err("rings have no hash"),
        Error::NoRss
    );
}

#[test]
fn a_pool_without_the_frames_that_rings_begin_with_is_named() {
    if !linecard_testnet::available(&["ip"]) {
        return;
    }
    let home = linecard_testnet::Namespace::current().expect("this namespace");
    let own = linecard_testnet::Namespace::new().expect("a namespace");
    own.enter().expect("the namespace");
    // This driver fills its rings when it is set up.
    let small = memory(64);
    let config = Config {
        ring: 128,
        ..Config::default()
    };
    let device = format!("{},iface=lctap0", unique("net_tap"));
    let error = Port::new(&small, &device, config).expect_err("64 frames for 128 places");
    home.enter().expect("this namespace");
    assert_eq!(
        error,
        Error::TooFewFrames {
            wanted: 128,
            free: 64
        }
    );
    let text = DeviceError::from(error).to_string();
    assert_eq!(
        text,
        "the device needs 128 frames to begin, the pool has 64 free"
    );
    small.pool().audit().expect("every frame is back");
}

//! What fails says what it is, and the process goes on. DPDK starts once in a process, so each
//! failure of its start has one of its own: this test starts itself.

use std::process::Command;

use linecard::device::{Device, DeviceError, RxQueue};
use linecard::mempool::{Cache, PoolConfig};
use linecard::packet::Burst;
use linecard_conformance::{pool, pool_with};
use linecard_dpdk::{Config, Eal, EalConfig, Error, IovaMode, Memory, PRIVATE, Port};

/// One after the other: DPDK is the process's.
#[test]
fn everything_that_fails_is_named() {
    // DPDK 22.11 takes virtual addresses then, and says so in its log only.
    let physical = EalConfig {
        iova: IovaMode::Physical,
        ..config()
    };
    let error = Eal::start(&physical).expect_err("ordinary pages have no known address");
    assert_eq!(error, Error::Physical { huge_pages: false });
    assert_eq!(Eal::started(), None, "it may be tried otherwise");
    let eal = Eal::start(&config()).expect("DPDK starts on ordinary pages, without devices");
    assert_eq!(Eal::start(&config()), Err(Error::AlreadyStarted));
    assert_eq!(Eal::started(), Some(eal));

    let bare = pool(64);
    let error = Memory::new(eal, bare).expect_err("no place for mbufs");
    assert_eq!(
        error,
        Error::Private {
            has: 0,
            needs: PRIVATE
        }
    );

    let memory = Memory::new(eal, suitable(64)).expect("a pool for DPDK");
    let error = |device: &str, config| Port::new(&memory, device, config).expect_err(device);
    for device in ["net_nothing0", "0000:7f:1f.7", "nonsense"] {
        let error = error(device, Config::default());
        assert!(matches!(error, Error::Device { .. }), "{device}: {error}");
        assert!(error.to_string().contains(device), "{error}");
    }
    assert!(matches!(
        error("net_null\0", Config::default()),
        Error::Argument(_)
    ));
    let many = Config {
        queues: 2000,
        ..Config::default()
    };
    assert!(matches!(
        error("net_null0", many),
        Error::Queues { wanted: 2000, .. }
    ));
    let jumbo = Config {
        mtu: Some(9000),
        ..Config::default()
    };
    assert!(matches!(
        error("net_null1", jumbo),
        Error::MtuOverFrame { mtu: 9000, .. }
    ));

    // A refused device has left its name free, and two of one name are refused.
    let mut port = Port::new(&memory, "net_null0", Config::default()).expect("a port");
    assert_eq!(
        error("net_null0", Config::default()),
        Error::PortTaken("net_null0".into())
    );
    let mut cache = Cache::new(memory.pool(), "test", 8).expect("an account");
    assert!(matches!(
        port.open(1, &mut cache),
        Err(DeviceError::NoSuchQueue(1))
    ));
    let (mut rx, tx) = port.open(0, &mut cache).expect("queue 0");

    // A pool without a free frame receives nothing, and says so.
    let mut held = Vec::new();
    while let Some(frame) = cache.alloc() {
        held.push(frame);
    }
    let mut burst: Burst = Burst::new();
    assert_eq!(rx.rx_burst(&mut cache, &mut burst), 0);
    assert!(rx.stats().no_frames > 0);
    cache.free_burst(held);
    assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
    assert!(!port.xstats().is_empty(), "DPDK has statistics of any port");
    burst.free(&mut cache);
    drop((rx, tx, port, cache));
    memory.pool().audit().expect("every frame is back");
    pools_come_and_go(eal);
}

/// What DPDK has places for comes back when a pool's last handle and port are dropped.
fn pools_come_and_go(eal: Eal) {
    let again = suitable(64);
    for round in 0..200 {
        let pool = match round % 2 {
            0 => again,
            _ => suitable(64),
        };
        let memory = Memory::new(eal, pool).expect("a place among DPDK's");
        let mut port = Port::new(&memory, "net_null7", Config::default()).expect("a port");
        // The port keeps it.
        drop(memory);
        let mut cache = Cache::new(pool, "test", 32).expect("an account");
        let (mut rx, tx) = port.open(0, &mut cache).expect("queue 0");
        let mut burst: Burst = Burst::new();
        assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
        burst.free(&mut cache);
        // And so do its queues.
        drop(port);
        assert!(rx.rx_burst(&mut cache, &mut burst) > 0);
        burst.free(&mut cache);
        drop((rx, tx, cache));
        pool.audit().expect("every frame is back");
    }
}

#[test]
fn a_start_that_fails_is_an_error_and_not_an_end() {
    for extra in ["--no-such-argument", "--vdev=net_nothing0", "--lcores=zero"] {
        let output = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--include-ignored", "--nocapture"])
            .env(CHILD, extra)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{extra}: {output:?}");
        assert!(said.contains("refused: DPDK did not start"), "{said}");
    }
}

/// Does nothing but in the process that the test above starts.
#[test]
fn child() {
    let Ok(extra) = std::env::var(CHILD) else {
        return;
    };
    let config = EalConfig {
        extra: vec![extra],
        ..config()
    };
    let error = Eal::start(&config).expect_err("an argument that DPDK does not take");
    println!("refused: {error}");
    assert_eq!(Eal::start(&config), Err(Error::AlreadyStarted));
    assert_eq!(Eal::started(), None);
}

fn config() -> EalConfig {
    EalConfig {
        pci: false,
        ..EalConfig::default()
    }
}

fn suitable(frames: usize) -> &'static linecard::mempool::Pool<'static> {
    let config = PoolConfig {
        private: PRIVATE,
        ..PoolConfig::default()
    };
    pool_with(frames, config)
}

const CHILD: &str = "LINECARD_DPDK_CHILD";

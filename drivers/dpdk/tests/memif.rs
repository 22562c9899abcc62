//! `net_memif`: packets in memory that two ports share, joined by a socket.
//!
//! One check in a process of its own, and not the suite: the driver of DPDK 22.11 says `Invalid
//! memory` when a pair is closed, and pairs that come after it in the same process do not pass.

use core::time::Duration;
use std::time::Instant;

use linecard::device::{Capabilities, Device, DeviceError, Link, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::Burst;
use linecard::wire::MacAddr;
use linecard_conformance::{
    Fills, Harness, Injected, Limits, Profile, Reflector, Setup, Wire, check,
};
use linecard_dpdk::{Config, Port, Rx, Tx};

use crate::eal::{memory, unique};

#[path = "conformance/eal.rs"]
#[allow(dead_code)]
mod eal;

#[test]
fn a_million_come_in_and_go_out() {
    check::through::a_million_come_through::<Reflector<Memif>>();
}

/// So that the check sees whether a burst allocates.
#[global_allocator]
static ALLOCATOR: linecard_conformance::CountingAllocator = linecard_conformance::CountingAllocator;

/// A port, and another one on a pool of its own.
struct Memif {
    port: Joined,
    pool: &'static Pool<'static>,
    far: Far,
}

/// The port under test. It is opened when the two have found each other.
struct Joined {
    near: Port<'static>,
    far: Port<'static>,
}

/// The other end's queue, which stays open.
struct Far {
    rx: Rx<'static>,
    tx: Tx<'static>,
    cache: Cache<'static>,
    /// Received and not yet asked for.
    burst: Burst<'static, 1>,
}

impl Joined {
    /// The far port asks for a connection whenever it is asked for its link.
    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.far.link() == Link::Down || self.near.link() == Link::Down {
            assert!(Instant::now() < deadline, "the two do not find each other");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Device<'static> for Joined {
    type Rx = Rx<'static>;
    type Tx = Tx<'static>;

    fn name(&self) -> &str {
        self.near.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.near.capabilities()
    }

    fn link(&mut self) -> Link {
        self.near.link()
    }

    fn mac(&self) -> MacAddr {
        self.near.mac()
    }

    fn mtu(&self) -> usize {
        self.near.mtu()
    }

    fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queues = self.near.open(queue, cache)?;
        self.wait();
        Ok(queues)
    }

    fn reset(
        &mut self,
        rx: Self::Rx,
        tx: Self::Tx,
        cache: &mut Cache<'static>,
    ) -> Result<(Self::Rx, Self::Tx), DeviceError> {
        let queues = self.near.reset(rx, tx, cache)?;
        self.wait();
        Ok(queues)
    }
}

impl Harness for Memif {
    type Device = Joined;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: 128,
                patience: Duration::from_secs(10),
                ..Limits::default()
            },
            // Nothing is allocated before something has come.
            posts: false,
            fills: Fills::BetweenSteps,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let (near, far) = (memory(1024), memory(1024));
        let name = unique("net_memif");
        let port = |memory, side: &str, role| {
            // No file: the socket has a name in the abstract.
            let device = format!(
                "{name}{side},role={role},id=0,rsize=8,socket=linecard-{}-{name},socket-abstract=yes",
                std::process::id()
            );
            Port::new(memory, &device, Config::default()).expect("a port")
        };
        let near_port = port(&near, "a", "server");
        let mut far_port = port(&far, "b", "client");
        let mut cache = Cache::new(far.pool(), "far", 64).expect("an account");
        let (rx, tx) = far_port.open(0, &mut cache).expect("queue 0");
        Some(Self {
            port: Joined {
                near: near_port,
                far: far_port,
            },
            pool: near.pool(),
            far: Far {
                rx,
                tx,
                cache,
                burst: Burst::new(),
            },
        })
    }

    fn device(&mut self) -> &mut Joined {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for Memif {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        let far = &mut self.far;
        let mut burst: Burst<'_, 1> = Burst::new();
        if burst.alloc(&mut far.cache, 1) == 0 {
            return Injected::Busy;
        }
        for packet in &mut burst {
            match packet.append(frame.len()) {
                Ok(room) => room.copy_from_slice(frame),
                Err(_) => return Injected::Impossible,
            }
        }
        let before = far.tx.stats().packets;
        far.tx.tx_burst(&mut far.cache, &mut burst);
        match (far.tx.stats().packets - before, burst.is_empty()) {
            (1, _) => Injected::Taken,
            (_, true) => Injected::Impossible,
            _ => Injected::Busy,
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        let far = &mut self.far;
        if far.rx.rx_burst(&mut far.cache, &mut far.burst) == 0 {
            return false;
        }
        for packet in far.burst.drain() {
            frame.clear();
            frame.extend_from_slice(packet.data());
        }
        true
    }
}

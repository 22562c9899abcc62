//! `net_tap`: the kernel's own traffic, by way of an interface that the port makes.

use core::time::Duration;

use linecard::mempool::Pool;
use linecard_conformance::{Fills, Harness, Injected, Limits, Overflow, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port};
use linecard_testnet::{Namespace, PacketSocket};

use crate::eal::{memory, unique};

linecard_conformance::suite!(Tap);

/// A port that is an interface of a namespace of its own, and a raw socket there.
pub(crate) struct Tap {
    // Closed before its namespace is left.
    pub(crate) port: Port<'static>,
    far: PacketSocket,
    pub(crate) pool: &'static Pool<'static>,
    before: Namespace,
}

impl Harness for Tap {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                // The interface keeps 1,000 packets for a port that does not poll (`txqueuelen`).
                window: 256,
                packets: 50_000,
                // Everything has come when the system call returns.
                patience: Duration::from_secs(1),
                ..Limits::default()
            },
            // Each packet is a system call, which takes it.
            fills: Fills::Never,
            // They are in the interface's own statistics; a packet that is read while there is no
            // frame for the next one is in none of the driver's.
            overflow: Overflow::Unheard,
            // It reads when a signal says that something has come, and forgets one while it has no
            // frames.
            resumes: false,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        if !linecard_testnet::available(&["ip"]) {
            return None;
        }
        let memory = memory(1024);
        let before = Namespace::current().expect("this namespace");
        let here = Namespace::new().expect("a namespace");
        here.enter().expect("into the namespace");
        let device = format!("{},iface={INTERFACE}", unique("net_tap"));
        let config = Config {
            ring: 256,
            ..Config::default()
        };
        let port = Port::new(&memory, &device, config).expect("a port");
        Some(Self {
            port,
            far: PacketSocket::on(INTERFACE, PacketSocket::ETHERTYPE),
            pool: memory.pool(),
            before,
        })
    }

    fn device(&mut self) -> &mut Port<'static> {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.before.enter().expect("back to where the thread was");
    }
}

impl Wire for Tap {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.far.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.far.collect(frame)
    }
}

/// The interface that the port makes.
pub(crate) const INTERFACE: &str = "lctap";

//! `net_af_packet`: real packets, between two network namespaces.

use core::time::Duration;

use linecard::mempool::Pool;
use linecard_conformance::{Fills, Harness, Injected, Limits, Overflow, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port};
use linecard_testnet::{PacketSocket, VethPair, stay_on_this_cpu};

use crate::eal::{large_memory, unique};

linecard_conformance::suite!(Packet);

/// A port on one end of a veth pair, and a raw socket on the other.
struct Packet {
    // Closed before its namespace is left.
    port: Port<'static>,
    far: PacketSocket,
    pool: &'static Pool<'static>,
    _net: VethPair,
}

impl Harness for Packet {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: 32,
                unheard: 256,
                packets: 50_000,
                patience: Duration::from_secs(5),
                ..Limits::default()
            },
            // The driver waits for a place.
            fills: Fills::Never,
            overflow: Overflow::Unheard,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let net = VethPair::new()?;
        stay_on_this_cpu();
        // The driver wants 2,016 bytes of each.
        let memory = large_memory(1024);
        let device = format!("{},iface=lc0", unique("net_af_packet"));
        Some(Self {
            port: Port::new(&memory, &device, Config::default()).expect("a port"),
            far: net.peer_socket(),
            pool: memory.pool(),
            _net: net,
        })
    }

    fn device(&mut self) -> &mut Port<'static> {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for Packet {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.far.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.far.collect(frame)
    }
}

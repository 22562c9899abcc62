//! `net_ring`: mbufs go over as they are, in memory.

use linecard::mempool::Pool;
use linecard_conformance::{Harness, Injected, Limits, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port, RingPort};

use crate::eal::{memory, unique};

linecard_conformance::suite!(Ring);

/// A port on two rings, and their other ends.
struct Ring {
    port: Port<'static>,
    far: RingPort,
    pool: &'static Pool<'static>,
}

impl Harness for Ring {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: PLACES as usize,
                ..Limits::default()
            },
            // The far side allocates, not the port.
            posts: false,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let memory = memory(1024);
        let config = Config {
            ring: PLACES as u16,
            ..Config::default()
        };
        let (port, far) = RingPort::new(memory, &unique("ring"), PLACES, config).expect("a port");
        Some(Self {
            port,
            far,
            pool: memory.pool(),
        })
    }

    fn device(&mut self) -> &mut Port<'static> {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for Ring {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        match self.far.put(frame, usize::MAX) {
            true => Injected::Taken,
            false => Injected::Busy,
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        let Some(packet) = self.far.take() else {
            return false;
        };
        *frame = packet;
        true
    }
}

const PLACES: u32 = 64;

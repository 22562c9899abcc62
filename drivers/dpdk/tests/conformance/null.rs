//! `net_null`: mbufs are allocated and freed by the driver, and nothing else happens.

use linecard::mempool::Pool;
use linecard_conformance::{Fills, Harness, Inject, Injected, Limits, Profile, Setup, Wire};
use linecard_dpdk::{Config, Port};

use crate::eal::{memory, unique};

linecard_conformance::suite!(Null);

/// A port that receives packets of 64 bytes without end.
struct Null {
    port: Port<'static>,
    pool: &'static Pool<'static>,
}

impl Harness for Null {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                ..Limits::default()
            },
            inject: Inject::Endless(64),
            collects: false,
            fills: Fills::Never,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let memory = memory(1024);
        let port = Port::new(&memory, &unique("net_null"), Config::default()).expect("a port");
        Some(Self {
            port,
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

impl Wire for Null {
    fn inject(&mut self, _frame: &[u8]) -> Injected {
        Injected::Impossible
    }

    fn collect(&mut self, _frame: &mut Vec<u8>) -> bool {
        false
    }
}

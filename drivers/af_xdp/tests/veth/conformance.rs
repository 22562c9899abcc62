//! AF_XDP ports pass the suite that every driver passes, with real packets.

use core::time::Duration;

use linecard::mempool::Pool;
use linecard_af_xdp::{Port, Umem};
use linecard_conformance::{
    Fills, Harness, Injected, Limits, Overflow, Profile, Setup, Wire, pool,
};
use linecard_testnet::{PacketSocket, VethPair, stay_on_this_cpu};

use crate::rig::small;

linecard_conformance::suite!(Veth);

/// A port on one end of a veth pair, and a raw socket on the other.
struct Veth {
    // Closed before its namespace is left.
    port: Port<'static>,
    far: PacketSocket,
    pool: &'static Pool<'static>,
    _net: VethPair,
}

impl Harness for Veth {
    type Device = Port<'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                // Half of the rings is the least that is posted.
                window: 32,
                // A backlog of 1,000 (net.core.netdev_max_backlog) is where the kernel drops.
                unheard: 256,
                patience: Duration::from_secs(2),
                ..Limits::default()
            },
            fills: Fills::WithinABurst,
            overflow: Overflow::Counted,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        let net = VethPair::new()?;
        stay_on_this_cpu();
        let pool = pool(1024);
        let umem = Umem::new(pool).expect("a umem");
        Some(Self {
            port: Port::new(&umem, "lc0", small()).expect("a port"),
            far: net.peer_socket(),
            pool,
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

impl Wire for Veth {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.far.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.far.collect(frame)
    }
}

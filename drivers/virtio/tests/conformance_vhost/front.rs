//! The front end under test; the back end is the far side.

use linecard::device::Device;
use linecard::mempool::{Cache, Pool};
use linecard_conformance::{Harness, Injected, Limits, Profile, Setup, Wire, pool};
use linecard_virtio::Features;
use linecard_virtio::vhost_user::{Server, ServerConfig, ServerRx, ServerTx};

use super::guest::{Port, plug};
use super::{Far, socket};

/// A front end with rings of one kind.
pub(crate) struct FrontEnd<const PACKED: bool> {
    port: Port,
    pool: &'static Pool<'static>,
    far: Far<ServerRx, ServerTx>,
    server: Server,
}

impl<const PACKED: bool> Harness for FrontEnd<PACKED> {
    type Device = Port;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                // More than the queue has descriptors.
                window: 300,
                ..Limits::default()
            },
            starts: match PACKED {
                false => &[0xffff - 100, 0x7fff - 100],
                true => &[],
            },
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let config = ServerConfig {
            packed: PACKED,
            ..ServerConfig::new(socket())
        };
        let mut server = Server::new(config).expect("a server");
        let mut cache = Cache::new(pool(1024), "far side", 64).expect("an account");
        let queue = server.open(0, &mut cache).expect("queue 0");
        let (port, pool) = plug(server.path(), setup.start as u16);
        let packed = port.features().contains(Features::RING_PACKED);
        assert_eq!(packed, PACKED, "the kind of rings");
        Some(Self {
            port,
            pool,
            far: Far::new(queue, cache),
            server,
        })
    }

    fn device(&mut self) -> &mut Port {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        let status = self.server.status();
        assert_eq!(
            status.fault, None,
            "the front end has broken a rule: {status}"
        );
    }
}

impl<const PACKED: bool> Wire for FrontEnd<PACKED> {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.far.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.far.collect(frame)
    }

    fn step(&mut self) {
        self.far.step();
    }
}

//! The back end under test; the front end is the far side.

use std::time::{Duration, Instant};

use linecard::device::Device;
use linecard::mempool::{Cache, Pool};
use linecard::platform::Arena;
use linecard_conformance::{Harness, Injected, Limits, Profile, Setup, Wire, pool};
use linecard_virtio::net::{NetRx, NetTx};
use linecard_virtio::vhost_user::{Server, ServerConfig, VhostUser};

use super::guest::{Port, plug};
use super::{Far, socket};

/// A back end with a guest whose rings are of one kind.
pub(crate) struct BackEnd<const PACKED: bool> {
    server: Server,
    pool: &'static Pool<'static>,
    far: Far<
        NetRx<'static, 'static, VhostUser, Arena<'static>>,
        NetTx<'static, 'static, VhostUser, Arena<'static>>,
    >,
    _guest: Port,
}

impl<const PACKED: bool> Harness for BackEnd<PACKED> {
    type Device = Server;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                shortest: 14,
                window: 300,
                ..Limits::default()
            },
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let config = ServerConfig {
            packed: PACKED,
            ..ServerConfig::new(socket())
        };
        let server = Server::new(config).expect("a server");
        let (mut guest, memory) = plug(server.path(), setup.start as u16);
        let mut cache = Cache::new(memory, "far side", 64).expect("an account");
        let queue = guest.open(0, &mut cache).expect("queue 0");
        let deadline = Instant::now() + Duration::from_secs(10);
        while server.status().running < 2 {
            assert!(Instant::now() < deadline, "{}", server.status());
            std::thread::yield_now();
        }
        Some(Self {
            server,
            pool: pool(1024),
            far: Far::new(queue, cache),
            _guest: guest,
        })
    }

    fn device(&mut self) -> &mut Server {
        &mut self.server
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        let status = self.server.status();
        assert_eq!(status.fault, None, "the guest is out of service: {status}");
    }
}

impl<const PACKED: bool> Wire for BackEnd<PACKED> {
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

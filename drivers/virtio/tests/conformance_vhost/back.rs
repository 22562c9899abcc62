//! The back end under test; the front end is the far side.

use std::time::{Duration, Instant};

use linecard::device::Device;
use linecard::mempool::{Cache, Pool};
use linecard::platform::Arena;
use linecard_conformance::{Harness, Profile, Setup, pool};
use linecard_virtio::net::{NetRx, NetTx};
use linecard_virtio::vhost_user::{Server, VhostUser};

use super::guest::{Port, plug};
use super::{Far, Side, assert_sound, limits, server};

/// A back end with a guest whose rings are of one kind.
pub(crate) type BackEnd<const PACKED: bool> = Side<
    Server,
    NetRx<'static, 'static, VhostUser, Arena<'static>>,
    NetTx<'static, 'static, VhostUser, Arena<'static>>,
    Port,
    PACKED,
>;

impl<const PACKED: bool> Harness for BackEnd<PACKED> {
    type Device = Server;

    fn profile() -> Profile {
        Profile {
            limits: limits(),
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let device = server(PACKED);
        let (mut other, memory) = plug(device.path(), setup.start as u16);
        let mut cache = Cache::new(memory, "far side", 64).expect("an account");
        let queue = other.open(0, &mut cache).expect("queue 0");
        let deadline = Instant::now() + Duration::from_secs(10);
        while device.status().running < 2 {
            assert!(Instant::now() < deadline, "{}", device.status());
            std::thread::yield_now();
        }
        Some(Self {
            device,
            pool: pool(1024),
            far: Far::new(queue, cache),
            other,
        })
    }

    fn device(&mut self) -> &mut Server {
        &mut self.device
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        assert_sound(&self.device);
        drop(self.other);
    }
}

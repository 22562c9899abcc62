//! The front end under test; the back end is the far side.

use linecard::device::Device;
use linecard::mempool::{Cache, Pool};
use linecard_conformance::{Harness, Profile, Setup, pool};
use linecard_virtio::Features;
use linecard_virtio::vhost_user::{Server, ServerRx, ServerTx};

use super::guest::{Port, plug};
use super::{Far, Side, assert_sound, limits, server};

/// A front end with rings of one kind.
pub(crate) type FrontEnd<const PACKED: bool> = Side<Port, ServerRx, ServerTx, Server, PACKED>;

impl<const PACKED: bool> Harness for FrontEnd<PACKED> {
    type Device = Port;

    fn profile() -> Profile {
        Profile {
            limits: limits(),
            starts: match PACKED {
                false => &[0xffff - 100, 0x7fff - 100],
                true => &[],
            },
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let mut other = server(PACKED);
        let mut cache = Cache::new(pool(1024), "far side", 64).expect("an account");
        let queue = other.open(0, &mut cache).expect("queue 0");
        let (device, pool) = plug(other.path(), setup.start as u16);
        let packed = device.features().contains(Features::RING_PACKED);
        assert_eq!(packed, PACKED, "the kind of rings");
        Some(Self {
            device,
            pool,
            far: Far::new(queue, cache),
            other,
        })
    }

    fn device(&mut self) -> &mut Port {
        &mut self.device
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        assert_sound(&self.other);
    }
}

//! The network device passes the suite that every driver passes, over its fake device: with rings of
//! either kind, with all features and with none that can be done without, and with a device that
//! polls or waits for doorbells.

use std::collections::VecDeque;

use linecard::mempool::Pool;
use linecard_conformance::{
    CountingAllocator, Fills, Harness, Injected, Limits, Profile, Setup, Wire, pool,
};
use linecard_virtio::Features;
use linecard_virtio::fake::{Fake, FakeConfig, FakeHandle, HostMemory};
use linecard_virtio::net::{Adapter, Config, Net};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

mod split {
    linecard_conformance::suite!(super::Virtio<{ super::ALL }>);
}

mod packed {
    linecard_conformance::suite!(super::Virtio<{ super::ALL | super::PACKED }>);
}

mod split_with_little {
    linecard_conformance::suite!(super::Virtio<0>);
}

mod packed_with_little {
    linecard_conformance::suite!(super::Virtio<{ super::PACKED }>);
}

mod split_by_doorbell {
    linecard_conformance::suite!(super::Virtio<{ super::ALL | super::DOORBELLS }>);
}

mod packed_by_doorbell {
    linecard_conformance::suite!(super::Virtio<{ super::ALL | super::PACKED | super::DOORBELLS }>);
}

/// Offer all features that change how packets or rings look.
const ALL: u32 = 1;
/// Offer packed rings.
const PACKED: u32 = 2;
/// The device works when its doorbell is rung, and not only when it is stepped.
const DOORBELLS: u32 = 4;

/// A port over a fake device of this kind. The device's peer has no driver: what it has received
/// is collected from it directly.
struct Virtio<const KIND: u32> {
    port: Net<'static, 'static, Fake, HostMemory>,
    device: FakeHandle,
    peer: FakeHandle,
    pool: &'static Pool<'static>,
    heard: VecDeque<Vec<u8>>,
}

impl<const KIND: u32> Virtio<KIND> {
    /// Features that a device of this kind offers.
    fn features() -> Features {
        let rings = match KIND & PACKED {
            0 => Features::empty(),
            _ => Features::RING_PACKED,
        };
        let few = Features::VERSION_1 | Features::MAC | Features::MTU | rings;
        match KIND & ALL {
            0 => few,
            _ => FakeConfig::default().offer | few,
        }
    }
}

impl<const KIND: u32> Harness for Virtio<KIND> {
    type Device = Net<'static, 'static, Fake, HostMemory>;

    fn profile() -> Profile {
        let whole = matches!(KIND & !PACKED, ALL);
        let doorbells = KIND & DOORBELLS != 0;
        Profile {
            limits: Limits {
                shortest: 14,
                // More than a queue has descriptors: they wait in the device.
                window: 600,
                packets: if whole { 1_000_000 } else { 100_000 },
                ..Limits::default()
            },
            fills: match doorbells {
                // What is sent is taken as soon as the bell is rung, which is once a burst.
                true => Fills::WithinABurst,
                false => Fills::BetweenSteps,
            },
            watch_allocations: !doorbells,
            // A packed ring's counters begin at zero and wrap at its size.
            starts: match KIND & PACKED {
                0 => &[0xffff - 100, 0x7fff - 100],
                _ => &[],
            },
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let offer = Self::features();
        let config = FakeConfig {
            offer,
            polls: KIND & DOORBELLS == 0,
            ..FakeConfig::default()
        };
        let [(transport, device), (_, peer)] = Fake::pair(config, FakeConfig::default());
        let adapter = Box::leak(Box::new(Adapter::new(transport, HostMemory)));
        let pool = pool(1024);
        let config = Config {
            accept: Features::all(),
            require: offer & (Features::RING_PACKED | Features::VERSION_1 | Features::MRG_RXBUF),
            start: setup.start as u16,
            depth: if KIND & DOORBELLS == 0 { 256 } else { 128 },
            ..Config::default()
        };
        let port = Net::new(adapter, pool, "virtio:fake", config).expect("a port");
        Some(Self {
            port,
            device,
            peer,
            pool,
            heard: VecDeque::new(),
        })
    }

    fn device(&mut self) -> &mut Self::Device {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(self) {
        let violations = self.device.violations();
        assert!(
            violations.is_empty(),
            "the driver broke rules: {violations:?}"
        );
        assert_eq!(self.device.dropped(), 0, "packets that fitted no buffer");
    }
}

impl<const KIND: u32> Wire for Virtio<KIND> {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        let merge = Self::features().contains(Features::MRG_RXBUF);
        if frame.len() > BUFFER && !merge {
            return Injected::Impossible;
        }
        self.device.inject(frame);
        Injected::Taken
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        match self.heard.pop_front() {
            Some(first) => {
                *frame = first;
                true
            }
            None => false,
        }
    }

    fn step(&mut self) {
        loop {
            self.device.step();
            let came = self.peer.take_wire();
            if came.is_empty() {
                break;
            }
            self.heard
                .extend(came.into_iter().map(|(_, packet)| packet));
        }
    }
}

/// Bytes of a packet that fit one buffer in any case.
const BUFFER: usize = 1600;

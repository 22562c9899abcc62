//! Harnesses of the core's own devices, which are also the examples of what a harness looks like.

use core::time::Duration;
use std::collections::VecDeque;

use linecard::device::{Device, Loopback, LoopbackRx, LoopbackTx, Null, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet};
use linecard::ring::Inline;
use linecard::ring::spsc::Ring;

use crate::{Fills, Harness, Inject, Injected, Limits, Profile, Setup, Wire, pool};

/// One end of a [`Loopback`] pair, with a pool of its own; the other end is the far side, with
/// another pool.
///
/// ```
/// use linecard_conformance::{Harness, Injected, LoopbackHarness, Setup, Wire};
/// use linecard::device::{Device, RxQueue};
/// use linecard::mempool::Cache;
/// use linecard::packet::Burst;
///
/// let mut harness = LoopbackHarness::new(&Setup::default()).expect("it runs anywhere");
/// let mut cache = Cache::new(harness.pool(), "test", 32)?;
/// let (mut rx, _tx) = harness.device().open(0, &mut cache)?;
/// assert_eq!(harness.inject(&[7; 60]), Injected::Taken);
/// let mut burst: Burst = Burst::new();
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LoopbackHarness {
    port: Loopback<'static, 'static>,
    pool: &'static Pool<'static>,
    far_rx: LoopbackRx<'static, 'static>,
    far_tx: LoopbackTx<'static, 'static>,
    far_cache: Cache<'static>,
    heard: VecDeque<Packet<'static>>,
}

impl Harness for LoopbackHarness {
    type Device = Loopback<'static, 'static>;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                mtu: usize::from(u16::MAX) - 14,
                window: DEPTH,
                patience: Duration::from_millis(50),
                ..Limits::default()
            },
            posts: false,
            reopens: false,
            starts: &[0xffff - 100, 0xffff_ffff - 100, u64::MAX - 100],
            ..Profile::default()
        }
    }

    fn new(setup: &Setup) -> Option<Self> {
        let ring = || {
            let mut ring = Ring::<Inline<Packet<'static>, DEPTH>>::new();
            ring.start_at(setup.start as usize);
            Box::leak(Box::new(ring))
        };
        let (pool, far_pool) = (pool(FRAMES), pool(FRAMES));
        let (port, mut far) = Loopback::pair(ring(), ring());
        let mut far_cache = Cache::new(far_pool, "far side", 64).expect("an account");
        let (far_rx, far_tx) = far.open(0, &mut far_cache).expect("queue 0");
        Some(Self {
            port,
            pool,
            far_rx,
            far_tx,
            far_cache,
            heard: VecDeque::new(),
        })
    }

    fn device(&mut self) -> &mut Self::Device {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    fn finish(mut self) {
        self.step();
        self.heard.clear();
    }
}

impl Wire for LoopbackHarness {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        let Some(space) = self.far_cache.alloc() else {
            return Injected::Busy;
        };
        let mut packet = Packet::new(space);
        let before = frame.len().saturating_sub(packet.tailroom());
        if packet.prepend(before).is_err() || packet.append(frame.len() - before).is_err() {
            return Injected::Impossible;
        }
        packet.data_mut().copy_from_slice(frame);
        let mut burst: Burst<'static, 1> = Burst::new();
        burst.push(packet).expect("there is room for one");
        let taken = self.far_tx.tx_burst(&mut self.far_cache, &mut burst);
        burst.free(&mut self.far_cache);
        match taken {
            0 => Injected::Busy,
            _ => Injected::Taken,
        }
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        let Some(packet) = self.heard.pop_front() else {
            return false;
        };
        frame.clear();
        let parts = packet.frame().segments();
        parts.for_each(|part| frame.extend_from_slice(part));
        self.far_cache.free(packet.into_frame());
        true
    }

    fn step(&mut self) {
        let mut burst: Burst<'static> = Burst::new();
        while self.far_rx.rx_burst(&mut self.far_cache, &mut burst) > 0 {
            self.heard.extend(burst.drain());
        }
    }
}

/// The core's [`Null`]: it makes packets and takes packets, and there is nothing at its far side.
///
/// ```
/// use linecard_conformance::{Harness, Inject, NullHarness};
/// assert!(matches!(NullHarness::profile().inject, Inject::Endless(_)));
/// ```
#[derive(Debug)]
pub struct NullHarness {
    port: Null,
    pool: &'static Pool<'static>,
}

impl Harness for NullHarness {
    type Device = Null;

    fn profile() -> Profile {
        Profile {
            limits: Limits {
                mtu: usize::from(u16::MAX) - 14,
                patience: Duration::from_millis(50),
                ..Limits::default()
            },
            inject: Inject::Endless(LENGTH),
            collects: false,
            fills: Fills::Never,
            exclusive: false,
            ..Profile::default()
        }
    }

    fn new(_setup: &Setup) -> Option<Self> {
        Some(Self {
            port: Null::source(LENGTH),
            pool: pool(FRAMES),
        })
    }

    fn device(&mut self) -> &mut Null {
        &mut self.port
    }

    fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }
}

impl Wire for NullHarness {
    fn inject(&mut self, _frame: &[u8]) -> Injected {
        Injected::Impossible
    }

    fn collect(&mut self, _frame: &mut Vec<u8>) -> bool {
        false
    }
}

/// Packets that each ring holds.
const DEPTH: usize = 256;

/// Frames in each pool.
const FRAMES: usize = 1024;

/// Bytes of each packet that [`Null`] makes.
const LENGTH: usize = 60;

//! A pool, a cache and a port on `lc0`, and what every test ends with.

use core::time::Duration;
use std::time::Instant;

use linecard::device::{RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, Packet};
use linecard_af_xdp::{Config, Port, Rx, Tx, Umem};

/// A pool that keeps track, in memory that is never given back.
pub fn pool(frames: usize) -> &'static Pool<'static> {
    pool_with(frames, PoolConfig::default())
}

pub fn pool_with(frames: usize, config: PoolConfig) -> &'static Pool<'static> {
    let bytes = frames * config.frame_size;
    let memory: &'static mut [u8] = vec![0; bytes + 4096].leak();
    let start = memory.as_ptr().align_offset(4096);
    let slots: &'static [Slot] = (0..frames).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let region = Region::from_slice(&mut memory[start..start + bytes]);
    let config = PoolConfig {
        track: true,
        ..config
    };
    Box::leak(Box::new(Pool::new(region, slots, config).expect("a pool")))
}

/// Rings as small as they get: 64 entries, which wrap soon.
pub fn small() -> Config {
    Config {
        ring_size: 64,
        ..Config::default()
    }
}

/// One port with queue 0 open.
pub struct Rig {
    pub port: Port<'static>,
    pub rx: Rx<'static>,
    pub tx: Tx<'static>,
    pub cache: Cache<'static>,
    pub pool: &'static Pool<'static>,
}

impl Rig {
    pub fn new(config: Config) -> Self {
        Self::on(&Umem::new(pool(1024)).expect("a umem"), "lc0", config)
    }

    pub fn on(umem: &Umem<'static>, interface: &str, config: Config) -> Self {
        let mut port = Port::new(umem, interface, config).expect("a port");
        let mut cache = Cache::new(umem.pool(), "test", 64).expect("a cache");
        let (rx, tx) = port.open_queue(0, &mut cache).expect("queue 0");
        Self {
            port,
            rx,
            tx,
            cache,
            pool: umem.pool(),
        }
    }

    /// The next packet, waiting for it for a second.
    pub fn receive(&mut self) -> Option<Packet<'static>> {
        let mut burst = Burst::<'_, 1>::new();
        let start = Instant::now();
        while self.rx.rx_burst(&mut self.cache, &mut burst) == 0 {
            if start.elapsed() > Duration::from_secs(1) {
                return None;
            }
            std::thread::yield_now();
        }
        burst.pop()
    }

    /// A packet with these bytes.
    pub fn packet(&mut self, bytes: &[u8]) -> Packet<'static> {
        let mut packet = Packet::new(self.cache.alloc().expect("a frame"));
        packet
            .append(bytes.len())
            .expect("room")
            .copy_from_slice(bytes);
        packet
    }

    /// Hands packets with these bytes over, all in one burst; gives how many were taken.
    pub fn send<'a>(&mut self, all: impl IntoIterator<Item = &'a [u8]>) -> usize {
        let mut burst = Burst::<'_, 256>::new();
        for bytes in all {
            let packet = self.packet(bytes);
            burst.push(packet).expect("room in the burst");
        }
        let taken = self.tx.tx_burst(&mut self.cache, &mut burst);
        burst.free(&mut self.cache);
        taken
    }

    /// Reclaims until the kernel has returned everything, for at most a second.
    pub fn settle(&mut self) {
        let start = Instant::now();
        while self.pool.ledger().completing > 0 && start.elapsed() < Duration::from_secs(1) {
            self.tx.reclaim(&mut self.cache);
            std::thread::yield_now();
        }
    }

    /// Closes everything and asks where every frame is.
    pub fn close(self) {
        let Self {
            port,
            rx,
            tx,
            cache,
            pool,
        } = self;
        drop((rx, tx, port, cache));
        pool.audit().expect("every frame is back");
    }
}

//! The port over its fake device.

mod control;
mod dma;
mod lifecycle;
mod packets;
mod setup;

use std::boxed::Box;
use std::vec::Vec;

use linecard::device::{RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use linecard::packet::{Burst, BurstView, Packet};

use super::*;
use crate::Features;
use crate::fake::{Fake, FakeConfig, FakeHandle, HostMemory};

pub(super) type Port<'d, 'p> = Net<'d, 'p, Fake, HostMemory, 256, 4>;
pub(super) type Card<'p> = Adapter<'p, Fake, HostMemory, 256, 4>;

/// A pool for ever, which writes down every move.
pub(super) fn pool(frames: usize) -> &'static Pool<'static> {
    pool_with(
        frames,
        PoolConfig {
            track: true,
            ..PoolConfig::default()
        },
    )
}

pub(super) fn pool_with(frames: usize, config: PoolConfig) -> &'static Pool<'static> {
    let memory = std::vec![0; frames * config.frame_size + 63].leak();
    let slots: &[Slot] = (0..frames).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let pool = Pool::new(Region::from_slice(memory), slots, config).unwrap();
    Box::leak(Box::new(pool))
}

/// Every combination of features that changes how rings work.
pub(super) fn kinds() -> Vec<Features> {
    let optional = [
        Features::RING_PACKED,
        Features::EVENT_IDX,
        Features::IN_ORDER,
        Features::INDIRECT_DESC,
    ];
    (0..1 << optional.len())
        .map(|choice: usize| {
            let chosen = optional.iter().enumerate();
            chosen
                .filter(|(bit, _)| choice >> bit & 1 != 0)
                .fold(Features::VERSION_1, |all, (_, &feature)| all | feature)
        })
        .collect()
}

/// What a port accepts where a test says what is offered.
pub(super) fn accept_all() -> Config {
    Config {
        accept: Features::all(),
        ..Config::default()
    }
}

pub(super) fn offer(features: Features) -> FakeConfig {
    FakeConfig {
        offer: features | Features::VERSION_1,
        ..FakeConfig::default()
    }
}

/// A port that receives what it sends, and everything around it.
pub(super) fn with_port<R>(
    config: FakeConfig,
    settings: Config,
    run: impl FnOnce(&mut Port<'_, 'static>, &FakeHandle, &'static Pool<'static>) -> R,
) -> R {
    let pool = pool(2048);
    let (fake, handle) = Fake::new(config);
    let adapter = Card::new(fake, HostMemory);
    let mut port = Net::new(&adapter, pool, "net", settings).unwrap();
    let result = run(&mut port, &handle, pool);
    drop(port);
    drop(adapter);
    assert_eq!(handle.violations(), Vec::<std::string::String>::new());
    pool.audit().unwrap();
    assert_eq!(pool.free_frames(), pool.frames());
    result
}

/// A packet of `len` bytes that depend on `seed`.
pub(super) fn packet<'p>(cache: &mut Cache<'p>, len: usize, seed: u64) -> Packet<'p> {
    let mut packet = Packet::new(cache.alloc().unwrap());
    packet
        .append(len)
        .unwrap()
        .copy_from_slice(&bytes(len, seed));
    packet
}

pub(super) fn bytes(len: usize, seed: u64) -> Vec<u8> {
    (0..len as u64)
        .map(|at| (seed.wrapping_mul(31) + at) as u8)
        .collect()
}

/// Sends a packet of each length, and gives those that come back.
pub(super) fn exchange<'p>(
    rx: &mut impl RxQueue<'p>,
    tx: &mut impl TxQueue<'p>,
    cache: &mut Cache<'p>,
    lens: &[usize],
) -> Vec<Vec<u8>> {
    let mut burst: Burst = Burst::new();
    for (seed, &len) in lens.iter().enumerate() {
        burst.push(packet(cache, len, seed as u64)).unwrap();
    }
    tx.tx_burst(cache, &mut burst);
    receive(rx, cache, &mut burst)
}

pub(super) fn receive<'p>(
    rx: &mut impl RxQueue<'p>,
    cache: &mut Cache<'p>,
    burst: &mut BurstView<'p>,
) -> Vec<Vec<u8>> {
    burst.free(cache);
    rx.rx_burst(cache, burst);
    let received = burst.iter().map(whole).collect();
    burst.free(cache);
    received
}

pub(super) fn whole(packet: &Packet<'_>) -> Vec<u8> {
    packet.frame().segments().flatten().copied().collect()
}

//! Forwarders between two ports in memory, beside testpmd between two of DPDK's.

use core::time::Duration;

use linecard::device::{Device, Loopback, Null, RxQueue, TxQueue};
use linecard::forward::{CrossConnect, MacSwap};
use linecard::mempool::{Cache, Pool};
use linecard::packet::{Burst, Packet, PortId};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::NoClock;
use linecard::ring::{Inline, spsc::Ring};
use linecard_linux::memory::{PagePolicy, PoolMemory};

use crate::harness::{Contender, cpu_time};
use crate::routing::LEAN;
use crate::testpmd_ports::{self, Kind, Mode, PRIMED};

/// A cross-connect over `null` devices, beside testpmd's io over `net_null`.
///
/// # Errors
/// What is missing.
pub fn null() -> Result<Vec<Contender>, String> {
    let name = "linecard cross-connect, null";
    let mut cache = cache()?;
    let mut ports = Vec::new();
    for _ in 0..2 {
        ports.push(Null::source(LEN).open(0, &mut cache).map_err(text)?);
    }
    let ours = forwarder(name, wires()?, cache, ports)?;
    Ok(beside(ours, Mode::Io, Kind::Null))
}

/// A cross-connect over a pair of `loopback` devices, beside testpmd's io over a pair of `net_ring`.
///
/// # Errors
/// What is missing.
pub fn cross_connect() -> Result<Vec<Contender>, String> {
    let ours = looped("linecard cross-connect, loopback", wires()?)?;
    Ok(beside(ours, Mode::Io, Kind::Ring))
}

/// A swap of addresses over a pair of `loopback` devices, beside testpmd's over a pair of
/// `net_ring`.
///
/// # Errors
/// What is missing.
pub fn mac_swap() -> Result<Vec<Contender>, String> {
    let ours = looped(
        "linecard address swap, loopback",
        MacSwap.and_then(wires()?),
    )?;
    Ok(beside(ours, Mode::MacSwap, Kind::Ring))
}

/// Ours, and testpmd in a mode, on the same processor.
pub(crate) fn beside(ours: Contender, mode: Mode, kind: Kind) -> Vec<Contender> {
    vec![
        ours.on(testpmd_ports::processor()),
        testpmd_ports::contender(mode, kind),
    ]
}

/// Ports that receive what they send, as `net_ring` does, and as many bursts on the way in each.
fn looped<S: Stage<'static> + 'static>(name: &'static str, stage: S) -> Result<Contender, String> {
    let mut cache = cache()?;
    let mut ports = Vec::new();
    for _ in 0..2 {
        let ring = Box::leak(Box::new(Ring::<Inline<Packet<'static>, PLACES>>::new()));
        let mut port = Loopback::to_itself(ring);
        let (rx, mut tx) = port.open(0, &mut cache).map_err(text)?;
        (0..PRIMED).try_for_each(|_| prime(&mut tx, &mut cache))?;
        ports.push((rx, tx));
    }
    forwarder(name, stage, cache, ports)
}

/// Sends a burst of zeros.
pub(crate) fn prime<'p>(tx: &mut impl TxQueue<'p>, cache: &mut Cache<'p>) -> Result<(), String> {
    let mut burst = Burst::<'_, 32>::new();
    burst.alloc(cache, 32);
    for packet in &mut burst {
        packet.append(LEN).map_err(text)?.fill(0);
    }
    match tx.tx_burst(cache, &mut burst) {
        32 => Ok(()),
        sent => Err(format!("{sent} of 32 packets were sent")),
    }
}

/// A worker of these ports with a stage, that loses nothing.
pub(crate) fn forwarder<R, T, S>(
    name: &'static str,
    stage: S,
    cache: Cache<'static>,
    ports: Vec<(R, T)>,
) -> Result<Contender, String>
where
    R: RxQueue<'static> + 'static,
    T: TxQueue<'static> + 'static,
    S: Stage<'static> + 'static,
{
    let stats: &WorkerStats = Box::leak(Box::new(WorkerStats::new()));
    let mut worker: Worker<'_, _, _, _, _> = Worker::new(stage, NoClock, cache, stats);
    for (rx, tx) in ports {
        worker.add_port(rx, tx).map_err(text)?;
    }
    let run = move |units| {
        let start = cpu_time();
        let (mut done, mut idle) = (0, 0);
        while done < units && idle < 1000 {
            let got = worker.poll() as u64;
            idle = if got == 0 { idle + 1 } else { 0 };
            done += got;
        }
        let took = cpu_time().saturating_sub(start);
        // A forwarder that drops is fast; a port that gives nothing any more is slow.
        let dropped = stats.dropped_in_all();
        assert!(dropped == 0, "{name}: {stats}");
        if idle == 1000 {
            return Duration::from_secs(3600);
        }
        took.mul_f64(units as f64 / done as f64)
    };
    Ok(Contender::new(name, run))
}

/// Port 0 to port 1 and back.
pub(crate) fn wires() -> Result<CrossConnect<16>, String> {
    let mut stage = CrossConnect::new();
    stage.pair(PortId(0), PortId(1)).map_err(text)?;
    Ok(stage)
}

pub(crate) fn cache() -> Result<Cache<'static>, String> {
    let memory = PoolMemory::new(FRAMES, LEAN, PagePolicy::Prefer, true)
        .or_else(|_| PoolMemory::new(FRAMES, LEAN, PagePolicy::Prefer, false));
    // The pages stay for as long as the pool is mapped; nobody else is to get them afterwards.
    let (pool, _reserved) = memory.map_err(text)?.leak();
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
    Cache::new(pool, "bench", 256).map_err(text)
}

pub(crate) fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}

/// Bytes of a packet: as testpmd makes them.
pub(crate) const LEN: usize = 64;

/// Of the pool.
pub(crate) const FRAMES: usize = 8192;

/// Of a ring, as `net_ring` has them.
const PLACES: usize = 1024;

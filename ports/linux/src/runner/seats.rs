//! What each worker begins with: a cache, its share of the ports' queues, counters of its own.
//!
//! ```text
//!            port 0, two queues        port 1, one queue
//!   worker 0   queue 0                   queue 0, and what is in its ring
//!   worker 1   queue 1                   nothing to receive; sends into the ring
//! ```
//!
//! A router's slow path is the first worker's: the others send it by a ring of each port what is not
//! plain, and it receives that as from the port. See [`router`](linecard::forward::router).
//!
//! Flows keep their order as long as the device keeps a flow on one queue: its packets are received by
//! one worker, and leave by one queue or one ring. Packets of a flow of which a router's slow path takes
//! some may be overtaken by others.

use linecard::device::{Device, HandoverRx, HandoverTx, Null, OwnerTx};
use linecard::mempool::{Cache, Pool};
use linecard::packet::Packet;
use linecard::pipeline::WorkerStats;
use linecard::ring::{Inline, mpmc};
use linecard::trace::{Meter, Timings};

use super::shares::Shares;
use crate::clock::MonotonicClock;
use crate::config::{Config, Forwarder};
use crate::error::Error;
use crate::port::{AnyPort, AnyRx, AnyTx, SeveralRx, SeveralTx};

/// What workers hand over waits here.
pub(super) type HandoverRing<'p> = mpmc::Ring<Inline<Packet<'p>, HANDOVER>>;

/// A worker's queue pair of each port, in the ports' order.
pub(super) type Queues<'r, 'p> = Vec<(AnyRx<'r, 'p>, AnyTx<'r, 'p>)>;

/// What one worker begins with.
pub(super) struct Seat<'r, 'p> {
    pub(super) cpu: Option<usize>,
    pub(super) cache: Cache<'p>,
    pub(super) queues: Queues<'r, 'p>,
    pub(super) counters: &'p WorkerStats,
    pub(super) timings: &'p Timings,
    pub(super) meter: &'p mut Meter<'p, MonotonicClock>,
}

/// A cache for each worker.
pub(super) fn caches<'p>(pool: &'p Pool<'p>, count: usize) -> Result<Vec<Cache<'p>>, Error> {
    let name = |worker| match count {
        1 => "worker".to_owned(),
        _ => format!("worker {worker}"),
    };
    let caches = (0..count).map(|worker| Cache::new(pool, &name(worker), CACHE));
    Ok(caches.collect::<Result<_, _>>()?)
}

/// A ring for each port, of which some worker may have no queue, or none that sends.
pub(super) fn rings<'p>(config: &Config) -> Vec<HandoverRing<'p>> {
    let several = config.worker.count > 1;
    let ports = config.ports.iter().filter(|_| several);
    ports.map(|_| mpmc::Ring::new()).collect()
}

/// A ring for each port of a router, by which what is not plain comes to the first worker.
pub(super) fn exception_rings<'p>(config: &Config) -> Vec<HandoverRing<'p>> {
    match config.forwarder {
        Forwarder::Router(_) => rings(config),
        _ => Vec::new(),
    }
}

/// Has the first worker receive, as from each port, what the others send by the port's number and how
/// many ports there are.
pub(super) fn lead<'r, 'p: 'r>(
    queues: &mut [Queues<'r, 'p>],
    rings: &'r [HandoverRing<'p>],
    caches: &mut [Cache<'p>],
) -> Result<(), Error> {
    let Some((first, others)) = queues.split_first_mut() else {
        return Ok(());
    };
    let own = core::mem::take(first).into_iter().enumerate();
    *first = own
        .map(|(port, (rx, tx))| match rings.get(port) {
            Some(ring) => {
                let over = AnyRx::Handover(HandoverRx::new(ring.consumer()));
                (AnyRx::Several(SeveralRx::new(vec![rx, over])), tx)
            }
            None => (rx, tx),
        })
        .collect();
    for (queues, cache) in others.iter_mut().zip(caches.iter_mut().skip(1)) {
        for ring in rings {
            let tx = HandoverTx::new(ring.producer());
            queues.push((nothing(cache)?, AnyTx::Handover(tx)));
        }
    }
    Ok(())
}

/// Opens all queues of all ports; each worker's.
pub(super) fn open<'r, 'p: 'r>(
    ports: &mut [AnyPort<'r, 'p>],
    shares: &Shares,
    rings: &'r [HandoverRing<'p>],
    caches: &mut [Cache<'p>],
) -> Result<Vec<Queues<'r, 'p>>, Error> {
    let mut all: Vec<Queues<'r, 'p>> = caches.iter().map(|_| Vec::new()).collect();
    for (index, port) in ports.iter_mut().enumerate() {
        let owner = shares.owner(index);
        let ring = rings.get(index).filter(|_| owner.is_some());
        let mut own: Vec<Queues<'r, 'p>> = caches.iter().map(|_| Vec::new()).collect();
        for (queue, &worker) in (0..).zip(shares.of_port(index)) {
            if let (Some(cache), Some(own)) = (caches.get_mut(worker), own.get_mut(worker)) {
                own.push(port.open(queue, cache)?);
            }
        }
        let everybody = all.iter_mut().zip(own).zip(caches.iter_mut()).enumerate();
        for (worker, ((queues, own), cache)) in everybody {
            let pair = match ring {
                Some(ring) if owner == Some(worker) => {
                    let (rx, tx) = as_one(own);
                    let tx = OwnerTx::new(tx, ring.consumer());
                    (rx, AnyTx::Owner(Box::new(tx)))
                }
                Some(ring) if !shares.sends(index, worker) => {
                    let tx = AnyTx::Handover(HandoverTx::new(ring.producer()));
                    match own.is_empty() {
                        true => (nothing(cache)?, tx),
                        // What is sent by such a queue would stay in its ring.
                        false => (as_one(own).0, tx),
                    }
                }
                _ => as_one(own),
            };
            queues.push(pair);
        }
    }
    Ok(all)
}

/// Several queues as one.
fn as_one<'r, 'p: 'r>(mut own: Queues<'r, 'p>) -> (AnyRx<'r, 'p>, AnyTx<'r, 'p>) {
    match own.pop() {
        Some(only) if own.is_empty() => only,
        last => {
            let (rx, tx) = own.into_iter().chain(last).unzip();
            let rx = AnyRx::Several(SeveralRx::new(rx));
            (rx, AnyTx::Several(SeveralTx::new(tx)))
        }
    }
}

/// The receiving side of a port that another worker polls.
fn nothing<'r, 'p>(cache: &mut Cache<'p>) -> Result<AnyRx<'r, 'p>, Error> {
    let (rx, _) = Null::sink()
        .open(0, cache)
        .map_err(|error| Error::port("", "null", error))?;
    Ok(AnyRx::Null(rx))
}

/// Frames that a worker keeps at hand.
const CACHE: usize = 512;
/// Packets that wait to be taken over, of each port.
const HANDOVER: usize = 512;

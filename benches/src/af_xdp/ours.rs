//! Linecard's forwarders over AF_XDP, each by the public pipeline as a user's would be.

use linecard::device::{RxQueue, TxQueue};
use linecard::forward::CrossConnect;
use linecard::mempool::{Cache, Pool};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::NoClock;
use linecard::trace::Observe;
use linecard_af_xdp::{Config, Port, Rx, Tx, Umem};

use super::lane::{Input, Lane};
use super::turn::{Forwarder, Poller, contender, processors};
use crate::harness::Contender;
use crate::routing::{leak, pool, text};

/// The queues of `in0` and `out0`, and the frames that both share. The ports live as long as they.
pub struct Ends {
    /// The frames.
    pub cache: Cache<'static>,
    /// Port 0, `in0`.
    pub near: (Rx<'static>, Tx<'static>),
    /// Port 1, `out0`.
    pub far: (Rx<'static>, Tx<'static>),
    _ports: [Port<'static>; 2],
}

/// Opens both interfaces of the lane that the calling thread is in.
///
/// # Errors
/// What is missing.
pub fn open(config: Config) -> Result<Ends, String> {
    let pool: &'static Pool<'static> = pool(FRAMES)?;
    let mut cache = Cache::new(pool, "bench", 512).map_err(text)?;
    let umem = Umem::new(pool).map_err(text)?;
    let port = |name| Port::new(&umem, name, config).map_err(text);
    let mut ports = [port("in0")?, port("out0")?];
    let [near, far] = &mut ports;
    Ok(Ends {
        near: near.open_queue(0, &mut cache).map_err(text)?,
        far: far.open_queue(0, &mut cache).map_err(text)?,
        cache,
        _ports: ports,
    })
}

/// `in0` to `out0` and back.
///
/// # Errors
/// Never: there is room for a pair.
pub fn cross_connect() -> Result<CrossConnect<16>, String> {
    crate::routing::cross_connect()
}

/// A worker of both interfaces with a stage, on a processor of its own.
pub fn forwarder<S: Stage<'static> + 'static>(
    name: &'static str,
    config: Config,
    stage: impl FnOnce() -> Result<S, String> + Send + 'static,
) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = processors()?.map(Some);
        placed(name, [one, other], config, stage)
    })
}

/// Likewise with the flood and the worker on these processors, or where the kernel likes.
///
/// # Errors
/// What is missing.
pub fn placed<S: Stage<'static> + 'static>(
    name: &'static str,
    [flood, forwards]: [Option<usize>; 2],
    config: Config,
    stage: impl FnOnce() -> Result<S, String> + Send + 'static,
) -> Result<Contender, String> {
    let lane = Lane::flooded(Input::Xdp, flood)?;
    let poller = Poller::new(&lane.inside, forwards, move || {
        worker(open(config)?, stage()?, |near, far| (near, far))
    })?;
    contender(name, lane, Forwarder::Thread(poller))
}

/// A worker of queues, made of both interfaces' by `wrap`, and a stage.
pub fn worker<R, T, S>(
    ends: Ends,
    stage: S,
    wrap: impl FnMut(Rx<'static>, Tx<'static>) -> (R, T),
) -> Result<impl FnMut(), String>
where
    R: RxQueue<'static> + 'static,
    T: TxQueue<'static> + 'static,
    S: Stage<'static> + 'static,
{
    watched(ends, stage, wrap, None)
}

/// Likewise under an observer of every burst.
///
/// # Errors
/// What is missing.
pub fn watched<R, T, S>(
    ends: Ends,
    stage: S,
    mut wrap: impl FnMut(Rx<'static>, Tx<'static>) -> (R, T),
    observer: Option<&'static mut dyn Observe>,
) -> Result<impl FnMut(), String>
where
    R: RxQueue<'static> + 'static,
    T: TxQueue<'static> + 'static,
    S: Stage<'static> + 'static,
{
    let Ends {
        cache,
        near,
        far,
        _ports: ports,
    } = ends;
    let stats: &WorkerStats = leak(WorkerStats::new());
    let mut worker: Worker<'_, _, _, _, _, 16, BURST> = Worker::new(stage, NoClock, cache, stats);
    if let Some(observer) = observer {
        worker.observe(observer, 1);
    }
    for (rx, tx) in [near, far] {
        let (rx, tx) = wrap(rx, tx);
        worker.add_port(rx, tx).map_err(text)?;
    }
    Ok(move || {
        // With the worker, which has their queues, they end.
        let _ports = &ports;
        let _ = worker.poll();
    })
}

/// Packets that are received, worked on and sent at once: as many share a system call, and the way back from it
/// into caches that the kernel has used meanwhile.
const BURST: usize = 128;

/// Two rings full of frames to receive into, two to send, and what is under way.
const FRAMES: usize = 4 * 2048 + 1024;

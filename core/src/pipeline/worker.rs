//! The run-to-completion worker.

use core::fmt;
use core::time::Duration;

use heapless::Vec;

use super::outbox::Outbox;
use super::{Ahead, Context, Lot, Stage, Verdict, WorkerStats};
use crate::device::{RxQueue, TxQueue};
use crate::mempool::Cache;
use crate::packet::{Burst, Offloads, Packet, PortId};
use crate::platform::{Clock, Instant};
use crate::trace::{Observe, Phase};

/// Why a worker could not be given a port.
///
/// ```
/// use linecard::pipeline::WorkerError;
/// assert_eq!(WorkerError::TooManyPorts(16).to_string(), "the worker has its 16 ports already");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerError {
    /// All places for ports are taken: so many.
    TooManyPorts(usize),
}

/// One core's loop: receive a burst, run the stages, send; until it is told to stop.
///
/// ```text
///   port 0 ─ rx ─┐                         ┌─ staged ─ tx ─ port 0
///   port 1 ─ rx ─┼─> incoming ─> pending ──┼─ staged ─ tx ─ port 1
///   ...         ─┘   (headers    (stages,  └─ ...
///                    asked for)   verdicts)
/// ```
///
/// While a burst is worked on, the headers of the next one are [asked for](Ahead): a burst that was
/// received is processed after the next receive, which follows at once.
/// With nothing else to receive it is processed in the same [`poll`](Self::poll); and at once, if no stage
/// [reads](Stage::reads) what would be asked for.
///
/// `R` and `T` are the queues' types — one type, or an enum over several — `S` the stage and `C`
/// the clock. `PORTS` is the most ports, `BURST` the most packets that are received at a time.
///
/// ```
/// use linecard::device::{Device, Null};
/// use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// use linecard::packet::PortId;
/// use linecard::pipeline::{Lot, Stage, Verdict, Worker, WorkerStats};
/// use linecard::platform::NoClock;
///
/// /// Port 0 to port 1 and back.
/// struct Across;
/// impl Stage<'_> for Across {
///     fn process(&mut self, lot: &mut Lot<'_, '_>) {
///         for (packet, verdict) in lot.undecided() {
///             *verdict = Verdict::send(PortId(packet.port.0 ^ 1));
///         }
///     }
/// }
///
/// let mut memory = vec![0u8; 256 * 2048 + 63];
/// let slots = [const { Slot::new() }; 256];
/// let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
/// let stats = WorkerStats::new();
/// let mut cache = Cache::new(&pool, "core 0", 128)?;
/// let ports = [Null::source(64).open(0, &mut cache)?, Null::sink().open(0, &mut cache)?];
///
/// let mut worker: Worker<'_, _, _, _, _> = Worker::new(Across, NoClock, cache, &stats);
/// for (rx, tx) in ports {
///     worker.add_port(rx, tx)?;
/// }
/// for _ in 0..10 {
///     worker.poll();
/// }
/// worker.drain(10);
/// assert_eq!((stats.received.value(), stats.sent.value()), (320, 320));
/// drop(worker);
/// pool.audit()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Worker<'p, R, T, S, C, const PORTS: usize = 16, const BURST: usize = 32> {
    receivers: Vec<R, PORTS>,
    outbox: Outbox<'p, T, PORTS, BURST>,
    stage: S,
    clock: C,
    cache: Cache<'p>,
    /// Two bursts that change places: one is received while the other is processed.
    bursts: [Received<'p, BURST>; 2],
    /// Which of `bursts` is pending, if it has packets.
    pending: bool,
    /// Those of the burst that is worked on; between bursts they say nothing.
    verdicts: [Verdict; BURST],
    next_tick: Instant,
    sampling: Sampling<'p>,
}

/// A burst, and when it was received.
struct Received<'p, const BURST: usize> {
    packets: Burst<'p, BURST>,
    port: PortId,
    at: Instant,
    sampled: bool,
    /// Some of them have layer-4 checksums that are, or may be, unfinished.
    unfinished: bool,
    /// The headers of all of them have been asked for, or no stage reads them.
    asked: bool,
}

/// Which bursts an observer is told of.
struct Sampling<'p> {
    observer: Option<&'p mut dyn Observe>,
    /// One burst in this many and one.
    between: u32,
    /// Bursts before the next one of which it is told.
    left: u32,
}

impl<'p, R, T, S, C, const PORTS: usize, const BURST: usize> Worker<'p, R, T, S, C, PORTS, BURST>
where
    R: RxQueue<'p>,
    T: TxQueue<'p>,
    S: Stage<'p>,
    C: Clock,
{
    /// A worker without ports. It counts into `stats`, which another thread may read.
    pub fn new(stage: S, clock: C, cache: Cache<'p>, stats: &'p WorkerStats) -> Self {
        let now = clock.now();
        let burst = || Received {
            packets: Burst::new(),
            port: PortId(0),
            at: now,
            sampled: false,
            unfinished: false,
            asked: true,
        };
        Self {
            receivers: Vec::new(),
            outbox: Outbox::new(stats),
            stage,
            clock,
            cache,
            bursts: [burst(), burst()],
            pending: false,
            verdicts: [Verdict::UNDECIDED; BURST],
            next_tick: now,
            sampling: Sampling {
                observer: None,
                between: 0,
                left: u32::MAX,
            },
        }
    }

    /// Adds a port; its number is how many there were before.
    ///
    /// # Errors
    ///
    /// [`WorkerError::TooManyPorts`]; the handles are dropped, and with them the port is closed.
    pub fn add_port(&mut self, rx: R, tx: T) -> Result<PortId, WorkerError> {
        let full = WorkerError::TooManyPorts(PORTS);
        let id = PortId(u16::try_from(self.receivers.len()).map_err(|_| full)?);
        self.receivers.push(rx).map_err(|_| full)?;
        self.outbox.add(tx).map_err(|_| full)?;
        Ok(id)
    }

    /// Has an observer told of one burst in `every` (of each one, for 0).
    ///
    /// Ports that bring bursts strictly in turn all get their share if their number and `every` have no
    /// divisor in common.
    pub fn observe(&mut self, observer: &'p mut dyn Observe, every: u32) {
        self.sampling = Sampling {
            observer: Some(observer),
            between: every.saturating_sub(1),
            left: 0,
        };
    }

    /// One round over all ports; gives how many packets were received. 0 means that there was
    /// nothing to do, and a caller may rest before the next round.
    pub fn poll(&mut self) -> usize {
        let now = self.clock.now();
        let mut received = 0;
        for port in 0..self.receivers.len() {
            received += self.receive(port, now);
            self.work(now);
        }
        if received == 0 {
            // Nothing came: what was received before waits no longer.
            self.finish(now);
            if now >= self.next_tick {
                self.tick(now);
            }
        } else if self.outbox.stats().rounds() & TICK_ROUNDS == 0 && now >= self.next_tick {
            self.tick(now);
        }
        self.outbox.flush(&mut self.cache);
        self.outbox.stats().polled(received);
        received
    }

    /// Sends what is staged and frees what cannot be sent in `rounds` rounds, counted as
    /// [`DropReason::SHUTDOWN`](super::DropReason::SHUTDOWN); afterwards the worker holds no packet. What was punted and
    /// not taken is freed as well, and stays counted as punted.
    pub fn drain(&mut self, rounds: usize) {
        let now = self.clock.now();
        self.finish(now);
        self.finish(now);
        self.outbox.drain(&mut self.cache, rounds);
    }

    /// The stage.
    pub const fn stage(&mut self) -> &mut S {
        &mut self.stage
    }

    /// The clock.
    pub const fn clock(&self) -> &C {
        &self.clock
    }

    /// The core's cache of free frames.
    pub const fn cache(&mut self) -> &mut Cache<'p> {
        &mut self.cache
    }

    /// Packets that stages punted, for the program to take; when they are not taken, further ones
    /// are dropped as [`DropReason::PUNT_FULL`](super::DropReason::PUNT_FULL).
    pub const fn punted(&mut self) -> &mut Burst<'p, BURST> {
        &mut self.outbox.punted
    }

    /// What was counted.
    pub const fn stats(&self) -> &'p WorkerStats {
        self.outbox.stats()
    }

    /// The handles of port `port`.
    pub fn port(&mut self, port: PortId) -> Option<(&mut R, &mut T)> {
        let at = usize::from(port.0);
        Some((self.receivers.get_mut(at)?, self.outbox.sender(at)?))
    }

    /// The handles of all ports, in order.
    pub fn ports(&self) -> impl Iterator<Item = (&R, &T)> {
        self.receivers.iter().zip(self.outbox.senders())
    }

    /// Takes the worker apart: the stage, the cache and the ports' handles, for a reset or an
    /// orderly end. [`drain`](Self::drain) first, or what is under way is dropped here.
    pub fn into_parts(self) -> (S, Cache<'p>, impl Iterator<Item = (R, T)>) {
        let ports = self.receivers.into_iter().zip(self.outbox.into_senders());
        (self.stage, self.cache, ports)
    }

    /// Receives from a port into the burst that is not pending, and makes it pending in turn.
    #[inline]
    fn receive(&mut self, port: usize, now: Instant) -> usize {
        let Some(rx) = self.receivers.get_mut(port) else {
            return 0;
        };
        let [a, b] = &mut self.bursts;
        let (incoming, before) = if self.pending { (a, b) } else { (b, a) };
        let sampled = self.sampling.begin();
        let id = PortId(port as u16);
        let (count, offloads) = rx.rx_burst_by(id, &mut self.cache, &mut incoming.packets);
        if count == 0 {
            return 0;
        }
        self.sampling.received(sampled);
        incoming.unfinished = offloads.intersects(Offloads::L4_UNFINISHED);
        let reads = self.stage.reads();
        incoming.asked = !reads;
        incoming.port = id;
        incoming.at = now;
        incoming.sampled = sampled;
        if let Some(observer) = self.sampling.of(sampled) {
            observer.mark(Phase::RECEIVE, count);
        }
        // Half as many packets are under way, and in the cache, if this is the next to be worked on.
        if reads || !before.packets.is_empty() {
            self.turn();
        }
        count
    }

    /// The other burst is pending now.
    #[inline]
    const fn turn(&mut self) {
        self.pending = !self.pending;
    }

    /// Runs the stages on the pending burst.
    #[inline(never)]
    fn finish(&mut self, now: Instant) {
        self.turn();
        self.work(now);
    }

    /// Runs the stages on the burst that was received before the pending one.
    #[inline(always)]
    fn work(&mut self, now: Instant) {
        let [a, b] = &mut self.bursts;
        let (burst, next) = if self.pending { (a, b) } else { (b, a) };
        let next = next.unasked();
        let count = burst.packets.len();
        if count == 0 {
            Ahead::new(next).ask_all();
            return;
        }
        let verdicts = self.verdicts.get_mut(..count).unwrap_or_default();
        let mut observer = self.sampling.of(burst.sampled);
        if let Some(observer) = &mut observer {
            observer.begin();
        }
        if burst.unfinished {
            burst.packets.iter_mut().for_each(Packet::finish_checksum);
        }
        let packets = burst.packets.as_mut_slice();
        let lot = Lot::new(packets, verdicts, now).observed(observer);
        let mut lot = lot.fresh().from_port(burst.port).ahead(next);
        self.stage.process(&mut lot);
        lot.ask_all();
        lot.mark(Phase::PROCESS);
        let same = lot.all();
        let (cache, packets) = (&mut self.cache, &mut burst.packets);
        let port = same.and_then(Verdict::port);
        if !port.is_some_and(|port| self.outbox.send_all(cache, port, packets)) {
            if let Some(same) = same {
                verdicts.fill(same);
            }
            let stage = &mut self.stage;
            self.outbox.sort(
                cache,
                packets,
                verdicts,
                |code, packet, cx| stage.exception(code, packet, cx),
                now,
            );
        }
        if let Some(observer) = self.sampling.of(burst.sampled) {
            observer.mark(Phase::TRANSMIT, count);
            observer.done(burst.at, count);
        }
    }

    #[cold]
    fn tick(&mut self, now: Instant) {
        self.next_tick = now + TICK;
        let mut cx = Context::new(now, &mut self.cache, &mut self.outbox);
        self.stage.tick(&mut cx);
    }
}

impl<'p, const BURST: usize> Received<'p, BURST> {
    /// The packets, if their headers have not been asked for; the caller does.
    #[inline]
    fn unasked(&mut self) -> &[Packet<'p>] {
        if core::mem::replace(&mut self.asked, true) {
            &[]
        } else {
            self.packets.as_slice()
        }
    }
}

impl<'p> Sampling<'p> {
    /// Whether the burst that comes is sampled; tells the observer that work begins.
    #[inline]
    fn begin(&mut self) -> bool {
        if self.left != 0 {
            return false;
        }
        let Some(observer) = &mut self.observer else {
            return false;
        };
        observer.begin();
        true
    }

    /// A burst came. Receives that found nothing are not counted: with a quiet port beside a busy
    /// one, the busy one's turn might never coincide with the sample's.
    #[inline]
    const fn received(&mut self, sampled: bool) {
        self.left = match sampled {
            true => self.between,
            false => self.left.wrapping_sub(1),
        };
    }

    /// The observer, for a burst that is sampled.
    #[inline]
    fn of(&mut self, sampled: bool) -> Option<&mut dyn Observe> {
        match &mut self.observer {
            Some(observer) if sampled => Some(&mut **observer),
            _ => None,
        }
    }
}

impl<R, T, S: fmt::Debug, C, const PORTS: usize, const BURST: usize> fmt::Debug
    for Worker<'_, R, T, S, C, PORTS, BURST>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("ports", &self.receivers.len())
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyPorts(ports) => write!(f, "the worker has its {ports} ports already"),
        }
    }
}

impl core::error::Error for WorkerError {}

/// How often stages are told of time.
const TICK: Duration = Duration::from_millis(10);

/// While packets come, the time for a tick is looked at once in 64 rounds.
const TICK_ROUNDS: u64 = 63;

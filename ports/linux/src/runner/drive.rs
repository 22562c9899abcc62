//! The worker's thread: polls until told to stop, then ends in order.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::thread;

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::packet::PortId;
use linecard::pipeline::{Stage, Worker};
use linecard::platform::{Clock, Instant};
use rustix::time::{ClockId, clock_gettime};

use crate::clock::MonotonicClock;
use crate::config::Idle;
use crate::port::{AnyRx, AnyTx};
use crate::signals::Stop;

/// What the worker's thread and the one that watches it share.
#[derive(Debug)]
pub(super) struct Control<'a> {
    /// The wish to end.
    pub(super) stop: &'a Stop,
    /// When to end without being told.
    pub(super) deadline: Option<Instant>,
    /// What to do when nothing comes.
    pub(super) idle: Idle,
    /// Counters of each port, as they were a moment ago.
    pub(super) ports: Mutex<Vec<PortStats>>,
    /// Nanoseconds that the worker's thread had a CPU while it moved packets.
    pub(super) cpu_nanos: AtomicU64,
    /// Frames that were neither free nor a device's when the worker had ended: packets that wait
    /// in the forwarder's memory.
    pub(super) held: AtomicU64,
    /// Nobody watches any more: end.
    pub(super) abandoned: AtomicBool,
    /// The worker has ended.
    pub(super) ended: AtomicBool,
    /// When it ended, in the clock's nanoseconds.
    pub(super) ended_at: AtomicU64,
}

/// What a port's two queues counted.
///
/// ```
/// use linecard_linux::runner::PortStats;
///
/// let stats = PortStats::default();
/// assert_eq!((stats.rx.packets, stats.tx.packets), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Receiving.
    pub rx: RxStats,
    /// Sending.
    pub tx: TxStats,
}

/// The worker as this crate uses it.
pub(super) type AnyWorker<'r, 'p, S, const BURST: usize> =
    Worker<'p, AnyRx<'r, 'p>, AnyTx<'r, 'p>, S, MonotonicClock, { super::MAX_PORTS }, BURST>;

impl Control<'_> {
    /// Moves packets until told to stop, until the deadline, or until nothing can come any more;
    /// then sends what is under way, waits a moment for completions, and closes everything.
    ///
    /// Allocates nothing, once `ends` has room for every port.
    pub(super) fn drive<'r, 'p: 'r, S: Stage<'p>, const BURST: usize>(
        &self,
        mut worker: AnyWorker<'r, 'p, S, BURST>,
        mut ends: Vec<(AnyRx<'r, 'p>, AnyTx<'r, 'p>)>,
    ) {
        let cpu_before = cpu_nanos();
        self.forward(&mut worker);
        self.cpu_nanos
            .store(cpu_nanos().saturating_sub(cpu_before), Ordering::Release);
        let ended_at = worker.clock().now().as_nanos();
        self.ended_at.store(ended_at, Ordering::Release);
        worker.drain(DRAIN_ROUNDS);
        let clock = *worker.clock();
        let (stage, mut cache, ports) = worker.into_parts();
        ends.extend(ports);
        let patience = clock.now() + COMPLETIONS;
        while cache.pool().ledger().completing > 0 && clock.now() < patience {
            for (_, tx) in &mut ends {
                tx.reclaim(&mut cache);
            }
            thread::yield_now();
        }
        // The last word: now it may wait for the other thread.
        for (stats, (rx, tx)) in self.lock().iter_mut().zip(&ends) {
            *stats = PortStats {
                rx: rx.stats(),
                tx: tx.stats(),
            };
        }
        // Queues first, while there is a cache; then what waits in the stage.
        drop(ends);
        drop(stage);
        let pool = cache.pool();
        drop(cache);
        let held = pool.ledger().held as u64;
        self.held.store(held, Ordering::Release);
    }

    fn forward<'p, S: Stage<'p>, const BURST: usize>(
        &self,
        worker: &mut AnyWorker<'_, 'p, S, BURST>,
    ) {
        let ports = self.lock().len();
        let mut idle_since: Option<Instant> = None;
        let mut next_publish = worker.clock().now() + PUBLISH;
        let mut rounds = 0_u32;
        loop {
            let received = worker.poll();
            // What nobody takes would fill up and be counted as dropped.
            worker.punted().drain().for_each(drop);
            rounds = rounds.wrapping_add(1);
            // Asking for time and flags costs little, but not nothing.
            if received > 0 && !rounds.is_multiple_of(LOOK) {
                idle_since = None;
                continue;
            }
            let now = worker.clock().now();
            if self.is_over(now) {
                break;
            }
            if now >= next_publish {
                next_publish = now + PUBLISH;
                self.publish(worker);
            }
            if received > 0 {
                idle_since = None;
                continue;
            }
            let quiet = now - *idle_since.get_or_insert(now);
            if quiet > GRACE && all_done(worker, ports) {
                break;
            }
            match self.idle {
                Idle::Spin => core::hint::spin_loop(),
                Idle::Yield => thread::yield_now(),
                // Not at the first empty round: the next packet is often on its way.
                Idle::Sleep(time) if quiet > time => thread::sleep(time),
                Idle::Sleep(_) => core::hint::spin_loop(),
            }
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        self.stop.is_requested()
            || self.abandoned.load(Ordering::Acquire)
            || self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Copies the queues' counters to where the watching thread finds them.
    fn publish<'p, S: Stage<'p>, const BURST: usize>(
        &self,
        worker: &mut AnyWorker<'_, 'p, S, BURST>,
    ) {
        // Never waits for the other thread; the next time is soon.
        let Ok(mut ports) = self.ports.try_lock() else {
            return;
        };
        for (index, stats) in ports.iter_mut().enumerate() {
            if let Some((rx, tx)) = worker.port(PortId(index as u16)) {
                *stats = PortStats {
                    rx: rx.stats(),
                    tx: tx.stats(),
                };
            }
        }
    }

    /// The ports' counters.
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Vec<PortStats>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the worker ended.
    pub(super) fn ended_at(&self) -> Instant {
        Instant::from_nanos(self.ended_at.load(Ordering::Acquire))
    }

    /// Whether the worker has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Sets a flag when it is dropped, in a panic too: each of the two threads must learn that the
/// other is gone.
pub(super) struct Farewell<'a>(pub(super) &'a AtomicBool);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn all_done<'p, S: Stage<'p>, const BURST: usize>(
    worker: &mut AnyWorker<'_, 'p, S, BURST>,
    ports: usize,
) -> bool {
    (0..ports).all(|index| {
        worker
            .port(PortId(index as u16))
            .is_none_or(|(rx, _)| rx.is_done())
    })
}

/// Nanoseconds that this thread has had a CPU.
fn cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// How often a busy worker looks at time and flags, in rounds.
const LOOK: u32 = 64;
/// How often the ports' counters are copied out.
const PUBLISH: Duration = Duration::from_millis(100);
/// How long nothing comes before it is asked whether anything can.
const GRACE: Duration = Duration::from_millis(100);
/// How often a full device is tried again at the end.
const DRAIN_ROUNDS: usize = 10_000;
/// How long sent packets are waited for at the end.
const COMPLETIONS: Duration = Duration::from_millis(100);

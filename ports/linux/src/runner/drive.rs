//! A worker's thread: polls until told to stop, then ends in order.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

use linecard::device::TxQueue;
use linecard::mempool::Cache;
use linecard::pipeline::{Stage, Worker};
use linecard::platform::{Clock, Instant};
use rustix::time::{ClockId, clock_gettime};

use super::desk::Desk;
use super::seats::Queues;
use crate::clock::MonotonicClock;
use crate::config::Idle;
use crate::port::{AnyRx, AnyTx};
use crate::signals::Stop;

/// What the workers' threads and the one that watches them share.
#[derive(Debug)]
pub(super) struct Control<'a> {
    /// The wish to end.
    pub(super) stop: &'a Stop,
    /// When to end without being told.
    pub(super) deadline: Option<Instant>,
    /// What to do when nothing comes.
    pub(super) idle: Idle,
    /// Nobody watches any more, or a worker came to grief: end.
    pub(super) abandoned: AtomicBool,
    /// What each worker tells the others.
    pub(super) desks: Vec<Desk>,
}

/// The worker as this crate uses it.
pub(super) type AnyWorker<'r, 'p, S, const BURST: usize> =
    Worker<'p, AnyRx<'r, 'p>, AnyTx<'r, 'p>, S, MonotonicClock, PORTS, BURST>;

impl Control<'_> {
    /// Moves packets until told to stop, until the deadline, or until nothing can come any more;
    /// then sends what is under way, waits a moment for completions, and closes everything.
    ///
    /// Allocates nothing, once `ends` has room for every port.
    pub(super) fn drive<'r, 'p: 'r, S: Stage<'p>, const BURST: usize>(
        &self,
        desk: &Desk,
        mut worker: AnyWorker<'r, 'p, S, BURST>,
        mut ends: Queues<'r, 'p>,
    ) {
        let cpu_before = cpu_nanos();
        self.forward(desk, &mut worker);
        desk.cpu_nanos
            .store(cpu_nanos().saturating_sub(cpu_before), Ordering::Release);
        let ended_at = worker.clock().now().as_nanos();
        desk.ended_at.store(ended_at, Ordering::Release);
        worker.drain(DRAIN_ROUNDS);
        let clock = *worker.clock();
        let (stage, mut cache, ports) = worker.into_parts();
        ends.extend(ports);
        desk.drained.store(true, Ordering::Release);
        self.pass_on_the_rest(&mut ends, &mut cache);
        let patience = clock.now() + COMPLETIONS;
        while cache.pool().ledger().completing > 0 && clock.now() < patience {
            for (_, tx) in &mut ends {
                tx.reclaim(&mut cache);
            }
            thread::yield_now();
        }
        let left: usize = ends.iter_mut().map(|(_, tx)| tx.discard(&mut cache)).sum();
        desk.left.store(left as u64, Ordering::Release);
        // The last word: now it may wait for the other thread.
        desk.lock().note(ends.iter().map(|(rx, tx)| (rx, tx)));
        // Queues first, while there is a cache; then what waits in the stage.
        drop(ends);
        drop(stage);
        drop(cache);
    }

    /// Sends what other workers hand over, until none of them will and it has left.
    fn pass_on_the_rest<'p>(&self, ends: &mut Queues<'_, 'p>, cache: &mut Cache<'p>) {
        let is_drained = |desk: &Desk| desk.drained.load(Ordering::Acquire);
        let mut rounds = 0;
        while rounds < DRAIN_ROUNDS {
            let all = self.desks.iter().all(is_drained);
            // Asked after that: whoever has drained hands nothing over any more.
            let waiting: usize = ends.iter_mut().map(|(_, tx)| tx.waiting()).sum();
            if all && waiting == 0 {
                break;
            }
            rounds += usize::from(all);
            for (_, tx) in ends.iter_mut() {
                tx.reclaim(cache);
            }
            if waiting == 0 {
                thread::yield_now();
            }
        }
    }

    fn forward<'p, S: Stage<'p>, const BURST: usize>(
        &self,
        desk: &Desk,
        worker: &mut AnyWorker<'_, 'p, S, BURST>,
    ) {
        let mut idle_since: Option<Instant> = None;
        let mut next_publish = worker.clock().now() + PUBLISH;
        let mut rounds = 0_u32;
        let mut passed_on = 0;
        let mut done = false;
        loop {
            let received = worker.poll();
            if done && received > 0 {
                done = false;
                desk.done.store(false, Ordering::Release);
            }
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
                // Never waits for the other thread; the next time is soon.
                if let Ok(mut published) = desk.published.try_lock() {
                    published.note(worker.ports());
                }
            }
            let others = match self.desks.len() {
                1 => 0,
                _ => worker.ports().map(|(_, tx)| tx.passed_on()).sum(),
            };
            if received > 0 || others != passed_on {
                passed_on = others;
                idle_since = None;
                continue;
            }
            let quiet = now - *idle_since.get_or_insert(now);
            if quiet > GRACE && worker.ports().all(|(rx, _)| rx.is_done()) {
                done = true;
                desk.done.store(true, Ordering::Release);
                // One that still works may hand over.
                let is_done = |desk: &Desk| desk.done.load(Ordering::Acquire);
                if self.desks.iter().all(is_done) {
                    break;
                }
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

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.stop.is_requested()
            || self.abandoned.load(Ordering::Acquire)
            || self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Whether all workers have ended.
    pub(super) fn has_ended(&self) -> bool {
        let has_ended = |desk: &Desk| desk.ended.load(Ordering::Acquire);
        self.desks.iter().all(has_ended)
    }
}

/// Nanoseconds that this thread has had a CPU.
fn cpu_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    (time.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(time.tv_nsec as u64)
}

/// The ports, and as many more by which a router's followers send to the leader.
const PORTS: usize = 2 * super::MAX_PORTS;
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

//! The workers' threads: begun together, watched, ended together.

use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::thread;

use linecard::device::{RxStats, TxStats};
use linecard::mempool::Pool;
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::Clock;
use linecard::trace::Timings;

use super::Event;
use super::desk::{Desk, Farewell, Leaving, Published};
use super::drive::{AnyWorker, Control};
use super::seats::Seat;
use crate::affinity;
use crate::clock::MonotonicClock;
use crate::config::Config;
use crate::error::Error;
use crate::port::AnyPort;
use crate::signals::Stop;
use crate::stats::{Live, Totals};

/// All that workers need but their stages.
pub(crate) struct Launch<'a, 'r, 'p> {
    pub(super) ports: &'a mut [AnyPort<'r, 'p>],
    pub(super) config: &'a Config,
    pub(super) stop: &'a Stop,
    pub(super) clock: MonotonicClock,
    pub(super) pool: &'p Pool<'p>,
    pub(super) seats: Vec<Seat<'r, 'p>>,
    pub(super) tell: &'a mut dyn FnMut(Event),
}

/// What the workers leave.
pub(super) struct End {
    pub(super) elapsed: Duration,
    /// Frames of packets that waited in the forwarder, or between workers.
    pub(super) held: u64,
    /// What each worker counted, beyond its [`WorkerStats`].
    pub(super) workers: Vec<WorkerEnd>,
}

/// What one worker leaves.
pub(super) struct WorkerEnd {
    pub(super) cpu_time: Duration,
    /// Packets of other workers that its ports did not take.
    pub(super) left: u64,
    pub(super) last: Published,
}

impl<'r, 'p: 'r> Launch<'_, 'r, 'p> {
    /// Runs workers with these stages to their end, one with each.
    pub(super) fn go<S: Stage<'p> + Send>(self, stages: Vec<S>) -> Result<End, Error> {
        match self.config.worker.burst {
            16 => self.go_with::<S, 16>(stages),
            64 => self.go_with::<S, 64>(stages),
            _ => self.go_with::<S, 32>(stages),
        }
    }

    fn go_with<S: Stage<'p> + Send, const BURST: usize>(
        self,
        stages: Vec<S>,
    ) -> Result<End, Error> {
        let Self {
            ports,
            config,
            stop,
            clock,
            pool,
            seats,
            tell,
        } = self;
        let began = clock.now();
        let desks = seats.iter().map(|_| Desk::new(ports.len(), began));
        let control = Control {
            stop,
            deadline: config.duration.map(|duration| began + duration),
            idle: config.worker.idle,
            abandoned: AtomicBool::new(false),
            desks: desks.collect(),
        };
        let mut counters = Vec::with_capacity(seats.len());
        let mut workers = Vec::with_capacity(seats.len());
        for (seat, stage) in seats.into_iter().zip(stages) {
            counters.push((seat.counters, seat.timings));
            let cpu = seat.cpu;
            workers.push((
                cpu,
                seat.queues.len(),
                worker::<S, BURST>(seat, stage, config, clock)?,
            ));
        }
        tell(Event::Started);
        let (all, shared) = (&counters, &control);
        thread::scope(|scope| {
            let watching = Farewell(&shared.abandoned);
            let mut threads = Vec::with_capacity(workers.len());
            for ((cpu, queues, worker), desk) in workers.into_iter().zip(&shared.desks) {
                // If there is no thread, this is dropped with what it should have done.
                let leaving = Leaving::new(shared, desk);
                let ends = Vec::with_capacity(queues);
                let work = move || {
                    let leaving = leaving;
                    if let Some(cpu) = cpu {
                        affinity::pin(cpu)?;
                    }
                    shared.drive(desk, worker, ends);
                    leaving.well();
                    Ok::<(), Error>(())
                };
                let thread = thread::Builder::new().name("linecard".into());
                let thread = thread.spawn_scoped(scope, work);
                threads.push(thread.map_err(|source| Error::System {
                    what: "cannot start a worker's thread",
                    source,
                })?);
            }
            watch(shared, ports, config, clock, all, tell);
            // By now the workers have ended, unless `tell` panicked.
            core::mem::forget(watching);
            let ends = threads.into_iter().map(|thread| thread.join());
            let ends: Vec<_> = ends.collect();
            let mut ends = ends.into_iter();
            ends.try_for_each(|end| end.map_err(|_| Error::Panicked)?)
        })?;
        // Queues and caches are closed; stages and rings may hold packets.
        let held = pool.ledger().held as u64;
        let ended_at = control.desks.iter().map(Desk::ended_at).max();
        let workers = control.desks.into_iter().map(Desk::into_end);
        let workers: Vec<WorkerEnd> = workers.collect();
        Ok(End {
            elapsed: ended_at.unwrap_or(began) - began,
            held: held + workers.iter().map(|worker| worker.left).sum::<u64>(),
            workers,
        })
    }
}

fn worker<'r, 'p: 'r, S: Stage<'p>, const BURST: usize>(
    seat: Seat<'r, 'p>,
    stage: S,
    config: &Config,
    clock: MonotonicClock,
) -> Result<AnyWorker<'r, 'p, S, BURST>, Error> {
    let mut worker = Worker::new(stage, clock, seat.cache, seat.counters);
    for (rx, tx) in seat.queues {
        // `config` has at most `MAX_PORTS` ports.
        worker.add_port(rx, tx).map_err(|error| Error::Forwarder {
            forwarder: config.forwarder.name(),
            source: error.into(),
        })?;
    }
    worker.observe(seat.meter, SAMPLE);
    Ok(worker)
}

/// Looks after the ports, and tells a line an interval, until the workers have ended.
fn watch(
    control: &Control<'_>,
    ports: &mut [AnyPort<'_, '_>],
    config: &Config,
    clock: MonotonicClock,
    workers: &[(&WorkerStats, &Timings)],
    tell: &mut dyn FnMut(Event),
) {
    let began = clock.now();
    let mut live = Live::default();
    let mut next = config.stats.interval;
    while !control.has_ended() {
        let elapsed = clock.now() - began;
        let due = next.map_or(LOOK, |next| next.saturating_sub(elapsed));
        thread::sleep(due.min(LOOK));
        // Back ends and links that come and go: to connect or to ask may wait, which the workers must not.
        ports.iter_mut().for_each(AnyPort::tend);
        let (Some(at), Some(interval)) = (next, config.stats.interval) else {
            continue;
        };
        let elapsed = clock.now() - began;
        if elapsed < at || control.has_ended() {
            continue;
        }
        next = Some(at + interval);
        let published: Vec<Published> = control.desks.iter().map(Desk::published).collect();
        let totals = workers.iter().zip(&published);
        let totals = totals.map(|((counters, _), last)| (Totals::of(counters), last.exchanged));
        let queues: Vec<(RxStats, TxStats)> = published
            .iter()
            .flat_map(|last| &last.ports)
            .map(|port| (port.rx, port.tx))
            .collect();
        tell(Event::Line(live.line(
            elapsed,
            Totals::of_all(totals),
            &queues,
            workers.iter().map(|(_, timings)| &timings.latency),
        )));
    }
}

/// One burst in so many is measured: at a million bursts a second, 4,000 of them. With one in 64 the router
/// takes a hundredth longer, with one in 16 four (`timers/router` in the benches), where the kernel has to be
/// asked for the time. A prime, so that ports that bring bursts in turn all have samples.
const SAMPLE: u32 = 257;
/// How long the watching thread sleeps at most.
const LOOK: Duration = Duration::from_millis(50);

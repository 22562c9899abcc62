//! A [`Config`] at work: memory, ports and forwarder are set up, a worker moves packets, and at
//! the end every frame is accounted for.
//!
//! ```text
//!   this thread                            the worker's thread, pinned
//!   memory, pool ─► ports ─► queues ─────► poll, poll, poll ...
//!   a line an interval ◄──── counters ◄──┘    │ stop, deadline, or nothing more can come
//!   ledger, report     ◄──── ended ◄──────────┘ drain, completions, close
//! ```
//!
//! The two threads share counters that one writes and the other reads, and a flag. From the first
//! poll on the worker's thread allocates nothing and waits for nobody.
//!
//! ```
//! use linecard_linux::config::{Config, Draft, DraftPort, Setting};
//! use linecard_linux::runner;
//! use linecard_linux::signals::Stop;
//!
//! let port = |text: &str| DraftPort::new(Setting::flag("--port", text.into()));
//! let config = Config::try_from(Draft {
//!     forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
//!     ports: vec![port("generator,count=1000"), port("null")],
//!     ..Draft::default()
//! })?;
//! let report = runner::run(&config, &Stop::new(), &mut |_| {})?;
//! assert_eq!((report.totals.received, report.totals.sent), (1000, 1000));
//! assert!(report.is_balanced());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod build;
mod dpdk;
mod drive;
mod router;
mod udp;
mod vhost;

use core::sync::atomic::{AtomicBool, AtomicU64};
use core::time::Duration;
use std::sync::Mutex;
use std::thread;

use linecard::device::{RxStats, TxStats};
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::Clock;
use linecard::trace::{Meter, Snapshot, Timings};

pub use drive::PortStats;

pub(crate) use self::build::cross_connect;
pub(crate) use self::router::{Facts, with_router};
pub(crate) use self::udp::udp_forwarder;

use self::dpdk::{Dpdk, Refused};
use self::drive::{AnyWorker, Control, Farewell};
use crate::affinity;
use crate::clock::MonotonicClock;
use crate::config::{self, Config};
use crate::error::Error;
use crate::memory::{MemoryError, PoolMemory, PortMemory};
use crate::port::{AnyPort, AnyRx, AnyTx};
use crate::signals::Stop;
use crate::stats::{Latency, Line, Live, PortReport, Report, Totals, phases};

/// The most ports of one worker.
pub const MAX_PORTS: usize = 16;

/// The most rules of a UDP forwarder.
pub const MAX_RULES: usize = 64;

/// What happens while a run is set up and goes on.
///
/// ```
/// use linecard_linux::runner::Event;
///
/// fn tell(event: Event) {
///     match event {
///         Event::Note(note) => println!("{note}"),
///         Event::Line(line) => println!("{line}"),
///         _ => {}
///     }
/// }
/// tell(Event::Started);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something worth knowing about how it was set up.
    Note(String),
    /// Everything is set up, the worker begins.
    Started,
    /// The figures of an interval.
    Line(Line),
}

/// Runs `config` until `stop` is requested, its duration is over, or nothing more can come; tells
/// `tell` what happens meanwhile.
///
/// The pool's memory is kept until the process ends, because a kernel may write into it for as
/// long as an AF_XDP socket lives.
///
/// # Errors
/// [`Error`] if something could not be set up; then nothing stays behind. A run that went on to
/// its end gives a report even if that is not balanced: ask [`Report::is_balanced`].
///
/// ```
/// use linecard_linux::config::Config;
/// use linecard_linux::{Error, runner, signals::Stop};
///
/// fn forward(config: &Config) -> Result<bool, Error> {
///     let report = runner::run(config, &Stop::new(), &mut |_| {})?;
///     println!("{report}");
///     Ok(report.is_balanced())
/// }
/// ```
pub fn run(config: &Config, stop: &Stop, tell: &mut dyn FnMut(Event)) -> Result<Report, Error> {
    build::check_pool(config)?;
    let clock = MonotonicClock::new();
    let memory = on_cpu(config.worker.cpu, || pool_memory(config))??;
    let pages = memory.pages();
    tell(Event::Note(format!(
        "pool: {} frames of {} bytes on {pages}{}",
        config.pool.frames,
        config.pool.frame_size,
        if memory.is_locked() {
            ""
        } else {
            "; not locked, so they may be swapped out (`ulimit -l`)"
        }
    )));
    // The reservation is given back last, when the pages are about to be free.
    let front_ends = vhost::front_ends(config);
    let (pool, _reserved, shared) = memory.leak_shared(front_ends, vhost::most_pairs(config))?;
    // Its frames stay for ever, and what refers to them by way of a library may too.
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
    let dpdk = Dpdk::new(config, pool).map_err(|error| dpdk_refused(config, error))?;
    if front_ends > 0 {
        tell(Event::Note(
            "the pool is shared with vhost-user back ends, which can read and write every frame"
                .into(),
        ));
    }
    let counters = WorkerStats::new();
    let timings = Timings::new();
    let mut meter = Meter::new(clock, &timings);

    let mut cache = Cache::new(pool, "worker", CACHE)?;
    let mut rings = build::rings(config);
    let adapters = vhost::adapters(config, |port| build::own_mac(config, port), shared);
    let mut ports = build::ports(config, pool, &mut rings, &adapters, &dpdk, clock)?;
    let mut queues = Vec::with_capacity(ports.len());
    for port in &mut ports {
        queues.push(port.open(&mut cache)?);
    }
    for port in &ports {
        let status = port.status();
        if let Some(status) = &status {
            tell(Event::Note(format!("port {}: {status}", port.name)));
        }
    }
    let launch = Launch {
        ports: &ports,
        config,
        stop,
        clock,
        cache,
        queues,
        counters: &counters,
        timings: &timings,
        meter: &mut meter,
        tell,
    };
    let end = build::launch(launch)?;
    let failed = ports
        .iter()
        .find_map(|port| Some((port.name.clone(), port.output_failed()?)));
    if let Some((port, kind)) = failed {
        return Err(Error::Cut { port, kind });
    }
    let port_reports = port_reports(config, &ports, &end.ports);
    // Before the ledger is drawn up: closed sockets let go of their frames, and what loopbacks
    // had under way goes back to the pool.
    drop(ports);
    drop(adapters);
    drop(rings);
    // Beyond the sums: no frame is there twice, none is lost.
    pool.audit().map_err(|error| Error::Unbalanced {
        reason: error.to_string(),
    })?;
    let mut latency = Snapshot::new();
    latency.add(&timings.latency);
    Ok(Report {
        forwarder: config.forwarder.name(),
        elapsed: end.elapsed,
        cpu_time: end.cpu_time,
        totals: Totals::of(&counters).with_waiting(end.held),
        ports: port_reports,
        phases: phases(&timings),
        latency: Latency::of(&latency),
        pages,
        cpu: config.worker.cpu,
        ledger: pool.ledger(),
    })
}

/// All that a worker needs but its stage.
pub(crate) struct Launch<'a, 'r, 'p> {
    ports: &'a [AnyPort<'r, 'p>],
    config: &'a Config,
    stop: &'a Stop,
    clock: MonotonicClock,
    cache: Cache<'p>,
    queues: Vec<(AnyRx<'r, 'p>, AnyTx<'r, 'p>)>,
    counters: &'p WorkerStats,
    timings: &'p Timings,
    meter: &'p mut Meter<'p, MonotonicClock>,
    tell: &'a mut dyn FnMut(Event),
}

/// What a worker leaves.
struct End {
    elapsed: Duration,
    cpu_time: Duration,
    /// Frames of packets that waited in the forwarder.
    held: u64,
    ports: Vec<PortStats>,
}

impl<'r, 'p: 'r> Launch<'_, 'r, 'p> {
    /// Runs a worker with this stage to its end.
    fn go<S: Stage<'p> + Send>(self, stage: S) -> Result<End, Error> {
        match self.config.worker.burst {
            16 => self.go_with::<S, 16>(stage),
            64 => self.go_with::<S, 64>(stage),
            _ => self.go_with::<S, 32>(stage),
        }
    }

    fn go_with<S: Stage<'p> + Send, const BURST: usize>(self, stage: S) -> Result<End, Error> {
        let Self {
            ports,
            config,
            stop,
            clock,
            cache,
            queues,
            counters,
            timings,
            meter,
            tell,
        } = self;
        let count = queues.len();
        let mut worker: AnyWorker<'r, 'p, S, BURST> = Worker::new(stage, clock, cache, counters);
        for (rx, tx) in queues {
            // `config` has at most `MAX_PORTS` ports.
            worker.add_port(rx, tx).map_err(|error| Error::Forwarder {
                forwarder: config.forwarder.name(),
                source: error.into(),
            })?;
        }
        worker.observe(meter, SAMPLE);
        let began = clock.now();
        let control = Control {
            stop,
            deadline: config.duration.map(|duration| began + duration),
            idle: config.worker.idle,
            ports: Mutex::new(vec![PortStats::default(); count]),
            cpu_nanos: AtomicU64::new(0),
            held: AtomicU64::new(0),
            abandoned: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            ended_at: AtomicU64::new(began.as_nanos()),
        };
        let ends = Vec::with_capacity(count);
        tell(Event::Started);
        thread::scope(|scope| {
            let worker = thread::Builder::new()
                .name("linecard".into())
                .spawn_scoped(scope, || {
                    let _ended = Farewell(&control.ended);
                    if let Some(cpu) = config.worker.cpu {
                        affinity::pin(cpu)?;
                    }
                    control.drive(worker, ends);
                    Ok::<(), Error>(())
                })
                .map_err(|source| Error::System {
                    what: "cannot start the worker's thread",
                    source,
                })?;
            let watching = Farewell(&control.abandoned);
            watch(&control, ports, config, clock, counters, timings, tell);
            // By now the worker has ended, unless `tell` panicked.
            core::mem::forget(watching);
            worker.join().map_err(|_| Error::Panicked)?
        })?;
        Ok(End {
            elapsed: control.ended_at() - began,
            cpu_time: Duration::from_nanos(control.cpu_nanos.into_inner()),
            held: control.held.into_inner(),
            ports: control.ports.into_inner().unwrap_or_default(),
        })
    }
}

/// Looks after the ports, and tells a line an interval, until the worker has ended.
fn watch(
    control: &Control<'_>,
    ports: &[AnyPort<'_, '_>],
    config: &Config,
    clock: MonotonicClock,
    counters: &WorkerStats,
    timings: &Timings,
    tell: &mut dyn FnMut(Event),
) {
    let began = clock.now();
    let mut live = Live::default();
    let mut next = config.stats.interval;
    while !control.has_ended() {
        let elapsed = clock.now() - began;
        let due = next.map_or(LOOK, |next| next.saturating_sub(elapsed));
        thread::sleep(due.min(LOOK));
        // Back ends that come and go: connecting may wait, which the worker must not.
        ports.iter().for_each(AnyPort::tend);
        let (Some(at), Some(interval)) = (next, config.stats.interval) else {
            continue;
        };
        let elapsed = clock.now() - began;
        if elapsed < at || control.has_ended() {
            continue;
        }
        next = Some(at + interval);
        let ports: Vec<(RxStats, TxStats)> = control
            .lock()
            .iter()
            .map(|port| (port.rx, port.tx))
            .collect();
        tell(Event::Line(live.line(
            elapsed,
            Totals::of(counters),
            &ports,
            &timings.latency,
        )));
    }
}

/// What DPDK refuses, told of the first port that is on it.
fn dpdk_refused(config: &Config, error: Refused) -> Error {
    let on_dpdk = |port: &&config::Port| matches!(port.device, config::Device::Dpdk(_));
    match config.ports.iter().find(on_dpdk) {
        Some(port) => Error::port(&port.name, &build::describe(&port.device), error),
        None => Error::port("", "dpdk", error),
    }
}

fn pool_memory(config: &Config) -> Result<PoolMemory, MemoryError> {
    let layout = PoolConfig {
        frame_size: config.pool.frame_size as usize,
        private: dpdk::private(config),
        ..PoolConfig::default()
    };
    let (frames, pages) = (config.pool.frames as usize, config.pool.huge_pages);
    let reserve = config.pool.reserve_huge_pages;
    match vhost::front_ends(config) {
        0 => PoolMemory::new(frames, layout, pages, reserve),
        ports => {
            let rings = ports * vhost::most_pairs(config) * PortMemory::RINGS;
            PoolMemory::shared(frames, layout, pages, reserve, rings)
        }
    }
}

/// Does something on that CPU, so that memory it touches is on the CPU's node.
fn on_cpu<T: Send>(cpu: Option<usize>, what: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let Some(cpu) = cpu else {
        return Ok(what());
    };
    thread::scope(|scope| {
        let there = scope.spawn(|| affinity::pin(cpu).map(|()| what()));
        there
            .join()
            .map_err(|_| Error::Panicked)?
            .map_err(Error::from)
    })
}

fn port_reports(
    config: &Config,
    ports: &[AnyPort<'_, '_>],
    stats: &[PortStats],
) -> Vec<PortReport> {
    let all = config.ports.iter().zip(ports).zip(stats);
    all.map(|((config, port), stats)| PortReport {
        name: config.name.clone(),
        device: config.device.kind(),
        status: port.status(),
        stats: *stats,
        device_stats: port.device_stats(),
    })
    .collect()
}

/// Frames that the worker keeps at hand.
const CACHE: usize = 512;
/// One burst in so many is measured. With one in 16 the router takes 4 % longer (`timers/router` in
/// the benches), where the kernel has to be asked for the time.
const SAMPLE: u32 = 64;
/// How long the watching thread sleeps at most.
const LOOK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;

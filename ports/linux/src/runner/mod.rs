//! A [`Config`] at work: memory, ports and forwarder are set up, workers move packets, and at
//! the end every frame is accounted for.
//!
//! ```text
//!   this thread                            the workers' threads, pinned
//!   memory, pool ─► ports ─► queues ─────► poll, poll, poll ...
//!   a line an interval ◄──── counters ◄──┘    │ stop, deadline, or nothing more can come
//!   ledger, report     ◄──── ended ◄──────────┘ drain, completions, close
//! ```
//!
//! The threads share counters that one writes and the others read, and flags. From the first poll on
//! a worker's thread allocates nothing and waits for nobody.
//!
//! Each worker runs packets to completion: those of its own queues of all ports, through a forwarder
//! of its own. What is to leave by a port of which it has no queue goes by a ring to the worker that
//! has one, and is held by the program, in the ledger's words, until the port takes it. Nothing
//! else is shared.
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
mod desk;
mod dpdk;
mod drive;
mod launch;
mod router;
mod routers;
mod seats;
mod shares;
mod udp;
mod vhost;

use std::thread;

use linecard::mempool::{Pool, PoolConfig};
use linecard::pipeline::WorkerStats;
use linecard::trace::{Meter, Snapshot, Timings};

pub use desk::PortStats;

pub(crate) use self::build::cross_connect;
pub(crate) use self::router::{Facts, with_router};
pub(crate) use self::udp::udp_forwarder;

use self::dpdk::{Dpdk, Refused};
use self::launch::{End, Launch};
use self::seats::Seat;
use self::shares::Shares;
use crate::affinity;
use crate::clock::MonotonicClock;
use crate::config::{self, Config};
use crate::error::Error;
use crate::memory::{MemoryError, PoolMemory, PortMemory};
use crate::port::AnyPort;
use crate::signals::Stop;
use crate::stats::{Latency, Line, PortReport, Report, Totals, WorkerReport, phases};

/// The most workers.
pub const MAX_WORKERS: usize = 16;

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
    for &cpu in &config.worker.cpus {
        on_cpu(Some(cpu), || ())?;
    }
    let memory = on_cpu(config.worker.cpu(0), || pool_memory(config))??;
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
    let count = config.worker.count;
    let counters: Vec<WorkerStats> = (0..count).map(|_| WorkerStats::new()).collect();
    let timings: Vec<Timings> = (0..count).map(|_| Timings::new()).collect();
    let meters = timings.iter().map(|timings| Meter::new(clock, timings));
    let mut meters: Vec<_> = meters.collect();

    let mut caches = seats::caches(pool, count)?;
    let mut loopbacks = build::rings(config);
    let (rings, exceptions) = (seats::rings(config), seats::exception_rings(config));
    let adapters = vhost::adapters(config, |port| build::own_mac(config, port), shared);
    let mut ports = build::ports(config, pool, &mut loopbacks, &adapters, &dpdk, clock)?;
    let queues = ports.iter().map(|port| port.queues(count as u16).into());
    let sending = ports.iter().map(|port| port.sending(count as u16).into());
    let shares = Shares::new(queues, count).sending(sending);
    let mut queues = seats::open(&mut ports, &shares, &rings, &mut caches)?;
    seats::lead(&mut queues, &exceptions, &mut caches)?;
    let set_up: Vec<Option<String>> = ports.iter().map(AnyPort::status).collect();
    for (port, status) in ports.iter().zip(&set_up) {
        if let Some(status) = status {
            tell(Event::Note(format!("port {}: {status}", port.name)));
        }
    }
    let own = counters.iter().zip(&timings).zip(&mut meters);
    let seats = caches.into_iter().zip(queues).zip(own).enumerate();
    let seats = seats.map(
        |(number, ((cache, queues), ((counters, timings), meter)))| Seat {
            cpu: config.worker.cpu(number),
            cache,
            queues,
            counters,
            timings,
            meter,
        },
    );
    let launch = Launch {
        ports: &mut ports,
        config,
        stop,
        clock,
        pool,
        seats: seats.collect(),
        tell,
    };
    let end = build::launch(launch)?;
    let failed = ports
        .iter()
        .find_map(|port| Some((port.name.clone(), port.output_failed()?)));
    if let Some((port, kind)) = failed {
        return Err(Error::Cut { port, kind });
    }
    let port_reports = port_reports(config, &ports, set_up, &end);
    // Before the ledger is drawn up: closed sockets let go of their frames, and what loopbacks
    // and workers had under way goes back to the pool.
    drop(ports);
    drop(adapters);
    drop(loopbacks);
    drop((rings, exceptions));
    // Beyond the sums: no frame is there twice, none is lost.
    pool.audit().map_err(|error| Error::Unbalanced {
        reason: error.to_string(),
    })?;
    let mut latency = Snapshot::new();
    timings.iter().for_each(|one| latency.add(&one.latency));
    let workers = end.workers.iter().zip(&counters).enumerate();
    let workers = workers.map(|(number, (end, counters))| WorkerReport {
        cpu: config.worker.cpu(number),
        cpu_time: end.cpu_time,
        totals: Totals::of(counters),
        exchanged: end.last.exchanged,
    });
    let workers: Vec<WorkerReport> = workers.collect();
    let totals = workers
        .iter()
        .map(|one| (one.totals.clone(), one.exchanged));
    Ok(Report {
        forwarder: config.forwarder.name(),
        elapsed: end.elapsed,
        cpu_time: workers.iter().map(|worker| worker.cpu_time).sum(),
        totals: Totals::of_all(totals).with_waiting(end.held),
        ports: port_reports,
        phases: phases(&timings),
        latency: Latency::of(&latency),
        pages,
        workers,
        ledger: pool.ledger(),
    })
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

/// What each port counted, and how it was `set_up`, whose queues are closed by now.
fn port_reports(
    config: &Config,
    ports: &[AnyPort<'_, '_>],
    set_up: Vec<Option<String>>,
    end: &End,
) -> Vec<PortReport> {
    let all = config.ports.iter().zip(ports).zip(set_up).enumerate();
    all.map(|(index, ((config, port), set_up))| {
        let mut stats = PortStats::default();
        for worker in &end.workers {
            if let Some(own) = worker.last.ports.get(index) {
                stats.rx.add(&own.rx);
                stats.tx.add(&own.tx);
            }
        }
        PortReport {
            name: config.name.clone(),
            device: config.device.kind(),
            status: match config.device {
                config::Device::AfXdp(_) => set_up,
                // Their other ends come and go.
                _ => port.status(),
            },
            stats,
            device_stats: port.device_stats(),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests;

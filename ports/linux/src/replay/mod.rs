//! A capture through a forwarder: same in, same out.
//!
//! The capture's own timestamps are the time. The clock stands still while packets are worked on,
//! and jumps to the next one's moment when nothing is left to do; a forwarder that waits (for a
//! neighbour, say) sees that time pass. So the output depends on the input and the configuration
//! alone, down to its timestamps, and a day's capture takes seconds.
//!
//! ```text
//!   IN.pcap ─► first port ─┐                ┌─ first port ─┐
//!                          ├─ forwarder ────┤  ...         ├─► OUT.pcap
//!              other ports ┘ (nothing)      └─ other ports ┘
//! ```

mod ports;
mod report;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant as WallInstant;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::forward::WellFormed;
use linecard::forward::router::RouterConfig;
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::pipeline::{Stage, Worker, WorkerStats, replay};
use linecard::platform::{Clock, ManualClock};
use linecard::wire::MacAddr;
use linecard_pcap::{Capture, Pace, PcapDevice};

pub use report::ReplayReport;

use self::ports::{Due, Paced, ReplayRx, SharedTx};
use crate::config::{Config, Forwarder, Malformed};
use crate::error::Error;
use crate::memory::PoolMemory;
use crate::runner::{Facts, MAX_PORTS, PortStats, cross_connect, udp_forwarder, with_router};
use crate::stats::{PortReport, Report, Totals};

/// What to replay, and how.
///
/// ```
/// use linecard_linux::replay::Replay;
///
/// let replay = Replay {
///     input: "in.pcap".into(),
///     output: "out.pcap".into(),
///     mtu: 1500,
///     as_captured: false,
/// };
/// assert_ne!(replay.input, replay.output);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The capture that the first port receives.
    pub input: PathBuf,
    /// Where everything that is sent is written, by whichever port.
    pub output: PathBuf,
    /// The longest packet, without its Ethernet header, that a router sends on.
    pub mtu: usize,
    /// Leave the packets' Ethernet destinations as they were captured. Otherwise a router takes
    /// them as if they had been sent to it.
    pub as_captured: bool,
}

/// Sends the capture through the forwarder of `config`. Its ports lend their names and addresses;
/// their devices are not used.
///
/// # Errors
/// [`Error`] if a file cannot be read or written, or something cannot be set up.
///
/// ```
/// use linecard_linux::config::{Config, Draft, DraftPort, Setting};
/// use linecard_linux::replay::{Replay, run};
/// use linecard_pcap::Writer;
///
/// let folder = std::env::temp_dir().join(format!("linecard-doc-{}", std::process::id()));
/// std::fs::create_dir_all(&folder)?;
/// let replay = Replay {
///     input: folder.join("in.pcap"),
///     output: folder.join("out.pcap"),
///     mtu: 1500,
///     as_captured: false,
/// };
/// let mut capture = Writer::new(std::fs::File::create(&replay.input)?)?;
/// capture.write(1_000_000, [&[0x42; 60][..]])?;
/// capture.flush()?;
///
/// let port = || DraftPort::new(Setting::flag("--port", "null".into()));
/// let config = Config::try_from(Draft {
///     forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
///     ports: vec![port(), port()],
///     ..Draft::default()
/// })?;
/// let report = run(&config, &replay)?;
/// assert!(report.is_balanced());
/// assert_eq!(std::fs::read(&replay.input)?, std::fs::read(&replay.output)?);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(config: &Config, replay: &Replay) -> Result<ReplayReport, Error> {
    let name = format!("pcap:{}", replay.input.display());
    let refused = |error: Box<dyn core::error::Error + Send + Sync>| {
        let port = config.ports.first().map_or("in", |port| &port.name);
        Error::port(port, &name, error)
    };
    let began = WallInstant::now();
    let capture = Arc::new(Capture::open(&replay.input).map_err(|error| refused(error.into()))?);
    let layout = PoolConfig {
        frame_size: config.pool.frame_size as usize,
        ..PoolConfig::default()
    };
    let pool = &config.pool;
    let mut memory = PoolMemory::new(
        pool.frames as usize,
        layout,
        pool.huge_pages,
        pool.reserve_huge_pages,
    )?;
    let pages = memory.pages();
    let pool = memory.pool();
    let counters = WorkerStats::new();
    let clock = ManualClock::new();
    let mut cache = Cache::new(&pool, "worker", CACHE)?;

    let mac = mac_of(config, 0);
    let mut device = PcapDevice::new(name.clone(), &clock)
        .mac_address(mac)
        .max_packet(LONGEST)
        .epoch(capture.record(0).map_or(0, |first| first.time))
        .input(Arc::clone(&capture))
        .pace(Pace::Recorded)
        .output_file(&replay.output)
        .map_err(|error| refused(error.into()))?;
    let (rx, tx) = device
        .open(0, &mut cache)
        .map_err(|error| refused(error.into()))?;
    let stand = Stand::new(config, replay, (rx, tx), &clock, cache, &counters);
    let (ports, held) = stand.play_all(config, replay)?;
    // What was buffered is written: the queue is gone.
    if let Some(kind) = device.output_failed() {
        return Err(Error::Cut {
            port: replay.output.display().to_string(),
            kind,
        });
    }
    pool.audit().map_err(|error| Error::Unbalanced {
        reason: error.to_string(),
    })?;
    let elapsed = began.elapsed();
    Ok(ReplayReport {
        input: replay.input.clone(),
        output: replay.output.clone(),
        records: capture.len() as u64,
        fault: capture.fault().map(|fault| fault.to_string()),
        span: clock.now() - linecard::platform::Instant::default(),
        run: Report {
            forwarder: config.forwarder.name(),
            elapsed,
            cpu_time: elapsed,
            totals: Totals::of(&counters).with_waiting(held),
            ports: config
                .ports
                .iter()
                .zip(ports)
                .map(|(port, stats)| PortReport {
                    name: port.name.clone(),
                    device: "pcap",
                    status: None,
                    stats,
                    device_stats: Vec::new(),
                })
                .collect(),
            phases: Vec::new(),
            latency: None,
            pages,
            workers: Vec::new(),
            ledger: pool.ledger(),
        },
    })
}

/// As [`run`], by way of a device that receives the packets of [`Replay::input`] in their order and
/// without waiting: DPDK's `net_pcap` on the same file, say. It is the device that sends: nothing is
/// written to [`Replay::output`].
///
/// The input is a capture of Ethernet frames, each of which the device receives. Of the
/// configuration's pool nothing is used; what the worker counts is in `counters`.
///
/// # Errors
/// As [`run`]; [`Error::Stuck`] if the device does not receive a packet that is due.
///
/// ```
/// use linecard::mempool::PoolConfig;
/// use linecard::pipeline::WorkerStats;
/// use linecard::platform::NoClock;
/// use linecard_linux::config::{Config, Draft, DraftPort, Setting};
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::replay::{Replay, run_on};
/// use linecard_pcap::{Capture, PcapDevice, Writer};
///
/// let path = std::env::temp_dir().join(format!("linecard-on-{}.pcap", std::process::id()));
/// let mut capture = Writer::new(std::fs::File::create(&path)?)?;
/// capture.write(1_000_000, [&[0x42; 60][..]])?;
/// capture.flush()?;
///
/// let port = || DraftPort::new(Setting::flag("--port", "null".into()));
/// let config = Config::try_from(Draft {
///     forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
///     ports: vec![port(), port()],
///     ..Draft::default()
/// })?;
/// let replay = Replay {
///     input: path.clone(),
///     output: "unused".into(),
///     mtu: 1500,
///     as_captured: false,
/// };
/// let mut memory = PoolMemory::new(512, PoolConfig::default(), PagePolicy::Never, false)?;
/// let (pool, counters) = (memory.pool(), WorkerStats::new());
/// let mut device = PcapDevice::new("in", NoClock).input(Capture::open(&path)?);
/// run_on(&config, &replay, &pool, &counters, &mut device)?;
/// assert_eq!(counters.sent.value(), 1);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run_on<'p, D: Device<'p>>(
    config: &Config,
    replay: &Replay,
    pool: &'p Pool<'p>,
    counters: &'p WorkerStats,
    device: &mut D,
) -> Result<(), Error> {
    let name = device.name().to_owned();
    let port = config.ports.first().map_or("in", |port| &port.name);
    let refused =
        |error: Box<dyn core::error::Error + Send + Sync>| Error::port(port, &name, error);
    let capture = Arc::new(Capture::open(&replay.input).map_err(|error| refused(error.into()))?);
    let clock = ManualClock::new();
    let mut cache = Cache::new(pool, "worker", CACHE)?;
    let queues = device.open(0, &mut cache);
    let (rx, tx) = queues.map_err(|error| refused(error.into()))?;
    let rx = Paced::new(rx, capture, &clock);
    Stand::new(config, replay, (rx, tx), &clock, cache, counters).play_all(config, replay)?;
    Ok(())
}

/// All that a replay's worker needs but its stage.
struct Stand<'c, 'p, R, T> {
    rx: Option<ReplayRx<R>>,
    tx: Arc<Mutex<T>>,
    ports: usize,
    clock: &'c ManualClock,
    cache: Option<Cache<'p>>,
    counters: &'p WorkerStats,
}

impl<'c, 'p, R, T> Stand<'c, 'p, R, T>
where
    R: RxQueue<'p> + Due,
    T: TxQueue<'p>,
{
    fn new(
        config: &Config,
        replay: &Replay,
        (rx, tx): (R, T),
        clock: &'c ManualClock,
        cache: Cache<'p>,
        counters: &'p WorkerStats,
    ) -> Self {
        let routes = matches!(config.forwarder, Forwarder::Router(_));
        Self {
            rx: Some(ReplayRx::Capture {
                rx,
                address_to: (routes && !replay.as_captured).then_some(mac_of(config, 0)),
            }),
            tx: Arc::new(Mutex::new(tx)),
            ports: config.ports.len(),
            clock,
            cache: Some(cache),
            counters,
        }
    }

    /// Plays the capture through the configuration's forwarder. Afterwards the queues are gone.
    fn play_all(
        mut self,
        config: &Config,
        replay: &Replay,
    ) -> Result<(Vec<PortStats>, u64), Error> {
        match &config.forwarder {
            Forwarder::CrossConnect(wires) => match wires.malformed {
                Malformed::Pass => self.play(cross_connect(&wires.pairs)?),
                Malformed::Drop => self.play(WellFormed.and_then(cross_connect(&wires.pairs)?)),
            },
            Forwarder::Udp(rules) => {
                let macs: Vec<MacAddr> =
                    (0..config.ports.len()).map(|p| mac_of(config, p)).collect();
                self.play(udp_forwarder(rules, &macs)?)
            }
            Forwarder::Router(router) => {
                let facts: Vec<Facts> = config
                    .ports
                    .iter()
                    .enumerate()
                    .map(|(index, port)| Facts {
                        mac: mac_of(config, index),
                        mtu: replay.mtu,
                        addresses: port.addresses.clone(),
                    })
                    .collect();
                // With the seed that it always has: the same in gives the same out. It says nothing
                // by itself, there being nobody to hear it.
                let behaviour = RouterConfig {
                    listener_reports: 0,
                    ..RouterConfig::default()
                };
                let pages = config.pool.huge_pages;
                with_router(router, &facts, pages, behaviour, |router, _| {
                    self.play(router)
                })
            }
        }
    }

    fn sender(&self) -> MutexGuard<'_, T> {
        self.tx.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays the capture to its end; what each port counted, and how many frames waited in the
    /// stage at the end.
    fn play<S: Stage<'p>>(&mut self, stage: S) -> Result<(Vec<PortStats>, u64), Error> {
        let (Some(rx), Some(mut cache)) = (self.rx.take(), self.cache.take()) else {
            return Ok((Vec::new(), 0));
        };
        // All is set up: from now on the output is a capture, even if nothing is sent.
        self.sender().reclaim(&mut cache);
        let mut worker: Worker<'p, _, _, S, _, MAX_PORTS, 32> =
            Worker::new(stage, self.clock, cache, self.counters);
        let mut receivers = vec![rx];
        receivers.resize_with(self.ports, || ReplayRx::Nothing);
        for rx in receivers {
            let tx = SharedTx::new(Arc::clone(&self.tx));
            worker.add_port(rx, tx).map_err(|error| Error::Forwarder {
                forwarder: "replay",
                source: error.into(),
            })?;
        }
        let played = replay(&mut worker, ReplayRx::next_due);
        let (stage, cache, ends) = worker.into_parts();
        let ports = ends
            .map(|(rx, tx)| PortStats {
                rx: rx.stats(),
                tx: tx.stats(),
            })
            .collect();
        drop(stage);
        let pool = cache.pool();
        drop(cache);
        played.map_err(|stuck| Error::Stuck {
            source: stuck,
            frames: pool.frames(),
        })?;
        Ok((ports, pool.ledger().held as u64))
    }
}

/// A port's Ethernet address: its own, or one that is the same in every replay.
fn mac_of(config: &Config, port: usize) -> MacAddr {
    let given = config.ports.get(port).and_then(|port| port.mac);
    given.unwrap_or(MacAddr([0x02, b'l', b'c', 0, 0, port as u8]))
}

/// Frames that the worker keeps at hand.
const CACHE: usize = 512;
/// The longest packet that is written: what a frame's length can say, less a header.
const LONGEST: usize = 65_535 - 22;

#[cfg(test)]
mod tests;

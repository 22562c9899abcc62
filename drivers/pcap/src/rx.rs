//! The receive side: packets of a capture, when they are due.

use std::sync::Arc;

use linecard::device::{RxQueue, RxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Packet};
use linecard::platform::{Clock, Instant};
use linecard::wire::MacAddr;

use crate::link::Ethernet;
use crate::{Capture, Pace, Record, Repeat};

/// What is played, and how.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) capture: Arc<Capture>,
    pub(crate) pace: Pace,
    pub(crate) repeat: Repeat,
}

/// The receive queue of a [`PcapDevice`](crate::PcapDevice).
///
/// - A packet of a link without Ethernet headers gets one: see [`LinkType`](crate::LinkType).
///   Of other links it is skipped and counted as `unsupported`.
/// - A packet that does not fit into one frame of the pool is skipped and counted as `oversize`.
/// - A packet of which the capture kept the beginning only comes in as that beginning.
/// - A capture that breaks off counts one of `errors` at the end of each round.
///
/// ```
/// use linecard::device::{Device, RxQueue};
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 64 * 2048 + 63];
/// # let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default())?;
/// # let mut cache = Cache::new(&pool, "core 0", 32)?;
/// use linecard::packet::Burst;
/// use linecard::platform::{Instant, ManualClock};
/// use linecard_pcap::{Capture, Pace, PcapDevice, Writer};
///
/// let mut file = Writer::new(Vec::new())?;
/// file.write(5_000, [&[1; 60][..]])?;
/// file.write(5_700, [&[2; 60][..]])?;
/// let clock = ManualClock::new();
/// let mut device = PcapDevice::new("pcap:example", &clock)
///     .input(Capture::from_bytes(file.into_inner()?)?)
///     .pace(Pace::Recorded);
///
/// let (mut rx, _tx) = device.open(0, &mut cache)?;
/// let mut burst = Burst::<32>::new();
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
/// assert_eq!(rx.next_due(), Some(Instant::from_nanos(700)));
/// clock.set(Instant::from_nanos(700));
/// assert_eq!(rx.rx_burst(&mut cache, &mut burst), 1);
/// assert_eq!(rx.next_due(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PcapRx<C> {
    input: Option<Input>,
    clock: C,
    mac: MacAddr,
    /// The record that comes next.
    position: usize,
    /// Rounds that are over.
    rounds: u64,
    /// When this round began; `None` before the first poll.
    began: Option<Instant>,
    /// When the packet before was due: none is due earlier.
    last: Instant,
    stats: RxStats,
}

impl<C: Clock> PcapRx<C> {
    pub(crate) fn new(input: Option<Input>, clock: C, mac: MacAddr) -> Self {
        Self {
            input: input
                .filter(|input| !input.capture.is_empty() && input.repeat != Repeat::Times(0)),
            clock,
            mac,
            position: 0,
            rounds: 0,
            began: None,
            last: Instant::default(),
            stats: RxStats::default(),
        }
    }

    /// When the next packet comes in, by the device's clock; `None` when there is none to come.
    /// Before the first poll, and with [`Pace::Fast`], that is now.
    ///
    /// A replay on a clock that is set by hand sets it to this whenever nothing came in.
    pub fn next_due(&self) -> Option<Instant> {
        self.due(self.clock.now())
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let input = self.input.as_ref()?;
        let record = input.capture.record(self.position)?;
        let began = match input.pace {
            Pace::Fast => None,
            Pace::Recorded => self.began,
        };
        let Some(began) = began else {
            return Some(now);
        };
        let first = input.capture.record(0).map_or(0, |first| first.time);
        let gap = record.time.saturating_sub(first);
        let due = Instant::from_nanos(began.as_nanos().saturating_add(gap));
        Some(due.max(self.last))
    }

    /// Goes on to the record behind the one that came in, or back to the first.
    fn step(&mut self, due: Instant) {
        self.last = due;
        self.position += 1;
        let Some(input) = &self.input else { return };
        if self.position < input.capture.len() {
            return;
        }
        self.stats.errors += u64::from(input.capture.fault().is_some());
        self.rounds += 1;
        self.began = Some(due);
        let more = match input.repeat {
            Repeat::Times(times) => self.rounds < times,
            Repeat::Forever => true,
        };
        match more {
            true => self.position = 0,
            false => self.input = None,
        }
    }

    /// Copies a record into a frame, or counts why that cannot be.
    fn fill<'p>(
        stats: &mut RxStats,
        record: &Record<'_>,
        mac: MacAddr,
        cache: &mut Cache<'p>,
    ) -> Filled<'p> {
        let Some(ethernet) = Ethernet::of(record.link, record.data, mac.0) else {
            stats.unsupported += 1;
            return Filled::Skipped;
        };
        let header = ethernet.header.as_bytes();
        let length = header.len() + ethernet.rest.len();
        if length > cache.pool().room() {
            stats.oversize += 1;
            return Filled::Skipped;
        }
        let Some(frame) = cache.alloc() else {
            stats.no_frames += 1;
            return Filled::NoFrame;
        };
        let mut packet = Packet::new(frame);
        if let Ok(data) = packet.append(length) {
            let (front, rest) = data.split_at_mut(header.len());
            front.copy_from_slice(header);
            rest.copy_from_slice(ethernet.rest);
        }
        stats.packets += 1;
        stats.bytes += length as u64;
        Filled::Packet(packet)
    }
}

/// What became of a record.
enum Filled<'p> {
    Packet(Packet<'p>),
    Skipped,
    NoFrame,
}

impl<'p, C: Clock + Send> RxQueue<'p> for PcapRx<C> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let now = self.clock.now();
        if self.began.is_none() {
            self.began = Some(now);
        }
        let before = out.len();
        // An endless capture of which nothing fits must not hold up the caller for ever.
        let mut skips = SKIPS;
        while out.room() > 0 && skips > 0 {
            let Some(due) = self.due(now).filter(|&due| due <= now) else {
                break;
            };
            let Some(record) = self
                .input
                .as_ref()
                .and_then(|input| input.capture.record(self.position))
            else {
                break;
            };
            match Self::fill(&mut self.stats, &record, self.mac, cache) {
                // There is room, so that nothing comes back.
                Filled::Packet(packet) => drop(out.push(packet)),
                Filled::Skipped => skips -= 1,
                Filled::NoFrame => break,
            }
            self.step(due);
        }
        out.len() - before
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// Records that one burst steps over at most.
const SKIPS: usize = 1024;

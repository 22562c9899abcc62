//! A capture from memory through a forwarder, into QEMU's debug console: what `linecard replay` does
//! on Linux, to the byte.
//!
//! Time is the capture's, by the core's [`replay`], as it is for the command. The first port receives
//! it, and whatever any port sends goes into one capture. Captures are classic pcap with
//! nanoseconds, Ethernet, little-endian.

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::forward::router::RouterConfig;
use linecard::mempool::{Cache, Pool};
use linecard::packet::{BurstView, Packet, PortId};
use linecard::pipeline::{Worker, WorkerStats, replay};
use linecard::platform::{Clock, Instant, ManualClock};
use linecard::wire::MacAddr;

use crate::arch::serial;
use crate::config::{Config, ForwarderKind, MAX_PORTS};
use crate::console::say;
use crate::forwarder::Forwarder;
use crate::memory::Ram;
use crate::setup::{self, Facts, SetupError};

/// Sends the capture through the forwarder; whether every frame was where it belongs at the end.
///
/// # Errors
/// [`SetupError`] if something could not be set up.
pub fn run(
    config: &Config<'_>,
    module: Option<&'static [u8]>,
    mut ram: Ram,
) -> Result<bool, SetupError> {
    let records = module.and_then(Records::of).ok_or(SetupError::NoCapture)?;
    let (pool, _) = setup::pool(config, &mut ram, SPARE)?;
    let clock: &'static ManualClock = ram.item("the clock", ManualClock::new)?;
    let mut facts: heapless::Vec<Facts, MAX_PORTS> = heapless::Vec::new();
    for (index, port) in config.ports.iter().enumerate() {
        let mac = port
            .mac
            .unwrap_or(MacAddr([0x02, b'l', b'c', 0, 0, index as u8]));
        // As many as there are ports.
        let _ = facts.push(Facts {
            mac,
            mtu: config.mtu,
        });
    }
    let own = facts.first().ok_or(SetupError::NoPorts)?.mac;
    let epoch = records.first().map_or(0, |record| record.time);
    let routes = config.forwarder == ForwarderKind::Router;
    let stand = Stand {
        ports: config.ports.len(),
        pool,
        clock,
        epoch,
        rx: ReplayRx {
            records: Some(records),
            next: records.first(),
            clock,
            epoch,
            last: Instant::default(),
            address_to: (routes && !config.as_captured).then_some(own),
            stats: RxStats::default(),
        },
        counters: ram.item("statistics", WorkerStats::new)?,
    };
    put_header();
    // With the seed that it always has: the same in gives the same out. It says nothing by itself,
    // there being nobody to hear it.
    let behaviour = RouterConfig {
        listener_reports: 0,
        ..RouterConfig::default()
    };
    let stage = Forwarder::new(config, &facts, behaviour, true, &mut ram)?;
    stand.play(stage)
}

/// All that a replay's worker needs but its stage.
struct Stand {
    ports: usize,
    pool: &'static Pool<'static>,
    clock: &'static ManualClock,
    epoch: u64,
    rx: ReplayRx,
    counters: &'static WorkerStats,
}

impl Stand {
    fn play(self, stage: Forwarder) -> Result<bool, SetupError> {
        let Self {
            ports,
            pool,
            clock,
            epoch,
            rx,
            counters,
        } = self;
        let cache = Cache::new(pool, "worker", CACHE)?;
        let mut worker: Worker<'static, _, _, Forwarder, _, MAX_PORTS> =
            Worker::new(stage, clock, cache, counters);
        let nothing = || ReplayRx {
            records: None,
            next: None,
            address_to: None,
            ..rx
        };
        for index in 0..ports {
            let rx = if index == 0 { rx } else { nothing() };
            let tx = ReplayTx {
                clock,
                epoch,
                stats: TxStats::default(),
            };
            // There are no more ports than places.
            let _ = worker.add_port(rx, tx);
        }
        let played = replay(&mut worker, ReplayRx::next_due);
        if let Err(stuck) = &played {
            say!("{stuck}");
        }
        for index in 0..ports {
            if let Some((rx, tx)) = worker.port(PortId(index as u16)) {
                say!("port {index} rx: {}", RxQueue::stats(rx));
                say!("port {index} tx: {}", TxQueue::stats(tx));
            }
        }
        say!("worker: {counters}");
        say!("ledger: {}", pool.ledger());
        let (mut stage, cache, ports) = worker.into_parts();
        stage.close();
        ports.for_each(drop);
        drop(cache);
        let audit = pool.audit();
        if let Err(error) = &audit {
            say!("audit: {error}");
        }
        Ok(played.is_ok() && audit.is_ok())
    }
}

/// The records of a capture, from one on.
#[derive(Debug, Clone, Copy)]
struct Records(&'static [u8]);

/// A packet of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    /// Nanoseconds since 1970.
    time: u64,
    data: &'static [u8],
}

impl Records {
    /// Those of a whole file.
    fn of(file: &'static [u8]) -> Option<Self> {
        let (header, rest) = file.split_at_checked(HEADER.len())?;
        // The length at which packets are cut is the writer's own affair.
        let same = |range: core::ops::Range<usize>| header.get(range.clone()) == HEADER.get(range);
        (same(0..6) && same(20..24)).then_some(Self(rest))
    }

    /// The first of them.
    fn first(&self) -> Option<Record> {
        let (header, rest) = self.0.split_first_chunk::<16>()?;
        let field = |at: usize| {
            let bytes = header.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let time = u64::from(field(0)?) * 1_000_000_000 + u64::from(field(4)?);
        let data = rest.get(..field(8)? as usize)?;
        Some(Record { time, data })
    }

    /// Those behind the first.
    fn rest(self) -> Self {
        let len = self
            .first()
            .map_or(self.0.len(), |first| 16 + first.data.len());
        Self(self.0.get(len..).unwrap_or(&[]))
    }
}

/// What the first port receives; the others have no records.
#[derive(Debug, Clone, Copy)]
struct ReplayRx {
    records: Option<Records>,
    next: Option<Record>,
    clock: &'static ManualClock,
    epoch: u64,
    /// When the packet before was due: none is due earlier.
    last: Instant,
    /// The Ethernet address to which unicast packets are addressed anew.
    address_to: Option<MacAddr>,
    stats: RxStats,
}

impl ReplayRx {
    fn next_due(&self) -> Option<Instant> {
        let gap = self.next?.time.saturating_sub(self.epoch);
        Some(Instant::from_nanos(gap).max(self.last))
    }

    fn step(&mut self, due: Instant) {
        self.last = due;
        self.records = self.records.map(Records::rest);
        self.next = self.records.and_then(|records| records.first());
    }
}

impl<'p> RxQueue<'p> for ReplayRx {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let now = self.clock.now();
        let before = out.len();
        let mut skips = SKIPS;
        while out.room() > 0 && skips > 0 {
            let Some(due) = self.next_due().filter(|&due| due <= now) else {
                break;
            };
            let Some(record) = self.next else { break };
            if record.data.len() > cache.pool().room() {
                self.stats.oversize += 1;
                skips -= 1;
                self.step(due);
                continue;
            }
            let Some(frame) = cache.alloc() else {
                self.stats.no_frames += 1;
                break;
            };
            let mut packet = Packet::new(frame);
            if let Ok(data) = packet.append(record.data.len()) {
                for (to, from) in data.iter_mut().zip(record.data) {
                    *to = *from;
                }
                if let Some(mac) = self.address_to
                    && let Some(to) = data.first_chunk_mut::<6>()
                    && MacAddr(*to).is_unicast()
                {
                    *to = mac.0;
                }
            }
            self.stats.packets += 1;
            self.stats.bytes += record.data.len() as u64;
            // There is room, so that nothing comes back.
            drop(out.push(packet));
            self.step(due);
        }
        out.len() - before
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// One port's way into the capture.
#[derive(Debug)]
struct ReplayTx {
    clock: &'static ManualClock,
    epoch: u64,
    stats: TxStats,
}

impl<'p> TxQueue<'p> for ReplayTx {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let time = self.epoch.saturating_add(self.clock.now().as_nanos());
        for packet in packets.iter() {
            let len = packet.total_len();
            if len < ETHERNET_HEADER {
                self.stats.undersize += 1;
                continue;
            }
            let seconds = u32::try_from(time / SECOND).unwrap_or(u32::MAX);
            for field in [seconds, (time % SECOND) as u32, len as u32, len as u32] {
                serial::put_raw(&field.to_le_bytes());
            }
            packet.frame().segments().for_each(serial::put_raw);
            self.stats.packets += 1;
            self.stats.completed += 1;
            self.stats.bytes += len as u64;
        }
        packets.free(cache)
    }

    fn reclaim(&mut self, _: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

fn put_header() {
    serial::put_raw(&HEADER);
}

/// A capture's header, as `linecard_pcap` writes it: nanoseconds, version 2.4, packets of 262,144
/// bytes at most, Ethernet.
const HEADER: [u8; 24] = [
    0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];
const SECOND: u64 = 1_000_000_000;
const ETHERNET_HEADER: usize = 14;

/// Frames that the worker keeps at hand, as with the `linecard` command.
const CACHE: usize = 512;
const SKIPS: usize = 1024;
/// Memory that is left to forwarders.
const SPARE: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn record(seconds: u32, nanos: u32, data: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let header = [seconds, nanos, len, len].map(u32::to_le_bytes).concat();
        [header, data.to_vec()].concat()
    }

    #[test]
    fn records_are_read_to_the_last_whole_one() {
        let file = [
            &HEADER[..],
            &record(1, 2, &[7; 5]),
            &record(3, 4, &[]),
            &[0; 9],
        ]
        .concat();
        let records = Records::of(file.leak()).unwrap();
        let first = records.first().unwrap();
        assert_eq!((first.time, first.data), (1_000_000_002, &[7; 5][..]));
        let second = records.rest().first().unwrap();
        assert_eq!((second.time, second.data.len()), (3_000_000_004, 0));
        assert_eq!(records.rest().rest().first(), None);
        assert_eq!(records.rest().rest().rest().first(), None);
    }

    #[test]
    fn other_files_are_refused() {
        for file in [&[][..], &[0; 24], &HEADER[..23]] {
            assert!(Records::of(file.to_vec().leak()).is_none());
        }
        let mut microseconds = HEADER;
        microseconds[0] = 0xd4;
        assert!(Records::of(microseconds.to_vec().leak()).is_none());
        let mut another_length = HEADER;
        another_length[18] = 1;
        assert!(Records::of(another_length.to_vec().leak()).is_some());
    }
}

//! The worker on devices that do what a test wants.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::device::{Device, Null, RxQueue, RxStats, TxQueue, TxStats};
use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use crate::packet::{Burst, BurstView, Offloads, Packet, PortId};
use crate::platform::{Instant, ManualClock, NoClock};
use crate::trace::{Observe, Phase};

fn with_pool(frames: usize, test: impl FnOnce(&Pool<'_>)) {
    let mut memory = vec![0u8; frames * 2048 + 63];
    let slots: Vec<Slot> = (0..frames).map(|_| Slot::new()).collect();
    let config = PoolConfig {
        track: true,
        ..PoolConfig::default()
    };
    let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).expect("a pool");
    test(&pool);
    pool.audit().expect("every frame is back");
}

/// Receives numbered packets, so many at each call.
struct Numbers {
    calls: Vec<usize>,
    next: u32,
}

impl<'p> RxQueue<'p> for Numbers {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let count = self.calls.pop().unwrap_or(0).min(out.room());
        cache.alloc_burst(count, |frame| {
            let mut packet = Packet::new(frame);
            packet
                .append(4)
                .expect("room")
                .copy_from_slice(&self.next.to_be_bytes());
            self.next += 1;
            out.push(packet).expect("room");
        })
    }

    fn stats(&self) -> RxStats {
        RxStats::default()
    }
}

/// Takes so many packets at each call, and remembers their numbers.
struct Slow {
    takes: Vec<usize>,
    default: usize,
    seen: Vec<u32>,
}

impl<'p> TxQueue<'p> for Slow {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let take = self.takes.pop().unwrap_or(self.default).min(packets.len());
        for packet in packets.drain_front(take) {
            let number: [u8; 4] = packet.data().try_into().expect("four bytes");
            self.seen.push(u32::from_be_bytes(number));
            cache.free(packet.into_frame());
        }
        take
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        TxStats::default()
    }
}

/// Decides by a packet's number.
struct ByNumber(fn(u32, &Lot<'_, '_>) -> Verdict);

impl<'p> Stage<'p> for ByNumber {
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        let mut verdicts = Vec::new();
        for (packet, _) in lot.undecided() {
            verdicts.push(u32::from_be_bytes(
                packet.data().try_into().expect("four bytes"),
            ));
        }
        let verdicts: Vec<_> = verdicts
            .into_iter()
            .map(|number| (self.0)(number, lot))
            .collect();
        for ((_, verdict), new) in lot.undecided().zip(verdicts) {
            *verdict = new;
        }
    }

    fn exceptions(&self) -> u16 {
        2
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        match code {
            0 => cx.send(PortId(0), packet),
            _ => match cx.alloc() {
                Some(mut more) => {
                    more.append(4)
                        .expect("room")
                        .copy_from_slice(&u32::MAX.to_be_bytes());
                    cx.send(PortId(0), packet);
                    cx.send(PortId(0), more);
                }
                None => cx.drop(packet, DropReason::NO_FRAME),
            },
        }
    }
}

type TestWorker<'p, S> = Worker<'p, Numbers, Slow, S, NoClock, 4, 32>;

fn worker<'p, S: Stage<'p>>(
    pool: &'p Pool<'p>,
    stats: &'p WorkerStats,
    stage: S,
    calls: Vec<usize>,
    takes: Vec<usize>,
    default: usize,
) -> TestWorker<'p, S> {
    let cache = Cache::new(pool, "worker", 64).expect("an account");
    let mut worker = Worker::new(stage, NoClock, cache, stats);
    let rx = Numbers { calls, next: 0 };
    worker
        .add_port(
            rx,
            Slow {
                takes,
                default,
                seen: Vec::new(),
            },
        )
        .expect("room for a port");
    worker
}

/// Sends all by port 0, and reads or does not by turns: in the rounds of which it says so.
struct Turns {
    reads: Vec<bool>,
    round: usize,
}

impl Stage<'_> for Turns {
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        lot.decide(Verdict::send(PortId(0)));
    }

    fn reads(&self) -> bool {
        self.reads[self.round]
    }
}

#[test]
fn what_no_stage_reads_is_worked_on_at_once_and_in_its_turn() {
    for turns in 0..32_u32 {
        let reads: Vec<bool> = (0..5).map(|round| turns >> round & 1 == 1).collect();
        with_pool(32, |pool| {
            let stats = WorkerStats::new();
            let cache = Cache::new(pool, "core 0", 16).expect("a cache");
            let stage = Turns {
                reads: reads.clone(),
                round: 0,
            };
            let mut worker: Worker<'_, _, _, _, _> = Worker::new(stage, NoClock, cache, &stats);
            let numbers = Numbers {
                calls: vec![4; 5],
                next: 0,
            };
            let all = Slow {
                takes: Vec::new(),
                default: 32,
                seen: Vec::new(),
            };
            worker.add_port(numbers, all).expect("room for it");
            for (round, &reads) in reads.iter().enumerate() {
                worker.stage().round = round;
                assert_eq!(worker.poll(), 4);
                let waits = stats.received.value() - stats.sent.value();
                assert!(waits <= 4, "{turns:#b}, {round}: {waits}");
                if turns == 0 || reads {
                    assert_eq!(waits, if reads { 4 } else { 0 }, "{turns:#b}, {round}");
                }
            }
            worker.drain(1);
            let seen = &worker.port(PortId(0)).expect("a port").1.seen;
            assert!(seen.iter().copied().eq(0..20), "{turns:#b}: {seen:?}");
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the device takes at a time: what leaves is in order, nothing twice, and what
    /// does not leave is counted.
    #[test]
    fn order_is_kept_and_the_counts_add_up(
        calls in prop::collection::vec(0..40usize, 0..40),
        takes in prop::collection::vec(0..40usize, 0..60),
        mixed in any::<bool>(),
    ) {
        with_pool(256, |pool| {
            let stats = WorkerStats::new();
            let decide = if mixed {
                |number: u32, _: &Lot<'_, '_>| match number % 4 {
                    0 => Verdict::drop(DropReason::NO_ROUTE),
                    _ => Verdict::send(PortId(0)),
                }
            } else {
                |_: u32, _: &Lot<'_, '_>| Verdict::send(PortId(0))
            };
            let rounds = calls.len() + 2;
            let mut worker = worker(pool, &stats, ByNumber(decide), calls, takes, 0);
            for _ in 0..rounds {
                worker.poll();
            }
            worker.drain(100);
            let seen = &worker.port(PortId(0)).expect("the port").1.seen;
            assert!(seen.is_sorted_by(|a, b| a < b), "in order and none twice: {seen:?}");
            assert_eq!(seen.len() as u64, stats.sent.value());
            assert_eq!(stats.received.value(), stats.sent.value() + stats.dropped_in_all());
        });
    }
}

#[test]
fn a_burst_leaves_in_the_round_after_it_came() {
    with_pool(64, |pool| {
        let stats = WorkerStats::new();
        let send = |_: u32, _: &Lot<'_, '_>| Verdict::send(PortId(0));
        let mut worker = worker(pool, &stats, ByNumber(send), vec![0, 8, 8], vec![], 32);
        assert_eq!(worker.poll(), 8);
        assert_eq!(
            stats.sent.value(),
            0,
            "its headers are on their way into the cache"
        );
        assert_eq!(worker.poll(), 8);
        assert_eq!(stats.sent.value(), 8);
        assert_eq!(worker.poll(), 0);
        assert_eq!(
            stats.sent.value(),
            16,
            "nothing else came, so it did not wait"
        );
    });
}

#[test]
fn exceptions_reach_their_stage() {
    with_pool(64, |pool| {
        let stats = WorkerStats::new();
        let first = ByNumber(|number, lot| match number {
            0 => lot.exception(1),
            _ => Verdict::UNDECIDED,
        });
        let next = ByNumber(|number, lot| match number {
            1 => lot.exception(0),
            2 => Verdict::PUNT,
            3 => Verdict::send(PortId(9)),
            _ => Verdict::UNDECIDED,
        });
        // `ByNumber` gives verdicts to the undecided in order, so the second stage must see them
        // all undecided or none: one packet a burst.
        let mut worker = worker(pool, &stats, first.and_then(next), vec![1; 5], vec![], 32);
        for _ in 0..7 {
            worker.poll();
        }
        assert_eq!(stats.exceptions.value(), 2);
        assert_eq!((stats.made.value(), stats.punted.value()), (1, 1));
        assert_eq!(stats.dropped(DropReason::NO_PORT), 1);
        assert_eq!(stats.dropped(DropReason::UNDECIDED), 1);
        assert_eq!(
            worker.port(PortId(0)).expect("the port").1.seen,
            [0, u32::MAX, 1]
        );
        let punted: Vec<_> = worker.punted().drain().collect();
        assert_eq!(punted.len(), 1);
        drop(punted);
        worker.drain(1);
    });
}

#[test]
fn a_full_port_drops_the_newest() {
    with_pool(256, |pool| {
        let stats = WorkerStats::new();
        let send = |_: u32, _: &Lot<'_, '_>| Verdict::send(PortId(0));
        let calls = vec![32, 32, 32];
        let mut worker = worker(
            pool,
            &stats,
            ByNumber(send),
            calls,
            vec![32, 0, 0, 0, 0, 0, 0],
            0,
        );
        for _ in 0..5 {
            worker.poll();
        }
        worker.port(PortId(0)).expect("the port").1.default = 32;
        worker.drain(9);
        assert_eq!(stats.dropped(DropReason::TX_FULL), 64);
        assert_eq!(
            worker.port(PortId(0)).expect("the port").1.seen,
            (0..32).collect::<Vec<_>>()
        );
        assert_eq!(
            stats.received.value(),
            stats.sent.value() + stats.dropped_in_all()
        );
    });
}

#[test]
fn what_cannot_leave_is_freed_at_the_end() {
    with_pool(256, |pool| {
        let stats = WorkerStats::new();
        let send = |_: u32, _: &Lot<'_, '_>| Verdict::send(PortId(0));
        let mut worker = worker(pool, &stats, ByNumber(send), vec![32, 8], vec![], 0);
        worker.poll();
        worker.poll();
        worker.drain(3);
        assert_eq!(
            stats.dropped(DropReason::SHUTDOWN) + stats.dropped(DropReason::TX_FULL),
            40
        );
        assert_eq!(pool.ledger().held, 0);
    });
}

#[test]
fn what_is_punted_and_not_taken_is_counted_once() {
    with_pool(64, |pool| {
        let stats = WorkerStats::new();
        let punt = |_: u32, _: &Lot<'_, '_>| Verdict::PUNT;
        let mut worker = worker(pool, &stats, ByNumber(punt), vec![32, 8], vec![], 32);
        for _ in 0..3 {
            worker.poll();
        }
        worker.drain(1);
        assert!(worker.punted().is_empty());
        assert_eq!((stats.received.value(), stats.punted.value()), (40, 32));
        assert_eq!(stats.dropped(DropReason::PUNT_FULL), 8);
        assert_eq!(stats.dropped_in_all(), 8, "{stats}");
        assert_eq!(pool.ledger().held, 0);
    });
}

#[test]
fn ticks_come_every_ten_milliseconds() {
    struct Ticks(Vec<u64>);
    impl<'p> Stage<'p> for Ticks {
        fn process(&mut self, _lot: &mut Lot<'_, 'p>) {}
        fn tick(&mut self, cx: &mut Context<'_, 'p>) {
            self.0.push(cx.now().as_nanos() / 1_000_000);
        }
    }
    with_pool(64, |pool| {
        let stats = WorkerStats::new();
        let clock = ManualClock::new();
        let mut cache = Cache::new(pool, "worker", 64).expect("an account");
        let (rx, tx) = Null::sink().open(0, &mut cache).expect("it opens");
        let mut worker: Worker<'_, _, _, _, _> = Worker::new(Ticks(vec![]), &clock, cache, &stats);
        worker.add_port(rx, tx).expect("room for a port");
        for _ in 0..40 {
            worker.poll();
            clock.advance(core::time::Duration::from_millis(1));
        }
        assert_eq!(worker.stage().0, [0, 10, 20, 30]);
    });
}

#[test]
fn ports_have_an_end() {
    with_pool(64, |pool| {
        let stats = WorkerStats::new();
        let mut cache = Cache::new(pool, "worker", 64).expect("an account");
        let (rx, tx) = Null::source(64).open(0, &mut cache).expect("it opens");
        let (rx2, tx2) = Null::source(64).open(1, &mut cache).expect("it opens");
        let stage = ByNumber(|_, _| Verdict::UNDECIDED);
        let mut worker: Worker<'_, _, _, _, _, 1, 8> = Worker::new(stage, NoClock, cache, &stats);
        assert_eq!(worker.add_port(rx, tx), Ok(PortId(0)));
        assert_eq!(worker.add_port(rx2, tx2), Err(WorkerError::TooManyPorts(1)));
    });
}

#[test]
fn a_burst_view_is_what_devices_see() {
    with_pool(8, |pool| {
        let mut cache = Cache::new(pool, "worker", 8).expect("an account");
        let mut burst: Burst<'_, 4> = Burst::new();
        let mut numbers = Numbers {
            calls: vec![9],
            next: 0,
        };
        assert_eq!(numbers.rx_burst(&mut cache, &mut burst), 4);
        burst.free(&mut cache);
    });
}

/// Gives one UDP datagram whose checksum its sender has left to the device.
struct Unfinished(Option<Offloads>);

impl<'p> RxQueue<'p> for Unfinished {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Some(offloads) = self.0.take() else {
            return 0;
        };
        let mut packet = Packet::new(cache.alloc().expect("a frame"));
        let data = packet.append(46).expect("room");
        data.fill(0);
        data[12..14].copy_from_slice(&[0x08, 0x00]);
        data[14..24].copy_from_slice(&[0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17]);
        data[26..34].copy_from_slice(&[192, 0, 2, 1, 192, 0, 2, 2]);
        data[34..46].copy_from_slice(&[0, 53, 0, 53, 0, 12, 0x84, 0x21, 1, 2, 3, 4]);
        packet.offloads = offloads;
        out.push(packet).expect("room");
        1
    }

    fn stats(&self) -> RxStats {
        RxStats::default()
    }
}

/// Sees to it that every packet's UDP checksum is right, and that no mark says otherwise.
struct Right(usize);

impl Stage<'_> for Right {
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        for (packet, verdict) in lot.undecided() {
            assert_eq!(packet.offloads, Offloads::empty());
            assert_eq!(packet.data()[40..42], [0x77, 0x62]);
            self.0 += 1;
            *verdict = Verdict::drop(DropReason::UNDECIDED);
        }
    }
}

#[test]
fn no_stage_meets_an_unfinished_checksum() {
    for offloads in [Offloads::L4_WANTED, Offloads::L4_DOUBTFUL] {
        with_pool(64, |pool| {
            let stats = WorkerStats::new();
            let cache = Cache::new(pool, "core 0", 32).expect("an account");
            let mut worker: Worker<'_, _, _, _, _> = Worker::new(Right(0), NoClock, cache, &stats);
            let tx = Slow {
                takes: vec![],
                default: 32,
                seen: vec![],
            };
            worker
                .add_port(Unfinished(Some(offloads)), tx)
                .expect("a port");
            worker.poll();
            worker.poll();
            assert_eq!(worker.stage().0, 1);
        });
    }
}

/// Counts the bursts and packets that it is told of, where they are received and where they are
/// done.
#[derive(Default)]
struct Tally {
    received: (usize, usize),
    done: (usize, usize),
}

impl Observe for Tally {
    fn begin(&mut self) {}

    fn mark(&mut self, phase: Phase, packets: usize) {
        if phase == Phase::RECEIVE {
            self.received.0 += 1;
            self.received.1 += packets;
        }
    }

    fn done(&mut self, _received: Instant, packets: usize) {
        self.done.0 += 1;
        self.done.1 += packets;
    }
}

/// What an observer is told of one burst in `every`, of ports that bring bursts of these sizes.
fn sampled(ports: &[Vec<usize>], every: u32) -> Tally {
    let mut tally = Tally::default();
    with_pool(512, |pool| {
        let stats = WorkerStats::new();
        let stage = ByNumber(|_, _| Verdict::drop(DropReason::FILTERED));
        let cache = Cache::new(pool, "worker", 64).expect("an account");
        let mut worker: TestWorker<'_, _> = Worker::new(stage, NoClock, cache, &stats);
        for calls in ports {
            let rx = Numbers {
                calls: calls.clone(),
                next: 0,
            };
            let tx = Slow {
                takes: vec![],
                default: 32,
                seen: vec![],
            };
            worker.add_port(rx, tx).expect("room for a port");
        }
        worker.observe(&mut tally, every);
        while worker.poll() > 0 {}
        worker.drain(1);
    });
    tally
}

#[test]
fn quiet_ports_do_not_keep_a_busy_one_from_being_sampled() {
    const BURSTS: usize = 64;
    // As many ports as a sample's period, a divisor of it, and neither; the busy one at each place.
    for (ports, busy) in [1, 2, 3, 4]
        .into_iter()
        .flat_map(|n| (0..n).map(move |at| (n, at)))
    {
        let mut calls = vec![vec![]; ports];
        calls[busy] = vec![4; BURSTS];
        for every in [1, 2, 3, 7, 8] {
            let tally = sampled(&calls, every);
            let bursts = BURSTS.div_ceil(every as usize);
            assert_eq!(tally.received, (bursts, 4 * bursts), "{busy} of {ports}");
            assert_eq!(tally.done, (bursts, 4 * bursts), "{busy} of {ports}");
        }
    }
}

#[test]
fn ports_in_turn_have_their_shares_of_the_samples() {
    let calls = [vec![4; 12], vec![1; 12]];
    assert_eq!(sampled(&calls, 3).received, (8, 4 * 4 + 4));
    assert_eq!(sampled(&calls, 4).received, (6, 6 * 4), "two divides it");
    assert_eq!(sampled(&calls, 0).received, (24, 12 * 4 + 12));
}

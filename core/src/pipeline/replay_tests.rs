//! Replays of packets that are due when a test says so.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::device::{Device, Null, RxStats};
use crate::mempool::{Cache, Pool, PoolConfig, Region, Slot};
use crate::packet::{BurstView, Packet};
use crate::pipeline::{Context, Lot, Verdict, WorkerStats};

/// Packets that come at these moments, in milliseconds.
struct Schedule<'c> {
    clock: &'c ManualClock,
    due: Vec<u64>,
}

impl Schedule<'_> {
    fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|&due| at(due))
    }
}

impl<'p> RxQueue<'p> for Schedule<'_> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        while out.room() > 0 && self.next_due().is_some_and(|due| due <= self.clock.now()) {
            let Some(frame) = cache.alloc() else { break };
            out.push(Packet::new(frame)).expect("there is room");
            self.due.remove(0);
        }
        out.len() - before
    }

    fn stats(&self) -> RxStats {
        RxStats::default()
    }
}

/// Remembers when it was given packets and told of time, in milliseconds, and does with each packet what
/// its verdict says.
struct Diary<'p> {
    does: Verdict,
    packets: Vec<u64>,
    ticks: Vec<u64>,
    held: Vec<Packet<'p>>,
}

impl<'p> Stage<'p> for Diary<'p> {
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        let now = millis(lot.now());
        for (_, verdict) in lot.undecided() {
            self.packets.push(now);
            *verdict = self.does;
        }
    }

    fn exceptions(&self) -> u16 {
        1
    }

    fn exception(&mut self, _: u16, packet: Packet<'p>, _: &mut Context<'_, 'p>) {
        self.held.push(packet);
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        self.ticks.push(millis(cx.now()));
    }
}

/// What was seen of a replay.
struct Seen {
    ended: Result<(), Stuck>,
    packets: Vec<u64>,
    ticks: Vec<u64>,
    /// What the clock says at the end, in milliseconds.
    end: u64,
    held: usize,
}

/// Replays a port for each schedule with a pool of 64 frames.
fn replayed(does: Verdict, schedules: &[&[u64]]) -> Seen {
    let mut memory = vec![0u8; 64 * 2048 + 63];
    let slots: Vec<Slot> = (0..64).map(|_| Slot::new()).collect();
    let region = Region::from_slice(&mut memory);
    let pool = Pool::new(region, &slots, PoolConfig::default()).expect("a pool");
    let stats = WorkerStats::new();
    let clock = ManualClock::new();
    let cache = Cache::new(&pool, "worker", 32).expect("an account");
    let diary = Diary {
        does,
        packets: Vec::new(),
        ticks: Vec::new(),
        held: Vec::new(),
    };
    let mut worker: Worker<'_, _, _, _, _, 4, 32> = Worker::new(diary, &clock, cache, &stats);
    for &due in schedules {
        let rx = Schedule {
            clock: &clock,
            due: due.to_vec(),
        };
        let (_, tx) = Null::sink().open(0, worker.cache()).expect("a port");
        worker.add_port(rx, tx).expect("a place");
    }
    let ended = replay(&mut worker, Schedule::next_due);
    let (diary, cache, ports) = worker.into_parts();
    ports.for_each(drop);
    let held = diary.held.len();
    let seen = Seen {
        ended,
        packets: diary.packets,
        ticks: diary.ticks,
        end: millis(clock.now()),
        held,
    };
    drop(diary.held);
    drop(cache);
    pool.audit().expect("every frame is back");
    seen
}

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn millis(now: Instant) -> u64 {
    now.as_nanos() / 1_000_000
}

const SEND: Verdict = Verdict::send(PortId(0));

#[test]
fn packets_come_at_their_moments_and_what_waits_has_its_time() {
    let hour = 3_600_000;
    let seen = replayed(SEND, &[&[0, 250, 250, hour]]);
    assert_eq!(seen.ended, Ok(()));
    assert_eq!(seen.packets, [0, 250, 250, hour]);
    assert_eq!(seen.end, hour + 5_000);
    // Steps of 100 ms, cut short by a packet, for 5 s; then on to the next packet at once.
    let steps = |from: u64| (0..=50).map(move |step| from + step * 100);
    let ticks: Vec<u64> = [0, 100, 200]
        .into_iter()
        .chain(steps(250))
        .chain(steps(hour))
        .collect();
    assert_eq!(seen.ticks, ticks);
}

#[test]
fn without_a_packet_five_seconds_pass() {
    for schedules in [&[][..], &[&[][..]], &[&[], &[]]] {
        let seen = replayed(SEND, schedules);
        assert_eq!((seen.ended, seen.end), (Ok(()), 5_000));
        assert_eq!(seen.ticks.len(), 51);
    }
}

#[test]
fn a_packet_from_the_past_comes_at_once() {
    let seen = replayed(SEND, &[&[7_000, 3_000, 8_000]]);
    assert_eq!(seen.ended, Ok(()));
    assert_eq!(seen.packets, [7_000, 7_000, 8_000]);
}

#[test]
fn the_earliest_of_all_ports_is_next() {
    let seen = replayed(SEND, &[&[10, 30, 50], &[], &[20, 40]]);
    assert_eq!(seen.ended, Ok(()));
    assert_eq!(seen.packets, [10, 20, 30, 40, 50]);
}

#[test]
fn what_is_punted_is_freed() {
    // More than the punted burst and the pool hold.
    let seen = replayed(Verdict::PUNT, &[&(0..200).collect::<Vec<u64>>()]);
    assert_eq!(seen.ended, Ok(()));
    assert_eq!(seen.packets.len(), 200);
}

#[test]
fn a_pool_that_the_stage_keeps_for_itself_ends_the_replay_by_name() {
    let seen = replayed(Verdict::exception(0), &[&[3; 65]]);
    assert_eq!(seen.ended, Err(Stuck { at: at(3) }));
    assert_eq!((seen.held, seen.end), (64, 3));
}

proptest! {
    /// Whatever comes when: each packet at its moment, or as soon as those before it are through.
    #[test]
    fn every_packet_comes_at_its_moment(due in prop::collection::vec(0..20_000u64, 0..100)) {
        let seen = replayed(SEND, &[&due]);
        let moments: Vec<u64> = due
            .iter()
            .scan(0, |last, &due| {
                *last = due.max(*last);
                Some(*last)
            })
            .collect();
        prop_assert_eq!(seen.ended, Ok(()));
        prop_assert_eq!(&seen.packets, &moments);
        prop_assert_eq!(seen.end, moments.last().unwrap_or(&0) + 5_000);
    }
}

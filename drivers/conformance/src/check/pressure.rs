//! Full queues, empty pools, counters that wrap.

use core::time::Duration;

use linecard::device::RxQueue;
use linecard::packet::{Burst, Packet};

use crate::bench::{Bench, Patience, Plan};
use crate::{Fills, Harness, Inject, Injected, Overflow, Setup};

/// A full transmit queue takes what fits; the rest stays with the caller, in order and untouched,
/// and is sent later.
pub fn unsent_packets_are_given_back_intact<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let depth = u64::from(bench.capabilities.tx_depth);
    // Several times around the ring, from another place each time.
    for _ in 0..8 {
        let mut plan = Plan::short(u64::MAX);
        let mut burst: Burst<'static, MOST> = Burst::new();
        let mut taken = 0;
        for _ in 0..=depth.div_ceil(MOST as u64) {
            bench.fill(&mut burst, &mut plan);
            assert_eq!(burst.len(), MOST, "the harness's pool has too few frames");
            taken += bench.send(&mut burst) as u64;
            if !burst.is_empty() || bench.profile.fills != Fills::BetweenSteps {
                break;
            }
        }
        match bench.profile.fills {
            Fills::Never => assert!(burst.is_empty(), "a queue that is never full"),
            Fills::WithinABurst => assert!(!burst.is_empty(), "a queue shorter than a burst"),
            Fills::BetweenSteps => {
                assert!(
                    taken <= depth,
                    "a queue of {depth} that holds {taken} packets"
                );
                assert!(!burst.is_empty(), "a queue of {depth} that is never full");
                assert_eq!(bench.send(&mut burst), 0, "it is still full");
            }
        }
        let mut patience = Patience::new(bench.profile.limits.patience);
        while !burst.is_empty() {
            bench.harness.step();
            let moved = bench.listen() + bench.send(&mut burst);
            assert!(
                patience.keeps(moved > 0),
                "the queue does not get empty again"
            );
        }
        bench.transmit::<1>(Plan::short(3));
    }
    bench.finish();
}

/// A port that nobody polls: frames wait at the far side, or are counted. Afterwards it receives as
/// before.
pub fn a_full_receive_queue_loses_nothing_unaccounted<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let test = "a_full_receive_queue_loses_nothing_unaccounted";
    if !bench.profile.leaves_out(test) {
        for _ in 0..4 {
            overflow(&mut bench);
            bench.receive(Plan::short(500));
        }
    }
    bench.finish();
}

fn overflow<H: Harness>(bench: &mut Bench<H>) {
    let most = 4 * bench.capabilities.rx_depth as usize;
    let counted = bench.profile.overflow == Overflow::Counted;
    let lossy = bench.profile.overflow != Overflow::Waits;
    bench.incoming.lossy = lossy;
    let before = bench.rx().stats().dropped();
    for _ in 0..most {
        match bench.inject(60) {
            Injected::Taken => {}
            Injected::Busy => break,
            Injected::Impossible => panic!("the far side cannot send a frame of 60 bytes"),
        }
        if !lossy && bench.incoming.len() >= bench.profile.limits.window {
            break;
        }
    }
    bench.settle();
    if lossy {
        bench.incoming.give_up();
        bench.incoming.lossy = false;
        assert!(
            !counted || bench.rx().stats().dropped() > before,
            "the queue was not full"
        );
    }
}

/// A pool without a free frame stops receiving for as long as it lasts, and nothing else; what was
/// under way is not lost, or counted.
pub fn an_empty_pool_only_delays<H: Harness>() {
    let mut plan = Plan::short(2000);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    let counted = bench.profile.overflow != Overflow::Waits;
    for _ in 0..3 {
        let mut held: Vec<Packet<'static>> = Vec::new();
        while let Some(packet) = bench.make(60) {
            held.push(packet);
        }
        bench.incoming.lossy = counted;
        starve(&mut bench, &mut plan, &mut held);
        if bench.profile.posts {
            let stats = bench.rx().stats();
            assert!(
                stats.no_frames > 0,
                "no frame was missed by an empty pool: {stats}"
            );
        }
        // What the program holds can be sent nevertheless.
        let mut burst: Burst<'static, 8> = Burst::new();
        burst.as_vec_mut().extend(held.drain(..8));
        let mut patience = Patience::new(bench.profile.limits.patience);
        while !burst.is_empty() {
            bench.harness.step();
            bench.listen();
            let taken = bench.send(&mut burst);
            assert!(patience.keeps(taken > 0), "nothing is sent");
        }
        for packet in held {
            bench.cache.free(packet.into_frame());
        }
        if !bench.profile.resumes {
            bench.inject(60);
        }
        bench.settle();
        if counted {
            bench.incoming.give_up();
            bench.incoming.lossy = false;
        }
        bench.receive(Plan::short(500));
        bench.transmit::<32>(Plan::short(500));
    }
    bench.finish();
}

/// Receives, and keeps what came, until nothing comes any more.
fn starve<H: Harness>(bench: &mut Bench<H>, plan: &mut Plan, held: &mut Vec<Packet<'static>>) {
    let mut patience = Patience::new(STARVE.min(bench.profile.limits.patience));
    loop {
        let fed = bench.feed(plan);
        bench.harness.step();
        let mut burst: Burst<'static> = Burst::new();
        let given = bench.poll(&mut burst);
        held.extend(burst.drain());
        if !patience.keeps(fed + given > 0) {
            return;
        }
    }
}

/// Counters that pass 2^16 and 2^32 change nothing: from shortly before, where the driver can start
/// there, or else by as many packets as 2^16 takes.
pub fn indices_wrap<H: Harness>() {
    let profile = H::profile();
    for &start in profile.starts {
        let setup = Setup { start };
        let plan = Plan::short(3000);
        let Some(mut bench) = Bench::<H>::with(&setup, &plan) else {
            return;
        };
        // Unequal steps, so that the last place is met in a burst's middle as well as at its ends.
        bench.transmit::<1>(Plan::short(20));
        bench.transmit::<13>(Plan::short(2000));
        wrap_received(&mut bench, plan);
        bench.finish();
    }
    if profile.starts.is_empty() {
        let around = (2 << 16) + 1000;
        let plan = Plan::short(around);
        let Some(mut bench) = Bench::<H>::new(&plan) else {
            return;
        };
        bench.transmit::<13>(Plan::short(around));
        wrap_received(&mut bench, plan);
        bench.finish();
    }
}

fn wrap_received<H: Harness>(bench: &mut Bench<H>, plan: Plan) {
    match bench.profile.inject {
        Inject::Endless(_) => {
            while bench.tally.received <= 2 << 16 {
                bench.poll_and_free();
            }
        }
        _ => bench.receive(plan),
    }
}

/// The longest burst that a test offers.
const MOST: usize = 256;

/// How long an empty pool is polled.
const STARVE: Duration = Duration::from_millis(20);

//! Opening, closing and resetting, with frames under way.

use linecard::device::{Device, DeviceError};
use linecard::packet::Burst;

use crate::Harness;
use crate::bench::{Bench, Plan};

/// A queue is one's own: the port has no others than it says, and gives none out twice.
pub fn a_queue_is_opened_once<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let queues = bench.capabilities.queues;
    if queues < u16::MAX {
        let opened = bench.harness.device().open(queues, &mut bench.cache);
        let error = opened.map(|_| ()).expect_err("a queue that is not there");
        assert_eq!(error, DeviceError::NoSuchQueue(queues));
    }
    if bench.profile.exclusive {
        let opened = bench.harness.device().open(0, &mut bench.cache);
        let error = opened.map(|_| ()).expect_err("a queue that is open");
        assert_eq!(error, DeviceError::QueueTaken(0));
    }
    // The refusals have harmed nothing.
    bench.transmit::<32>(Plan::short(100));
    bench.finish();
}

/// A queue that is closed with frames under way gives back each of them, whichever half goes first,
/// and can be opened again where the port says so.
pub fn closing_gives_back_what_is_under_way<H: Harness>() {
    for receiver_first in [true, false] {
        let plan = Plan::short(100);
        let Some(mut bench) = Bench::<H>::new(&plan) else {
            return;
        };
        let once = "closing_gives_back_what_is_under_way: reopening";
        let rounds = if bench.profile.leaves_out(once) { 1 } else { 5 };
        for round in 0..rounds {
            if round > 0 {
                bench.reopen();
                bench.transmit::<32>(Plan::short(200));
            }
            put_under_way(&mut bench, &mut plan.clone());
            bench.close(receiver_first);
        }
        bench.retire();
    }
}

/// A port that is reset with frames under way gives back each of them, counts from zero, and works
/// as a new one does.
pub fn a_reset_port_works_again<H: Harness>() {
    let plan = Plan::short(500);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    for _ in 0..10 {
        put_under_way(&mut bench, &mut plan.clone());
        bench.reset();
        let ledger = bench.pool.ledger();
        assert_eq!((ledger.surplus, ledger.violations), (0, 0), "{ledger}");
        bench.receive(plan.clone());
        bench.transmit::<32>(Plan::short(500));
        bench.settle();
        bench.check_stats();
    }
    bench.finish();
}

/// A port can be reset when nothing is under way, and several times in a row.
pub fn an_idle_port_can_be_reset<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    for _ in 0..3 {
        bench.reset();
        bench.reset();
        bench.transmit::<32>(Plan::short(100));
    }
    bench.finish();
}

/// Frames towards the port, of which some were received, and packets from it, which the far side
/// may not have seen yet.
fn put_under_way<H: Harness>(bench: &mut Bench<H>, plan: &mut Plan) {
    bench.feed(plan);
    bench.harness.step();
    let mut few: Burst<'static, 5> = Burst::new();
    bench.poll(&mut few);
    few.free(&mut bench.cache);
    let mut burst: Burst<'static, 64> = Burst::new();
    bench.fill(&mut burst, &mut Plan::short(64));
    bench.send(&mut burst);
    burst.free(&mut bench.cache);
    bench.feed(plan);
}

//! What goes in comes out: once, in order, unchanged.

use linecard::device::Device;
use linecard::packet::Burst;

use crate::bench::{Bench, Patience, Plan};
use crate::{Harness, Inject};

/// A million frames are received, or as many as the limits say; none is lost or doubled, in the order in which they were sent.
pub fn a_million_are_received<H: Harness>() {
    let plan = Plan::short(H::profile().limits.packets);
    receives::<H>(plan);
}

/// A million packets are sent, or as many as the limits say; none is lost or doubled, in the order in which they were handed over.
pub fn a_million_are_sent<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let plan = Plan::short(bench.profile.limits.packets);
    bench.transmit::<32>(plan);
    bench.finish();
}

/// Frames of all lengths up to the longest that the port takes arrive unchanged.
pub fn lengths_up_to_the_longest_arrive<H: Harness>() {
    let longest = H::profile().limits.longest().min(1514);
    receives::<H>(Plan::up_to(5000, longest));
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let longest = bench.longest();
    bench.transmit::<32>(Plan::up_to(5000, longest));
    bench.finish();
}

/// Bursts of one, of a few and of many are sent and received alike.
pub fn bursts_of_any_size_pass<H: Harness>() {
    let plan = Plan::short(12_000);
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    bench.transmit::<1>(Plan::short(500));
    bench.transmit::<7>(Plan::short(2000));
    bench.transmit::<64>(Plan::short(3000));
    bench.transmit::<256>(Plan::short(4000));
    let mut live = plan;
    receive_by::<H, 1>(&mut bench, &mut live, 500);
    receive_by::<H, 7>(&mut bench, &mut live, 2000);
    receive_by::<H, 64>(&mut bench, &mut live, 3000);
    receive_by::<H, 256>(&mut bench, &mut live, 4000);
    bench.finish();
}

/// A queue with nothing to do does nothing: it gives nothing, frees nothing, and counts nothing.
pub fn an_idle_queue_does_nothing<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    for _ in 0..100 {
        bench.harness.step();
        if !matches!(bench.profile.inject, Inject::Endless(_)) {
            assert_eq!(bench.poll_and_free(), 0, "packets out of nothing");
        }
        assert_eq!(bench.send(&mut Burst::<'static, 4>::new()), 0);
        assert_eq!(bench.reclaim(), 0, "frames out of nothing");
    }
    let link = bench.harness.device().link();
    assert!(link.is_up(), "the link is down");
    bench.finish();
}

/// The port does as it says of itself.
pub fn capabilities_are_consistent<H: Harness>() {
    let Some(mut bench) = Bench::<H>::new(&Plan::none()) else {
        return;
    };
    let limits = bench.profile.limits;
    let capabilities = bench.capabilities;
    let device = bench.harness.device();
    assert!(!device.name().is_empty());
    assert_eq!(
        device.mtu(),
        limits.mtu,
        "the MTU, and what the harness says of it"
    );
    assert!(
        capabilities.max_frame >= limits.longest(),
        "a frame of the MTU and a header"
    );
    assert!(
        capabilities.queues >= 1 && capabilities.tx_depth >= 1 && capabilities.rx_depth >= 1,
        "{capabilities:?}"
    );
    assert_eq!(device.mac().0[0] & 1, 0, "a port's own address is no group");
    bench.finish();
}

/// The test's allocator is one that counts; otherwise no test would see a burst that allocates.
pub fn the_allocator_is_watched<H: Harness>() {
    let before = linecard_testnet::allocations();
    drop(core::hint::black_box(vec![0u8; 10]));
    assert_eq!(
        linecard_testnet::allocations(),
        before + 1,
        "the test file needs `#[global_allocator] static ALLOCATOR: CountingAllocator`"
    );
}

fn receives<H: Harness>(plan: Plan) {
    let Some(mut bench) = Bench::<H>::new(&plan) else {
        return;
    };
    if let Inject::Endless(_) = bench.profile.inject {
        let mut patience = Patience::new(bench.profile.limits.patience);
        while bench.tally.received < bench.profile.limits.packets {
            let moved = bench.poll_and_free();
            assert!(patience.keeps(moved > 0), "an endless source has ended");
        }
    } else {
        bench.receive(plan);
    }
    bench.finish();
}

/// Receives `count` frames in bursts of up to `N`.
fn receive_by<H: Harness, const N: usize>(bench: &mut Bench<H>, plan: &mut Plan, count: u64) {
    let mut patience = Patience::new(bench.profile.limits.patience);
    let mut burst: Burst<'static, N> = Burst::new();
    let goal = bench.tally.received + count;
    while bench.tally.received < goal {
        if bench.incoming.len() as u64 + bench.tally.received < goal {
            bench.feed(plan);
        }
        bench.harness.step();
        let moved = bench.poll(&mut burst);
        burst.free(&mut bench.cache);
        assert!(
            patience.keeps(moved > 0),
            "received: {}",
            bench.incoming.missing()
        );
    }
}

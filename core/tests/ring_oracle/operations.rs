//! What is done to a ring, and where its counters start.

use proptest::prelude::*;

/// What can be done to both kinds of ring.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Enqueue,
    EnqueueBulk(usize),
    EnqueueBurst(usize),
    Dequeue,
    DequeueBulk { count: usize, spare: usize },
    DequeueBurst { max: usize, spare: usize },
    DequeueUninit(usize),
    Counts,
    Only(SpscOp),
    Renew,
}

/// What only an SPSC ring can do.
#[derive(Debug, Clone)]
pub(crate) enum SpscOp {
    EnqueueFrom(usize),
    ReserveBulk {
        count: usize,
        push: usize,
        commit: bool,
    },
    ReserveBurst {
        count: usize,
        fill: usize,
        commit: bool,
    },
    ReserveInPlace {
        count: usize,
        write: usize,
    },
    Drain {
        max: usize,
        take: usize,
    },
    ForgetDrain {
        max: usize,
        take: usize,
    },
    Peek,
    PeekBurst(usize),
    PeekBurstMut(usize),
    Release(usize),
}

/// More than any capacity, so that the limits are met.
pub(crate) const MOST: usize = 80;

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let some = || prop_oneof![0..5_usize, 0..MOST];
    prop_oneof![
        Just(Op::Enqueue),
        some().prop_map(Op::EnqueueBulk),
        some().prop_map(Op::EnqueueBurst),
        Just(Op::Dequeue),
        (some(), some()).prop_map(|(count, spare)| Op::DequeueBulk { count, spare }),
        (some(), some()).prop_map(|(max, spare)| Op::DequeueBurst { max, spare }),
        some().prop_map(Op::DequeueUninit),
        Just(Op::Counts),
        some().prop_map(|count| Op::Only(SpscOp::EnqueueFrom(count))),
        (some(), some(), any::<bool>()).prop_map(|(count, push, commit)| {
            Op::Only(SpscOp::ReserveBulk {
                count,
                push,
                commit,
            })
        }),
        (some(), some(), any::<bool>()).prop_map(|(count, fill, commit)| {
            Op::Only(SpscOp::ReserveBurst {
                count,
                fill,
                commit,
            })
        }),
        (some(), some())
            .prop_map(|(count, write)| Op::Only(SpscOp::ReserveInPlace { count, write })),
        (some(), some()).prop_map(|(max, take)| Op::Only(SpscOp::Drain { max, take })),
        (some(), some()).prop_map(|(max, take)| Op::Only(SpscOp::ForgetDrain { max, take })),
        Just(Op::Only(SpscOp::Peek)),
        some().prop_map(|max| Op::Only(SpscOp::PeekBurst(max))),
        some().prop_map(|max| Op::Only(SpscOp::PeekBurstMut(max))),
        some().prop_map(|count| Op::Only(SpscOp::Release(count))),
        Just(Op::Renew),
    ]
}

/// Counters that wrap soon, at once, or not at all.
pub(crate) fn start() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        Just(usize::MAX),
        (0..200_usize).prop_map(|before| usize::MAX - before),
        any::<usize>(),
    ]
}

//! Rings on plain memory, with a kernel made of a few lines on the other side.

use core::sync::atomic::Ordering;
use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::fake::Memory;
use super::{Consumer, Producer};
use crate::sys::if_xdp::RING_NEED_WAKEUP;

/// Counters near the wrap, and anywhere.
fn starts() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(u32::MAX),
        (0u32..40).prop_map(|n| u32::MAX - n),
        any::<u32>()
    ]
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The program moves up to so many entries, then shows the kernel.
    Program(u8),
    /// The kernel moves up to so many.
    Kernel(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..24).prop_map(Step::Program),
        (0u8..24).prop_map(Step::Kernel)
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn producer_agrees_with_a_queue(start in starts(), log2 in 0u32..5, steps in steps()) {
        let size = 1 << log2;
        let memory = Memory::<u64>::new(size, start);
        let mut ring = Producer::new(memory.layout());
        let (mut written, mut shown) = (VecDeque::new(), VecDeque::new());
        let mut next = 0u64;
        for step in steps {
            match step {
                Step::Program(n) => {
                    for _ in 0..n {
                        let room = size as usize - written.len() - shown.len();
                        prop_assert_eq!(ring.room(1) > 0, room > 0);
                        if room > 0 {
                            ring.push(next);
                            written.push_back(next);
                            next += 1;
                        }
                    }
                    ring.publish();
                    shown.append(&mut written);
                }
                Step::Kernel(n) => {
                    for _ in 0..n {
                        prop_assert_eq!(memory.take(), shown.pop_front());
                    }
                }
            }
            prop_assert_eq!(ring.held() as usize, shown.len());
            prop_assert_eq!(ring.room(size) as usize, size as usize - shown.len());
            prop_assert!(!ring.is_broken());
        }
    }

    #[test]
    fn consumer_agrees_with_a_queue(start in starts(), log2 in 0u32..5, steps in steps()) {
        let size = 1 << log2;
        let memory = Memory::<u64>::new(size, start);
        let mut ring = Consumer::new(memory.layout());
        let mut given = VecDeque::new();
        let (mut next, mut unreleased) = (0u64, 0);
        for step in steps {
            match step {
                Step::Program(n) => {
                    for _ in 0..n {
                        let value = (ring.available(1) > 0).then(|| ring.pop());
                        prop_assert_eq!(value, given.pop_front());
                        unreleased += usize::from(value.is_some());
                    }
                    if n % 2 == 0 {
                        ring.release();
                        unreleased = 0;
                    }
                }
                Step::Kernel(n) => {
                    for _ in 0..n {
                        let room = size as usize - given.len() - unreleased;
                        prop_assert_eq!(memory.give(next), room > 0);
                        if room > 0 {
                            given.push_back(next);
                            next += 1;
                        }
                    }
                }
            }
            prop_assert_eq!(ring.available(size) as usize, given.len());
            prop_assert!(!ring.is_broken());
        }
    }

    /// Whatever the kernel's counter says, a producer never has more room than its ring is large.
    #[test]
    fn producer_survives_any_counter(start in starts(), lies in proptest::collection::vec(any::<u32>(), 1..50)) {
        let memory = Memory::<u64>::new(8, start);
        let mut ring = Producer::new(memory.layout());
        for lie in lies {
            memory.words()[1].store(lie, Ordering::Relaxed);
            prop_assert!(ring.room(8) <= 8);
            prop_assert!(ring.held() <= 8);
            if ring.room(1) > 0 {
                ring.push(1);
            }
            ring.publish();
        }
    }

    /// Whatever the kernel's counter says, a consumer never reads more than a ringful of entries.
    #[test]
    fn consumer_survives_any_counter(start in starts(), lies in proptest::collection::vec(any::<u32>(), 1..50)) {
        let memory = Memory::<u64>::new(8, start);
        let mut ring = Consumer::new(memory.layout());
        for lie in lies {
            memory.words()[0].store(lie, Ordering::Relaxed);
            let n = ring.available(8);
            prop_assert!(n <= 8);
            for _ in 0..n {
                prop_assert_eq!(ring.pop(), 0);
            }
            ring.release();
        }
    }
}

#[test]
fn a_counter_that_runs_ahead_is_not_believed() {
    let memory = Memory::<u64>::new(4, u32::MAX - 1);
    let mut ring = Producer::new(memory.layout());
    ring.push(7);
    ring.publish();
    // The kernel claims to have taken two entries of one.
    memory.words()[1].store(1, Ordering::Relaxed);
    assert_eq!(ring.held(), 1);
    assert!(ring.is_broken());

    let memory = Memory::<u64>::new(4, u32::MAX - 1);
    let mut ring = Consumer::new(memory.layout());
    // The kernel claims to have written five entries into four.
    memory.words()[0].store(3, Ordering::Relaxed);
    assert_eq!(ring.available(1), 0);
    assert!(ring.is_broken());
}

#[test]
fn wakeup_follows_the_flag() {
    let memory = Memory::<u64>::new(4, 0);
    let ring = Producer::new(memory.layout());
    assert!(!ring.needs_wakeup());
    memory.words()[2].store(RING_NEED_WAKEUP, Ordering::Relaxed);
    assert!(ring.needs_wakeup());
}

#[test]
fn a_socket_opened_again_starts_where_the_ring_stands() {
    let memory = Memory::<u64>::new(4, 5);
    memory.words()[0].store(7, Ordering::Relaxed);
    let mut ring = Producer::new(memory.layout());
    assert_eq!((ring.held(), ring.room(4)), (2, 2));
    // Counters that no ring of four entries can have: full, and said to be broken.
    memory.words()[0].store(100, Ordering::Relaxed);
    let ring = Producer::new(memory.layout());
    assert!(ring.is_broken());
}

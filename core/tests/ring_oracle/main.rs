//! The rings against a `VecDeque`: random operations of every kind, capacities 1 to 64, counters that
//! start where they soon wrap. Items count how many of them are alive, so that a lost or twice-dropped
//! one shows.
#![cfg(not(loom))]
#![allow(missing_docs, unsafe_code)]

mod checks;
mod operations;

use core::{cell::Cell, mem::MaybeUninit};
use std::{collections::VecDeque, rc::Rc};

use linecard::ring::{Borrowed, BulkError, CapacityError, Inline, mpmc, spsc};
use proptest::prelude::*;

use checks::{check_common, check_spsc_only};
use operations::{MOST, Op, op, start};

/// An item that is neither `Copy` nor `Clone`, and counts itself.
#[derive(Debug)]
struct Item {
    number: u32,
    alive: Rc<Cell<usize>>,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

/// Makes numbered items.
struct Maker {
    next: u32,
    alive: Rc<Cell<usize>>,
}

impl Maker {
    fn item(&mut self) -> Item {
        self.next += 1;
        self.alive.set(self.alive.get() + 1);
        Item {
            number: self.next,
            alive: Rc::clone(&self.alive),
        }
    }

    fn items(&mut self, count: usize) -> heapless::Vec<Item, MOST> {
        (0..count).map(|_| self.item()).collect()
    }
}

fn numbers<'i>(items: impl IntoIterator<Item = &'i Item>) -> Vec<u32> {
    items.into_iter().map(|item| item.number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn spsc_behaves_like_a_vecdeque(
        power in 0..=6_u32,
        start in start(),
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        let capacity = 1_usize << power;
        let mut slots: Vec<MaybeUninit<Item>> = Vec::new();
        slots.resize_with(capacity, MaybeUninit::uninit);
        let mut ring = spsc::Ring::<Borrowed<Item>>::over(&mut slots).unwrap();
        ring.start_at(start);

        let mut maker = Maker { next: 0, alive: Rc::default() };
        let mut model = VecDeque::new();
        let mut leaked = 0;
        {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            for op in ops {
                match op {
                    Op::Only(op) => check_spsc_only(
                        op, &mut producer, &mut consumer, &mut model, &mut maker, &mut leaked,
                    )?,
                    Op::Renew => {
                        prop_assert!(ring.try_split().is_none());
                        drop(producer);
                        prop_assert!(consumer.is_abandoned());
                        drop(consumer);
                        (producer, consumer) = ring.try_split().unwrap();
                    }
                    op => check_common!(op, producer, consumer, model, maker, capacity),
                }
                prop_assert_eq!(maker.alive.get(), model.len() + leaked);
                prop_assert!(ring.len() <= capacity);
            }
        }
        prop_assert_eq!(ring.len(), model.len());
        drop(ring);
        prop_assert_eq!(maker.alive.get(), leaked, "what was left is dropped with the ring");
    }

    #[test]
    fn mpmc_behaves_like_a_vecdeque(
        power in 0..=6_u32,
        start in start(),
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        let capacity = 1_usize << power;
        let mut slots: Vec<MaybeUninit<Item>> = Vec::new();
        slots.resize_with(capacity, MaybeUninit::uninit);
        let mut ring = mpmc::Ring::<Borrowed<Item>>::over(&mut slots).unwrap();
        ring.start_at(start);

        let mut maker = Maker { next: 0, alive: Rc::default() };
        let mut model = VecDeque::new();
        {
            // Two handles a side, used in turn: what one saw of the other side is older than what
            // the other saw.
            let mut producers = [ring.producer(), ring.producer()];
            let mut consumers = [ring.consumer(), ring.consumer()];
            for (turn, op) in ops.into_iter().enumerate() {
                let producer = &mut producers[turn % 2];
                let consumer = &mut consumers[turn / 2 % 2];
                match op {
                    Op::Renew => {
                        *producer = producer.clone();
                        *consumer = ring.consumer();
                    }
                    op => check_common!(op, producer, consumer, model, maker, capacity),
                }
                prop_assert_eq!(maker.alive.get(), model.len());
                prop_assert_eq!(ring.len(), model.len());
            }
            drop(producers);
            prop_assert!(consumers[0].is_abandoned());
            prop_assert!(ring.producer().capacity() == capacity);
            drop(consumers);
            prop_assert!(ring.producer().is_abandoned());
        }
        drop(ring);
        prop_assert_eq!(maker.alive.get(), 0, "what was left is dropped with the ring");
    }

    #[test]
    fn memory_that_is_no_power_of_two_is_refused(count in 0..=200_usize) {
        let mut slots = vec![MaybeUninit::<u32>::uninit(); count];
        let refused = Err(CapacityError { slots: count });
        let expected = if count.is_power_of_two() { Ok(count) } else { refused };
        let spsc = spsc::Ring::<Borrowed<u32>>::over(&mut slots).map(|ring| ring.capacity());
        prop_assert_eq!(spsc, expected);
        let mpmc = mpmc::Ring::<Borrowed<u32>>::over(&mut slots).map(|ring| ring.capacity());
        prop_assert_eq!(mpmc, expected);
    }

    #[test]
    fn copied_slices_come_out_as_they_went_in(
        start in start(),
        bursts in proptest::collection::vec((0..=24_usize, 0..=24_usize), 1..50),
    ) {
        let mut ring = spsc::Ring::<Inline<u32, 16>>::new();
        ring.start_at(start);
        let (mut producer, mut consumer) = ring.split();
        let (mut sent, mut received) = (0, 0);
        for (count, max) in bursts {
            let numbers: Vec<u32> = (sent..).take(count).collect();
            let mut items = numbers.as_slice();
            sent += producer.enqueue_burst(&mut items) as u32;
            prop_assert_eq!(items.first().copied().unwrap_or(sent), sent);
            let mut out = [u32::MAX; 24];
            let mut room = &mut out[..max];
            let count = consumer.dequeue_burst(&mut room, usize::MAX);
            prop_assert_eq!(room.len(), max - count);
            for number in &out[..count] {
                prop_assert_eq!(*number, received);
                received += 1;
            }
            prop_assert!(out[count..].iter().all(|number| *number == u32::MAX));
        }
    }
}

#[test]
fn items_of_a_ring_whose_consumer_was_forgotten_are_leaked_not_dropped_twice() {
    let alive = Rc::new(Cell::new(0));
    let mut maker = Maker {
        next: 0,
        alive: Rc::clone(&alive),
    };
    let mut ring = spsc::Ring::<Inline<Item, 4>>::new();
    let (mut producer, mut consumer) = ring.split();
    producer.enqueue_from(maker.items(3));
    let mut drain = consumer.drain(2);
    drop(drain.next());
    core::mem::forget(drain);
    core::mem::forget(consumer);
    drop(producer);
    assert!(ring.try_split().is_none(), "a consumer is still counted");
    assert_eq!(alive.get(), 2);

    // `&mut` proves that the forgotten handle cannot be used any more.
    let (mut producer, mut consumer) = ring.split();
    assert!(consumer.is_empty());
    producer.enqueue(maker.item()).unwrap();
    drop((producer, consumer));
    drop(ring);
    assert_eq!(
        alive.get(),
        2,
        "the two leaked; the third was dropped with the ring"
    );
}

#[test]
fn a_reservation_that_is_given_up_drops_what_was_written() {
    let alive = Rc::new(Cell::new(0));
    let mut maker = Maker {
        next: 0,
        alive: Rc::clone(&alive),
    };
    let mut ring = spsc::Ring::<Inline<Item, 4>>::new();
    let (mut producer, mut consumer) = ring.split();
    let mut slots = producer.reserve_burst(4);
    slots.fill(maker.items(3));
    assert_eq!(alive.get(), 3);
    drop(slots);
    assert_eq!(alive.get(), 0);
    assert!(consumer.is_empty());
    assert_eq!(producer.room(), 4);
}

#[test]
fn items_without_a_size_are_counted() {
    let mut ring = spsc::Ring::<Inline<(), 4>>::new();
    let (mut producer, mut consumer) = ring.split();
    assert_eq!(producer.enqueue_burst(&mut [(); 6].as_slice()), 4);
    assert_eq!(consumer.drain(6).count(), 4);
    let ring = mpmc::Ring::<Inline<(), 4>>::new();
    assert_eq!(ring.producer().enqueue_burst(&mut [(); 6].as_slice()), 4);
    assert_eq!(ring.len(), 4);
}

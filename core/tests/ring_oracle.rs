//! The rings against a `VecDeque`: random operations of every kind, capacities 1 to 64, counters that
//! start where they soon wrap. Items count how many of them are alive, so that a lost or twice-dropped
//! one shows.
#![cfg(not(loom))]
#![allow(missing_docs, unsafe_code)]

use core::{cell::Cell, mem::MaybeUninit};
use std::{collections::VecDeque, rc::Rc};

use linecard::ring::{Borrowed, BulkError, CapacityError, Inline, mpmc, spsc};
use proptest::prelude::*;

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

/// What can be done to both kinds of ring.
#[derive(Debug, Clone)]
enum Op {
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
enum SpscOp {
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
const MOST: usize = 80;

fn op() -> impl Strategy<Value = Op> {
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
fn start() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        Just(usize::MAX),
        (0..200_usize).prop_map(|before| usize::MAX - before),
        any::<usize>(),
    ]
}

/// The common operations, on handles of either kind.
macro_rules! check_common {
    ($op:expr, $producer:ident, $consumer:ident, $model:ident, $maker:ident, $capacity:ident) => {{
        let room = $capacity - $model.len();
        match $op {
            Op::Enqueue => {
                let item = $maker.item();
                let number = item.number;
                match $producer.enqueue(item) {
                    Ok(()) => {
                        prop_assert!(room > 0);
                        $model.push_back(number);
                    }
                    Err(back) => {
                        prop_assert_eq!(room, 0);
                        prop_assert_eq!(back.number, number);
                    }
                }
            }
            Op::EnqueueBulk(wanted) => {
                let mut items = $maker.items(wanted);
                let sent = numbers(&items);
                let expected = if wanted <= room {
                    Ok(())
                } else {
                    Err(BulkError::NoRoom { wanted, room })
                };
                prop_assert_eq!($producer.enqueue_bulk(&mut items), expected);
                if expected.is_ok() {
                    prop_assert!(items.is_empty());
                    $model.extend(sent);
                } else {
                    prop_assert_eq!(numbers(&items), sent);
                }
            }
            Op::EnqueueBurst(wanted) => {
                let mut items = $maker.items(wanted);
                let mut sent = numbers(&items);
                let count = $producer.enqueue_burst(&mut items);
                prop_assert_eq!(count, wanted.min(room));
                prop_assert_eq!(numbers(&items), sent.split_off(count));
                $model.extend(sent);
            }
            Op::Dequeue => {
                let item = $consumer.dequeue().map(|item| item.number);
                prop_assert_eq!(item, $model.pop_front());
            }
            Op::DequeueBulk { count, spare } => {
                let mut out = $maker.items(MOST - spare);
                let held = $model.len();
                let result = $consumer.dequeue_bulk(&mut out, count);
                if count > held
                    && (count <= spare || matches!(result, Err(BulkError::TooFew { .. })))
                {
                    prop_assert_eq!(
                        result,
                        Err(BulkError::TooFew {
                            wanted: count,
                            held
                        })
                    );
                } else if count > spare {
                    prop_assert_eq!(
                        result,
                        Err(BulkError::NoSpare {
                            wanted: count,
                            spare
                        })
                    );
                } else {
                    prop_assert_eq!(result, Ok(()));
                }
                let moved = out.len() - (MOST - spare);
                prop_assert_eq!(moved, if result.is_ok() { count } else { 0 });
                let expected: Vec<u32> = $model.drain(..moved).collect();
                prop_assert_eq!(numbers(&out[MOST - spare..]), expected);
            }
            Op::DequeueBurst { max, spare } => {
                let mut out = $maker.items(MOST - spare);
                let count = $consumer.dequeue_burst(&mut out, max);
                prop_assert_eq!(count, max.min(spare).min($model.len()));
                let expected: Vec<u32> = $model.drain(..count).collect();
                prop_assert_eq!(numbers(&out[MOST - spare..]), expected);
            }
            Op::DequeueUninit(max) => {
                let mut places = [const { MaybeUninit::<Item>::uninit() }; MOST];
                let mut spare = places.as_mut_slice();
                let count = $consumer.dequeue_burst(&mut spare, max);
                prop_assert_eq!(spare.len(), MOST - count);
                let expected: Vec<u32> = $model.drain(..count).collect();
                let got: Vec<Item> = places[..count]
                    .iter()
                    // SAFETY: the burst has filled the first `count` places; each is read once.
                    .map(|place| unsafe { place.assume_init_read() })
                    .collect();
                prop_assert_eq!(numbers(&got), expected);
            }
            Op::Counts => {
                prop_assert_eq!($producer.room(), room);
                prop_assert_eq!($producer.is_full(), room == 0);
                prop_assert_eq!($consumer.len(), $model.len());
                prop_assert_eq!($consumer.is_empty(), $model.is_empty());
                prop_assert_eq!($producer.capacity(), $capacity);
                prop_assert_eq!($consumer.capacity(), $capacity);
                prop_assert!(!$producer.is_abandoned());
                prop_assert!(!$consumer.is_abandoned());
            }
            Op::Only(_) | Op::Renew => {}
        }
    }};
}

fn check_spsc_only(
    op: SpscOp,
    producer: &mut spsc::Producer<'_, Item>,
    consumer: &mut spsc::Consumer<'_, Item>,
    model: &mut VecDeque<u32>,
    maker: &mut Maker,
    leaked: &mut usize,
) -> Result<(), TestCaseError> {
    let room = producer.capacity() - model.len();
    match op {
        SpscOp::EnqueueFrom(wanted) => {
            let items = maker.items(wanted);
            let sent = numbers(&items);
            let mut items = items.into_iter();
            let count = producer.enqueue_from(&mut items);
            prop_assert_eq!(count, wanted.min(room));
            prop_assert_eq!(items.count(), wanted - count);
            model.extend(&sent[..count]);
        }
        SpscOp::ReserveBulk {
            count,
            push,
            commit,
        } => match producer.reserve_bulk(count) {
            Ok(mut slots) => {
                prop_assert!(count <= room);
                prop_assert_eq!(slots.capacity(), count);
                let mut sent = Vec::new();
                for item in maker.items(push) {
                    let number = item.number;
                    if slots.push(item).is_ok() {
                        sent.push(number);
                    }
                }
                prop_assert_eq!(sent.len(), push.min(count));
                prop_assert_eq!(slots.len(), sent.len());
                if commit {
                    prop_assert_eq!(slots.commit(), sent.len());
                    model.extend(sent);
                }
            }
            Err(error) => {
                prop_assert_eq!(
                    error,
                    BulkError::NoRoom {
                        wanted: count,
                        room
                    }
                );
                prop_assert!(count > room);
            }
        },
        SpscOp::ReserveBurst {
            count,
            fill,
            commit,
        } => {
            let mut slots = producer.reserve_burst(count);
            prop_assert_eq!(slots.capacity(), count.min(room));
            let items = maker.items(fill);
            let sent = numbers(&items);
            slots.fill(items);
            let written = slots.len();
            prop_assert_eq!(written, fill.min(count).min(room));
            prop_assert_eq!(slots.is_empty(), written == 0);
            if commit {
                prop_assert_eq!(slots.commit(), written);
                model.extend(&sent[..written]);
            }
        }
        SpscOp::ReserveInPlace { count, write } => {
            let mut slots = producer.reserve_burst(count);
            let mut written = 0;
            let (first, second) = slots.spare();
            prop_assert_eq!(first.len() + second.len(), count.min(room));
            for place in first.iter_mut().chain(second).take(write) {
                let item = maker.item();
                model.push_back(item.number);
                place.write(item);
                written += 1;
            }
            // SAFETY: the first `written` places of `spare` were just written.
            unsafe { slots.assume_written(written) };
            prop_assert_eq!(slots.commit(), written);
        }
        SpscOp::Drain { max, take } => {
            let mut drain = consumer.drain(max);
            prop_assert_eq!(drain.len(), max.min(model.len()));
            for _ in 0..take.min(drain.len()) {
                let item = drain.next().map(|item| item.number);
                prop_assert_eq!(item, model.pop_front());
            }
        }
        SpscOp::ForgetDrain { max, take } => {
            let count = max.min(model.len());
            let mut drain = consumer.drain(max);
            let taken = take.min(count);
            for _ in 0..taken {
                prop_assert_eq!(drain.next().map(|item| item.number), model.pop_front());
            }
            core::mem::forget(drain);
            // The slots come back with the consumer's next operation.
            prop_assert_eq!(consumer.release(0), 0);
            *leaked += count - taken;
            model.drain(..count - taken);
        }
        SpscOp::Peek => {
            let item = consumer.peek().map(|item| item.number);
            prop_assert_eq!(item, model.front().copied());
        }
        SpscOp::PeekBurst(max) => {
            let (first, second) = consumer.peek_burst(max);
            let expected: Vec<u32> = model.iter().copied().take(max).collect();
            prop_assert_eq!(numbers(first.iter().chain(second)), expected);
        }
        SpscOp::PeekBurstMut(max) => {
            let (first, second) = consumer.peek_burst_mut(max);
            for (item, model) in first.iter_mut().chain(second).zip(model) {
                prop_assert_eq!(item.number, *model);
                item.number += 1_000_000;
                *model += 1_000_000;
            }
        }
        SpscOp::Release(count) => {
            let count = count.min(model.len());
            prop_assert_eq!(consumer.release(count), count);
            model.drain(..count);
        }
    }
    Ok(())
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

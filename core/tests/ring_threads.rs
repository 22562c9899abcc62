//! The rings between real threads: nothing lost, doubled or out of order, with items that have a
//! destructor, counters that wrap on the way, and rings so small that both ends are met all the time.
#![cfg(not(loom))]
#![allow(missing_docs)]

use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use linecard::ring::{Inline, mpmc, spsc};

/// An item on the heap, so that a torn or doubled one does not go unnoticed.
type Item = Box<(usize, u64)>;

#[test]
fn spsc_passes_everything_in_order() {
    const COUNT: u64 = 200_000;
    let mut ring = spsc::Ring::<Inline<Item, 64>>::new();
    ring.start_at(usize::MAX - 10_000);
    let (mut producer, mut consumer) = ring.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0;
            let mut turn = 0_usize;
            let mut pending: heapless::Vec<Item, 32> = heapless::Vec::new();
            while next < COUNT || !pending.is_empty() {
                while pending.len() < 1 + turn % 32 && next < COUNT {
                    pending.push(Box::new((turn, next))).unwrap();
                    next += 1;
                }
                turn += 1;
                let moved = match turn % 4 {
                    0 => producer.enqueue_burst(&mut pending),
                    1 => match producer.enqueue_bulk(&mut pending) {
                        Ok(()) => 1,
                        Err(_) => 0,
                    },
                    2 => {
                        let count = producer.room().min(pending.len());
                        producer.enqueue_from(pending.drain(..count))
                    }
                    _ => {
                        let mut slots = producer.reserve_burst(pending.len());
                        let count = slots.capacity();
                        slots.fill(pending.drain(..count));
                        slots.commit()
                    }
                };
                if moved == 0 {
                    thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        let mut turn = 0_usize;
        while expected < COUNT {
            turn += 1;
            let before = expected;
            let mut check = |item: &Item| {
                assert_eq!(item.1, expected);
                expected += 1;
            };
            match turn % 4 {
                0 => {
                    let mut out: heapless::Vec<Item, 32> = heapless::Vec::new();
                    consumer.dequeue_burst(&mut out, turn % 33);
                    out.iter().for_each(&mut check);
                }
                1 => consumer.drain(turn % 17).for_each(|item| check(&item)),
                2 => {
                    let (first, second) = consumer.peek_burst(turn % 17);
                    let count = first.len() + second.len();
                    first.iter().chain(second).for_each(&mut check);
                    assert_eq!(consumer.release(count), count);
                }
                _ => {
                    if let Some(item) = consumer.dequeue() {
                        check(&item);
                    }
                }
            }
            if expected == before {
                thread::yield_now();
            }
        }
        while !consumer.is_abandoned() {
            thread::yield_now();
        }
        assert!(consumer.dequeue().is_none());
    });
}

#[test]
fn mpmc_passes_everything_once_and_each_producers_in_order() {
    const COUNT: u64 = 40_000;
    const PRODUCERS: usize = 3;
    let mut ring = mpmc::Ring::<Inline<Item, 16>>::new();
    ring.start_at(usize::MAX - 10_000);
    let received = AtomicUsize::new(0);
    let sums: Vec<u64> = thread::scope(|scope| {
        for sender in 0..PRODUCERS {
            let mut producer = ring.producer();
            scope.spawn(move || {
                let mut next = 0;
                let mut pending: heapless::Vec<Item, 8> = heapless::Vec::new();
                while next < COUNT || !pending.is_empty() {
                    while next < COUNT && !pending.is_full() {
                        pending.push(Box::new((sender, next))).unwrap();
                        next += 1;
                    }
                    let moved = match next % 3 {
                        0 => producer.enqueue_bulk(&mut pending).is_ok(),
                        1 => producer.enqueue_burst(&mut pending) > 0,
                        _ => match producer.enqueue(pending.remove(0)) {
                            Ok(()) => true,
                            Err(item) => {
                                pending.insert(0, item).unwrap();
                                false
                            }
                        },
                    };
                    if !moved {
                        thread::yield_now();
                    }
                }
            });
        }
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let mut consumer = ring.consumer();
                let received = &received;
                scope.spawn(move || {
                    // What one consumer takes from one producer must come in order.
                    let mut last = [None; PRODUCERS];
                    let mut sum = 0;
                    let mut turn = 0_usize;
                    let mut out: heapless::Vec<Item, 8> = heapless::Vec::new();
                    while received.load(Ordering::Relaxed) < PRODUCERS * COUNT as usize {
                        turn += 1;
                        match turn % 3 {
                            0 => out.extend(consumer.dequeue()),
                            1 => _ = consumer.dequeue_bulk(&mut out, 4),
                            _ => _ = consumer.dequeue_burst(&mut out, 8),
                        }
                        if out.is_empty() {
                            thread::yield_now();
                        }
                        received.fetch_add(out.len(), Ordering::Relaxed);
                        for item in out.drain(..) {
                            let (sender, number) = *item;
                            assert!(last[sender] < Some(number));
                            last[sender] = Some(number);
                            sum += number;
                        }
                    }
                    sum
                })
            })
            .collect();
        consumers
            .into_iter()
            .map(|consumer| consumer.join().unwrap())
            .collect()
    });
    assert_eq!(received.into_inner(), PRODUCERS * COUNT as usize);
    assert_eq!(
        sums.iter().sum::<u64>(),
        PRODUCERS as u64 * (COUNT * (COUNT - 1) / 2)
    );
    assert!(ring.is_empty());
}

#[test]
fn what_is_left_in_a_ring_when_both_sides_are_gone_is_dropped() {
    let alive = std::sync::Arc::new(());
    {
        let ring = mpmc::Ring::<Inline<_, 8>>::new();
        let mut producer = ring.producer();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..5 {
                    producer.enqueue(std::sync::Arc::clone(&alive)).unwrap();
                }
            });
        });
        drop(ring.consumer().dequeue());
        assert_eq!(std::sync::Arc::strong_count(&alive), 5);
        drop(producer);
    }
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
}

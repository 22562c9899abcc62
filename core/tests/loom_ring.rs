//! The rings under loom: every interleaving of a few operations, and every value that the memory
//! model allows a load to return.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p linecard --release --test loom_ring
//! ```
//!
//! Loom also watches the slots: a read or write of one that is not ordered after the other side's fails
//! the test. What this does not prove is said in the doc of `linecard::ring`.
#![cfg(loom)]
#![allow(missing_docs, unsafe_code)]

use linecard::ring::{Inline, mpmc, spsc};
use loom::thread;

/// A ring that loom's threads, which want `'static`, can borrow; freed at the end.
fn with_ring<R: 'static>(ring: R, test: impl FnOnce(&'static R)) {
    let ring = Box::into_raw(Box::new(ring));
    // SAFETY: freed below only, when all threads of `test` have been joined.
    test(unsafe { &*ring });
    // SAFETY: made by `Box::into_raw` above; `test` has returned and so has every handle.
    drop(unsafe { Box::from_raw(ring) });
}

/// A ring of `N` slots whose counters wrap after one item.
fn spsc_ring<T, const N: usize>() -> spsc::Ring<Inline<T, N>> {
    let mut ring = spsc::Ring::<Inline<T, N>>::new();
    ring.start_at(usize::MAX);
    ring
}

fn mpmc_ring<T, const N: usize>() -> mpmc::Ring<Inline<T, N>> {
    let mut ring = mpmc::Ring::<Inline<T, N>>::new();
    ring.start_at(usize::MAX);
    ring
}

/// Every schedule: with a bound on preemptions loom misses some that matter here.
fn model(test: impl Fn() + Send + Sync + 'static) {
    loom::model(test);
}

// Loom does not finish where two threads wait for each other in loops. So each side tries a fixed number
// of times while the other does, and what is missing then is looked for when that one is done.

#[test]
fn spsc_singles_keep_their_order_over_the_wrap() {
    model(|| {
        with_ring(spsc_ring::<Box<u32>, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                for number in 0..3 {
                    let mut item = Box::new(number);
                    while let Err(back) = producer.enqueue(item) {
                        item = back;
                        thread::yield_now();
                    }
                }
            });
            for expected in 0..3 {
                let item = loop {
                    match consumer.dequeue() {
                        Some(item) => break item,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(*item, expected);
            }
            sender.join().unwrap();
        });
    });
}

#[test]
fn spsc_bulk_is_all_or_nothing_and_burst_what_fits() {
    model(|| {
        with_ring(spsc_ring::<u32, 4>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                producer.enqueue_bulk(&mut [0, 1, 2].as_slice()).unwrap();
                let mut rest: &[u32] = &[3, 4, 5];
                let first = producer.enqueue_burst(&mut rest);
                assert!(
                    first == 1 || first == 3,
                    "room for one, or for all after the bulk"
                );
                let second = match producer.enqueue_bulk(&mut rest) {
                    Ok(()) => 3 - first,
                    Err(_) => 0,
                };
                3 + first + second
            });
            let mut got: heapless::Vec<u32, 8> = heapless::Vec::new();
            let bulk = consumer.dequeue_bulk(&mut got, 3);
            assert_eq!(got.len(), if bulk.is_ok() { 3 } else { 0 });
            consumer.dequeue_burst(&mut got, 8);
            let sent = sender.join().unwrap();
            consumer.dequeue_burst(&mut got, 8);
            assert_eq!(got, [0, 1, 2, 3, 4, 5][..sent]);
        });
    });
}

#[test]
fn spsc_reserved_slots_show_when_committed_and_peeked_ones_stay_until_released() {
    fn check(consumer: &mut spsc::Consumer<'_, u32>, seen: &mut u32) {
        let (first, second) = consumer.peek_burst_mut(2);
        let count = first.len() + second.len();
        for item in first.iter_mut().chain(second) {
            assert_eq!(*item, *seen);
            *item = u32::MAX;
            *seen += 1;
        }
        assert_eq!(consumer.release(count), count);
    }
    model(|| {
        with_ring(spsc_ring::<u32, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                let mut slots = producer.reserve_bulk(2).unwrap();
                slots.fill([0, 1]);
                assert_eq!(slots.commit(), 2);
                // One that is given up must not show either.
                _ = producer.reserve_burst(1).push(u32::MAX);
                let mut slots = producer.reserve_burst(2);
                slots.fill([2, 3]);
                2 + slots.commit() as u32
            });
            let mut seen = 0;
            check(&mut consumer, &mut seen);
            assert_ne!(seen, 1, "the two were committed together");
            check(&mut consumer, &mut seen);
            let sent = sender.join().unwrap();
            check(&mut consumer, &mut seen);
            assert_eq!(seen, sent);
        });
    });
}

#[test]
fn spsc_drained_slots_are_written_again_only_after_the_drain() {
    model(|| {
        with_ring(spsc_ring::<Box<u32>, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                let mut numbers = (0..4).map(Box::new);
                producer.enqueue_from(&mut numbers) + producer.enqueue_from(&mut numbers)
            });
            let mut got: Vec<u32> = consumer.drain(1).map(|item| *item).collect();
            got.extend(consumer.drain(2).map(|item| *item));
            let sent = sender.join().unwrap();
            got.extend(consumer.drain(2).map(|item| *item));
            assert_eq!(got, [0, 1, 2, 3][..sent]);
        });
    });
}

#[test]
fn spsc_abandoned_by_its_producer_still_gives_every_item() {
    model(|| {
        with_ring(spsc_ring::<Box<u32>, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                producer.enqueue(Box::new(1)).unwrap();
                producer.enqueue(Box::new(2)).unwrap();
            });
            while !consumer.is_abandoned() {
                thread::yield_now();
            }
            assert_eq!(consumer.dequeue().as_deref(), Some(&1));
            assert_eq!(consumer.dequeue().as_deref(), Some(&2));
            assert_eq!(consumer.dequeue(), None);
            sender.join().unwrap();
        });
    });
}

#[test]
fn spsc_abandoned_by_its_consumer_still_drops_every_item() {
    model(|| {
        with_ring(spsc_ring::<loom::sync::Arc<()>, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let taker = thread::spawn(move || drop(consumer.dequeue()));
            // Loom reports what is leaked: the items must go with the ring.
            producer.enqueue(loom::sync::Arc::new(())).unwrap();
            producer.enqueue(loom::sync::Arc::new(())).unwrap();
            while !producer.is_abandoned() {
                thread::yield_now();
            }
            taker.join().unwrap();
        });
    });
}

#[test]
fn spsc_split_again_goes_on_where_the_first_pair_stopped() {
    model(|| {
        with_ring(spsc_ring::<Box<u32>, 2>(), |ring| {
            let (mut producer, mut consumer) = ring.try_split().unwrap();
            let sender = thread::spawn(move || {
                producer.enqueue(Box::new(1)).unwrap();
                producer.enqueue(Box::new(2)).unwrap();
            });
            let first = consumer.dequeue();
            drop(consumer);
            let (mut producer, mut consumer) = loop {
                match ring.try_split() {
                    Some(handles) => break handles,
                    None => thread::yield_now(),
                }
            };
            if first.is_none() {
                assert_eq!(consumer.dequeue().as_deref(), Some(&1));
            }
            producer.enqueue(Box::new(3)).unwrap();
            assert_eq!(consumer.dequeue().as_deref(), Some(&2));
            assert_eq!(consumer.dequeue().as_deref(), Some(&3));
            sender.join().unwrap();
            // An item left behind goes with the ring.
            producer.enqueue(Box::new(4)).unwrap();
        });
    });
}

#[test]
fn mpmc_two_producers_lose_and_double_nothing() {
    model(|| {
        with_ring(mpmc_ring::<u32, 2>(), |ring| {
            let senders = [10, 20].map(|item| {
                let mut producer = ring.producer();
                thread::spawn(move || producer.enqueue(item).unwrap())
            });
            let mut consumer = ring.consumer();
            let mut got: heapless::Vec<u32, 8> = heapless::Vec::new();
            got.extend(consumer.dequeue());
            for sender in senders {
                sender.join().unwrap();
            }
            consumer.dequeue_burst(&mut got, 2);
            got.sort_unstable();
            assert_eq!(got, [10, 20]);
        });
    });
}

#[test]
fn mpmc_bulks_of_two_producers_do_not_mix() {
    model(|| {
        with_ring(mpmc_ring::<u32, 4>(), |ring| {
            let senders = [[10, 11], [20, 21]].map(|items| {
                let mut producer = ring.producer();
                thread::spawn(move || {
                    producer.enqueue_bulk(&mut items.as_slice()).unwrap();
                })
            });
            let mut consumer = ring.consumer();
            let mut got: heapless::Vec<u32, 8> = heapless::Vec::new();
            let count = consumer.dequeue_burst(&mut got, 4);
            assert_eq!(count % 2, 0, "a bulk is published at once");
            for sender in senders {
                sender.join().unwrap();
            }
            consumer.dequeue_burst(&mut got, 4);
            assert!(
                got == [10, 11, 20, 21] || got == [20, 21, 10, 11],
                "{got:?}"
            );
        });
    });
}

#[test]
fn mpmc_producers_race_for_the_last_slot() {
    model(|| {
        with_ring(mpmc_ring::<Box<u32>, 1>(), |ring| {
            let senders = [10, 20].map(|item| {
                let mut producer = ring.producer();
                thread::spawn(move || producer.enqueue(Box::new(item)).is_ok())
            });
            let mut consumer = ring.consumer();
            let first = consumer.dequeue().is_some();
            let sent = senders.map(|sender| sender.join().unwrap());
            let second = consumer.dequeue().is_some();
            assert!(sent[0] || sent[1]);
            assert_eq!(
                sent.iter().filter(|sent| **sent).count(),
                usize::from(first) + usize::from(second)
            );
        });
    });
}

#[test]
fn mpmc_slots_are_written_again_only_after_they_were_read() {
    model(|| {
        with_ring(mpmc_ring::<Box<u32>, 1>(), |ring| {
            let mut producer = ring.producer();
            let sender = thread::spawn(move || {
                for number in 0..2 {
                    let mut item = Box::new(number);
                    while let Err(back) = producer.enqueue(item) {
                        item = back;
                        thread::yield_now();
                    }
                }
            });
            let mut consumer = ring.consumer();
            for expected in 0..2 {
                let item = loop {
                    match consumer.dequeue() {
                        Some(item) => break item,
                        None => thread::yield_now(),
                    }
                };
                assert_eq!(*item, expected);
            }
            sender.join().unwrap();
        });
    });
}

#[test]
fn mpmc_two_consumers_share_what_one_producer_sends() {
    model(|| {
        with_ring(mpmc_ring::<Box<u32>, 2>(), |ring| {
            let mut producer = ring.producer();
            producer.enqueue(Box::new(1)).unwrap();
            let takers = [0, 1].map(|_| {
                let mut consumer = ring.consumer();
                thread::spawn(move || consumer.dequeue().map(|item| *item))
            });
            producer.enqueue(Box::new(2)).unwrap();
            let taken = takers.map(|taker| taker.join().unwrap());
            let mut consumer = ring.consumer();
            let left = [consumer.dequeue(), consumer.dequeue()].map(|item| item.map(|item| *item));
            let mut got: Vec<u32> = taken.into_iter().chain(left).flatten().collect();
            got.sort_unstable();
            assert_eq!(got, [1, 2]);
        });
    });
}

#[test]
fn mpmc_abandoned_by_its_producer_still_gives_every_item() {
    model(|| {
        with_ring(mpmc_ring::<Box<u32>, 2>(), |ring| {
            let mut producer = ring.producer();
            let sender = thread::spawn(move || {
                producer.enqueue(Box::new(1)).unwrap();
                let mut second = producer.clone();
                drop(producer);
                second.enqueue(Box::new(2)).unwrap();
            });
            let mut consumer = ring.consumer();
            while !consumer.is_abandoned() {
                thread::yield_now();
            }
            assert_eq!(consumer.dequeue().as_deref(), Some(&1));
            assert_eq!(consumer.dequeue().as_deref(), Some(&2));
            assert_eq!(consumer.dequeue(), None);
            sender.join().unwrap();
        });
    });
}

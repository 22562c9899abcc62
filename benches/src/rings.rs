//! Rings: a producer and a consumer on one thread.

use core::hint::black_box;

use crossbeam_queue::ArrayQueue;
use linecard::ring::{Inline, mpmc, spsc};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split as _};

use crate::harness::Contender;
use crate::peers;

/// Slots of every ring.
const SLOTS: usize = 1024;

/// One item in, one item out.
pub fn single() -> Result<Vec<Contender>, String> {
    let ring = Box::leak(Box::new(spsc::Ring::<Inline<u64, SLOTS>>::new()));
    let (mut producer, mut consumer) = ring.split();
    let ours = Contender::timed("linecard spsc", move |units| {
        for item in 0..units {
            let _ = producer.enqueue(item);
            black_box(consumer.dequeue());
        }
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(SLOTS);
    let rtrb = Contender::timed("rtrb", move |units| {
        for item in 0..units {
            let _ = producer.push(item);
            let _ = black_box(consumer.pop());
        }
    });
    let queue = Box::leak(Box::new(heapless::spsc::Queue::<u64, SLOTS>::new()));
    let (mut producer, mut consumer) = queue.split();
    let heapless = Contender::timed("heapless spsc", move |units| {
        for item in 0..units {
            let _ = producer.enqueue(item);
            black_box(consumer.dequeue());
        }
    });
    let (mut producer, mut consumer) = HeapRb::<u64>::new(SLOTS).split();
    let ringbuf = Contender::timed("ringbuf", move |units| {
        for item in 0..units {
            let _ = producer.try_push(item);
            black_box(consumer.try_pop());
        }
    });
    let mut contenders = vec![ours, rtrb, ringbuf, heapless];
    let peer = [("rte_ring SP/SC", "ring_spsc_single")];
    peers::add(&mut contenders, "rte_ring", &peer);
    Ok(contenders)
}

/// 32 items in, 32 items out; heapless has no bulk, and takes them one by one.
pub fn bulk() -> Result<Vec<Contender>, String> {
    const BULK: usize = 32;
    let items: [u64; BULK] = core::array::from_fn(|item| item as u64);
    let ring = Box::leak(Box::new(spsc::Ring::<Inline<u64, SLOTS>>::new()));
    let (mut producer, mut consumer) = ring.split();
    let ours = Contender::timed("linecard spsc", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            let _ = producer.enqueue_bulk(&mut black_box(&items).as_slice());
            let _ = consumer.dequeue_bulk(&mut out.as_mut_slice(), BULK);
            black_box(&out);
        }
    });
    let (mut producer, mut consumer) = rtrb::RingBuffer::<u64>::new(SLOTS);
    let rtrb = Contender::timed("rtrb", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            if let Ok(mut chunk) = producer.write_chunk(BULK) {
                let (first, second) = chunk.as_mut_slices();
                let (head, tail) = black_box(&items).split_at(first.len());
                first.copy_from_slice(head);
                second.copy_from_slice(tail);
                chunk.commit_all();
            }
            if let Ok(chunk) = consumer.read_chunk(BULK) {
                let (first, second) = chunk.as_slices();
                let (head, tail) = out.split_at_mut(first.len());
                head.copy_from_slice(first);
                tail.copy_from_slice(second);
                chunk.commit_all();
            }
            black_box(&out);
        }
    });
    let queue = Box::leak(Box::new(heapless::spsc::Queue::<u64, SLOTS>::new()));
    let (mut producer, mut consumer) = queue.split();
    let heapless = Contender::timed("heapless spsc, one by one", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            for &item in black_box(&items) {
                let _ = producer.enqueue(item);
            }
            for cell in &mut out {
                *cell = consumer.dequeue().unwrap_or(0);
            }
            black_box(&out);
        }
    });
    let (mut producer, mut consumer) = HeapRb::<u64>::new(SLOTS).split();
    let ringbuf = Contender::timed("ringbuf", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            producer.push_slice(black_box(&items));
            consumer.pop_slice(&mut out);
            black_box(&out);
        }
    });
    let mut contenders = vec![ours, rtrb, ringbuf, heapless];
    let peer = [("rte_ring SP/SC", "ring_spsc_bulk")];
    peers::add(&mut contenders, "rte_ring", &peer);
    Ok(contenders)
}

/// One item in, one item out, of a ring for many producers and consumers.
pub fn mpmc_single() -> Result<Vec<Contender>, String> {
    let ring = Box::leak(Box::new(mpmc::Ring::<Inline<u64, SLOTS>>::new()));
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let ours = Contender::timed("linecard mpmc", move |units| {
        for item in 0..units {
            let _ = producer.enqueue(item);
            black_box(consumer.dequeue());
        }
    });
    let queue: &ArrayQueue<u64> = Box::leak(Box::new(ArrayQueue::new(SLOTS)));
    let crossbeam = Contender::timed("crossbeam ArrayQueue", move |units| {
        for item in 0..units {
            let _ = queue.push(item);
            black_box(queue.pop());
        }
    });
    let mut contenders = vec![ours, crossbeam];
    let peers = [
        ("rte_ring MP/MC", "ring_mpmc_single"),
        ("rte_ring HTS", "ring_hts_single"),
        ("rte_ring RTS", "ring_rts_single"),
    ];
    peers::add(&mut contenders, "rte_ring", &peers);
    Ok(contenders)
}

/// 32 items in, 32 items out, likewise.
pub fn mpmc_bulk() -> Result<Vec<Contender>, String> {
    const BULK: usize = 32;
    let items: [u64; BULK] = core::array::from_fn(|item| item as u64);
    let ring = Box::leak(Box::new(mpmc::Ring::<Inline<u64, SLOTS>>::new()));
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let ours = Contender::timed("linecard mpmc", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            let _ = producer.enqueue_bulk(&mut black_box(&items).as_slice());
            let _ = consumer.dequeue_bulk(&mut out.as_mut_slice(), BULK);
            black_box(&out);
        }
    });
    let queue: &ArrayQueue<u64> = Box::leak(Box::new(ArrayQueue::new(SLOTS)));
    let crossbeam = Contender::timed("crossbeam ArrayQueue, one by one", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            for &item in black_box(&items) {
                let _ = queue.push(item);
            }
            for cell in &mut out {
                *cell = queue.pop().unwrap_or(0);
            }
            black_box(&out);
        }
    });
    let mut contenders = vec![ours, crossbeam];
    let peers = [
        ("rte_ring MP/MC", "ring_mpmc_bulk"),
        ("rte_ring HTS", "ring_hts_bulk"),
        ("rte_ring RTS", "ring_rts_bulk"),
    ];
    peers::add(&mut contenders, "rte_ring", &peers);
    Ok(contenders)
}

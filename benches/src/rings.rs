//! Rings: a producer and a consumer on one thread.

use core::hint::black_box;
use core::sync::atomic::{AtomicU64, Ordering};

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
    let ring = || Box::leak(Box::new(spsc::Ring::<Inline<u64, SLOTS>>::new()));
    let put = |producer: &mut spsc::Producer<'static, u64>, item| producer.enqueue(item).is_ok();
    let take = |consumer: &mut spsc::Consumer<'static, u64>| consumer.dequeue();
    let (mut producer, mut consumer) = ring().split();
    let in_memory = Contender::timed("linecard spsc, handles in memory", move |units| {
        in_and_out(&mut producer, &mut consumer, put, take, units);
    });
    let queue = Box::leak(Box::new(heapless::spsc::Queue::<u64, SLOTS>::new()));
    let mut contenders = vec![
        singles("linecard spsc", ring().split(), put, take),
        in_memory,
        singles(
            "rtrb",
            rtrb::RingBuffer::<u64>::new(SLOTS),
            |producer, item| producer.push(item).is_ok(),
            |consumer| consumer.pop().ok(),
        ),
        singles(
            "ringbuf",
            HeapRb::<u64>::new(SLOTS).split(),
            |producer, item| producer.try_push(item).is_ok(),
            |consumer| consumer.try_pop(),
        ),
        singles(
            "heapless spsc",
            queue.split(),
            |producer, item| producer.enqueue(item).is_ok(),
            |consumer| consumer.dequeue(),
        ),
    ];
    let peer = [("rte_ring SP/SC", "ring_spsc_single")];
    peers::add(&mut contenders, "rte_ring", &peer);
    Ok(contenders)
}

/// Items in and out by handles that are the turn's own, as a program has them whose loop they
/// belong to: the compiler may keep what is in them in registers.
fn singles<P: 'static, C: 'static>(
    name: &'static str,
    handles: (P, C),
    put: impl Fn(&mut P, u64) -> bool + 'static,
    take: impl Fn(&mut C) -> Option<u64> + 'static,
) -> Contender {
    let mut between_turns = Some(handles);
    Contender::timed(name, move |units| {
        if let Some((mut producer, mut consumer)) = between_turns.take() {
            in_and_out(&mut producer, &mut consumer, &put, &take, units);
            between_turns = Some((producer, consumer));
        }
    })
}

/// The items are added up, which keeps them in a register, as `KEEP` does in C.
#[inline(always)]
fn in_and_out<P, C>(
    producer: &mut P,
    consumer: &mut C,
    put: impl Fn(&mut P, u64) -> bool,
    take: impl Fn(&mut C) -> Option<u64>,
    units: u64,
) {
    let mut sum = 0_u64;
    for item in 0..units {
        let _ = put(producer, item);
        sum = sum.wrapping_add(take(consumer).unwrap_or(0));
    }
    black_box(sum);
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
    let queue: &ArrayQueue<u64> = Box::leak(Box::new(ArrayQueue::new(SLOTS)));
    let swapped: &[AtomicU64; 2] = Box::leak(Box::default());
    let mut contenders = vec![
        singles(
            "linecard mpmc",
            (ring.producer(), ring.consumer()),
            |producer, item| producer.enqueue(item).is_ok(),
            |consumer| consumer.dequeue(),
        ),
        singles(
            "crossbeam ArrayQueue",
            (queue, queue),
            |queue, item| queue.push(item).is_ok(),
            |queue| queue.pop(),
        ),
        singles(
            "floor: two compare-and-swaps",
            (&swapped[0], &swapped[1]),
            |first, _| count_up(first).is_some(),
            |second| count_up(second),
        ),
    ];
    let peers = [
        ("rte_ring MP/MC", "ring_mpmc_single"),
        ("rte_ring HTS", "ring_hts_single"),
        ("rte_ring RTS", "ring_rts_single"),
    ];
    peers::add(&mut contenders, "rte_ring", &peers);
    Ok(contenders)
}

/// What a claim cannot do without.
fn count_up(counter: &AtomicU64) -> Option<u64> {
    let seen = counter.load(Ordering::Acquire);
    let next = seen.wrapping_add(1);
    counter
        .compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire)
        .ok()
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

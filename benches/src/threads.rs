//! Rings and pools between two threads.

use core::array;
use core::hint::{black_box, spin_loop};

use crossbeam_queue::ArrayQueue;
use linecard::mempool::{Cache, Frame, Pool, PoolConfig};
use linecard::ring::{Inline, mpmc, spsc};
use linecard_linux::memory::{PagePolicy, PoolMemory};
use ringbuf::HeapRb;
use ringbuf::traits::{Consumer as _, Producer as _, Split as _};

use crate::harness::Contender;
use crate::{peers, two};

/// Slots of every ring.
const SLOTS: usize = 1024;

const BULK: usize = 32;

/// Items one by one, of 8 bytes.
///
/// # Errors
/// Never.
pub fn spsc_single() -> Result<Vec<Contender>, String> {
    let mut contenders = spsc_singles::<u64>();
    rte_ring(&mut contenders, &[("SP/SC", "threads_spsc_single")]);
    Ok(contenders)
}

/// Items one by one, of 32 bytes.
///
/// # Errors
/// Never.
pub fn spsc_single_32() -> Result<Vec<Contender>, String> {
    let mut contenders = spsc_singles::<[u64; 4]>();
    rte_ring(&mut contenders, &[("SP/SC", "threads_spsc_32_single")]);
    Ok(contenders)
}

/// 32 items at a time, of 8 bytes.
///
/// # Errors
/// Never.
pub fn spsc_bulk() -> Result<Vec<Contender>, String> {
    let mut contenders = spsc_bulks::<u64>();
    rte_ring(&mut contenders, &[("SP/SC", "threads_spsc_bulk")]);
    Ok(contenders)
}

/// 32 items at a time, of 32 bytes.
///
/// # Errors
/// Never.
pub fn spsc_bulk_32() -> Result<Vec<Contender>, String> {
    let mut contenders = spsc_bulks::<[u64; 4]>();
    rte_ring(&mut contenders, &[("SP/SC", "threads_spsc_32_bulk")]);
    Ok(contenders)
}

/// One item there and back, through two rings.
///
/// # Errors
/// Never.
pub fn spsc_round_trip() -> Result<Vec<Contender>, String> {
    let ours = || {
        let ring = leak(spsc::Ring::<Inline<u64, SLOTS>>::new());
        let (mut producer, mut consumer) = ring.split();
        let put = move |item| producer.enqueue(item).is_ok();
        (put, move || consumer.dequeue())
    };
    let rtrb = || {
        let (mut producer, mut consumer) = rtrb::RingBuffer::new(SLOTS);
        let put = move |item| producer.push(item).is_ok();
        (put, move || consumer.pop().ok())
    };
    let ringbuf = || {
        let (mut producer, mut consumer) = HeapRb::new(SLOTS).split();
        let put = move |item| producer.try_push(item).is_ok();
        (put, move || consumer.try_pop())
    };
    let heapless = || {
        let ring = leak(heapless::spsc::Queue::<u64, SLOTS>::new());
        let (mut producer, mut consumer) = ring.split();
        let put = move |item| producer.enqueue(item).is_ok();
        (put, move || consumer.dequeue())
    };
    let crossbeam = || {
        let queue: &ArrayQueue<u64> = leak(ArrayQueue::new(SLOTS));
        (move |item| queue.push(item).is_ok(), move || queue.pop())
    };
    let mut contenders = vec![
        echo("linecard spsc", ours(), ours()),
        echo("rtrb", rtrb(), rtrb()),
        echo("ringbuf", ringbuf(), ringbuf()),
        echo("heapless spsc", heapless(), heapless()),
        echo("crossbeam ArrayQueue", crossbeam(), crossbeam()),
    ];
    rte_ring(&mut contenders, &[("SP/SC", "threads_spsc_trip")]);
    Ok(contenders)
}

/// Items one by one, of 8 bytes, through rings for many producers and consumers. That of heapless is
/// deprecated by its authors: a push may fail on a ring that is not full.
///
/// # Errors
/// Never.
pub fn mpmc_single() -> Result<Vec<Contender>, String> {
    let ring = leak(mpmc::Ring::<Inline<u64, SLOTS>>::new());
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let queue: &ArrayQueue<u64> = leak(ArrayQueue::new(SLOTS));
    let mut contenders = vec![
        singles(
            "linecard mpmc",
            move |item| producer.enqueue(item).is_ok(),
            move || consumer.dequeue(),
        ),
        singles(
            "crossbeam ArrayQueue",
            move |item| queue.push(item).is_ok(),
            move || queue.pop(),
        ),
    ];
    let peers = [
        ("MP/MC", "threads_mpmc_single"),
        ("HTS", "threads_hts_single"),
        ("RTS", "threads_rts_single"),
    ];
    rte_ring(&mut contenders, &peers);
    Ok(contenders)
}

/// 32 items at a time, likewise; those without bulks take them one by one.
///
/// # Errors
/// Never.
pub fn mpmc_bulk() -> Result<Vec<Contender>, String> {
    let ring = leak(mpmc::Ring::<Inline<u64, SLOTS>>::new());
    let (mut producer, mut consumer) = (ring.producer(), ring.consumer());
    let queue: &ArrayQueue<u64> = leak(ArrayQueue::new(SLOTS));
    let mut contenders = vec![
        bulks(
            "linecard mpmc",
            move |items| producer.enqueue_burst(&mut &items[..]),
            move |out| consumer.dequeue_burst(&mut out.as_mut_slice(), BULK),
        ),
        bulks(
            "crossbeam ArrayQueue, one by one",
            move |items: &[u64]| {
                items
                    .iter()
                    .take_while(|item| queue.push(**item).is_ok())
                    .count()
            },
            move |out| {
                let items = core::iter::from_fn(|| queue.pop());
                out.iter_mut()
                    .zip(items)
                    .map(|(out, item)| *out = item)
                    .count()
            },
        ),
    ];
    let peers = [
        ("MP/MC", "threads_mpmc_bulk"),
        ("HTS", "threads_hts_bulk"),
        ("RTS", "threads_rts_bulk"),
    ];
    rte_ring(&mut contenders, &peers);
    Ok(contenders)
}

/// Frames out of the pool on one core, through a ring, and back into it on the other, 32 at a time.
///
/// # Errors
/// There is no memory for the pool.
pub fn frames() -> Result<Vec<Contender>, String> {
    const FRAMES: usize = 8192;
    let memory = PoolMemory::new(FRAMES, PoolConfig::default(), PagePolicy::Prefer, false)
        .map_err(|error| error.to_string())?;
    let pool: &'static Pool<'static> = leak(leak(memory).pool());
    let cache = |name| Cache::new(pool, name, 512).map_err(|error| error.to_string());
    let (mut from, mut to) = (cache("from")?, cache("to")?);
    let ring = leak(spsc::Ring::<Inline<Frame<'static>, SLOTS>>::new());
    let (mut producer, mut consumer) = ring.split();
    let mut burst = heapless::Vec::<Frame<'static>, BULK>::new();
    let ours = two::contender(
        "linecard pool, a cache a core",
        move |units| {
            let mut left = units;
            while left > 0 {
                let frames = consumer.drain(BULK.min(left as usize));
                let count = frames.len() as u64;
                to.free_burst(frames);
                left -= count;
            }
        },
        move |units| {
            let mut left = units;
            while left > 0 {
                let want = (BULK - burst.len()).min((left as usize).saturating_sub(burst.len()));
                from.alloc_burst(want, |frame| {
                    // There is room: `want` is at most that.
                    let _ = burst.push(frame);
                });
                left -= producer.enqueue_burst(&mut burst) as u64;
            }
        },
    );
    let free: &ArrayQueue<u32> = leak(ArrayQueue::new(FRAMES));
    for frame in 0..FRAMES as u32 {
        let _ = free.push(frame);
    }
    let queue = passing(
        "crossbeam ArrayQueue of indices",
        move || free.pop(),
        move |frame| {
            let _ = free.push(frame);
        },
    );
    let malloc = passing(
        "malloc of 2 KiB",
        || Some(Vec::<u8>::with_capacity(2048)),
        |frame| drop(black_box(frame)),
    );
    Ok(vec![ours, queue, malloc])
}

/// Frames from `alloc` on one core through a ring to `free` on the other, one by one but for the ring.
fn passing<T: Send + 'static>(
    name: &'static str,
    mut alloc: impl FnMut() -> Option<T> + Send + 'static,
    mut free: impl FnMut(T) + 'static,
) -> Contender {
    let ring = leak(spsc::Ring::<Inline<T, SLOTS>>::new());
    let (mut producer, mut consumer) = ring.split();
    let mut burst = heapless::Vec::<T, BULK>::new();
    two::contender(
        name,
        move |units| {
            let mut left = units;
            while left > 0 {
                let frames = consumer.drain(BULK.min(left as usize));
                left -= frames.len() as u64;
                frames.for_each(&mut free);
            }
        },
        move |units| {
            let mut left = units;
            while left > 0 {
                while !burst.is_full() && (burst.len() as u64) < left {
                    let Some(frame) = alloc() else { break };
                    let _ = burst.push(frame);
                }
                left -= producer.enqueue_burst(&mut burst) as u64;
            }
        },
    )
}

/// Rings of DPDK, by their way of synchronization and by their name in the program of the peers.
fn rte_ring(contenders: &mut Vec<Contender>, peers: &[(&str, &'static str)]) {
    let named: Vec<(String, &'static str)> = peers
        .iter()
        .map(|(way, peer)| (format!("rte_ring {way}"), *peer))
        .collect();
    let named: Vec<(&str, &'static str)> = named
        .iter()
        .map(|(name, peer)| (name.as_str(), *peer))
        .collect();
    peers::add(contenders, "rte_ring", &named);
}

fn spsc_singles<T: Copy + Default + Send + 'static>() -> Vec<Contender> {
    let ring = leak(spsc::Ring::<Inline<T, SLOTS>>::new());
    let (mut producer, mut consumer) = ring.split();
    let ours = singles(
        "linecard spsc",
        move |item| producer.enqueue(item).is_ok(),
        move || consumer.dequeue(),
    );
    let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(SLOTS);
    let rtrb = singles(
        "rtrb",
        move |item| producer.push(item).is_ok(),
        move || consumer.pop().ok(),
    );
    let (mut producer, mut consumer) = HeapRb::<T>::new(SLOTS).split();
    let ringbuf = singles(
        "ringbuf",
        move |item| producer.try_push(item).is_ok(),
        move || consumer.try_pop(),
    );
    let ring = leak(heapless::spsc::Queue::<T, SLOTS>::new());
    let (mut producer, mut consumer) = ring.split();
    let heapless = singles(
        "heapless spsc",
        move |item| producer.enqueue(item).is_ok(),
        move || consumer.dequeue(),
    );
    let queue: &ArrayQueue<T> = leak(ArrayQueue::new(SLOTS));
    let crossbeam = singles(
        "crossbeam ArrayQueue",
        move |item| queue.push(item).is_ok(),
        move || queue.pop(),
    );
    vec![ours, rtrb, ringbuf, heapless, crossbeam]
}

fn spsc_bulks<T: Copy + Default + Send + 'static>() -> Vec<Contender> {
    let ring = leak(spsc::Ring::<Inline<T, SLOTS>>::new());
    let (mut producer, mut consumer) = ring.split();
    let ours = bulks(
        "linecard spsc",
        move |items| producer.enqueue_burst(&mut &items[..]),
        move |out| consumer.dequeue_burst(&mut out.as_mut_slice(), BULK),
    );
    let (mut producer, mut consumer) = rtrb::RingBuffer::<T>::new(SLOTS);
    let rtrb = bulks(
        "rtrb",
        move |items| {
            let room = items.len().min(producer.slots());
            let Ok(mut chunk) = producer.write_chunk(room) else {
                return 0;
            };
            let (first, second) = chunk.as_mut_slices();
            let (head, tail) = items[..room].split_at(first.len());
            first.copy_from_slice(head);
            second.copy_from_slice(tail);
            chunk.commit_all();
            room
        },
        move |out| {
            let held = out.len().min(consumer.slots());
            let Ok(chunk) = consumer.read_chunk(held) else {
                return 0;
            };
            let (first, second) = chunk.as_slices();
            let (head, tail) = out[..held].split_at_mut(first.len());
            head.copy_from_slice(first);
            tail.copy_from_slice(second);
            chunk.commit_all();
            held
        },
    );
    let (mut producer, mut consumer) = HeapRb::<T>::new(SLOTS).split();
    let ringbuf = bulks(
        "ringbuf",
        move |items: &[T]| producer.push_slice(items),
        move |out| consumer.pop_slice(out),
    );
    vec![ours, rtrb, ringbuf]
}

/// Items one by one from `put` on the other thread to `take` on this one.
fn singles<T: Copy + Default + Send + 'static>(
    name: &'static str,
    mut put: impl FnMut(T) -> bool + Send + 'static,
    mut take: impl FnMut() -> Option<T> + 'static,
) -> Contender {
    two::contender(
        name,
        move |units| {
            for _ in 0..units {
                black_box(until(&mut take));
            }
        },
        move |units| {
            for _ in 0..units {
                while !put(black_box(T::default())) {
                    spin_loop();
                }
            }
        },
    )
}

/// As many items at a time as there are or fit, at most 32.
fn bulks<T: Copy + Default + Send + 'static>(
    name: &'static str,
    mut put: impl FnMut(&[T]) -> usize + Send + 'static,
    mut take: impl FnMut(&mut [T; BULK]) -> usize + 'static,
) -> Contender {
    two::contender(
        name,
        move |units| {
            let mut out = [T::default(); BULK];
            let mut left = units;
            while left > 0 {
                let got = take(&mut out);
                black_box(&out);
                if got == 0 {
                    spin_loop();
                }
                left = left.saturating_sub(got as u64);
            }
        },
        move |units| {
            let items: [T; BULK] = array::from_fn(|_| T::default());
            let mut left = units;
            while left > 0 {
                let want = BULK.min(left as usize);
                let put = put(&black_box(&items)[..want]);
                if put == 0 {
                    spin_loop();
                }
                left -= put as u64;
            }
        },
    )
}

/// One item to the other thread by the first ring and back by the second.
fn echo<P1, T1, P2, T2>(name: &'static str, there: (P1, T1), back: (P2, T2)) -> Contender
where
    P1: FnMut(u64) -> bool + 'static,
    T1: FnMut() -> Option<u64> + Send + 'static,
    P2: FnMut(u64) -> bool + Send + 'static,
    T2: FnMut() -> Option<u64> + 'static,
{
    let ((mut send, mut receive), (mut answer, mut hear)) = (there, back);
    two::contender(
        name,
        move |units| {
            for unit in 0..units {
                assert!(send(unit), "an empty ring takes one");
                assert_eq!(until(&mut hear), unit);
            }
        },
        move |units| {
            for _ in 0..units {
                assert!(answer(until(&mut receive)), "an empty ring takes one");
            }
        },
    )
}

fn until<T>(take: &mut impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(item) = take() {
            return item;
        }
        spin_loop();
    }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

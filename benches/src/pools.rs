//! Mempools: frames out and back.

use core::hint::black_box;

use linecard::mempool::{Cache, Frame, Pool, PoolConfig};
use linecard::packet::Burst;
use linecard_linux::memory::{PagePolicy, PoolMemory};

use crate::harness::Contender;
use crate::peers;

const BULK: usize = 32;
const FRAMES: usize = 8192;

/// Frames that begin at a cache line, as the packets of a burst do. Where they begin anywhere, each vector of
/// four lies on two lines, and they take half as long again: in one run, and not in the next.
#[derive(Default)]
#[repr(C, align(64))]
struct Lined<'p> {
    /// With the vector's length behind it, a line.
    _lead: [u64; 7],
    frames: heapless::Vec<Frame<'p>, BULK>,
}

/// 32 frames out and back, on one core.
pub fn bulk() -> Result<Vec<Contender>, String> {
    let memory = PoolMemory::new(FRAMES, PoolConfig::default(), PagePolicy::Prefer, false)
        .map_err(|error| error.to_string())?;
    let memory = Box::leak(Box::new(memory));
    let pool: &Pool<'_> = Box::leak(Box::new(memory.pool()));
    let mut cache = Cache::new(pool, "bench", 256).map_err(|error| error.to_string())?;
    let ours = Contender::timed("linecard, packets through a cache", move |units| {
        let mut burst: Burst<'_, BULK> = Burst::new();
        for _ in 0..units / BULK as u64 {
            burst.alloc(&mut cache, BULK);
            black_box(burst.as_slice());
            burst.free(&mut cache);
        }
    });
    let mut cache = Cache::new(pool, "frames", 256).map_err(|error| error.to_string())?;
    let frames = Contender::timed("linecard, frames alone through a cache", move |units| {
        let mut lined = Lined::default();
        let frames = &mut lined.frames;
        for _ in 0..units / BULK as u64 {
            cache.alloc_into(frames, BULK);
            black_box(frames.as_slice());
            cache.free_all(frames);
        }
    });
    let shared = Contender::timed("linecard, one by one, no cache", move |units| {
        for _ in 0..units {
            drop(black_box(pool.alloc()));
        }
    });
    let malloc = Contender::timed("malloc of 2 KiB", |units| {
        let mut frames: Vec<Vec<u8>> = Vec::with_capacity(BULK);
        for _ in 0..units / BULK as u64 {
            frames.extend((0..BULK).map(|_| Vec::with_capacity(2048)));
            black_box(&mut frames);
            frames.clear();
        }
    });
    let list: &mut heapless::Vec<u32, FRAMES> = Box::leak(Box::new((0..FRAMES as u32).collect()));
    let stack = Contender::timed("heapless Vec as index stack, one core", move |units| {
        let mut out = [0; BULK];
        for _ in 0..units / BULK as u64 {
            for cell in &mut out {
                *cell = list.pop().unwrap_or(0);
            }
            black_box(&out);
            for &index in &out {
                let _ = list.push(index);
            }
        }
    });
    let mut contenders = vec![ours, frames, shared, malloc, stack];
    peers::add(
        &mut contenders,
        "rte_mempool",
        &[
            ("rte_pktmbuf, alloc and free", "pktmbuf_bulk"),
            ("rte_mempool, get and put", "mempool_bulk"),
        ],
    );
    Ok(contenders)
}

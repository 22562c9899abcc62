//! Pools for harnesses.

use linecard::mempool::{Pool, PoolConfig, Region, Slot};

/// A pool of `frames` frames of 2 KiB that tracks them, in memory that is never given back: what
/// borrows it may be as static as a test process.
///
/// ```
/// let pool = linecard_conformance::pool(1024);
/// assert_eq!(pool.free_frames(), 1024);
/// ```
///
/// # Panics
///
/// If there are 2^28 frames or none.
#[must_use]
pub fn pool(frames: usize) -> &'static Pool<'static> {
    pool_with(frames, PoolConfig::default())
}

/// As [`pool`], cut in another way. Its memory begins on a page.
///
/// ```
/// use linecard::mempool::PoolConfig;
/// let config = PoolConfig { frame_size: 4096, ..PoolConfig::default() };
/// assert_eq!(linecard_conformance::pool_with(64, config).frame_size(), 4096);
/// ```
///
/// # Panics
///
/// If the configuration is not one of a pool.
#[must_use]
pub fn pool_with(frames: usize, config: PoolConfig) -> &'static Pool<'static> {
    let bytes = frames * config.frame_size;
    let memory = vec![0; bytes + PAGE].leak();
    let start = memory.as_ptr().align_offset(PAGE);
    let slots = (0..frames).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let region = Region::from_slice(&mut memory[start..start + bytes]);
    let config = PoolConfig {
        track: true,
        ..config
    };
    Box::leak(Box::new(
        Pool::new(region, slots, config).expect("a pool's configuration"),
    ))
}

const PAGE: usize = 4096;

//! The memory of a pool: its frames, and the side table with an entry for each.

use linecard::mempool::{Pool, PoolConfig, Slot};
use linecard::platform::{Arena, Region, Window};
use linecard_virtio::vhost_user::SharedMemory;

use super::error::MemoryError;
use super::hugetlb::{HugePages, Reservation};
use super::mapping::Mapping;
use super::pages::{PagePolicy, Pages};
use super::shared::{PortMemory, Shared};
use super::table::Table;

/// Frames and side table of a pool, on the best pages there are.
///
/// ```
/// use linecard::mempool::Cache;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard::mempool::PoolConfig;
///
/// let mut memory = PoolMemory::new(1024, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// println!("frames on {}", memory.pages());
/// let pool = memory.pool();
/// let mut cache = Cache::new(&pool, "worker", 64)?;
/// assert!(cache.alloc().is_some());
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PoolMemory {
    // Fields are dropped in this order: the pages are free again before they are given back.
    frames: Mapping,
    slots: Table<Slot>,
    reserved: Option<Reservation>,
    count: usize,
    config: PoolConfig,
}

impl PoolMemory {
    /// Memory for `count` frames as `config` cuts them. With `reserve`, huge pages that are
    /// missing are added to the kernel's pool first, and given back when this is dropped.
    ///
    /// # Errors
    /// What [`Mapping::new`] or [`Reservation::for_bytes`] says, or [`MemoryError::Layout`] for a
    /// `config` by which no pool can be cut.
    pub fn new(
        count: usize,
        config: PoolConfig,
        policy: PagePolicy,
        reserve: bool,
    ) -> Result<Self, MemoryError> {
        Self::make(count, config, policy, reserve, None)
    }

    /// As [`new`](Self::new), in a file that another process can map too, with `rings` bytes more
    /// behind the frames ([`share`](Self::share)).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn shared(
        count: usize,
        config: PoolConfig,
        policy: PagePolicy,
        reserve: bool,
        rings: usize,
    ) -> Result<Self, MemoryError> {
        Self::make(count, config, policy, reserve, Some(rings))
    }

    fn make(
        count: usize,
        config: PoolConfig,
        policy: PagePolicy,
        reserve: bool,
        rings: Option<usize>,
    ) -> Result<Self, MemoryError> {
        let bytes = count
            .checked_mul(config.frame_size)
            .and_then(|bytes| bytes.checked_add(rings.unwrap_or(0)))
            .ok_or(MemoryError::TooLarge {
                purpose: FRAMES,
                bytes: usize::MAX,
            })?;
        let reserved = if reserve {
            let pages = |bytes: usize| bytes.next_multiple_of(HugePages::SIZE_2M);
            let table = pages(count.saturating_mul(size_of::<Slot>()));
            Some(Reservation::for_bytes(pages(bytes).saturating_add(table))?)
        } else {
            None
        };
        let memory = Self {
            frames: match rings {
                None => Mapping::new(FRAMES, bytes, policy)?,
                Some(_) => Mapping::shared(FRAMES, bytes, policy)?,
            },
            slots: Table::new("side table", count, policy, |_| Slot::new())?,
            reserved,
            count,
            config,
        };
        // Tried once here, so that `pool` cannot fail.
        Pool::new(memory.region(), &memory.slots, config)
            .map_err(MemoryError::Layout)
            .map(drop)?;
        Ok(memory)
    }

    /// The pool, every frame free. It borrows the memory for itself alone.
    #[must_use]
    pub fn pool(&mut self) -> Pool<'_> {
        Pool::new(self.region(), &self.slots, self.config)
            .expect("the same arguments made a pool in `new`")
    }

    /// The pool for as long as the process lives: what a driver wants whose kernel may write
    /// frames even when the driver is gone. Huge pages that were reserved come along; drop them
    /// at the end. Those still in use then go back to the kernel when the process ends.
    #[must_use]
    pub fn leak(self) -> (Pool<'static>, Option<Reservation>) {
        let frames = core::mem::ManuallyDrop::new(self.frames);
        let slots: &'static [Slot] = self.slots.leak();
        // SAFETY: as in `region`, and for good: `frames` is never dropped, so never unmapped, and
        // nobody else can name it.
        let region =
            unsafe { Region::from_raw(frames.base(), self.count * self.config.frame_size) };
        let pool =
            Pool::new(region, slots, self.config).expect("the same arguments made a pool in `new`");
        (pool, self.reserved)
    }

    /// As [`leak`](Self::leak), with what each of `ports` vhost-user front ends, of so many queue pairs
    /// each, needs of [`shared`](Self::shared) memory; none of memory that is not, or that has too
    /// little behind the frames.
    ///
    /// # Errors
    /// [`MemoryError::Refused`] if the file's descriptor could not be duplicated.
    pub fn leak_shared(
        self,
        ports: usize,
        pairs: usize,
    ) -> Result<(Pool<'static>, Option<Reservation>, Vec<PortMemory>), MemoryError> {
        let frames_len = self.count * self.config.frame_size;
        let rings_len = pairs.saturating_mul(PortMemory::RINGS);
        let end = frames_len.saturating_add(ports.saturating_mul(rings_len));
        let mut memory = Vec::with_capacity(ports);
        if self.frames.file().is_some() && end <= self.frames.len() {
            let windows: &'static [Window<'static>] = vec![self.window()].leak();
            for port in 0..ports {
                let shared = self.share().transpose();
                let shared = shared.map_err(super::shared::refused(FRAMES, end, "dup"))?;
                let Some(Shared { file, base, len }) = shared else {
                    continue;
                };
                // SAFETY: below `end`, which is inside of the mapping (above).
                let rings = unsafe { base.add(frames_len + port * rings_len) };
                // SAFETY: a part of the mapping that is behind the frames and no other port's. It is
                // never unmapped (`leak`, below), unless this returns early, and drops it before.
                let rings = unsafe { Region::from_raw(rings, rings_len) };
                // SAFETY: the mapping is the file's from its start (`Mapping::shared`), and never
                // unmapped (as above); it is reached as frames and through the arenas alone.
                let shared = unsafe { SharedMemory::from_raw(file, base, len) };
                let rings = Arena::new(rings).with_windows(windows);
                memory.push(PortMemory { rings, shared });
            }
        }
        let (pool, reserved) = self.leak();
        Ok((pool, reserved, memory))
    }

    /// The frames, as devices may be given addresses of them.
    fn window(&self) -> Window<'static> {
        // SAFETY: as in `region`; the region is dropped here, and a window gives no access.
        let region =
            unsafe { Region::from_raw(self.frames.base(), self.count * self.config.frame_size) };
        Window::of(&region)
    }

    /// What another process is to map, if it is [`shared`](Self::shared) memory: all frames, and
    /// behind them what was asked for on top.
    ///
    /// # Errors
    /// That the file's descriptor could not be duplicated.
    pub fn share(&self) -> Option<std::io::Result<Shared>> {
        let file = self.frames.file()?.try_clone();
        Some(file.map(|file| Shared {
            file,
            base: self.frames.base(),
            len: self.frames.len(),
        }))
    }

    /// The pages that the frames lie on.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.frames.pages()
    }

    /// Whether the kernel promised never to swap the frames out.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.frames.is_locked()
    }

    /// Bytes of frames and side table.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.count * (self.config.frame_size + size_of::<Slot>())
    }

    /// Called by `new`, which keeps no pool, and by `pool`, which borrows exclusively: so there is
    /// one pool at a time.
    fn region(&self) -> Region<'_> {
        // SAFETY: `Mapping::new` gives memory aligned to 2 MiB that is mapped readable, writable
        // and zeroed for `count * frame_size` bytes at least, in one mapping that lives as long
        // as `self`; `frames` is private and read by nobody but here, and there is one pool at a
        // time (above), so nobody else has a reference into it.
        unsafe { Region::from_raw(self.frames.base(), self.count * self.config.frame_size) }
    }
}

const FRAMES: &str = "packet pool";

#[cfg(test)]
mod tests {
    use linecard::mempool::{Cache, PoolError};

    use super::*;

    #[test]
    fn every_frame_can_be_written_to_its_end_and_comes_back() {
        let config = PoolConfig::default();
        let mut memory = PoolMemory::new(1000, config, PagePolicy::Prefer, false).unwrap();
        let pool = memory.pool();
        assert_eq!(pool.frames(), 1000);
        let mut cache = Cache::new(&pool, "test", 32).unwrap();
        let mut held = Vec::new();
        while let Some(mut frame) = cache.alloc() {
            let room = frame.tailroom();
            frame.append(room).unwrap().fill(0xa5);
            held.push(frame);
        }
        assert_eq!(held.len(), 1000);
        held.into_iter().for_each(|frame| cache.free(frame));
        drop(cache);
        pool.audit().unwrap();
    }

    #[test]
    fn a_second_pool_on_the_same_memory_starts_anew() {
        let config = PoolConfig::default();
        let mut memory = PoolMemory::new(64, config, PagePolicy::Never, false).unwrap();
        core::mem::forget(memory.pool().alloc());
        assert_eq!(memory.pool().free_frames(), 64);
    }

    #[test]
    fn a_leaked_pool_is_whole() {
        let memory = PoolMemory::new(64, PoolConfig::default(), PagePolicy::Never, false).unwrap();
        let (pool, reserved) = memory.leak();
        assert!(reserved.is_none());
        let frames: Vec<_> = core::iter::from_fn(|| pool.alloc()).collect();
        assert_eq!(frames.len(), 64);
        drop(frames);
        pool.audit().unwrap();
    }

    #[test]
    fn a_layout_that_makes_no_pool_is_refused() {
        let config = PoolConfig {
            headroom: 100,
            ..PoolConfig::default()
        };
        let refused = PoolMemory::new(64, config, PagePolicy::Never, false).unwrap_err();
        assert!(matches!(refused, MemoryError::Layout(PoolError::Layout)));
    }

    #[test]
    fn reserved_pages_are_used_and_given_back_or_refused_with_advice() {
        let before = HugePages::of(HugePages::SIZE_2M);
        match PoolMemory::new(1024, PoolConfig::default(), PagePolicy::Require, true) {
            Ok(memory) => {
                assert!(memory.pages().is_huge());
                drop(memory);
                // Another process may be reserving at the same time.
                let given_back = (0..100).any(|_| {
                    std::thread::sleep(core::time::Duration::from_millis(20));
                    HugePages::of(HugePages::SIZE_2M).total <= before.total
                });
                assert!(given_back);
            }
            Err(refused) => {
                assert!(matches!(refused, MemoryError::Reserve { .. }), "{refused}");
                assert!(refused.to_string().contains("huge pages of 2 MiB"));
            }
        }
    }
}

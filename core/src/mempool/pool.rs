//! The pool: a region cut into frames, the shared free list, and the accounts of who has them.

use core::fmt;
use core::ptr::NonNull;

use super::account::{ACCOUNTS, AccountCell};
use super::free_list::{BATCH, FreeList, MAX_FRAMES, Slot};
use super::home::{Fresh, Home};
use super::ledger::{Place, Violations};
use super::{Colours, DeviceAddress, DmaMap, Region};
use super::{Frame, FrameIndex, PoolTag};
use crate::platform::{REGION_ALIGN, Stride, Wide};

/// How a region is cut.
///
/// ```
/// use linecard::mempool::PoolConfig;
/// let config = PoolConfig { frame_size: 4096, ..PoolConfig::default() };
/// assert_eq!(config.private + config.headroom, 256);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Bytes from one frame to the next: a power of two from 2,048 to 32,768.
    pub frame_size: usize,
    /// Bytes at the start of each frame that are the driver's alone; a multiple of 64.
    pub private: usize,
    /// Bytes kept before the data of a new frame, for headers to be prepended; a multiple of 64.
    ///
    /// AF_XDP wants `private + headroom` to be at least 256 (`XDP_PACKET_HEADROOM`).
    pub headroom: usize,
    /// Over how many neighbouring cache lines the data of new frames is spread: a power of two
    /// up to 8.
    ///
    /// With frames a power of two apart, the headers of a burst would all fall into the same few
    /// sets of the caches. Frame *n* gets `(n / 2 ^ n / 64) % colours` lines of headroom more:
    /// neighbours differ for the first-level cache, and those that are the size of a way of the
    /// second-level one apart differ for that. Frames that a device fills begin where the device
    /// puts them. Eight of them and frames of an MTU of 1,500 fit into 2 KiB beside a `headroom` of 64: enough for
    /// a forwarder that puts nothing before a packet.
    pub colours: usize,
    /// Whether each frame's place is written down at each move.
    ///
    /// Then a frame given back twice is found at once and [`Pool::place_of`] can name where a
    /// frame is. It costs a cache line a move: for tests, fuzzing and hunting a leak.
    pub track: bool,
}

impl Default for PoolConfig {
    /// Frames of 2 KiB, no private area, 256 bytes of headroom, four colours, no tracking: 1,600
    /// bytes for data at least.
    fn default() -> Self {
        Self {
            frame_size: 2048,
            private: 0,
            headroom: 256,
            colours: 4,
            track: false,
        }
    }
}

/// Why a pool, a cache or an account could not be made.
///
/// ```
/// use linecard::mempool::{Pool, PoolConfig, PoolError, Region, Slot};
/// let mut memory = vec![0u8; 8192 + 63];
/// let slots = [const { Slot::new() }; 2];
/// let error = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default());
/// assert_eq!(error.unwrap_err(), PoolError::TooFewSlots { frames: 4, slots: 2 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The frame size is not a power of two from 2,048 to 32,768.
    FrameSize(usize),
    /// Private area, headroom and colours leave no room for data, or are not multiples of a line.
    Layout,
    /// The region does not begin on a cache line of 64 bytes.
    Misaligned,
    /// The region has no room for a single frame.
    RegionTooSmall(usize),
    /// The region has more frames than an index can name: 2^28 - 1.
    RegionTooLarge,
    /// The side table has fewer entries than the region has frames.
    TooFewSlots {
        /// Frames in the region.
        frames: usize,
        /// Entries in the side table.
        slots: usize,
    },
    /// The device map is paged, and a frame would cross a page or lie past the last one.
    DmaPages,
    /// The pool's own address, not that of its region, has more than 48 bits: a frame cannot name it.
    FarAway,
    /// All accounts are taken: 64 caches and device queues at a time.
    TooManyAccounts,
    /// A cache of no frames, or of more than [`Cache::MAX`](super::Cache::MAX).
    CacheSize(usize),
}

/// Frames of one size in one region, shared by all cores.
///
/// It is `Sync`: cores allocate through a [`Cache`](super::Cache) each. See the
/// [module](super) for an example.
#[derive(Debug)]
pub struct Pool<'m> {
    base: NonNull<u8>,
    /// Binary logarithm of the frame size.
    shift: u32,
    frames: u32,
    /// Where the data of a new frame begins, before its colour.
    data_offset: u16,
    colours: Colours,
    track: bool,
    /// Whether vectors make frames of numbers.
    wide: Option<Wide>,
    slots: &'m [Slot],
    config: PoolConfig,
    dma: DmaMap<'m>,
    pub(super) violations: Violations,
    list: FreeList,
    pub(super) accounts: [AccountCell; ACCOUNTS],
}

// SAFETY: `base` is the only field that is not `Send`. The region's contract (`Region::from_raw`)
// and `Region::from_slice`'s exclusive borrow make this pool the only one who touches that memory,
// from whichever thread.
unsafe impl Send for Pool<'_> {}
// SAFETY: through a shared pool the region's bytes are reached by `Frame` alone, and a frame's index
// has one owner at a time: the free list hands an index to one caller (`FreeList::get`).
unsafe impl Sync for Pool<'_> {}

impl<'m> Pool<'m> {
    /// Cuts `region` into frames, all of them free. `slots` has an entry for each frame at least.
    ///
    /// # Errors
    ///
    /// A [`PoolError`] that names what does not fit.
    pub fn new(
        region: Region<'m>,
        slots: &'m [Slot],
        config: PoolConfig,
    ) -> Result<Self, PoolError> {
        let PoolConfig {
            frame_size,
            private,
            headroom,
            colours,
            track,
        } = config;
        if !frame_size.is_power_of_two() || !(2048..=32768).contains(&frame_size) {
            return Err(PoolError::FrameSize(frame_size));
        }
        let reserved = private
            .saturating_add(headroom)
            .saturating_add(colours.saturating_mul(64));
        let lines = private.is_multiple_of(64) && headroom.is_multiple_of(64);
        let spread = colours.is_power_of_two() && colours <= 8;
        if !lines || !spread || reserved >= frame_size {
            return Err(PoolError::Layout);
        }
        if !region.base().addr().get().is_multiple_of(REGION_ALIGN) {
            return Err(PoolError::Misaligned);
        }
        let frames = region.len() / frame_size;
        if frames == 0 {
            return Err(PoolError::RegionTooSmall(region.len()));
        }
        if frames > MAX_FRAMES {
            return Err(PoolError::RegionTooLarge);
        }
        let slots = slots.get(..frames).ok_or(PoolError::TooFewSlots {
            frames,
            slots: slots.len(),
        })?;
        if let DmaMap::Paged { pages, shift } = region.dma() {
            let whole = 1usize
                .checked_shl(shift)
                .is_some_and(|page| page >= frame_size);
            let bytes = pages.len().checked_shl(shift).unwrap_or(usize::MAX);
            if !whole || bytes < frames * frame_size {
                return Err(PoolError::DmaPages);
            }
        }
        // For the frames, which have addresses in it and no pointers.
        let _ = region.base().expose_provenance();
        let pool = Self {
            base: region.base(),
            shift: frame_size.trailing_zeros(),
            frames: frames as u32,
            data_offset: (private + headroom) as u16,
            colours: Colours::new(colours),
            track,
            wide: Wide::detect(),
            slots,
            config,
            dma: region.dma(),
            violations: Violations::new(),
            list: FreeList::new(),
            accounts: core::array::from_fn(|_| AccountCell::new()),
        };
        // From the last to the first, so that the first frames are handed out first.
        let mut batch = [0; BATCH];
        let mut end = pool.frames;
        while end > 0 {
            let start = end.saturating_sub(BATCH as u32);
            let count = (end - start) as usize;
            for (cell, frame) in batch.iter_mut().zip((start..end).rev()) {
                *cell = frame;
            }
            for slot in slots.get(start as usize..end as usize).unwrap_or(&[]) {
                slot.owner
                    .store(Place::Free.code(), crate::sync::atomic::Ordering::Relaxed);
            }
            pool.list.put(slots, batch.get(..count).unwrap_or(&[]));
            end = start;
        }
        Ok(pool)
    }

    /// How the region was cut.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// Frames in all.
    pub const fn frames(&self) -> usize {
        self.frames as usize
    }

    /// Bytes from one frame to the next.
    #[inline]
    pub const fn frame_size(&self) -> usize {
        1 << self.shift
    }

    /// Frames in the shared free list; caches have more. Exact when no other core is using it.
    pub fn free_frames(&self) -> usize {
        self.list.len()
    }

    /// The region's first byte: what a driver registers.
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes of the region that belong to frames.
    pub const fn region_len(&self) -> usize {
        (self.frames as usize) << self.shift
    }

    /// Where the data of a new frame begins, in bytes from the frame's start, before its colour.
    #[inline]
    pub const fn data_offset(&self) -> usize {
        self.data_offset as usize
    }

    /// How far the data of each new frame is moved from there.
    #[inline]
    pub const fn colours(&self) -> Colours {
        self.colours
    }

    /// Bytes of data that every new frame takes, whatever its colour: some take more, but what fits must
    /// not depend on which frame it meets.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 4 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 4];
    /// let region = Region::from_slice(&mut memory);
    /// let pool = Pool::new(region, &slots, PoolConfig::default())?;
    /// assert_eq!(pool.room(), 2048 - 256 - 3 * 64);
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub const fn room(&self) -> usize {
        self.frame_size()
            .saturating_sub(self.data_offset() + self.colours.longest())
    }

    /// The frame's first byte, which is that of its private area; `None` for an index that the
    /// pool does not have. Who does not own the frame must not touch it.
    #[inline]
    pub fn frame_start(&self, index: FrameIndex) -> Option<NonNull<u8>> {
        (index.0 < self.frames).then(|| self.start_of(index.0))
    }

    /// The device's address of the byte at `offset` in a frame; `None` past the frame's end or
    /// for an index that the pool does not have.
    #[inline]
    pub fn device_address(&self, index: FrameIndex, offset: usize) -> Option<DeviceAddress> {
        if index.0 >= self.frames || offset >= self.frame_size() {
            return None;
        }
        let at = ((index.0 as usize) << self.shift) + offset;
        self.dma.translate(self.base.addr().get(), at)
    }

    /// The frame that has the byte at `offset` of the region, and where in it: what a driver does
    /// with an address that came back from a device. `None` when no frame has it.
    #[inline]
    pub fn locate(&self, offset: u64) -> Option<(FrameIndex, usize)> {
        let index = u32::try_from(offset >> self.shift)
            .ok()
            .filter(|&index| index < self.frames)?;
        Some((FrameIndex(index), offset as usize & (self.frame_size() - 1)))
    }

    /// Allocates one frame from the shared free list, without a cache. `None` when it is empty, or if
    /// the pool is [where no frame can name it](PoolError::FarAway).
    ///
    /// For rare cases: it costs an atomic swap a frame.
    pub fn alloc(&self) -> Option<Frame<'_>> {
        if !Home::of(self).can_be_named() {
            return None;
        }
        let mut one = [0];
        let got = self.get(1, &mut one);
        let [index] = one;
        (got == 1).then(|| {
            self.moved(index, Place::Free, Place::Held);
            self.fresh().frame(index)
        })
    }

    /// What new frames are made of, for a burst of them.
    #[inline]
    pub(super) fn fresh(&'m self) -> Fresh<'m> {
        Fresh::new(self, 0)
    }

    /// What new frames with `len` bytes of data are made of; `None` if not every frame has as much room.
    #[inline]
    pub(super) fn fresh_with(&'m self, len: usize) -> Option<Fresh<'m>> {
        (len <= self.room()).then(|| Fresh::new(self, len))
    }

    /// How its frames name it.
    #[inline]
    pub fn tag(&self) -> PoolTag {
        PoolTag(Frame::tag(self))
    }

    #[inline]
    pub(super) const fn stride(&self) -> Stride {
        self.colours.stride(self.shift)
    }

    #[inline]
    pub(super) const fn wide(&self) -> Option<Wide> {
        self.wide
    }

    /// Binary logarithm of the frame size.
    #[inline]
    pub(super) const fn shift(&self) -> u32 {
        self.shift
    }

    /// The start of a frame that this pool has.
    #[inline]
    pub(super) fn start_of(&self, index: u32) -> NonNull<u8> {
        debug_assert!(index < self.frames);
        // SAFETY: every index that is given out is below `frames` (`Pool::new`, and the check in
        // `frame_start` and `window`), so the offset is inside the region, which is one
        // allocation (`Region::from_raw`).
        unsafe { self.base.add((index as usize) << self.shift) }
    }

    /// The frame with a window that a device said; `None` if it is not one inside a frame of this
    /// pool, behind the private area. The caller owns the frame.
    #[inline]
    pub(super) fn window(
        &'m self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'m>> {
        let end = offset.checked_add(len)?;
        let outside =
            index.0 >= self.frames || offset < self.config.private || end > self.frame_size();
        (!outside).then(|| Home::of(self).frame(index.0, offset, len))
    }

    #[inline]
    pub(super) fn slot(&self, index: u32) -> Option<&'m Slot> {
        self.slots.get(index as usize)
    }

    #[inline]
    pub(super) fn owns(&self, other: &Pool<'_>) -> bool {
        core::ptr::eq(
            core::ptr::from_ref(self).cast::<u8>(),
            core::ptr::from_ref(other).cast(),
        )
    }

    pub(super) fn put(&self, frames: &[u32]) {
        self.list.put(self.slots, frames);
    }

    pub(super) fn get(&self, want: usize, out: &mut [u32]) -> usize {
        self.list.get(self.slots, want, out)
    }

    pub(super) fn walk_free(&self, visit: impl FnMut(u32) -> bool) {
        self.list.walk(self.slots, visit);
    }

    /// Writes down a move, where the pool tracks.
    #[inline]
    pub(super) fn moved(&self, index: u32, from: Place, to: Place) {
        if self.track {
            self.write_down(index, from, to);
        }
    }

    pub(super) const fn tracks(&self) -> bool {
        self.track
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameSize(size) => {
                write!(
                    f,
                    "frame size {size} is not a power of two from 2048 to 32768"
                )
            }
            Self::Layout => f.write_str(
                "private area and headroom are not multiples of 64, the colours not a power of \
                 two up to 8, or they leave no room for data",
            ),
            Self::Misaligned => f.write_str("the region does not begin on a multiple of 64"),
            Self::RegionTooSmall(len) => write!(f, "a region of {len} bytes holds no frame"),
            Self::RegionTooLarge => f.write_str("the region holds more than 2^28 - 1 frames"),
            Self::TooFewSlots { frames, slots } => {
                write!(f, "{frames} frames need as many slots, there are {slots}")
            }
            Self::DmaPages => f.write_str("the device's pages do not cover the frames whole"),
            Self::FarAway => f.write_str("the pool's address has more than 48 bits"),
            Self::TooManyAccounts => f.write_str("64 caches and queues are registered already"),
            Self::CacheSize(size) => {
                write!(f, "a cache of {size} frames is not between 1 and 512")
            }
        }
    }
}

impl core::error::Error for PoolError {}

//! A burst of frames between the program and a device: moved one by one, counted once.

use core::ptr::NonNull;

use super::home::Home;
use super::{Account, Cache, Frame, FrameIndex, Place};

/// Takes a burst of posted frames back from the device, with what has to be known of the pool in its
/// hands; when it is dropped, they are counted off.
///
/// ```
/// # use linecard::mempool::{Account, Cache, FrameIndex, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut cache = Cache::new(&pool, "core 0", 4)?;
/// let queue = Account::register(&pool, "my nic, queue 0")?;
/// let mut posted = [FrameIndex::default(); 4];
/// queue.post(&mut cache, &mut posted);
///
/// let mut burst = queue.receiving();
/// let frames = posted.map(|index| {
///     // SAFETY: each was posted above, is taken once, and no device writes to it.
///     unsafe { burst.receive(index, 256, 60) }.expect("the window is in the frame")
/// });
/// drop(burst);
/// assert_eq!((queue.posted(), frames.len()), (0, 4));
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct Receiving<'a, 'p> {
    account: &'a Account<'p>,
    home: Home<'p>,
    frames: usize,
    size: usize,
    private: usize,
    tracks: bool,
    taken: u32,
}

impl<'p> Receiving<'_, 'p> {
    /// The first byte of a frame, which is that of its private area; `None` for a number that the pool
    /// does not have. Who does not own the frame must not touch it.
    #[inline(always)]
    pub fn frame_start(&self, index: FrameIndex) -> Option<NonNull<u8>> {
        ((index.0 as usize) < self.frames).then(|| self.home.start_of(index.0))
    }

    /// As [`Account::receive`].
    ///
    /// # Safety
    ///
    /// As for [`Account::receive`].
    #[inline(always)]
    pub unsafe fn receive(
        &mut self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        let end = offset.checked_add(len)?;
        if index.0 as usize >= self.frames || offset < self.private || end > self.size {
            return None;
        }
        if self.tracks {
            let from = Place::Posted(self.account.id());
            self.home.pool().moved(index.0, from, Place::Held);
        }
        self.taken = self.taken.wrapping_add(1);
        Some(self.home.frame(index.0, offset, len))
    }
}

impl<'p> Receiving<'_, 'p> {
    /// As [`receive`](Self::receive), of the frame in which the data begins: `at` bytes from the region's
    /// start. `None` as well, and nothing has changed, if `posted` says no of that frame's number, which
    /// may be any at all.
    ///
    /// ```
    /// # use linecard::mempool::{Account, Cache, FrameIndex, Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let mut cache = Cache::new(&pool, "core 0", 4)?;
    /// let queue = Account::register(&pool, "my nic, queue 0")?;
    /// let mut posted = [FrameIndex::default()];
    /// queue.post(&mut cache, &mut posted);
    /// let at = posted[0].offset(pool.frame_size()) as u64 + 256;
    /// // SAFETY: only the posted frame is believed, it is taken once, and no device writes to it.
    /// let frame = unsafe { queue.receiving().receive_at(at, 60, |index| index == posted[0].0.into()) };
    /// assert_eq!(frame.map(|frame| frame.offset()), Some(256));
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    ///
    /// # Safety
    ///
    /// As for [`Account::receive`], of each frame of which `posted` says yes, which is one of the pool's.
    #[inline(always)]
    pub unsafe fn receive_at(
        &mut self,
        at: u64,
        len: u32,
        posted: impl FnOnce(u64) -> bool,
    ) -> Option<Frame<'p>> {
        let (offset, len) = (at as usize & (self.size - 1), len as usize);
        let index = self.home.number_of_offset(at);
        if offset.wrapping_add(len) > self.size || offset < self.private || !posted(index) {
            return None;
        }
        if self.tracks {
            let from = Place::Posted(self.account.id());
            self.home.pool().moved(index as u32, from, Place::Held);
        }
        self.taken = self.taken.wrapping_add(1);
        Some(self.home.frame_at(at as usize, len, false))
    }
}

impl Drop for Receiving<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        let taken = self.taken.cast_signed().wrapping_neg();
        self.account.count(taken, 0);
    }
}

/// Gives a burst of frames to the device to be sent; when it is dropped, they are counted.
///
/// ```
/// # use linecard::mempool::{Account, Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut cache = Cache::new(&pool, "core 0", 4)?;
/// let queue = Account::register(&pool, "my nic, queue 0")?;
/// let mut sent = Vec::new();
/// let mut burst = queue.sending();
/// for _ in 0..3 {
///     let frame = cache.alloc().expect("there are eight");
///     sent.push(burst.send(frame).expect("one frame, of this pool"));
/// }
/// drop(burst);
/// assert_eq!(queue.completing(), 3);
/// // SAFETY: they were sent above, and are completed once.
/// assert_eq!(unsafe { queue.complete(&mut cache, &sent) }, 3);
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct Sending<'a, 'p> {
    account: &'a Account<'p>,
    home: Home<'p>,
    tracks: bool,
    sent: u32,
}

impl<'p> Sending<'_, 'p> {
    /// As [`Account::send`].
    ///
    /// # Errors
    ///
    /// As [`Account::send`].
    #[inline(always)]
    pub fn send(&mut self, frame: Frame<'p>) -> Result<FrameIndex, Frame<'p>> {
        let index = match self.home.number_of(&frame) {
            Some(index) => index,
            None if frame.pool().owns(self.home.pool()) && !frame.is_chained() => frame.index().0,
            None => return Err(frame),
        };
        core::mem::forget(frame);
        self.count(index);
        Ok(FrameIndex(index))
    }

    /// Bytes from the region's start to the data of a frame that [`send`](Self::send) would take, and
    /// whose data begins inside it: of nearly every one, found out by one comparison.
    #[inline(always)]
    pub fn region_offset(&self, frame: &Frame<'p>) -> Option<usize> {
        self.home.offset_of(frame)
    }

    /// Sends the frame with this number, which stays where it is: for who passes over a burst once, and
    /// takes what was sent out of it afterwards.
    ///
    /// # Safety
    ///
    /// The caller owns the frame, [`region_offset`](Self::region_offset) has said where it is, and nothing is done with it any
    /// more but to [forget](core::mem::forget) it.
    #[inline(always)]
    pub unsafe fn send_in_place(&mut self, index: FrameIndex) {
        self.count(index.0);
    }

    #[inline(always)]
    fn count(&mut self, index: u32) {
        if self.tracks {
            let to = Place::Completing(self.account.id());
            self.home.pool().moved(index, Place::Held, to);
        }
        self.sent = self.sent.wrapping_add(1);
    }
}

impl Drop for Sending<'_, '_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.account.count(0, self.sent.cast_signed());
    }
}

impl<'p> Account<'p> {
    /// As [`post`](Self::post), up to `count` frames, of each of which `each` is told the number.
    #[inline(always)]
    pub fn post_each(
        &self,
        cache: &mut Cache<'p>,
        count: usize,
        mut each: impl FnMut(FrameIndex),
    ) -> usize {
        if !cache.pool().owns(self.pool()) {
            return 0;
        }
        let taken = cache.take_runs(count, Place::Posted(self.id()), |_, run| {
            run.iter().for_each(|&index| each(FrameIndex(index)));
        });
        self.count(taken as i32, 0);
        taken
    }

    /// What takes a burst of frames back.
    #[inline(always)]
    pub fn receiving(&self) -> Receiving<'_, 'p> {
        let pool = self.pool();
        Receiving {
            account: self,
            home: Home::of(pool),
            frames: pool.frames(),
            size: pool.frame_size(),
            private: pool.config().private,
            tracks: pool.tracks(),
            taken: 0,
        }
    }

    /// What sends a burst of frames.
    #[inline(always)]
    pub fn sending(&self) -> Sending<'_, 'p> {
        let pool = self.pool();
        Sending {
            account: self,
            home: Home::of(pool),
            tracks: pool.tracks(),
            sent: 0,
        }
    }
}

//! An account that several threads write.

use core::fmt;

use super::account::{AccountCell, AccountId};
use super::{Account, Cache, Frame, FrameIndex, Place, Pool, PoolError};

/// A page in the ledger whose frames pass through the hands of several threads.
///
/// An [`Account`] belongs to the thread that polls its queue. Where a library in between allocates
/// and frees by itself, a frame may be posted by one thread and come back on another, by another
/// queue: that is what this one is for. Threads gather their [moves](Moves) and write them down
/// once a burst, by an atomic addition each.
///
/// The driver keeps what an [`Account`] keeps by itself: which frame is with the device, by which
/// way it went, and under which account.
///
/// ```
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, SharedAccount, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut cache = Cache::new(&pool, "core 0", 4)?;
/// let library = SharedAccount::register(&pool, "library")?;
///
/// let index = library.moves().post(&mut cache).expect("eight frames are free");
/// assert_eq!((library.posted(), pool.ledger().posted), (1, 1));
/// // SAFETY: the frame was posted above, is taken once, and no device touches it.
/// let frame = unsafe { library.moves().receive(index, 256, 60) }.expect("a window in the frame");
/// assert_eq!((library.posted(), frame.len()), (0, 60));
/// # drop((frame, cache, library));
/// # pool.audit().unwrap();
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
pub struct SharedAccount<'p> {
    pool: &'p Pool<'p>,
    cell: &'p AccountCell,
    id: AccountId,
}

/// What one thread moves in and out of a [`SharedAccount`], written down when this is dropped.
///
/// Until then the ledger shows the frames where they were.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, SharedAccount, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let library = SharedAccount::register(&pool, "library")?;
/// let frame = pool.alloc().unwrap();
/// let mut moves = library.moves();
/// // SAFETY: the frame is held, and forgotten at once.
/// unsafe { moves.lend(frame.index()) };
/// let index = frame.index();
/// core::mem::forget(frame);
/// drop(moves);
/// assert_eq!(library.completing(), 1);
/// // SAFETY: it was lent above, and the library is done with it.
/// unsafe { library.moves().complete(None, index) };
/// # drop(library);
/// # pool.audit().unwrap();
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct Moves<'a, 'p> {
    account: &'a SharedAccount<'p>,
    /// How many more are posted than before; wraps below zero.
    posted: u32,
    /// How many more are completing than before; wraps below zero.
    completing: u32,
}

impl<'p> SharedAccount<'p> {
    /// Opens an account under a name, of which the ledger keeps 24 bytes.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooManyAccounts`] when the pool has 64 of them.
    pub fn register(pool: &'p Pool<'p>, name: &str) -> Result<Self, PoolError> {
        let (cell, id) = Account::register(pool, name)?.into_parts();
        Ok(Self { pool, cell, id })
    }

    /// The pool whose frames these are.
    #[inline]
    pub const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// The account's number, for [`Place`].
    #[inline]
    pub const fn id(&self) -> AccountId {
        self.id
    }

    /// Frames posted now.
    #[inline]
    pub fn posted(&self) -> usize {
        self.cell.counts().posted
    }

    /// Frames sent and not completed.
    #[inline]
    pub fn completing(&self) -> usize {
        self.cell.counts().completing
    }

    /// Begins to gather moves.
    #[inline]
    pub const fn moves(&self) -> Moves<'_, 'p> {
        Moves {
            account: self,
            posted: 0,
            completing: 0,
        }
    }
}

impl<'p> Moves<'_, 'p> {
    /// The account's number.
    #[inline]
    pub const fn id(&self) -> AccountId {
        self.account.id
    }

    /// Takes a free frame for the device to fill. `None` when there is none, or the cache is of
    /// another pool.
    #[inline]
    pub fn post(&mut self, cache: &mut Cache<'p>) -> Option<FrameIndex> {
        if !cache.pool().owns(self.account.pool) {
            return None;
        }
        let index = cache.pop()?;
        cache.publish();
        self.posting(index, Place::Cached(cache.id()))
    }

    /// Takes up to `count` free frames, each handed to `each`; gives how many there were.
    ///
    /// ```
    /// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, SharedAccount, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// # let mut cache = Cache::new(&pool, "core 0", 4)?;
    /// let library = SharedAccount::register(&pool, "library")?;
    /// let mut posted = Vec::new();
    /// assert_eq!(library.moves().post_burst(&mut cache, 9, |index| posted.push(index)), 8);
    /// assert_eq!((library.posted(), posted.len()), (8, 8));
    /// # for index in posted {
    /// #     // SAFETY: it was posted above, and no device has it.
    /// #     unsafe { library.moves().unpost(Some(&mut cache), index) };
    /// # }
    /// # drop((library, cache));
    /// # pool.audit().unwrap();
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub fn post_burst(
        &mut self,
        cache: &mut Cache<'p>,
        count: usize,
        mut each: impl FnMut(FrameIndex),
    ) -> usize {
        if !cache.pool().owns(self.account.pool) {
            return 0;
        }
        let taken = cache.take_runs(count, Place::Posted(self.id()), |_, run| {
            run.iter().copied().map(FrameIndex).for_each(&mut each);
        });
        self.posted = self.posted.wrapping_add(taken as u32);
        taken
    }

    /// As [`post`](Self::post), from the shared free list.
    pub fn post_shared(&mut self) -> Option<FrameIndex> {
        let mut one = [0];
        let got = self.account.pool.get(1, &mut one);
        let [index] = one;
        (got == 1).then_some(())?;
        self.posting(index, Place::Free)
    }

    /// Writes down that a frame goes to the device to be sent; the caller still has the [`Frame`].
    ///
    /// # Safety
    ///
    /// The frame is of this pool and held, and whoever holds it does not touch it any more: it is
    /// forgotten, or [taken back](Self::unlend) first.
    #[inline]
    pub unsafe fn lend(&mut self, index: FrameIndex) {
        let to = Place::Completing(self.id());
        self.account.pool.moved(index.0, Place::Held, to);
        self.completing = self.completing.wrapping_add(1);
    }

    /// Takes back a lent frame that the device did not take after all.
    ///
    /// # Safety
    ///
    /// The frame was lent under this account, its [`Frame`] is still there, and the device does
    /// not have it.
    #[inline]
    pub unsafe fn unlend(&mut self, index: FrameIndex) {
        let from = Place::Completing(self.id());
        self.account.pool.moved(index.0, from, Place::Held);
        self.completing = self.completing.wrapping_sub(1);
    }

    /// Takes back a posted frame that the device has filled, with the window that it says.
    ///
    /// `None`, and the frame stays posted, if the index is not one of the pool or the window is
    /// not inside the frame behind its private area.
    ///
    /// # Safety
    ///
    /// The frame was posted under this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn receive(
        &mut self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        let frame = self
            .account
            .window(Place::Posted(self.id()), index, offset, len)?;
        self.posted = self.posted.wrapping_sub(1);
        Some(frame)
    }

    /// Takes back a frame that was sent and comes in again, as over a ring in memory.
    ///
    /// `None` under the conditions of [`receive`](Self::receive).
    ///
    /// # Safety
    ///
    /// The frame was lent under this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn receive_sent(
        &mut self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        let frame = self
            .account
            .window(Place::Completing(self.id()), index, offset, len)?;
        self.completing = self.completing.wrapping_sub(1);
        Some(frame)
    }

    /// Frees a frame that was posted and that the device does not fill, to `cache` or else to the
    /// shared free list. An index that the pool does not have is passed over.
    ///
    /// # Safety
    ///
    /// The frame was posted under this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn unpost(&mut self, cache: Option<&mut Cache<'p>>, index: FrameIndex) {
        if self
            .account
            .give_back(cache, Place::Posted(self.id()), index)
        {
            self.posted = self.posted.wrapping_sub(1);
        }
    }

    /// Frees a frame that the device has sent, as [`unpost`](Self::unpost) does.
    ///
    /// # Safety
    ///
    /// The frame was lent under this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn complete(&mut self, cache: Option<&mut Cache<'p>>, index: FrameIndex) {
        let from = Place::Completing(self.id());
        if self.account.give_back(cache, from, index) {
            self.completing = self.completing.wrapping_sub(1);
        }
    }

    /// As [`complete`](Self::complete) with a cache, for a burst.
    ///
    /// # Safety
    ///
    /// As there, for each.
    #[inline]
    pub unsafe fn complete_burst(
        &mut self,
        cache: &mut Cache<'p>,
        frames: impl Iterator<Item = FrameIndex>,
    ) {
        let (id, pool) = (self.id(), self.account.pool);
        let mut freed = 0_u32;
        if cache.pool().owns(pool) {
            let to = Place::Cached(cache.id());
            let known = frames.filter(|index| (index.0 as usize) < pool.frames());
            let known = known.map(|index| {
                pool.moved(index.0, Place::Completing(id), to);
                freed = freed.wrapping_add(1);
                index.0
            });
            cache.put(known, Ok, Cache::push);
            cache.publish();
        } else {
            for index in frames {
                let gone = self.account.give_back(None, Place::Completing(id), index);
                freed = freed.wrapping_add(u32::from(gone));
            }
        }
        self.completing = self.completing.wrapping_sub(freed);
    }

    #[inline]
    fn posting(&mut self, index: u32, from: Place) -> Option<FrameIndex> {
        let to = Place::Posted(self.id());
        self.account.pool.moved(index, from, to);
        self.posted = self.posted.wrapping_add(1);
        Some(FrameIndex(index))
    }
}

impl Drop for Moves<'_, '_> {
    #[inline]
    fn drop(&mut self) {
        self.account.cell.settle(self.posted, self.completing);
    }
}

impl<'p> SharedAccount<'p> {
    #[inline]
    fn window(
        &self,
        from: Place,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        let frame = self.pool.window(index, offset, len)?;
        self.pool.moved(index.0, from, Place::Held);
        Some(frame)
    }

    #[inline]
    fn give_back(&self, cache: Option<&mut Cache<'p>>, from: Place, index: FrameIndex) -> bool {
        if index.0 as usize >= self.pool.frames() {
            return false;
        }
        match cache.filter(|cache| cache.pool().owns(self.pool)) {
            Some(cache) => {
                self.pool.moved(index.0, from, Place::Cached(cache.id()));
                cache.push(index.0);
                cache.publish();
            }
            None => {
                self.pool.moved(index.0, from, Place::Free);
                self.pool.put(&[index.0]);
            }
        }
        true
    }
}

impl Drop for SharedAccount<'_> {
    fn drop(&mut self) {
        self.cell.close();
    }
}

impl fmt::Debug for SharedAccount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedAccount")
            .field("id", &self.id)
            .field("posted", &self.posted())
            .field("completing", &self.completing())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
#[path = "shared_tests.rs"]
mod tests;

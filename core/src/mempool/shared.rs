//! An account that several threads write, for a library that hands frames around by itself.

use core::fmt;

use super::account::{AccountCell, AccountId};
use super::home::Home;
use super::{Account, Cache, Frame, FrameIndex, Place, Pool, PoolError};

/// A page in the ledger whose frames pass through the hands of several threads.
///
/// An [`Account`] belongs to the thread that polls its queue. Where a library in between allocates
/// and frees by itself, a frame may be taken by one thread and come back on another, by another
/// queue: that is what this one is for. Frames are moved by [`take`](Self::take),
/// [`receive`](Receiver::receive), [`lend`](Self::lend) and [`give`](Self::give), and counted apart from
/// that, by the number: once a burst, by whoever knows how many there were.
///
/// The thread that polls the queue counts by [`count`](Self::count), without an atomic operation.
/// Others may count off what they got hold of, by [`take_posted`](Self::take_posted) and
/// [`take_completing`](Self::take_completing). What is moved and not counted yet shows as held.
///
/// The driver keeps what an [`Account`] keeps by itself: which frame is with the library.
///
/// ```
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, SharedAccount, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut cache = Cache::new(&pool, "core 0", 4)?;
/// let library = SharedAccount::register(&pool, "library")?;
///
/// let mut taken = Vec::new();
/// assert_eq!(library.take(Some(&mut cache), 9, |index| taken.push(index)), 8, "there are eight");
/// library.count(8, 0);
/// assert_eq!((library.posted(), pool.ledger().posted), (8, 8));
/// let start = pool.base().addr().get() + taken[0].0 as usize * pool.frame_size();
/// // SAFETY: it was taken above, is received once, and no device touches it.
/// let frame = unsafe { library.receiver().receive(start, start + 256, 60) }.expect("a window");
/// library.came_in([frame.index()]);
/// // SAFETY: these were taken above, and no device has them.
/// unsafe { library.give(Some(&mut cache), taken[1..].iter().copied()) };
/// library.count(-8, 0);
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

/// Takes received frames over: with what has to be known of the pool in its hands, which need not be
/// looked up for each.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, SharedAccount, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let library = SharedAccount::register(&pool, "library")?;
/// let mut taken = Vec::new();
/// library.take(None, 2, |index| taken.push(index));
/// let receiver = library.receiver();
/// for index in taken {
///     let start = pool.base().addr().get() + index.0 as usize * pool.frame_size();
///     // SAFETY: it was taken above, and no device has it.
///     let frame = unsafe { receiver.receive(start, start + 256, 60) }.expect("a window");
///     assert_eq!((frame.index(), frame.offset(), frame.len()), (index, 256, 60));
///     library.came_in([index]);
/// }
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Receiver<'p> {
    home: Home<'p>,
    /// Bytes of all frames.
    region: usize,
    /// The frame size less one.
    mask: usize,
    private: usize,
    /// Bytes of a frame behind its private area.
    room: usize,
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
        self.cell.posted()
    }

    /// Frames sent and not completed.
    #[inline]
    pub fn completing(&self) -> usize {
        self.cell.completing()
    }

    /// Free frames that the library keeps.
    #[inline]
    pub fn cached(&self) -> usize {
        self.cell.counts().cached
    }

    /// Counts so many more frames as posted, and as sent and not completed; fewer, if negative.
    ///
    /// Without an atomic operation: it is for one thread at a time, that of the account's queue.
    #[inline]
    pub fn count(&self, posted: i32, completing: i32) {
        self.cell.count(posted, completing);
    }

    /// As [`count`](Self::count), of free frames that the library keeps for this account's thread.
    #[inline]
    pub fn count_cached(&self, cached: i32) {
        self.cell.count_cached(cached);
    }

    /// As [`count`](Self::count), for any number of threads at a time.
    #[inline]
    pub fn count_shared(&self, posted: i32, completing: i32) {
        self.cell.count_shared(posted, completing);
    }

    /// Counts off up to `most` posted frames, those that there are; gives how many. For any thread,
    /// which has got hold of as many by another account.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, SharedAccount, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let library = SharedAccount::register(&pool, "library")?;
    /// library.count(3, 2);
    /// assert_eq!((library.take_posted(5), library.take_completing(1)), (3, 1));
    /// assert_eq!((library.posted(), library.completing()), (0, 1));
    /// # library.count(0, -1);
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub fn take_posted(&self, most: u32) -> u32 {
        self.cell.take_posted(most)
    }

    /// As [`take_posted`](Self::take_posted), of what was sent and not completed.
    #[inline]
    pub fn take_completing(&self, most: u32) -> u32 {
        self.cell.take_completing(most)
    }

    /// As [`take_completing`](Self::take_completing), for the one thread at a time that receives what this
    /// account's queue has sent, as over a ring in memory: without an atomic operation. Where another counts
    /// off the same frames at the same time, this account has as many too few, which are missing in its
    /// [`completing`](Self::completing) later, and another as many too many: all together are right.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, SharedAccount, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let ring = SharedAccount::register(&pool, "ring")?;
    /// ring.count(0, 3);
    /// assert_eq!((ring.take_returned(2), ring.take_completing(9)), (2, 1));
    /// assert_eq!((ring.take_returned(1), ring.completing()), (0, 0));
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub fn take_returned(&self, most: u32) -> u32 {
        self.cell.take_returned(most)
    }

    /// Takes up to `count` free frames for the library, each handed to `each`; gives how many there
    /// were. They are from the shared free list without a cache, or with one of another pool.
    #[inline]
    pub fn take(
        &self,
        cache: Option<&mut Cache<'p>>,
        count: usize,
        mut each: impl FnMut(FrameIndex),
    ) -> usize {
        let to = Place::Posted(self.id);
        let mut taken = 0;
        let Some(cache) = cache.filter(|cache| cache.pool().owns(self.pool)) else {
            let mut one = [0];
            while taken < count && self.pool.get(1, &mut one) == 1 {
                let [index] = one;
                self.pool.moved(index, Place::Free, to);
                each(FrameIndex(index));
                taken += 1;
            }
            return taken;
        };
        cache.take_runs(count, to, |_, run| {
            run.iter().copied().map(FrameIndex).for_each(&mut each);
        })
    }

    /// Frees frames that the library gives back, to `cache` or else to the shared free list. Indices
    /// that the pool does not have are passed over; gives how many were freed.
    ///
    /// # Safety
    ///
    /// The library has each of them, gives it back once, and does not touch it any more.
    #[inline]
    pub unsafe fn give(
        &self,
        cache: Option<&mut Cache<'p>>,
        frames: impl Iterator<Item = FrameIndex>,
    ) -> usize {
        let pool = self.pool;
        let mut freed = 0;
        let known = frames.filter(|index| (index.0 as usize) < pool.frames());
        match cache.filter(|cache| cache.pool().owns(pool)) {
            Some(cache) => {
                let to = Place::Cached(cache.id());
                let known = known.map(|index| {
                    self.came(index.0, to);
                    freed += 1;
                    index.0
                });
                cache.put(known, Ok, Cache::push);
                cache.publish();
            }
            None => known.for_each(|index| {
                self.came(index.0, Place::Free);
                pool.put(&[index.0]);
                freed += 1;
            }),
        }
        freed
    }

    /// What receives frames, for a burst.
    #[inline]
    pub fn receiver(&self) -> Receiver<'p> {
        let (size, private) = (self.pool.frame_size(), self.pool.config().private);
        Receiver {
            home: Home::of(self.pool),
            region: self.pool.region_len(),
            mask: size - 1,
            private,
            room: size - private,
        }
    }

    /// Writes down that received frames are the program's, where the pool tracks: once a burst, before
    /// they go elsewhere.
    #[inline]
    pub fn came_in(&self, frames: impl IntoIterator<Item = FrameIndex>) {
        if self.pool.tracks() {
            let frames = frames.into_iter();
            frames.for_each(|index| self.came(index.0, Place::Held));
        }
    }

    /// Writes down that frames go to the library to be sent, where the pool tracks: once a burst, before
    /// the library gets them; the caller still has each [`Frame`].
    ///
    /// # Safety
    ///
    /// The frames are of this pool and held, and whoever holds them does not touch them any more: they are
    /// forgotten, or [taken back](Self::unlend) first.
    #[inline]
    pub unsafe fn lend(&self, frames: impl IntoIterator<Item = FrameIndex>) {
        if self.pool.tracks() {
            let to = Place::Completing(self.id);
            let frames = frames.into_iter();
            frames.for_each(|index| self.pool.moved(index.0, Place::Held, to));
        }
    }

    /// Takes back a lent frame that the library did not take after all.
    ///
    /// # Safety
    ///
    /// The frame was lent, its [`Frame`] is still there, and the library does not have it.
    #[inline]
    pub unsafe fn unlend(&self, index: FrameIndex) {
        self.came(index.0, Place::Held);
    }

    /// Writes down that a frame that the library had, by whichever account, is elsewhere.
    #[inline]
    fn came(&self, index: u32, to: Place) {
        if self.pool.tracks() {
            let from = match self.pool.place_of(FrameIndex(index)) {
                Some(from @ (Place::Posted(_) | Place::Completing(_))) => from,
                _ => Place::Posted(self.id),
            };
            self.pool.moved(index, from, to);
        }
    }
}

impl<'p> Receiver<'p> {
    /// Takes back a frame that the library has filled with `len` bytes from the address `data` on; `of` is
    /// the address of any byte of the frame, such as that of what the library keeps in its private area.
    /// It is [written down](SharedAccount::came_in) apart from that.
    ///
    /// `None`, and the library still has it, if no frame of the pool has the byte at `of`, or if the data
    /// is not all inside that frame, behind its private area.
    ///
    /// # Safety
    ///
    /// The library has the frame, hands it out once, and does not touch it any more.
    #[inline(always)]
    pub unsafe fn receive(&self, of: usize, data: usize, len: u16) -> Option<Frame<'p>> {
        let len = usize::from(len);
        let (of, data) = (
            of.wrapping_sub(self.home.address()),
            data.wrapping_sub(self.home.address()),
        );
        let start = of & !self.mask;
        // What is before the private area is far behind the frame.
        let behind = data.wrapping_sub(start).wrapping_sub(self.private);
        if of >= self.region || behind > self.room || behind.wrapping_add(len) > self.room {
            return None;
        }
        Some(self.home.frame_at(data, len, behind == self.room))
    }

    /// As [`receive`](Self::receive), where the caller knows already where the window is.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, SharedAccount, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let library = SharedAccount::register(&pool, "library")?;
    /// library.take(None, 1, |index| {
    ///     let start = pool.base().addr().get() + index.0 as usize * pool.frame_size();
    ///     // SAFETY: it was taken just now, no device has it, and 256 and 60 are less than 2,048.
    ///     let frame = unsafe { library.receiver().receive_inside(start + 256, 60) };
    ///     assert_eq!((frame.index(), frame.offset(), frame.len()), (index, 256, 60));
    ///     library.came_in([index]);
    /// });
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    ///
    /// # Safety
    ///
    /// As for [`receive`](Self::receive); a frame of the pool has the byte at `data` and ends no earlier than
    /// `len` bytes from there on, and nobody else uses these bytes.
    #[inline(always)]
    pub unsafe fn receive_inside(&self, data: usize, len: u16) -> Frame<'p> {
        let at = data.wrapping_sub(self.home.address());
        self.home.frame_at(at, len.into(), false)
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

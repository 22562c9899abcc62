//! One core's stack of free frames.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use super::account::{Account, AccountId};
use super::free_list::BATCH;
use super::{Frame, FrameIndex, Place, Pool, PoolError};

/// Free frames that belong to one core: allocating and freeing touch no memory that another core
/// writes.
///
/// What was freed last is allocated first, while it is in that core's cache of memory. When the
/// stack is empty it takes a block from the pool's shared list, when it is full it gives half
/// back; both cost an atomic swap for the whole block. Dropping the cache gives all frames back.
///
/// It can be moved to another thread, and not shared: it is not `Sync`. See the
/// [module](super) for an example.
pub struct Cache<'p> {
    account: Account<'p>,
    len: usize,
    limit: usize,
    stack: [u32; Cache::MAX + BLOCK + BATCH],
    _not_sync: PhantomData<Cell<()>>,
}

/// Frames that are fetched from the shared list at a time.
const BLOCK: usize = 4 * BATCH;

impl<'p> Cache<'p> {
    /// The most frames that a cache can be asked to keep.
    pub const MAX: usize = 512;

    /// A cache that keeps up to `size` frames (and some batches more for a moment), under a name
    /// for the ledger. It begins empty.
    ///
    /// # Errors
    ///
    /// [`PoolError::CacheSize`] unless `size` is 1 to [`Cache::MAX`];
    /// [`PoolError::TooManyAccounts`].
    pub fn new(pool: &'p Pool<'p>, name: &str, size: usize) -> Result<Self, PoolError> {
        if size == 0 || size > Self::MAX {
            return Err(PoolError::CacheSize(size));
        }
        Ok(Self {
            account: Account::register(pool, name)?,
            len: 0,
            limit: size,
            stack: [0; _],
            _not_sync: PhantomData,
        })
    }

    /// The pool whose frames these are.
    #[inline]
    pub const fn pool(&self) -> &'p Pool<'p> {
        self.account.pool()
    }

    /// Frames in the cache now.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the next allocation goes to the shared list.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// One frame, empty, with headroom. `None` when cache and pool have none left.
    #[inline]
    pub fn alloc(&mut self) -> Option<Frame<'p>> {
        let frame = self.take();
        self.publish();
        frame
    }

    /// Up to `count` frames, each handed to `each`; gives how many there were.
    #[inline]
    pub fn alloc_burst(&mut self, count: usize, mut each: impl FnMut(Frame<'p>)) -> usize {
        let pool = self.pool();
        let mut given = 0;
        while given < count {
            if self.len == 0 {
                self.refill();
            }
            let keep = self.len.saturating_sub(count - given);
            let Some(top) = self.stack.get(keep..self.len).filter(|top| !top.is_empty()) else {
                break;
            };
            given += top.len();
            self.len = keep;
            for &index in top.iter().rev() {
                pool.moved(index, Place::Cached(self.account.id()), Place::Held);
                each(Frame::fresh(pool, index));
            }
        }
        self.publish();
        given
    }

    /// Frees a frame, and those chained to it. A frame of another pool goes back to that one.
    #[inline]
    pub fn free(&mut self, frame: Frame<'p>) {
        self.keep(frame);
        self.publish();
    }

    /// Frees all of `frames`.
    #[inline]
    pub fn free_burst(&mut self, frames: impl IntoIterator<Item = Frame<'p>>) {
        // The length is kept out of memory, as in `put`.
        let pool = self.pool();
        let mut len = self.len;
        for frame in frames {
            if frame.is_chained() || !pool.owns(frame.pool()) {
                self.len = len;
                self.keep(frame);
                len = self.len;
                continue;
            }
            let index = frame.into_index();
            pool.moved(index, Place::Held, Place::Cached(self.account.id()));
            if len >= self.limit {
                self.len = len;
                self.spill(len - self.limit / 2);
                len = self.len;
            }
            if let Some(cell) = self.stack.get_mut(len) {
                *cell = index;
                len += 1;
            }
        }
        self.len = len;
        self.publish();
    }

    /// Gives all frames back to the shared list.
    pub fn flush(&mut self) {
        self.spill(self.len);
        self.publish();
    }

    pub(super) const fn id(&self) -> AccountId {
        self.account.id()
    }

    /// Takes a frame's number off the stack; [`publish`](Self::publish) is the caller's.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<u32> {
        if self.len == 0 {
            self.refill();
        }
        let top = self.len.checked_sub(1)?;
        let index = *self.stack.get(top)?;
        self.len = top;
        Some(index)
    }

    /// Puts a frame's number on the stack; [`publish`](Self::publish) is the caller's.
    #[inline]
    pub(super) fn push(&mut self, index: u32) {
        if self.len >= self.limit {
            self.spill(self.len - self.limit / 2);
        }
        if let Some(cell) = self.stack.get_mut(self.len) {
            *cell = index;
            self.len += 1;
        }
    }

    /// Puts numbers of frames on the stack; [`publish`](Self::publish) is the caller's.
    #[inline]
    pub(super) fn put(&mut self, indices: impl Iterator<Item = u32>) {
        // The length is kept out of memory: a store and a load of it would be the longest chain
        // from one frame to the next.
        let mut len = self.len;
        for index in indices {
            if len >= self.limit {
                self.len = len;
                self.spill(len - self.limit / 2);
                len = self.len;
            }
            if let Some(cell) = self.stack.get_mut(len) {
                *cell = index;
                len += 1;
            }
        }
        self.len = len;
    }

    /// Takes as many numbers of frames off the stack as there are, up to `out.len()`, and gives how
    /// many; [`publish`](Self::publish) is the caller's.
    #[inline]
    pub(super) fn get(&mut self, out: &mut [FrameIndex]) -> usize {
        let mut taken = 0;
        while let Some(rest) = out.get_mut(taken..).filter(|rest| !rest.is_empty()) {
            if self.len == 0 {
                self.refill();
            }
            let count = self.len.min(rest.len());
            if count == 0 {
                break;
            }
            let keep = self.len - count;
            let top = self.stack.get(keep..self.len).unwrap_or(&[]);
            for (cell, &index) in rest.iter_mut().zip(top.iter().rev()) {
                *cell = FrameIndex(index);
            }
            self.len = keep;
            taken += count;
        }
        taken
    }

    /// Tells the ledger how many frames are here.
    #[inline]
    pub(super) fn publish(&self) {
        self.account.cached(self.len);
    }

    #[inline]
    fn take(&mut self) -> Option<Frame<'p>> {
        let index = self.pop()?;
        self.pool()
            .moved(index, Place::Cached(self.id()), Place::Held);
        Some(Frame::fresh(self.pool(), index))
    }

    #[inline]
    fn keep(&mut self, mut frame: Frame<'p>) {
        if frame.is_chained() {
            let rest = frame.unchain();
            self.keep_chain(rest);
        }
        if self.pool().owns(frame.pool()) {
            let index = frame.into_index();
            self.pool()
                .moved(index, Place::Held, Place::Cached(self.id()));
            self.push(index);
        }
    }

    #[cold]
    fn keep_chain(&mut self, mut rest: Option<Frame<'p>>) {
        while let Some(mut frame) = rest {
            rest = frame.unchain();
            self.keep(frame);
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) {
        let pool = self.pool();
        let want = BLOCK.min(self.limit);
        let got = pool.get(want, &mut self.stack);
        for &index in self.stack.get(..got).unwrap_or(&[]) {
            pool.moved(index, Place::Free, Place::Cached(self.account.id()));
        }
        self.len = got;
    }

    /// Gives the `count` frames on top of the stack to the shared list.
    #[cold]
    #[inline(never)]
    fn spill(&mut self, count: usize) {
        let pool = self.pool();
        let keep = self.len.saturating_sub(count);
        let given = self.stack.get(keep..self.len).unwrap_or(&[]);
        for &index in given {
            pool.moved(index, Place::Cached(self.account.id()), Place::Free);
        }
        pool.put(given);
        self.len = keep;
    }
}

impl Drop for Cache<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for Cache<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("len", &self.len)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

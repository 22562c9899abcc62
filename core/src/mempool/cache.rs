//! One core's stack of free frames.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use heapless::vec::{VecInner, VecStorage};

use super::account::{Account, AccountId};
use super::framed::Framed;
use super::free_list::BATCH;
use super::home::{Fresh, Home};
use super::{Frame, FrameIndex, Place, Pool, PoolError};
use crate::packet::{Offloads, Packet, PortId};
use crate::ring::{Sink, Source, take_front};

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
        let fresh = self.pool().fresh();
        self.take_runs(count, Place::Held, |_, run| {
            for &index in run {
                each(fresh.frame(index));
            }
        })
    }

    /// Up to `count` frames behind what is in `out`, each as what holds it, a [`Frame`] or a
    /// [`Packet`](crate::packet::Packet); as many as there are and fit.
    ///
    /// ```
    /// # use linecard::mempool::{Cache, Frame, Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// # let mut cache = Cache::new(&pool, "core 0", 4)?;
    /// let mut frames: heapless::Vec<Frame, 6> = heapless::Vec::new();
    /// assert_eq!(cache.alloc_into(&mut frames, 4), 4);
    /// assert_eq!(cache.alloc_into(&mut frames, 4), 2, "there is no room for more");
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub fn alloc_into<T, S>(&mut self, out: &mut S, count: usize) -> usize
    where
        T: Framed<'p>,
        S: Sink<T> + ?Sized,
    {
        self.alloc_fresh(self.pool().fresh(), out, count)
    }

    /// As [`alloc_into`](Self::alloc_into), frames of `len` bytes of data, which hold anything; none if
    /// not every frame of the pool has [as much room](Pool::room).
    #[inline]
    pub fn alloc_with_len<T, S>(&mut self, out: &mut S, count: usize, len: usize) -> usize
    where
        T: Framed<'p>,
        S: Sink<T> + ?Sized,
    {
        match self.pool().fresh_with(len) {
            Some(fresh) => self.alloc_fresh(fresh, out, count),
            None => 0,
        }
    }

    #[inline]
    fn alloc_fresh<T, S>(&mut self, fresh: Fresh<'p>, out: &mut S, count: usize) -> usize
    where
        T: Framed<'p>,
        S: Sink<T> + ?Sized,
    {
        let spare = out.spare() as *mut [MaybeUninit<T>];
        // SAFETY: `spare` may be written from its first place to its last (`Sink`), and nothing
        // else is done with `out` until `filled` below.
        let spare = unsafe { &mut *spare };
        let count = count.min(spare.len());
        let given = match self.take_run(count) {
            Some(run) => {
                fresh.fill(run, spare);
                count
            }
            None => self.fill_by_runs(fresh, spare, count),
        };
        // SAFETY: the runs came to `given` frames, no more than `spare` has places, and each was
        // written behind the ones before.
        unsafe { out.filled(given) };
        given
    }

    /// As many new frames as there are, up to `count`, into the first of `cells`; gives how many.
    #[cold]
    #[inline(never)]
    fn fill_by_runs<T: Framed<'p>>(
        &mut self,
        fresh: Fresh<'p>,
        cells: &mut [MaybeUninit<T>],
        count: usize,
    ) -> usize {
        self.take_runs(count, Place::Held, |given, run| {
            fresh.fill(run, cells.get_mut(given..).unwrap_or_default());
        })
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
        let home = Home::of(self.pool());
        let plain = |frame: Frame<'p>| match home.number_of(&frame) {
            None => Err(frame),
            Some(index) => {
                core::mem::forget(frame);
                Ok(index)
            }
        };
        self.put(frames.into_iter(), plain, Self::keep_other);
        self.publish();
    }

    /// Frees all of `frames`, and leaves the vector empty.
    ///
    /// ```
    /// # use linecard::mempool::{Cache, Frame, Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 8 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 8];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// # let mut cache = Cache::new(&pool, "core 0", 4)?;
    /// let mut frames: heapless::Vec<Frame, 6> = heapless::Vec::new();
    /// cache.alloc_into(&mut frames, 6);
    /// cache.free_all(&mut frames);
    /// assert!(frames.is_empty() && pool.ledger().held == 0);
    /// # Ok::<(), linecard::mempool::PoolError>(())
    /// ```
    #[inline]
    pub fn free_all<S>(&mut self, frames: &mut VecInner<Frame<'p>, usize, S>)
    where
        S: VecStorage<Frame<'p>> + ?Sized,
    {
        if !self.free_whole(frames) {
            self.free_burst(take_front(frames, usize::MAX));
        }
    }

    /// Frees all of `items`, if each is in one frame of this pool and there is room for them all; the
    /// usual case, in one pass without a branch for each. Otherwise nothing has happened.
    #[inline]
    pub(crate) fn free_whole<T, S>(&mut self, items: &mut S) -> bool
    where
        T: Framed<'p>,
        S: Source<T> + ?Sized,
    {
        let home = Home::of(self.pool());
        let from = items.items();
        let count = from.len();
        let room = self.limit.saturating_sub(self.len);
        let cells = self.stack.get_mut(self.len..self.len.saturating_add(count));
        let Some(cells) = cells.filter(|_| count <= room && !self.account.pool().tracks()) else {
            return false;
        };
        // What is written behind the stack counts only once its length says so.
        let plain = home.numbers_of(from, cells);
        if plain {
            self.len += count;
            // SAFETY: `count` is the number of items; their frames, all of this pool and alone, are
            // the cache's now by their numbers, and nothing else was to be dropped (`Framed`).
            unsafe { items.taken(count) };
            self.publish();
        }
        plain
    }

    /// Writes down the port by which `packets` came in, and gives the marks that any of them has.
    #[inline(never)]
    pub(crate) fn note_port(&self, packets: &mut [Packet<'p>], port: PortId) -> Offloads {
        let Some(wide) = self.pool().wide() else {
            let mut offloads = Offloads::empty();
            for packet in packets {
                packet.port = port;
                offloads |= packet.offloads;
            }
            return offloads;
        };
        let [value, mask] = [port.0, u16::MAX].map(u64::from);
        // SAFETY: a packet has 32 bytes, all of them initialised (`Framed`); the lowest 16 bits of its
        // fourth word are its port (`descriptor` asserts it), for which any will do.
        let fourth = unsafe { wide.mark(packets, value, mask) };
        Offloads::from_bits_retain((fourth >> u16::BITS) as u16)
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

    /// Puts frames on the stack, each by the number that `number` gives; `other` puts those for
    /// which it gives none, and those for which there is no room. [`publish`](Self::publish) is the
    /// caller's.
    #[inline]
    pub(super) fn put<T>(
        &mut self,
        frames: impl Iterator<Item = T>,
        number: impl Fn(T) -> Result<u32, T>,
        other: impl Fn(&mut Self, T),
    ) {
        // The length is kept out of memory: a store and a load of it would be the longest chain
        // from one frame to the next.
        let mut len = self.len;
        let end = match self.pool().tracks() {
            // `other` writes each down.
            true => 0,
            false => self.limit.min(self.stack.len()),
        };
        frames.for_each(|frame| {
            let frame = match len < end {
                true => match number(frame) {
                    Ok(index) => {
                        if let Some(cell) = self.stack.get_mut(len) {
                            *cell = index;
                            len += 1;
                        }
                        return;
                    }
                    Err(frame) => frame,
                },
                false => frame,
            };
            self.len = len;
            other(self, frame);
            len = self.len;
        });
        self.len = len;
    }

    /// Puts numbers of frames on the stack that come from `from`; [`publish`](Self::publish) is the
    /// caller's.
    #[inline]
    pub(super) fn put_back(&mut self, indices: &[FrameIndex], from: Place) {
        if self.pool().tracks() {
            let to = Place::Cached(self.id());
            for index in indices {
                self.pool().moved(index.0, from, to);
            }
        }
        let mut rest = indices;
        while !rest.is_empty() {
            if self.len >= self.limit {
                self.spill(self.len - self.limit / 2);
            }
            // At least one: what was spilled leaves half of the limit.
            let room = self.limit.saturating_sub(self.len).min(rest.len());
            let Some((now, later)) = rest.split_at_checked(room) else {
                return;
            };
            let cells = self.stack.get_mut(self.len..).unwrap_or_default();
            for (cell, index) in cells.iter_mut().zip(now) {
                *cell = index.0;
            }
            self.len += now.len();
            rest = later;
        }
    }

    /// Takes as many numbers of frames off the stack as there are, up to `out.len()`, for `to`, and
    /// gives how many.
    #[inline]
    pub(super) fn get(&mut self, out: &mut [FrameIndex], to: Place) -> usize {
        self.take_runs(out.len(), to, |taken, run| {
            let cells = out.get_mut(taken..).unwrap_or_default();
            for (cell, &index) in cells.iter_mut().zip(run) {
                *cell = FrameIndex(index);
            }
        })
    }

    /// Tells the ledger how many frames are here.
    #[inline]
    pub(super) fn publish(&self) {
        self.account.cached(self.len);
    }

    /// Takes `count` frames off the stack, which has them and whose pool does not track them: the usual
    /// case, in one run. Otherwise nothing has happened.
    #[inline]
    fn take_run(&mut self, count: usize) -> Option<&[u32]> {
        let keep = self.len.checked_sub(count)?;
        if self.pool().tracks() {
            return None;
        }
        let run = self.stack.get(keep..self.len)?;
        self.len = keep;
        self.account.cached(keep);
        Some(run)
    }

    /// Takes up to `count` frames off the stack for `to`, in runs as they lie there, and publishes it;
    /// gives how many. `each` is told how many went before.
    #[inline]
    pub(super) fn take_runs(
        &mut self,
        count: usize,
        to: Place,
        mut each: impl FnMut(usize, &[u32]),
    ) -> usize {
        let mut taken = 0;
        while taken < count {
            if self.len == 0 {
                self.refill();
            }
            let keep = self.len.saturating_sub(count - taken);
            let Some(run) = self.stack.get(keep..self.len).filter(|run| !run.is_empty()) else {
                break;
            };
            self.len = keep;
            if self.pool().tracks() {
                for &index in run {
                    self.pool()
                        .moved(index, Place::Cached(self.account.id()), to);
                }
            }
            each(taken, run);
            taken += run.len();
        }
        self.publish();
        taken
    }

    #[inline]
    fn take(&mut self) -> Option<Frame<'p>> {
        let index = self.pop()?;
        self.pool()
            .moved(index, Place::Cached(self.id()), Place::Held);
        Some(self.pool().fresh().frame(index))
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

    /// As [`keep`](Self::keep), for what a burst seldom has.
    #[cold]
    #[inline(never)]
    fn keep_other(&mut self, frame: Frame<'p>) {
        self.keep(frame);
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

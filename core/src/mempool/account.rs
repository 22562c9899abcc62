//! Who has frames besides the program: caches, and the queues of devices.

use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use heapless::String;

use super::home::Home;
use super::{Cache, Frame, Place, Pool, PoolError};
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A frame's number in its pool: the offset of its first byte is this times the frame size.
///
/// It says which frame, not that one owns it.
///
/// ```
/// use linecard::mempool::FrameIndex;
/// assert_eq!(FrameIndex(3).offset(2048), 6144);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct FrameIndex(pub u32);

impl FrameIndex {
    /// Bytes from the region's start to the frame's, for frames of this size.
    #[inline]
    pub const fn offset(self, frame_size: usize) -> usize {
        (self.0 as usize).wrapping_mul(frame_size)
    }
}

/// A device queue's page in the ledger: how frames pass between program and device.
///
/// One queue has one account, and moves it to the thread that polls it. Frames that the queue
/// never gives back stay in the ledger under its name when the account is dropped.
///
/// ```
/// # use linecard::mempool::{Account, Cache, FrameIndex, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut cache = Cache::new(&pool, "core 0", 4)?;
/// let queue = Account::register(&pool, "my nic, queue 0")?;
///
/// // Receive: frames go to the device, and come back with bytes in them.
/// let mut posted = [FrameIndex::default(); 4];
/// assert_eq!(queue.post(&mut cache, &mut posted), 4);
/// // SAFETY: frame `posted[0]` was posted above and is taken once; no device writes to it.
/// let frame = unsafe { queue.receive(posted[0], 256, 60) }.expect("the window is in the frame");
/// assert_eq!(frame.data().len(), 60);
///
/// // Transmit: the frame goes to the device until it says that it is done.
/// let sent = queue.send(frame).expect("one frame, of this pool");
/// assert_eq!(pool.ledger().completing, 1);
/// // SAFETY: `sent` was sent above, and is completed once.
/// unsafe { queue.complete(&mut cache, &[sent]) };
/// // SAFETY: the other three were posted above, and no device has them any more.
/// unsafe { queue.unpost(&mut cache, &posted[1..]) };
/// # drop((queue, cache));
/// # pool.audit().unwrap();
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug)]
pub struct Account<'p> {
    pool: &'p Pool<'p>,
    cell: &'p AccountCell,
    id: AccountId,
    /// Its counters have one writer: `Send`, not `Sync`.
    _not_sync: PhantomData<Cell<()>>,
}

/// The number of an account in its pool.
///
/// ```
/// # use linecard::mempool::{Account, Place, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let queue = Account::register(&pool, "queue")?;
/// assert_ne!(Place::Posted(queue.id()), Place::Completing(queue.id()));
/// # Ok::<(), linecard::mempool::PoolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountId(pub(super) u8);

impl AccountId {
    /// As a number below 64, for tables of accounts.
    #[inline]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl<'p> Account<'p> {
    /// Opens an account under a name, of which the ledger keeps 24 bytes.
    ///
    /// # Errors
    ///
    /// [`PoolError::TooManyAccounts`] when the pool has 64 of them, [`PoolError::FarAway`].
    pub fn register(pool: &'p Pool<'p>, name: &str) -> Result<Self, PoolError> {
        if !Home::of(pool).can_be_named() {
            return Err(PoolError::FarAway);
        }
        for (id, cell) in pool.accounts.iter().enumerate() {
            if cell.claim(name) {
                return Ok(Self {
                    pool,
                    cell,
                    id: AccountId(id as u8),
                    _not_sync: PhantomData,
                });
            }
        }
        Err(PoolError::TooManyAccounts)
    }

    /// The pool whose frames these are.
    #[inline]
    pub const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// The account's number, for [`Place`].
    pub const fn id(&self) -> AccountId {
        self.id
    }

    /// Frames posted to the device now.
    #[inline]
    pub fn posted(&self) -> usize {
        self.cell.posted.load(Ordering::Relaxed) as usize
    }

    /// Frames sent and not completed.
    #[inline]
    pub fn completing(&self) -> usize {
        self.cell.completing.load(Ordering::Relaxed) as usize
    }

    /// Takes free frames for the device to fill, as many as there are up to `out.len()`; gives
    /// how many. The cache must be of the same pool, or nothing is taken.
    #[inline]
    pub fn post(&self, cache: &mut Cache<'p>, out: &mut [FrameIndex]) -> usize {
        if !cache.pool().owns(self.pool) {
            return 0;
        }
        let taken = cache.get(out, Place::Posted(self.id));
        self.cell.posted.add(taken as u32);
        taken
    }

    /// Takes back a posted frame that the device has filled, with the window that it says.
    ///
    /// `None`, and the frame stays posted, if the index is not one of the pool or the window is
    /// not inside the frame behind its private area.
    ///
    /// # Safety
    ///
    /// The frame was posted through this account and not taken back since, and the device does
    /// not touch it any more.
    #[inline]
    pub unsafe fn receive(
        &self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        self.take_back(
            Place::Posted(self.id),
            &self.cell.posted,
            index,
            offset,
            len,
        )
    }

    /// Gives a frame to the device to be sent; it stays with the account until
    /// [`complete`](Self::complete).
    ///
    /// # Errors
    ///
    /// The frame itself, if it is of another pool or has others chained to it.
    #[inline]
    pub fn send(&self, frame: Frame<'p>) -> Result<FrameIndex, Frame<'p>> {
        if !frame.pool().owns(self.pool) || frame.is_chained() {
            return Err(frame);
        }
        let index = frame.into_index();
        self.pool
            .moved(index, Place::Held, Place::Completing(self.id));
        self.cell.completing.add(1);
        Ok(FrameIndex(index))
    }

    /// Takes back a sent frame as it is, for a driver that could not send it after all.
    ///
    /// `None` under the conditions of [`receive`](Self::receive).
    ///
    /// # Safety
    ///
    /// The frame was sent through this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn unsend(&self, index: FrameIndex, offset: usize, len: usize) -> Option<Frame<'p>> {
        self.take_back(
            Place::Completing(self.id),
            &self.cell.completing,
            index,
            offset,
            len,
        )
    }

    /// Frees frames that the device has sent. Indices that the pool does not have are passed
    /// over; gives how many frames were freed.
    ///
    /// # Safety
    ///
    /// Each frame was sent through this account and not taken back since, and the device does not
    /// touch it any more.
    #[inline]
    pub unsafe fn complete(&self, cache: &mut Cache<'p>, frames: &[FrameIndex]) -> usize {
        let freed = self.give_back(cache, frames, Place::Completing(self.id));
        self.cell.completing.sub(freed as u32);
        freed
    }

    /// Frees frames that were posted and that the device will not fill, as on shutdown. Indices
    /// that the pool does not have are passed over; gives how many frames were freed.
    ///
    /// # Safety
    ///
    /// Each frame was posted through this account and not taken back since, and the device does
    /// not touch it any more.
    #[inline]
    pub unsafe fn unpost(&self, cache: &mut Cache<'p>, frames: &[FrameIndex]) -> usize {
        let freed = self.give_back(cache, frames, Place::Posted(self.id));
        self.cell.posted.sub(freed as u32);
        freed
    }

    /// Frees posted frames to the shared free list, where a queue goes away without a cache.
    /// Gives how many frames were freed.
    ///
    /// # Safety
    ///
    /// As for [`unpost`](Self::unpost).
    pub unsafe fn unpost_shared(&self, frames: &[FrameIndex]) -> usize {
        let freed = self.give_back_shared(frames, Place::Posted(self.id));
        self.cell.posted.sub(freed as u32);
        freed
    }

    /// Frees sent frames to the shared free list, where a queue goes away without a cache.
    /// Gives how many frames were freed.
    ///
    /// # Safety
    ///
    /// As for [`complete`](Self::complete).
    pub unsafe fn complete_shared(&self, frames: &[FrameIndex]) -> usize {
        let freed = self.give_back_shared(frames, Place::Completing(self.id));
        self.cell.completing.sub(freed as u32);
        freed
    }

    #[inline]
    fn take_back(
        &self,
        from: Place,
        counter: &Counter,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'p>> {
        let frame = self.pool.window(index, offset, len)?;
        self.pool.moved(index.0, from, Place::Held);
        counter.sub(1);
        Some(frame)
    }

    /// The account without its handle: closing it is whose who takes it.
    pub(super) fn into_parts(self) -> (&'p AccountCell, AccountId) {
        let account = ManuallyDrop::new(self);
        (account.cell, account.id)
    }

    fn give_back(&self, cache: &mut Cache<'p>, frames: &[FrameIndex], from: Place) -> usize {
        if !cache.pool().owns(self.pool) {
            return self.give_back_shared(frames, from);
        }
        let known = |index: &FrameIndex| (index.0 as usize) < self.pool.frames();
        let mut freed = 0;
        // One run, unless a device made numbers up: found out without a branch for each.
        if frames.iter().fold(true, |all, index| all & known(index)) {
            cache.put_back(frames, from);
            freed = frames.len();
        } else {
            for run in frames.split(|index| !known(index)) {
                cache.put_back(run, from);
                freed += run.len();
            }
        }
        cache.publish();
        freed
    }

    fn give_back_shared(&self, frames: &[FrameIndex], from: Place) -> usize {
        let mut freed = 0;
        for index in frames
            .iter()
            .filter(|index| (index.0 as usize) < self.pool.frames())
        {
            self.pool.moved(index.0, from, Place::Free);
            self.pool.put(&[index.0]);
            freed += 1;
        }
        freed
    }

    /// Counts a burst that was moved.
    #[inline]
    pub(super) fn count(&self, posted: i32, completing: i32) {
        self.cell.count(posted, completing);
    }

    pub(super) fn cached(&self, count: usize) {
        self.cell.cached.set(count as u32);
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        self.cell.close();
    }
}

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Accounts that a pool has room for.
///
/// Loom's atomics are large, and the stacks small on which its models make their pools.
pub(super) const ACCOUNTS: usize = if cfg!(loom) { 8 } else { 64 };

/// Bytes of a name that the ledger keeps.
pub(super) const NAME_LEN: usize = 24;

/// Frames in the hands of one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) cached: usize,
    /// Below zero is what others count too many: threads that counted off the same frames at the same time.
    pub(super) posted: i32,
    pub(super) completing: i32,
}

/// What the pool keeps of an account, on a cache line of its own: the account's thread writes
/// the counters at every burst.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct AccountCell {
    state: AtomicU32,
    cached: Counter,
    posted: Counter,
    completing: Counter,
    /// Of the posted ones, those that other threads have counted off; wraps.
    posted_off: AtomicU32,
    /// Of the completing ones, likewise.
    completing_off: AtomicU32,
    /// Of the completing ones, those that the thread which receives them has counted off; wraps.
    returned: Counter,
    name: [AtomicU64; NAME_LEN / 8],
}

impl AccountCell {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU32::new(VACANT),
            cached: Counter::new(),
            posted: Counter::new(),
            completing: Counter::new(),
            posted_off: AtomicU32::new(0),
            completing_off: AtomicU32::new(0),
            returned: Counter::new(),
            name: core::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The account's name, whether it is closed, and its counts; `None` if it is nobody's.
    pub(super) fn read(&self) -> Option<(String<NAME_LEN>, bool, Counts)> {
        let state = self.state.load(Ordering::Acquire);
        if state != OPEN && state != CLOSED {
            return None;
        }
        let mut bytes = [0; NAME_LEN];
        for (bytes, word) in bytes.chunks_exact_mut(8).zip(&self.name) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(NAME_LEN);
        let name = core::str::from_utf8(bytes.get(..len).unwrap_or(&[])).unwrap_or("?");
        Some((
            String::try_from(name).unwrap_or_default(),
            state == CLOSED,
            self.counts(),
        ))
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            cached: self.cached.load(Ordering::Relaxed) as usize,
            posted: self.posted.left(self.posted_off.load(Ordering::Relaxed)),
            completing: self.left_completing(),
        }
    }

    #[inline]
    pub(super) fn posted(&self) -> usize {
        let left = self.posted.left(self.posted_off.load(Ordering::Relaxed));
        left.max(0) as usize
    }

    #[inline]
    pub(super) fn completing(&self) -> usize {
        self.left_completing().max(0) as usize
    }

    #[inline]
    fn left_completing(&self) -> i32 {
        let returned = self.returned.load(Ordering::Relaxed);
        let off = self.completing_off.load(Ordering::Relaxed);
        self.completing.left(off.wrapping_add(returned))
    }

    /// Counts off what the account's thread has sent and the one that calls has received.
    #[inline]
    pub(super) fn take_returned(&self, most: u32) -> u32 {
        let taken = (self.completing() as u32).min(most);
        self.returned.add(taken);
        taken
    }

    /// Counts what the account's own thread has moved.
    #[inline]
    pub(super) fn count(&self, posted: i32, completing: i32) {
        // Mostly one of them is a constant zero, and neither read nor written then.
        if posted != 0 {
            self.posted.add(posted as u32);
        }
        if completing != 0 {
            self.completing.add(completing as u32);
        }
    }

    #[inline]
    pub(super) fn count_cached(&self, cached: i32) {
        self.cached.add(cached as u32);
    }

    /// Counts what one of several threads has moved.
    #[inline]
    pub(super) fn count_shared(&self, posted: i32, completing: i32) {
        self.posted_off.fetch_sub(posted as u32, Ordering::Relaxed);
        self.completing_off
            .fetch_sub(completing as u32, Ordering::Relaxed);
    }

    pub(super) fn take_posted(&self, most: u32) -> u32 {
        self.posted.take(0, &self.posted_off, most)
    }

    pub(super) fn take_completing(&self, most: u32) -> u32 {
        let returned = self.returned.load(Ordering::Relaxed);
        self.completing.take(returned, &self.completing_off, most)
    }

    fn claim(&self, name: &str) -> bool {
        let claimed =
            self.state
                .compare_exchange(VACANT, OPENING, Ordering::Acquire, Ordering::Relaxed);
        if claimed.is_err() {
            return false;
        }
        let cut = name.floor_char_boundary(NAME_LEN);
        let mut bytes = [0; NAME_LEN];
        for (byte, &from) in bytes.iter_mut().zip(name.as_bytes().iter().take(cut)) {
            *byte = from;
        }
        for (word, bytes) in self.name.iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        self.state.store(OPEN, Ordering::Release);
        true
    }

    pub(super) fn close(&self) {
        let Counts {
            cached,
            posted,
            completing,
        } = self.counts();
        let kept = cached != 0 || posted != 0 || completing != 0;
        self.state
            .store(if kept { CLOSED } else { VACANT }, Ordering::Release);
    }
}

/// A counter that one thread writes and any may read.
#[derive(Debug)]
struct Counter(AtomicU32);

impl Counter {
    fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline]
    fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }

    // A load and a store, not a locked addition: the account is not `Sync`, so one thread writes.
    #[inline]
    fn add(&self, count: u32) {
        self.set(self.load(Ordering::Relaxed).wrapping_add(count));
    }

    #[inline]
    fn sub(&self, count: u32) {
        self.set(self.load(Ordering::Relaxed).wrapping_sub(count));
    }

    /// What is left of it without what was counted off. Of two threads that count at the same time it may
    /// be below zero.
    #[inline]
    fn left(&self, off: u32) -> i32 {
        self.load(Ordering::Relaxed).wrapping_sub(off).cast_signed()
    }

    /// Counts off what is left besides what has `returned`, up to `most`.
    fn take(&self, returned: u32, off: &AtomicU32, most: u32) -> u32 {
        let mut gone = off.load(Ordering::Relaxed);
        loop {
            let left = self.left(gone.wrapping_add(returned));
            let taken = left.max(0).cast_unsigned().min(most);
            if taken == 0 {
                return 0;
            }
            match off.compare_exchange_weak(
                gone,
                gone.wrapping_add(taken),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(now) => gone = now,
            }
        }
    }
}

const VACANT: u32 = 0;
const OPENING: u32 = 1;
const OPEN: u32 = 2;
const CLOSED: u32 = 3;

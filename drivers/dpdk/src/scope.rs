//! Where frames come from and go to while a thread is inside DPDK.
//!
//! DPDK asks its mempool for mbufs and gives them back in the middle of a burst: from and to a cache that
//! it keeps for the thread, and by hundreds at a time by the mempool's operations, which are here. They
//! find the burst that is under way on their thread, with the cache of the worker. Outside a burst (a
//! port starts or stops, a thread of DPDK's own frees something) they go by the pool's shared list.

use core::cell::Cell;
use core::ffi::{c_int, c_uint, c_void};
use core::mem::MaybeUninit;
use core::ptr;

use linecard::mempool::Cache;

use crate::ffi::{self, Kept, Mbuf, Mempool};
use crate::mbuf;
use crate::memory::Shared;

/// One burst, or one operation on a port.
pub(crate) struct Scope {
    shared: &'static Shared,
    /// The worker's cache, or null.
    cache: *mut Cache<'static>,
    /// Frames that the mempool's operations have taken from the program in the call, less those that
    /// they have given it.
    taken: i32,
    /// Whether DPDK was refused frames because there were none, when it last asked: it asks for some
    /// to spare, and then for what it needs.
    pub(crate) starved: bool,
}

impl Scope {
    /// A burst, by a worker with this cache.
    #[inline]
    pub(crate) fn new(shared: &'static Shared, cache: &mut Cache<'_>) -> Self {
        Self {
            shared,
            cache: ptr::from_mut(cache).cast(),
            taken: 0,
            starved: false,
        }
    }

    /// An operation without a cache.
    pub(crate) fn uncached(shared: &'static Shared) -> Self {
        Self {
            shared,
            cache: ptr::null_mut(),
            taken: 0,
            starved: false,
        }
    }

    /// Calls a driver's burst, which says what it made of the thread's cache; gives what it answers, and
    /// how many frames were freed meanwhile, less those allocated. `call` does nothing but that: it does
    /// not unwind.
    #[inline]
    pub(crate) fn burst(
        &mut self,
        call: impl FnOnce(*mut Mempool, &mut Kept) -> u16,
    ) -> (usize, i32) {
        let mut kept = Kept::default();
        let mempool = self.shared.mempool();
        let answer = self.call(|| call(mempool, &mut kept));
        if kept.more != 0 {
            self.shared.count_kept(kept.lcore, kept.more);
        }
        let freed = kept.more.wrapping_sub(self.taken);
        if kept.len > 0 && self.is_short() {
            self.drain(kept.lcore);
        }
        (answer.into(), freed)
    }

    /// Does something to a port with these accounts, or to none; what DPDK allocates and frees meanwhile
    /// on this thread goes by this scope, and is counted. Nothing stays in the thread's cache.
    pub(crate) fn enter<R>(&mut self, port: &[u8], call: impl FnOnce() -> R) -> R {
        let mempool = self.shared.mempool();
        if mempool.is_null() {
            return self.call(call);
        }
        let mut kept = Kept::default();
        // SAFETY: the mempool is there as long as a port is on it.
        unsafe { ffi::lc_dpdk_kept(mempool, &mut kept) };
        let before = kept.len;
        let answer = self.call(call);
        // SAFETY: as above.
        unsafe { ffi::lc_dpdk_kept(mempool, &mut kept) };
        let more = kept.len.wrapping_sub(before).cast_signed();
        self.shared.count_kept(kept.lcore, more);
        self.shared
            .settle_freed(more.wrapping_sub(self.taken), port);
        self.drain(kept.lcore);
        answer
    }

    /// Takes all out of a thread's cache of DPDK's: of this thread, or of any if nobody is inside DPDK
    /// with this mempool any more.
    #[cold]
    #[inline(never)]
    pub(crate) fn drain(&mut self, lcore: u32) {
        let mempool = self.shared.mempool();
        if mempool.is_null() {
            return;
        }
        let mut first = ptr::null_mut();
        // SAFETY: the mempool is there, and nobody else uses the cache: the caller's promise.
        let count = unsafe { ffi::lc_dpdk_drain(mempool, lcore, &raw mut first) };
        if count > 0 {
            self.shared.count_kept(lcore, (count as i32).wrapping_neg());
            // SAFETY: so many are in that cache, where DPDK reads and writes nothing before somebody is
            // inside it again.
            self.give(unsafe { core::slice::from_raw_parts(first, count as usize) });
        }
    }

    /// Whether neither worker nor pool has a frame left.
    #[inline]
    fn is_short(&self) -> bool {
        // SAFETY: as in `give`.
        let cache = unsafe { self.cache.as_ref() };
        cache.is_some_and(Cache::is_empty) && self.shared.pool().free_frames() == 0
    }

    #[inline]
    fn call<R>(&mut self, call: impl FnOnce() -> R) -> R {
        self.taken = 0;
        let before = CURRENT.replace(ptr::from_mut(self));
        let answer = call();
        CURRENT.set(before);
        answer
    }

    /// DPDK gives mbufs back.
    fn give(&mut self, mbufs: &[*mut Mbuf]) {
        let frames = self.shared.frames();
        let known = mbufs.iter().filter_map(|&mbuf| {
            let index = frames.index_of(mbuf);
            let index = index.filter(|&index| frames.is_held(index));
            match index {
                // SAFETY: an mbuf of the pool, which DPDK had and gives back.
                Some(_) => unsafe { mbuf::mark(mbuf, mbuf::OURS) },
                None => self.shared.count_invalid(),
            }
            index
        });
        // SAFETY: null, or from the exclusive borrow that `new` was called with, whose owner is in
        // the burst of which this is the scope and does not touch it meanwhile. The lifetime was
        // only lengthened: the cache is used for numbers of frames of a pool that lives for ever,
        // and nothing is kept.
        let cache = unsafe { self.cache.as_mut() };
        // SAFETY: by their marks DPDK had each, and it gives each back.
        unsafe { self.shared.account().give(cache, known) };
        self.taken = self.taken.wrapping_sub(mbufs.len() as i32);
    }

    /// Takes as many frames for DPDK as `mbufs` has places; false, and none, if there are fewer.
    fn take(&mut self, mbufs: &mut [MaybeUninit<*mut Mbuf>]) -> bool {
        let frames = self.shared.frames();
        let count = mbufs.len();
        // SAFETY: as in `give`.
        let cache = unsafe { self.cache.as_mut() };
        let mut places = mbufs.iter_mut();
        let taken = self.shared.account().take(cache, count, |index| {
            let mbuf = frames.mbuf(index);
            // SAFETY: the mbuf of a frame that was free until now.
            unsafe { mbuf::mark(mbuf, mbuf::THEIRS) };
            if let Some(place) = places.next() {
                place.write(mbuf);
            }
        });
        self.taken = self.taken.wrapping_add(taken as i32);
        self.starved = taken < count;
        if self.starved {
            let taken = mbufs.get(..taken).unwrap_or(&[]);
            // SAFETY: a place was written above for each frame that was taken.
            self.give(unsafe { taken.assume_init_ref() });
        }
        !self.starved
    }
}

thread_local! {
    /// The scope whose `call` is under way on this thread.
    static CURRENT: Cell<*mut Scope> = const { Cell::new(ptr::null_mut()) };
}

/// Does something in the scope that is under way, or in one of its own.
#[inline]
fn with<R>(shared: &'static Shared, work: impl FnOnce(&mut Scope) -> R) -> R {
    // SAFETY: null, or a scope that is borrowed exclusively by its `call`, which is on this
    // thread's stack below and does not touch it before DPDK returns; and the mempool's operations
    // do not call each other.
    match unsafe { CURRENT.get().as_mut() } {
        Some(scope) if ptr::eq(scope.shared, shared) => work(scope),
        _ => {
            let mut scope = Scope::uncached(shared);
            let answer = work(&mut scope);
            shared.settle_freed(scope.taken.wrapping_neg(), &[]);
            answer
        }
    }
}

/// The mempool's `dequeue`: all that are asked for, or none and an error.
///
/// # Safety
///
/// `owner` is the [`Shared`] of the mempool's layout; `objects` has room for `count`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lc_dpdk_take(
    owner: *const c_void,
    objects: *mut *mut Mbuf,
    count: c_uint,
) -> c_int {
    // SAFETY: `Memory::new` puts it there, and it lives for ever.
    let shared: &'static Shared = unsafe { &*owner.cast() };
    // SAFETY: there is room for `count`, is the caller's promise; nothing need have been written there.
    let objects = unsafe { core::slice::from_raw_parts_mut(objects.cast(), count as usize) };
    match with(shared, |scope| scope.take(objects)) {
        true => 0,
        false => -libc::ENOENT,
    }
}

/// The mempool's `enqueue`.
///
/// # Safety
///
/// As for [`lc_dpdk_take`]; there are `count` objects.
#[unsafe(no_mangle)]
unsafe extern "C" fn lc_dpdk_give(
    owner: *const c_void,
    objects: *const *mut Mbuf,
    count: c_uint,
) -> c_int {
    // SAFETY: as in `lc_dpdk_take`.
    let shared: &'static Shared = unsafe { &*owner.cast() };
    // SAFETY: there are `count` is the caller's promise.
    let objects = unsafe { core::slice::from_raw_parts(objects, count as usize) };
    with(shared, |scope| scope.give(objects));
    0
}

/// The mempool's `get_count`.
///
/// # Safety
///
/// As for [`lc_dpdk_take`].
#[unsafe(no_mangle)]
unsafe extern "C" fn lc_dpdk_free(owner: *const c_void) -> c_uint {
    // SAFETY: as in `lc_dpdk_take`.
    let shared: &'static Shared = unsafe { &*owner.cast() };
    shared.pool().free_frames() as c_uint
}

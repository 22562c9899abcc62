//! Where frames come from and go to while a thread is inside DPDK.
//!
//! DPDK asks its mempool for mbufs and gives them back in the middle of a burst. The mempool's
//! operations find the burst that is under way on their thread here, with the cache of the worker
//! and the account of the queue. Outside a burst (a port starts or stops, a thread of DPDK's own
//! frees something) they go by the pool's shared list.
//!
//! What DPDK frees on a thread that it knows stays in the mempool's cache of that thread until the call
//! is over, and is taken out of there all at once: a call for each would cost more than all the rest.

use core::cell::Cell;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

use linecard::mempool::{Cache, Frame, FrameIndex, Moves, SharedAccount};

use crate::ffi::{self, Mbuf};
use crate::frames::{Frames, Held};
use crate::memory::Shared;

/// One burst, or one operation on a port.
pub(crate) struct Scope {
    shared: &'static Shared,
    /// The worker's cache, or null.
    cache: *mut Cache<'static>,
    /// What is moved under the queue's own account.
    own: Moves<'static, 'static>,
    /// What is moved under another one: frames that came by another queue.
    other: Option<Moves<'static, 'static>>,
    /// Whether DPDK was refused frames because there were none; it asks twice.
    pub(crate) starved: bool,
}

impl Scope {
    /// A burst of a queue with this account, by a worker with this cache.
    #[inline]
    pub(crate) fn new(
        shared: &'static Shared,
        account: &'static SharedAccount<'static>,
        cache: &mut Cache<'_>,
    ) -> Self {
        Self {
            shared,
            cache: ptr::from_mut(cache).cast(),
            own: account.moves(),
            other: None,
            starved: false,
        }
    }

    /// An operation without a cache.
    pub(crate) fn uncached(shared: &'static Shared) -> Self {
        Self {
            shared,
            cache: ptr::null_mut(),
            own: shared.account().moves(),
            other: None,
            starved: false,
        }
    }

    /// Calls into DPDK; what it allocates and frees meanwhile on this thread goes by this scope.
    /// `call` does nothing but that: it does not unwind.
    #[inline]
    pub(crate) fn enter<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let before = CURRENT.replace(ptr::from_mut(self));
        let answer = call();
        CURRENT.set(before);
        let mempool = self.shared.mempool();
        if !mempool.is_null() {
            let mut first = ptr::null_mut();
            // SAFETY: the mempool is there as long as a port is on it.
            let count = unsafe { ffi::lc_dpdk_drain(mempool, &raw mut first) };
            if count > 0 {
                // SAFETY: so many are in this thread's cache, where DPDK reads and writes nothing before
                // this thread is inside it again; the mempool's operations do not go by the cache.
                self.free(unsafe { core::slice::from_raw_parts_mut(first, count as usize) });
            }
        }
        answer
    }

    /// Frees what DPDK has given back; the slice holds anything afterwards.
    fn free(&mut self, mbufs: &mut [*mut Mbuf]) {
        let frames = self.shared.frames();
        let usual = Held::sent(self.own.id().number());
        let mbufs = Cell::from_mut(mbufs).as_slice_of_cells();
        // Those that are not like most come to the front.
        let mut left = 0;
        let sent = mbufs.iter().filter_map(|mbuf| {
            let index = frames.index_of(mbuf.get());
            let index = index.filter(|&index| frames.held(index) == Some(usual));
            match (index, mbufs.get(left)) {
                (None, Some(place)) => {
                    place.set(mbuf.get());
                    left += 1;
                }
                (None, None) => {}
                (Some(index), _) => {
                    frames.release(index);
                }
            }
            index
        });
        // SAFETY: as in `post`.
        match unsafe { self.cache.as_mut() } {
            // SAFETY: the table said of each that it was lent under this account, and says so no
            // more; DPDK has freed it.
            Some(cache) => unsafe { self.own.complete_burst(cache, sent) },
            None => left = mbufs.len(),
        }
        for mbuf in mbufs.iter().take(left) {
            self.give(mbuf.get());
        }
    }

    /// DPDK gives an mbuf back.
    #[inline]
    fn give(&mut self, mbuf: *mut Mbuf) {
        match self.shared.frames().index_of(mbuf) {
            Some(index) => self.give_back(index),
            None => self.shared.count_invalid(),
        }
    }

    /// Takes up to `count` frames for DPDK, each handed to `each`; gives how many there were.
    #[inline]
    fn post(&mut self, count: usize, mut each: impl FnMut(FrameIndex)) -> usize {
        let frames = self.shared.frames();
        let held = Held::posted(self.own.id().number());
        let mut post = |index| {
            frames.hold(index, held);
            each(index);
        };
        // SAFETY: null, or from the exclusive borrow that `new` was called with, whose owner is in
        // the burst of which this is the scope and does not touch it meanwhile. The lifetime was
        // only lengthened: the cache is used for numbers of frames of a pool that lives for ever,
        // and nothing is kept.
        let taken = match unsafe { self.cache.as_mut() } {
            Some(cache) if ptr::eq(cache.pool(), self.shared.pool()) => {
                self.own.post_burst(cache, count, post)
            }
            _ => (0..count)
                .map_while(|_| self.own.post_shared().map(&mut post))
                .count(),
        };
        self.starved |= taken < count;
        taken
    }

    /// Frees a frame that DPDK gives back.
    #[inline]
    fn give_back(&mut self, index: FrameIndex) {
        let Some(held) = self.shared.frames().release(index) else {
            self.shared.count_invalid();
            return;
        };
        // SAFETY: as in `post`.
        let cache = unsafe { self.cache.as_mut() };
        let moves = self.moves_of(held.account());
        if held.is_sent() {
            // SAFETY: the table said that it was lent under this account, and says so no more;
            // DPDK has freed it.
            unsafe { moves.complete(cache, index) };
        } else {
            // SAFETY: as above, that it was posted.
            unsafe { moves.unpost(cache, index) };
        }
    }

    /// What was lent before the call, to be counted with what comes back in it.
    #[inline]
    pub(crate) fn lent(mut self, lent: Moves<'static, 'static>) -> Self {
        self.own = lent;
        self
    }

    /// For the frames that the call has handed out as received, with what it has allocated; those
    /// that the last call handed out were held like this.
    #[inline]
    pub(crate) fn taking(&mut self, usual: Held) -> Taking {
        let account = self.own.id().number();
        Taking {
            shared: self.shared,
            held: usual,
            moves: match usual.account() == account {
                true => {
                    let fresh = self.shared.account_or_outside(account).moves();
                    core::mem::replace(&mut self.own, fresh)
                }
                false => self.shared.account_or_outside(usual.account()).moves(),
            },
        }
    }

    /// Takes back what DPDK did not take.
    ///
    /// # Safety
    ///
    /// As for [`Moves::unlend`].
    #[inline]
    pub(crate) unsafe fn unlend(&mut self, index: FrameIndex) {
        self.shared.frames().release(index);
        // SAFETY: the caller's promise.
        unsafe { self.own.unlend(index) };
    }

    /// What is moved under an account, by its number.
    #[inline]
    fn moves_of(&mut self, account: u8) -> &mut Moves<'static, 'static> {
        if self.own.id().number() == account {
            return &mut self.own;
        }
        let other = self.other.take();
        let same = other.filter(|moves| moves.id().number() == account);
        let shared = self.shared;
        self.other
            .insert(same.unwrap_or_else(|| shared.account_or_outside(account).moves()))
    }
}

/// Frames that DPDK hands out: mostly all of a burst were held in the same way.
pub(crate) struct Taking {
    shared: &'static Shared,
    held: Held,
    moves: Moves<'static, 'static>,
}

impl Taking {
    /// How the last frame was held.
    #[inline]
    pub(crate) fn usual(&self) -> Held {
        self.held
    }

    /// Takes over a frame that DPDK hands out as received. `None`, and DPDK still has it, if it
    /// never had, or the window is not inside the frame.
    #[inline(always)]
    pub(crate) fn receive(
        &mut self,
        frames: Frames,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'static>> {
        let held = frames.held(index)?;
        if held != self.held {
            self.moves = other_moves(self.shared, held);
            self.held = held;
        }
        let frame = if held.is_sent() {
            // SAFETY: the table says that it was lent under this account, and from here on says so
            // no more; DPDK has handed it out.
            unsafe { self.moves.receive_sent(index, offset, len) }
        } else {
            // SAFETY: as above, that it was posted.
            unsafe { self.moves.receive(index, offset, len) }
        }?;
        frames.release(index);
        Some(frame)
    }
}

#[cold]
#[inline(never)]
fn other_moves(shared: &'static Shared, held: Held) -> Moves<'static, 'static> {
    shared.account_or_outside(held.account()).moves()
}

thread_local! {
    /// The scope whose `enter` is under way on this thread.
    static CURRENT: Cell<*mut Scope> = const { Cell::new(ptr::null_mut()) };
}

/// Does something in the scope that is under way, or in one of its own.
#[inline]
fn with<R>(shared: &'static Shared, work: impl FnOnce(&mut Scope) -> R) -> R {
    // SAFETY: null, or a scope that is borrowed exclusively by its `enter`, which is on this
    // thread's stack below and does not touch it before DPDK returns; and the mempool's operations
    // do not call each other.
    match unsafe { CURRENT.get().as_mut() } {
        Some(scope) if ptr::eq(scope.shared, shared) => work(scope),
        _ => work(&mut Scope::uncached(shared)),
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
    with(shared, |scope| {
        let frames = shared.frames();
        let mut next = objects;
        let taken = scope.post(count as usize, |index| {
            // SAFETY: there is room for `count`, is the caller's promise.
            unsafe { next.write(frames.mbuf(index)) };
            next = next.wrapping_add(1);
        });
        if taken == count as usize {
            return 0;
        }
        for at in 0..taken {
            // SAFETY: written above.
            let mbuf = unsafe { objects.wrapping_add(at).read() };
            if let Some(index) = frames.index_of(mbuf) {
                scope.give_back(index);
            }
        }
        -libc::ENOENT
    })
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
    with(shared, |scope| {
        for at in 0..count as usize {
            // SAFETY: there are `count` is the caller's promise.
            scope.give(unsafe { objects.wrapping_add(at).read() });
        }
        0
    })
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

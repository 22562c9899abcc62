//! Where frames come from and go to while a thread is inside DPDK.
//!
//! DPDK asks its mempool for mbufs and gives them back in the middle of a burst. The mempool's
//! operations find the burst that is under way on their thread here, with the cache of the worker
//! and the account of the queue. Outside a burst (a port starts or stops, a thread of DPDK's own
//! frees something) they go by the pool's shared list.

use core::cell::Cell;
use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

use linecard::mempool::{Cache, Frame, FrameIndex, Moves, SharedAccount};

use crate::ffi::Mbuf;
use crate::memory::{Held, Shared};

/// One burst, or one operation on a port.
pub(crate) struct Scope {
    shared: &'static Shared,
    /// The worker's cache, or null.
    cache: *mut Cache<'static>,
    /// What is moved under the queue's own account.
    own: Moves<'static, 'static>,
    /// What is moved under another one: frames that came by another queue.
    other: Option<Moves<'static, 'static>>,
    /// Times that DPDK was refused a frame because there was none.
    pub(crate) no_frames: u64,
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
            no_frames: 0,
        }
    }

    /// An operation without a cache.
    pub(crate) fn uncached(shared: &'static Shared) -> Self {
        Self {
            shared,
            cache: ptr::null_mut(),
            own: shared.account().moves(),
            other: None,
            no_frames: 0,
        }
    }

    /// Calls into DPDK; what it allocates and frees meanwhile on this thread goes by this scope.
    /// `call` does nothing but that: it does not unwind.
    #[inline]
    pub(crate) fn enter<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let before = CURRENT.replace(ptr::from_mut(self));
        let answer = call();
        CURRENT.set(before);
        answer
    }

    /// Takes a frame for DPDK.
    #[inline]
    fn post(&mut self) -> Option<FrameIndex> {
        // SAFETY: null, or from the exclusive borrow that `new` was called with, whose owner is in
        // the burst of which this is the scope and does not touch it meanwhile. The lifetime was
        // only lengthened: the cache is used for numbers of frames of a pool that lives for ever,
        // and nothing is kept.
        let index = match unsafe { self.cache.as_mut() } {
            Some(cache) if ptr::eq(cache.pool(), self.shared.pool()) => self.own.post(cache),
            _ => self.own.post_shared(),
        };
        match index {
            Some(index) => self.shared.hold(index, Held::Posted, self.own.id()),
            None => self.no_frames += 1,
        }
        index
    }

    /// Frees a frame that DPDK gives back.
    #[inline]
    fn give_back(&mut self, index: FrameIndex) {
        let Some((held, account)) = self.shared.release(index) else {
            self.shared.count_invalid();
            return;
        };
        // SAFETY: as in `post`.
        let cache = unsafe { self.cache.as_mut() };
        let moves = self.moves_of(account);
        match held {
            // SAFETY: the table said that it was posted under this account, and says so no more;
            // DPDK has freed it.
            Held::Posted => unsafe { moves.unpost(cache, index) },
            // SAFETY: as above, that it was lent.
            Held::Sent => unsafe { moves.complete(cache, index) },
        }
    }

    /// Takes over a frame that DPDK hands out as received. `None`, and DPDK still has it, if it
    /// never had, or the window is not inside the frame.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        index: FrameIndex,
        offset: usize,
        len: usize,
    ) -> Option<Frame<'static>> {
        let (held, account) = self.shared.held(index)?;
        let moves = self.moves_of(account);
        let frame = match held {
            // SAFETY: the table says that it was posted under this account, and from here on says
            // so no more; DPDK has handed it out.
            Held::Posted => unsafe { moves.receive(index, offset, len) },
            // SAFETY: as above, that it was lent.
            Held::Sent => unsafe { moves.receive_sent(index, offset, len) },
        }?;
        self.shared.release(index);
        Some(frame)
    }

    /// Writes down that a frame goes to DPDK to be sent.
    ///
    /// # Safety
    ///
    /// As for [`Moves::lend`].
    #[inline]
    pub(crate) unsafe fn lend(&mut self, index: FrameIndex) {
        // SAFETY: the caller's promise.
        unsafe { self.own.lend(index) };
        self.shared.hold(index, Held::Sent, self.own.id());
    }

    /// Takes back what DPDK did not take.
    ///
    /// # Safety
    ///
    /// As for [`Moves::unlend`].
    #[inline]
    pub(crate) unsafe fn unlend(&mut self, index: FrameIndex) {
        self.shared.release(index);
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
        self.other.insert(same.unwrap_or_else(|| {
            // Accounts are registered before a frame can be held under them, and never removed.
            let account = shared.account_by(account).unwrap_or(shared.account());
            account.moves()
        }))
    }
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
        for at in 0..count as usize {
            let Some(index) = scope.post() else {
                for at in 0..at {
                    // SAFETY: written below, in an earlier round.
                    let mbuf = unsafe { objects.wrapping_add(at).read() };
                    if let Some(index) = shared.index_of(mbuf) {
                        scope.give_back(index);
                    }
                }
                return -libc::ENOENT;
            };
            // SAFETY: there is room for `count`, is the caller's promise.
            unsafe { objects.wrapping_add(at).write(shared.mbuf(index)) };
        }
        0
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
            let mbuf = unsafe { objects.wrapping_add(at).read() };
            match shared.index_of(mbuf) {
                Some(index) => scope.give_back(index),
                None => shared.count_invalid(),
            }
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

//! A pool that DPDK knows: its region registered, an mbuf in every frame, and who has which.
//!
//! DPDK has places for 128 regions of memory, its own among them. A pool takes one for as long as
//! a [`Memory`] or a port of it is there.

use core::ffi::c_void;
use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::boxed::Box;
use std::string::String;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::vec::Vec;

use linecard::mempool::{Pool, PoolError, SharedAccount};

use crate::eal::{self, Eal};
use crate::error::Error;
use crate::ffi::{self, Layout, Mempool};
use crate::frames::{Frames, HEADER};
use crate::mbuf::MBUF;
use crate::scope::Scope;

/// The least private area of a pool's frames, in bytes: an mbuf, and a line for its header in
/// front.
///
/// With 64 bytes more the mbufs are spread over two cache lines, with 192 more over four, so that
/// those of a burst do not all fall into the same few sets of the caches.
pub const PRIVATE: usize = HEADER + MBUF;

/// A pool whose frames DPDK may receive into and send from.
///
/// The pool is there for as long as the process: a driver may come back to a frame at any time.
/// Ports on the same pool share it, with whatever other ports that pool has. DPDK knows the pool
/// until the last handle and the last port are dropped; a pool of which a driver has kept frames
/// even then stays known.
///
/// ```no_run
/// use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// use linecard_dpdk::{Eal, EalConfig, Memory, PRIVATE};
///
/// let memory: &'static mut [u8] = vec![0; 4097 * 2048].leak();
/// let start = memory.as_ptr().align_offset(4096);
/// let region = Region::from_slice(&mut memory[start..][..4094 * 2048]);
/// let slots: &'static [Slot] = (0..4094).map(|_| Slot::new()).collect::<Vec<_>>().leak();
/// let config = PoolConfig { private: PRIVATE, ..PoolConfig::default() };
/// let pool: &'static Pool = Box::leak(Box::new(Pool::new(region, slots, config)?));
///
/// let memory = Memory::new(Eal::start(&EalConfig::default())?, pool)?;
/// assert_eq!(memory.pool().frames(), 4094);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Memory {
    known: Arc<Known>,
}

impl Memory {
    /// Makes a pool known to DPDK, or gives another handle if it is.
    ///
    /// # Errors
    ///
    /// [`Error::Private`], [`Error::FrameSize`], [`Error::NotOnPages`], [`Error::Scattered`],
    /// [`Error::Pool`], [`Error::Memory`].
    pub fn new(eal: Eal, pool: &'static Pool<'static>) -> Result<Self, Error> {
        let _ = eal;
        let mut pools = pools();
        let number = match pools.iter().position(|met| ptr::eq(met.shared.pool, pool)) {
            Some(number) => number,
            None => {
                pools.push(Met {
                    shared: Shared::new(pool)?,
                    known: Weak::new(),
                });
                pools.len() - 1
            }
        };
        let met = &mut pools[number];
        if let Some(known) = met.known.upgrade() {
            return Ok(Self { known });
        }
        met.shared.register(number)?;
        let known = Arc::new(Known { shared: met.shared });
        met.known = Arc::downgrade(&known);
        Ok(Self { known })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &'static Pool<'static> {
        self.shared().pool
    }

    /// Frames that DPDK gave back without having them: a driver's fault, and never believed.
    #[must_use]
    pub fn invalid(&self) -> u64 {
        self.shared().invalid.load(Ordering::Relaxed)
    }

    /// The longest packet in bytes that one frame receives.
    #[must_use]
    pub fn max_receive(&self) -> usize {
        let pool = self.pool();
        pool.frame_size()
            .saturating_sub(pool.config().private + HEADROOM)
    }

    pub(crate) fn shared(&self) -> &'static Shared {
        self.known.shared
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("frames", &self.pool().frames())
            .field("invalid", &self.invalid())
            .finish_non_exhaustive()
    }
}

/// That DPDK knows a pool.
struct Known {
    shared: &'static Shared,
}

impl Drop for Known {
    fn drop(&mut self) {
        let pools = pools();
        let again = pools
            .iter()
            .any(|met| ptr::eq(met.shared, self.shared) && met.known.strong_count() > 0);
        // Between the last handle and here somebody may have asked for the pool anew.
        if !again {
            self.shared.unregister();
        }
    }
}

/// A pool that was made known once, and whether it is now.
struct Met {
    shared: &'static Shared,
    known: Weak<Known>,
}

fn pools() -> MutexGuard<'static, Vec<Met>> {
    // A thread that panicked while it held the lock has left the list whole.
    POOLS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Empties what DPDK keeps for the calling thread, of all pools: a thread that comes later may get its
/// number, or nobody.
pub(crate) fn leave(lcore: u32) {
    for met in pools().iter() {
        met.shared.drain(lcore);
    }
}

/// What the ports on a pool share.
pub(crate) struct Shared {
    pool: &'static Pool<'static>,
    frames: Frames,
    mempool: AtomicPtr<Mempool>,
    accounts: [OnceLock<SharedAccount<'static>>; ACCOUNTS],
    /// What DPDK keeps for each thread, by the thread's number with it; none if there were too many
    /// accounts when it was first needed.
    kept: Box<[OnceLock<Option<SharedAccount<'static>>>]>,
    names: Mutex<Vec<(String, u8)>>,
    /// What DPDK does outside of bursts.
    outside: u8,
    invalid: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("frames", &self.frames.count())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn new(pool: &'static Pool<'static>) -> Result<&'static Self, Error> {
        let private = pool.config().private;
        if private < PRIVATE {
            return Err(Error::Private {
                has: private,
                needs: PRIVATE,
            });
        }
        let frame_size = pool.frame_size();
        u16::try_from(frame_size - private).map_err(|_| Error::FrameSize(frame_size))?;
        let (base, len) = (pool.base().as_ptr(), pool.region_len());
        if !base.addr().is_multiple_of(PAGE) || !len.is_multiple_of(PAGE) {
            return Err(Error::NotOnPages { page: PAGE });
        }
        let lines = (private - PRIVATE) / 64 + 1;
        let colours = (1 << lines.ilog2()).min(MOST_COLOURS);
        let outside = SharedAccount::register(pool, "dpdk")?;
        let shared: &'static Self = Box::leak(Box::new(Self {
            pool,
            frames: Frames::new(pool, colours),
            mempool: AtomicPtr::new(ptr::null_mut()),
            accounts: [const { OnceLock::new() }; ACCOUNTS],
            kept: (0..ffi::lc_dpdk_lcores())
                .map(|_| OnceLock::new())
                .collect(),
            names: Mutex::default(),
            outside: outside.id().number(),
            invalid: AtomicU64::new(0),
        }));
        shared.keep(outside)?;
        Ok(shared)
    }

    /// Makes the region and its frames known to DPDK, if they are not.
    fn register(&'static self, number: usize) -> Result<(), Error> {
        if !self.mempool().is_null() {
            return Ok(());
        }
        let (base, len) = (self.frames.base(), self.pool.region_len());
        let _control = eal::control();
        let mut iovas = std::vec![0; len / PAGE];
        // SAFETY: the region is the pool's for ever (`Pool<'static>`), on whole pages (checked in
        // `new`), and `iovas` has an entry for each.
        let errno = unsafe { ffi::lc_dpdk_register_memory(base, len, PAGE, iovas.as_mut_ptr()) };
        if errno != 0 {
            let call = "register the pool's region with DPDK";
            return Err(Error::Memory { call, errno });
        }
        let mempool = match is_whole(&iovas, self.pool.frame_size()) {
            true => self.mempool_of(number),
            false => Err(Error::Scattered {
                frame_size: self.pool.frame_size(),
            }),
        };
        match mempool {
            Ok(mempool) => {
                self.mempool.store(mempool, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                // SAFETY: it was registered above, and no mempool is on it.
                unsafe { ffi::lc_dpdk_unregister_memory(base, len) };
                Err(error)
            }
        }
    }

    fn mempool_of(&'static self, number: usize) -> Result<*mut Mempool, Error> {
        let name = eal::c_string(std::format!("linecard{number}"))?;
        let mut layout = Layout {
            owner: ptr::from_ref(self).cast::<c_void>(),
            base: self.frames.base(),
            frames: self.pool.frames() as u32,
            frame_size: self.pool.frame_size() as u32,
            reserved: self.pool.config().private as u32,
            colours: self.frames.colours(),
        };
        let mut errno = 0;
        // SAFETY: the layout says the pool's own region and frames, and its owner lives for ever;
        // every frame has `PRIVATE` bytes that are the driver's alone (checked in `new`), into
        // which the mbufs are written now, while no port can have filled a frame by way of them.
        let mempool = unsafe { ffi::lc_dpdk_pool(name.as_ptr(), &raw mut layout, &raw mut errno) };
        match mempool.is_null() {
            true => Err(Error::Memory {
                call: "make a mempool of the pool",
                errno,
            }),
            false => Ok(mempool),
        }
    }

    /// Takes back what [`register`](Self::register) did, unless a driver has frames.
    fn unregister(&'static self) {
        let _control = eal::control();
        // No port is left, so that no thread is inside DPDK with this mempool.
        (0..self.kept.len() as u32).for_each(|lcore| self.drain(lcore));
        if self.frames.any_held() {
            return;
        }
        let mempool = self.mempool.swap(ptr::null_mut(), Ordering::AcqRel);
        if mempool.is_null() {
            return;
        }
        // SAFETY: made by `register`; no port is left on it, and no object is out.
        unsafe { ffi::lc_dpdk_free_pool(mempool) };
        // SAFETY: registered as it is said here, and no mempool is on it any more.
        unsafe { ffi::lc_dpdk_unregister_memory(self.frames.base(), self.pool.region_len()) };
    }

    #[inline]
    pub(crate) fn frames(&self) -> Frames {
        self.frames
    }

    #[inline]
    pub(crate) fn pool(&self) -> &'static Pool<'static> {
        self.pool
    }

    pub(crate) fn mempool(&self) -> *mut Mempool {
        self.mempool.load(Ordering::Acquire)
    }

    /// The account under which DPDK does what it does outside of bursts.
    pub(crate) fn account(&'static self) -> &'static SharedAccount<'static> {
        match self.account_by(self.outside) {
            Some(account) => account,
            None => unreachable!("registered before anybody could ask (`new`)"),
        }
    }

    /// An account by its number.
    pub(crate) fn account_by(&'static self, number: u8) -> Option<&'static SharedAccount<'static>> {
        self.accounts.get(usize::from(number))?.get()
    }

    /// All accounts of queues, and that of what is done outside of bursts.
    pub(crate) fn accounts(&'static self) -> impl Iterator<Item = &'static SharedAccount<'static>> {
        self.accounts.iter().filter_map(OnceLock::get)
    }

    /// Counts how many more free frames DPDK keeps for one of its threads than before, by that thread.
    #[inline]
    pub(crate) fn count_kept(&'static self, lcore: u32, more: i32) {
        match self.kept.get(lcore as usize).and_then(OnceLock::get) {
            Some(Some(account)) => account.count_cached(more),
            _ => self.count_kept_otherwise(lcore, more),
        }
    }

    #[cold]
    #[inline(never)]
    fn count_kept_otherwise(&'static self, lcore: u32, more: i32) {
        let account = self.kept.get(lcore as usize).and_then(|place| {
            // In a thread's first burst, which asks the system for no memory either.
            place
                .get_or_init(|| SharedAccount::register(self.pool, "dpdk, kept for a thread").ok())
                .as_ref()
        });
        match account {
            Some(account) => account.count_cached(more),
            None => self.account().count_shared(more, 0),
        }
    }

    /// Takes out what DPDK keeps for a thread that ends, or for nobody any more.
    fn drain(&'static self, lcore: u32) {
        Scope::uncached(self).drain(lcore);
    }

    /// The account of this name, made if there is none: a queue that is opened again has the one
    /// that it had.
    pub(crate) fn account_named(
        &'static self,
        name: &str,
    ) -> Result<&'static SharedAccount<'static>, PoolError> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let known = names.iter().find(|(known, _)| known == name);
        if let Some(account) = known.and_then(|&(_, number)| self.account_by(number)) {
            return Ok(account);
        }
        let account = SharedAccount::register(self.pool, name)?;
        let number = account.id().number();
        self.keep(account)?;
        names.push((name.into(), number));
        self.account_by(number).ok_or(PoolError::TooManyAccounts)
    }

    fn keep(&'static self, account: SharedAccount<'static>) -> Result<(), PoolError> {
        let place = self.accounts.get(usize::from(account.id().number()));
        // Numbers of accounts that live are different, and those here live for ever.
        place
            .and_then(|place| place.set(account).ok())
            .ok_or(PoolError::TooManyAccounts)
    }

    pub(crate) fn count_invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whether every frame is in one piece by the addresses that devices use, which are given for each
/// page of the region. Frames are powers of two, one behind the other from the region's start.
fn is_whole(iovas: &[u64], frame_size: usize) -> bool {
    let joined = |pages: &[u64]| {
        let mut pairs = pages.windows(2);
        pairs.all(|pair| matches!(pair, [a, b] if a.wrapping_add(PAGE as u64) == *b))
    };
    iovas.chunks((frame_size / PAGE).max(1)).all(joined)
}

/// The pools that were made known to DPDK at some time, by their numbers.
static POOLS: Mutex<Vec<Met>> = Mutex::new(Vec::new());

/// Bytes that drivers leave in front of received data (`RTE_PKTMBUF_HEADROOM`).
pub(crate) const HEADROOM: usize = 128;

/// Lines over which mbufs are spread at most: with frames of 2 KiB, more would leave no room for what
/// an MTU of 1,500 bytes receives.
const MOST_COLOURS: u32 = 4;

/// Bytes of a page, as the region is registered: the smallest there is.
const PAGE: usize = 4096;

/// Accounts of a pool.
const ACCOUNTS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_over_several_pages_wants_them_in_a_row() {
        let page = PAGE as u64;
        let apart = [8 * page, 2 * page, 3 * page, 4 * page];
        assert!(is_whole(&apart, 2048));
        assert!(is_whole(&apart, PAGE));
        assert!(!is_whole(&apart, 2 * PAGE));
        assert!(is_whole(
            &[8 * page, 9 * page, 2 * page, 3 * page],
            2 * PAGE
        ));
        assert!(!is_whole(&[0, page, 2 * page, 4 * page], 4 * PAGE));
        // By virtual addresses everything is in a row.
        let row: Vec<u64> = (0..64).map(|at| 0x7000_0000 + at * page).collect();
        assert!(is_whole(&row, 65_536));
    }
}

//! A pool that DPDK knows: its region registered, an mbuf in every frame, and who has which.

use core::ffi::c_void;
use core::fmt;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU64, Ordering};
use std::boxed::Box;
use std::string::String;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::vec::Vec;

use linecard::mempool::{AccountId, FrameIndex, Pool, PoolError, SharedAccount};

use crate::eal::{self, Eal};
use crate::error::Error;
use crate::ffi::{self, Layout, Mbuf, Mempool};
use crate::mbuf::MBUF;

/// The least private area of a pool's frames, in bytes: an mbuf, and a line for its header in
/// front.
///
/// With 64 bytes more the mbufs are spread over two cache lines, so that those of a burst do not
/// all fall into the same few sets of the caches.
pub const PRIVATE: usize = HEADER + MBUF;

/// A pool whose frames DPDK may receive into and send from.
///
/// It is there for as long as the process: a driver may come back to a frame at any time. Ports on
/// the same pool share it, with whatever other ports that pool has.
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
#[derive(Clone, Copy)]
pub struct Memory {
    shared: &'static Shared,
}

impl Memory {
    /// Makes a pool known to DPDK, or gives what was made of it before.
    ///
    /// # Errors
    ///
    /// [`Error::Private`], [`Error::FrameSize`], [`Error::NotOnPages`], [`Error::Pool`],
    /// [`Error::Memory`].
    pub fn new(eal: Eal, pool: &'static Pool<'static>) -> Result<Self, Error> {
        let _ = eal;
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.iter().find(|known| ptr::eq(known.pool, pool)) {
            return Ok(Self { shared });
        }
        let shared = Shared::new(pool, known.len())?;
        known.push(shared);
        Ok(Self { shared })
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &'static Pool<'static> {
        self.shared.pool
    }

    /// Frames that DPDK gave back without having them: a driver's fault, and never believed.
    #[must_use]
    pub fn invalid(&self) -> u64 {
        self.shared.invalid.load(Ordering::Relaxed)
    }

    /// The longest packet in bytes that one frame receives.
    #[must_use]
    pub fn max_receive(&self) -> usize {
        self.shared
            .pool
            .frame_size()
            .saturating_sub(self.shared.pool.config().private + HEADROOM)
    }

    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("frames", &self.shared.pool.frames())
            .field("invalid", &self.invalid())
            .finish_non_exhaustive()
    }
}

/// By which way DPDK got a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It allocated it.
    Posted,
    /// It was given it to send.
    Sent,
}

/// What the ports on a pool share.
pub(crate) struct Shared {
    pool: &'static Pool<'static>,
    base: *mut u8,
    /// Binary logarithm of the frame size.
    shift: u32,
    colours: u32,
    mempool: AtomicPtr<Mempool>,
    /// For each frame, whether DPDK has it, by which way, and under which account. An entry
    /// changes in the hands of whoever owns the frame, and ownership passes between threads with
    /// an order of its own: relaxed is enough.
    table: Box<[AtomicU8]>,
    accounts: [OnceLock<SharedAccount<'static>>; ACCOUNTS],
    names: Mutex<Vec<(String, u8)>>,
    /// What DPDK does outside of bursts.
    outside: u8,
    invalid: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("frames", &self.table.len())
            .finish_non_exhaustive()
    }
}

// SAFETY: `base` is the only field that is not `Send`; it is the pool's, which is.
unsafe impl Send for Shared {}
// SAFETY: `base` is only computed with; what is at the addresses belongs to whoever owns the frame.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(pool: &'static Pool<'static>, number: usize) -> Result<&'static Self, Error> {
        let private = pool.config().private;
        if private < PRIVATE {
            return Err(Error::Private {
                has: private,
                needs: PRIVATE,
            });
        }
        let frame_size = pool.frame_size();
        let reserved = u16::try_from(private).map_err(|_| Error::FrameSize(frame_size))?;
        let (base, len) = (pool.base().as_ptr(), pool.region_len());
        if !base.addr().is_multiple_of(PAGE) || !len.is_multiple_of(PAGE) {
            return Err(Error::NotOnPages { page: PAGE });
        }
        let lines = (private - PRIVATE) / 64 + 1;
        let colours = (1 << lines.ilog2()).min(MOST_COLOURS);
        let outside = SharedAccount::register(pool, "dpdk")?;
        let number_of = outside.id().number();
        let shared: &'static Self = Box::leak(Box::new(Self {
            pool,
            base,
            shift: frame_size.trailing_zeros(),
            colours,
            mempool: AtomicPtr::new(ptr::null_mut()),
            table: (0..pool.frames()).map(|_| AtomicU8::new(NOT)).collect(),
            accounts: [const { OnceLock::new() }; ACCOUNTS],
            names: Mutex::default(),
            outside: number_of,
            invalid: AtomicU64::new(0),
        }));
        shared.keep(outside)?;
        let layout = Box::leak(Box::new(Layout {
            owner: ptr::from_ref(shared).cast::<c_void>(),
            base,
            frames: pool.frames() as u32,
            frame_size: frame_size as u32,
            reserved: u32::from(reserved),
            colours,
        }));
        let _control = eal::control();
        let mut iovas = std::vec![0; len / PAGE];
        // SAFETY: the region is the pool's for ever (`Pool<'static>`), on whole pages (checked
        // above), and `iovas` has an entry for each.
        let errno = unsafe { ffi::lc_dpdk_register_memory(base, len, PAGE, iovas.as_mut_ptr()) };
        if errno != 0 {
            let call = "register the pool's region with DPDK";
            return Err(Error::Memory { call, errno });
        }
        let name = eal::c_string(std::format!("linecard{number}"))?;
        let mut errno = 0;
        // SAFETY: the layout says the pool's own region and frames, and with its owner lives for
        // ever; every frame has `PRIVATE` bytes that are the driver's alone (checked above), into
        // which the mbufs are written now, while no port can have filled a frame by way of them.
        let mempool = unsafe { ffi::lc_dpdk_pool(name.as_ptr(), layout, &raw mut errno) };
        if mempool.is_null() {
            let call = "make a mempool of the pool";
            return Err(Error::Memory { call, errno });
        }
        shared.mempool.store(mempool, Ordering::Release);
        Ok(shared)
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

    /// Bytes from the frame's start to its buffer, as DPDK knows it: the rule of `mbuf_offset` in
    /// `src/shim/mempool.c`, and the mbuf.
    #[inline]
    pub(crate) fn buffer_offset(&self, index: FrameIndex) -> usize {
        self.mbuf_offset(index) + MBUF
    }

    #[inline]
    fn mbuf_offset(&self, index: FrameIndex) -> usize {
        HEADER + 64 * (((index.0 >> 1) ^ (index.0 >> 6)) & (self.colours - 1)) as usize
    }

    /// The mbuf of a frame.
    #[inline]
    pub(crate) fn mbuf(&self, index: FrameIndex) -> *mut Mbuf {
        let offset = ((index.0 as usize) << self.shift) + self.mbuf_offset(index);
        self.base.wrapping_add(offset).cast()
    }

    /// The frame of an mbuf; `None` if it is not one of this pool's.
    #[inline]
    pub(crate) fn index_of(&self, mbuf: *mut Mbuf) -> Option<FrameIndex> {
        let offset = mbuf.addr().wrapping_sub(self.base.addr());
        let index = FrameIndex(u32::try_from(offset >> self.shift).ok()?);
        let own = (index.0 as usize) < self.table.len() && self.mbuf(index) == mbuf;
        own.then_some(index)
    }

    /// Writes down that DPDK has a frame now.
    #[inline]
    pub(crate) fn hold(&self, index: FrameIndex, held: Held, account: AccountId) {
        let way = match held {
            Held::Posted => POSTED,
            Held::Sent => SENT,
        };
        if let Some(entry) = self.table.get(index.0 as usize) {
            entry.store(way | account.number(), Ordering::Relaxed);
        }
    }

    /// How DPDK has a frame, and under which account; `None` if it does not.
    #[inline]
    pub(crate) fn held(&self, index: FrameIndex) -> Option<(Held, u8)> {
        let entry = self.table.get(index.0 as usize)?.load(Ordering::Relaxed);
        match entry & (POSTED | SENT) {
            POSTED => Some((Held::Posted, entry & NUMBER)),
            SENT => Some((Held::Sent, entry & NUMBER)),
            _ => None,
        }
    }

    /// As [`held`](Self::held); it does no more.
    #[inline]
    pub(crate) fn release(&self, index: FrameIndex) -> Option<(Held, u8)> {
        let held = self.held(index)?;
        if let Some(entry) = self.table.get(index.0 as usize) {
            entry.store(NOT, Ordering::Relaxed);
        }
        Some(held)
    }

    pub(crate) fn count_invalid(&self) {
        self.invalid.fetch_add(1, Ordering::Relaxed);
    }
}

/// The pools that are known to DPDK.
static KNOWN: Mutex<Vec<&'static Shared>> = Mutex::new(Vec::new());

/// Bytes in front of an mbuf: the mempool's header of an object, in a line of its own.
const HEADER: usize = 64;

/// Bytes that drivers leave in front of received data (`RTE_PKTMBUF_HEADROOM`).
pub(crate) const HEADROOM: usize = 128;

/// Lines over which mbufs are spread at most. A driver puts data [`HEADROOM`] behind the mbuf,
/// which for the first of them must not be in the private area: with four it would be.
const MOST_COLOURS: u32 = 2;
const _: () = assert!(PRIVATE + HEADROOM >= PRIVATE + 64 * (MOST_COLOURS as usize - 1));

/// Bytes of a page, as the region is registered: the smallest there is.
const PAGE: usize = 4096;

/// Accounts of a pool.
const ACCOUNTS: usize = 64;

const NOT: u8 = 0;
const POSTED: u8 = 0x40;
const SENT: u8 = 0x80;
const NUMBER: u8 = 0x3f;

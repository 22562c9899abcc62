//! DPDK's environment: started once, and its threads.

use core::cell::Cell;
use core::ffi::CStr;
use std::ffi::CString;
use std::string::String;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::vec::Vec;

use crate::config::{EalConfig, HugePages, IovaMode};
use crate::error::Error;
use crate::ffi;
use crate::memory;

/// DPDK, started in this process.
///
/// ```no_run
/// use linecard_dpdk::{Eal, EalConfig};
/// let eal = Eal::start(&EalConfig::default())?;
/// assert_eq!(Eal::started(), Some(eal));
/// # Ok::<(), linecard_dpdk::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eal(());

impl Eal {
    /// Starts DPDK. The calling thread becomes what DPDK calls its main one, and may run wherever
    /// it could before.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyStarted`], [`Error::Version`], [`Error::Argument`], [`Error::Eal`];
    /// [`Error::Physical`] where DPDK 22.11 alone would take virtual addresses without a word.
    pub fn start(config: &EalConfig) -> Result<Self, Error> {
        if config.iova == IovaMode::Physical && config.huge_pages == HugePages::No {
            return Err(Error::Physical { huge_pages: false });
        }
        let mut before = Err(Error::AlreadyStarted);
        STARTED.get_or_init(|| {
            before = start(config);
            before.is_ok()
        });
        before
    }

    /// DPDK, if it was started.
    #[must_use]
    pub fn started() -> Option<Self> {
        STARTED.get().filter(|&&started| started).map(|_| Self(()))
    }

    /// The version of libdpdk that was found: year and month.
    #[must_use]
    pub fn version() -> (u32, u32) {
        let found = ffi::lc_dpdk_found();
        (found / 100, found % 100)
    }
}

fn start(config: &EalConfig) -> Result<Eal, Error> {
    let (compiled, found) = (ffi::lc_dpdk_compiled(), ffi::lc_dpdk_found());
    if compiled != found {
        return Err(Error::Version { compiled, found });
    }
    let affinity = Affinity::read();
    // DPDK keeps pointers into its arguments.
    let arguments: &'static [CString] = config
        .arguments(affinity.first())
        .into_iter()
        .map(c_string)
        .collect::<Result<Vec<_>, _>>()?
        .leak();
    let mut pointers: Vec<_> = arguments
        .iter()
        .map(|argument| argument.as_ptr().cast_mut())
        .collect();
    let count = pointers.len() as core::ffi::c_int;
    pointers.push(core::ptr::null_mut());
    let argv = pointers.leak();
    #[allow(unsafe_code)]
    // SAFETY: `argv` has `count` strings and a null behind them, lent for ever. It is called once
    // in a process: by `STARTED` in `Eal::start`, the only caller.
    let errno = unsafe { ffi::lc_dpdk_init(count, argv.as_mut_ptr()) };
    affinity.restore();
    remove_folder();
    match errno {
        0 => {}
        errno => return Err(Error::Eal { errno }),
    }
    if config.iova == IovaMode::Physical && ffi::lc_dpdk_is_physical() == 0 {
        return Err(Error::Physical { huge_pages: true });
    }
    match ffi::lc_dpdk_register_ops() {
        0 => Ok(Eal(())),
        errno => Err(Error::Memory {
            call: "register the mempool's operations",
            errno,
        }),
    }
}

/// Removes the folder that DPDK makes for files that it was told not to make; one that has any
/// stays.
fn remove_folder() {
    let path = ffi::lc_dpdk_folder();
    if path.is_null() {
        return;
    }
    #[allow(unsafe_code)]
    // SAFETY: a string of DPDK's, which it keeps.
    let path = unsafe { CStr::from_ptr(path) };
    if let Ok(path) = path.to_str() {
        // It is only a folder: a process that may not remove it works as well.
        let _ = std::fs::remove_dir(path);
    }
}

/// A C string of what an argument says.
pub(crate) fn c_string(text: String) -> Result<CString, Error> {
    CString::new(text)
        .map_err(|error| Error::Argument(String::from_utf8_lossy(&error.into_vec()).into_owned()))
}

/// Held while ports and memory are set up or taken down, which DPDK does one at a time.
pub(crate) fn control() -> MutexGuard<'static, ()> {
    // A thread that panicked while it held the lock has left nothing in it.
    CONTROL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers this thread with DPDK, once: drivers with something for each thread know it then.
#[inline]
pub(crate) fn enlist() {
    if !ENLISTED.get() {
        enlist_now();
    }
}

#[cold]
fn enlist_now() {
    ENLISTED.set(true);
    // Refused where all of DPDK's places for threads are taken: it does without.
    if ffi::lc_dpdk_thread_register() == 0 {
        LEAVING.with(|_| {});
    }
}

/// Leaves when the thread ends.
struct Leaving;

impl Drop for Leaving {
    fn drop(&mut self) {
        memory::leave(ffi::lc_dpdk_lcore());
        ffi::lc_dpdk_thread_unregister();
    }
}

thread_local! {
    static ENLISTED: Cell<bool> = const { Cell::new(false) };
    static LEAVING: Leaving = const { Leaving };
}

static STARTED: OnceLock<bool> = OnceLock::new();
static CONTROL: Mutex<()> = Mutex::new(());

/// The CPUs on which a thread may run. DPDK pins the thread that starts it.
struct Affinity(libc::cpu_set_t);

#[allow(unsafe_code)]
impl Affinity {
    fn read() -> Self {
        // SAFETY: a set of CPUs is an array of integers, for which zeros are valid.
        let mut set: libc::cpu_set_t = unsafe { core::mem::zeroed() };
        // SAFETY: `set` has the size that is said.
        unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
        Self(set)
    }

    fn first(&self) -> usize {
        let most = libc::CPU_SETSIZE as usize;
        // SAFETY: the numbers are below `CPU_SETSIZE`.
        let may = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &self.0) };
        (0..most).find(may).unwrap_or(0)
    }

    fn restore(&self) {
        // SAFETY: the set has the size that is said.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &raw const self.0) };
    }
}

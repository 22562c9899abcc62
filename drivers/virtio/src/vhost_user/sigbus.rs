//! A guest that takes its memory away.
//!
//! Who shares a file as memory can make it shorter, and whoever then touches what was cut off gets
//! a SIGBUS, which ends the process. A memfd can be sealed against that, and is, where its maker
//! allows it (QEMU's `memory-backend-memfd` does); hugetlbfs, `/dev/shm` and DPDK's `--no-huge`
//! memory cannot. So each region of a guest stands in a table, and the handler that this module
//! installs, once, for the process, puts zeros in the place of a region that failed. The region is
//! marked; the guest loses its connection, and the process goes on.
//!
//! A SIGBUS elsewhere is none of its business: it goes to whoever handled them before.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::io;
use std::sync::OnceLock;

/// A region's line in the table, for as long as it is mapped.
#[derive(Debug)]
pub(crate) struct Guard {
    line: &'static Line,
}

impl Guard {
    /// Has the handler watch over a mapping of this process.
    ///
    /// # Errors
    ///
    /// That of `sigaction`; `ENOSPC` when the table is full.
    ///
    /// # Safety
    ///
    /// The mapping's `len` bytes from `base` hold nothing but a guest's memory, and stay mapped
    /// until the guard is dropped; nobody touches them while it is dropped, or later.
    pub(crate) unsafe fn new(base: usize, len: usize) -> io::Result<Self> {
        install()?;
        for line in &TABLE {
            let free = line
                .base
                .compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
            if free.is_ok() {
                line.hit.store(false, Ordering::Relaxed);
                line.len.store(len, Ordering::Relaxed);
                line.base.store(base, Ordering::Release);
                return Ok(Self { line });
            }
        }
        Err(io::Error::from_raw_os_error(libc::ENOSPC))
    }

    /// Whether the memory was taken away, so that zeros stand in its place.
    pub(crate) fn was_hit(&self) -> bool {
        self.line.hit.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.line.base.store(0, Ordering::Release);
    }
}

#[derive(Debug)]
struct Line {
    /// 0: free.
    base: AtomicUsize,
    len: AtomicUsize,
    hit: AtomicBool,
}

static TABLE: [Line; LINES] = [const {
    Line {
        base: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        hit: AtomicBool::new(false),
    }
}; LINES];

/// Regions of all guests of the process together.
const LINES: usize = 512;
/// A line that is being written: no address.
const TAKEN: usize = usize::MAX;

/// Who handled SIGBUS before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let answer = INSTALLED.get_or_init(|| {
        // SAFETY: all zeros is a `sigaction`: the default handler, no flags, no mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_bus;
        action.sa_sigaction = handler as usize;
        // On the alternate stack, where a thread has one; others may come meanwhile.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        let mut before = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: `before` has room for what the kernel writes; nothing is installed yet.
        if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), before.as_mut_ptr()) } != 0 {
            return Err(errno());
        }
        // SAFETY: filled in by the call above, which succeeded (and zeroed before).
        let _ = BEFORE.set(unsafe { before.assume_init() });
        // SAFETY: the handler calls nothing but what a handler may: it reads atomics, and makes
        // system calls.
        match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(errno()),
        }
    });
    answer.map_err(io::Error::from_raw_os_error)
}

/// Puts zeros in the place of the region that failed. The access is then made again, and succeeds.
extern "C" fn on_bus(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO a siginfo.
    let info_ref = unsafe { info.as_ref() };
    let address = info_ref.map_or(0, |info| {
        // SAFETY: SIGBUS has an address (sigaction(2)).
        unsafe { info.si_addr() }.addr()
    });
    for line in &TABLE {
        let base = line.base.load(Ordering::Acquire);
        if base == 0 || base == TAKEN {
            continue;
        }
        let len = line.len.load(Ordering::Relaxed);
        if address.wrapping_sub(base) >= len {
            continue;
        }
        // SAFETY: replaces a mapping that `Guard::new`'s caller promised is there and a guest's
        // alone; zeros are as good as anything that a guest may write there.
        let mapped = unsafe {
            libc::mmap(
                ptr::without_provenance_mut(base),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if mapped != libc::MAP_FAILED {
            line.hit.store(true, Ordering::Release);
            return;
        }
    }
    pass_on(signal, info, context);
}

/// Does what would have been done without this module.
fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let handler = BEFORE.get().map_or(libc::SIG_DFL, |old| old.sa_sigaction);
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // SAFETY: the default handler; the access is made again after this one, and ends the
        // process as it must.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
        return;
    }
    let flags = BEFORE.get().map_or(0, |old| old.sa_flags);
    if flags & libc::SA_SIGINFO != 0 {
        type Long = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: with SA_SIGINFO the kernel has it as a function of these three.
        let handler = unsafe { core::mem::transmute::<usize, Long>(handler) };
        handler(signal, info, context);
    } else {
        // SAFETY: without SA_SIGINFO the kernel has it as a function of the signal.
        let handler = unsafe { core::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler) };
        handler(signal);
    }
}

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

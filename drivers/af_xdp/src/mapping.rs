//! A ring's memory: mapped from its socket, unmapped when dropped.

use core::ptr::{self, NonNull};
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::sys::errno::Errno;

/// A shared mapping of a descriptor.
///
/// A mapping holds the socket's file open: a socket that is closed while its rings are still mapped
/// never gives its queue back. Whoever owns both drops the mappings first.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process and not to a thread; `Mapping` hands out its address
// and nothing else, and unmaps when it is dropped, by whichever thread.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`; through `&self` nothing is accessed.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset` on, to read and write, all pages present.
    pub(crate) fn new(fd: BorrowedFd<'_>, len: usize, offset: i64) -> Result<Self, Errno> {
        // SAFETY: the kernel chooses the address, so no existing mapping is touched.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                fd.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        NonNull::new(base.cast())
            .map(|base| Self { base, len })
            .ok_or(Errno::NOMEM)
    }

    /// First byte.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `base` and `len` are those of a mapping that `new` made and nobody unmapped;
        // whoever holds pointers into it (the rings) is dropped or never used again, as
        // `Ring::new` demands.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

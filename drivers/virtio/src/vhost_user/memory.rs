//! A guest's memory, mapped from the files that its front end sent.

use core::ptr;
use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::Arc;
use std::vec::Vec;

use super::sigbus::Guard;
use crate::queue::device::GuestMemory;

/// Where a region is for the guest, for its front end, and in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The guest's physical address: descriptors name buffers by it.
    pub(crate) guest: u64,
    /// The front end's own address: messages name rings by it.
    pub(crate) user: u64,
    /// Bytes.
    pub(crate) len: u64,
    /// From the file's start.
    pub(crate) offset: u64,
}

/// One region, mapped; the file is closed.
#[derive(Debug)]
pub(crate) struct Region {
    place: Place,
    base: NonNull<u8>,
    mapped: NonNull<u8>,
    mapped_len: usize,
    /// Taken back before the mapping.
    guard: Option<Guard>,
}

// SAFETY: the mapping belongs to the process; its bytes are reached by raw pointers and atomics
// alone (`GuestMemory`), from whichever thread.
unsafe impl Send for Region {}
// SAFETY: as above; `&Region` gives out addresses that never change.
unsafe impl Sync for Region {}

impl Region {
    /// Maps a region of a guest's.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a region that its file does not hold, or a file that is no memory; what `fstat`,
    /// `fstatfs` or `mmap` say.
    pub(crate) fn map(place: Place, file: &File) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let end = place.offset.checked_add(place.len).ok_or_else(invalid)?;
        let facts = file.metadata()?;
        let kind = facts.file_type();
        // A pipe or a device could make an access wait for ever.
        if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
            return Err(invalid());
        }
        if !is_memory(file)? {
            return Err(invalid());
        }
        if facts.size() < end || place.len == 0 || place.guest.checked_add(place.len).is_none() {
            return Err(invalid());
        }
        // Refused on files that cannot be sealed (see `sigbus`).
        // SAFETY: changes nothing but the file's seals.
        let _ = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) };
        // From the file's start, because an offset would have to be a multiple of its page size;
        // that much, of huge pages too (`st_blksize`), in whole.
        let page = usize::try_from(facts.blksize())
            .ok()
            .filter(|size| size.is_power_of_two());
        let end = usize::try_from(end).map_err(|_| invalid())?;
        let mapped_len = end
            .checked_next_multiple_of(page.unwrap_or(4096).max(4096))
            .ok_or_else(invalid)?;
        // SAFETY: a new mapping at an address of the kernel's choosing overlaps nothing.
        let mapped = unsafe {
            libc::mmap(
                ptr::null_mut(),
                mapped_len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapped = NonNull::new(mapped.cast::<u8>()).ok_or_else(invalid)?;
        // SAFETY: `offset` is less than `end`, which is mapped (above).
        let base = unsafe { mapped.add(place.offset as usize) };
        let mut region = Self {
            place,
            base,
            mapped,
            mapped_len,
            guard: None,
        };
        // SAFETY: the mapping holds the guest's memory alone; `region` drops the guard before it
        // unmaps, and is dropped when no queue is left that could touch it (`GuestMap` is shared
        // by them).
        region.guard = Some(unsafe { Guard::new(mapped.addr().get(), mapped_len) }?);
        Ok(region)
    }

    pub(crate) const fn place(&self) -> Place {
        self.place
    }
}

/// Whether a file is memory, and nobody has to be asked for its pages: a memfd, or a file of tmpfs or
/// hugetlbfs. An access to one of FUSE's, or of a network's, waits for as long as whoever serves it
/// likes, and so would the thread that polls the queue.
fn is_memory(file: &File) -> io::Result<bool> {
    // SAFETY: a structure of integers, for which zeros are valid.
    let mut facts: libc::statfs = unsafe { core::mem::zeroed() };
    // SAFETY: an open file, and a structure of this function.
    if unsafe { libc::fstatfs(file.as_raw_fd(), &raw mut facts) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Of 32 bits each, whatever the type.
    Ok(MEMORY.contains(&(facts.f_type as u32)))
}

/// `TMPFS_MAGIC`, `HUGETLBFS_MAGIC` and `RAMFS_MAGIC` (a memfd's, of a kernel without tmpfs): statfs(2).
const MEMORY: [u32; 3] = [0x0102_1994, 0x9584_58f6, 0x8584_58f6];

impl Drop for Region {
    fn drop(&mut self) {
        self.guard = None;
        // SAFETY: exactly what `mmap` returned, and nobody uses it: queues hold the `GuestMap`,
        // which holds this.
        let _ = unsafe { libc::munmap(self.mapped.as_ptr().cast(), self.mapped_len) };
    }
}

/// All regions of a guest: what its queues translate addresses by.
#[derive(Debug, Clone, Default)]
pub(crate) struct GuestMap {
    /// As the look-up wants them, in one piece; the largest first.
    spans: Vec<Span>,
    /// Which keep what the spans point to.
    regions: Vec<Arc<Region>>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    guest: u64,
    user: u64,
    len: u64,
    base: NonNull<u8>,
}

// SAFETY: the spans' pointers are those of `regions`, which are `Send` and `Sync`.
unsafe impl Send for GuestMap {}
// SAFETY: as above.
unsafe impl Sync for GuestMap {}

impl GuestMap {
    pub(crate) fn new(mut regions: Vec<Arc<Region>>) -> Self {
        regions.sort_by_key(|region| core::cmp::Reverse(region.place.len));
        let spans = regions
            .iter()
            .map(|region| Span {
                guest: region.place.guest,
                user: region.place.user,
                len: region.place.len,
                base: region.base,
            })
            .collect();
        Self { spans, regions }
    }

    pub(crate) fn regions(&self) -> &[Arc<Region>] {
        &self.regions
    }

    /// Where `len` bytes at the front end's own address are, by the guest's address.
    pub(crate) fn guest_address(&self, user: u64) -> Option<u64> {
        self.spans.iter().find_map(|span| {
            let offset = user.wrapping_sub(span.user);
            (offset < span.len).then(|| span.guest.wrapping_add(offset))
        })
    }

    /// Whether some of it was taken away.
    pub(crate) fn was_hit(&self) -> bool {
        self.regions
            .iter()
            .any(|region| region.guard.as_ref().is_some_and(Guard::was_hit))
    }
}

// SAFETY: what is given lies in a region's mapping, which is readable, writable, initialised (it is
// a file's), in one piece, and mapped as long as the regions that the map holds; moving the map
// moves no region. Should the file be cut short, zeros take its place (`sigbus`).
unsafe impl GuestMemory for Arc<GuestMap> {
    #[inline(always)]
    fn translate(&self, address: u64, len: usize) -> Option<NonNull<u8>> {
        for span in &self.spans {
            let offset = address.wrapping_sub(span.guest);
            // Neither side can overflow: `offset` is less than the region's length.
            if offset < span.len && len as u64 <= span.len.wrapping_sub(offset) {
                // SAFETY: `offset` is inside of the region, which was mapped whole.
                return Some(unsafe { span.base.add(offset as usize) });
            }
        }
        None
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;

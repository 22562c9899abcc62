//! One mapping, anonymous or of a memfd: made, aligned, touched, locked, unmapped.
//!
//! The layout when it is not on hugetlb pages:
//!
//! ```text
//!   | no access | len bytes, from a multiple of 2 MiB | no access |
//!   ^ reserved                                                    ^ reserved + reserved_len
//! ```
//!
//! The margins come for free with the alignment. They catch whoever runs off either end, and
//! keep the kernel from merging the mapping with a neighbour, so that what it says of the pages
//! in `/proc/self/smaps` is said of this mapping alone.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use std::fs::{self, File};
use std::io;

use rustix::io::Errno;
use rustix::mm::{self, Advice, MapFlags, MprotectFlags, ProtFlags};

use super::error::MemoryError;
use super::hugetlb::HugePages;
use super::pages::{PagePolicy, Pages};
use super::shared::{self, Memfd};

/// Memory that belongs to this value alone: zeroed, touched, aligned to 2 MiB or better.
///
/// It is unmapped on drop, so whatever borrows from it cannot outlive it.
///
/// Nothing here reads or writes the bytes: they belong to whoever is given [`base`](Self::base),
/// as [`Table`](super::Table) and [`PoolMemory`](super::PoolMemory) are.
///
/// ```
/// use linecard_linux::memory::{Mapping, PagePolicy};
///
/// let memory = Mapping::new("scratch", 1 << 20, PagePolicy::Prefer)?;
/// assert!(memory.base().is_aligned());
/// println!("{}: {}", memory.purpose(), memory.pages());
/// # Ok::<(), linecard_linux::memory::MemoryError>(())
/// ```
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
    reserved: NonNull<u8>,
    reserved_len: usize,
    purpose: &'static str,
    pages: Pages,
    locked: bool,
    /// What another process would map.
    file: Option<File>,
}

impl Mapping {
    /// Alignment of [`base`](Self::base), in bytes, whatever the pages.
    pub const ALIGN: usize = HugePages::SIZE_2M;

    /// Maps at least `bytes` bytes, zeroed and touched, on the best pages that `policy` allows.
    ///
    /// `purpose` names the memory in messages. The length is rounded up to whole 2 MiB pages
    /// (to 1 GiB where such pages are used).
    ///
    /// # Errors
    /// [`MemoryError::NoHugePages`] under [`PagePolicy::Require`], otherwise what the kernel
    /// refused.
    pub fn new(
        purpose: &'static str,
        bytes: usize,
        policy: PagePolicy,
    ) -> Result<Self, MemoryError> {
        if bytes == 0 {
            return Err(MemoryError::Empty { purpose });
        }
        // Rounding and the margins must not overflow: an eighth of the address space is plenty.
        if bytes > isize::MAX as usize / 4 {
            return Err(MemoryError::TooLarge { purpose, bytes });
        }
        if policy != PagePolicy::Never
            && let Some(mapping) = Self::hugetlb(purpose, bytes)
        {
            return Ok(mapping);
        }
        let mapping = Self::ordinary(purpose, bytes, policy)?;
        mapping.check(policy)?;
        Ok(mapping)
    }

    /// As [`new`](Self::new), in a [`file`](Self::file) that another process can map too. 1 GiB
    /// pages are not tried.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn shared(
        purpose: &'static str,
        bytes: usize,
        policy: PagePolicy,
    ) -> Result<Self, MemoryError> {
        if bytes == 0 {
            return Err(MemoryError::Empty { purpose });
        }
        if bytes > isize::MAX as usize / 4 {
            return Err(MemoryError::TooLarge { purpose, bytes });
        }
        if policy != PagePolicy::Never
            && let Some(memfd) = Memfd::huge(bytes)
            && let Ok(mapping) = Self::of_file(purpose, memfd)
            && mapping.touch(mapping.len).is_ok()
        {
            return Ok(mapping);
        }
        let refused = |call| shared::refused(purpose, bytes, call);
        let memfd = Memfd::small(bytes).map_err(refused("memfd_create"))?;
        let mut mapping = Self::of_file(purpose, memfd).map_err(refused("mmap"))?;
        mapping
            .settle(policy)
            .map_err(|error| refused("madvise")(error.into()))?;
        mapping.check(policy)?;
        Ok(mapping)
    }

    /// The file that the memory is in, from its start, if it is [`shared`](Self::shared).
    #[must_use]
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// First byte; aligned to 2 MiB.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Usable bytes, a multiple of 2 MiB.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// What the memory is for.
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        self.purpose
    }

    /// The pages it lies on.
    #[must_use]
    pub fn pages(&self) -> Pages {
        self.pages
    }

    /// Whether the kernel promised never to swap it out. Without the promise it is swapped only
    /// under memory pressure; `ulimit -l unlimited` or `CAP_IPC_LOCK` gets it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    fn hugetlb(purpose: &'static str, bytes: usize) -> Option<Self> {
        let choices = [
            (HugePages::SIZE_1G, MapFlags::HUGE_1GB, Pages::Huge1G),
            (HugePages::SIZE_2M, MapFlags::HUGE_2MB, Pages::Huge2M),
        ];
        for (size, flag, pages) in choices {
            let len = bytes.next_multiple_of(size);
            // A 1 GiB page for a few MiB would waste what others could use.
            if size == HugePages::SIZE_1G && len - bytes > len / 4 {
                continue;
            }
            if HugePages::of(size).free < len / size {
                continue;
            }
            let flags = MapFlags::PRIVATE | MapFlags::HUGETLB | flag;
            let Ok(base) = map(len, ProtFlags::READ | ProtFlags::WRITE, flags) else {
                continue;
            };
            let mapping = Self {
                base,
                len,
                reserved: base,
                reserved_len: len,
                purpose,
                pages,
                // hugetlb pages are never swapped.
                locked: true,
                file: None,
            };
            // Pages that the kernel promised but cannot give (a cgroup's limit, a node's) would
            // kill the process by SIGBUS on first touch. Asked this way, it says so instead.
            if mapping.touch(len).is_ok() {
                return Some(mapping);
            }
        }
        None
    }

    fn ordinary(
        purpose: &'static str,
        bytes: usize,
        policy: PagePolicy,
    ) -> Result<Self, MemoryError> {
        let refused = |call, source: io::Error| MemoryError::Refused {
            purpose,
            bytes,
            call,
            source,
        };
        let len = bytes.next_multiple_of(HugePages::SIZE_2M);
        let mut mapping = Self::reserve(purpose, len).map_err(|e| refused("mmap", e))?;
        let base = mapping.base;

        // SAFETY: `base..base + len` lies inside the mapping made above, which nobody else knows.
        unsafe {
            mm::mprotect(
                base.as_ptr().cast(),
                len,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
        }
        .map_err(|e| refused("mprotect", e.into()))?;
        mapping
            .settle(policy)
            .map_err(|e| refused("madvise", e.into()))?;
        Ok(mapping)
    }

    /// A mapping of `len` bytes, whole pages of 2 MiB, that cannot be accessed yet, with margins.
    fn reserve(purpose: &'static str, len: usize) -> io::Result<Self> {
        let reserved_len = len + 2 * HugePages::SIZE_2M;
        let reserved = map(reserved_len, ProtFlags::empty(), MapFlags::PRIVATE)?;
        // From one byte on, so that there is a margin in front even if `reserved` is aligned.
        let offset = (reserved.addr().get() + 1).next_multiple_of(HugePages::SIZE_2M)
            - reserved.addr().get();
        // SAFETY: `offset` is at most 2 MiB, and `reserved_len` is 4 MiB or more: inside the
        // mapping made above.
        let base = unsafe { reserved.add(offset) };
        Ok(Self {
            base,
            len,
            reserved,
            reserved_len,
            purpose,
            pages: Pages::Small,
            locked: false,
            file: None,
        })
    }

    /// A mapping of a file that nobody else has yet.
    fn of_file(purpose: &'static str, memfd: Memfd) -> io::Result<Self> {
        let mut mapping = Self::reserve(purpose, memfd.len)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let base = mapping.base.as_ptr().cast();
        // SAFETY: replaces `len` bytes of the mapping reserved above, which nobody else knows.
        unsafe { mm::mmap(base, memfd.len, access, flags, &memfd.file, 0) }?;
        mapping.pages = memfd.pages;
        // hugetlb pages are never swapped.
        mapping.locked = memfd.pages.is_huge();
        mapping.file = Some(memfd.file);
        Ok(mapping)
    }

    /// Refuses small pages where huge ones are required.
    fn check(&self, policy: PagePolicy) -> Result<(), MemoryError> {
        if policy != PagePolicy::Require || self.pages.is_huge() {
            return Ok(());
        }
        let transparent = match self.pages {
            Pages::Transparent { huge, .. } => huge,
            _ => 0,
        };
        Err(MemoryError::NoHugePages {
            purpose: self.purpose,
            bytes: self.len,
            found: HugePages::of(HugePages::SIZE_2M),
            transparent,
        })
    }

    /// Touches and locks what is not on hugetlb pages, on transparent huge ones where it may be.
    fn settle(&mut self, policy: PagePolicy) -> Result<(), Errno> {
        let len = self.len;
        let advice = match policy {
            PagePolicy::Never => Advice::LinuxNoHugepage,
            PagePolicy::Prefer | PagePolicy::Require => Advice::LinuxHugepage,
        };
        // A kernel without transparent huge pages answers EINVAL; `transparent` then counts none.
        let _ = self.advise(len, advice);
        if policy == PagePolicy::Require && self.first_page_is_small() {
            // Before gigabytes are touched for nothing.
            return Ok(());
        }
        self.touch(len)?;
        if policy != PagePolicy::Never {
            self.pages = self.transparent();
            if !self.pages.is_huge() {
                self.collapse(len);
                self.pages = self.transparent();
            }
        }
        // SAFETY: the range is this mapping's own, and locking changes no byte of it.
        self.locked = unsafe { mm::mlock(self.base.as_ptr().cast(), len) }.is_ok();
        Ok(())
    }

    /// Makes every page of the first `len` bytes present and writable, so that no access faults
    /// later.
    fn touch(&self, len: usize) -> Result<(), Errno> {
        match self.advise(len, Advice::LinuxPopulateWrite) {
            // Before Linux 5.14.
            Err(Errno::INVAL) => {
                for offset in (0..len).step_by(4096) {
                    // SAFETY: `offset` is below `len`, which callers take from this mapping.
                    let byte = unsafe { self.base.add(offset) };
                    // SAFETY: mapped readable and writable, no reference to it exists yet; it is
                    // zero, so that writing zero changes nothing.
                    unsafe { byte.write_volatile(0) };
                }
                Ok(())
            }
            other => other,
        }
    }

    fn advise(&self, len: usize, advice: Advice) -> Result<(), Errno> {
        let len = len.min(self.len);
        // SAFETY: the range is this mapping's own, and the advices used here (huge pages or not,
        // populate) keep its contents.
        unsafe { mm::madvise(self.base.as_ptr().cast(), len, advice) }
    }

    /// Asks the kernel to move what lies on small pages onto huge ones now (Linux 6.1).
    fn collapse(&self, len: usize) {
        let (base, len) = (self.base.as_ptr().cast::<c_void>(), len.min(self.len));
        // SAFETY: the range is this mapping's own, and collapsing keeps its contents.
        let _ = unsafe { libc::madvise(base, len, libc::MADV_COLLAPSE) };
    }

    /// Whether not even the first page can be a transparent huge one.
    fn first_page_is_small(&self) -> bool {
        if self.touch(HugePages::SIZE_2M).is_err() {
            return false;
        }
        if self.transparent() == Pages::Small {
            self.collapse(HugePages::SIZE_2M);
        }
        self.transparent() == Pages::Small
    }

    fn transparent(&self) -> Pages {
        let smaps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        match huge_bytes(&smaps, self.base.addr().get()) {
            Some(huge) if huge > 0 => Pages::Transparent {
                huge: huge.min(self.len),
                total: self.len,
            },
            _ => Pages::Small,
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly what `map` returned; every reference into it borrows from `self` (or
        // was made by a caller of `base`, who owes the same).
        let _ = unsafe { mm::munmap(self.reserved.as_ptr().cast(), self.reserved_len) };
    }
}

// SAFETY: the mapping belongs to the process and not to a thread, `Mapping` is its only owner,
// and whoever uses the bytes says for himself who may (`Table`, `PoolMemory`).
unsafe impl Send for Mapping {}
// SAFETY: `&Mapping` reads fields that never change after `new`; it gives no access to the bytes.
unsafe impl Sync for Mapping {}

fn map(len: usize, access: ProtFlags, flags: MapFlags) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choosing overlaps nothing.
    let base = unsafe { mm::mmap_anonymous(ptr::null_mut(), len, access, flags) }?;
    NonNull::new(base.cast()).ok_or_else(|| io::Error::from(Errno::NOMEM))
}

/// Bytes on transparent huge pages, anonymous or of a memfd, in the mapping that starts at `base`,
/// by `proc(5)`; none if there is no such mapping.
fn huge_bytes(smaps: &str, base: usize) -> Option<usize> {
    let mut found = None;
    for line in smaps.lines() {
        let first = line.split_ascii_whitespace().next()?;
        if let Some((start, _)) = first.split_once('-')
            && let Ok(start) = usize::from_str_radix(start, 16)
        {
            if found.is_some() {
                break;
            }
            found = (start == base).then_some(0);
            continue;
        }
        if let Some(sum) = &mut found
            && ["AnonHugePages:", "ShmemPmdMapped:"].contains(&first)
        {
            let kib: usize = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
            *sum += kib << 10;
        }
    }
    found
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;

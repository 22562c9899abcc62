//! The machine's hugetlb pages: how many there are, and asking the kernel for more.
//!
//! Reserving is never done unasked: it takes memory away from everyone else on the machine.
//! Whoever asks for it holds a [`Reservation`], which gives the pages back when it is dropped.
//! It adds and subtracts and never restores an old total, and takes turns with other Linecards,
//! so that two that reserve at once do not undo each other. A process killed by SIGKILL cannot give its pages back; `linecard check`
//! shows them, and `sysctl vm.nr_hugepages=0` frees them.

use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::fs::FlockOperation;

use super::error::MemoryError;

/// How many hugetlb pages of one size the machine has.
///
/// ```
/// use linecard_linux::memory::HugePages;
///
/// let two_mib = HugePages::of(HugePages::SIZE_2M);
/// assert!(two_mib.free <= two_mib.total);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HugePages {
    /// Pages in the kernel's pool.
    pub total: usize,
    /// Of these, pages that a new mapping can still have: free and not promised to another one.
    pub free: usize,
}

impl HugePages {
    /// Bytes of a 2 MiB page.
    pub const SIZE_2M: usize = 2 << 20;
    /// Bytes of a 1 GiB page.
    pub const SIZE_1G: usize = 1 << 30;

    /// The pages of `size` bytes; zero of them where the kernel does not know that size.
    #[must_use]
    pub fn of(size: usize) -> Self {
        let count = |name| read_count(size, name).unwrap_or(0);
        Self {
            total: count("nr_hugepages"),
            free: count("free_hugepages").saturating_sub(count("resv_hugepages")),
        }
    }
}

/// 2 MiB pages that this process added to the kernel's pool; given back on drop.
///
/// Drop it after every [`Mapping`](super::Mapping) that lives on the pages: the kernel takes back
/// only pages that are free.
///
/// ```no_run
/// use linecard_linux::memory::{Mapping, PagePolicy, Reservation};
///
/// let reserved = Reservation::for_bytes(64 << 20)?;
/// let pool = Mapping::new("pool", 64 << 20, PagePolicy::Require)?;
/// drop(pool);
/// drop(reserved);
/// # Ok::<(), linecard_linux::memory::MemoryError>(())
/// ```
#[derive(Debug)]
#[must_use = "the pages go back to the kernel when the reservation is dropped"]
pub struct Reservation {
    added: usize,
    /// By how many the pages that the kernel keeps, used or not, became more. Pages that somebody
    /// still used after giving them back are surplus, and go when they are free; a larger pool
    /// takes those over first, on top of what was added.
    raised: usize,
}

impl Reservation {
    /// Makes sure that at least `bytes` of 2 MiB pages are free, adding what is missing.
    ///
    /// # Errors
    /// [`MemoryError::Reserve`] if the kernel does not let this process change the number, or
    /// finds too little contiguous memory; in both cases nothing stays reserved.
    pub fn for_bytes(bytes: usize) -> Result<Self, MemoryError> {
        let _turn = Turn::take();
        let before = HugePages::of(HugePages::SIZE_2M);
        let wanted = bytes
            .div_ceil(HugePages::SIZE_2M)
            .saturating_sub(before.free);
        if wanted == 0 {
            return Ok(Self {
                added: 0,
                raised: 0,
            });
        }
        let kept = kept();
        write_total(before.total + wanted).map_err(|source| MemoryError::Reserve {
            wanted,
            added: 0,
            source: Some(source),
        })?;
        // The write succeeds even when the kernel found fewer pages than that.
        let now = HugePages::of(HugePages::SIZE_2M).total;
        let added = now.saturating_sub(before.total);
        if added < wanted {
            let _ = write_total(kept);
            return Err(MemoryError::Reserve {
                wanted,
                added,
                source: None,
            });
        }
        let raised = self::kept().saturating_sub(kept);
        Ok(Self { added, raised })
    }

    /// Pages of 2 MiB that were added.
    #[must_use]
    pub fn added(&self) -> usize {
        self.added
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.raised == 0 {
            return;
        }
        let _turn = Turn::take();
        // Nothing more can be done about a failure here; the module documentation says how to.
        let _ = write_total(kept().saturating_sub(self.raised));
    }
}

/// The turn to change the number of pages: held by one process at a time, by a lock on the
/// kernel's own file. Where it cannot be had (no such file), changing the number fails anyway.
struct Turn {
    _locked: Option<fs::File>,
}

impl Turn {
    fn take() -> Self {
        let file = fs::File::open(directory(HugePages::SIZE_2M).join("nr_hugepages")).ok();
        Self {
            _locked: file
                .filter(|file| rustix::fs::flock(file, FlockOperation::LockExclusive).is_ok()),
        }
    }
}

fn directory(size: usize) -> PathBuf {
    PathBuf::from(format!(
        "/sys/kernel/mm/hugepages/hugepages-{}kB",
        size >> 10
    ))
}

fn read_count(size: usize, name: &str) -> Option<usize> {
    let text = fs::read_to_string(directory(size).join(name)).ok()?;
    text.trim().parse().ok()
}

/// 2 MiB pages that the kernel keeps: what is written to `nr_hugepages`, which shows the surplus as
/// well (`set_max_huge_pages` in the kernel's `mm/hugetlb.c`).
fn kept() -> usize {
    let surplus = read_count(HugePages::SIZE_2M, "surplus_hugepages").unwrap_or(0);
    HugePages::of(HugePages::SIZE_2M)
        .total
        .saturating_sub(surplus)
}

fn write_total(pages: usize) -> io::Result<()> {
    fs::write(
        directory(HugePages::SIZE_2M).join("nr_hugepages"),
        pages.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_page_size_counts_as_none() {
        assert_eq!(HugePages::of(3 << 20), HugePages::default());
    }

    /// Pages that are given back while they are in use are not kept by who reserves next.
    #[test]
    fn pages_in_use_are_given_back_once() {
        use crate::memory::{Mapping, PagePolicy};

        let bytes = 2 * HugePages::SIZE_2M;
        let once = || {
            let before = kept();
            let first = Reservation::for_bytes(bytes)?;
            let used = Mapping::new("test", bytes, PagePolicy::Require)?;
            drop(first);
            drop(Reservation::for_bytes(bytes)?);
            drop(used);
            Ok::<_, MemoryError>(kept() == before)
        };
        // Whoever else reserves just then disturbs it: it has to hold once.
        for _ in 0..20 {
            match once() {
                Ok(false) => std::thread::sleep(core::time::Duration::from_millis(100)),
                Ok(true) => return,
                // Not root, or no memory.
                Err(error) => return println!("not tested: {error}"),
            }
        }
        panic!("pages stayed with the kernel");
    }

    #[test]
    fn nothing_to_reserve_changes_nothing() {
        let before = HugePages::of(HugePages::SIZE_2M).total;
        let reservation = Reservation::for_bytes(0).unwrap();
        assert_eq!(reservation.added(), 0);
        drop(reservation);
        assert_eq!(HugePages::of(HugePages::SIZE_2M).total, before);
    }
}

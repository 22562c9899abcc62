//! What can go wrong when memory is asked for.

use core::fmt;
use std::io;

use linecard::mempool::PoolError;

use super::hugetlb::HugePages;

/// Why a mapping could not be made. `Display` says what to do about it.
///
/// ```
/// use linecard_linux::memory::{Mapping, MemoryError, PagePolicy};
///
/// let refused = Mapping::new("table", 0, PagePolicy::Prefer).unwrap_err();
/// assert!(matches!(refused, MemoryError::Empty { .. }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum MemoryError {
    /// Zero bytes were asked for.
    Empty {
        /// What the memory was for.
        purpose: &'static str,
    },
    /// The size, rounded up to whole pages, does not fit the address space.
    TooLarge {
        /// What the memory was for.
        purpose: &'static str,
        /// Bytes asked for.
        bytes: usize,
    },
    /// Huge pages were required and the machine has too few.
    NoHugePages {
        /// What the memory was for.
        purpose: &'static str,
        /// Bytes asked for, rounded up to whole 2 MiB pages.
        bytes: usize,
        /// The machine's 2 MiB pages when it was tried.
        found: HugePages,
        /// Bytes that transparent huge pages would have covered.
        transparent: usize,
    },
    /// The kernel refused the memory itself.
    Refused {
        /// What the memory was for.
        purpose: &'static str,
        /// Bytes asked for.
        bytes: usize,
        /// The system call that failed.
        call: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The pool's configuration does not make a pool.
    Layout(PoolError),
    /// The number of reserved huge pages could not be changed.
    Reserve {
        /// 2 MiB pages that were to be added.
        wanted: usize,
        /// 2 MiB pages that the kernel did add before it was given up.
        added: usize,
        /// What the kernel answered, or none if it just had no contiguous memory.
        source: Option<io::Error>,
    },
}

impl fmt::Display for MemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { purpose } => write!(f, "{purpose}: asked for no memory at all"),
            Self::TooLarge { purpose, bytes } => write!(
                f,
                "{purpose}: {bytes} bytes do not fit the address space; ask for less"
            ),
            Self::NoHugePages {
                purpose,
                bytes,
                found,
                transparent,
            } => write!(
                f,
                "{purpose}: huge pages are required and there are too few: {} MiB wanted, \
                 {} of {} pages of 2 MiB free, {} MiB as transparent huge pages; \
                 reserve them with `sysctl vm.nr_hugepages={}`, or run with \
                 `--reserve-huge-pages`, or accept less with `--huge-pages prefer`",
                bytes >> 20,
                found.free,
                found.total,
                transparent >> 20,
                found.total + (bytes >> 21).saturating_sub(found.free),
            ),
            Self::Refused {
                purpose,
                bytes,
                call,
                source,
            } => write!(
                f,
                "{purpose}: the kernel refused {} MiB in {call}: {source}; \
                 free memory, raise the memory limit of this cgroup, or make the pool smaller",
                bytes.div_ceil(1 << 20)
            ),
            Self::Layout(source) => write!(f, "the pool cannot be cut this way: {source}"),
            Self::Reserve {
                wanted,
                added,
                source: Some(source),
            } => write!(
                f,
                "could not reserve {wanted} huge pages of 2 MiB ({added} added): {source}; \
                 run as root, or let the administrator run `sysctl vm.nr_hugepages={wanted}`"
            ),
            Self::Reserve {
                wanted,
                added,
                source: None,
            } => write!(
                f,
                "could not reserve {wanted} huge pages of 2 MiB: memory is too fragmented, \
                 the kernel found {added}; reserve them at boot with `hugepages={wanted}`"
            ),
        }
    }
}

impl core::error::Error for MemoryError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Reserve { source, .. } => source.as_ref().map(|e| e as _),
            Self::Layout(source) => Some(source),
            Self::Empty { .. } | Self::TooLarge { .. } | Self::NoHugePages { .. } => None,
        }
    }
}

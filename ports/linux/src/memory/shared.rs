//! Memory that another process may map too: a memfd.
//!
//! The pages are hugetlb ones where the machine has them free; otherwise 4 KiB, of which the kernel
//! makes transparent huge pages where `/sys/kernel/mm/transparent_hugepage/shmem_enabled` lets it.

use core::ptr::NonNull;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use linecard::platform::Arena;
use linecard_virtio::vhost_user::SharedMemory;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

use super::error::MemoryError;
use super::hugetlb::HugePages;
use super::pages::Pages;

/// A file in memory, of this many bytes, that can neither grow nor shrink.
pub(super) struct Memfd {
    pub(super) file: File,
    pub(super) len: usize,
    pub(super) pages: Pages,
}

impl Memfd {
    /// On huge pages, if there are enough free.
    pub(super) fn huge(bytes: usize) -> Option<Self> {
        let len = bytes.next_multiple_of(HugePages::SIZE_2M);
        if HugePages::of(HugePages::SIZE_2M).free < len / HugePages::SIZE_2M {
            return None;
        }
        let flags = MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
        Self::make(len, flags, Pages::Huge2M).ok()
    }

    /// On 4 KiB pages.
    pub(super) fn small(bytes: usize) -> io::Result<Self> {
        let len = bytes.next_multiple_of(HugePages::SIZE_2M);
        Self::make(len, MemfdFlags::empty(), Pages::Small)
    }

    fn make(len: usize, flags: MemfdFlags, pages: Pages) -> io::Result<Self> {
        let flags = flags | MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let file: OwnedFd = memfd_create("linecard", flags)?;
        ftruncate(&file, len as u64)?;
        // So that neither side can take memory away from under the other.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self {
            file: file.into(),
            len,
            pages,
        })
    }
}

/// What another process is to map, and where it is here.
///
/// ```
/// use linecard::mempool::PoolConfig;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
///
/// let memory = PoolMemory::shared(64, PoolConfig::default(), PagePolicy::Prefer, false, 4096)?;
/// let shared = memory.share().expect("it is in a file")?;
/// assert!(shared.len >= 64 * 2048 + 4096);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Shared {
    /// The file, mapped from its start.
    pub file: File,
    /// Its first byte here: that of the pool's first frame.
    pub base: NonNull<u8>,
    /// Bytes.
    pub len: usize,
}

/// What a vhost-user front end needs of a pool's memory.
///
/// ```
/// use linecard::{mempool::PoolConfig, wire::MacAddr};
/// use linecard_linux::memory::{PagePolicy, PoolMemory, PortMemory};
/// use linecard_virtio::{net::Adapter, vhost_user::VhostUser};
///
/// // For one front end with one queue pair.
/// let (config, pages) = (PoolConfig::default(), PagePolicy::Prefer);
/// let memory = PoolMemory::shared(64, config, pages, false, PortMemory::RINGS)?;
/// let (pool, _reserved, mut ports) = memory.leak_shared(1, 1)?;
/// let PortMemory { rings, shared } = ports.pop().expect("as many as front ends");
/// let transport = VhostUser::new("/run/vhost0.sock", MacAddr([2, 0, 0, 0, 0, 1]), 1500, vec![shared]);
/// let adapter: Adapter<'_, _, _> = Adapter::new(transport, rings);
/// # let _ = (&pool, &adapter);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PortMemory {
    /// Its rings, and the addresses by which the back end knows those and the frames.
    pub rings: Arena<'static>,
    /// All of the memory, to be told to the back end.
    pub shared: SharedMemory,
}

impl PortMemory {
    /// Bytes of rings for each queue pair: both of 1,024 descriptors, split, and what goes with them.
    pub const RINGS: usize = 256 << 10;
}

/// A memfd's error as this module's.
pub(super) fn refused(
    purpose: &'static str,
    bytes: usize,
    call: &'static str,
) -> impl FnOnce(io::Error) -> MemoryError {
    move |source| MemoryError::Refused {
        purpose,
        bytes,
        call,
        source,
    }
}

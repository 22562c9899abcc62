//! Memory that the back end sees too.

use core::ptr::NonNull;
use std::fs::File;

/// Memory of this process that another one may map: the pool's frames, and the rings.
///
/// The back end addresses it as this process does: its addresses are what a
/// [`Dma`](linecard::platform::Dma) for this memory gives.
///
/// ```no_run
/// use std::{fs::File, ptr::NonNull};
/// use linecard::wire::MacAddr;
/// use linecard_virtio::vhost_user::{SharedMemory, VhostUser};
///
/// fn front_end(memfd: File, base: NonNull<u8>, len: usize) -> VhostUser {
///     // SAFETY: `base` is the memfd, mapped by the caller and kept so for ever; frames and
///     // rings in it are reached through a pool and a `Dma` alone.
///     let shared = unsafe { SharedMemory::from_raw(memfd, base, len) };
///     VhostUser::new("/run/vhost0.sock", MacAddr([2, 0, 0, 0, 0, 1]), 1500, vec![shared])
/// }
/// ```
#[derive(Debug)]
pub struct SharedMemory {
    file: File,
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, and this type reads and writes nothing of it.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// Memory that is mapped, shared, from a file's start: a memfd, or a file on hugetlbfs.
    ///
    /// # Safety
    ///
    /// `len` bytes from `base` are a shared mapping of `file` from its start, and stay that until
    /// the transport that this is given to has been dropped. The program reaches them as frames of
    /// a pool and through a `Dma` only: the back end may write them at any time.
    ///
    /// ```
    /// use linecard_virtio::vhost_user::SharedMemory;
    ///
    /// /// Of a memfd of 64 MiB that is mapped, shared, at `base`.
    /// fn share(file: std::fs::File, base: core::ptr::NonNull<u8>) -> SharedMemory {
    ///     // SAFETY: nobody else knows the mapping, which is never undone.
    ///     unsafe { SharedMemory::from_raw(file, base, 64 << 20) }
    /// }
    /// ```
    #[must_use]
    pub const unsafe fn from_raw(file: File, base: NonNull<u8>, len: usize) -> Self {
        Self { file, base, len }
    }

    /// Its first byte.
    #[must_use]
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "nobody shares nothing")]
    pub const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }
}

//! A stretch of memory, and what a device calls it.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::DmaMap;

/// A stretch of memory for frames or rings, lent by the caller for `'m`.
///
/// The region is read and written through raw pointers only: a device may write it at any time,
/// so no reference to it exists but for the window of a frame while the program owns that frame.
///
/// ```
/// use linecard::mempool::Region;
/// let mut memory = vec![0u8; 8192];
/// let region = Region::from_slice(&mut memory);
/// assert!(region.len() > 8192 - 64 && region.len() <= 8192);
/// ```
#[derive(Debug)]
pub struct Region<'m> {
    base: NonNull<u8>,
    len: usize,
    dma: DmaMap<'m>,
    _memory: PhantomData<&'m mut [u8]>,
}

/// Alignment, in bytes, of a region and of every frame in it: one cache line.
pub(crate) const REGION_ALIGN: usize = 64;

impl<'m> Region<'m> {
    /// Takes a slice of initialised bytes; up to 63 bytes at its start are left out so that the
    /// region begins on a cache line.
    pub fn from_slice(memory: &'m mut [u8]) -> Self {
        let skip = memory.as_ptr().align_offset(REGION_ALIGN).min(memory.len());
        let memory = &mut memory[skip..];
        Self {
            len: memory.len(),
            base: NonNull::from(memory).cast(),
            dma: DmaMap::Identity,
            _memory: PhantomData,
        }
    }

    /// Takes memory by address, as from `mmap` or a linker script.
    ///
    /// # Safety
    ///
    /// For all of `'m`:
    /// - `base` is aligned to 64 bytes, and `len` bytes from it are mapped, readable and
    ///   writable, and lie in one allocation;
    /// - every byte is initialised (memory fresh from `mmap` is: it is zero);
    /// - nobody else in this program reads or writes it, or holds a reference into it. A device
    ///   or a kernel may write frames that were posted to it, as its driver allows.
    pub const unsafe fn from_raw(base: NonNull<u8>, len: usize) -> Self {
        Self {
            base,
            len,
            dma: DmaMap::Identity,
            _memory: PhantomData,
        }
    }

    /// Says how a device addresses the region; without it, by the program's own addresses.
    #[must_use]
    pub const fn with_dma(mut self, dma: DmaMap<'m>) -> Self {
        self.dma = dma;
        self
    }

    /// The region's first byte.
    pub const fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The region's length in bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether the region has no bytes at all.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How a device addresses it.
    pub const fn dma(&self) -> DmaMap<'m> {
        self.dma
    }
}

//! The memory that frames live in, and what a device calls it.

use core::marker::PhantomData;
use core::ptr::NonNull;

/// A stretch of memory for frames, lent by the caller for `'m`.
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

/// An address as a device sees it: physical, or that of an IOMMU, or an offset into a UMEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress(pub u64);

/// From offsets in the region to device addresses.
///
/// ```
/// use linecard::mempool::{DeviceAddress, DmaMap};
/// let pages = [0x8000_0000, 0x1000_0000];
/// let map = DmaMap::Paged { pages: &pages, shift: 21 };
/// assert_eq!(map.translate(0, (2 << 20) - 64), Some(DeviceAddress(0x801f_ffc0)));
/// assert_eq!(map.translate(0, 2 << 20), Some(DeviceAddress(0x1000_0000)));
/// assert_eq!(map.translate(0, 4 << 20), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DmaMap<'m> {
    /// The device uses the program's own addresses (user-space devices, IOVA as VA, identity
    /// mapped bare metal).
    Identity,
    /// The region is contiguous for the device and begins at this address.
    Linear(u64),
    /// The region is contiguous only within pages of `1 << shift` bytes, whose device addresses
    /// these are in order. Frames must not cross pages.
    Paged {
        /// Device address of each page.
        pages: &'m [u64],
        /// Binary logarithm of the page size.
        shift: u32,
    },
}

impl DmaMap<'_> {
    /// The device's address of the byte at `offset` in a region whose first byte is at `base` in
    /// the program. `None` past the last page of a paged map.
    #[inline]
    pub fn translate(&self, base: usize, offset: usize) -> Option<DeviceAddress> {
        let address = match *self {
            Self::Identity => (base as u64).wrapping_add(offset as u64),
            Self::Linear(start) => start.wrapping_add(offset as u64),
            Self::Paged { pages, shift } => {
                let page = pages.get(offset.checked_shr(shift)?)?;
                let mask = 1usize.checked_shl(shift)?.wrapping_sub(1);
                page.wrapping_add((offset & mask) as u64)
            }
        };
        Some(DeviceAddress(address))
    }
}

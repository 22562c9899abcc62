//! What a device calls the bytes that the program calls by a pointer.

/// An address as a device sees it: physical, or that of an IOMMU, or an offset into a UMEM.
///
/// A type of its own, so that nobody takes it for a pointer:
///
/// ```
/// use linecard::platform::{DeviceAddress, DmaMap};
/// // A device behind an IOMMU sees the region from 4 GiB on.
/// let map = DmaMap::Linear(1 << 32);
/// let DeviceAddress(descriptor) = map.translate(0, 0x800).unwrap();
/// assert_eq!(descriptor, 0x1_0000_0800);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceAddress(pub u64);

/// From offsets in the region to device addresses.
///
/// ```
/// use linecard::platform::{DeviceAddress, DmaMap};
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

    /// The offset at which the page after the one of `offset` begins. `None` if there are no pages,
    /// or none after it.
    pub(super) fn next_page(&self, offset: usize) -> Option<usize> {
        let Self::Paged { pages, shift } = *self else {
            return None;
        };
        let page = offset.checked_shr(shift)?.checked_add(1)?;
        let start = page.checked_mul(1usize.checked_shl(shift)?)?;
        (page < pages.len()).then_some(start)
    }
}

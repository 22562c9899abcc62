//! Places in a packed ring, and the marks that make a descriptor available or used there (VIRTIO 1.2, 2.8.1).

use super::super::walk::{DESCRIPTOR, WRITE};
use crate::queue::layout::DescFlags;

/// A place in the ring, and the wrap counter that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Cursor {
    pub(in super::super) index: u16,
    pub(in super::super) wrap: bool,
}

impl Cursor {
    /// `by` is at most the ring's size.
    #[inline(always)]
    pub(in super::super) const fn forward(self, by: u16, size: u16) -> Self {
        let index = self.index.wrapping_add(by);
        if index >= size {
            Self {
                index: index.wrapping_sub(size),
                wrap: !self.wrap,
            }
        } else {
            Self {
                index,
                wrap: self.wrap,
            }
        }
    }

    #[inline(always)]
    pub(in super::super) const fn back(self, by: u16, size: u16) -> Self {
        if self.index < by {
            Self {
                index: self.index.wrapping_add(size).wrapping_sub(by),
                wrap: !self.wrap,
            }
        } else {
            Self {
                index: self.index.wrapping_sub(by),
                wrap: self.wrap,
            }
        }
    }

    /// The flags by which a descriptor is available in this round.
    #[inline(always)]
    pub(super) const fn turn(self) -> u16 {
        if self.wrap { AVAILABLE } else { USED }
    }

    /// Whether a descriptor with these flags was made available in this round.
    #[inline(always)]
    pub(in super::super) const fn available(self, flags: u16) -> bool {
        (flags & AVAILABLE != 0) == self.wrap && (flags & USED != 0) != self.wrap
    }

    /// The flags of a descriptor that is used in this round.
    #[inline(always)]
    pub(in super::super) const fn used(self) -> u16 {
        if self.wrap { AVAILABLE | USED } else { 0 }
    }

    #[inline(always)]
    pub(in super::super) const fn offset(self) -> usize {
        self.index as usize * DESCRIPTOR
    }
}

impl Cursor {
    /// In the form that event suppression has, and vhost-user: the index in bits 0 to 14, the wrap
    /// counter in bit 15.
    #[inline(always)]
    pub(super) const fn to_bits(self) -> u16 {
        self.index & 0x7fff | (self.wrap as u16) << 15
    }

    pub(in super::super) const fn from_bits(bits: u16) -> Self {
        Self {
            index: bits & 0x7fff,
            wrap: bits & 0x8000 != 0,
        }
    }
}

pub(in super::super) const AVAILABLE: u16 = DescFlags::AVAIL.bits();
pub(in super::super) const USED: u16 = DescFlags::USED.bits();
/// Where a descriptor's flags are: behind address, length and id.
pub(in super::super) const FLAGS: usize = 14;
/// Where its second half begins; and where in that, as a number, the id and the flags do.
pub(super) const HALF: usize = 8;
pub(super) const ID_SHIFT: u32 = 32;
pub(super) const FLAGS_SHIFT: u32 = 48;

/// The second half of a used descriptor at `at`.
#[inline(always)]
pub(super) const fn used_half(at: Cursor, id: u16, written: u32) -> u64 {
    let flags = at.used() | if written > 0 { WRITE } else { 0 };
    written as u64 | (id as u64) << ID_SHIFT | (flags as u64) << FLAGS_SHIFT
}

/// The flags in the second half of a descriptor.
#[inline(always)]
pub(super) const fn flags_of(half: u64) -> u16 {
    (half >> FLAGS_SHIFT) as u16
}

//! The rings as they lie in memory.
//!
//! ```text
//!  split (VIRTIO 1.2, section 2.7)                     packed (section 2.8)
//!
//!  descriptor table    16 bytes x size, aligned 16     descriptor ring     16 bytes x size, aligned 16
//!  available ring      6 + 2 x size, aligned 2         driver's suppression 4 bytes, aligned 4
//!  used ring           6 + 8 x size, aligned 4         device's suppression 4 bytes, aligned 4
//! ```
//!
//! All fields are little-endian, and all memory may be written by the device at any time: the
//! structures say where the fields are, they are never borrowed.

use core::mem::offset_of;

use static_assertions::const_assert_eq;

/// A descriptor of a split ring, or of an indirect table of one (section 2.7.5).
///
/// ```
/// use linecard_virtio::queue::layout::{Desc, DescFlags};
/// let desc = Desc { addr: 0x1000, len: 64, flags: DescFlags::WRITE.bits(), next: 0 };
/// assert_eq!(desc.flags, 2);
/// ```
#[doc(alias = "virtq_desc")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(16))]
pub struct Desc {
    /// The buffer's first byte.
    pub addr: u64,
    /// Its length in bytes.
    pub len: u32,
    /// [`DescFlags`].
    pub flags: u16,
    /// The next descriptor's number, with [`DescFlags::NEXT`].
    pub next: u16,
}

const_assert_eq!(size_of::<Desc>(), 16);
const_assert_eq!(offset_of!(Desc, len), 8);
const_assert_eq!(offset_of!(Desc, flags), 12);
const_assert_eq!(offset_of!(Desc, next), 14);

/// What precedes the entries of an available ring (section 2.7.6); 2 bytes for each descriptor, and
/// then 2 bytes of `used_event` follow.
///
/// ```
/// use linecard_virtio::queue::layout::AvailHeader;
/// assert_eq!(size_of::<AvailHeader>(), 4);
/// ```
#[doc(alias = "virtq_avail")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct AvailHeader {
    /// [`AVAIL_NO_INTERRUPT`], or 0.
    pub flags: u16,
    /// Where the driver will put the next entry, counted freely.
    pub idx: u16,
}

const_assert_eq!(size_of::<AvailHeader>(), 4);
const_assert_eq!(offset_of!(AvailHeader, idx), 2);

/// What precedes the entries of a used ring (section 2.7.8); a [`UsedElem`] for each descriptor, and
/// then 2 bytes of `avail_event` follow.
///
/// ```
/// use linecard_virtio::queue::layout::UsedHeader;
/// assert_eq!(size_of::<UsedHeader>(), 4);
/// ```
#[doc(alias = "virtq_used")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct UsedHeader {
    /// [`USED_NO_NOTIFY`], or 0.
    pub flags: u16,
    /// Where the device will put the next entry, counted freely.
    pub idx: u16,
}

const_assert_eq!(size_of::<UsedHeader>(), 4);
const_assert_eq!(offset_of!(UsedHeader, idx), 2);

/// A buffer that the device has used (section 2.7.8).
///
/// ```
/// use linecard_virtio::queue::layout::UsedElem;
/// assert_eq!(size_of::<UsedElem>(), 8);
/// ```
#[doc(alias = "virtq_used_elem")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct UsedElem {
    /// The number of the chain's first descriptor.
    pub id: u32,
    /// Bytes written to the buffer.
    pub len: u32,
}

const_assert_eq!(size_of::<UsedElem>(), 8);
const_assert_eq!(offset_of!(UsedElem, len), 4);

/// A descriptor of a packed ring, or of an indirect table of one (section 2.8.13).
///
/// ```
/// use linecard_virtio::queue::layout::PackedDesc;
/// assert_eq!(size_of::<PackedDesc>(), 16);
/// ```
#[doc(alias = "pvirtq_desc")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(16))]
pub struct PackedDesc {
    /// The buffer's first byte.
    pub addr: u64,
    /// Its length in bytes; written by the device, the bytes written to the buffer.
    pub len: u32,
    /// The buffer's number, which the device writes back.
    pub id: u16,
    /// [`DescFlags`].
    pub flags: u16,
}

const_assert_eq!(size_of::<PackedDesc>(), 16);
const_assert_eq!(offset_of!(PackedDesc, len), 8);
const_assert_eq!(offset_of!(PackedDesc, id), 12);
const_assert_eq!(offset_of!(PackedDesc, flags), 14);

/// Event suppression of a packed ring, by either side (section 2.8.14).
///
/// ```
/// use linecard_virtio::queue::layout::{EventSuppress, SUPPRESS_DISABLE};
/// let never = EventSuppress { desc: 0, flags: SUPPRESS_DISABLE };
/// assert_eq!(never.flags, 1);
/// ```
#[doc(alias = "pvirtq_event_suppress")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(4))]
pub struct EventSuppress {
    /// Bits 0 to 14 the descriptor, bit 15 the wrap counter, with [`SUPPRESS_DESC`].
    pub desc: u16,
    /// [`SUPPRESS_ENABLE`], [`SUPPRESS_DISABLE`] or [`SUPPRESS_DESC`].
    pub flags: u16,
}

const_assert_eq!(size_of::<EventSuppress>(), 4);
const_assert_eq!(offset_of!(EventSuppress, flags), 2);

bitflags::bitflags! {
    /// Flags of a descriptor (sections 2.7.5 and 2.8.1).
    ///
    /// ```
    /// use linecard_virtio::queue::layout::DescFlags;
    /// assert_eq!((DescFlags::NEXT | DescFlags::WRITE).bits(), 3);
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct DescFlags: u16 {
        /// `VIRTQ_DESC_F_NEXT`: the buffer goes on in the next descriptor.
        const NEXT = 1;
        /// `VIRTQ_DESC_F_WRITE`: the device writes it; otherwise it reads it.
        const WRITE = 2;
        /// `VIRTQ_DESC_F_INDIRECT`: it is a table of descriptors.
        const INDIRECT = 4;
        /// `VIRTQ_DESC_F_AVAIL`, packed alone: the driver's wrap counter.
        const AVAIL = 1 << 7;
        /// `VIRTQ_DESC_F_USED`, packed alone: the device's wrap counter.
        const USED = 1 << 15;

        const _ = !0;
    }
}

/// `VIRTQ_AVAIL_F_NO_INTERRUPT`: the driver polls (section 2.7.6).
pub const AVAIL_NO_INTERRUPT: u16 = 1;

/// `VIRTQ_USED_F_NO_NOTIFY`: the device polls (section 2.7.8).
pub const USED_NO_NOTIFY: u16 = 1;

/// `RING_EVENT_FLAGS_ENABLE` (section 2.8.10).
pub const SUPPRESS_ENABLE: u16 = 0;

/// `RING_EVENT_FLAGS_DISABLE` (section 2.8.10).
pub const SUPPRESS_DISABLE: u16 = 1;

/// `RING_EVENT_FLAGS_DESC`: for one descriptor, with `VIRTIO_F_EVENT_IDX` (section 2.8.10).
pub const SUPPRESS_DESC: u16 = 2;

/// The most descriptors that a queue can have (sections 2.7 and 2.8.10.1).
pub const MAX_SIZE: u16 = 32768;

/// Where the parts of a queue lie in one stretch of memory that begins on a multiple of
/// [`ALIGN`](Self::ALIGN), each on a cache line of its own, and those that the device writes apart
/// from those that the driver writes.
///
/// ```
/// use linecard_virtio::queue::layout::Parts;
/// let split = Parts::of(256, false).expect("a power of two");
/// assert_eq!((split.driver, split.device, split.len), (4096, 4096 + 576, 4096 + 576 + 2112));
/// assert_eq!(Parts::of(100, false), None, "split rings are powers of two");
/// assert!(Parts::of(100, true).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// From the start to the available ring (split) or the driver's suppression (packed), in bytes.
    pub driver: usize,
    /// From the start to the used ring (split) or the device's suppression (packed), in bytes.
    pub device: usize,
    /// Bytes in all.
    pub len: usize,
}

impl Parts {
    /// What the whole must be aligned to, in bytes: a cache line.
    pub const ALIGN: usize = 64;

    /// The parts of a queue of `size` descriptors; `None` for a size that cannot be.
    pub const fn of(size: u16, packed: bool) -> Option<Self> {
        if size == 0 || size > MAX_SIZE || (!packed && !size.is_power_of_two()) {
            return None;
        }
        let size = size as usize;
        let driver = line(size * size_of::<Desc>());
        let (driver_len, device_len) = match packed {
            true => (size_of::<EventSuppress>(), size_of::<EventSuppress>()),
            false => (
                size_of::<AvailHeader>() + 2 * size + 2,
                size_of::<UsedHeader>() + size_of::<UsedElem>() * size + 2,
            ),
        };
        let device = driver + line(driver_len);
        Some(Self {
            driver,
            device,
            len: device + line(device_len),
        })
    }
}

/// The next multiple of a cache line.
const fn line(len: usize) -> usize {
    len.next_multiple_of(Parts::ALIGN)
}

/// Whether the other side wants to be told, when the index moved from `old` to `new` and it asked
/// for `event` (section 2.7.10.1, `vring_need_event`): whether `event` was passed, modulo 2^16.
///
/// ```
/// use linecard_virtio::queue::layout::need_event;
/// assert!(need_event(5, 6, 5), "entry 5 was just made available");
/// assert!(!need_event(6, 6, 5), "entry 6 was not yet");
/// assert!(need_event(0xffff, 3, 0xfffe), "round the end");
/// ```
#[inline]
pub const fn need_event(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_needed_when_it_was_passed() {
        // By walking from `old` to `new`, beside the formula.
        for old in [0u16, 1, 0x7fff, 0xfff0, 0xffff] {
            for moved in 0..40 {
                for ahead in 0..64 {
                    let (new, event) = (old.wrapping_add(moved), old.wrapping_add(ahead));
                    let passed = (0..moved).any(|step| old.wrapping_add(step) == event);
                    assert_eq!(need_event(event, new, old), passed, "{old} {new} {event}");
                }
            }
        }
    }

    #[test]
    fn parts_do_not_overlap_and_begin_on_lines() {
        for size in [1u16, 2, 64, 256, 1024, 32768] {
            for packed in [false, true] {
                let parts = Parts::of(size, packed).unwrap();
                assert!(parts.driver >= 16 * usize::from(size));
                let driver_len = if packed { 4 } else { 6 + 2 * usize::from(size) };
                let device_len = if packed { 4 } else { 6 + 8 * usize::from(size) };
                assert!(parts.device >= parts.driver + driver_len);
                assert!(parts.len >= parts.device + device_len);
                assert!(
                    [parts.driver, parts.device, parts.len]
                        .iter()
                        .all(|at| at % 64 == 0)
                );
            }
        }
        assert_eq!(Parts::of(0, true), None);
        assert_eq!(Parts::of(32769, true), None);
    }
}

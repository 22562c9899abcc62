//! What a broken device may do to a queue: anything.

use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use linecard::mempool::DeviceAddress;

use crate::QueueMemory;
use crate::queue::layout::DescFlags;

/// The memory of an enabled queue. Only what a device may write is written: the used ring or the
/// descriptors of a packed one, the device's wishes, and the buffers that it was given.
///
/// It is stale once the queue was reset, or its port is gone: then it must not be used any more,
/// which [`FakeHandle::raw`](super::FakeHandle::raw) sees to for who asks it each time.
///
/// ```
/// use linecard_virtio::{Transport, fake::{Fake, FakeConfig}};
/// let (_, handle) = Fake::new(FakeConfig::default());
/// assert!(handle.raw(0).is_none(), "nobody has enabled it");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RawQueue(QueueMemory);

impl RawQueue {
    pub(super) const fn new(memory: QueueMemory) -> Self {
        Self(memory)
    }

    /// Whether the ring is packed.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        self.0.packed
    }

    /// Descriptors.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.0.size
    }

    /// Split: the available index. Packed: 0.
    #[must_use]
    pub fn avail_index(&self) -> u16 {
        match self.0.packed {
            true => 0,
            false => self.u16(self.0.driver, 2).load(Ordering::Acquire),
        }
    }

    /// Split: the used index. Packed: 0.
    #[must_use]
    pub fn used_index(&self) -> u16 {
        match self.0.packed {
            true => 0,
            false => self.u16(self.0.device, 2).load(Ordering::Acquire),
        }
    }

    /// Split: writes the used index. Packed: writes the flags of a descriptor.
    pub fn set_index(&self, place: u16, value: u16) {
        if self.0.packed {
            let at = 16 * usize::from(place % self.0.size) + 14;
            self.u16(self.0.descriptors, at)
                .store(value, Ordering::Release);
        } else {
            self.u16(self.0.device, 2).store(value, Ordering::Release);
        }
    }

    /// Split: the flags of the used ring. Packed: of a descriptor.
    #[must_use]
    pub fn flags(&self, place: u16) -> u16 {
        if self.0.packed {
            let at = 16 * usize::from(place % self.0.size) + 14;
            self.u16(self.0.descriptors, at).load(Ordering::Acquire)
        } else {
            self.u16(self.0.device, 0).load(Ordering::Acquire)
        }
    }

    /// Writes a used entry: of a split ring at this place, of a packed one into the descriptor, but
    /// for its flags.
    pub fn set_used(&self, place: u16, id: u32, len: u32) {
        let place = usize::from(place % self.0.size);
        if self.0.packed {
            self.u32(self.0.descriptors, 16 * place + 8)
                .store(len, Ordering::Relaxed);
            self.u16(self.0.descriptors, 16 * place + 12)
                .store(id as u16, Ordering::Relaxed);
        } else {
            self.u32(self.0.device, 4 + 8 * place)
                .store(id, Ordering::Relaxed);
            self.u32(self.0.device, 8 + 8 * place)
                .store(len, Ordering::Relaxed);
        }
    }

    /// What the device says of notifications. Split: flags, and the event index. Packed: the two
    /// fields of the event suppression.
    pub fn set_wishes(&self, flags: u16, event: u16) {
        if self.0.packed {
            self.u16(self.0.device, 0).store(event, Ordering::Relaxed);
            self.u16(self.0.device, 2).store(flags, Ordering::Release);
        } else {
            let avail_event = 4 + 8 * usize::from(self.0.size);
            self.u16(self.0.device, avail_event)
                .store(event, Ordering::Relaxed);
            self.u16(self.0.device, 0).store(flags, Ordering::Release);
        }
    }

    /// Fills the start of the buffer of descriptor `place` with bytes, if it is one that the device
    /// may write and that it has now.
    pub fn fill(&self, place: u16, bytes: &[u8]) {
        let at = 16 * usize::from(place % self.0.size);
        let field = |offset| {
            u64::from(
                self.u32(self.0.descriptors, at + offset)
                    .load(Ordering::Acquire),
            )
        };
        let address = field(0) | field(4) << 32;
        let (len, flags) = match self.0.packed {
            false => (field(8), field(12) as u16),
            true => (field(8), (field(12) >> 16) as u16),
        };
        let turns = DescFlags::AVAIL.bits() | DescFlags::USED.bits();
        let writable = flags & DescFlags::WRITE.bits() != 0;
        let used = self.0.packed && matches!(flags & turns, 0 | 0x8080);
        let Some(start) = NonZeroUsize::new(address as usize) else {
            return;
        };
        if !writable || used {
            return;
        }
        let start = NonNull::<u8>::with_exposed_provenance(start);
        for (offset, &byte) in bytes.iter().enumerate().take(len as usize) {
            // SAFETY: inside the buffer that the driver gave to the device to write.
            let to = unsafe { start.add(offset) };
            // SAFETY: as above; the device has it, so nobody else uses it.
            unsafe { to.write_volatile(byte) };
        }
    }

    fn u16(&self, part: DeviceAddress, offset: usize) -> &AtomicU16 {
        // SAFETY: the callers' offsets are inside that part of a queue of this size, aligned, and the
        // queue is enabled (the type's contract); all of it is atomics on both sides.
        unsafe { AtomicU16::from_ptr(at(part, offset).cast().as_ptr()) }
    }

    fn u32(&self, part: DeviceAddress, offset: usize) -> &AtomicU32 {
        // SAFETY: as in `u16`.
        unsafe { AtomicU32::from_ptr(at(part, offset).cast().as_ptr()) }
    }
}

fn at(part: DeviceAddress, offset: usize) -> NonNull<u8> {
    let start = NonZeroUsize::new(part.0 as usize).unwrap_or(NonZeroUsize::MIN);
    NonNull::<u8>::with_exposed_provenance(start).map_addr(|start| start.saturating_add(offset))
}

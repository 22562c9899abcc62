//! Descriptors, and the walk through an indirect table.

use core::ptr::NonNull;

use super::chain::Builder;
use super::{GuestFault, GuestMemory, Segment, Segments};
use crate::queue::layout::{Desc, DescFlags, MAX_SIZE};

/// A descriptor in a register: whatever the guest does next, this stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Descriptor {
    pub(super) address: u64,
    pub(super) len: u32,
    pub(super) flags: u16,
    /// Of a split ring's table: where the chain goes on.
    pub(super) next: u16,
}

/// The chain goes on.
pub(super) const NEXT: u16 = DescFlags::NEXT.bits();
/// The device writes.
pub(super) const WRITE: u16 = DescFlags::WRITE.bits();
/// The buffer is a table of descriptors.
pub(super) const INDIRECT: u16 = DescFlags::INDIRECT.bits();

/// Bytes of a descriptor, in both formats.
pub(super) const DESCRIPTOR: usize = size_of::<Desc>();

/// Bytes of a cache line.
pub(super) const LINE: usize = 64;

/// Whether an indirect table's entries say where the chain goes on (split), or just follow each
/// other (packed: VIRTIO 1.2, 2.8.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Linked,
    Sequence,
}

/// Adds the buffer of a descriptor to a chain.
#[inline(always)]
pub(super) fn add<M: GuestMemory, const N: usize>(
    memory: &M,
    descriptor: Descriptor,
    builder: &mut Builder,
    segments: &mut Segments<N>,
) -> Result<(), GuestFault> {
    let Descriptor {
        address,
        len,
        flags,
        ..
    } = descriptor;
    if len == 0 {
        return Ok(());
    }
    let at = memory
        .translate(address, len as usize)
        .ok_or(GuestFault::Address { address, len })?;
    builder.add(segments, Segment::new(at, len, flags & WRITE != 0))
}

/// Adds all buffers of an indirect table to a chain.
#[inline(never)]
pub(super) fn table<M: GuestMemory, const N: usize>(
    memory: &M,
    descriptor: Descriptor,
    form: Table,
    builder: &mut Builder,
    segments: &mut Segments<N>,
) -> Result<(), GuestFault> {
    let Descriptor { address, len, .. } = descriptor;
    let bytes = len as usize;
    // No table is longer than the longest queue (VIRTIO 1.2, 2.7.5.3.1).
    let entries = bytes / DESCRIPTOR;
    if entries == 0 || entries > usize::from(MAX_SIZE) || !bytes.is_multiple_of(DESCRIPTOR) {
        return Err(GuestFault::Indirect);
    }
    let at = memory
        .translate(address, bytes)
        .ok_or(GuestFault::Address { address, len })?;
    let mut index = 0;
    for _ in 0..entries {
        // SAFETY: `index` is below `entries` (0 to begin with, and checked below), so the entry
        // lies in the `bytes` that were translated.
        let entry = unsafe { entry(at, index, form) };
        if entry.flags & INDIRECT != 0 {
            return Err(GuestFault::Indirect);
        }
        add(memory, entry, builder, segments)?;
        index = match form {
            Table::Sequence => index + 1,
            Table::Linked if entry.flags & NEXT == 0 => return Ok(()),
            Table::Linked => usize::from(entry.next),
        };
        if index >= entries {
            return match form {
                Table::Sequence => Ok(()),
                Table::Linked => Err(GuestFault::Next(entry.next)),
            };
        }
    }
    Err(GuestFault::Loop)
}

/// One entry of an indirect table, which no rule says is aligned: copied byte by byte, once. Its
/// third field is the flags in a split queue's table, and the buffer's id in a packed one's.
///
/// # Safety
///
/// The table at `at` has more than `index` entries in a guest's memory that is alive.
unsafe fn entry(at: NonNull<u8>, index: usize, form: Table) -> Descriptor {
    // SAFETY: inside the table, by the caller's promise.
    let from = unsafe { at.add(index.wrapping_mul(DESCRIPTOR)) };
    // SAFETY: sixteen bytes of the table, mapped and initialised (`GuestMemory`'s contract), into
    // an array of this function. Volatile, so that each is read once: the guest may be writing.
    let bytes = unsafe { from.cast::<[u8; DESCRIPTOR]>().read_volatile() };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    let (third, fourth) = (u16::from_le_bytes([m, n]), u16::from_le_bytes([o, p]));
    let (flags, next) = match form {
        Table::Linked => (third, fourth),
        Table::Sequence => (fourth, third),
    };
    Descriptor {
        address: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        len: u32::from_le_bytes([i, j, k, l]),
        flags,
        next,
    }
}

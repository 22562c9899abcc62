//! What a packet needs that does not fit one descriptor: the list of its frames, room for its header
//! if it has none of its own, and room for an indirect table.

use core::ptr::NonNull;

use linecard::mempool::{DeviceAddress, FrameIndex};

use super::Header;
use crate::queue::{Buffer, Virtqueue};

/// A place for one packet of several parts.
///
/// The memory of each, which the device reads: a header, then a table.
#[derive(Debug)]
pub(super) struct Chains {
    /// Places that are free: the first `left` of them.
    free: [u8; PLACES],
    left: usize,
    /// For each place the frames of its packet.
    frames: [heapless::Vec<FrameIndex, FRAMES>; PLACES],
    at: NonNull<u8>,
    device: DeviceAddress,
    /// `VIRTIO_F_INDIRECT_DESC`.
    indirect: bool,
}

// SAFETY: `at` is memory that whoever made this gave to it alone (`Chains::new`), on whatever thread.
unsafe impl Send for Chains {}

/// Frames that one packet can be in, to be sent.
pub(super) const FRAMES: usize = 16;

/// Parts of such a packet: the frames, and a header.
pub(super) const PARTS: usize = FRAMES + 1;

impl Chains {
    /// Bytes of memory that it wants.
    pub(super) const LEN: usize = PLACES * PLACE;

    /// All places free.
    ///
    /// # Safety
    ///
    /// From `at`, aligned to 64, [`LEN`](Self::LEN) bytes are readable and writable for as long as
    /// this lives, used by nobody but this and a device, which finds them at `device`.
    pub(super) unsafe fn new(at: NonNull<u8>, device: DeviceAddress, indirect: bool) -> Self {
        Self {
            free: core::array::from_fn(|place| place as u8),
            left: PLACES,
            frames: [const { heapless::Vec::new() }; PLACES],
            at,
            device,
            indirect,
        }
    }

    /// A free place, if there is one; it is the same until [`take`](Self::take).
    pub(super) fn next(&self) -> Option<u8> {
        self.free.get(self.left.checked_sub(1)?).copied()
    }

    /// Takes the place that [`next`](Self::next) gave, for these frames.
    pub(super) fn take(&mut self, place: u8, frames: heapless::Vec<FrameIndex, FRAMES>) {
        self.left = self.left.saturating_sub(1);
        if let Some(slot) = self.frames.get_mut(usize::from(place)) {
            *slot = frames;
        }
    }

    /// Gives a place back, and its frames.
    pub(super) fn give_back(&mut self, place: u8) -> heapless::Vec<FrameIndex, FRAMES> {
        let Some(slot) = self.frames.get_mut(usize::from(place)) else {
            return heapless::Vec::new();
        };
        let frames = core::mem::take(slot);
        if let Some(free) = self.free.get_mut(self.left) {
            *free = place;
            self.left += 1;
        }
        frames
    }

    /// Descriptors of the ring that a packet of so many parts takes up.
    pub(super) const fn descriptors(&self, parts: usize) -> usize {
        if self.indirect { 1 } else { parts }
    }

    /// Writes a header of `len` bytes into a place, and gives it as a part.
    pub(super) fn header(&mut self, place: u8, header: &Header, len: usize) -> Buffer {
        let mut bytes = [0; Header::LEN_WITH_HASH];
        if let Some(first) = bytes.first_chunk_mut() {
            *first = header.bytes();
        }
        for (offset, byte) in bytes.iter().enumerate() {
            self.write(place, offset, &[*byte]);
        }
        Buffer {
            addr: self.address(place, 0),
            len: len as u32,
            writable: false,
        }
    }

    /// Pushes a packet that is in these parts: as a table, or as a chain of descriptors. Gives
    /// whether there was room.
    ///
    /// # Safety
    ///
    /// As for [`Virtqueue::push_chain`]; the place is this packet's.
    pub(super) unsafe fn push<V: Virtqueue>(
        &mut self,
        queue: &mut V,
        place: u8,
        parts: &[Buffer],
        token: u32,
    ) -> bool {
        let count = parts.len() as u16;
        if !self.indirect || count < 2 || parts.len() > PARTS {
            // SAFETY: the caller's promise is the same.
            return unsafe { queue.push_chain(parts, token) };
        }
        for (index, part) in parts.iter().enumerate() {
            let [first, second] = V::indirect(*part, index as u16, count);
            let offset = TABLE + 16 * index;
            self.write(place, offset, &first.to_ne_bytes());
            self.write(place, offset + 8, &second.to_ne_bytes());
        }
        // SAFETY: the caller's promise for the parts; the table is the place's, which nobody else
        // writes until the packet is done with.
        unsafe { queue.push_indirect(self.address(place, TABLE), count, token) }
    }

    /// Writes bytes into a place's memory; those that are past it are left out.
    fn write(&mut self, place: u8, offset: usize, bytes: &[u8]) {
        for (at, &byte) in (offset..PLACE).zip(bytes) {
            let at = usize::from(place) % PLACES * PLACE + at;
            // SAFETY: `at` is below `LEN`, as the place is below `PLACES` and the offset below
            // `PLACE`, and `LEN` bytes are this value's (`new`).
            let to = unsafe { self.at.add(at) };
            // SAFETY: as above; the device only reads it, and no reference to it exists. Volatile, so
            // that it is written before the barrier that publishes it.
            unsafe { to.write_volatile(byte) };
        }
    }

    fn address(&self, place: u8, offset: usize) -> DeviceAddress {
        let at = usize::from(place) % PLACES * PLACE + offset;
        DeviceAddress(self.device.0.wrapping_add(at as u64))
    }
}

/// Packets of several parts that can be on their way at a time.
const PLACES: usize = 32;

/// From a place's start to its table, in bytes; the header is before it.
const TABLE: usize = 32;

/// Bytes of a place: header and table, in whole cache lines.
const PLACE: usize = (TABLE + 16 * PARTS).next_multiple_of(64);

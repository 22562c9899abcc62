//! Packets from a ring to a burst and back, looked over on the way.

use super::Cache;
use super::frame::{CHAINED, LEN};
use crate::packet::{BurstView, Offloads, Packet, PortId};
use crate::platform;
use crate::ring::{Sink, Source, spsc};

/// What was moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Carried {
    /// Packets.
    pub(crate) count: usize,
    /// Bytes of data in all their frames.
    pub(crate) bytes: usize,
    /// The marks that any of them has.
    pub(crate) offloads: Offloads,
}

impl<'p> Cache<'p> {
    /// Moves packets from a ring to the end of `out`, as many as there are and as it has room for. With a
    /// `PORT_MASK` they say that they came in by `port`.
    #[inline(always)]
    pub(crate) fn carry_out<const PORT_MASK: u64>(
        &self,
        ring: &mut spsc::Consumer<'_, Packet<'p>>,
        out: &mut BurstView<'p>,
        port: PortId,
    ) -> Carried {
        let out = out.as_vec_mut();
        let room = out.spare();
        let (first, second) = ring.peek_burst(room.len());
        let to = room.cast::<Packet<'p>>();
        // SAFETY: `room` has place for as many as `peek_burst` was asked for at most, in other memory than the
        // ring's; they are ours by `assume_taken` below.
        let mut carried = unsafe { self.carry::<PORT_MASK>(first, to, port) };
        if !second.is_empty() {
            // SAFETY: within the room.
            let to = unsafe { to.add(first.len()) };
            // SAFETY: behind the first part there is place for the second.
            let more = unsafe { self.carry::<PORT_MASK>(second, to, port) };
            carried = carried.and(more);
        }
        // SAFETY: the ring holds so many, as `peek_burst` gave them, and they were copied to where they are owned.
        unsafe { ring.assume_taken(carried.count) };
        // SAFETY: so many places of `room` were just filled.
        unsafe { out.filled(carried.count) };
        carried
    }

    /// Moves packets from the front of `packets` to a ring, as many as it has room for.
    #[inline(always)]
    pub(crate) fn carry_in(
        &self,
        ring: &mut spsc::Producer<'_, Packet<'p>>,
        packets: &mut BurstView<'p>,
    ) -> Carried {
        let packets = packets.as_vec_mut();
        let mut reserved = ring.reserve_burst(packets.len());
        let (first, second) = reserved.spare();
        let (one, other) = packets
            .as_slice()
            .split_at_checked(first.len())
            .unwrap_or_default();
        // SAFETY: `first` has place for `one`; they are the ring's by `taken` below.
        let mut carried = unsafe { self.carry::<0>(one, first.as_mut_ptr().cast(), PortId(0)) };
        if !second.is_empty() {
            let other = other.get(..second.len()).unwrap_or_default();
            // SAFETY: likewise `second` for `other`.
            let more = unsafe { self.carry::<0>(other, second.as_mut_ptr().cast(), PortId(0)) };
            carried = carried.and(more);
        }
        // SAFETY: so many slots were written, from the first on.
        unsafe { reserved.assume_written(carried.count) };
        // SAFETY: so many were moved from the front, and belong to the ring.
        unsafe { packets.taken(carried.count) };
        reserved.commit();
        carried
    }

    /// Copies packets. With a `PORT_MASK` they say that they came in by `port`.
    ///
    /// # Safety
    ///
    /// There is room for `packets` at `to`, in other memory; the caller sees to it that each of them is
    /// owned once.
    #[inline(always)]
    unsafe fn carry<const PORT_MASK: u64>(
        &self,
        packets: &[Packet<'p>],
        to: *mut Packet<'p>,
        port: PortId,
    ) -> Carried {
        let (from, count, wide) = (packets.as_ptr(), packets.len(), self.pool().wide());
        let value = u64::from(port.0) & PORT_MASK;
        // SAFETY: a packet has 32 bytes, all of them initialised (`Framed`); the lowest 16 bits of its
        // fourth word are its port (`descriptor` asserts it), for which any will do. The rest is the caller's word.
        let found =
            unsafe { platform::carry::<_, CHAINED, LEN, PORT_MASK>(wide, from, to, count, value) };
        let bytes = match found.found() {
            true => chained_len(packets),
            false => found.total() as usize,
        };
        Carried {
            count,
            bytes,
            offloads: Offloads::from_bits_retain((found.fourth >> u16::BITS) as u16),
        }
    }
}

/// All of a packet's port.
pub(crate) const PORT_MASK: u64 = u16::MAX as u64;

#[cold]
#[inline(never)]
fn chained_len(packets: &[Packet<'_>]) -> usize {
    packets.iter().map(Packet::total_len).sum()
}

impl Carried {
    fn and(self, more: Self) -> Self {
        Self {
            count: self.count.wrapping_add(more.count),
            bytes: self.bytes.wrapping_add(more.bytes),
            offloads: self.offloads | more.offloads,
        }
    }
}

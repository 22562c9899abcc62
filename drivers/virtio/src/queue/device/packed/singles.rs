//! Chains of one buffer, a burst at a time.
//!
//! The counters are copied for as long as a burst lasts: the compiler would otherwise look again after
//! each access to the ring. And a counter of two bytes that is read with its neighbour, right after it
//! was written, makes the processor wait for all stores before that, to lines that the guest has, too.

use core::sync::atomic::Ordering;

use super::super::walk::{DESCRIPTOR, INDIRECT, LINE, NEXT, WRITE};
#[cfg(doc)]
use super::DeviceQueue;
use super::{
    AVAILABLE, Cursor, GuestMemory, HALF, ID_SHIFT, PackedQueue, Single, USED, flags_of, used_half,
};
use crate::queue::device::Segment;

impl<M: GuestMemory> PackedQueue<M> {
    /// As [`DeviceQueue::pop_singles`].
    #[inline(always)]
    pub(super) fn take_singles(
        &mut self,
        writable: bool,
        most: usize,
        mut take: impl FnMut(Single) -> bool,
    ) -> usize {
        if self.fault.is_some() {
            return 0;
        }
        let (size, mut at) = (self.size, self.next);
        let most = most.min(usize::from(size.saturating_sub(self.out)));
        let direction = if writable { WRITE } else { 0 };
        let mut count = 0;
        while count < most {
            let half = self.half(at);
            let flags = flags_of(half);
            if flags & (AVAILABLE | USED | NEXT | INDIRECT | WRITE) != at.turn() | direction {
                break;
            }
            let address = self.ring.read64(at.offset(), Ordering::Relaxed);
            let len = half as u32;
            let place = match len {
                0 => None,
                len => self.memory.translate(address, len as usize),
            };
            let Some(place) = place else { break };
            let segment = Segment::new(place, len, writable);
            if !take(Single::new(segment, (half >> ID_SHIFT) as u16)) {
                break;
            }
            at = at.forward(1, size);
            count = count.wrapping_add(1);
        }
        self.next = at;
        self.out = self.out.wrapping_add(count as u16);
        count
    }

    /// As [`DeviceQueue::unpop_singles`].
    pub(super) fn untake_singles(&mut self, count: usize) {
        let count = count.min(usize::from(self.out)) as u16;
        self.next = self.next.back(count, self.size);
        self.out = self.out.saturating_sub(count);
    }

    /// As [`DeviceQueue::put_singles`].
    #[inline(always)]
    pub(super) fn use_singles(
        &mut self,
        writable: bool,
        done: impl Iterator<Item = (Single, u32)>,
    ) {
        if self.fault.is_some() {
            return;
        }
        let mut count = 0_u16;
        if self.in_order && !writable {
            // As in `put`: the last one speaks for all.
            for (single, _) in done {
                self.last_read = Some(single.id());
                count = count.wrapping_add(1);
            }
            self.read_slots = self.read_slots.wrapping_add(count);
            self.out = self.out.saturating_sub(count);
            return;
        }
        // What was put before comes before.
        self.write_read();
        self.show();
        let (size, mut at) = (self.size, self.done);
        let mut line = heapless::Vec::<u64, { LINE / DESCRIPTOR }>::new();
        let mut begins = at;
        for (single, written) in done {
            let _ = line.push(used_half(at, single.id(), written));
            count = count.wrapping_add(1);
            at = at.forward(1, size);
            // The place behind a line's end begins another one, and so does the ring's first.
            if at.offset().is_multiple_of(LINE) {
                self.write_line(begins, &line);
                line.clear();
                begins = at;
            }
        }
        self.write_line(begins, &line);
        self.out = self.out.saturating_sub(count);
        self.used = self.used.saturating_add(count);
        self.done = at;
    }

    /// Writes used descriptors from `at` on, all in one cache line, the first one last: the guest, which
    /// polls that one, sees them at once.
    #[inline(always)]
    fn write_line(&self, at: Cursor, halves: &[u64]) {
        let Some((first, rest)) = halves.split_first() else {
            return;
        };
        let start = at.offset().wrapping_add(HALF);
        let mut offset = start;
        for half in rest {
            offset = offset.wrapping_add(DESCRIPTOR);
            self.ring.write64(offset, *half, Ordering::Relaxed);
        }
        // The others, and the bytes of the buffers, come before the first's flags.
        self.ring.write64(start, *first, Ordering::Release);
    }
}

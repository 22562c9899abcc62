//! The device's side of a split virtqueue (VIRTIO 1.2, 2.7).

use core::sync::atomic::{Ordering, fence};

use super::chain::Builder;
use super::ring::{DeviceQueue, Position, RingAddresses, RingConfig};
use super::walk::{self, DESCRIPTOR, Descriptor, INDIRECT, LINE, NEXT, Table, WRITE};
use super::window::Window;
use super::{Chain, GuestFault, GuestMemory, Segment, Segments, Single};
use crate::queue::layout::{
    AVAIL_NO_INTERRUPT, AvailHeader, MAX_SIZE, USED_NO_NOTIFY, UsedElem, need_event,
};

/// A split virtqueue, seen from the device. See the [module](super) for an example.
///
/// Its indices run free and wrap at 2^16; only where an entry lies is masked.
#[derive(Debug)]
pub struct SplitQueue<M> {
    // The rings go before the memory that they are in: fields are dropped in this order.
    descriptors: Window,
    available: Window,
    used: Window,
    memory: M,
    mask: u16,
    event_idx: bool,
    indirect: bool,
    /// The next available entry to be popped.
    next: u16,
    /// The guest's available index, as last read.
    seen: u16,
    /// The next used entry to be written.
    done: u16,
    /// The used index, as the guest was last told.
    told: u16,
    fault: Option<GuestFault>,
}

impl<M: GuestMemory> SplitQueue<M> {
    /// A queue in a guest's memory, whose available and used indices both stand at
    /// `config.start.index`.
    ///
    /// # Errors
    ///
    /// [`GuestFault::Size`] or [`GuestFault::Ring`].
    pub fn new(memory: M, rings: RingAddresses, config: RingConfig) -> Result<Self, GuestFault> {
        let size = config.size;
        if !size.is_power_of_two() || size > MAX_SIZE {
            return Err(GuestFault::Size(size));
        }
        let entries = usize::from(size);
        // VIRTIO 1.2, 2.7: sizes and alignments of the three parts, each with its event index.
        let bytes = entries * DESCRIPTOR;
        // SAFETY: `memory` is moved into the queue beside its windows, and dropped after them.
        let descriptors = unsafe { Window::new(&memory, rings.descriptors, bytes, 16) }?;
        let bytes = HEADER + entries * AVAILABLE + EVENT;
        // SAFETY: as above.
        let available = unsafe { Window::new(&memory, rings.driver, bytes, 2) }?;
        let bytes = HEADER + entries * USED + EVENT;
        // SAFETY: as above.
        let used = unsafe { Window::new(&memory, rings.device, bytes, 4) }?;
        let start = config.start.index;
        Ok(Self {
            descriptors,
            available,
            used,
            memory,
            mask: size - 1,
            event_idx: config.event_idx,
            indirect: config.indirect,
            next: start,
            seen: start,
            done: start,
            told: start,
            fault: None,
        })
    }

    /// The guest's memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// The used index that the guest's memory has: where a queue stands whose device died.
    ///
    /// ```
    /// use linecard_virtio::queue::device::{GuestFault, GuestMemory, SplitQueue};
    /// fn stands<M: GuestMemory>(queue: &SplitQueue<M>) -> u16 { queue.used_index() }
    /// ```
    pub fn used_index(&self) -> u16 {
        self.used.read16(INDEX, Ordering::Relaxed)
    }

    /// Reads the available index, and checks that the guest kept to its ring.
    #[inline]
    fn look(&mut self) -> Result<(), GuestFault> {
        // The entries that the index covers are read after it.
        let now = self.available.read16(INDEX, Ordering::Acquire);
        // What is popped and not yet put back takes up the ring as well.
        if now.wrapping_sub(self.done) > self.mask.wrapping_add(1) {
            return Err(GuestFault::Index {
                seen: self.seen,
                now,
            });
        }
        // It may have gone back, which is another kind of jump.
        if now.wrapping_sub(self.next) > now.wrapping_sub(self.done) {
            return Err(GuestFault::Index {
                seen: self.seen,
                now,
            });
        }
        self.seen = now;
        Ok(())
    }

    #[inline(always)]
    fn descriptor(&self, index: u16) -> Descriptor {
        let at = usize::from(index) * DESCRIPTOR;
        let order = Ordering::Relaxed;
        let address = self.descriptors.read64(at, order);
        let rest = self.descriptors.read64(at.wrapping_add(8), order);
        Descriptor {
            address,
            len: rest as u32,
            flags: (rest >> 32) as u16,
            next: (rest >> 48) as u16,
        }
    }

    /// Walks the chain that begins at descriptor `head`.
    #[inline(always)]
    fn walk<const N: usize>(
        &self,
        head: u16,
        builder: &mut Builder,
        segments: &mut Segments<N>,
    ) -> Result<(), GuestFault> {
        if head > self.mask {
            return Err(GuestFault::Head(head));
        }
        builder.chain.id = head;
        let mut index = head;
        // As many as the ring has: a chain cannot be longer.
        for _ in 0..=self.mask {
            let descriptor = self.descriptor(index);
            if descriptor.flags & INDIRECT != 0 {
                // A table is the chain's last descriptor (VIRTIO 1.2, 2.7.5.3.1).
                if !self.indirect || descriptor.flags & NEXT != 0 {
                    return Err(GuestFault::Indirect);
                }
                return walk::table(&self.memory, descriptor, Table::Linked, builder, segments);
            }
            walk::add(&self.memory, descriptor, builder, segments)?;
            if descriptor.flags & NEXT == 0 {
                return Ok(());
            }
            index = descriptor.next;
            if index > self.mask {
                return Err(GuestFault::Next(index));
            }
        }
        Err(GuestFault::Loop)
    }

    #[cold]
    fn fail(&mut self, fault: GuestFault) -> GuestFault {
        *self.fault.get_or_insert(fault)
    }

    /// Whether the guest wants to be called for what was used since `old` (VIRTIO 1.2, 2.7.7.2).
    #[inline]
    fn wants_call(&self, old: u16) -> bool {
        // The used index must be visible before it is looked whether anybody waits for it: the
        // guest does the opposite.
        fence(Ordering::SeqCst);
        if self.event_idx {
            let at = HEADER + (usize::from(self.mask) + 1) * AVAILABLE;
            need_event(self.available.read16(at, Ordering::Relaxed), self.done, old)
        } else {
            self.available.read16(FLAGS, Ordering::Relaxed) & AVAIL_NO_INTERRUPT == 0
        }
    }
}

impl<M: GuestMemory> DeviceQueue for SplitQueue<M> {
    #[inline(always)]
    fn prefetch(&mut self, _writable: bool, most: usize) {
        if self.fault.is_some() || (self.next == self.seen && self.look().is_err()) {
            return;
        }
        let there = usize::from(self.seen.wrapping_sub(self.next)).min(most);
        let mut line = usize::MAX;
        for ahead in 0..there {
            let place = usize::from(self.next.wrapping_add(ahead as u16) & self.mask);
            let head = self
                .available
                .read16(HEADER + place * AVAILABLE, Ordering::Relaxed);
            let at = usize::from(head) * DESCRIPTOR;
            // Guests take descriptors one after the other, four of which share a line.
            if at / LINE != line {
                line = at / LINE;
                self.descriptors.prefetch_read(at);
            }
        }
        for ahead in (0..there).step_by(LINE / USED) {
            let place = usize::from(self.done.wrapping_add(ahead as u16) & self.mask);
            self.used.prefetch_write(HEADER + place * USED);
        }
    }

    #[inline(always)]
    fn pop<const N: usize>(
        &mut self,
        segments: &mut Segments<N>,
    ) -> Result<Option<Chain>, GuestFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.next == self.seen {
            if let Err(fault) = self.look() {
                return Err(self.fail(fault));
            }
            if self.next == self.seen {
                return Ok(None);
            }
        }
        let place = usize::from(self.next & self.mask);
        let head = self
            .available
            .read16(HEADER + place * AVAILABLE, Ordering::Relaxed);
        let mut builder = Builder::new(segments);
        if let Err(fault) = self.walk(head, &mut builder, segments) {
            builder.undo(segments);
            return Err(self.fail(fault));
        }
        self.next = self.next.wrapping_add(1);
        Ok(Some(builder.chain))
    }

    #[inline(always)]
    fn pop_singles(
        &mut self,
        writable: bool,
        most: usize,
        mut take: impl FnMut(Single) -> bool,
    ) -> usize {
        if self.fault.is_some() {
            return 0;
        }
        if self.next == self.seen
            && let Err(fault) = self.look()
        {
            self.fail(fault);
            return 0;
        }
        // Copies: the compiler would look again after each access to the rings.
        let (next, mask) = (self.next, self.mask);
        let there = usize::from(self.seen.wrapping_sub(next)).min(most);
        let direction = if writable { WRITE } else { 0 };
        let mut count = 0;
        while count < there {
            let place = usize::from(next.wrapping_add(count as u16) & mask);
            let head = self
                .available
                .read16(HEADER + place * AVAILABLE, Ordering::Relaxed);
            if head > mask {
                break;
            }
            let Descriptor {
                address,
                len,
                flags,
                ..
            } = self.descriptor(head);
            if flags & (NEXT | INDIRECT | WRITE) != direction {
                break;
            }
            let place = match len {
                0 => None,
                len => self.memory.translate(address, len as usize),
            };
            let Some(place) = place else { break };
            if !take(Single::new(Segment::new(place, len, writable), head)) {
                break;
            }
            count = count.wrapping_add(1);
        }
        self.next = next.wrapping_add(count as u16);
        count
    }

    #[inline]
    fn unpop_singles(&mut self, count: usize) {
        let out = self.next.wrapping_sub(self.done);
        self.next = self.next.wrapping_sub(count.min(usize::from(out)) as u16);
    }

    #[inline(always)]
    fn put_singles(&mut self, _writable: bool, done: impl Iterator<Item = (Single, u32)>) {
        if self.fault.is_some() {
            return;
        }
        let (mut next, mask) = (self.done, self.mask);
        for (single, written) in done {
            let at = HEADER + usize::from(next & mask) * USED;
            self.used.write32(at, u32::from(single.id()));
            self.used.write32(at.wrapping_add(4), written);
            next = next.wrapping_add(1);
        }
        self.done = next;
    }

    #[inline]
    fn unpop(&mut self, _chain: Chain) {
        self.next = self.next.wrapping_sub(1);
    }

    #[inline]
    fn put(&mut self, chain: Chain, written: u32) {
        if self.fault.is_some() {
            return;
        }
        let at = HEADER + usize::from(self.done & self.mask) * USED;
        self.used.write32(at, u32::from(chain.id));
        self.used.write32(at.wrapping_add(4), written);
        self.done = self.done.wrapping_add(1);
    }

    #[inline]
    fn publish(&mut self) -> bool {
        let old = self.told;
        if self.fault.is_some() || old == self.done {
            return false;
        }
        // The entries, and the bytes of the buffers, come before the index.
        self.used.write16(INDEX, self.done, Ordering::Release);
        self.told = self.done;
        self.wants_call(old)
    }

    fn set_notify(&mut self, wanted: bool) -> bool {
        if self.fault.is_some() {
            return false;
        }
        if self.event_idx {
            // An event index that lies behind is not passed again for 2^16 entries.
            if wanted {
                let at = HEADER + (usize::from(self.mask) + 1) * USED;
                self.used.write16(at, self.next, Ordering::Relaxed);
            }
        } else {
            let flags = if wanted { 0 } else { USED_NO_NOTIFY };
            self.used.write16(FLAGS, flags, Ordering::Relaxed);
        }
        // The wish must be visible before it is looked whether it came too late.
        fence(Ordering::SeqCst);
        match self.look() {
            Ok(()) => self.next != self.seen,
            Err(fault) => {
                self.fail(fault);
                false
            }
        }
    }

    #[inline]
    fn fault(&self) -> Option<GuestFault> {
        self.fault
    }

    fn position(&self) -> Position {
        Position {
            index: self.next,
            wrap: true,
        }
    }

    fn size(&self) -> u16 {
        self.mask.wrapping_add(1)
    }
}

/// In both rings: flags, then index, then the entries, then the other side's event index.
const FLAGS: usize = 0;
const INDEX: usize = 2;
const HEADER: usize = size_of::<AvailHeader>();
const AVAILABLE: usize = size_of::<u16>();
const USED: usize = size_of::<UsedElem>();
const EVENT: usize = size_of::<u16>();

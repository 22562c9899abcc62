//! The device's side of a packed virtqueue (VIRTIO 1.2, 2.8).

use core::sync::atomic::{Ordering, fence};

use super::chain::Builder;
use super::ring::{DeviceQueue, Position, RingAddresses, RingConfig};
use super::walk::{self, DESCRIPTOR, Descriptor, INDIRECT, LINE, NEXT, Table};
use super::window::Window;
use super::{Chain, GuestFault, GuestMemory, Segments, Single, resume};
use crate::queue::layout::{
    EventSuppress, MAX_SIZE, SUPPRESS_DESC, SUPPRESS_DISABLE, SUPPRESS_ENABLE, need_event,
};

mod cursor;
mod singles;

pub(super) use cursor::{AVAILABLE, Cursor, FLAGS, USED};
use cursor::{FLAGS_SHIFT, HALF, ID_SHIFT, flags_of, used_half};

/// A packed virtqueue, seen from the device. See the [module](super) for an example.
///
/// One ring serves both directions: the guest marks a descriptor available, the device overwrites
/// it with a used one. The mark is two bits that are compared with a wrap counter on either side.
///
/// ```
/// # #[cfg(feature = "test-utils")] {
/// use linecard_virtio::queue::device::{DeviceQueue, HeapGuest, PackedQueue, RingAddresses, RingConfig, Segments};
///
/// let guest = HeapGuest::new(0, 4096);
/// let rings = RingAddresses { descriptors: 0, driver: 1024, device: 1028 };
/// let config = RingConfig { size: 16, ..RingConfig::default() };
/// let mut queue = PackedQueue::new(guest.clone(), rings, config)?;
/// // 60 readable bytes at 2048: address, length, id 7, available in the first round.
/// guest.poke(0, &2048_u64.to_le_bytes());
/// guest.poke(8, &60_u32.to_le_bytes());
/// guest.poke(12, &[7, 0, 0x80, 0]);
/// let mut segments = Segments::<32>::new();
/// let chain = queue.pop(&mut segments)?.expect("one is there");
/// assert_eq!((chain.id(), chain.readable()), (7, 60));
/// queue.put(chain, 0);
/// assert!(queue.publish(), "the guest has not said that it polls");
/// assert_eq!(guest.peek(14), Some([0x80, 0x80]), "used in the first round");
/// # }
/// # Ok::<(), linecard_virtio::queue::device::GuestFault>(())
/// ```
#[derive(Debug)]
pub struct PackedQueue<M> {
    // The rings go before the memory that they are in: fields are dropped in this order.
    ring: Window,
    driver: Window,
    device: Window,
    memory: M,
    size: u16,
    event_idx: bool,
    indirect: bool,
    in_order: bool,
    /// The next descriptor to be popped.
    next: Cursor,
    /// The next used descriptor to be written.
    done: Cursor,
    /// Where the guest was last told that the used ones end.
    told: Cursor,
    /// Descriptors used since then: more than the ring has, if the guest made some available again that
    /// it was only [offered](DeviceQueue::offer).
    used: u16,
    /// Of the used descriptors that the guest does not see yet, the first: where it is, and the half
    /// with its flags, which is written last.
    first: Option<(usize, u64)>,
    /// With `in_order`: the last buffer that was only read, which speaks for all since `done`.
    last_read: Option<u16>,
    /// Slots that `last_read` speaks for.
    read_slots: u16,
    /// Descriptors that are popped and not put back.
    out: u16,
    /// The guest was asked not to notify: it does not read where the next event would be, and
    /// `told` is written down there (see `resume`).
    polled: bool,
    fault: Option<GuestFault>,
}

impl<M: GuestMemory> PackedQueue<M> {
    /// A queue in a guest's memory, of which everything before `config.start` is used.
    ///
    /// # Errors
    ///
    /// [`GuestFault::Size`], [`GuestFault::Ring`] or [`GuestFault::Position`].
    pub fn new(memory: M, rings: RingAddresses, config: RingConfig) -> Result<Self, GuestFault> {
        let size = config.size;
        if size == 0 || size > MAX_SIZE {
            return Err(GuestFault::Size(size));
        }
        let Position { index, wrap } = config.start;
        if index >= size {
            return Err(GuestFault::Position);
        }
        // VIRTIO 1.2, 2.8: sizes and alignments of the three parts.
        let bytes = usize::from(size) * DESCRIPTOR;
        // SAFETY: `memory` is moved into the queue beside its windows, and dropped after them.
        let ring = unsafe { Window::new(&memory, rings.descriptors, bytes, 16) }?;
        // SAFETY: as above.
        let driver = unsafe { Window::new(&memory, rings.driver, SUPPRESSION, 4) }?;
        // SAFETY: as above.
        let device = unsafe { Window::new(&memory, rings.device, SUPPRESSION, 4) }?;
        let start = Cursor { index, wrap };
        Ok(Self {
            ring,
            driver,
            device,
            memory,
            size,
            event_idx: config.event_idx,
            indirect: config.indirect,
            in_order: config.in_order,
            next: start,
            done: start,
            told: start,
            used: 0,
            first: None,
            last_read: None,
            read_slots: 0,
            out: 0,
            polled: false,
            fault: None,
        })
    }

    /// A queue that another device may have served before, and have left without saying where it
    /// stood: as [`new`](Self::new), but where the ring contradicts `config.start`, it goes on where
    /// the device before it did, if that was a `PackedQueue` that had
    /// [asked](DeviceQueue::set_notify) for no notifications.
    ///
    /// # Errors
    ///
    /// As of [`new`](Self::new).
    ///
    /// ```
    /// # #[cfg(feature = "test-utils")] {
    /// use linecard_virtio::queue::device::{DeviceQueue, HeapGuest, PackedQueue, RingAddresses, RingConfig, Segments};
    ///
    /// let guest = HeapGuest::new(0, 4096);
    /// let rings = RingAddresses { descriptors: 0, driver: 1024, device: 1028 };
    /// let config = RingConfig { size: 16, ..RingConfig::default() };
    /// // The guest makes one descriptor available, and the device uses it.
    /// guest.poke(8, &[60, 0, 0, 0, 7, 0, 0x80, 0]);
    /// let mut queue = PackedQueue::resume(guest.clone(), rings, config)?;
    /// queue.set_notify(false);
    /// let mut segments = Segments::<32>::new();
    /// let chain = queue.pop(&mut segments)?.expect("one is there");
    /// queue.put(chain, 0);
    /// let _ = queue.publish();
    /// drop(queue);
    /// // The next one is told to begin at the beginning, but there everything is used.
    /// let queue = PackedQueue::resume(guest, rings, config)?;
    /// assert_eq!(queue.position().index, 1);
    /// # }
    /// # Ok::<(), linecard_virtio::queue::device::GuestFault>(())
    /// ```
    pub fn resume(memory: M, rings: RingAddresses, config: RingConfig) -> Result<Self, GuestFault> {
        let mut queue = Self::new(memory, rings, config)?;
        if config.in_order {
            return Ok(queue);
        }
        let start = resume::position(&queue.ring, &queue.device, queue.size, queue.next);
        (queue.next, queue.done, queue.told) = (start, start, start);
        Ok(queue)
    }

    /// The guest's memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// The second half of the descriptor at `at`: length, id and flags, what is there of it by the
    /// time that its flags are.
    #[inline(always)]
    fn half(&self, at: Cursor) -> u64 {
        let offset = at.offset().wrapping_add(HALF);
        let half = self.ring.read64(offset, Ordering::Acquire);
        if cfg!(target_arch = "x86_64") {
            return half;
        }
        // A guest may have written it in pieces, the flags last: where one load may be made of such
        // pieces in any order, the rest is read once more.
        let rest = self.ring.read64(offset, Ordering::Relaxed);
        rest & !(0xffff << FLAGS_SHIFT) | half & 0xffff << FLAGS_SHIFT
    }

    /// The descriptor at `at`, whose second half was read already, and its buffer's id.
    #[inline(always)]
    fn descriptor(&self, at: Cursor, half: u64) -> (Descriptor, u16) {
        let descriptor = Descriptor {
            address: self.ring.read64(at.offset(), Ordering::Relaxed),
            len: half as u32,
            flags: flags_of(half),
            next: 0,
        };
        (descriptor, (half >> ID_SHIFT) as u16)
    }

    /// Walks the chain that begins at the cursor, of whose first descriptor this is the second half.
    #[inline(always)]
    fn walk<const N: usize>(
        &self,
        mut half: u64,
        builder: &mut Builder,
        segments: &mut Segments<N>,
    ) -> Result<(), GuestFault> {
        // The ring less what is popped already: that much a chain can take up.
        let most = self.size.wrapping_sub(self.out);
        let mut at = self.next;
        let mut slots = 0;
        while slots < most {
            let (descriptor, id) = self.descriptor(at, half);
            let flags = descriptor.flags;
            slots = slots.wrapping_add(1);
            builder.chain.slots = slots;
            builder.chain.id = id;
            if flags & INDIRECT != 0 {
                // A table is a chain by itself (VIRTIO 1.2, 2.8.19).
                if !self.indirect || flags & NEXT != 0 || slots > 1 {
                    return Err(GuestFault::Indirect);
                }
                return walk::table(&self.memory, descriptor, Table::Sequence, builder, segments);
            }
            walk::add(&self.memory, descriptor, builder, segments)?;
            if flags & NEXT == 0 {
                return Ok(());
            }
            at = at.forward(1, self.size);
            // Written before the first descriptor's flags, which were read with acquire.
            half = self.half(at);
        }
        Err(GuestFault::Loop)
    }

    /// Writes a used descriptor at `done`. The guest sees it with the first of those that it does not
    /// see yet: see [`show`](Self::show).
    #[inline(always)]
    fn write_used(&mut self, id: u16, written: u32, slots: u16) {
        let at = self.done.offset().wrapping_add(HALF);
        let half = used_half(self.done, id, written);
        if self.first.is_none() {
            self.first = Some((at, half));
        } else {
            // The guest reads in order: it does not come here before it has seen the first.
            self.ring.write64(at, half, Ordering::Relaxed);
        }
        self.done = self.done.forward(slots, self.size);
        self.used = self.used.saturating_add(slots);
    }

    /// Lets the guest see what is used.
    #[inline(always)]
    fn show(&mut self) {
        if let Some((at, half)) = self.first.take() {
            // The other used descriptors, and the bytes of the buffers, come before the first's flags.
            self.ring.write64(at, half, Ordering::Release);
        }
    }

    /// Writes the used descriptor that speaks for all buffers read since the last one.
    #[inline]
    fn write_read(&mut self) {
        if let Some(id) = self.last_read.take() {
            let slots = core::mem::take(&mut self.read_slots);
            self.write_used(id, 0, slots);
        }
    }

    /// Writes down how far the guest was told, for a device that comes after this one.
    #[inline(always)]
    fn write_down(&self) {
        let told = self.told.to_bits();
        // Behind the flags that the guest was told by: see `resume`.
        self.device.write16(EVENT_OFFSET, told, Ordering::Release);
    }

    #[cold]
    fn fail(&mut self, fault: GuestFault) -> GuestFault {
        *self.fault.get_or_insert(fault)
    }

    /// The second half of the next descriptor, if it is available.
    #[inline(always)]
    fn look(&self) -> Option<u64> {
        // The rest of the chain is read after the flags that make it available.
        let half = self.half(self.next);
        self.next.available(flags_of(half)).then_some(half)
    }

    /// Whether the guest wants to be called for the `used` descriptors since `old` (VIRTIO 1.2, 2.8.10).
    #[inline]
    fn wants_call(&self, old: Cursor, used: u16) -> bool {
        // The used descriptors must be visible before it is looked whether anybody waits for
        // them: the guest does the opposite.
        fence(Ordering::SeqCst);
        match self.driver.read16(EVENT_FLAGS, Ordering::Acquire) & 3 {
            SUPPRESS_ENABLE => true,
            SUPPRESS_DISABLE => false,
            // Every place was passed.
            SUPPRESS_DESC if used >= self.size => true,
            SUPPRESS_DESC if self.event_idx => {
                let event = self.driver.read16(EVENT_OFFSET, Ordering::Relaxed);
                let wrap = event & 0x8000 != 0;
                let mut offset = event & 0x7fff;
                // Places of the round before this one, counted back from its start.
                if wrap != self.done.wrap {
                    offset = offset.wrapping_sub(self.size);
                }
                let new = self.done.index;
                let old = if old.wrap == self.done.wrap {
                    old.index
                } else {
                    old.index.wrapping_sub(self.size)
                };
                need_event(offset, new, old)
            }
            // Reserved, or not negotiated: an interrupt too many harms nobody.
            _ => true,
        }
    }
}

impl<M: GuestMemory> DeviceQueue for PackedQueue<M> {
    #[inline(always)]
    fn prefetch(&mut self, writable: bool, most: usize) {
        if self.fault.is_some() || self.look().is_none() {
            return;
        }
        let most = most.min(usize::from(self.size));
        for ahead in (LINE / DESCRIPTOR..most).step_by(LINE / DESCRIPTOR) {
            let at = self.next.forward(ahead as u16, self.size).offset();
            if self.in_order && !writable {
                self.ring.prefetch_read(at);
            } else {
                // To be written: a used descriptor goes where the available one was.
                self.ring.prefetch_write(at);
            }
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
        // The whole ring is out: what looks available is what was popped a round ago.
        if self.out >= self.size {
            return Ok(None);
        }
        let Some(half) = self.look() else {
            return Ok(None);
        };
        let mut builder = Builder::new(segments);
        if let Err(fault) = self.walk(half, &mut builder, segments) {
            builder.undo(segments);
            return Err(self.fail(fault));
        }
        let slots = builder.chain.slots;
        self.next = self.next.forward(slots, self.size);
        self.out = self.out.wrapping_add(slots);
        Ok(Some(builder.chain))
    }

    #[inline(always)]
    fn pop_singles(
        &mut self,
        writable: bool,
        most: usize,
        take: impl FnMut(Single) -> bool,
    ) -> usize {
        self.take_singles(writable, most, take)
    }

    fn unpop_singles(&mut self, count: usize) {
        self.untake_singles(count);
    }

    #[inline(always)]
    fn put_singles(&mut self, writable: bool, done: impl Iterator<Item = (Single, u32)>) {
        self.use_singles(writable, done);
    }

    #[inline]
    fn unpop(&mut self, chain: Chain) {
        self.next = self.next.back(chain.slots, self.size);
        self.out = self.out.saturating_sub(chain.slots);
    }

    #[inline]
    fn put(&mut self, chain: Chain, written: u32) {
        if self.fault.is_some() {
            return;
        }
        self.out = self.out.saturating_sub(chain.slots);
        // Buffers that were only read need no length, so that the last one speaks for all before
        // it (VIRTIO 1.2, 2.8.9).
        if self.in_order && written == 0 && chain.writable == 0 {
            self.last_read = Some(chain.id);
            self.read_slots = self.read_slots.wrapping_add(chain.slots);
            return;
        }
        self.write_read();
        self.write_used(chain.id, written, chain.slots);
    }

    #[inline(always)]
    fn offer(&mut self) {
        if let Some((first, _)) = self.first
            && first / LINE != self.done.offset() / LINE
        {
            self.show();
        }
    }

    #[inline]
    fn publish(&mut self) -> bool {
        if self.fault.is_some() {
            return false;
        }
        self.write_read();
        self.show();
        let used = core::mem::take(&mut self.used);
        if used == 0 {
            return false;
        }
        let old = self.told;
        self.told = self.done;
        if self.polled {
            self.write_down();
        }
        self.wants_call(old, used)
    }

    fn set_notify(&mut self, wanted: bool) -> bool {
        if self.fault.is_some() {
            return false;
        }
        self.polled = !wanted;
        let flags = match (wanted, self.event_idx) {
            (false, _) => {
                self.write_down();
                SUPPRESS_DISABLE
            }
            (true, false) => SUPPRESS_ENABLE,
            (true, true) => {
                let offset = self.next.to_bits();
                self.device.write16(EVENT_OFFSET, offset, Ordering::Relaxed);
                SUPPRESS_DESC
            }
        };
        self.device.write16(EVENT_FLAGS, flags, Ordering::Release);
        // The wish must be visible before it is looked whether it came too late.
        fence(Ordering::SeqCst);
        self.out < self.size && self.look().is_some()
    }

    #[inline]
    fn fault(&self) -> Option<GuestFault> {
        self.fault
    }

    fn position(&self) -> Position {
        Position {
            index: self.next.index,
            wrap: self.next.wrap,
        }
    }

    fn size(&self) -> u16 {
        self.size
    }
}

/// Event suppression: offset and wrap counter, then flags.
const SUPPRESSION: usize = size_of::<EventSuppress>();
pub(super) const EVENT_OFFSET: usize = 0;
pub(super) const EVENT_FLAGS: usize = 2;

//! Split rings (VIRTIO 1.2, section 2.7), from the driver's side.
//!
//! ```text
//!   driver writes                              device writes
//!   descriptors  [ addr len flags next ] x size
//!   available    [ id ] x size, idx    ----->
//!                                      <-----  used [ id, len ] x size, idx
//! ```
//!
//! As long as the device uses buffers in order, which they all do who move packets, an id comes to
//! the same place of the available ring at every lap: that ring is then never written but for its
//! index, and stays in the device's cache.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use linecard::mempool::DeviceAddress;
use linecard::platform::barrier;

use super::layout::{AVAIL_NO_INTERRUPT, DescFlags, USED_NO_NOTIFY, need_event};
use super::memory::{RingMemory, USED_RING};
use super::table::{Ids, Table};
use super::{Buffer, CHAINED, Fault, MAX_TOKEN, NONE, Options, PORTION, Used, Virtqueue};

mod take;

/// A split ring of up to `N` descriptors, a power of two.
///
/// See the [parent module](super) for an example.
#[derive(Debug)]
pub struct SplitQueue<const N: usize> {
    memory: RingMemory,
    mask: u16,
    free: u16,
    /// Where the next available entry goes, counted freely.
    avail: u16,
    /// Up to where the device was last asked whether it wants to be told.
    told: u16,
    /// Up to where the device was shown what there is.
    shown: u16,
    /// The next used entry to take, counted freely.
    used: u16,
    /// Up to where the device has come, as far as was looked.
    seen: u16,
    start: u16,
    event_idx: bool,
    in_order: bool,
    /// The batch being taken, with `in_order`: the id of its last buffer, and what was written to
    /// that.
    batch: Option<(u16, u32)>,
    fault: Option<Fault>,
    ids: Ids<N>,
    /// What the available ring holds.
    avail_ids: Table<u16, N>,
    /// For each id the token of its buffer, with [`CHAINED`]; [`NONE`] if it begins none.
    tokens: Table<u32, N>,
    /// For each id of a chain the next, or [`END`].
    links: Table<u16, N>,
}

impl<const N: usize> SplitQueue<N> {
    /// A queue in this memory, which is cleared. `None` unless `size` is a power of two up to `N`.
    ///
    /// # Safety
    ///
    /// From `at`, aligned to [`Parts::ALIGN`](super::layout::Parts::ALIGN), as many bytes as
    /// [`Parts::of`](super::layout::Parts::of) such a queue says are readable and writable for as
    /// long as the queue lives, and used by nobody but it and one device.
    pub unsafe fn new(at: NonNull<u8>, size: u16, options: Options) -> Option<Self> {
        if usize::from(size) > N {
            return None;
        }
        // SAFETY: what this function's caller vouches for.
        let memory = unsafe { RingMemory::new(at, size, false) }?;
        let start = options.start.unwrap_or(0);
        let mut queue = Self {
            memory,
            mask: size.wrapping_sub(1),
            free: size,
            avail: start,
            told: start,
            shown: start,
            used: start,
            seen: start,
            start,
            event_idx: options.event_idx,
            in_order: options.in_order,
            batch: None,
            fault: None,
            ids: Ids::new(size),
            avail_ids: Table::new(0),
            tokens: Table::new(NONE),
            links: Table::new(END),
        };
        for id in 0..size {
            queue
                .memory
                .driver_u16(entry(id))
                .store(id.to_le(), Ordering::Relaxed);
            queue.avail_ids.write(id, id);
        }
        queue
            .memory
            .driver_u16(IDX)
            .store(start.to_le(), Ordering::Relaxed);
        // The driver polls. With EVENT_IDX the flags must be 0 (section 2.7.7.1), and an index that
        // is never moved asks for one interrupt in 65,536 buffers.
        let (flags, event) = match options.event_idx {
            true => (0, start.wrapping_sub(1)),
            false => (AVAIL_NO_INTERRUPT, 0),
        };
        queue
            .memory
            .driver_u16(FLAGS)
            .store(flags.to_le(), Ordering::Relaxed);
        let used_event = entry(size);
        queue
            .memory
            .driver_u16(used_event)
            .store(event.to_le(), Ordering::Relaxed);
        queue
            .memory
            .device_u16(IDX)
            .store(start.to_le(), Ordering::Relaxed);
        Some(queue)
    }

    #[inline(always)]
    fn write(&self, id: u16, addr: u64, len: u32, flags: DescFlags, next: u16) {
        // SAFETY: ids are those from 0 to the size (`Ids::new`), and come back after they were checked
        // (`check`).
        let (first, second) = unsafe { self.memory.desc(id) };
        first.store(addr.to_le(), Ordering::Relaxed);
        second.store(half(len, flags, next).to_le(), Ordering::Relaxed);
    }

    /// Puts the chain that begins with `id` into the available ring.
    #[inline(always)]
    fn offer(&mut self, id: u16, token: u32) {
        self.offer_ahead(0, id, token);
        self.avail = self.avail.wrapping_add(1);
    }

    /// As [`offer`](Self::offer), behind `ahead` others that are not counted yet.
    #[inline(always)]
    fn offer_ahead(&mut self, ahead: u16, id: u16, token: u32) {
        self.tokens.write(id, token);
        let place = self.avail.wrapping_add(ahead) & self.mask;
        if self.avail_ids.read(place) != id {
            self.avail_ids.write(place, id);
            self.memory
                .driver_u16(entry(place))
                .store(id.to_le(), Ordering::Relaxed);
        }
    }

    /// Shows the device what was offered, and `ahead` more.
    #[inline(always)]
    fn show(&mut self, ahead: u16) {
        // The descriptors and entries before the index (section 2.7.13.3.1).
        barrier::write();
        self.shown = self.avail.wrapping_add(ahead);
        self.memory
            .driver_u16(IDX)
            .store(self.shown.to_le(), Ordering::Relaxed);
    }

    /// Takes back the buffer that begins with `id`, whose token this is.
    #[inline(always)]
    fn finish(&mut self, id: u16, token: u32) {
        self.tokens.write(id, NONE);
        self.ids.give(id);
        self.free = self.free.wrapping_add(1);
        if token & CHAINED != 0 {
            self.finish_chain(id);
        }
        self.used = self.used.wrapping_add(1);
    }

    /// Counts buffers in one descriptor each that were taken.
    #[inline(always)]
    fn count(&mut self, taken: u16) {
        self.ids.advance(taken);
        self.free = self.free.wrapping_add(taken);
        self.used = self.used.wrapping_add(taken);
    }

    #[cold]
    fn finish_chain(&mut self, head: u16) {
        let mut id = self.links.read(head);
        // A chain has no more links than the queue descriptors.
        for _ in 0..self.mask {
            if id == END {
                return;
            }
            self.ids.give(id);
            self.free = self.free.wrapping_add(1);
            id = self.links.read(id);
        }
    }
}

impl<const N: usize> Virtqueue for SplitQueue<N> {
    const PACKED: bool = false;

    fn size(&self) -> u16 {
        self.memory.size()
    }

    #[inline]
    fn free(&self) -> u16 {
        self.free
    }

    #[inline]
    fn in_flight(&self) -> u16 {
        self.avail.wrapping_sub(self.used)
    }

    fn start(&self) -> u16 {
        self.start
    }

    #[inline(always)]
    unsafe fn push(&mut self, buffer: Buffer, token: u32) -> bool {
        let Some(free) = self.free.checked_sub(1) else {
            return false;
        };
        self.free = free;
        let id = self.ids.take();
        self.write(id, buffer.addr.0, buffer.len, direction(buffer), 0);
        self.offer(id, token & MAX_TOKEN);
        true
    }

    #[inline(always)]
    unsafe fn push_burst(&mut self, buffers: impl Iterator<Item = (Buffer, u32)>) -> usize {
        // The counters are written once.
        let mut ahead: u16 = 0;
        for (buffer, token) in buffers.take(usize::from(self.free)) {
            if ahead.is_multiple_of(PORTION) && ahead > 0 {
                self.show(ahead);
            }
            let id = self.ids.next(ahead);
            self.write(id, buffer.addr.0, buffer.len, direction(buffer), 0);
            self.offer_ahead(ahead, id, token & MAX_TOKEN);
            ahead = ahead.wrapping_add(1);
        }
        self.ids.skip(ahead);
        self.free = self.free.wrapping_sub(ahead);
        self.avail = self.avail.wrapping_add(ahead);
        usize::from(ahead)
    }

    #[inline(always)]
    fn prepare(&self, count: usize) {
        let count = self.free.min(count as u16);
        // Ids that a device uses in order follow each other: one of each line, and the last.
        for ahead in (0..count).step_by(usize::from(LINE)) {
            self.memory.prepare(self.ids.next(ahead));
        }
        self.memory.prepare(self.ids.next(count.wrapping_sub(1)));
    }

    unsafe fn push_chain(&mut self, parts: &[Buffer], token: u32) -> bool {
        let Some((last, rest)) = parts.split_last() else {
            return false;
        };
        if parts.len() > usize::from(self.free) {
            return false;
        }
        self.free = self.free.wrapping_sub(parts.len() as u16);
        let head = self.ids.take();
        let mut id = head;
        for part in rest {
            let next = self.ids.take();
            let flags = direction(*part) | DescFlags::NEXT;
            self.write(id, part.addr.0, part.len, flags, next);
            self.links.write(id, next);
            id = next;
        }
        self.write(id, last.addr.0, last.len, direction(*last), 0);
        self.links.write(id, END);
        self.offer(head, token & MAX_TOKEN | CHAINED);
        true
    }

    unsafe fn push_indirect(&mut self, table: DeviceAddress, count: u16, token: u32) -> bool {
        let Some(free) = self.free.checked_sub(1) else {
            return false;
        };
        self.free = free;
        let id = self.ids.take();
        self.write(id, table.0, u32::from(count) * 16, DescFlags::INDIRECT, 0);
        self.offer(id, token & MAX_TOKEN);
        true
    }

    fn indirect(part: Buffer, index: u16, count: u16) -> [u64; 2] {
        let next = index.wrapping_add(1);
        let (flags, next) = match next < count {
            true => (direction(part) | DescFlags::NEXT, next),
            false => (direction(part), 0),
        };
        [part.addr.0.to_le(), half(part.len, flags, next).to_le()]
    }

    #[inline]
    fn publish(&mut self) -> bool {
        if self.told == self.avail {
            return false;
        }
        self.show(0);
        let old = core::mem::replace(&mut self.told, self.avail);
        // The index before what the device asks for (section 2.7.13.4.1).
        barrier::full();
        if self.event_idx {
            let avail_event = USED_RING + 8 * usize::from(self.memory.size());
            let event = self.memory.device_u16(avail_event).load(Ordering::Relaxed);
            need_event(u16::from_le(event), self.avail, old)
        } else {
            let flags = self.memory.device_u16(FLAGS).load(Ordering::Relaxed);
            u16::from_le(flags) & USED_NO_NOTIFY == 0
        }
    }

    #[inline]
    fn refresh(&mut self) -> Result<(), Fault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let seen = u16::from_le(self.memory.device_u16(IDX).load(Ordering::Relaxed));
        let moved = seen.wrapping_sub(self.used);
        let in_flight = self.shown.wrapping_sub(self.used);
        if moved > in_flight {
            let fault = Fault::Index { moved, in_flight };
            self.fail(fault);
            return Err(fault);
        }
        self.seen = seen;
        // The index before the entries.
        barrier::read();
        Ok(())
    }

    #[inline(always)]
    fn pop(&mut self) -> Result<Option<Used>, Fault> {
        if self.used == self.seen {
            return Ok(None);
        }
        let taken = match self.in_order {
            false => self.take(),
            true => self.take_in_order(),
        };
        match taken {
            Ok(used) => Ok(Some(used)),
            Err(fault) => {
                self.fail(fault);
                Err(fault)
            }
        }
    }

    #[inline(always)]
    fn pop_burst(&mut self, out: &mut [Used]) -> usize {
        self.take_burst(out)
    }

    #[inline(always)]
    fn pop_tokens(&mut self, out: &mut [u32]) -> usize {
        self.take_tokens(out)
    }

    #[cold]
    fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        // Nothing more is taken.
        self.seen = self.used;
    }

    fn fault(&self) -> Option<Fault> {
        self.fault
    }

    fn notification(&self) -> u32 {
        u32::from(self.avail) << 16
    }

    fn abandon(&mut self, mut each: impl FnMut(u32)) {
        for id in 0..self.memory.size() {
            let token = self.tokens.read(id);
            if token != NONE {
                self.tokens.write(id, NONE);
                each(token & MAX_TOKEN);
            }
        }
    }
}

#[inline(always)]
const fn direction(buffer: Buffer) -> DescFlags {
    match buffer.writable {
        true => DescFlags::WRITE,
        false => DescFlags::empty(),
    }
}

/// The second half of a descriptor, as a number: length, flags, next.
#[inline(always)]
const fn half(len: u32, flags: DescFlags, next: u16) -> u64 {
    len as u64 | (flags.bits() as u64) << 32 | (next as u64) << 48
}

/// From the start of the available ring to an entry, in bytes.
#[inline(always)]
const fn entry(place: u16) -> usize {
    4 + 2 * place as usize
}

/// From the start of either ring to its flags and its index, in bytes.
const FLAGS: usize = 0;
const IDX: usize = 2;

/// Descriptors of a cache line.
const LINE: u16 = 4;

/// Behind the last link of a chain.
const END: u16 = u16::MAX;

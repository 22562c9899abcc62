//! Packed rings (VIRTIO 1.2, section 2.8), from the driver's side.
//!
//! ```text
//!   [ addr len id flags ] [ addr len id flags ] [ addr len id flags ] ...   size descriptors
//!                           ^ used                ^ next
//!     the device wrote       the device has       free
//!     over it: used          it: available
//! ```
//!
//! One ring for both directions: the device overwrites descriptors with what it has used, at the
//! place where it is in the ring, in whatever order. Bits `AVAIL` and `USED` of the flags say whose
//! turn it is, and change their meaning at each lap.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use linecard::mempool::DeviceAddress;
use linecard::platform::barrier;

use super::layout::{DescFlags, SUPPRESS_DESC, SUPPRESS_DISABLE, need_event};
use super::memory::RingMemory;
use super::table::{Ids, Table};
use super::{Buffer, CHAINED, Fault, MAX_TOKEN, NONE, Options, PORTION, Used, Virtqueue};
use take::used;

mod take;

/// A packed ring of up to `N` descriptors; `N` is a power of two, the size need not be.
///
/// ```
/// use core::ptr::NonNull;
/// use linecard::mempool::DeviceAddress;
/// use linecard_virtio::queue::{Buffer, Options, Virtqueue, packed::PackedQueue};
///
/// #[repr(align(64))]
/// struct Memory([u8; 4096]);
/// let mut memory = Memory([0; 4096]);
/// // SAFETY: the memory is aligned, long enough and left alone until the queue is gone.
/// let queue = unsafe { PackedQueue::<64>::new(NonNull::from(&mut memory).cast(), 50, Options::default()) };
/// let mut queue = queue.expect("50 is no more than 64");
/// let buffer = Buffer { addr: DeviceAddress(0x1000), len: 60, writable: false };
/// // SAFETY: no device reads this ring.
/// assert!(unsafe { queue.push_chain(&[buffer; 3], 7) });
/// assert!(queue.publish());
/// assert_eq!((queue.free(), queue.in_flight()), (47, 1));
/// ```
#[derive(Debug)]
pub struct PackedQueue<const N: usize> {
    memory: RingMemory,
    free: u16,
    /// Buffers in the queue.
    in_flight: u16,
    /// Buffers that the device was shown.
    published: u16,
    /// The next descriptor to write.
    next: u16,
    /// `AVAIL` or `USED`, by the driver's wrap counter: the flags of an available descriptor.
    turn: u16,
    /// The next used descriptor to take.
    used: u16,
    /// `AVAIL | USED` or 0, by the device's wrap counter: the flags of a used descriptor.
    used_turn: u16,
    /// Descriptors written since the device was last asked whether it wants to be told.
    added: u16,
    start: u16,
    /// The first descriptor that was not published: its place, and the half with its flags.
    first: Option<(u16, u64)>,
    in_order: bool,
    /// The batch being taken, with `in_order`: the id of its last buffer, and what was written to
    /// that.
    batch: Option<(u16, u32)>,
    fault: Option<Fault>,
    ids: Ids<N>,
    /// For each id the token of its buffer, with [`CHAINED`]; [`NONE`] if it has none.
    tokens: Table<u32, N>,
    /// For each id of a chain, how many descriptors it has.
    counts: Table<u16, N>,
}

impl<const N: usize> PackedQueue<N> {
    /// A queue in this memory, which is cleared. `None` unless `size` is from 1 to `N`, and
    /// `start` inside it.
    ///
    /// # Safety
    ///
    /// As for [`SplitQueue::new`](super::split::SplitQueue::new).
    pub unsafe fn new(at: NonNull<u8>, size: u16, options: Options) -> Option<Self> {
        let start = options.start.unwrap_or(WRAP);
        if usize::from(size) > N || start & !WRAP >= size {
            return None;
        }
        // SAFETY: what this function's caller vouches for.
        let memory = unsafe { RingMemory::new(at, size, true) }?;
        let first_lap = start & WRAP != 0;
        let queue = Self {
            memory,
            free: size,
            in_flight: 0,
            published: 0,
            next: start & !WRAP,
            turn: if first_lap { AVAIL } else { USED },
            used: start & !WRAP,
            used_turn: if first_lap { AVAIL | USED } else { 0 },
            added: 0,
            start,
            first: None,
            in_order: options.in_order,
            batch: None,
            fault: None,
            ids: Ids::new(size),
            tokens: Table::new(NONE),
            counts: Table::new(1),
        };
        if !first_lap {
            // As the last lap left them: used, and not available.
            for place in 0..size {
                let half = u64::from(AVAIL | USED) << FLAGS;
                // SAFETY: `place` is below the size.
                let (_, second) = unsafe { queue.memory.desc(place) };
                second.store(half.to_le(), Ordering::Relaxed);
            }
        }
        // The driver polls (section 2.8.10).
        let flags = SUPPRESS_DISABLE.to_le();
        queue
            .memory
            .driver_u16(SUPPRESS_FLAGS)
            .store(flags, Ordering::Relaxed);
        Some(queue)
    }

    /// Shows the device what was written; gives whether there was anything.
    #[inline(always)]
    fn show(&mut self) -> bool {
        let Some((place, half)) = self.first.take() else {
            return false;
        };
        // All other descriptors, and the address of this one, before its flags (section 2.8.21.1).
        barrier::write();
        // SAFETY: the place was written to (`write`).
        let (_, second) = unsafe { self.memory.desc(place) };
        second.store(half.to_le(), Ordering::Relaxed);
        true
    }

    /// Writes the next descriptor; all but the first of those that are not published at once.
    #[inline(always)]
    fn write(&mut self, addr: u64, len: u32, id: u16, flags: u16) {
        let half = half(len, id, flags | self.turn);
        // SAFETY: `next` is below the size: it is set back when it reaches it (`new` begins inside).
        let (first, second) = unsafe { self.memory.desc(self.next) };
        first.store(addr.to_le(), Ordering::Relaxed);
        if self.first.is_none() {
            self.first = Some((self.next, half));
        } else {
            second.store(half.to_le(), Ordering::Relaxed);
        }
        self.next = self.next.wrapping_add(1);
        if self.next >= self.memory.size() {
            self.next = 0;
            self.turn ^= AVAIL | USED;
        }
        self.added = self.added.wrapping_add(1);
        self.free = self.free.wrapping_sub(1);
    }
}

impl<const N: usize> Virtqueue for PackedQueue<N> {
    const PACKED: bool = true;

    fn size(&self) -> u16 {
        self.memory.size()
    }

    #[inline]
    fn free(&self) -> u16 {
        self.free
    }

    #[inline]
    fn in_flight(&self) -> u16 {
        self.in_flight
    }

    fn start(&self) -> u16 {
        self.start
    }

    #[inline(always)]
    unsafe fn push(&mut self, buffer: Buffer, token: u32) -> bool {
        if self.free == 0 {
            return false;
        }
        let id = self.ids.take();
        self.tokens.write(id, token & MAX_TOKEN);
        self.write(buffer.addr.0, buffer.len, id, direction(buffer));
        self.in_flight = self.in_flight.wrapping_add(1);
        true
    }

    #[inline(always)]
    unsafe fn push_burst(&mut self, buffers: impl Iterator<Item = (Buffer, u32)>) -> usize {
        // Copies: the compiler would look again after each access to the ring.
        let (mut next, mut turn, size) = (self.next, self.turn, self.memory.size());
        let mut first = self.first.is_none();
        let mut ahead: u16 = 0;
        for (buffer, token) in buffers.take(usize::from(self.free)) {
            if ahead.is_multiple_of(PORTION) && ahead > 0 {
                first = self.show();
                self.published = self.in_flight.wrapping_add(ahead);
            }
            let id = self.ids.next(ahead);
            self.tokens.write(id, token & MAX_TOKEN);
            let half = half(buffer.len, id, direction(buffer) | turn);
            // SAFETY: `next` is below the size, as in `write`.
            let (address, second) = unsafe { self.memory.desc(next) };
            address.store(buffer.addr.0.to_le(), Ordering::Relaxed);
            if first {
                self.first = Some((next, half));
                first = false;
            } else {
                second.store(half.to_le(), Ordering::Relaxed);
            }
            next = next.wrapping_add(1);
            if next >= size {
                next = 0;
                turn ^= AVAIL | USED;
            }
            ahead = ahead.wrapping_add(1);
        }
        (self.next, self.turn) = (next, turn);
        self.ids.skip(ahead);
        self.added = self.added.wrapping_add(ahead);
        self.free = self.free.wrapping_sub(ahead);
        self.in_flight = self.in_flight.wrapping_add(ahead);
        usize::from(ahead)
    }

    #[inline(always)]
    fn prepare(&self, count: usize) {
        let count = self.free.min(count as u16);
        let size = self.memory.size();
        let mut place = self.next;
        // One of each line, and the last.
        for _ in 0..count.div_ceil(LINE) {
            self.memory.prepare(place);
            place = place.wrapping_add(LINE);
            if place >= size {
                place = place.wrapping_sub(size);
            }
        }
    }

    unsafe fn push_chain(&mut self, parts: &[Buffer], token: u32) -> bool {
        let Some((last, rest)) = parts.split_last() else {
            return false;
        };
        if parts.len() > usize::from(self.free) {
            return false;
        }
        let id = self.ids.take();
        self.tokens.write(id, token & MAX_TOKEN | CHAINED);
        self.counts.write(id, parts.len() as u16);
        for part in rest {
            let flags = direction(*part) | DescFlags::NEXT.bits();
            self.write(part.addr.0, part.len, id, flags);
        }
        self.write(last.addr.0, last.len, id, direction(*last));
        self.in_flight = self.in_flight.wrapping_add(1);
        true
    }

    unsafe fn push_indirect(&mut self, table: DeviceAddress, count: u16, token: u32) -> bool {
        if self.free == 0 {
            return false;
        }
        let id = self.ids.take();
        self.tokens.write(id, token & MAX_TOKEN);
        let flags = DescFlags::INDIRECT.bits();
        self.write(table.0, u32::from(count) * 16, id, flags);
        self.in_flight = self.in_flight.wrapping_add(1);
        true
    }

    /// In the table of a packed ring descriptors follow each other without a flag (section 2.8.8).
    fn indirect(part: Buffer, _: u16, _: u16) -> [u64; 2] {
        [
            part.addr.0.to_le(),
            half(part.len, 0, direction(part)).to_le(),
        ]
    }

    #[inline]
    fn publish(&mut self) -> bool {
        if !self.show() {
            return false;
        }
        self.published = self.in_flight;
        let added = core::mem::take(&mut self.added);
        // The flags before what the device asks for (section 2.8.21.3.1).
        barrier::full();
        let suppress = u32::from_le(self.memory.device_u32(0).load(Ordering::Relaxed));
        let (desc, flags) = (suppress as u16, (suppress >> 16) as u16);
        match flags {
            SUPPRESS_DISABLE => false,
            SUPPRESS_DESC => {
                let wrapped = (desc & WRAP != 0) != (self.turn == AVAIL);
                let before = if wrapped { self.memory.size() } else { 0 };
                let event = (desc & !WRAP).wrapping_sub(before);
                need_event(event, self.next, self.next.wrapping_sub(added))
            }
            _ => true,
        }
    }

    #[inline]
    fn refresh(&mut self) -> Result<(), Fault> {
        self.fault.map_or(Ok(()), Err)
    }

    #[inline(always)]
    fn pop(&mut self) -> Result<Option<Used>, Fault> {
        let sound = self.fault.is_none();
        let mut first = [None];
        self.pop_each(&mut first, |token, written| Some(used(token, written)));
        match (first, self.fault) {
            ([None], Some(fault)) if sound => Err(fault),
            ([first], _) => Ok(first),
        }
    }

    #[inline(always)]
    fn pop_burst(&mut self, out: &mut [Used]) -> usize {
        self.pop_each(out, used)
    }

    #[inline(always)]
    fn pop_tokens(&mut self, out: &mut [u32]) -> usize {
        self.pop_each(out, |token, _| token & MAX_TOKEN)
    }

    #[cold]
    fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
        // Nothing more is taken.
        self.published = 0;
    }

    fn fault(&self) -> Option<Fault> {
        self.fault
    }

    fn notification(&self) -> u32 {
        let wrap = if self.turn == AVAIL { WRAP } else { 0 };
        u32::from(self.next | wrap) << 16
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
const fn direction(buffer: Buffer) -> u16 {
    match buffer.writable {
        true => DescFlags::WRITE.bits(),
        false => 0,
    }
}

/// The second half of a descriptor, as a number: length, id, flags.
#[inline(always)]
const fn half(len: u32, id: u16, flags: u16) -> u64 {
    len as u64 | (id as u64) << 32 | (flags as u64) << FLAGS
}

const AVAIL: u16 = DescFlags::AVAIL.bits();
const USED: u16 = DescFlags::USED.bits();

/// The wrap counter in a place of the ring, as event suppression and vhost have it.
const WRAP: u16 = 1 << 15;

/// Descriptors of a cache line.
const LINE: u16 = 4;

/// Where in a descriptor's second half its flags begin.
const FLAGS: u32 = 48;

/// From the start of an event suppression structure to its flags, in bytes.
const SUPPRESS_FLAGS: usize = 2;

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

use super::layout::{DescFlags, SUPPRESS_DESC, SUPPRESS_DISABLE, need_event};
use super::memory::RingMemory;
use super::table::{Ids, Table};
use super::{Buffer, CHAINED, Fault, MAX_TOKEN, NONE, Options, Used, Virtqueue};
use linecard::platform::barrier;

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
    /// Buffers that were published.
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

    /// The descriptor at `place`, if it is a used one of the lap whose flags are `turn`; `place` is below
    /// the size.
    #[inline(always)]
    fn entry_at(&self, place: u16, turn: u16) -> Option<(u16, u32)> {
        // SAFETY: the callers go round as `next` does: below the size.
        let (_, second) = unsafe { self.memory.desc(place) };
        let mut half = u64::from_le(second.load(Ordering::Relaxed));
        if (half >> FLAGS) as u16 & (AVAIL | USED) != turn {
            return None;
        }
        // The flags before the rest (section 2.8.22.1). Where loads are ordered the one load has
        // all of it.
        barrier::read();
        if !cfg!(target_arch = "x86_64") {
            half = u64::from_le(second.load(Ordering::Relaxed));
        }
        Some(((half >> 32) as u16, half as u32))
    }

    /// The token of a buffer that the device has.
    #[inline(always)]
    fn check(&self, id: u16) -> Result<u32, Fault> {
        if id >= self.memory.size() {
            return Err(Fault::Id(u32::from(id)));
        }
        match self.tokens.read(id) {
            NONE => Err(Fault::NotPosted(id)),
            token => Ok(token),
        }
    }

    /// Takes back the buffer `id`, whose token this is.
    #[inline(always)]
    fn finish(&mut self, id: u16, token: u32) {
        self.tokens.write(id, NONE);
        self.ids.give(id);
        let count = match token & CHAINED {
            0 => 1,
            _ => self.counts.read(id),
        };
        self.free = self.free.wrapping_add(count);
        self.in_flight = self.in_flight.wrapping_sub(1);
        self.published = self.published.wrapping_sub(1);
        self.used = self.used.wrapping_add(count);
        if self.used >= self.memory.size() {
            self.used = self.used.wrapping_sub(self.memory.size());
            self.used_turn ^= AVAIL | USED;
        }
    }

    /// Nothing taken yet.
    #[inline(always)]
    fn ahead(&self) -> Ahead {
        Ahead {
            taken: 0,
            place: self.used,
            turn: self.used_turn,
        }
    }

    /// Counts buffers in one descriptor each that were taken.
    #[inline(always)]
    fn count(&mut self, ahead: Ahead) {
        let Ahead { taken, place, turn } = ahead;
        self.ids.advance(taken);
        self.free = self.free.wrapping_add(taken);
        self.in_flight = self.in_flight.wrapping_sub(taken);
        self.published = self.published.wrapping_sub(taken);
        (self.used, self.used_turn) = (place, turn);
    }

    /// Takes back the buffer `id`, whose token this is, behind those that are not counted yet.
    #[inline(always)]
    fn retire(&mut self, id: u16, token: u32, ahead: &mut Ahead) {
        if token & CHAINED == 0 {
            self.tokens.write(id, NONE);
            self.ids.give_ahead(ahead.taken, id);
            ahead.taken = ahead.taken.wrapping_add(1);
            ahead.place = ahead.place.wrapping_add(1);
            if ahead.place >= self.memory.size() {
                ahead.place = 0;
                ahead.turn ^= AVAIL | USED;
            }
        } else {
            self.count(*ahead);
            self.finish(id, token);
            *ahead = self.ahead();
        }
    }

    /// Takes what was used, as `make` has it from token and length.
    #[inline(always)]
    fn pop_each<T>(&mut self, out: &mut [T], make: impl Fn(u32, u32) -> T) -> usize {
        // Where the device has nothing, what it writes means nothing.
        let out = match out.get_mut(..usize::from(self.published)) {
            Some(first) => first,
            None => out,
        };
        let (in_order, in_flight) = (self.in_order, self.in_flight);
        let mut ahead = self.ahead();
        let (mut count, mut fault) = (0, None);
        // In order, most devices name each buffer that they filled: batches are taken by other
        // means. So are chains, behind which `in_flight` is another.
        let mut batches = self.batch.is_some();
        for slot in out.iter_mut() {
            if batches {
                break;
            }
            let Some((id, written)) = self.entry_at(ahead.place, ahead.turn) else {
                break;
            };
            let token = match self.check(id) {
                Ok(token) => token,
                Err(named) => {
                    fault = Some(named);
                    break;
                }
            };
            batches = in_order
                && (token & CHAINED != 0
                    || self.ids.taken(in_flight.wrapping_sub(ahead.taken)) != id);
            if batches {
                break;
            }
            self.retire(id, token, &mut ahead);
            *slot = make(token, written);
            count += 1;
        }
        self.count(ahead);
        if let Some(fault) = fault {
            self.fail(fault);
        } else if batches {
            count += self.pop_in_order(out.get_mut(count..).unwrap_or(&mut []), make);
        }
        count
    }

    /// Takes with `VIRTIO_F_IN_ORDER`: a descriptor may stand for a batch, of which it has the last id;
    /// the next is behind as many as the batch has (section 2.8.7). Of those between no line
    /// is looked at.
    #[inline(never)]
    fn pop_in_order<T>(&mut self, out: &mut [T], make: impl Fn(u32, u32) -> T) -> usize {
        let mut ahead = self.ahead();
        let mut batch = self.batch.take();
        let (mut count, mut fault) = (0, None);
        'batches: while count < out.len() {
            let entry = batch
                .take()
                .or_else(|| self.entry_at(ahead.place, ahead.turn));
            let Some((last, written)) = entry else {
                break;
            };
            if let Err(named) = self.check(last) {
                fault = Some(named);
                break;
            }
            for slot in out.get_mut(count..).unwrap_or(&mut []) {
                let id = self.ids.taken(self.in_flight.wrapping_sub(ahead.taken));
                let token = match self.check(id) {
                    Ok(token) => token,
                    Err(named) => {
                        fault = Some(named);
                        break 'batches;
                    }
                };
                let whole = id == last;
                if !whole && self.published == ahead.taken.wrapping_add(1) {
                    fault = Some(Fault::Order(last));
                    break 'batches;
                }
                self.retire(id, token, &mut ahead);
                *slot = make(token, if whole { written } else { Used::ALL });
                count += 1;
                if whole {
                    continue 'batches;
                }
            }
            batch = Some((last, written));
        }
        self.batch = batch;
        self.count(ahead);
        if let Some(fault) = fault {
            self.fail(fault);
        }
        count
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
        // The counters are written once.
        let (mut next, mut turn, mut first) = (self.next, self.turn, self.first);
        let mut ahead: u16 = 0;
        for (buffer, token) in buffers.take(usize::from(self.free)) {
            let id = self.ids.next(ahead);
            self.tokens.write(id, token & MAX_TOKEN);
            let half = half(buffer.len, id, direction(buffer) | turn);
            // SAFETY: `next` is below the size, as in `write`.
            let (address, second) = unsafe { self.memory.desc(next) };
            address.store(buffer.addr.0.to_le(), Ordering::Relaxed);
            match first {
                None => first = Some((next, half)),
                Some(_) => second.store(half.to_le(), Ordering::Relaxed),
            }
            next = next.wrapping_add(1);
            if next >= self.memory.size() {
                next = 0;
                turn ^= AVAIL | USED;
            }
            ahead = ahead.wrapping_add(1);
        }
        (self.next, self.turn, self.first) = (next, turn, first);
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
        let Some((place, half)) = self.first.take() else {
            return false;
        };
        // All other descriptors, and the address of this one, before its flags (section 2.8.21.1).
        barrier::write();
        // SAFETY: the place was written to (`write`).
        let (_, second) = unsafe { self.memory.desc(place) };
        second.store(half.to_le(), Ordering::Relaxed);
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

/// Buffers taken and not counted yet, since the counters are written once a burst; and where the next
/// used descriptor is, with the flags of its lap.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    taken: u16,
    place: u16,
    turn: u16,
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

#[inline(always)]
const fn used(token: u32, written: u32) -> Used {
    Used {
        token: token & MAX_TOKEN,
        written,
    }
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

//! A front end that is nothing but rings: what a back end gives at most.
//!
//! Every descriptor has a buffer of its own for ever. What came in is made available again where it
//! was, and as many other buffers are sent: no pool, no packet, no byte of a packet read or written.
//! Otherwise it does what the driver does: it takes `MRG_RXBUF` and `IN_ORDER` where they are offered,
//! says that it polls, and asks for the lines of a packed ring before it writes them.
//! It is a figure to measure drivers by, and no driver: it wants a device that uses buffers in
//! order, and stops at one that does not; over split rings with `IN_ORDER` it takes its word for it.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use linecard::mempool::DeviceAddress;
use linecard::platform::{Dma, barrier};

use super::layout::{AVAIL_NO_INTERRUPT, DescFlags, Parts, SUPPRESS_DISABLE};
use super::memory::RingMemory;
use crate::{Doorbell, Features, QueueMemory, Status, Transport, TransportError};

/// A queue pair without a driver. See the [module](self).
///
/// ```
/// use linecard::platform::{Arena, Dma};
/// use linecard_virtio::{Transport, TransportError, queue::bare::Bare};
///
/// /// Lets so many packets come in while 32 go round.
/// fn rounds<T: Transport>(transport: T, dma: &impl Dma, most: usize) -> Result<(), TransportError> {
///     let mut bare = Bare::new(transport, dma, true)?;
///     bare.send(32);
///     let mut received = 0;
///     while received < most {
///         received += bare.bounce()?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Bare<T: Transport> {
    rx: Lane<T::Doorbell>,
    tx: Lane<T::Doorbell>,
    // The last to go: the device has the memory until then.
    _transport: T,
}

/// A queue of which every descriptor keeps its buffer.
#[derive(Debug)]
struct Lane<B> {
    memory: RingMemory,
    packed: bool,
    /// `VIRTIO_F_IN_ORDER`.
    in_order: bool,
    /// The next descriptor to be taken back, and of packed rings whether its lap is an odd one.
    used: u16,
    used_lap: bool,
    /// The next descriptor to be made available, likewise.
    next: u16,
    next_lap: bool,
    /// Buffers taken back and made available, counted freely.
    taken: u16,
    given: u16,
    flags: u16,
    bell: B,
    queue: u16,
}

impl<T: Transport> Bare<T> {
    /// Sets the device up with one pair of queues, on this memory, which it never gives back.
    ///
    /// # Errors
    ///
    /// What the transport says, and [`TransportError::Unsupported`] without the kind of ring.
    pub fn new<D: Dma>(mut transport: T, dma: &D, packed: bool) -> Result<Self, TransportError> {
        transport.reset()?;
        let status = Status::ACKNOWLEDGE | Status::DRIVER;
        transport.set_status(status)?;
        let mut needed = Features::VERSION_1;
        needed.set(Features::RING_PACKED, packed);
        let wanted = needed | Features::MRG_RXBUF | Features::IN_ORDER;
        let features = Features::from_bits_retain(transport.device_features()) & wanted;
        if !features.contains(needed) {
            return Err(TransportError::Unsupported("rings of this kind"));
        }
        let in_order = features.contains(Features::IN_ORDER);
        transport.set_driver_features(features.bits())?;
        transport.set_status(status | Status::FEATURES_OK)?;
        let mut rx = Lane::new(&mut transport, dma, (packed, in_order), 0)?;
        let tx = Lane::new(&mut transport, dma, (packed, in_order), 1)?;
        rx.give(SIZE);
        transport.set_status(status | Status::FEATURES_OK | Status::DRIVER_OK)?;
        rx.tell();
        Ok(Self {
            rx,
            tx,
            _transport: transport,
        })
    }

    /// Takes about 32 buffers that came in, if there are as many, makes them available again, and sends as many others;
    /// gives how many.
    ///
    /// # Errors
    ///
    /// [`TransportError::Malformed`] of a device that does not use buffers in order.
    #[inline]
    pub fn bounce(&mut self) -> Result<usize, TransportError> {
        let came = self.rx.take(BURST)?;
        if came > 0 {
            self.rx.give(came);
            self.send(came);
            self.rx.prepare();
            self.tx.prepare();
        }
        Ok(usize::from(came))
    }

    /// Takes what came in out of circulation; gives how many there were, about 32 at most.
    ///
    /// # Errors
    ///
    /// As of [`bounce`](Self::bounce).
    pub fn swallow(&mut self) -> Result<usize, TransportError> {
        let came = self.rx.take(BURST)?;
        self.rx.give(came);
        Ok(usize::from(came))
    }

    /// Sends so many buffers of 64 bytes, or as many as there is room for.
    #[inline]
    pub fn send(&mut self, count: u16) {
        let out = self.tx.given.wrapping_sub(self.tx.taken);
        // Now and then: lines that the device writes are asked for in large portions.
        if SIZE.wrapping_sub(out) < count.max(SIZE / 2) {
            // A device out of order shows when something comes in.
            let _ = self.tx.take(SIZE);
        }
        let out = self.tx.given.wrapping_sub(self.tx.taken);
        self.tx.give(count.min(SIZE.wrapping_sub(out)));
        self.tx.tell();
    }
}

impl<B: Doorbell> Lane<B> {
    fn new<T: Transport<Doorbell = B>, D: Dma>(
        transport: &mut T,
        dma: &D,
        (packed, in_order): (bool, bool),
        queue: u16,
    ) -> Result<Self, TransportError> {
        let writable = queue == 0;
        let parts = Parts::of(SIZE, packed).ok_or(TransportError::Unsupported("size"))?;
        let none = TransportError::Unsupported("memory for rings and buffers");
        let len = parts.len + usize::from(SIZE) * BUFFER;
        let buffer = dma.allocate(len, Parts::ALIGN).map_err(|_| none)?;
        let device = |offset: usize| DeviceAddress(buffer.device.0.wrapping_add(offset as u64));
        // SAFETY: the memory is aligned and long enough (`Dma::allocate`), nobody else's, and never
        // freed.
        let memory = unsafe { RingMemory::new(buffer.at, SIZE, packed) };
        let memory = memory.ok_or(TransportError::Unsupported("size"))?;
        let flags = match writable {
            true => DescFlags::WRITE.bits(),
            false => 0,
        };
        for place in 0..SIZE {
            let offset = parts.len + usize::from(place) * BUFFER + HEADER;
            // SAFETY: `place` is below the size.
            let (address, rest) = unsafe { memory.desc(place) };
            address.store(device(offset).0.to_le(), Ordering::Relaxed);
            if packed {
                continue;
            }
            let half = SENT | u64::from(flags) << 32;
            rest.store(half.to_le(), Ordering::Relaxed);
            // Each descriptor has its place of the available ring, too.
            let entry = memory.driver_u16(ENTRIES + 2 * usize::from(place));
            entry.store(place.to_le(), Ordering::Relaxed);
        }
        // It polls: flags without EVENT_IDX, and the event suppression of a packed ring.
        let (offset, flag) = match packed {
            true => (2, SUPPRESS_DISABLE),
            false => (0, AVAIL_NO_INTERRUPT),
        };
        let polls = memory.driver_u16(offset);
        polls.store(flag.to_le(), Ordering::Relaxed);
        fill(buffer.at, parts.len, len);
        let rings = QueueMemory {
            size: SIZE,
            packed,
            start: if packed { 1 << 15 } else { 0 },
            descriptors: device(0),
            driver: device(parts.driver),
            device: device(parts.device),
        };
        Ok(Self {
            memory,
            packed,
            in_order,
            used: 0,
            used_lap: true,
            next: 0,
            next_lap: true,
            taken: 0,
            given: 0,
            flags,
            bell: transport.enable_queue(queue, &rings)?,
            queue,
        })
    }

    /// Takes back so many buffers, and what is left of the batch that the last one is in.
    #[inline(always)]
    fn take(&mut self, most: u16) -> Result<u16, TransportError> {
        let out = self.given.wrapping_sub(self.taken);
        let most = most.min(out);
        let mut count = 0;
        if self.packed {
            while count < most {
                // SAFETY: `used` is below the size: `step`.
                let (_, rest) = unsafe { self.memory.desc(self.used) };
                let half = u64::from_le(rest.load(Ordering::Acquire));
                let turn = if self.used_lap { AVAIL | USED } else { 0 };
                if (half >> 48) as u16 & (AVAIL | USED) != turn {
                    break;
                }
                // The last one of a batch, with IN_ORDER (section 2.8.7).
                let batch = ((half >> 32) as u16).wrapping_sub(self.used) % SIZE + 1;
                if batch > out.wrapping_sub(count) || batch > 1 && !self.in_order {
                    return Err(OUT_OF_ORDER);
                }
                self.used = self.used.wrapping_add(batch);
                if self.used >= SIZE {
                    self.used = self.used.wrapping_sub(SIZE);
                    self.used_lap = !self.used_lap;
                }
                count = count.wrapping_add(batch);
            }
        } else {
            let index = self.memory.device_u16(2).load(Ordering::Acquire);
            let there = u16::from_le(index).wrapping_sub(self.taken);
            if self.in_order {
                // The index says it all (section 2.7.9).
                count = most.min(there);
            }
            while !self.in_order && count < most.min(there) {
                // SAFETY: `used` is below the size: `step`.
                let (id, _) = unsafe { self.memory.used(self.used) };
                if id != u32::from(self.used) {
                    return Err(OUT_OF_ORDER);
                }
                step(&mut self.used, &mut self.used_lap);
                count = count.wrapping_add(1);
            }
        }
        self.taken = self.taken.wrapping_add(count);
        Ok(count)
    }

    /// Makes so many buffers available; the caller has seen that they are not.
    #[inline(always)]
    fn give(&mut self, count: u16) {
        self.given = self.given.wrapping_add(count);
        if !self.packed {
            barrier::write();
            let index = self.memory.driver_u16(2);
            index.store(self.given.to_le(), Ordering::Relaxed);
            return;
        }
        let mut first = None;
        for _ in 0..count {
            let turn = if self.next_lap { AVAIL } else { USED };
            let half = SENT | u64::from(self.next) << 32 | u64::from(self.flags | turn) << 48;
            // SAFETY: `next` is below the size: `step`.
            let (_, rest) = unsafe { self.memory.desc(self.next) };
            match first {
                None => first = Some((self.next, half)),
                Some(_) => rest.store(half.to_le(), Ordering::Relaxed),
            }
            step(&mut self.next, &mut self.next_lap);
        }
        // The first one last: a device that looks takes no line while it is written.
        if let Some((place, half)) = first {
            // SAFETY: `place` was below the size above.
            let (_, rest) = unsafe { self.memory.desc(place) };
            rest.store(half.to_le(), Ordering::Release);
        }
    }

    /// Asks for the lines of the next descriptors, as the driver does. Those of a split ring are never
    /// written.
    #[inline(always)]
    fn prepare(&self) {
        if self.packed {
            for ahead in (0..BURST).step_by(LINE) {
                self.memory.prepare(self.next.wrapping_add(ahead) % SIZE);
            }
        }
    }

    /// Rings the bell if the device wants to be told.
    #[inline(always)]
    fn tell(&self) {
        barrier::full();
        // `VIRTQ_USED_F_NO_NOTIFY` and `RING_EVENT_FLAGS_DISABLE` are the same bit.
        let offset = if self.packed { 2 } else { 0 };
        let flags = self.memory.device_u16(offset).load(Ordering::Relaxed);
        if u16::from_le(flags) & 1 == 0 {
            self.bell.ring(u32::from(self.queue));
        }
    }
}

#[inline(always)]
fn step(place: &mut u16, lap: &mut bool) {
    *place = place.wrapping_add(1);
    if *place == SIZE {
        *place = 0;
        *lap = !*lap;
    }
}

/// Fills what is sent behind the header, which stays zero: `from` and `to` are the buffers' offsets.
fn fill(at: NonNull<u8>, from: usize, to: usize) {
    for buffer in (from..to).step_by(BUFFER) {
        for offset in buffer + BUFFER / 2..buffer + BUFFER {
            // SAFETY: inside the memory, whose length is `to` (`Lane::new`).
            let byte = unsafe { at.add(offset) };
            // SAFETY: as above; the device does not know of it yet.
            unsafe { byte.write(0x55) };
        }
    }
}

/// Descriptors of a queue, as many as `net_virtio_user` has.
const SIZE: u16 = 256;
/// Packets of a burst.
const BURST: u16 = 32;
/// Bytes of a buffer's place, two cache lines; and what it has of them, either way: a header of 12, which
/// ends where the second line begins, and a packet of 64.
const BUFFER: usize = 128;
const HEADER: usize = 52;
const SENT: u64 = 76;
/// Descriptors of a cache line.
const LINE: usize = 4;
/// From the start of an available ring to its entries, in bytes.
const ENTRIES: usize = 4;
const AVAIL: u16 = DescFlags::AVAIL.bits();
const USED: u16 = DescFlags::USED.bits();
const OUT_OF_ORDER: TransportError = TransportError::Malformed("buffers out of order");

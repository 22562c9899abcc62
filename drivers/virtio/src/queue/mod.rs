//! Virtqueues: the rings by which buffers go to a device and come back.
//!
//! - [`layout`]: the structures in memory, by the specification;
//! - [`device`]: the device's side, for back ends and fake devices;
//! - [`split`] and [`packed`]: the two kinds of ring, from the driver's side;
//! - [`Virtqueue`]: what both can do.
//!
//! With feature `test-utils` there is also `bare`, a front end without a driver, to measure by.
//!
//! A buffer goes in with a *token*, a number of the caller's, and the token comes back when the
//! device has used the buffer. What was written to the ring is also in a table of the driver's own,
//! which no device can write: an id or index that comes back is looked up there, and one that cannot
//! be is a [`Fault`], which puts the queue out of service.
//!
//! ```
//! use core::ptr::NonNull;
//! use linecard::mempool::DeviceAddress;
//! use linecard_virtio::queue::{Buffer, Options, Virtqueue, layout::Parts, split::SplitQueue};
//!
//! #[repr(align(64))]
//! struct Memory([u8; 4096]);
//! let mut memory = Memory([0; 4096]);
//! assert!(Parts::of(64, false).is_some_and(|parts| parts.len <= 4096));
//!
//! // SAFETY: the memory is aligned, long enough and left alone until the queue is gone.
//! let queue = unsafe { SplitQueue::<64>::new(NonNull::from(&mut memory).cast(), 64, Options::default()) };
//! let mut queue = queue.expect("64 is a power of two, and no more than 64");
//! let buffer = Buffer { addr: DeviceAddress(0x1000), len: 60, writable: false };
//! // SAFETY: no device reads this ring.
//! assert!(unsafe { queue.push(buffer, 7) });
//! assert!(queue.publish(), "a device that says nothing wants to be told");
//! assert_eq!((queue.free(), queue.in_flight()), (63, 1));
//! assert_eq!(queue.pop(), Ok(None), "it has not used it");
//! ```

#[cfg(feature = "test-utils")]
pub mod bare;
pub mod device;
mod fault;
pub mod layout;
mod memory;
pub mod packed;
pub mod split;
mod table;

use linecard::mempool::DeviceAddress;

pub use fault::Fault;

/// A buffer, or a part of one.
///
/// ```
/// use linecard::mempool::DeviceAddress;
/// use linecard_virtio::queue::Buffer;
/// let buffer = Buffer { addr: DeviceAddress(0x1000), len: 2048, writable: true };
/// assert!(buffer.writable);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// Its first byte, as the device sees it.
    pub addr: DeviceAddress,
    /// Its length in bytes.
    pub len: u32,
    /// Whether the device writes it; otherwise it reads it.
    pub writable: bool,
}

/// A buffer that the device has used.
///
/// ```
/// use linecard_virtio::queue::Used;
/// assert!(Used { token: 7, written: Used::ALL }.written > 2048);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// What the buffer was pushed with.
    pub token: u32,
    /// Bytes that the device says it wrote, which nobody has checked, or [`Used::ALL`].
    pub written: u32,
}

impl Used {
    /// The buffer was in the middle of a batch, and counts as written completely
    /// (`VIRTIO_F_IN_ORDER`, sections 2.7.9 and 2.8.7).
    pub const ALL: u32 = u32::MAX;
}

/// What was negotiated for a queue.
///
/// ```
/// use linecard_virtio::queue::Options;
/// assert_eq!(Options::default().start, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `VIRTIO_F_EVENT_IDX`.
    pub event_idx: bool,
    /// `VIRTIO_F_IN_ORDER`.
    pub in_order: bool,
    /// Where the counters begin, as in [`QueueMemory::start`](crate::QueueMemory::start); `None`
    /// where every device begins.
    pub start: Option<u16>,
}

/// The driver's side of a virtqueue of either kind.
///
/// See the [module](self) for an example.
pub trait Virtqueue {
    /// Whether it is packed.
    const PACKED: bool;

    /// Descriptors.
    fn size(&self) -> u16;

    /// Descriptors that are free.
    fn free(&self) -> u16;

    /// Buffers that are in the queue, published or not.
    fn in_flight(&self) -> u16;

    /// Where its counters begin, as [`QueueMemory::start`](crate::QueueMemory::start) has it.
    fn start(&self) -> u16;

    /// Adds a buffer in one descriptor, and gives whether there was room. The device sees it after
    /// [`publish`](Self::publish). Tokens are at most [`MAX_TOKEN`].
    ///
    /// # Safety
    ///
    /// The device may read the buffer, or write it, until [`pop`](Self::pop) gives its token back,
    /// or the queue was reset; until then nobody else uses it.
    unsafe fn push(&mut self, buffer: Buffer, token: u32) -> bool;

    /// Adds buffers in one descriptor each, with their tokens, as many as there is room for; gives how
    /// many. What there is no room for is left in the iterator. The device sees them in portions as they
    /// are written, so that it begins with the first while the last are made; the last portion, without
    /// which it may still wait to be told, after [`publish`](Self::publish).
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), of every buffer.
    unsafe fn push_burst(&mut self, buffers: impl Iterator<Item = (Buffer, u32)>) -> usize;

    /// Asks for the cache lines of the next descriptors that are pushed, as many as there are free up
    /// to `count`: some time before, so that pushing does not wait for the device's processor.
    fn prepare(&self, count: usize);

    /// Adds a buffer of several parts, a descriptor each, those that the device reads before those
    /// that it writes; gives whether there was room.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), of every part.
    unsafe fn push_chain(&mut self, parts: &[Buffer], token: u32) -> bool;

    /// Adds a buffer whose parts are in a table of `count` descriptors of this kind at `table`; it
    /// takes one descriptor. Only with `VIRTIO_F_INDIRECT_DESC`.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), of the table and every part.
    unsafe fn push_indirect(&mut self, table: DeviceAddress, count: u16, token: u32) -> bool;

    /// The descriptor of a table for [`push_indirect`](Self::push_indirect), as two little-endian
    /// words: part `index` of `count`.
    fn indirect(part: Buffer, index: u16, count: u16) -> [u64; 2];

    /// Makes what was pushed and not seen yet available, all at once, and gives whether the device wants to be told.
    fn publish(&mut self) -> bool;

    /// Looks how far the device has come; before a burst of [`pop`](Self::pop)s.
    ///
    /// # Errors
    ///
    /// The [`Fault`] that put the queue out of service.
    fn refresh(&mut self) -> Result<(), Fault>;

    /// Takes a buffer that the device has used, of those that [`refresh`](Self::refresh) saw.
    ///
    /// # Errors
    ///
    /// The [`Fault`], now and from now on.
    fn pop(&mut self) -> Result<Option<Used>, Fault>;

    /// Takes as many as there are and as fit; gives how many. A fault ends it, and is found in
    /// [`fault`](Self::fault).
    fn pop_burst(&mut self, out: &mut [Used]) -> usize;

    /// As [`pop_burst`](Self::pop_burst), for who does not ask how much was written: with
    /// `VIRTIO_F_IN_ORDER` a split ring's index says it all, and its entries are not looked at
    /// (section 2.7.9). Who begins with it stays with it: it may end inside of a batch.
    fn pop_tokens(&mut self, out: &mut [u32]) -> usize;

    /// Puts the queue out of service, for what the caller found out.
    fn fail(&mut self, fault: Fault);

    /// The fault that put the queue out of service.
    fn fault(&self) -> Option<Fault>;

    /// What a doorbell is rung with under `VIRTIO_F_NOTIFICATION_DATA`, but for the queue's number:
    /// how far it has come, in the upper 16 bits (section 2.9).
    fn notification(&self) -> u32;

    /// Takes out every token that is in the queue, whatever the device has done with its buffer; for a
    /// queue that was reset, and which is then to be made anew.
    fn abandon(&mut self, each: impl FnMut(u32));
}

/// The largest token; the queues keep the bit above it for themselves.
pub const MAX_TOKEN: u32 = u32::MAX >> 1;

/// Buffers of a burst that the device is shown at a time: fewer, and the line that it polls goes to and
/// fro more often; more, and it waits longer for the first.
const PORTION: u16 = 8;

/// In a token of the shadow state: the buffer is in several descriptors.
const CHAINED: u32 = 1 << 31;

/// In the shadow state: the device does not have this buffer.
const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;

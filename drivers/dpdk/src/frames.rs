//! Where the mbufs of a pool's frames are, by arithmetic, and who has which, by a table of bytes.

use core::sync::atomic::{AtomicU8, Ordering};
use std::boxed::Box;

use linecard::mempool::{FrameIndex, Pool};

use crate::ffi::Mbuf;
use crate::mbuf::MBUF;
use crate::memory::HEADROOM;

/// The frames of a pool, as DPDK sees them: small, so that a burst has its own copy, which stays in
/// registers while what it points at is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    base: *mut u8,
    /// Binary logarithm of the frame size.
    shift: u32,
    colours: u32,
    /// The least offset of a buffer in its frame: what is received begins [`HEADROOM`] behind it, and
    /// has to be behind the private area.
    least_buffer: u32,
    /// For each frame, whether DPDK has it, by which way, and under which account. An entry
    /// changes in the hands of whoever owns the frame, and ownership passes between threads with
    /// an order of its own: relaxed is enough.
    table: &'static [AtomicU8],
}

/// That DPDK has a frame, how it got it, and the number of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held(u8);

impl Held {
    /// DPDK has allocated it.
    #[inline]
    pub(crate) const fn posted(account: u8) -> Self {
        Self(POSTED | account)
    }

    /// DPDK was given it to send.
    #[inline]
    pub(crate) const fn sent(account: u8) -> Self {
        Self(SENT | account)
    }

    /// Whether DPDK was given it to send.
    #[inline]
    pub(crate) const fn is_sent(self) -> bool {
        self.0 & SENT != 0
    }

    /// The number of the account that it is under.
    #[inline]
    pub(crate) const fn account(self) -> u8 {
        self.0 & NUMBER
    }
}

impl Frames {
    /// Of this pool, the mbufs over so many lines; DPDK has none. The table is never freed.
    pub(crate) fn new(pool: &'static Pool<'static>, colours: u32) -> Self {
        let table: Box<[AtomicU8]> = (0..pool.frames()).map(|_| AtomicU8::new(NOT)).collect();
        Self {
            base: pool.base().as_ptr(),
            shift: pool.frame_size().trailing_zeros(),
            colours,
            least_buffer: pool.config().private.saturating_sub(HEADROOM) as u32,
            table: Box::leak(table),
        }
    }

    /// How many there are.
    pub(crate) const fn count(self) -> usize {
        self.table.len()
    }

    /// The first byte of the first frame.
    pub(crate) const fn base(self) -> *mut u8 {
        self.base
    }

    /// Over how many lines the mbufs are spread.
    pub(crate) const fn colours(self) -> u32 {
        self.colours
    }

    /// Whether DPDK has any.
    pub(crate) fn any_held(self) -> bool {
        let held = |entry: &AtomicU8| entry.load(Ordering::Relaxed) != NOT;
        self.table.iter().any(held)
    }

    /// Bytes from the frame's start to its buffer, as DPDK knows it: the rule of
    /// `buffer_offset` in `src/shim/mempool.c`.
    #[inline]
    pub(crate) fn buffer_offset(self, index: FrameIndex) -> usize {
        (self.mbuf_offset(index) + MBUF).max(self.least_buffer as usize)
    }

    /// The mbuf of a frame.
    #[inline]
    pub(crate) fn mbuf(self, index: FrameIndex) -> *mut Mbuf {
        let offset = ((index.0 as usize) << self.shift) + self.mbuf_offset(index);
        self.base.wrapping_add(offset).cast()
    }

    /// The frame of an mbuf; `None` if it is not one of this pool's.
    #[inline]
    pub(crate) fn index_of(self, mbuf: *mut Mbuf) -> Option<FrameIndex> {
        let number = mbuf.addr().wrapping_sub(self.base.addr()) >> self.shift;
        // A pool has fewer frames than 2^32.
        let index = FrameIndex(number as u32);
        let own = number < self.table.len() && self.mbuf(index) == mbuf;
        own.then_some(index)
    }

    /// Writes down that DPDK has a frame now.
    #[inline]
    pub(crate) fn hold(self, index: FrameIndex, held: Held) {
        if let Some(entry) = self.table.get(index.0 as usize) {
            entry.store(held.0, Ordering::Relaxed);
        }
    }

    /// How DPDK has a frame; `None` if it does not.
    #[inline]
    pub(crate) fn held(self, index: FrameIndex) -> Option<Held> {
        let entry = self.table.get(index.0 as usize)?.load(Ordering::Relaxed);
        (entry != NOT).then_some(Held(entry))
    }

    /// As [`held`](Self::held); it does no more.
    #[inline]
    pub(crate) fn release(self, index: FrameIndex) -> Option<Held> {
        let entry = self.table.get(index.0 as usize)?;
        let held = entry.load(Ordering::Relaxed);
        entry.store(NOT, Ordering::Relaxed);
        (held != NOT).then_some(Held(held))
    }

    #[inline]
    const fn mbuf_offset(self, index: FrameIndex) -> usize {
        let colour = ((index.0 >> 1) ^ (index.0 >> 6)) & (self.colours - 1);
        HEADER + 64 * colour as usize
    }
}

/// Bytes in front of an mbuf: the mempool's header of an object, in a line of its own.
pub(crate) const HEADER: usize = 64;

const NOT: u8 = 0;
const POSTED: u8 = 0x40;
const SENT: u8 = 0x80;
const NUMBER: u8 = 0x3f;

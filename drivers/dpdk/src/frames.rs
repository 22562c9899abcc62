//! Where the mbufs of a pool's frames are, by arithmetic, and whose they are, by a mark in the mbuf.
//!
//! An mbuf that DPDK has, in a queue, in a ring or in a thread's cache, counts at least one reference,
//! as DPDK wants it. One that the program has counts none: DPDK never makes that so, since it leaves a
//! freed mbuf's count at one. So the word that is read and written for each packet anyhow tells a packet
//! that a driver hands out twice, or frees without having it.

use linecard::mempool::{FrameIndex, Pool};

use crate::ffi::Mbuf;
use crate::mbuf::{self, MBUF};
use crate::memory::HEADROOM;

/// The frames of a pool, as DPDK sees them: small, so that a burst has its own copy, which stays in
/// registers while what it points at is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames {
    base: *mut u8,
    /// Bytes of all of them.
    len: usize,
    /// Binary logarithm of the frame size.
    shift: u32,
    /// Bits of the offset of an mbuf's colour, a multiple of 64.
    colours: u32,
    /// The least offset of a buffer in its frame: what is received begins [`HEADROOM`] behind it, and
    /// has to be behind the private area.
    least_buffer: u32,
}

/// What [`Frames::mbuf_around`] computes with, for who does so of several at once.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Where the first frame's mbuf may begin.
    pub(crate) first: u64,
    /// The bits of a frame's start, as far as it is from the first.
    pub(crate) start: u64,
    /// Binary logarithm of the frame size.
    pub(crate) shift: u32,
    /// Bits of the offset of an mbuf's colour: those of the frame's number, and of five bits left of it.
    pub(crate) colours: u64,
}

// SAFETY: the base is all that is not `Send`; it is the pool's, which is.
unsafe impl Send for Frames {}
// SAFETY: that base is only computed with; what is at the addresses belongs to whoever owns the frame.
unsafe impl Sync for Frames {}

impl Frames {
    /// Of this pool, the mbufs over so many lines.
    pub(crate) fn new(pool: &'static Pool<'static>, colours: u32) -> Self {
        Self {
            base: pool.base().as_ptr(),
            len: pool.region_len(),
            shift: pool.frame_size().trailing_zeros(),
            colours: (colours - 1) << 6,
            least_buffer: pool.config().private.saturating_sub(HEADROOM) as u32,
        }
    }

    /// How many there are.
    pub(crate) const fn count(self) -> usize {
        self.len >> self.shift
    }

    /// The first byte of the first frame.
    pub(crate) const fn base(self) -> *mut u8 {
        self.base
    }

    /// Over how many lines the mbufs are spread.
    pub(crate) const fn colours(self) -> u32 {
        (self.colours >> 6) + 1
    }

    /// Whether DPDK has any.
    pub(crate) fn any_held(self) -> bool {
        (0..self.count() as u32).any(|index| self.is_held(FrameIndex(index)))
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
        let at = self.offset_of(mbuf.addr());
        // A pool has fewer frames than 2^32.
        let index = FrameIndex((at >> self.shift) as u32);
        let own = at < self.len && self.mbuf(index) == mbuf;
        own.then_some(index)
    }

    /// Bytes from the first frame's start to an address.
    #[inline]
    pub(crate) fn offset_of(self, address: usize) -> usize {
        address.wrapping_sub(self.base.addr())
    }

    /// The mbuf of the frame that has the byte at this address, behind the object's header: one of the pool's.
    #[inline(always)]
    pub(crate) fn mbuf_around(self, address: usize) -> *mut Mbuf {
        let first = self.base.wrapping_add(HEADER);
        let start = address.wrapping_sub(first.addr()) & !((1 << self.shift) - 1);
        let colour = self.colour(start >> self.shift);
        first.wrapping_add(start + colour).cast()
    }

    /// See [`Shape`].
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn shape(self) -> Shape {
        Shape {
            first: self.base.wrapping_add(HEADER).addr() as u64,
            start: !((1 << self.shift) - 1),
            shift: self.shift,
            colours: self.colours.into(),
        }
    }

    /// Bytes that each frame has from its buffer's start to its end, at the least: by the rule of
    /// [`buffer_offset`](Self::buffer_offset) at the last of the colours.
    pub(crate) fn room(self) -> usize {
        let last = (HEADER + self.colours as usize + MBUF).max(self.least_buffer as usize);
        (1 << self.shift) - last
    }

    /// The mbuf of a frame, and the address of a byte of the frame.
    #[inline(always)]
    pub(crate) fn mbuf_and(self, index: FrameIndex, offset: usize) -> (*mut Mbuf, usize) {
        let frame = self.base.wrapping_add((index.0 as usize) << self.shift);
        let mbuf = frame.wrapping_add(self.mbuf_offset(index)).cast();
        (mbuf, frame.addr().wrapping_add(offset))
    }

    /// Whether DPDK has a frame.
    #[inline]
    pub(crate) fn is_held(self, index: FrameIndex) -> bool {
        // SAFETY: an mbuf of the region; who asks has the frame from DPDK, or nobody uses the pool.
        unsafe { mbuf::refcnt(self.mbuf(index)) != 0 }
    }

    /// The rule of `mbuf_offset` in `src/shim/mempool.c`.
    #[inline]
    const fn mbuf_offset(self, index: FrameIndex) -> usize {
        HEADER + self.colour(index.0 as usize)
    }

    #[inline(always)]
    const fn colour(self, number: usize) -> usize {
        (number << 5 ^ number) & self.colours as usize
    }
}

/// Bytes in front of an mbuf: the mempool's header of an object, in a line of its own.
pub(crate) const HEADER: usize = 64;

//! What has to be known of a pool to make frames of numbers and numbers of frames.

use core::ptr::NonNull;

use super::{Colours, Frame, FrameIndex, Pool};

/// A pool as its frames name it, and where they lie: a copy for the length of a burst, as the pool
/// itself is shared with other threads, and the compiler would look there again for each frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home<'p> {
    pool: &'p Pool<'p>,
    /// The first frame's first byte.
    base: NonNull<u8>,
    /// Binary logarithm of the frame size.
    shift: u32,
    /// The pool as a frame's word names it.
    tag: u64,
}

/// What new frames of one length are made of.
#[derive(Clone, Copy)]
pub(super) struct Fresh<'p> {
    home: Home<'p>,
    /// Where the data of the first frame begins without a colour.
    data: NonNull<u8>,
    colours: Colours,
    len: u64,
}

impl<'p> Home<'p> {
    #[inline]
    pub(super) fn of(pool: &'p Pool<'p>) -> Self {
        Self {
            pool,
            base: pool.base(),
            shift: pool.shift(),
            tag: Frame::tag(pool),
        }
    }

    #[inline]
    pub(super) const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// Whether a frame's word can name the pool: its address has 48 bits, sign-extended, as all have
    /// that a processor gives a program unless asked for more.
    pub(super) fn can_be_named(&self) -> bool {
        core::ptr::eq(Frame::named(self.tag), self.pool)
    }

    /// The first frame's address.
    #[inline]
    pub(super) fn address(&self) -> usize {
        self.base.addr().get()
    }

    /// The frame with this number, which the pool has, and a window that the caller has checked:
    /// `offset + len` is at most the frame size.
    #[inline]
    pub(super) fn frame(&self, index: u32, offset: usize, len: usize) -> Frame<'p> {
        let at = (index as usize) << self.shift;
        self.frame_at(at.wrapping_add(offset), len, offset >> self.shift != 0)
    }

    /// The frame whose data begins `at` bytes from the region's start, or, if `past`, the one that ends
    /// there. The caller has checked that it is the pool's, and that the window is inside it.
    #[inline]
    pub(super) fn frame_at(&self, at: usize, len: usize, past: bool) -> Frame<'p> {
        debug_assert!(at.wrapping_add(len) <= self.pool.region_len());
        // SAFETY: what is checked by `Pool::window`, `Receiving::receive` and `Receiver::receive`, and
        // what a `Frame` has said of itself (`chain`), is inside the region or one past its end, which
        // is one allocation (`Region::from_raw`).
        let data = unsafe { self.base.add(at) };
        Frame::of_parts(data, self.tag, len as u64, past)
    }

    /// The number of a frame that is of this pool and alone, and whose data begins inside it, which all
    /// but few do.
    #[inline]
    pub(super) fn number_of(&self, frame: &Frame<'p>) -> Option<u32> {
        (frame.difference(self.tag) == 0).then(|| self.number_at(frame))
    }

    /// Bytes from the region's start to the data of such a frame.
    #[inline]
    pub(super) fn offset_of(&self, frame: &Frame<'p>) -> Option<usize> {
        let at = frame.as_ptr().addr().get();
        (frame.difference(self.tag) == 0).then(|| at.wrapping_sub(self.address()))
    }

    /// The first byte of a frame that the pool has: the caller has checked it.
    #[inline]
    pub(super) fn start_of(&self, index: u32) -> NonNull<u8> {
        debug_assert!((index as usize) < self.pool.frames());
        // SAFETY: inside the region, which is one allocation (`Region::from_raw`), as `Receiving::frame_start`
        // has seen.
        unsafe { self.base.add((index as usize) << self.shift) }
    }

    /// The frame that has the byte at which this one's data begins: its number, where
    /// [`number_of`](Self::number_of) would say one.
    #[inline]
    pub(super) fn number_at(&self, frame: &Frame<'p>) -> u32 {
        let at = frame.as_ptr().addr().get();
        // A pool has fewer frames than 2^28.
        (at.wrapping_sub(self.address()) >> self.shift) as u32
    }

    /// The number of the frame that has the byte `at` bytes from the region's start, if that is one of the
    /// region's.
    #[inline]
    pub(super) const fn number_of_offset(&self, at: u64) -> u64 {
        at >> self.shift
    }

    /// The tag with which [`Frame::difference`] finds out what `number_of` does.
    #[inline]
    pub(super) const fn tag(&self) -> u64 {
        self.tag
    }
}

impl<'p> Fresh<'p> {
    /// New frames with `len` bytes of data, for which every frame of the pool has [room](Pool::room).
    #[inline]
    pub(super) fn new(pool: &'p Pool<'p>, len: usize) -> Self {
        let home = Home::of(pool);
        Self {
            home,
            // SAFETY: less than the size of a frame (`Pool::new`), of which the region has one.
            data: unsafe { home.base.add(pool.data_offset()) },
            colours: pool.colours(),
            len: len as u64,
        }
    }

    /// The frame with this number, which the pool has: its data begins at the pool's offset, moved by
    /// the frame's colour.
    #[inline]
    pub(super) fn frame(&self, index: u32) -> Frame<'p> {
        let at = (index as usize) << self.home.shift;
        let at = at.wrapping_add(self.colours.offset(FrameIndex(index)));
        // SAFETY: the number is one of the pool's; `Pool::new` has seen to it that offset and colour are
        // less than the frame size.
        let data = unsafe { self.data.add(at) };
        Frame::of_parts(data, self.home.tag, self.len, false)
    }
}

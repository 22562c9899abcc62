//! What has to be known of a pool to make frames of numbers and numbers of frames.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::num::NonZero;
use core::ptr::NonNull;

use super::framed::Framed;
use super::{Frame, Pool, PoolTag};
use crate::platform::{Stride, Wide};

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
    /// The pool as a frame's word names it.
    tag: u64,
    /// Where the data of the first frame begins.
    data: NonZero<u64>,
    stride: Stride,
    len: u64,
    wide: Option<Wide>,
    _pool: PhantomData<&'p Pool<'p>>,
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
        // What is checked by `Pool::window`, `Receiving::receive` and `Receiver::receive`, and what a
        // `Frame` has said of itself (`chain`), is inside the region or one past its end: nothing
        // wraps.
        Frame::of_parts(address(self.base, at), self.tag, len as u64, past)
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
        let at = frame.address();
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
        let at = frame.address();
        // A pool has fewer frames than 2^28.
        (at.wrapping_sub(self.address()) >> self.shift) as u32
    }

    /// The number of the frame that has the byte `at` bytes from the region's start, if that is one of the
    /// region's.
    #[inline]
    pub(super) const fn number_of_offset(&self, at: u64) -> u64 {
        at >> self.shift
    }

    /// Writes the numbers of frames to `to`, as many as there are of both, and gives whether all of them are
    /// of this pool and alone, and begin inside it: otherwise they say nothing.
    #[inline]
    pub(super) fn numbers_of<T: Framed<'p>>(self, from: &[T], to: &mut [u32]) -> bool {
        let difference = match self.pool.wide() {
            // SAFETY: a `T` has so many bytes, all of them initialised (`Framed`).
            Some(wide) => unsafe {
                wide.numbers(
                    self.pool.stride(),
                    self.address() as u64,
                    self.tag,
                    from,
                    to,
                )
            },
            None => {
                let mut difference = 0;
                for (cell, item) in to.iter_mut().zip(from) {
                    let frame = item.frame();
                    difference |= frame.len_in(PoolTag(self.tag));
                    *cell = self.number_at(frame);
                }
                difference
            }
        };
        Frame::is_plain(difference)
    }
}

impl<'p> Fresh<'p> {
    /// New frames with `len` bytes of data, for which every frame of the pool has [room](Pool::room).
    #[inline]
    pub(super) fn new(pool: &'p Pool<'p>, len: usize) -> Self {
        Self {
            tag: Frame::tag(pool),
            data: address(pool.base(), pool.data_offset()),
            stride: pool.stride(),
            len: len as u64,
            wide: pool.wide(),
            _pool: PhantomData,
        }
    }

    /// The frame with this number, which the pool has and the caller owns: its data begins at the pool's
    /// offset, moved by the frame's colour. `Pool::new` has seen to it that both are less than the frame
    /// size.
    #[inline]
    pub(super) fn frame(&self, number: u32) -> Frame<'p> {
        let data = self.data.get().wrapping_add(self.stride.offset(number));
        // SAFETY: it is an address of the region (as said above), which begins at no null pointer.
        let data = unsafe { NonZero::new_unchecked(data) };
        Frame::of_parts(data, self.tag, self.len, false)
    }

    /// Those with these numbers, as [`frame`](Self::frame), each as a `T` in a cell; as many as there are
    /// of both.
    #[inline]
    pub(super) fn fill<T: Framed<'p>>(&self, numbers: &[u32], cells: &mut [MaybeUninit<T>]) {
        match self.wide {
            Some(wide) => {
                let (data, word) = (self.data.get(), self.tag | self.len);
                // SAFETY: these words, and zeros behind them, are what `new` makes of `frame` (`Framed`),
                // and the caller owns the frames.
                unsafe { wide.stamp(self.stride, data, word, numbers, cells) };
            }
            None => {
                for (cell, &number) in cells.iter_mut().zip(numbers) {
                    cell.write(T::new(self.frame(number)));
                }
            }
        }
    }
}

/// The byte so far from the region's first one, which has it.
#[inline]
fn address(base: NonNull<u8>, at: usize) -> NonZero<u64> {
    let address = (base.addr().get() as u64).wrapping_add(at as u64);
    // SAFETY: an address of a region that does not begin at a null pointer, nor go round the end of all
    // addresses: it is one allocation (`Region::from_raw`).
    unsafe { NonZero::new_unchecked(address) }
}

//! One owned frame, and the window on its bytes.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use static_assertions::const_assert_eq;

use super::framed::Framed;
use super::{FrameIndex, Place, Pool, Segments};

/// One frame of a pool, owned: 16 bytes that say which, and where its data is.
///
/// ```text
/// | private | headroom      | data ........ | tailroom      |
/// 0         private         offset          offset+len      frame size
/// ```
///
/// Dropping it gives it back to the pool's shared free list; giving it to
/// [`Cache::free`](super::Cache::free) is cheaper. It is not `Clone`: a frame has one owner.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut frame = pool.alloc().unwrap();
/// frame.append(3)?.copy_from_slice(b"abc");
/// frame.prepend(1)?.copy_from_slice(b">");
/// frame.trim_back(1)?;
/// assert_eq!(frame.data(), b">ab");
/// # Ok::<(), linecard::mempool::RoomError>(())
/// ```
pub struct Frame<'p> {
    pool: &'p Pool<'p>,
    /// From bit 0 the frame's number, with [`CHAINED`]; from bit 32 the window's offset, from bit
    /// 48 its length. In one word, so that what was written is read, or moved, by loads of the
    /// same size: a load that spans several smaller stores waits until they have left the
    /// processor's store buffer.
    word: u64,
}

const_assert_eq!(size_of::<Frame<'static>>(), 16);
const_assert_eq!(size_of::<Option<Frame<'static>>>(), 16);

/// There is not as much room, or data, in the frame as was asked for.
///
/// ```
/// # use linecard::mempool::RoomError;
/// assert_eq!(RoomError { asked: 300, room: 256 }.to_string(), "300 bytes asked, 256 there");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomError {
    /// Bytes asked for.
    pub asked: usize,
    /// Bytes there.
    pub room: usize,
}

impl<'p> Frame<'p> {
    /// A frame with this [window](Self::window), which ends inside the frame.
    #[inline]
    pub(super) const fn fresh(pool: &'p Pool<'p>, index: u32, window: u64) -> Self {
        Self {
            pool,
            word: index as u64 | window,
        }
    }

    /// Where data begins and how long it is, each less than 2^16, as a frame's word has them.
    #[inline]
    pub(super) const fn window(offset: u64, len: u64) -> u64 {
        offset << OFFSET | len << LEN
    }

    /// A frame whose window the caller has checked: `offset + len` is at most the frame size.
    #[inline]
    pub(super) const fn with_window(pool: &'p Pool<'p>, index: u32, offset: u16, len: u16) -> Self {
        Self::of_numbers(pool, index as u64, offset as u64, len as u64)
    }

    /// As [`with_window`](Self::with_window), of numbers that are known to be no larger than their
    /// types there: the compiler need not cut them off.
    #[inline]
    pub(super) const fn of_numbers(pool: &'p Pool<'p>, index: u64, offset: u64, len: u64) -> Self {
        Self {
            pool,
            word: index | offset << OFFSET | len << LEN,
        }
    }

    /// The pool that it is of.
    #[inline]
    pub const fn pool(&self) -> &'p Pool<'p> {
        self.pool
    }

    /// Its number in the pool.
    #[inline]
    pub const fn index(&self) -> FrameIndex {
        FrameIndex(self.number())
    }

    /// Bytes from the frame's start to its data.
    #[inline]
    pub const fn offset(&self) -> usize {
        (self.word >> OFFSET) as u16 as usize
    }

    /// Bytes of data in this frame (and not in those chained to it).
    #[inline]
    pub const fn len(&self) -> usize {
        (self.word >> LEN) as usize
    }

    /// Whether this frame has no data.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.word >> LEN == 0
    }

    /// Bytes that can be prepended: from the private area to the data.
    #[inline]
    pub const fn headroom(&self) -> usize {
        self.offset().saturating_sub(self.pool.config().private)
    }

    /// Bytes that can be appended: from the data to the frame's end.
    #[inline]
    pub const fn tailroom(&self) -> usize {
        self.pool
            .frame_size()
            .saturating_sub(self.offset())
            .saturating_sub(self.len())
    }

    /// The data.
    #[inline]
    pub fn data(&self) -> &[u8] {
        // SAFETY: the window is inside the frame: every constructor's caller checks it
        // (`Account::take_back`, `Fresh::frame`) and `prepend`, `append` and `trim_*` keep
        // it. The bytes are initialised (`Region::from_raw`). While a `Frame` has this index
        // nobody else touches the frame (`Account::receive`'s contract), and the borrow of `self`
        // keeps the program from writing it.
        unsafe { core::slice::from_raw_parts(self.as_ptr().as_ptr(), self.len()) }
    }

    /// The data, to be changed.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `data`; the exclusive borrow of `self` makes the slice the only one.
        unsafe { core::slice::from_raw_parts_mut(self.as_ptr().as_ptr(), self.len()) }
    }

    /// Where the data begins. Only to be read or written while this frame is owned.
    #[inline]
    pub fn as_ptr(&self) -> NonNull<u8> {
        // SAFETY: `offset` is at most the frame size (see `data`), so the sum stays in the region
        // or one past its end.
        unsafe { self.pool.start_of(self.number()).add(self.offset()) }
    }

    /// The private area: its first byte, for a driver that keeps something there.
    /// [`PoolConfig::private`](super::PoolConfig::private) says how long it is.
    #[inline]
    pub fn private_ptr(&self) -> NonNull<u8> {
        self.pool.start_of(self.number())
    }

    /// Takes `count` bytes of headroom into the data, and gives them; they hold anything.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the headroom is less.
    #[inline]
    pub fn prepend(&mut self, count: usize) -> Result<&mut [u8], RoomError> {
        let room = self.headroom();
        if count > room {
            return Err(RoomError { asked: count, room });
        }
        let count64 = count as u64;
        self.word = self
            .word
            .wrapping_sub(count64 << OFFSET)
            .wrapping_add(count64 << LEN);
        Ok(self
            .data_mut()
            .split_at_mut_checked(count)
            .map_or(&mut [], |(new, _)| new))
    }

    /// Takes `count` bytes of tailroom into the data, and gives them; they hold anything.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if the tailroom is less.
    #[inline]
    pub fn append(&mut self, count: usize) -> Result<&mut [u8], RoomError> {
        let room = self.tailroom();
        if count > room {
            return Err(RoomError { asked: count, room });
        }
        let from = self.len();
        self.word = self.word.wrapping_add((count as u64) << LEN);
        Ok(self
            .data_mut()
            .split_at_mut_checked(from)
            .map_or(&mut [], |(_, new)| new))
    }

    /// Takes `count` bytes from the data's front into the headroom.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if there are fewer in this frame.
    #[inline]
    pub fn trim_front(&mut self, count: usize) -> Result<(), RoomError> {
        let room = self.len();
        if count > room {
            return Err(RoomError { asked: count, room });
        }
        let count64 = count as u64;
        self.word = self
            .word
            .wrapping_add(count64 << OFFSET)
            .wrapping_sub(count64 << LEN);
        Ok(())
    }

    /// Takes `count` bytes from the data's end into the tailroom.
    ///
    /// # Errors
    ///
    /// [`RoomError`] if there are fewer in this frame.
    #[inline]
    pub fn trim_back(&mut self, count: usize) -> Result<(), RoomError> {
        let room = self.len();
        if count > room {
            return Err(RoomError { asked: count, room });
        }
        self.word = self.word.wrapping_sub((count as u64) << LEN);
        Ok(())
    }

    /// Empties the data, and puts it where a new frame's begins.
    #[inline]
    pub fn reset(&mut self) {
        let empty = ManuallyDrop::new(self.pool.fresh().frame(self.number()));
        self.word = empty.word | (self.word & CHAINED as u64);
    }

    /// Whether more frames are chained to this one: the packet does not fit one frame.
    #[inline]
    pub const fn is_chained(&self) -> bool {
        self.raw_index() & CHAINED != 0
    }

    /// The data of this frame and of those chained to it, in order.
    pub const fn segments(&self) -> Segments<'_> {
        Segments::new(self)
    }

    /// Bytes of data in this frame and those chained to it.
    #[inline]
    pub fn total_len(&self) -> usize {
        if self.is_chained() {
            self.segments().map(<[u8]>::len).sum()
        } else {
            self.len()
        }
    }

    /// Chains `tail`, and what is chained to it, behind the last frame of this chain.
    ///
    /// # Errors
    ///
    /// `tail` itself, if it is of another pool.
    pub fn chain(&mut self, tail: Frame<'p>) -> Result<(), Frame<'p>> {
        if !self.pool.owns(tail.pool) {
            return Err(tail);
        }
        super::chain::link(self, tail);
        Ok(())
    }

    /// Takes off what is chained to this frame.
    pub fn unchain(&mut self) -> Option<Frame<'p>> {
        if self.is_chained() {
            super::chain::unlink(self)
        } else {
            None
        }
    }

    /// Whether one of `items` is chained, and the bytes of data in their first frames: in one pass
    /// without a branch for each.
    #[inline]
    pub(crate) fn survey<T: Framed<'p>>(items: &[T]) -> (bool, usize) {
        let (mut any, mut len) = (0, 0_u64);
        let mut add = |item: &T| {
            let word = item.frame().word;
            any |= word;
            len = len.wrapping_add(word >> LEN);
        };
        // By eights: a burst is short, and going over to vectors and back costs as much as is won.
        let (eights, rest) = items.as_chunks::<8>();
        eights.iter().flatten().for_each(&mut add);
        rest.iter().for_each(add);
        (any & CHAINED as u64 != 0, len as usize)
    }

    #[inline]
    pub(super) const fn raw_index(&self) -> u32 {
        self.word as u32
    }

    /// The frame's number.
    #[inline]
    const fn number(&self) -> u32 {
        self.raw_index() & !CHAINED
    }

    #[inline]
    pub(super) const fn set_chained(&mut self, chained: bool) {
        self.word = self.word & !(CHAINED as u64) | if chained { CHAINED as u64 } else { 0 };
    }

    /// Gives up the frame without freeing it: whoever has the number must. Not of a chain.
    #[inline]
    pub(super) fn into_index(self) -> u32 {
        ManuallyDrop::new(self).number()
    }
}

impl Drop for Frame<'_> {
    #[inline]
    fn drop(&mut self) {
        // Each turn takes one frame off a chain, which has as many as the pool at the most.
        let mut rest = self.unchain();
        let index = self.number();
        self.pool.moved(index, Place::Held, Place::Free);
        self.pool.put(&[index]);
        while let Some(mut frame) = rest {
            rest = frame.unchain();
            let index = frame.into_index();
            self.pool.moved(index, Place::Held, Place::Free);
            self.pool.put(&[index]);
        }
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("index", &self.index().0)
            .field("offset", &self.offset())
            .field("len", &self.len())
            .field("chained", &self.is_chained())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for RoomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes asked, {} there", self.asked, self.room)
    }
}

impl core::error::Error for RoomError {}

/// In `index`: more frames follow, and the slot says which.
pub(super) const CHAINED: u32 = 1 << 31;

/// Where in a frame's word the window's offset begins.
const OFFSET: u32 = 32;

/// Where in a frame's word the window's length begins.
const LEN: u32 = 48;

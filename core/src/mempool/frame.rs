//! One owned frame, and the window on its bytes.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, offset_of};
use core::num::NonZero;
use core::ptr::NonNull;

use static_assertions::{const_assert, const_assert_eq};

use super::framed::Framed;
use super::home::Home;
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
#[repr(C)]
pub struct Frame<'p> {
    /// Where its data begins: what every stage asks for. The frame's number, which only who frees it
    /// needs, is made of this one. An address and no pointer, so that those of a burst can be made of
    /// their numbers in vectors; the pool has exposed its region for it.
    data: NonZero<u64>,
    /// From bit 0 the data's length; from bit 16 the pool's address, of which the lowest six bits,
    /// zero there, are [`CHAINED`] and [`PAST`] here. In one word, so that one comparison says
    /// whether a frame is of a pool, alone and as usual.
    word: u64,
    _pool: PhantomData<&'p Pool<'p>>,
}

const_assert_eq!(size_of::<Frame<'static>>(), 16);
const_assert_eq!(size_of::<Option<Frame<'static>>>(), 16);
// As `Framed` says.
const_assert_eq!(offset_of!(Frame<'static>, data), 0);
const_assert_eq!(offset_of!(Frame<'static>, word), 8);
// The six lowest bits of a pool's address are a frame's own.
const_assert!(align_of::<Pool<'static>>() >= 64);

/// A pool as its frames name it, for [`Frame::len_in`].
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// assert_eq!(pool.alloc().unwrap().len_in(pool.tag()), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTag(pub(super) u64);

impl PoolTag {
    /// As a number, for [`Frame::words`].
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

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
    /// A frame of the pool with this [tag](Self::tag), whose `len` bytes of data begin at `data`: inside
    /// the frame, or, if `past`, behind its last byte. The caller has checked it, and owns the frame.
    #[inline]
    pub(super) const fn of_parts(data: NonZero<u64>, tag: u64, len: u64, past: bool) -> Self {
        Self {
            data,
            word: tag | len | if past { PAST } else { 0 },
            _pool: PhantomData,
        }
    }

    /// A pool as a frame's word names it.
    #[inline]
    pub(super) fn tag(pool: &Pool<'_>) -> u64 {
        (core::ptr::from_ref(pool).expose_provenance() as u64) << POOL
    }

    /// The pool that a word names.
    #[inline]
    pub(super) fn named(word: u64) -> *const Pool<'p> {
        let address = (word.cast_signed() >> POOL) as usize & !(align_of::<Pool<'p>>() - 1);
        core::ptr::with_exposed_provenance(address)
    }

    /// The pool that it is of.
    #[inline]
    pub fn pool(&self) -> &'p Pool<'p> {
        // SAFETY: the word was made by `tag` of a `&'p Pool<'p>`, which exposed it; it names it, as
        // `Account::register` and `Pool::alloc`, of which all frames come, have looked at
        // (`Home::can_be_named`).
        unsafe { &*Self::named(self.word) }
    }

    /// Its number in the pool.
    #[inline]
    pub fn index(&self) -> FrameIndex {
        FrameIndex(self.number())
    }

    /// Bytes from the frame's start to its data.
    #[inline]
    pub fn offset(&self) -> usize {
        let size = self.pool().frame_size();
        let offset = self.region_offset() & (size - 1);
        if self.is_past() { size } else { offset }
    }

    /// Bytes from the region's start to its data.
    #[inline]
    pub fn region_offset(&self) -> usize {
        let base = self.pool().base().addr().get();
        self.address().wrapping_sub(base)
    }

    /// Bytes of data in this frame (and not in those chained to it).
    #[inline]
    pub const fn len(&self) -> usize {
        self.word as u16 as usize
    }

    /// Its length, marks and pool.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) const fn word(&self) -> u64 {
        self.word
    }

    /// Whether this frame has no data.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that can be prepended: from the private area to the data.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.offset().saturating_sub(self.pool().config().private)
    }

    /// Bytes that can be appended: from the data to the frame's end.
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.pool()
            .frame_size()
            .saturating_sub(self.offset())
            .saturating_sub(self.len())
    }

    /// The data.
    #[inline]
    pub fn data(&self) -> &[u8] {
        // SAFETY: the window is inside the frame: every constructor's caller checks it
        // (`Home::frame`, `Fresh::frame`, `Fresh::fill`) and `prepend`, `append` and `trim_*` keep it;
        // the region was exposed (`Pool::new`). The bytes are initialised (`Region::from_raw`). While
        // a `Frame` has this number nobody else touches the frame (`Account::receive`'s contract), and
        // the borrow of `self` keeps the program from writing it.
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
        let data = core::ptr::with_exposed_provenance_mut(self.address());
        // SAFETY: its address is not zero.
        unsafe { NonNull::new_unchecked(data) }
    }

    /// Where the data begins.
    #[inline]
    pub(super) const fn address(&self) -> usize {
        self.data.get() as usize
    }

    /// The private area: its first byte, for a driver that keeps something there.
    /// [`PoolConfig::private`](super::PoolConfig::private) says how long it is.
    #[inline]
    pub fn private_ptr(&self) -> NonNull<u8> {
        self.pool().start_of(self.number())
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
        let data = self.data.get().wrapping_sub(count as u64);
        // SAFETY: `count` is no more than there is before the data in this frame, which is in the
        // region, and that begins at no null pointer.
        self.data = unsafe { NonZero::new_unchecked(data) };
        self.word = self.word.wrapping_add(count as u64);
        if count != 0 {
            self.word &= !PAST;
        }
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
        self.word = self.word.wrapping_add(count as u64);
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
        let data = self.data.get().wrapping_add(count as u64);
        // SAFETY: `count` is no more than there is of data in this frame, which is in one allocation: it
        // does not go round the end of all addresses.
        self.data = unsafe { NonZero::new_unchecked(data) };
        self.word = self.word.wrapping_sub(count as u64);
        if count == room {
            self.look_where_it_ends(count);
        }
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
        self.word = self.word.wrapping_sub(count as u64);
        Ok(())
    }

    /// Empties the data, and puts it where a new frame's begins.
    #[inline]
    pub fn reset(&mut self) {
        let empty = ManuallyDrop::new(self.pool().fresh().frame(self.number()));
        self.data = empty.data;
        self.word = empty.word | (self.word & CHAINED);
    }

    /// Whether more frames are chained to this one: the packet does not fit one frame.
    #[inline]
    pub const fn is_chained(&self) -> bool {
        self.word & CHAINED != 0
    }

    /// The data of this frame and of those chained to it, in order.
    pub fn segments(&self) -> Segments<'_> {
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
        if !self.pool().owns(tail.pool()) {
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
            len = len.wrapping_add(word & LEN);
        };
        // By eights: a burst is short, and going over to vectors and back costs as much as is won.
        let (eights, rest) = items.as_chunks::<8>();
        eights.iter().flatten().for_each(&mut add);
        rest.iter().for_each(add);
        (any & CHAINED != 0, len as usize)
    }

    /// Bytes of data, if the frame is of that pool, alone, and its data begins inside it; otherwise more than
    /// a frame has, 65,535: one comparison with what may be at most finds out both.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 4 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 4];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let mut frame = pool.alloc().unwrap();
    /// frame.append(60)?;
    /// assert_eq!(frame.len_in(pool.tag()), 60);
    /// frame.chain(pool.alloc().unwrap()).unwrap();
    /// assert!(frame.len_in(pool.tag()) > 65_535, "there are two");
    /// # Ok::<(), linecard::mempool::RoomError>(())
    /// ```
    #[inline]
    pub const fn len_in(&self, pool: PoolTag) -> u64 {
        self.word ^ pool.0
    }

    /// Where the data begins, and what [`len_in`](Self::len_in) makes the length of: a frame as it lies in
    /// memory, for a driver that loads those of several packets into vectors.
    ///
    /// ```
    /// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
    /// # let mut memory = vec![0u8; 4 * 2048 + 63];
    /// # let slots = [const { Slot::new() }; 4];
    /// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
    /// let frame = pool.alloc().unwrap();
    /// let [data, word] = frame.words();
    /// assert_eq!(data, frame.as_ptr().addr().get() as u64);
    /// assert_eq!(word ^ pool.tag().bits(), frame.len_in(pool.tag()));
    /// ```
    #[inline]
    pub const fn words(&self) -> [u64; 2] {
        [self.data.get(), self.word]
    }

    /// The frame of which [`words`](Self::words) would give these.
    ///
    /// # Safety
    ///
    /// As for [`Receiver::receive_inside`](super::Receiver::receive_inside), whose `data` is the first, with
    /// `len` added to the [number](PoolTag::bits) of its pool as the second. `data` is not zero, and the pool
    /// lives as long as `'p`.
    #[inline]
    pub const unsafe fn of_words([data, word]: [u64; 2]) -> Self {
        Self {
            // SAFETY: the caller's promise.
            data: unsafe { NonZero::new_unchecked(data) },
            word,
            _pool: PhantomData,
        }
    }

    /// Whether it is of another pool than the one with this tag, or chained, or past its end: not zero
    /// if so, for a burst to find out without a branch for each.
    #[inline]
    pub(super) const fn difference(&self, tag: u64) -> u64 {
        (self.word ^ tag) & !LEN
    }

    /// Whether a frame is of that pool, alone and not past its end, of whose word those bits are not as in
    /// the pool's tag.
    #[inline]
    pub(super) const fn is_plain(difference: u64) -> bool {
        difference & !LEN == 0
    }

    #[inline]
    pub(super) const fn set_chained(&mut self, chained: bool) {
        self.word = self.word & !CHAINED | if chained { CHAINED } else { 0 };
    }

    /// Gives up the frame without freeing it: whoever has the number must. Not of a chain.
    #[inline]
    pub(super) fn into_index(self) -> u32 {
        ManuallyDrop::new(self).number()
    }

    /// The frame's number.
    #[inline]
    fn number(&self) -> u32 {
        let home = self.home();
        home.number_at(self).wrapping_sub(u32::from(self.is_past()))
    }

    #[inline]
    fn home(&self) -> Home<'p> {
        Home::of(self.pool())
    }

    #[inline]
    const fn is_past(&self) -> bool {
        self.word & PAST != 0
    }

    /// Behind the frame's last byte another frame begins: when all data is taken off a full frame, that
    /// is where there is nothing left.
    #[inline(never)]
    fn look_where_it_ends(&mut self, moved: usize) {
        let size = self.pool().frame_size();
        if moved != 0 && self.region_offset() & (size - 1) == 0 {
            self.word |= PAST;
        }
    }
}

impl Drop for Frame<'_> {
    #[inline]
    fn drop(&mut self) {
        // Each turn takes one frame off a chain, which has as many as the pool at the most.
        let mut rest = self.unchain();
        let index = self.number();
        let pool = self.pool();
        pool.moved(index, Place::Held, Place::Free);
        pool.put(&[index]);
        while let Some(mut frame) = rest {
            rest = frame.unchain();
            let index = frame.into_index();
            pool.moved(index, Place::Held, Place::Free);
            pool.put(&[index]);
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

/// Bits of a frame's word that are its length.
pub(super) const LEN: u64 = 0xFFFF;

/// Where in a frame's word the pool's address begins.
const POOL: u32 = 16;

/// In a frame's word: more frames follow, and the slot says which.
pub(super) const CHAINED: u64 = 1 << POOL;

/// In a frame's word: the window, which is empty, begins behind the frame's last byte, where another
/// frame's first one is.
const PAST: u64 = 2 << POOL;

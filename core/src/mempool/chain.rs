//! Packets of several frames.
//!
//! A jumbo packet, or one that a device merged from several receive buffers, is a chain: each
//! frame but the last is marked as chained, and its slot in the side table says which comes next
//! and where that one's data is. A packet in one frame never looks there.

use crate::sync::atomic::Ordering;
use core::marker::PhantomData;

use super::home::Home;
use super::{Frame, Pool};

/// The data of a chain's frames, from the first to the last.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 4 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 4];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let mut frame = pool.alloc().unwrap();
/// let mut tail = pool.alloc().unwrap();
/// frame.append(2)?.copy_from_slice(b"ab");
/// tail.append(1)?.copy_from_slice(b"c");
/// frame.chain(tail).expect("both are of one pool");
/// assert_eq!(frame.segments().collect::<Vec<_>>(), [&b"ab"[..], &b"c"[..]]);
/// # Ok::<(), linecard::mempool::RoomError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Segments<'a> {
    pool: &'a Pool<'a>,
    next: Option<Segment>,
    _chain: PhantomData<&'a Frame<'a>>,
}

/// A frame of a chain by number and window.
#[derive(Debug, Clone, Copy)]
struct Segment {
    /// With [`CHAINED`] if more follow.
    index: u32,
    offset: u16,
    len: u16,
}

impl<'a> Segments<'a> {
    pub(super) fn new(frame: &'a Frame<'_>) -> Self {
        let next = Some(segment(frame));
        Self {
            pool: frame.pool(),
            next,
            _chain: PhantomData,
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Segment { index, offset, len } = self.next.take()?;
        if index & CHAINED != 0 {
            self.next = follower(self.pool, index);
        }
        let start = self.pool.start_of(index & !CHAINED);
        // SAFETY: the window came from a `Frame` (`segment`), whose windows are inside the frame.
        let data = unsafe { start.add(offset as usize) };
        // SAFETY: as above, and initialised (`Region::from_raw`). The chain's frames belong to
        // the `Frame` at its head, which is borrowed for `'a`, so nobody writes them.
        Some(unsafe { core::slice::from_raw_parts(data.as_ptr(), len as usize) })
    }
}

/// In a segment's index: more frames follow, and the slot says which.
const CHAINED: u32 = 1 << 31;

/// Hangs `tail` behind the last frame of `head`'s chain.
pub(super) fn link(head: &mut Frame<'_>, tail: Frame<'_>) {
    let pool = head.pool();
    let mut last = segment(head).index;
    while last & CHAINED != 0 {
        let Some(next) = follower(pool, last) else {
            return;
        };
        if next.index & CHAINED == 0 {
            // The frame before the last says whether its follower has one: mark it.
            mark(pool, last);
        }
        last = next.index;
    }
    let Segment { index, offset, len } = segment(&tail);
    let Some(slot) = pool.slot(last) else { return };
    let [next, window, ..] = &slot.batch;
    next.store(index, Ordering::Relaxed);
    window.store(u32::from(offset) | u32::from(len) << 16, Ordering::Relaxed);
    head.set_chained(true);
    core::mem::forget(tail);
}

/// Takes the chain behind `head` off it, as a frame of its own.
pub(super) fn unlink<'p>(head: &mut Frame<'p>) -> Option<Frame<'p>> {
    let Segment { index, offset, len } = follower(head.pool(), segment(head).index)?;
    head.set_chained(false);
    let (number, chained) = (index & !CHAINED, index & CHAINED != 0);
    let mut rest = Home::of(head.pool()).frame(number, offset.into(), len.into());
    rest.set_chained(chained);
    Some(rest)
}

fn segment(frame: &Frame<'_>) -> Segment {
    let chained = if frame.is_chained() { CHAINED } else { 0 };
    Segment {
        index: frame.index().0 | chained,
        offset: frame.offset() as u16,
        len: frame.len() as u16,
    }
}

/// What the slot of a chained frame says comes next.
fn follower(pool: &Pool<'_>, index: u32) -> Option<Segment> {
    // A frame that is not free has its slot to itself, so what stands there is what `link` wrote.
    let [next, window, ..] = &pool.slot(index & !CHAINED)?.batch;
    let window = window.load(Ordering::Relaxed);
    Some(Segment {
        index: next.load(Ordering::Relaxed),
        offset: window as u16,
        len: (window >> 16) as u16,
    })
}

/// Notes in a chained frame's slot that its follower is chained as well.
fn mark(pool: &Pool<'_>, index: u32) {
    if let Some(slot) = pool.slot(index & !CHAINED) {
        let [next, ..] = &slot.batch;
        next.fetch_or(CHAINED, Ordering::Relaxed);
    }
}

//! The shared free list: a lock-free stack of batches of frames.
//!
//! A frame's [`Slot`] is one cache line beside the region, never in it: devices can write frames,
//! and what they can write cannot be trusted to link a list. While frames are free, the slot of
//! one of them (the *head* of a batch) names up to 14 others, so that putting or getting 15
//! frames moves one line between cores and not 15.
//!
//! ```text
//! top ──> slot of 7: | link: 3, count 2 | owner | 9 12 - - - ... |     frames 7, 9, 12
//!         slot of 3: | link: ∅, count 0 | owner | - - - - - - ... |     frame 3
//! ```
//!
//! `top` carries a tag of 36 bits that every change counts up. A thread that slept between
//! reading `top` and its compare-and-swap would be fooled only if exactly a multiple of 2^36
//! changes had come meanwhile and left the same frame on top: at 100 million bulk operations a
//! second, a sleep of eleven minutes to the very operation.

use crate::sync::atomic::{AtomicIsize, AtomicU32, AtomicU64, Ordering};
#[cfg(not(loom))]
use static_assertions::const_assert_eq;

/// The side-table entry of one frame: one cache line, never shared with a device.
///
/// The caller of [`Pool::new`](super::Pool::new) provides one for each frame and never looks
/// inside.
///
/// ```
/// use linecard::mempool::Slot;
/// let slots = [const { Slot::new() }; 64];
/// assert_eq!(size_of_val(&slots), 64 * 64);
/// ```
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Of a batch's head: the next batch (low 28 bits) and how many frames `batch` names.
    link: AtomicU32,
    /// Who has the frame, while the pool tracks: see [`super::ledger`].
    pub(super) owner: AtomicU32,
    /// Of a batch's head: the other frames. Of a frame in a chain: what `chain` keeps there.
    pub(super) batch: [AtomicU32; BATCH - 1],
}

/// Frames in a full batch: what one slot can name, with its own.
#[cfg(not(loom))]
pub(super) const BATCH: usize = 15;

/// Under loom as few as there can be (a chain needs two cells), so that a put of several batches
/// has few enough steps for every schedule to be tried.
#[cfg(loom)]
pub(super) const BATCH: usize = 3;

/// The most frames that a pool can have: indices have 28 bits, and the last one means "none".
pub(super) const MAX_FRAMES: usize = NIL as usize;

const INDEX_BITS: u32 = 28;
const NIL: u32 = (1 << INDEX_BITS) - 1;

#[cfg(not(loom))]
const_assert_eq!(size_of::<Slot>(), 64);

impl Slot {
    /// An entry that belongs to no pool yet.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            link: AtomicU32::new(NIL),
            owner: AtomicU32::new(0),
            batch: [const { AtomicU32::new(0) }; BATCH - 1],
        }
    }

    /// An entry that belongs to no pool yet.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            link: AtomicU32::new(NIL),
            owner: AtomicU32::new(0),
            batch: core::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

/// The stack of batches. All of its writers share one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct FreeList {
    /// Tag (high 36 bits) and the head of the top batch (low 28).
    top: AtomicU64,
    /// Frames in the list. Counted after a put and after a get, so it may be off while one is
    /// under way.
    len: AtomicIsize,
}

impl FreeList {
    pub(super) fn new() -> Self {
        Self {
            top: AtomicU64::new(u64::from(NIL)),
            len: AtomicIsize::new(0),
        }
    }

    /// Frames in the list; exact when nobody is putting or getting.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed).max(0).unsigned_abs()
    }

    /// Puts all of `frames`, with one compare-and-swap unless another thread comes between.
    pub(super) fn put(&self, slots: &[Slot], frames: &[u32]) {
        let mut first = NIL;
        let mut last: Option<(&Slot, u32)> = None;
        for batch in frames.chunks(BATCH).rev() {
            let Some((&head, others)) = batch.split_first() else {
                continue;
            };
            // An index that is not in the table cannot come from this pool; `Pool` checks before.
            let Some(slot) = slots.get(head as usize) else {
                continue;
            };
            for (cell, &frame) in slot.batch.iter().zip(others) {
                cell.store(frame, Ordering::Relaxed);
            }
            let count = (others.len() as u32) << INDEX_BITS;
            if last.is_none() {
                last = Some((slot, count));
            }
            slot.link.store(first | count, Ordering::Relaxed);
            first = head;
        }
        let Some((last, count)) = last else { return };
        let mut top = self.top.load(Ordering::Relaxed);
        loop {
            last.link.store(index_of(top) | count, Ordering::Relaxed);
            // Release: whoever gets these frames sees the slots and the frames' bytes.
            match self.top.compare_exchange_weak(
                top,
                retag(top, first),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        self.len.fetch_add(frames.len() as isize, Ordering::Relaxed);
    }

    /// Gets whole batches until `want` frames are there or the list is empty; gives how many
    /// frames it wrote to `out`, at most `want + BATCH - 1`.
    ///
    /// `out` has room for that many: what does not fit is put back.
    pub(super) fn get(&self, slots: &[Slot], want: usize, out: &mut [u32]) -> usize {
        if want == 0 {
            return 0;
        }
        let mut top = self.top.load(Ordering::Acquire);
        let (head, after) = loop {
            let head = index_of(top);
            if head == NIL {
                return 0;
            }
            let mut found = 0;
            let mut next = head;
            // Each batch has a frame at least, so this ends after `want` steps. What it reads may
            // be stale when another thread has changed the list: then the swap fails.
            while next != NIL && found < want {
                let Some(slot) = slots.get(next as usize) else {
                    break;
                };
                let link = slot.link.load(Ordering::Relaxed);
                found += 1 + (link >> INDEX_BITS) as usize;
                next = link & NIL;
            }
            // Acquire: the slots' contents. Release: the reads above come before whatever the
            // next owner of these slots writes.
            match self.top.compare_exchange_weak(
                top,
                retag(top, next),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => break (head, next),
                Err(now) => top = now,
            }
        };
        // The batches from `head` up to `after` are this thread's alone now.
        let mut len = 0;
        let mut taken = 0;
        let mut next = head;
        while next != after {
            let Some(slot) = slots.get(next as usize) else {
                break;
            };
            let link = slot.link.load(Ordering::Relaxed);
            let count = (link >> INDEX_BITS) as usize;
            let mut spare = [0; BATCH];
            let mut spares = 0;
            let others = slot
                .batch
                .iter()
                .take(count)
                .map(|cell| cell.load(Ordering::Relaxed));
            for frame in core::iter::once(next).chain(others) {
                taken += 1;
                if let Some(cell) = out.get_mut(len) {
                    *cell = frame;
                    len += 1;
                } else if let Some(cell) = spare.get_mut(spares) {
                    *cell = frame;
                    spares += 1;
                }
            }
            next = link & NIL;
            self.put(slots, spare.get(..spares).unwrap_or(&[]));
        }
        self.len.fetch_sub(taken, Ordering::Relaxed);
        len
    }

    /// Calls `visit` with each frame in the list, until it answers `false`.
    ///
    /// Only when nobody else uses the list; `visit` ends a walk that goes round in circles.
    pub(super) fn walk(&self, slots: &[Slot], mut visit: impl FnMut(u32) -> bool) {
        let mut next = index_of(self.top.load(Ordering::Acquire));
        while let Some(slot) = slots.get(next as usize) {
            let link = slot.link.load(Ordering::Relaxed);
            let count = (link >> INDEX_BITS) as usize;
            let others = slot
                .batch
                .iter()
                .take(count)
                .map(|cell| cell.load(Ordering::Relaxed));
            for frame in core::iter::once(next).chain(others) {
                if !visit(frame) {
                    return;
                }
            }
            next = link & NIL;
        }
    }
}

const fn index_of(top: u64) -> u32 {
    (top as u32) & NIL
}

const fn retag(top: u64, index: u32) -> u64 {
    ((top >> INDEX_BITS).wrapping_add(1) << INDEX_BITS) | index as u64
}

//! What the kernel holds of a pool through one queue, frame by frame.

use core::sync::atomic::{AtomicU8, Ordering};
use std::boxed::Box;
use std::vec::Vec;

use linecard::mempool::FrameIndex;

/// Which way a frame went to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Way {
    /// Through the fill ring, to be received into.
    Fill = 1,
    /// Through the transmit ring, to be sent.
    Transmit = 2,
}

/// For each frame of the pool, whether the kernel has it through this queue, and which way it went.
///
/// The kernel hands frames back by address. Believing an address that was never posted, or one
/// twice, would give a frame two owners; this table is what the address is held against. It also
/// says which frames are to be reclaimed when the queue is closed.
///
/// A byte per frame and not a bit, so that neighbouring frames do not wait for each other's store.
/// Relaxed is enough: an entry changes only in the hands of whoever owns the frame, or takes it
/// from the kernel, and ownership passes between threads with an order of its own.
#[derive(Debug)]
pub(crate) struct Posted(Box<[AtomicU8]>);

impl Posted {
    /// A table for a pool of `frames`, none of them posted.
    pub(crate) fn new(frames: usize) -> Self {
        Self((0..frames).map(|_| AtomicU8::new(NOT)).collect())
    }

    /// Where the table lies, for the length of a burst: the compiler would look there again for each
    /// frame.
    #[inline(always)]
    pub(crate) fn table(&self) -> Table<'_> {
        Table(&self.0)
    }

    /// As [`Table::put`].
    #[cfg(test)]
    pub(crate) fn put(&self, frame: FrameIndex, way: Way) {
        self.table().put(frame, way);
    }

    /// As [`Table::take`].
    pub(crate) fn take(&self, frame: FrameIndex, way: Way) -> bool {
        self.table().take(frame.0.into(), way)
    }

    /// All frames that the kernel has by this way; it has them no more.
    pub(crate) fn take_all(&self, way: Way) -> Vec<FrameIndex> {
        (0..self.0.len() as u32)
            .map(FrameIndex)
            .filter(|frame| self.take(*frame, way))
            .collect()
    }
}

/// The entries of a [`Posted`].
#[derive(Clone, Copy)]
pub(crate) struct Table<'a>(&'a [AtomicU8]);

impl Table<'_> {
    /// Writes down that a frame goes to the kernel.
    #[inline(always)]
    pub(crate) fn put(&self, frame: FrameIndex, way: Way) {
        if let Some(entry) = self.0.get(frame.0 as usize) {
            entry.store(way as u8, Ordering::Relaxed);
        }
    }

    /// Whether the kernel had the frame of this number, which may be any, by this way; it has it no more.
    #[inline(always)]
    pub(crate) fn take(&self, number: u64, way: Way) -> bool {
        let entry = usize::try_from(number).ok().and_then(|at| self.0.get(at));
        match entry {
            Some(entry) if entry.load(Ordering::Relaxed) == way as u8 => {
                entry.store(NOT, Ordering::Relaxed);
                true
            }
            _ => false,
        }
    }
}

const NOT: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_once_and_the_way_it_went() {
        let posted = Posted::new(4);
        posted.put(FrameIndex(1), Way::Fill);
        posted.put(FrameIndex(3), Way::Transmit);
        assert!(!posted.take(FrameIndex(0), Way::Fill), "never posted");
        assert!(
            !posted.take(FrameIndex(1), Way::Transmit),
            "went the other way"
        );
        assert!(posted.take(FrameIndex(1), Way::Fill));
        assert!(!posted.take(FrameIndex(1), Way::Fill), "twice");
        assert!(!posted.take(FrameIndex(4), Way::Fill), "not of the pool");
        posted.put(FrameIndex(0), Way::Transmit);
        assert_eq!(
            posted.take_all(Way::Transmit),
            [FrameIndex(0), FrameIndex(3)]
        );
        assert_eq!(posted.take_all(Way::Transmit), []);
    }
}

//! What a burst of frames can be given back as, without looking at one after the other.

use super::Frame;
use crate::packet::Packet;

/// What owns one frame, and nothing else that would have to be dropped.
///
/// # Safety
/// [`frame`](Self::frame) gives the frame that is dropped with `self`, each item its own, and the
/// same every time. Whoever forgets `self` forgets nothing but that frame.
pub(crate) unsafe trait Framed<'p> {
    /// Its frame.
    fn frame(&self) -> &Frame<'p>;
}

// SAFETY: it is the frame.
unsafe impl<'p> Framed<'p> for Frame<'p> {
    #[inline]
    fn frame(&self) -> &Frame<'p> {
        self
    }
}

// SAFETY: `Packet::frame` borrows its field; the others are numbers, and there is no `Drop`.
unsafe impl<'p> Framed<'p> for Packet<'p> {
    #[inline]
    fn frame(&self) -> &Frame<'p> {
        Packet::frame(self)
    }
}

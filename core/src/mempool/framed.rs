//! What a burst of frames can be handed out and given back as, without looking at one after the other.

use super::Frame;
use crate::packet::Packet;

/// What owns one frame, and nothing else that would have to be dropped: a [`Frame`] or a [`Packet`]. Others cannot be
/// made: the trait has no name outside.
///
/// # Safety
/// [`frame`](Self::frame) gives the frame that is dropped with `self`, each item its own, and the
/// same every time. Whoever forgets `self` forgets nothing but that frame. It has 16 or 32 bytes, all of
/// them initialised: the frame's 16 first, then zeros in a [new](Self::new) one.
pub unsafe trait Framed<'p>: Sized {
    /// A new one, on this frame.
    fn new(frame: Frame<'p>) -> Self;

    /// Its frame.
    fn frame(&self) -> &Frame<'p>;
}

// SAFETY: it is the frame, of two words.
unsafe impl<'p> Framed<'p> for Frame<'p> {
    #[inline]
    fn new(frame: Frame<'p>) -> Self {
        frame
    }

    #[inline]
    fn frame(&self) -> &Frame<'p> {
        self
    }
}

// SAFETY: `Packet::frame` borrows its field, which is the first; the others are numbers, zero in a new one, and
// there is nothing between them (`descriptor` asserts it), and there is no `Drop`.
unsafe impl<'p> Framed<'p> for Packet<'p> {
    #[inline]
    fn new(frame: Frame<'p>) -> Self {
        Packet::new(frame)
    }

    #[inline]
    fn frame(&self) -> &Frame<'p> {
        Packet::frame(self)
    }
}

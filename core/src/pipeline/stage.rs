//! A stage, and two in a row.

use super::{Context, DropReason, Lot};
use crate::packet::Packet;

/// A step of a pipeline: looks at a burst of packets, may change them, and decides.
///
/// ```
/// use linecard::packet::PortId;
/// use linecard::pipeline::{DropReason, Lot, Stage, Verdict};
///
/// /// Drops what is shorter than an Ethernet header.
/// struct NoRunts;
/// impl Stage<'_> for NoRunts {
///     fn process(&mut self, lot: &mut Lot<'_, '_>) {
///         for (packet, verdict) in lot.undecided() {
///             if packet.len() < 14 {
///                 *verdict = Verdict::drop(DropReason::MALFORMED_L2);
///             }
///         }
///     }
/// }
///
/// /// Sends everything to port 1.
/// struct ToOne;
/// impl Stage<'_> for ToOne {
///     fn process(&mut self, lot: &mut Lot<'_, '_>) {
///         lot.undecided().for_each(|(_, verdict)| *verdict = Verdict::send(PortId(1)));
///     }
/// }
///
/// let pipeline = NoRunts.and_then(ToOne);
/// # let _ = pipeline;
/// ```
pub trait Stage<'p> {
    /// Decides on the packets of `lot` on which nobody has, or leaves them to the next stage.
    ///
    /// The hot path: it must not panic, and has no room to allocate.
    fn process(&mut self, lot: &mut Lot<'_, 'p>);

    /// Whether it looks at the packets' bytes, as nearly all stages do. Of packets for which no stage
    /// does, a worker does not [ask ahead](super::Ahead) for the headers, nor does a core ever fetch them.
    fn reads(&self) -> bool {
        true
    }

    /// How many exception codes the stage uses: 0 up to this, exclusive.
    fn exceptions(&self) -> u16 {
        0
    }

    /// Takes a packet that [`process`](Self::process) gave the verdict
    /// [`lot.exception(code)`](Lot::exception).
    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        let _ = code;
        cx.drop(packet, DropReason::UNDECIDED);
    }

    /// Called about every 10 ms: for timers.
    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        let _ = cx;
    }

    /// This stage, and `next` for the packets on which it does not decide.
    fn and_then<N: Stage<'p>>(self, next: N) -> Then<Self, N>
    where
        Self: Sized,
    {
        Then { first: self, next }
    }
}

/// One stage and the next: what [`Stage::and_then`] makes.
///
/// ```
/// use linecard::pipeline::{Lot, Stage, Then};
/// struct Nothing;
/// impl Stage<'_> for Nothing {
///     fn process(&mut self, _lot: &mut Lot<'_, '_>) {}
/// }
/// let both: Then<Nothing, Nothing> = Nothing.and_then(Nothing);
/// assert_eq!(both.exceptions(), 0);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Then<A, B> {
    /// The stage that comes first.
    pub first: A,
    /// The one after it.
    pub next: B,
}

impl<'p, A: Stage<'p>, B: Stage<'p>> Stage<'p> for Then<A, B> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        self.first.process(lot);
        let before = lot.first_code;
        lot.first_code = before.wrapping_add(self.first.exceptions());
        self.next.process(lot);
        lot.first_code = before;
    }

    #[inline]
    fn reads(&self) -> bool {
        self.first.reads() || self.next.reads()
    }

    fn exceptions(&self) -> u16 {
        self.first.exceptions().wrapping_add(self.next.exceptions())
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        match code.checked_sub(self.first.exceptions()) {
            Some(code) => self.next.exception(code, packet, cx),
            None => self.first.exception(code, packet, cx),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        self.first.tick(cx);
        self.next.tick(cx);
    }
}

impl<'p, S: Stage<'p> + ?Sized> Stage<'p> for &mut S {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        (**self).process(lot);
    }

    #[inline]
    fn reads(&self) -> bool {
        (**self).reads()
    }

    fn exceptions(&self) -> u16 {
        (**self).exceptions()
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        (**self).exception(code, packet, cx);
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        (**self).tick(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Blind;
    impl Stage<'_> for Blind {
        fn process(&mut self, _lot: &mut Lot<'_, '_>) {}
        fn reads(&self) -> bool {
            false
        }
    }

    struct Seeing;
    impl Stage<'_> for Seeing {
        fn process(&mut self, _lot: &mut Lot<'_, '_>) {}
    }

    #[test]
    fn one_that_reads_is_enough() {
        assert!(!Blind.and_then(Blind).reads());
        assert!(Blind.and_then(Seeing).reads() && Seeing.and_then(Blind).reads());
        let mut blind = Blind;
        assert!(!Stage::reads(&&mut blind));
    }
}

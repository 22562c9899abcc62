//! The seam between a worker and whoever measures it.

use core::fmt;

use crate::platform::Instant;

/// A part of the work on a burst.
///
/// ```
/// use linecard::trace::Phase;
/// assert_eq!(Phase::LOOKUP.to_string(), "lookup");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Phase(pub u8);

impl Phase {
    /// Packets were taken from the device.
    pub const RECEIVE: Self = Self(0);
    /// Their headers were read and checked.
    pub const PARSE: Self = Self(1);
    /// Their routes or flows were looked up.
    pub const LOOKUP: Self = Self(2);
    /// Their headers were rewritten, and verdicts given.
    pub const REWRITE: Self = Self(3);
    /// What of the stages' work no other phase names.
    pub const PROCESS: Self = Self(4);
    /// Packets were sorted by verdict and handed to devices, exceptions handled.
    pub const TRANSMIT: Self = Self(5);

    /// How many phases Linecard names; numbers up to 15 are the program's own.
    pub const NAMED: usize = 6;

    /// The phase's name.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "receive",
            1 => "parse",
            2 => "lookup",
            3 => "rewrite",
            4 => "process",
            5 => "transmit",
            _ => "custom",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who measures a worker: told at the end of each phase of a burst that is sampled.
///
/// An observer reads its own clock. The time of a phase is that since the mark before, or since
/// [`begin`](Observe::begin).
///
/// ```
/// use linecard::platform::Instant;
/// use linecard::trace::{Observe, Phase};
///
/// /// Counts packets by phase.
/// #[derive(Default)]
/// struct Counts([usize; Phase::NAMED]);
/// impl Observe for Counts {
///     fn begin(&mut self) {}
///     fn mark(&mut self, phase: Phase, packets: usize) {
///         if let Some(count) = self.0.get_mut(usize::from(phase.0)) {
///             *count += packets;
///         }
///     }
///     fn done(&mut self, _received: Instant, _packets: usize) {}
/// }
/// ```
pub trait Observe: Send {
    /// Work on a burst begins, or goes on after something that is not its own.
    fn begin(&mut self);

    /// A phase of the work on `packets` packets is done.
    fn mark(&mut self, phase: Phase, packets: usize);

    /// All of these packets have left, which were received at `received` by the worker's clock.
    fn done(&mut self, received: Instant, packets: usize);
}

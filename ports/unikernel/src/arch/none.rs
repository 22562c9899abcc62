//! A processor without boot code: there is no machine to reach, and the library is there for its
//! tests and for those parts that need none.

use crate::CycleClock;

/// Nothing to measure.
///
/// ```
/// use linecard_unikernel::{Calibration, CycleClock};
/// fn clock(entered_at: u64) -> CycleClock {
///     let measurement = Calibration::begin(entered_at);
///     // ... everything else is set up meanwhile ...
///     measurement.finish()
/// }
/// ```
#[derive(Debug)]
pub struct Calibration(u64);

impl Calibration {
    /// From this count on.
    pub fn begin(start: u64) -> Self {
        Self(start)
    }

    /// A clock that stands still, as the counter does.
    pub fn finish(self) -> CycleClock {
        CycleClock::new(self.0, 1, 1)
    }
}

/// There is no counter.
pub(crate) fn ticks() -> u64 {
    0
}

/// Nobody can be told.
pub fn exit(_: bool) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Nothing is mapped.
pub(crate) fn is_device(_: u64, _: u64) -> bool {
    false
}

/// There is no console: what is written is lost.
pub(crate) mod serial {
    pub(crate) fn put(_: u8) {}

    pub(crate) fn take() -> Option<u8> {
        None
    }

    pub(crate) fn put_raw(_: &[u8]) {}
}

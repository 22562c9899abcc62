//! The generic timer's counter (Arm ARM D12), whose rate is known.

use core::arch::asm;

use crate::CycleClock;

/// The counter's rate, and where it stood at the entry.
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
pub struct Calibration {
    start: u64,
    hertz: u64,
}

impl Calibration {
    /// `start` is the counter when the image was entered.
    pub fn begin(start: u64) -> Self {
        let hertz: u64;
        // SAFETY: CNTFRQ_EL0 may be read at every level here: at EL1 always, at EL0 where the kernel
        // allows it, as Linux does. Reading it has no effect.
        unsafe {
            asm!("mrs {}, cntfrq_el0", out(reg) hertz, options(nomem, nostack, preserves_flags));
        }
        Self { start, hertz }
    }

    /// Takes this rate, from the device tree, if the firmware has not told the processor.
    #[cfg(feature = "image")]
    pub(super) fn or(self, hertz: Option<u64>) -> Self {
        match hertz {
            Some(hertz) if self.hertz == 0 => Self { hertz, ..self },
            _ => self,
        }
    }

    /// The clock: nothing has to be waited for. 1 GHz is assumed where nobody knows the rate.
    pub fn finish(self) -> CycleClock {
        let hertz = if self.hertz == 0 {
            1_000_000_000
        } else {
            self.hertz
        };
        CycleClock::new(self.start, 1_000_000_000, hertz)
    }
}

/// The counter.
#[inline]
pub(crate) fn ticks() -> u64 {
    let count;
    // SAFETY: the counter may be read, as CNTFRQ_EL0 above; the barrier keeps it from being read
    // before what comes before it is done.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", out(reg) count, options(nostack, preserves_flags));
    }
    count
}

//! The processor's counter, measured against the PC's timer.

use core::arch::x86_64::{__cpuid, _rdtsc};

use super::io::Port;
use crate::CycleClock;

/// A measurement under way, begun as early as possible so that nobody has to wait for it.
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
    from: u64,
}

impl Calibration {
    /// Starts the timer; `start` is the counter when the image was entered.
    pub fn begin(start: u64) -> Self {
        start_timer();
        Self {
            start,
            from: ticks(),
        }
    }

    /// Ends the measurement; waits until it is 4 ms long, if it is not yet. Without a timer the
    /// processor's own word is taken, or else 1 GHz assumed.
    pub fn finish(mut self) -> CycleClock {
        for _ in 0..PATIENCE {
            let (passed, to) = (elapsed(), ticks());
            let Some(passed) = passed else {
                // The timer has run out, after 55 ms: once more, from here.
                start_timer();
                self.from = ticks();
                continue;
            };
            if passed < SHORTEST {
                core::hint::spin_loop();
                continue;
            }
            let nanos = u128::from(passed) * 1_000_000_000 / TIMER_HZ;
            return CycleClock::new(self.start, nanos, to.wrapping_sub(self.from));
        }
        let hertz = stated_frequency().unwrap_or(1_000_000_000);
        CycleClock::new(self.start, 1_000_000_000, hertz)
    }
}

/// The counter.
#[inline]
pub(crate) fn ticks() -> u64 {
    // SAFETY: RDTSC reads a counter; every x86-64 has it, and nobody has forbidden it in CR4.
    unsafe { _rdtsc() }
}

/// Cycles a second as the processor states them: CPUID leaf 15H, or 16H.
fn stated_frequency() -> Option<u64> {
    let most = __cpuid(0).eax;
    if most >= 0x15 {
        let leaf = __cpuid(0x15);
        let hertz = u64::from(leaf.ecx) * u64::from(leaf.ebx);
        if let Some(hertz @ 1..) = hertz.checked_div(leaf.eax.into()) {
            return Some(hertz);
        }
    }
    let megahertz = if most >= 0x16 { __cpuid(0x16).eax } else { 0 };
    (megahertz != 0).then(|| u64::from(megahertz) * 1_000_000)
}

/// Channel 0 of the 8254 counts down once from 65,535. It is the one that microvm has as well; its
/// interrupts go nowhere.
fn start_timer() {
    COMMAND.write8(0x30); // channel 0, both bytes, mode 0
    CHANNEL_0.write8(0xff);
    CHANNEL_0.write8(0xff);
}

/// Ticks since the timer was started; `None` when it has run out, or is not there.
fn elapsed() -> Option<u32> {
    COMMAND.write8(0xc2); // latch status and count of channel 0
    let status = CHANNEL_0.read8();
    let low = CHANNEL_0.read8();
    let high = CHANNEL_0.read8();
    // Its output goes high when it reaches zero.
    (status & 0x80 == 0).then(|| u32::from(u16::MAX - u16::from_le_bytes([low, high])))
}

const CHANNEL_0: Port = Port(0x40);
const COMMAND: Port = Port(0x43);
/// What the timer counts at.
const TIMER_HZ: u128 = 1_193_182;
/// Ticks that a measurement lasts at least: 4 ms, good to one in 5,000.
const SHORTEST: u32 = 4_773;
/// Looks at the timer before it is taken to be missing: some tenths of a second.
const PATIENCE: u32 = 200_000;

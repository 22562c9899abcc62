//! Monotonic time in nanoseconds, cheap enough to read once a burst.
//!
//! Where the kernel itself keeps time by the time-stamp counter (its clock source is `tsc`,
//! which it chooses only when the counter is invariant and runs alike on all CPUs), this clock
//! reads the counter too, scaled by what a short calibration against `CLOCK_MONOTONIC` found.
//! Elsewhere it asks `CLOCK_MONOTONIC` through the vDSO every time.
//!
//! The calibration lasts 20 ms and is right to a few parts per million: a second measured with
//! it is wrong by microseconds. That is what latencies and rates need; it is no wall clock.

use core::time::Duration;
use std::fs;

use linecard::platform::{Clock, Instant};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since boot, by the cheapest trustworthy means. Never goes backwards on one CPU.
///
/// It is `Copy`: every worker carries its own.
///
/// ```
/// use linecard_linux::clock::MonotonicClock;
///
/// let clock = MonotonicClock::new();
/// let before = clock.nanos();
/// assert!(clock.nanos() >= before);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    scale: Option<Scale>,
}

/// `ns = base_ns + (counter - base_counter) * per_tick / 2^32`.
#[derive(Debug, Clone, Copy)]
struct Scale {
    base_counter: u64,
    base_ns: u64,
    /// Nanoseconds per tick, in units of 2^-32.
    per_tick: u64,
}

impl MonotonicClock {
    /// The best clock of this machine; takes 20 ms where a calibration is needed.
    #[must_use]
    pub fn new() -> Self {
        let scale = (counter().is_some() && kernel_trusts_counter())
            .then(|| calibrate(CALIBRATION))
            .flatten();
        Self { scale }
    }

    /// The clock that asks the kernel every time: needs no calibration.
    #[must_use]
    pub const fn by_kernel() -> Self {
        Self { scale: None }
    }

    /// Nanoseconds since boot (time asleep not counted, as `CLOCK_MONOTONIC` counts).
    #[inline]
    #[must_use]
    pub fn nanos(&self) -> u64 {
        match (&self.scale, counter()) {
            (Some(scale), Some(counter)) => scale.nanos(counter),
            _ => kernel_nanos(),
        }
    }

    /// Whether it reads the CPU's counter instead of asking the kernel.
    #[must_use]
    pub fn reads_counter(&self) -> bool {
        self.scale.is_some()
    }
}

impl Clock for MonotonicClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos())
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Scale {
    #[inline]
    fn nanos(&self, counter: u64) -> u64 {
        // A CPU whose counter is a hair behind the calibrating one gives the base, not 2^64.
        let ticks = counter.saturating_sub(self.base_counter);
        let elapsed = (u128::from(ticks) * u128::from(self.per_tick)) >> 32;
        self.base_ns.wrapping_add(elapsed as u64)
    }
}

fn calibrate(span: Duration) -> Option<Scale> {
    let (first_counter, first_ns) = sample()?;
    std::thread::sleep(span);
    let (last_counter, last_ns) = sample()?;
    let ticks = last_counter.checked_sub(first_counter)?;
    let nanos = last_ns.checked_sub(first_ns)?;
    let per_tick = (u128::from(nanos) << 32).checked_div(u128::from(ticks))?;
    Some(Scale {
        base_counter: last_counter,
        base_ns: last_ns,
        per_tick: u64::try_from(per_tick).ok().filter(|&scale| scale > 0)?,
    })
}

/// Counter and kernel time of the same moment: the tightest of several attempts, so that an
/// interrupt between the two reads does not spoil it.
fn sample() -> Option<(u64, u64)> {
    let mut best: Option<(u64, u64, u64)> = None;
    for _ in 0..16 {
        let before = counter()?;
        let nanos = kernel_nanos();
        let width = counter()?.wrapping_sub(before);
        if best.is_none_or(|(narrowest, ..)| width < narrowest) {
            best = Some((width, before.wrapping_add(width / 2), nanos));
        }
    }
    best.map(|(_, counter, nanos)| (counter, nanos))
}

fn kernel_trusts_counter() -> bool {
    fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|name| name.trim() == "tsc")
}

fn kernel_nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

#[inline]
#[cfg(target_arch = "x86_64")]
fn counter() -> Option<u64> {
    // SAFETY: RDTSC exists on every x86-64 CPU, and Linux lets user space read it unless the
    // process itself asked for PR_SET_TSC.
    Some(unsafe { core::arch::x86_64::_rdtsc() })
}

#[inline]
#[cfg(not(target_arch = "x86_64"))]
fn counter() -> Option<u64> {
    None
}

const CALIBRATION: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_kernel_over_a_tenth_of_a_second() {
        let clock = MonotonicClock::new();
        let (ours, theirs) = (clock.nanos(), kernel_nanos());
        std::thread::sleep(Duration::from_millis(100));
        let (ours, theirs) = (clock.nanos() - ours, kernel_nanos() - theirs);
        // 500 parts per million is 50 microseconds; the reads themselves may be interrupted.
        assert!(ours.abs_diff(theirs) < 2_000_000, "{ours} and {theirs}");
    }

    #[test]
    fn scale_does_not_wrap_after_years_or_before_its_base() {
        let scale = Scale {
            base_counter: 1 << 40,
            base_ns: 5,
            per_tick: 1 << 31, // 2 GHz
        };
        assert_eq!(scale.nanos(0), 5);
        assert_eq!(scale.nanos((1 << 40) + 2_000_000_000), 1_000_000_005);
        let ten_years = 10 * 365 * 86_400 * 1_000_000_000_u64;
        assert_eq!(scale.nanos((1 << 40) + 2 * ten_years), 5 + ten_years);
    }

    #[test]
    fn never_goes_backwards() {
        for clock in [MonotonicClock::new(), MonotonicClock::by_kernel()] {
            let mut last = clock.nanos();
            for _ in 0..10_000 {
                let now = clock.nanos();
                assert!(now >= last);
                last = now;
            }
        }
    }
}

//! Time: the processor's counter, at the rate that the architecture found for it.

use linecard::platform::{Clock, Instant};

use crate::arch::ticks;

/// A clock that counts from when the image was entered.
///
/// ```
/// use linecard::platform::Clock;
/// use linecard_unikernel::CycleClock;
/// // From a count of 0, at 1,000 counts a microsecond.
/// let clock = CycleClock::new(0, 1_000, 1_000);
/// assert!(clock.now() <= clock.now());
/// assert_eq!(clock.frequency(), 1_000_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleClock {
    start: u64,
    /// Nanoseconds a count, times 2^32.
    scale: u64,
}

impl CycleClock {
    /// A clock whose time 0 is when the counter stood at `start`, and by which so many counts take so
    /// many nanoseconds.
    pub fn new(start: u64, nanos: u128, counts: u64) -> Self {
        let scale = (nanos << 32) / u128::from(counts.max(1));
        Self {
            start,
            scale: u64::try_from(scale).unwrap_or(u64::MAX),
        }
    }

    /// Counts a second.
    pub fn frequency(&self) -> u64 {
        (1_000_000_000u128 << 32)
            .checked_div(self.scale.into())
            .and_then(|hertz| u64::try_from(hertz).ok())
            .unwrap_or(0)
    }

    /// The time when the counter stands at `count`.
    #[inline]
    fn at(&self, count: u64) -> Instant {
        let counts = count.wrapping_sub(self.start);
        let nanos = u128::from(counts).wrapping_mul(u128::from(self.scale)) >> 32;
        Instant::from_nanos(nanos as u64)
    }
}

impl Clock for CycleClock {
    #[inline]
    fn now(&self) -> Instant {
        self.at(ticks())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_nanoseconds() {
        // The generic timer of QEMU's `virt`: 62.5 MHz, 16 ns a count.
        let slow = CycleClock::new(100, 1_000_000_000, 62_500_000);
        assert_eq!(slow.at(100).as_nanos(), 0);
        assert_eq!(slow.at(101).as_nanos(), 16);
        assert_eq!(
            slow.at(100 + 62_500_000 * 3600).as_nanos(),
            3_600_000_000_000
        );
        assert_eq!(slow.frequency(), 62_500_000);
        // 4 GHz, measured over 4 ms: a year of it does not overflow.
        let fast = CycleClock::new(0, 4_000_000, 16_000_000);
        let year = 365 * 24 * 3600;
        assert_eq!(
            fast.at(4_000_000_000 * year).as_nanos(),
            year * 1_000_000_000
        );
        // The counter runs over its end as if there were none.
        let late = CycleClock::new(u64::MAX - 9, 1_000, 1_000);
        assert_eq!(late.at(10).as_nanos(), 20);
    }

    #[test]
    fn a_counter_that_stands_still_is_no_division_by_zero() {
        assert_eq!(CycleClock::new(0, 1_000_000_000, 0).frequency(), 1);
        assert_eq!(CycleClock::new(0, 0, 5).frequency(), 0);
    }
}

//! Time, as a port tells it.

use core::fmt;
use core::ops::{Add, Sub};
use core::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};

/// A moment: nanoseconds since some fixed one that the clock chose. It lasts 584 years.
///
/// ```
/// use linecard::platform::Instant;
/// use core::time::Duration;
/// let start = Instant::from_nanos(1_000);
/// assert_eq!((start + Duration::from_micros(1)) - start, Duration::from_nanos(1_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment so many nanoseconds after the clock's zero.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Nanoseconds since `earlier`; 0 if that is later.
    #[inline]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Stops at the last moment that there is.
    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// Zero if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09} s",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// A monotonic clock. The worker reads it once a burst, so it should cost a few nanoseconds.
///
/// ```
/// use linecard::platform::{Clock, Instant, ManualClock};
/// fn stamp(clock: &impl Clock) -> Instant { clock.now() }
/// assert_eq!(stamp(&ManualClock::new()), Instant::from_nanos(0));
/// ```
pub trait Clock {
    /// The moment now; never before one that it gave earlier on this thread.
    fn now(&self) -> Instant;
}

impl<C: Clock + ?Sized> Clock for &C {
    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// A clock that is set by hand: for tests and replay, where time is part of the input.
///
/// ```
/// use linecard::platform::{Clock, Instant, ManualClock};
/// let clock = ManualClock::new();
/// clock.set(Instant::from_nanos(7));
/// assert_eq!(clock.now().as_nanos(), 7);
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at zero.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A clock that stands at zero.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Sets the clock; it does not go back, an earlier moment is passed over.
    pub fn set(&self, now: Instant) {
        self.0.fetch_max(now.0, Ordering::Relaxed);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

/// No clock: it is always zero. For pipelines that never ask.
///
/// ```
/// use linecard::platform::{Clock, NoClock};
/// assert_eq!(NoClock.now().as_nanos(), 0);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NoClock;

impl Clock for NoClock {
    #[inline]
    fn now(&self) -> Instant {
        Instant(0)
    }
}

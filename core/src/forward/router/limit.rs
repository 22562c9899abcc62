//! A token bucket.

use crate::platform::Instant;

/// How often something may be done: so many times a second, and so many at once after a rest.
///
/// ```
/// use linecard::forward::router::Rate;
/// let rate = Rate { per_second: 1_000, burst: 50 };
/// # let _ = rate;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Times a second, in the long run; 0 for never.
    pub per_second: u32,
    /// Times at once.
    pub burst: u32,
}

/// Counts what was done against a [`Rate`].
#[derive(Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// In billionths of one time.
    tokens: u64,
    at: Instant,
}

impl Bucket {
    pub(super) const fn new(rate: Rate) -> Self {
        Self {
            rate,
            tokens: rate.burst as u64 * WHOLE,
            at: Instant::from_nanos(0),
        }
    }

    /// Whether it may be done now; then it is counted as done.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = now.nanos_since(self.at);
        self.at = now;
        let most = u64::from(self.rate.burst) * WHOLE;
        let earned = since.saturating_mul(u64::from(self.rate.per_second));
        let tokens = self.tokens.saturating_add(earned).min(most);
        let left = tokens.checked_sub(WHOLE);
        self.tokens = left.unwrap_or(tokens);
        left.is_some() && self.rate.per_second > 0
    }
}

const WHOLE: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(Rate {
            per_second: 10,
            burst: 3,
        });
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let taken = (0..5).filter(|_| bucket.take(at(1000))).count();
        assert_eq!(taken, 3);
        assert!(!bucket.take(at(1099)));
        assert!(bucket.take(at(1100)));
        assert!(!bucket.take(at(1100)));
        // A long rest earns no more than the burst.
        let taken = (0..9).filter(|_| bucket.take(at(1_000_000))).count();
        assert_eq!(taken, 3);
    }

    #[test]
    fn never() {
        let mut bucket = Bucket::new(Rate {
            per_second: 0,
            burst: 3,
        });
        assert!(!bucket.take(Instant::from_nanos(u64::MAX)));
    }
}

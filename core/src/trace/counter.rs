//! A counter that one thread writes and any may read.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A counter that one thread counts and any thread reads.
///
/// Counting is a load and a store, with no locked instruction: two threads that count the same
/// one lose counts, and nothing worse.
///
/// ```
/// use linecard::trace::Counter;
/// let counter = Counter::new();
/// counter.add(3);
/// assert_eq!(counter.value(), 3);
/// ```
#[derive(Debug)]
#[repr(transparent)]
pub struct Counter(AtomicU64);

impl Counter {
    /// A counter at zero.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A counter at zero.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// What was counted, perhaps a moment ago.
    #[inline]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts `count` more. It wraps past 2^64.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0
            .store(self.value().wrapping_add(count), Ordering::Relaxed);
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

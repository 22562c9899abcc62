//! Counters by number: one for each reason, kind or cause.

use core::fmt;

use super::Counter;
use crate::sync::const_unless_loom;

/// `N` counters that one thread counts and any thread reads, by number.
///
/// Numbers from `N` on share the last counter, so that counting has nothing to check and nothing
/// goes uncounted.
///
/// ```
/// use linecard::trace::Counters;
///
/// const TOO_SHORT: usize = 1;
/// static DROPS: Counters<4> = Counters::new();
/// DROPS.add(TOO_SHORT, 3);
/// assert_eq!(DROPS.value(TOO_SHORT), 3);
/// assert_eq!(DROPS.in_use().collect::<Vec<_>>(), [(TOO_SHORT, 3)]);
/// ```
pub struct Counters<const N: usize>([Counter; N]);

impl<const N: usize> Counters<N> {
    const_unless_loom! {
        /// All at zero. `N` is at least one; zero does not compile.
        pub const fn new() -> Self {
            const { assert!(N > 0, "there must be a counter to count with") };
            #[cfg(not(loom))]
            return Self([const { Counter::new() }; N]);
            #[cfg(loom)]
            return Self(core::array::from_fn(|_| Counter::new()));
        }
    }

    /// Counts `count` more of `number`.
    #[inline]
    pub fn add(&self, number: usize, count: u64) {
        if let Some(counter) = self.0.get(number.min(N.wrapping_sub(1))) {
            counter.add(count);
        }
    }

    /// What was counted of `number`, perhaps a moment ago.
    #[inline]
    pub fn value(&self, number: usize) -> u64 {
        self.0
            .get(number.min(N.wrapping_sub(1)))
            .map_or(0, Counter::value)
    }

    /// What was counted in all.
    pub fn total(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, counter| sum.wrapping_add(counter.value()))
    }

    /// The numbers of which something was counted, in order, and how much.
    pub fn in_use(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.0
            .iter()
            .map(Counter::value)
            .enumerate()
            .filter(|&(_, count)| count != 0)
    }
}

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Counters<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.in_use()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_number_is_counted_apart_and_those_past_the_last_with_it(
            counts in prop::collection::vec((0usize..12, 0u64..1000), 0..50),
        ) {
            let counters = Counters::<8>::new();
            let mut expected = [0; 8];
            for &(number, count) in &counts {
                counters.add(number, count);
                expected[number.min(7)] += count;
            }
            for number in 0..12 {
                prop_assert_eq!(counters.value(number), expected[number.min(7)]);
            }
            prop_assert_eq!(counters.total(), expected.iter().sum::<u64>());
            let in_use: Vec<_> = expected.into_iter().enumerate().filter(|&(_, n)| n > 0).collect();
            prop_assert_eq!(counters.in_use().collect::<Vec<_>>(), in_use);
        }
    }
}

//! What histograms held at one moment: to be merged over workers, or compared with an earlier one.

use core::fmt;

use super::{
    Histogram, Quantile,
    histogram::{BUCKETS, first_of, last_of, quantile_of},
};

/// The values of one or more [`Histogram`]s at one moment, in 15 KiB: it no longer changes.
///
/// Add the histograms of all workers to see them as one. Keep the snapshot of a second ago, take it
/// off the present one, and what is left is that second.
///
/// ```
/// use linecard::trace::{Histogram, Quantile, Snapshot};
///
/// static WORKERS: [Histogram; 2] = [const { Histogram::new() }; 2];
/// WORKERS[0].record(10, 98);
/// WORKERS[1].record(5_000, 1);
///
/// let mut all = Snapshot::new();
/// WORKERS.iter().for_each(|worker| all.add(worker));
/// assert_eq!(all.count(), 99);
/// assert_eq!(all.quantile(Quantile::P50), Some(10));
/// assert_eq!(all.max(), 5_000);
///
/// WORKERS[0].record(20, 1);
/// let mut since = Snapshot::new();
/// WORKERS.iter().for_each(|worker| since.add(worker));
/// since.take_off(&all);
/// assert_eq!((since.count(), since.max()), (1, 20));
/// ```
#[derive(Clone)]
pub struct Snapshot {
    buckets: [u64; BUCKETS],
    sum: u64,
    max: u64,
}

impl Snapshot {
    /// No values.
    pub const fn new() -> Self {
        Self {
            buckets: [0; BUCKETS],
            sum: 0,
            max: 0,
        }
    }

    /// Adds what `histogram` holds now. A value that another thread is recording may be in the count, the
    /// mean and the maximum, or in some of these only.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, times) in self.buckets.iter_mut().zip(histogram.buckets()) {
            *sum = sum.wrapping_add(times);
        }
        self.sum = self.sum.wrapping_add(histogram.sum());
        self.max = self.max.max(histogram.max());
    }

    /// Takes off what an earlier snapshot of the same histograms held. What is left are the values
    /// recorded between the two; the largest of these is known to 1 part in 32.
    pub fn take_off(&mut self, earlier: &Self) {
        for (now, then) in self.buckets.iter_mut().zip(&earlier.buckets) {
            *now = now.saturating_sub(*then);
        }
        self.sum = self.sum.wrapping_sub(earlier.sum);
        let last = self.buckets.iter().rposition(|&times| times != 0);
        self.max = last.map_or(0, |bucket| last_of(bucket).min(self.max));
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets
            .iter()
            .fold(0, |sum, &times| sum.wrapping_add(times))
    }

    /// The largest value, exactly, or after [`take_off`](Self::take_off) at most 1/32 too large; 0 if
    /// there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The mean of the values, rounded down; `None` if there is none. It is wrong once their sum
    /// has passed 2^64.
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count())
    }

    /// The value that this share of values does not exceed, at most 1/32 too large; `None` if there
    /// is none.
    pub fn quantile(&self, quantile: Quantile) -> Option<u64> {
        quantile_of(self.buckets.iter().copied(), quantile, self.max)
    }

    /// Each range of values that came, from the least, and how often: first and last value, and times.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let buckets = self.buckets.iter().enumerate();
        buckets
            .map(|(index, &times)| (first_of(index), last_of(index), times))
            .filter(|&(.., times)| times != 0)
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.ranges().map(|(first, last, n)| (first..=last, n)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn filled(values: &[u64]) -> Histogram {
        let histogram = Histogram::new();
        values.iter().for_each(|&value| histogram.record(value, 1));
        histogram
    }

    /// The value of that rank among the sorted values.
    fn exact(values: &[u64], millionths: u32) -> u64 {
        let rank = (values.len() as u64 * u64::from(millionths)).div_ceil(1_000_000);
        values[rank.max(1) as usize - 1]
    }

    #[test]
    fn nothing_recorded() {
        let mut snapshot = Snapshot::new();
        snapshot.add(&Histogram::new());
        assert_eq!((snapshot.count(), snapshot.max()), (0, 0));
        assert_eq!(snapshot.quantile(Quantile::P50), None);
        assert_eq!(snapshot.mean(), None);
        assert_eq!(snapshot.ranges().count(), 0);
    }

    #[test]
    fn sixty_seconds_in_nanoseconds_are_known_to_three_percent() {
        let mut snapshot = Snapshot::new();
        snapshot.add(&filled(&[60_000_000_000, 61_000_000_000]));
        let median = snapshot.quantile(Quantile::P50).unwrap();
        assert!(
            (60_000_000_000..=61_875_000_000).contains(&median),
            "{median}"
        );
    }

    /// One thread records while another takes snapshots: none counts more than was recorded, none less than
    /// the one before.
    #[cfg(not(loom))]
    #[test]
    fn snapshots_of_a_live_histogram_only_grow() {
        const VALUES: u64 = 200_000;
        let histogram = Histogram::new();
        let mut before = Snapshot::new();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..VALUES).for_each(|value| histogram.record(value, 1)));
            while before.count() < VALUES {
                let mut now = Snapshot::new();
                now.add(&histogram);
                assert!(now.count() <= VALUES);
                assert!(now.count() >= before.count());
                assert!(now.max() >= before.max());
                if let Some(highest) = now.quantile(Quantile(1_000_000)) {
                    assert!(highest <= now.max());
                }
                before = now;
                std::thread::yield_now();
            }
        });
        let mut all = Snapshot::new();
        all.add(&histogram);
        assert_eq!((all.count(), all.max()), (VALUES, VALUES - 1));
        assert_eq!(all.mean(), Some((VALUES - 1) / 2));
    }

    proptest! {
        #[test]
        fn merged_histograms_are_one_of_all_values(
            workers in prop::collection::vec(prop::collection::vec(0u64..1 << 40, 0..50), 1..5),
            millionths in 0u32..=1_000_000,
        ) {
            let mut merged = Snapshot::new();
            workers.iter().for_each(|values| merged.add(&filled(values)));
            let mut values: Vec<u64> = workers.concat();
            values.sort_unstable();
            prop_assert_eq!(merged.count(), values.len() as u64);
            prop_assert_eq!(merged.max(), values.last().copied().unwrap_or(0));
            let sum: u64 = values.iter().sum();
            prop_assert_eq!(merged.mean(), sum.checked_div(values.len() as u64));
            match merged.quantile(Quantile(millionths)) {
                None => prop_assert!(values.is_empty()),
                Some(found) => {
                    let exact = exact(&values, millionths);
                    prop_assert!(found >= exact && found - exact <= exact / 32, "{found} for {exact}");
                }
            }
        }

        #[test]
        fn what_is_left_is_what_was_recorded_in_between(
            first in prop::collection::vec(0u64..1 << 40, 0..50),
            mut second in prop::collection::vec(0u64..1 << 40, 0..50),
            millionths in 0u32..=1_000_000,
        ) {
            let histogram = filled(&first);
            let mut earlier = Snapshot::new();
            earlier.add(&histogram);
            second.iter().for_each(|&value| histogram.record(value, 1));
            let mut between = Snapshot::new();
            between.add(&histogram);
            between.take_off(&earlier);

            second.sort_unstable();
            prop_assert_eq!(between.count(), second.len() as u64);
            let sum: u64 = second.iter().sum();
            prop_assert_eq!(between.mean(), sum.checked_div(second.len() as u64));
            let Some(&largest) = second.last() else {
                prop_assert_eq!(between.max(), 0);
                return Ok(());
            };
            prop_assert!(between.max() >= largest && between.max() - largest <= largest / 32);
            let (found, exact) = (
                between.quantile(Quantile(millionths)).unwrap(),
                exact(&second, millionths),
            );
            prop_assert!(found >= exact && found - exact <= exact / 32, "{found} for {exact}");
        }
    }
}

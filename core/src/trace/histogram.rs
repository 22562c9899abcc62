//! A histogram of fixed size that one thread fills and any thread reads.

use core::fmt;

use super::Counter;

/// How often which value came: values of up to 64 bits, each known to 1 part in 32, in 15 KiB.
///
/// Values below 32 have a bucket each. From there on each power of two is divided into 32 equal
/// buckets, so that a bucket is never wider than 1/32 of what is in it, whether that is
/// nanoseconds or hours. Recording is a shift, an index and a load and store; there is no lock,
/// and nothing is allocated.
///
/// ```
/// use linecard::trace::{Histogram, Quantile};
///
/// static LATENCY: Histogram = Histogram::new();
/// for nanos in 1..=1000 {
///     LATENCY.record(nanos, 1);
/// }
/// assert_eq!(LATENCY.count(), 1000);
/// let median = LATENCY.quantile(Quantile::P50).expect("values were recorded");
/// assert!((500..=516).contains(&median));
/// assert_eq!(LATENCY.max(), 1000);
/// ```
pub struct Histogram {
    buckets: [Counter; BUCKETS],
    count: Counter,
    sum: Counter,
    max: Counter,
}

/// A share of all values, in millionths: the quantile of `Quantile(990_000)` is what 99 % of the
/// values do not exceed.
///
/// ```
/// use linecard::trace::Quantile;
/// assert_eq!(Quantile::P99_9.to_string(), "p99.9");
/// assert_eq!(Quantile(123_456).to_string(), "p12.3456");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantile(pub u32);

impl Quantile {
    /// The median.
    pub const P50: Self = Self(500_000);
    /// Nine in ten do not exceed it.
    pub const P90: Self = Self(900_000);
    /// 99 in 100 do not exceed it.
    pub const P99: Self = Self(990_000);
    /// 999 in 1,000 do not exceed it.
    pub const P99_9: Self = Self(999_000);
    /// 9,999 in 10,000 do not exceed it.
    pub const P99_99: Self = Self(999_900);
}

impl Histogram {
    /// No values.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            buckets: [const { Counter::new() }; BUCKETS],
            count: Counter::new(),
            sum: Counter::new(),
            max: Counter::new(),
        }
    }

    /// No values.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            buckets: core::array::from_fn(|_| Counter::new()),
            count: Counter::new(),
            sum: Counter::new(),
            max: Counter::new(),
        }
    }

    /// Records that `value` came `times` times. One thread at a time records.
    #[inline]
    pub fn record(&self, value: u64, times: u64) {
        if let Some(bucket) = self.buckets.get(bucket_of(value)) {
            bucket.add(times);
        }
        self.sum.add(value.wrapping_mul(times));
        let max = self.max.value();
        if value > max {
            self.max.add(value - max);
        }
        // Last, so that who sees a value counted can find it in its bucket in most cases;
        // `quantile` is right in all.
        self.count.add(times);
    }

    /// Values recorded.
    pub fn count(&self) -> u64 {
        self.count.value()
    }

    /// The largest value recorded, exactly; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.max.value()
    }

    /// The mean of the values, rounded down; `None` if there is none. It is wrong once their sum
    /// has passed 2^64.
    pub fn mean(&self) -> Option<u64> {
        self.sum.value().checked_div(self.count())
    }

    /// The value that this share of values does not exceed, at most 1/32 too large; `None` if
    /// there is none. While another thread records, it is that of a moment ago.
    pub fn quantile(&self, quantile: Quantile) -> Option<u64> {
        quantile_of(self.buckets(), quantile, self.max())
    }

    /// Each range of values that came, from the least, and how often: first and last value, and
    /// times.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        let buckets = self.buckets.iter().enumerate();
        buckets
            .map(|(index, bucket)| (first_of(index), last_of(index), bucket.value()))
            .filter(|&(.., times)| times != 0)
    }

    /// How often values of each bucket came.
    pub(super) fn buckets(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        self.buckets.iter().map(Counter::value)
    }

    /// The sum of all values, modulo 2^64.
    pub(super) fn sum(&self) -> u64 {
        self.sum.value()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.ranges().map(|(first, last, n)| (first..=last, n)))
            .finish()
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest) = (self.0 / 10_000, self.0 % 10_000);
        write!(f, "p{whole}")?;
        if rest > 0 {
            f.write_str(".")?;
        }
        let mut place = 1_000;
        while rest > 0 {
            write!(f, "{}", rest / place)?;
            rest %= place;
            place /= 10;
        }
        Ok(())
    }
}

/// Binary logarithm of the buckets of a power of two.
const BITS: u32 = 5;
/// Values below `2 * LINEAR` have a bucket each.
const LINEAR: usize = 1 << BITS;
/// A row of `LINEAR` buckets for each power of two from `LINEAR` on, and one below it.
pub(super) const BUCKETS: usize = (64 - BITS as usize + 1) * LINEAR;
const MILLION: u32 = 1_000_000;

#[inline]
const fn bucket_of(value: u64) -> usize {
    // The row: 0 below `LINEAR`, then one more for each power of two.
    let row = (u64::BITS - (value >> BITS).leading_zeros()) as usize;
    let shift = row.saturating_sub(1);
    // In rows from 1 on the leading bit is always set, and says nothing.
    let column = (value >> shift) as usize & (LINEAR - 1);
    row * LINEAR + column
}

pub(super) const fn first_of(bucket: usize) -> u64 {
    let (row, column) = (bucket / LINEAR, bucket % LINEAR);
    match row.checked_sub(1) {
        None => column as u64,
        Some(shift) => ((LINEAR + column) as u64) << shift,
    }
}

pub(super) const fn last_of(bucket: usize) -> u64 {
    let shift = (bucket / LINEAR).saturating_sub(1);
    first_of(bucket) + ((1 << shift) - 1)
}

/// The value that this share of the values in `buckets` does not exceed; none of them exceeds `max`.
pub(super) fn quantile_of(
    buckets: impl Iterator<Item = u64> + Clone,
    quantile: Quantile,
    max: u64,
) -> Option<u64> {
    let total = buckets.clone().fold(0, u64::saturating_add);
    let share = u128::from(total) * u128::from(quantile.0.min(MILLION));
    // The rank of the value that is asked for, from 1 up to `total`.
    let rank = u64::try_from(share.div_ceil(u128::from(MILLION)))
        .unwrap_or(u64::MAX)
        .max(1);
    let mut seen = 0u64;
    for (index, times) in buckets.enumerate() {
        seen = seen.saturating_add(times);
        if seen >= rank {
            // Nothing recorded exceeds the maximum, though its bucket may.
            return Some(last_of(index).min(max));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap_to_the_last_value() {
        assert_eq!(first_of(0), 0);
        for bucket in 1..BUCKETS {
            assert_eq!(first_of(bucket), last_of(bucket - 1) + 1, "{bucket}");
        }
        assert_eq!(last_of(BUCKETS - 1), u64::MAX);
    }

    #[test]
    fn nothing_recorded() {
        let histogram = Histogram::new();
        assert_eq!(histogram.quantile(Quantile::P50), None);
        assert_eq!(histogram.mean(), None);
        assert_eq!((histogram.count(), histogram.max()), (0, 0));
        assert_eq!(histogram.ranges().count(), 0);
    }

    #[test]
    fn quantiles_at_both_ends() {
        let histogram = Histogram::new();
        histogram.record(10, 1);
        histogram.record(u64::MAX, 1);
        assert_eq!(histogram.quantile(Quantile(0)), Some(10));
        assert_eq!(histogram.quantile(Quantile::P50), Some(10));
        assert_eq!(histogram.quantile(Quantile(500_001)), Some(u64::MAX));
        assert_eq!(histogram.quantile(Quantile(u32::MAX)), Some(u64::MAX));
    }

    #[test]
    fn quantile_names() {
        for (quantile, name) in [
            (Quantile::P50, "p50"),
            (Quantile::P99_99, "p99.99"),
            (Quantile(1_000_000), "p100"),
            (Quantile(1), "p0.0001"),
        ] {
            assert_eq!(std::format!("{quantile}"), name);
        }
    }

    proptest! {
        #[test]
        fn a_value_is_in_its_bucket_which_is_narrow(value: u64) {
            let bucket = bucket_of(value);
            prop_assert!((first_of(bucket)..=last_of(bucket)).contains(&value));
            prop_assert!(last_of(bucket) - first_of(bucket) <= value / 32);
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_values_within_a_bucket(
            mut values in prop::collection::vec(0u64..1 << 40, 1..200),
            millionths in 0u32..=1_000_000,
        ) {
            let histogram = Histogram::new();
            values.iter().for_each(|&value| histogram.record(value, 1));
            values.sort_unstable();
            let rank = (values.len() as u64 * u64::from(millionths)).div_ceil(1_000_000).max(1);
            let exact = values[rank as usize - 1];
            let found = histogram.quantile(Quantile(millionths)).unwrap();
            prop_assert!(found >= exact && found - exact <= exact / 32, "{found} for {exact}");
            prop_assert_eq!(histogram.max(), *values.last().unwrap());
            let times: Vec<u64> = histogram.ranges().map(|(.., times)| times).collect();
            prop_assert_eq!(times.iter().sum::<u64>(), values.len() as u64);
        }
    }
}

//! Sixteen numbers at a time, and loads by sixteen indices, where the processor has both in one register.
//!
//! A look-up is a load whose address the one before gave. Sixteen of them beside each other cost the
//! processor little more than one, if nothing in between branches by what was loaded. [`Wide`] is the proof that
//! there are such registers, and what it [runs](Wide::run) is compiled for them; [`Lanes`] is one.
//!
//! | 16 loads from the first cache, on Zen 5 | ns |
//! |---|---|
//! | by a gather of AVX-512 | 3.7 |
//! | one by one, and stored | 4.2 |
//! | by two gathers of AVX2 | 5.8 |
//!
//! So there is none for AVX2.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx512;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod lines;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod longs;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod pick;
#[cfg(any(
    test,
    not(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))
))]
mod plain;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(crate) use avx512::{Lanes, Wide};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(crate) use longs::{Halves, Longs};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
pub(crate) use plain::{Halves, Lanes, Longs, Wide};

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::platform::Work;

    /// What each method gives, all of them.
    #[derive(Debug, Default, PartialEq)]
    struct Results {
        words: Vec<[u32; 16]>,
        halves: Vec<[u16; 32]>,
        longs: Vec<[u64; 8]>,
        masks: Vec<u32>,
    }

    struct All<'a> {
        /// In the first two words of each, what most methods take.
        long: &'a [u128; 16],
        cells: &'a [AtomicU32],
        array: [AtomicU32; 32],
        lines: &'a [[AtomicU16; 32]],
        long_cells: &'a [AtomicU64],
        table: &'a [u64; 32],
        wanted: u16,
    }

    /// The same text for both kinds.
    macro_rules! all {
        (($lanes:ident, $longs:ident, $halves:ident), $all:ident, $wide:expr) => {{
            let (wide, mut results) = ($wide, Results::default());
            let one = $lanes::words::<0>(wide, $all.long);
            let other = $lanes::words::<1>(wide, $all.long);
            let index = one.and($lanes::splat(wide, 0x3f));
            for lanes in [
                one.and(other),
                one.plus(other),
                one.without(other),
                one.shifted_right::<12>(),
                one.shifted_right_by(other),
                $lanes::words::<3>(wide, $all.long),
                $lanes::words::<2>(wide, $all.long),
                $lanes::load(wide, &one.store()),
                one.only($all.wanted),
                $lanes::pick(wide, &$all.array, $all.long),
                $lanes::gather($all.cells, index, $all.wanted, other),
                $lanes::gather($all.cells, one, $all.wanted, other),
            ] {
                results.words.push(lanes.store());
            }
            results.masks.push(one.have_any_of(other).into());
            let numbers = one.store();
            let (named, [e, f]) =
                $longs::pick_through(wide, &$all.array, $all.long_cells, &numbers);
            results.words.push(named.store());
            let ([a, b], [c, d]) = ($longs::both(one), $longs::both(index));
            for longs in [
                a,
                b,
                e,
                f,
                a.and(c),
                a.plus(b).plus(a.of_table($all.table)),
                a.shifted_left::<3>(),
                a.shifted_right::<3>(),
                a.turned_right_by(c).turned_right_by(b),
                a.of_table($all.table).shifted_left_by(c.plus(d)),
                a.shifted_left_by(c).leading_zeros(),
                $longs::both($lanes::splat(wide, 0))[0].leading_zeros(),
                a.shifted_left_by(c).count_ones(),
                a.of_table($all.table),
                $longs::gather($all.long_cells, c),
                $longs::gather($all.long_cells, a),
                $longs::gather($all.long_cells, a.of_table($all.table)),
            ] {
                results.longs.push(longs.store());
            }
            let lower = $halves::lower([one, other]);
            let lowest = $halves::lowest([c, d, a, b]);
            let mixed = lower.but(u32::from($all.wanted) << 7, lowest);
            let ranked = $halves::by_rank($all.lines, [index, one], [one, other]);
            for halves in [lower, lowest, mixed, ranked] {
                results.halves.push(halves.store());
                results.masks.push(halves.have_any_of(0x8001));
            }
            results
        }};
    }

    struct There<'a>(Wide, All<'a>);

    impl Work for There<'_> {
        type Output = Results;

        #[inline(always)]
        fn work(self) -> Results {
            let all = self.1;
            all!((Lanes, Longs, Halves), all, self.0)
        }
    }

    proptest! {
        /// Of cells, those with numbers past the last are among those asked for.
        #[test]
        fn vectors_do_what_arrays_do(
            long: [u128; 16],
            cells in proptest::collection::vec(any::<u32>(), 0..80),
            mut lines in proptest::collection::vec(any::<[u16; 32]>(), 0..70),
            long_cells in proptest::collection::vec(any::<u64>(), 0..40),
            array: [u32; 32],
            table: [u64; 32],
            wanted: u16,
        ) {
            let cells: Vec<AtomicU32> = cells.into_iter().map(AtomicU32::new).collect();
            for line in &mut lines {
                line[1..16].sort_unstable();
            }
            let lines: Vec<_> = lines.into_iter().map(|line| line.map(AtomicU16::new)).collect();
            let long_cells: Vec<AtomicU64> = long_cells.into_iter().map(AtomicU64::new).collect();
            let all = || All {
                long: &long,
                cells: &cells,
                // Numbers of long cells, some of them past the last, and others.
                array: array.map(|cell| match cell % 4 {
                    0 => AtomicU32::new(cell),
                    _ => AtomicU32::new(1 << 31 | cell >> 8 & 0x3f),
                }),
                lines: &lines,
                long_cells: &long_cells,
                table: &table,
                wanted,
            };
            let Some(wide) = Wide::detect() else { return Ok(()) };
            let expected = {
                use super::plain::{Halves, Lanes, Longs, Wide};
                let all = all();
                all!((Lanes, Longs, Halves), all, Wide::FOR_TESTS)
            };
            prop_assert_eq!(wide.run(There(wide, all())), expected);
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn the_processor_is_asked_rightly() {
        let there = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512cd")
            && std::is_x86_feature_detected!("avx512vpopcntdq")
            && std::is_x86_feature_detected!("avx512vnni")
            && std::is_x86_feature_detected!("avx512vbmi2")
            && std::is_x86_feature_detected!("popcnt")
            && std::is_x86_feature_detected!("lzcnt")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2");
        assert_eq!(Wide::detect().is_some(), there);
    }
}

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
#[cfg(any(
    test,
    not(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))
))]
mod plain;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(crate) use avx512::{Lanes, Wide};
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
pub(crate) use plain::{Lanes, Wide};

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicU32;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::platform::Work;

    /// What each method gives, all of them.
    #[derive(Debug, Default, PartialEq)]
    struct Results {
        words: Vec<[u32; 16]>,
        halves: Vec<[u16; 32]>,
        masks: Vec<u16>,
    }

    struct All<'a> {
        /// In the first two words of each, what most methods take.
        long: &'a [u128; 16],
        cells: &'a [AtomicU32],
        wanted: u16,
    }

    /// The same text for both kinds.
    macro_rules! all {
        ($lanes:ident, $all:ident, $wide:expr) => {{
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
                $lanes::gather($all.cells, index, $all.wanted, other),
                $lanes::gather($all.cells, one, $all.wanted, other),
            ] {
                results.words.push(lanes.store());
            }
            results.halves.push($lanes::low_halves([one, other]));
            results.masks.push(one.have_any_of(other));
            results
        }};
    }

    struct There<'a>(Wide, All<'a>);

    impl Work for There<'_> {
        type Output = Results;

        #[inline(always)]
        fn work(self) -> Results {
            let all = self.1;
            all!(Lanes, all, self.0)
        }
    }

    proptest! {
        /// Of cells, those with numbers past the last are among those asked for.
        #[test]
        fn vectors_do_what_arrays_do(
            long: [u128; 16],
            cells in proptest::collection::vec(any::<u32>(), 0..80),
            wanted: u16,
        ) {
            let cells: Vec<AtomicU32> = cells.into_iter().map(AtomicU32::new).collect();
            let all = || All { long: &long, cells: &cells, wanted };
            let Some(wide) = Wide::detect() else { return Ok(()) };
            let expected = {
                use super::plain::{Lanes, Wide};
                let all = all();
                all!(Lanes, all, Wide::FOR_TESTS)
            };
            prop_assert_eq!(wide.run(There(wide, all())), expected);
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn the_processor_is_asked_rightly() {
        let there = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512vnni")
            && std::is_x86_feature_detected!("avx512vbmi2")
            && std::is_x86_feature_detected!("popcnt")
            && std::is_x86_feature_detected!("lzcnt")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2");
        assert_eq!(Wide::detect().is_some(), there);
    }
}

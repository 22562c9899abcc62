//! An array for sixteen numbers: what the vectors are tested against, and what stands for them where there are
//! none, so that what is written for them compiles there. Only Miri and tests run it.

use core::sync::atomic::{AtomicU32, Ordering};

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
use crate::platform::Work;

/// As of `avx512`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide {
    _nobody_else: (),
}

impl Wide {
    #[cfg(test)]
    pub(super) const FOR_TESTS: Self = Self { _nobody_else: () };

    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    pub(crate) fn detect() -> Option<Self> {
        cfg!(miri).then_some(Self { _nobody_else: () })
    }

    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        work.work()
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
impl Wide {
    #[inline(always)]
    pub(crate) fn rank(self, places: &[core::sync::atomic::AtomicU16; 16], number: u16) -> usize {
        crate::platform::rank(places, number)
    }
}

/// As of `avx512`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lanes([u32; 16]);

impl Lanes {
    #[inline(always)]
    pub(crate) fn splat(_: Wide, number: u32) -> Self {
        Self([number; 16])
    }

    #[inline(always)]
    pub(crate) fn words<const AT: i32>(_: Wide, numbers: &[u128; 16]) -> Self {
        Self(numbers.map(|number| (number >> (32 * AT)) as u32))
    }

    #[inline(always)]
    pub(crate) fn store(self) -> [u32; 16] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn low_halves(pair: [Self; 2]) -> [u16; 32] {
        let mut halves = [0; 32];
        let numbers = pair.into_iter().flat_map(Self::store);
        for (half, number) in halves.iter_mut().zip(numbers) {
            *half = number as u16;
        }
        halves
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        self.with(other, |one, other| one & other)
    }

    #[inline(always)]
    pub(crate) fn without(self, other: Self) -> Self {
        self.with(other, |one, other| one & !other)
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, u32::wrapping_add)
    }

    #[inline(always)]
    pub(crate) fn shifted_right<const BY: u32>(self) -> Self {
        Self(self.0.map(|number| number >> BY))
    }

    #[inline(always)]
    pub(crate) fn shifted_right_by(self, by: Self) -> Self {
        self.with(by, |number, by| number.checked_shr(by).unwrap_or(0))
    }

    #[inline(always)]
    pub(crate) fn have_any_of(self, bits: Self) -> u16 {
        mask(self.with(bits, |one, other| u32::from(one & other != 0)))
    }

    #[inline(always)]
    pub(crate) fn gather(cells: &[AtomicU32], indices: Self, wanted: u16, otherwise: Self) -> Self {
        let mut lanes = otherwise.0;
        for (at, (lane, index)) in lanes.iter_mut().zip(indices.0).enumerate() {
            if let (1, Some(cell)) = (wanted >> at & 1, cells.get(index as usize)) {
                *lane = cell.load(Ordering::Relaxed);
            }
        }
        Self(lanes)
    }

    #[inline(always)]
    fn with(self, other: Self, each: impl Fn(u32, u32) -> u32) -> Self {
        let mut lanes = self.0;
        for (one, other) in lanes.iter_mut().zip(other.0) {
            *one = each(*one, other);
        }
        Self(lanes)
    }
}

#[inline(always)]
fn mask(lanes: Lanes) -> u16 {
    let bit = |mask: u16, lane: u32| mask << 1 | lane as u16;
    lanes.0.into_iter().rev().fold(0, bit)
}

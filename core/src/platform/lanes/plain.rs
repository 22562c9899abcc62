//! An array for sixteen numbers: what the vectors are tested against, and what stands for them where there are
//! none, so that what is written for them compiles there. Only Miri and tests run it.

use core::array;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering, fence};

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
use crate::platform::Work;
use crate::platform::rank;

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
    pub(crate) fn load(_: Wide, numbers: &[u32; 16]) -> Self {
        Self(*numbers)
    }

    #[cfg(test)]
    pub(crate) fn store(self) -> [u32; 16] {
        self.0
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
    pub(crate) fn only(self, mask: u16) -> Self {
        let mut lanes = self.0;
        for (at, lane) in lanes.iter_mut().enumerate() {
            *lane *= u32::from(mask >> at & 1);
        }
        Self(lanes)
    }

    #[inline(always)]
    pub(crate) fn pick<const COUNT: usize>(
        _: Wide,
        cells: &[AtomicU32; COUNT],
        numbers: &[u128; 16],
    ) -> Self {
        Self(numbers.map(|number| named(cells, (number >> 96) as u32)))
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

/// As of `longs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Longs([u64; 8]);

impl Longs {
    #[inline(always)]
    pub(crate) fn both(lanes: Lanes) -> [Self; 2] {
        let eight = |from: usize| Self(array::from_fn(|at| lanes.0[from + at].into()));
        [eight(0), eight(8)]
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        self.with(other, |one, other| one & other)
    }

    #[inline(always)]
    pub(crate) fn plus(self, other: Self) -> Self {
        self.with(other, u64::wrapping_add)
    }

    #[inline(always)]
    pub(crate) fn shifted_left<const BY: u32>(self) -> Self {
        Self(self.0.map(|number| number << BY))
    }

    #[inline(always)]
    pub(crate) fn shifted_right<const BY: u32>(self) -> Self {
        Self(self.0.map(|number| number >> BY))
    }

    #[inline(always)]
    pub(crate) fn turned_right_by(self, by: Self) -> Self {
        self.with(by, |number, by| number.rotate_right((by % 64) as u32))
    }

    #[inline(always)]
    pub(crate) fn shifted_left_by(self, by: Self) -> Self {
        self.with(by, |number, by| match by {
            ..64 => number << by,
            _ => 0,
        })
    }

    #[inline(always)]
    pub(crate) fn leading_zeros(self) -> Self {
        Self(self.0.map(|number| number.leading_zeros().into()))
    }

    #[inline(always)]
    pub(crate) fn count_ones(self) -> Self {
        Self(self.0.map(|number| number.count_ones().into()))
    }

    #[inline(always)]
    pub(crate) fn of_table(self, table: &[u64; 32]) -> Self {
        Self(self.0.map(|at| table[at as usize % 32]))
    }

    #[cfg(test)]
    pub(crate) fn store(self) -> [u64; 8] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn pick_through<const COUNT: usize>(
        _: Wide,
        cells: &[AtomicU32; COUNT],
        longs: &[AtomicU64],
        numbers: &[u32; 16],
    ) -> (Lanes, [Self; 2]) {
        let words = numbers.map(|number| named(cells, number));
        // Pairs with the publication of what is numbered, as the text of `avx512` says of loads.
        fence(Ordering::Acquire);
        let long = |word: u32| {
            let marked = (word >> 31 == 1).then_some((word & !(1 << 31)) as usize);
            let there = marked.and_then(|number| longs.get(number));
            there
                .or(longs.first())
                .map_or(0, |cell| cell.load(Ordering::Relaxed))
        };
        let eight = |from: usize| Self(array::from_fn(|at| long(words[from + at])));
        (Lanes(words), [eight(0), eight(8)])
    }

    #[inline(always)]
    pub(crate) fn gather(cells: &[AtomicU64], numbers: Self) -> Self {
        Self(numbers.0.map(|number| cell(cells, number)))
    }

    #[inline(always)]
    fn with(self, other: Self, each: impl Fn(u64, u64) -> u64) -> Self {
        Self(array::from_fn(|at| each(self.0[at], other.0[at])))
    }
}

/// As of `longs`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halves([u16; 32]);

impl Halves {
    #[inline(always)]
    pub(crate) fn lower(pair: [Lanes; 2]) -> Self {
        Self(array::from_fn(|at| pair[at / 16].0[at % 16] as u16))
    }

    #[inline(always)]
    pub(crate) fn lowest(longs: [Longs; 4]) -> Self {
        Self(array::from_fn(|at| longs[at / 8].0[at % 8] as u16))
    }

    #[inline(always)]
    pub(crate) fn by_rank(
        lines: &[[AtomicU16; 32]],
        numbers: [Lanes; 2],
        keys: [Lanes; 2],
    ) -> Self {
        Self(array::from_fn(|at| {
            let number = numbers[at / 16].0[at % 16] as usize;
            let Some(line) = lines.get(number).or(lines.last()) else {
                return 0;
            };
            let ([places, words], _) = line.as_chunks() else {
                return 0; // Cannot be: a line is two of these.
            };
            words[rank(places, keys[at / 16].0[at % 16] as u16)].load(Ordering::Relaxed)
        }))
    }

    #[inline(always)]
    pub(crate) fn but(self, mask: u32, others: Self) -> Self {
        Self(array::from_fn(|at| match mask >> at & 1 {
            0 => self.0[at],
            _ => others.0[at],
        }))
    }

    #[inline(always)]
    pub(crate) fn have_any_of(self, bits: u16) -> u32 {
        let bit = |mask: u32, half: u16| mask << 1 | u32::from(half & bits != 0);
        self.0.into_iter().rev().fold(0, bit)
    }

    #[inline(always)]
    pub(crate) fn store(self) -> [u16; 32] {
        self.0
    }
}

/// The cell that the highest bits of a number name.
#[inline(always)]
fn named<const COUNT: usize>(cells: &[AtomicU32; COUNT], number: u32) -> u32 {
    const { assert!(COUNT.is_power_of_two() && COUNT > 1 && COUNT < 1 << 32) };
    let at = (number >> (32 - COUNT.trailing_zeros())) as usize;
    cells[at % COUNT].load(Ordering::Relaxed)
}

#[inline(always)]
fn cell(cells: &[AtomicU64], number: u64) -> u64 {
    let cell = usize::try_from(number).ok().and_then(|at| cells.get(at));
    cell.or(cells.last())
        .map_or(0, |cell| cell.load(Ordering::Relaxed))
}

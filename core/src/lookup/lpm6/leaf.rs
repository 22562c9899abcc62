//! Leaves: the routes of 16 bits below a place, where they are few, in one cache line.
//!
//! ```text
//!        0   1   2  …  15   16  17  …  31
//!      │ * │ where they   │ answers, in order │    two bytes each
//!      │   │ begin        │                   │
//! ```
//!
//! The routes cut the 16 bits into intervals with one answer each. Places 1 to 15 have where
//! the second to the sixteenth interval begin, sorted: as many of them as are at most the key, that many
//! answers are before the right one. (Place 0 is for the writer: the answer
//! where no route matches.) Vectors compare all places at once: a
//! line, a comparison and one more load, without a branch by address, where a node of 8 bits takes a kilobyte for itself and
//! others for what is below.
//!
//! A leaf's beginnings never change while readers may be there: a route that comes or goes makes another leaf. Its answers do,
//! when a next hop changes or what the leaf inherits.

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU16, Ordering};

use super::level::Level;
use super::{DEEP, LEAF};
use crate::lookup::Prefix6;

/// A leaf as readers see it.
pub(super) type Leaf = [AtomicU16; 2 * INTERVALS];

/// Words in which [`Sheet::store`] keeps a sheet.
pub(super) const SHEET_WORDS: usize = ROUTES;

/// A route in the writer's hands, with its table entry.
pub(super) type Route = (Prefix6, u16);

/// What a leaf is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    /// The answer where none of the routes matches.
    pub(super) inherited: u16,
    routes: [Inner; ROUTES],
    len: usize,
}

/// A route of a leaf: `bits` of 16, from 1 up.
#[derive(Clone, Copy, Debug, Default)]
struct Inner {
    first: u16,
    bits: u16,
    entry: u16,
}

impl Sheet {
    /// Of these routes, all longer than where `level` starts and in one place of it. `None` if they
    /// do not go into one leaf.
    pub(super) fn new(level: Level, routes: &[Route], inherited: u16) -> Option<Self> {
        let mut sheet = Self {
            inherited,
            routes: [Inner::default(); ROUTES],
            len: routes.len(),
        };
        if !STARTS.contains(&level.start()) {
            return None;
        }
        for (at, (prefix, entry)) in routes.iter().enumerate() {
            let bits = u32::from(prefix.len()).checked_sub(level.start())?;
            *sheet.routes.get_mut(at)? = Inner {
                first: key(level.start(), prefix.first()),
                bits: u16::try_from(bits).ok().filter(|bits| *bits <= BITS)?,
                entry: *entry,
            };
        }
        sheet.intervals()?;
        Some(sheet)
    }

    /// From what [`Self::store`] has written, and [`inherited`].
    pub(super) fn load(words: &[u64], inherited: u16) -> Self {
        let mut sheet = Self {
            inherited,
            routes: [Inner::default(); ROUTES],
            len: 0,
        };
        let used = words.iter().take_while(|word| **word != 0);
        for (route, word) in sheet.routes.iter_mut().zip(used) {
            *route = Inner {
                first: (word >> 32) as u16,
                bits: (word >> 16) as u16,
                entry: *word as u16,
            };
            sheet.len += 1;
        }
        sheet
    }

    /// Writes the routes down: a word for each, zeroes behind.
    pub(super) fn store(&self, words: &mut [u64]) {
        words.fill(0);
        for (word, route) in words.iter_mut().zip(self.inner()) {
            let Inner { first, bits, entry } = *route;
            *word = u64::from(first) << 32 | u64::from(bits) << 16 | u64::from(entry);
        }
    }

    /// The routes, sorted by address and length, and how many; `address` is any of the leaf's.
    pub(super) fn routes(&self, level: Level, address: u128) -> ([Route; ROUTES + 1], usize) {
        let mut routes = [(Prefix6::DEFAULT, 0); ROUTES + 1];
        let start = level.start();
        let place = address & !(u128::MAX >> start);
        for (route, inner) in routes.iter_mut().zip(self.inner()) {
            let first = place | u128::from(inner.first) << (128 - u32::from(BITS) - start);
            if let Ok(prefix) = Prefix6::new(first, (start as u16 + inner.bits) as u8) {
                *route = (prefix, inner.entry);
            }
        }
        (routes, self.len)
    }

    /// Where readers find each of the intervals, and its answer: the first is empty, the others begin where
    /// they say. `None` if they are too many.
    fn intervals(&self) -> Option<([u16; INTERVALS], [u16; INTERVALS])> {
        let mut starts = [0; 2 * ROUTES + 1];
        let mut count = 1;
        for route in self.inner() {
            let last = route.last();
            for start in [Some(route.first), last.checked_add(1)] {
                if let (Some(start), Some(slot)) = (start, starts.get_mut(count)) {
                    *slot = start;
                    count += 1;
                }
            }
        }
        let starts = starts.get_mut(..count)?;
        starts.sort_unstable();
        let (mut keys, mut answers) = ([u16::MAX; INTERVALS], [0; INTERVALS]);
        let mut used = 0;
        for (at, start) in starts.iter().enumerate() {
            if at > 0 && starts.get(at - 1) == Some(start) {
                continue;
            }
            *keys.get_mut(used)? = *start;
            *answers.get_mut(used)? = self.answer(*start);
            used += 1;
        }
        // What begins with the last address of all is the last interval, or one that is not used.
        let last = *answers.get(used - 1)?;
        answers.get_mut(used..)?.fill(last);
        Some((keys, answers))
    }

    /// Writes the whole leaf, which no reader is to see yet.
    pub(super) fn fill(&self, leaf: &Leaf) {
        let Some((keys, _)) = self.intervals() else {
            return; // Cannot be: it was asked for when the sheet was made.
        };
        for (slot, key) in leaf.iter().zip(keys).skip(1) {
            slot.store(key, Ordering::Relaxed);
        }
        self.fill_answers(leaf);
    }

    /// Writes the answers alone, and what is inherited.
    pub(super) fn fill_answers(&self, leaf: &Leaf) {
        leaf[0].store(self.inherited, Ordering::Relaxed);
        if let Some((_, answers)) = self.intervals() {
            for (slot, answer) in leaf.iter().skip(INTERVALS).zip(answers) {
                slot.store(answer, Ordering::Relaxed);
            }
        }
    }

    fn answer(&self, key: u16) -> u16 {
        let covering = self.inner().iter().filter(|route| route.contains(key));
        let longest = covering.max_by_key(|route| route.bits);
        longest.map_or(self.inherited, |route| route.entry)
    }

    fn inner(&self) -> &[Inner] {
        self.routes.get(..self.len).unwrap_or(&[])
    }
}

impl Inner {
    fn last(&self) -> u16 {
        self.first | u16::MAX.checked_shr(self.bits.into()).unwrap_or(0)
    }

    fn contains(&self, key: u16) -> bool {
        self.first <= key && key <= self.last()
    }
}

/// The cell of a leaf at a level.
pub(super) fn link(level: Level, number: usize) -> u32 {
    let place = match level.start() {
        start @ ..=48 => 48 - start,
        start => (DEEP >> PLACE_SHIFT) | (start / 8),
    };
    LEAF | place << PLACE_SHIFT | number as u32
}

/// The number of the leaf that a cell names.
#[inline(always)]
pub(super) fn number(link: u32) -> usize {
    (link & (MOST - 1)) as usize
}

/// How many bits of an address's first 64 come behind those of the leaf that a cell names, which is not [`DEEP`].
#[inline(always)]
pub(super) fn shift(link: u32) -> u32 {
    link >> PLACE_SHIFT & 0x1f
}

/// How many bits of an address come before those of the leaf that a cell names.
pub(super) fn start(link: u32) -> u32 {
    match link & DEEP {
        0 => 48u32.wrapping_sub(shift(link)),
        _ => shift(link) * 8,
    }
}

/// The 16 bits of an address behind so many.
pub(super) fn key(start: u32, address: u128) -> u16 {
    (address.wrapping_shl(start) >> (128 - u32::from(BITS))) as u16
}

/// What a leaf inherits, as its last sheet said.
pub(super) fn inherited(leaf: &Leaf) -> u16 {
    leaf[0].load(Ordering::Relaxed)
}

/// The answer for a key, by what finds out its rank among sorted places.
#[inline(always)]
pub(super) fn find(
    leaf: &Leaf,
    key: u16,
    rank: impl Fn(&[AtomicU16; INTERVALS], u16) -> usize,
) -> u16 {
    let ([places, answers], _) = leaf.as_chunks() else {
        return 0; // Cannot be: a leaf is two of these.
    };
    answers[rank(places, key) & (INTERVALS - 1)].load(Ordering::Relaxed)
}

/// How many leaves a cell can tell apart.
pub(super) const MOST: u32 = 1 << PLACE_SHIFT;

pub(super) const PLACE_SHIFT: u32 = 24;
const INTERVALS: usize = 16;
const ROUTES: usize = INTERVALS - 1;
/// Bits of an address that a leaf resolves.
const BITS: u16 = 16;
/// Where the levels start that have leaves.
const STARTS: RangeInclusive<u32> = 32..=112;

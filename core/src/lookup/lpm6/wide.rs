//! The bulk look-up by lanes, sixteen in a register, where the processor has them.
//!
//! It goes down level by level as the other does, with a gather for each behind the root: for two times sixteen
//! addresses, whose loads wait for memory together. Addresses of nobody's end at the root, and if nearly all do, that
//! is all. Otherwise a line is looked into for every address, a leaf or not: what to do does not depend on what is found.

use core::sync::atomic::{Ordering, fence};

use super::leaf;
use super::reader::Lpm6Reader;
use super::{LEAF, NODE};
use crate::lookup::NextHop;
use crate::lookup::chunks::{self, CHUNK, by_chunks};
use crate::platform::{Halves, Lanes, Wide, Work};

/// Look-ups of as many addresses as there is room for answers.
pub(super) struct WideBulk<'r, 'm> {
    pub(super) reader: &'r Lpm6Reader<'m>,
    pub(super) wide: Wide,
    pub(super) addresses: &'r [u128],
    pub(super) answers: &'r mut [Option<NextHop>],
}

impl Work for WideBulk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn work(self) {
        let look = Look {
            // A copy of its own is known to stay as it is while answers are written.
            reader: *self.reader,
            wide: self.wide,
        };
        by_chunks(look, self.addresses, self.answers);
    }
}

#[derive(Clone, Copy)]
struct Look<'m> {
    reader: Lpm6Reader<'m>,
    wide: Wide,
}

impl chunks::Look<u128> for Look<'_> {
    const FEW: usize = FEW;

    #[inline(always)]
    fn many(self, addresses: &[u128; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        self.up(addresses, answers);
    }

    #[inline(always)]
    fn one(self, address: u128) -> Option<NextHop> {
        self.reader.lookup(address)
    }
}

impl Look<'_> {
    #[inline(always)]
    fn up(self, addresses: &[u128; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        let Self { reader, wide } = self;
        let splat = |number| Lanes::splat(wide, number);
        let ([lower, upper], _) = addresses.as_chunks() else {
            return; // Cannot be: they are two times sixteen.
        };
        let generation = reader.generation.load(Ordering::Acquire);
        let mut cells = [
            Lanes::pick(wide, reader.root, lower),
            Lanes::pick(wide, reader.root, upper),
        ];
        let below = self.lanes_with(&cells, NODE | LEAF);
        if below.count_ones() < FEW as u32 {
            *answers = Halves::lower(cells).store().map(NextHop::from_entry);
            for at in ones(below) {
                answers[at] = reader.lookup(addresses[at]);
            }
            return;
        }
        let first = [
            Lanes::words::<3>(wide, lower),
            Lanes::words::<3>(wide, upper),
        ];
        let second = [
            Lanes::words::<2>(wide, lower),
            Lanes::words::<2>(wide, upper),
        ];
        self.step(&mut cells, first.map(|of| of.and(splat(0xfff))));
        self.step(&mut cells, second.map(|of| of.shifted_right::<24>()));
        let higher = cells;
        let bits = second.map(|of| of.shifted_right::<16>().and(splat(0xff)));
        self.step(&mut cells, bits);
        // Nearly all leaves are so high that they are known before the last step, and do not wait for it.
        let leaves = self.lanes_with(&higher, LEAF) & !self.lanes_with(&higher, NODE);
        let deeper = self.lanes_with(&cells, NODE | LEAF) & !leaves;
        let [lower, upper] = higher;
        let shift = |of: Lanes| of.shifted_right::<{ leaf::PLACE_SHIFT }>().and(splat(0x1f));
        let keys = [
            second[0].shifted_right_by(shift(lower)),
            second[1].shifted_right_by(shift(upper)),
        ];
        let number = splat(leaf::MOST - 1);
        // What is no leaf has the first one looked at, which is in the cache.
        let numbers = [
            lower.and(number).only(leaves as u16),
            upper.and(number).only((leaves >> 16) as u16),
        ];
        let found = Halves::by_rank(reader.leaves, numbers, keys);
        let found = Halves::lower(cells).but(leaves, found);
        *answers = found.store().map(NextHop::from_entry);
        // A node or a leaf may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        let changed = reader.generation.load(Ordering::Relaxed) != generation;
        for at in ones(if changed { !0 } else { deeper }) {
            answers[at] = reader.lookup(addresses[at]);
        }
    }

    /// Goes to the next level where cells are nodes, by each address's bits for it, and leaves
    /// answers and leaves as they are.
    #[inline(always)]
    fn step(self, cells: &mut [Lanes; 2], bits: [Lanes; 2]) {
        // Pairs with the publication of a level: its filling is seen.
        fence(Ordering::Acquire);
        let node = Lanes::splat(self.wide, NODE);
        for (cells, bits) in cells.iter_mut().zip(bits) {
            let indices = cells.without(node).plus(bits);
            let below = cells.have_any_of(node);
            *cells = Lanes::gather(self.reader.cells, indices, below, *cells);
        }
    }

    /// Which of the 32 cells have any of these bits.
    #[inline(always)]
    fn lanes_with(self, cells: &[Lanes; 2], bits: u32) -> u32 {
        let [lower, upper] = cells.map(|cells| cells.have_any_of(Lanes::splat(self.wide, bits)));
        u32::from(upper) << 16 | u32::from(lower)
    }
}

/// The numbers of the lanes of a mask.
#[inline(always)]
fn ones(mut mask: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let lane = (mask != 0).then(|| mask.trailing_zeros() as usize % CHUNK)?;
        mask &= mask.wrapping_sub(1);
        Some(lane)
    })
}

/// Addresses of which it is quicker to look up one by one.
const FEW: usize = 4;

//! The bulk look-up by lanes, sixteen in a register, where the processor has them.
//!
//! It goes down level by level as the other does, with a gather for each: for two times sixteen addresses,
//! whose loads wait for memory together. Addresses of nobody's end at the root, and if nearly all do, that is all.

use core::sync::atomic::{Ordering, fence};

use super::leaf;
use super::reader::Lpm6Reader;
use super::{DEEP, LEAF, NODE};
use crate::lookup::NextHop;
use crate::lookup::chunks::{self, CHUNK, by_chunks};
use crate::platform::{Lanes, Wide, Work};

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
        let pair = [lower, upper];
        let generation = reader.generation.load(Ordering::Acquire);
        let first = pair.map(|of| Lanes::words::<3>(wide, of));
        let mut cells =
            first.map(|of| Lanes::gather(reader.cells, of.shifted_right::<12>(), !0, splat(0)));
        let below = self.lanes_with(&cells, NODE | LEAF);
        if below.count_ones() < FEW as u32 {
            *answers = Lanes::low_halves(cells).map(NextHop::from_entry);
            for at in ones(below) {
                answers[at] = reader.lookup(addresses[at]);
            }
            return;
        }
        let second = pair.map(|of| Lanes::words::<2>(wide, of));
        self.step(&mut cells, first.map(|of| of.and(splat(0xfff))));
        self.step(&mut cells, second.map(|of| of.shifted_right::<24>()));
        let bits = second.map(|of| of.shifted_right::<16>().and(splat(0xff)));
        self.step(&mut cells, bits);
        *answers = Lanes::low_halves(cells).map(NextHop::from_entry);
        // Pairs with the publication of a leaf: its filling is seen.
        fence(Ordering::Acquire);
        let deeper = self.lanes_with(&cells, NODE | DEEP);
        let leaves = self.lanes_with(&cells, LEAF) & !deeper;
        let shift = |of: Lanes| of.shifted_right::<{ leaf::PLACE_SHIFT }>().and(splat(0x1f));
        let [lower, upper] = cells;
        let keys = [
            second[0].shifted_right_by(shift(lower)),
            second[1].shifted_right_by(shift(upper)),
        ];
        let (keys, links) = (Lanes::low_halves(keys), cells.map(Lanes::store));
        for at in ones(leaves) {
            let rank = |places: &_, key| wide.rank(places, key);
            let entry = reader.in_leaf(links.as_flattened()[at], keys[at], rank);
            answers[at] = NextHop::from_entry(entry);
        }
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

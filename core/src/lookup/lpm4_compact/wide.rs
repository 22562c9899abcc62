//! The bulk look-up by lanes, where the processor has them: the same three loads for each address, and between them
//! the marks of eight at a time.

use core::sync::atomic::{Ordering, fence};

use super::reader::{COVERS, Lpm4CompactReader, slot};
use super::{ANSWERS, INNER_BITS, NODE, POINTER, ROOT_BITS};
use crate::lookup::NextHop;
use crate::lookup::chunks::{self, CHUNK, by_chunks};
use crate::platform::{Halves, Lanes, Longs, Wide, Work};

/// Look-ups of as many addresses as there is room for answers.
pub(super) struct WideBulk<'r, 'm> {
    pub(super) reader: &'r Lpm4CompactReader<'m>,
    pub(super) wide: Wide,
    pub(super) addresses: &'r [u32],
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
    reader: Lpm4CompactReader<'m>,
    wide: Wide,
}

impl chunks::Look<u32> for Look<'_> {
    const FEW: usize = 8;

    #[inline(always)]
    fn many(self, addresses: &[u32; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        let Self { reader, wide } = self;
        let generation = reader.generation.load(Ordering::Acquire);
        let ([lower, upper], _) = addresses.as_chunks() else {
            return; // Cannot be: they are two times sixteen.
        };
        let root = [
            Lanes::pick(wide, reader.root, lower.map(slot)),
            Lanes::pick(wide, reader.root, upper.map(slot)),
        ];
        // Pairs with the publication of a block: its filling is seen.
        fence(Ordering::Acquire);
        let pointer = Lanes::splat(wide, POINTER);
        let below = [root[0].have_any_of(pointer), root[1].have_any_of(pointer)];
        // An answer has the first cells, which are in the cache, for a block.
        let [a, b] = Longs::both(root[0].without(pointer).only(below[0]));
        let [c, d] = Longs::both(root[1].without(pointer).only(below[1]));
        let marks = [
            Longs::pick(reader.cells, a),
            Longs::pick(reader.cells, b),
            Longs::pick(reader.cells, c),
            Longs::pick(reader.cells, d),
        ];
        let [e, f] = Longs::both(Lanes::load(wide, lower).shifted_right::<BEHIND>());
        let [g, h] = Longs::both(Lanes::load(wide, upper).shifted_right::<BEHIND>());
        let at = [
            self.answer_at(a, marks[0], e),
            self.answer_at(b, marks[1], f),
            self.answer_at(c, marks[2], g),
            self.answer_at(d, marks[3], h),
        ];
        let found = Halves::pick(reader.cells, at);
        let below = u32::from(below[1]) << 16 | u32::from(below[0]);
        let found = Halves::lower(root).but(below, found);
        *answers = found.store().map(NextHop::from_entry);
        if found.have_any_of(NODE) != 0 {
            reader.follow(addresses, answers);
        }
        // A block or a node may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        if reader.generation.load(Ordering::Relaxed) != generation {
            for (address, answer) in addresses.iter().zip(answers) {
                *answer = reader.lookup(*address);
            }
        }
    }

    #[inline(always)]
    fn one(self, address: u32) -> Option<NextHop> {
        self.reader.lookup(address)
    }
}

impl Look<'_> {
    /// Where blocks that start there have the answers for the longest prefixes marked, in words from the first cell on;
    /// the last bits of `inner` are those of a /24 in its /19.
    #[inline(always)]
    fn answer_at(self, start: Longs, marks: Longs, inner: Longs) -> Longs {
        let longest = inner.of_table(&COVERS).and(marks).leading_zeros();
        // Of the marks up to the longest, two more than there are answers before its own: bit 0, and its own.
        let count = marks.shifted_left_by(longest).count_ones();
        let before = Longs::splat(self.wide, ANSWERS as u64 - 2);
        start.shifted_left::<2>().plus(before).plus(count)
    }
}

/// Bits of an address behind its /24.
const BEHIND: u32 = 32 - ROOT_BITS - INNER_BITS;

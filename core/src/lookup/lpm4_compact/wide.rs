//! The bulk look-up by lanes, where the processor has them: the same three loads for each address, and between them
//! the marks of eight at a time.

use core::sync::atomic::{Ordering, fence};

use super::reader::{COVERS, Lpm4CompactReader};
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
        // An answer has the first cells, which are in the cache, for a block. Marks are loaded behind the pointer to
        // them: which pairs with the publication of a block.
        let (first, [e, f]) = Longs::pick_through(wide, reader.root, reader.cells, lower);
        let (second, [g, h]) = Longs::pick_through(wide, reader.root, reader.cells, upper);
        let root = [first, second];
        // So for the answers.
        fence(Ordering::Acquire);
        let pointer = Lanes::splat(wide, POINTER);
        let below = [root[0].have_any_of(pointer), root[1].have_any_of(pointer)];
        let [a, b] = Longs::both(root[0].without(pointer).only(below[0]));
        let [c, d] = Longs::both(root[1].without(pointer).only(below[1]));
        let [i, j] = Longs::both(Lanes::load(wide, lower).shifted_right::<BEHIND>());
        let [k, l] = Longs::both(Lanes::load(wide, upper).shifted_right::<BEHIND>());
        let found = Halves::lowest([
            self.answer(a, e, i),
            self.answer(b, f, j),
            self.answer(c, g, k),
            self.answer(d, h, l),
        ]);
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
    /// In the lowest bits the answers of blocks that start there, for the longest prefixes marked; the last bits of
    /// `inner` are those of a /24 in its /19.
    #[inline(always)]
    fn answer(self, start: Longs, marks: Longs, inner: Longs) -> Longs {
        let longest = inner.of_table(&COVERS).and(marks).leading_zeros();
        // Of the marks up to the longest, two more than there are answers before its own: bit 0, and its own.
        let count = marks.shifted_left_by(longest).count_ones();
        // A cell has four answers, the lowest first, and the second one begins two before a block's.
        const { assert!(ANSWERS - 2 == 4) };
        let behind = self.reader.cells.get(1..).unwrap_or(&[]);
        let cell = start.plus(count.shifted_right::<2>());
        Longs::gather(behind, cell).turned_right_by(count.shifted_left::<4>())
    }
}

/// Bits of an address behind its /24.
const BEHIND: u32 = 32 - ROOT_BITS - INNER_BITS;

//! The look-up.

use core::fmt;
use core::hint;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

use super::wide::WideBulk;
use super::{ANSWERS, Entries, INNER_BITS, NODE, POINTER, ROOT_BITS, Root};
use crate::lookup::chunks::{CHUNK, Look, by_chunks};
use crate::lookup::{Lpm, NextHop};
use crate::platform::{Bits, Places, Wide, Work, load_all, prefetch_read};

/// A view of an [`Lpm4Compact`](super::Lpm4Compact) for look-ups, one for each core that wants one.
///
/// Addresses are in host order. Nothing here writes, waits or can panic.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4Compact, Lpm4CompactConfig, NextHop};
///
/// let config = Lpm4CompactConfig { outer_routes: 1, cells: 8, nodes: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm4Compact::new(config, &mut memory)?;
/// table.insert("10.0.0.0/8".parse()?, NextHop::new(5)?)?;
/// table.insert("10.1.2.0/24".parse()?, NextHop::new(6)?)?;
///
/// let mut answers = [None; 2];
/// let count = table.reader().lookup_bulk(&[0x0a01_02ff, 0x0b00_0001], &mut answers);
/// assert_eq!((count, answers), (2, [Some(NextHop::new(6)?), None]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lpm4CompactReader<'m> {
    pub(super) root: &'m Root,
    pub(super) cells: &'m [AtomicU64],
    pub(super) nodes: &'m [Entries],
    pub(super) generation: &'m AtomicUsize,
    pub(super) bits: Bits,
    pub(super) wide: Option<Wide>,
}

#[cfg(test)]
impl Lpm4CompactReader<'_> {
    /// As on a processor that has nothing beyond what all have.
    pub(super) fn plain(self) -> Self {
        Self {
            bits: Bits::NONE,
            wide: None,
            ..self
        }
    }
}

impl Lpm4CompactReader<'_> {
    /// The next hop of the longest prefix that `address` starts with.
    #[inline]
    pub fn lookup(&self, address: u32) -> Option<NextHop> {
        let word = self.root[slot(address)].load(Ordering::Relaxed);
        if word & POINTER == 0 {
            return NextHop::from_entry(word as u16);
        }
        self.bits.run(One(self, address))
    }

    /// Asks for the cache line of the root that a look-up of `address` reads.
    #[inline]
    pub fn prefetch(&self, address: u32) {
        prefetch_read(NonNull::from(&self.root[slot(address)]).cast());
    }

    /// Answers for a slice of addresses, as many as both slices hold; how many that was.
    ///
    /// Loads the root's entries for 32 addresses, then all their marks, then their answers: the
    /// loads of each kind wait for memory together.
    pub fn lookup_bulk(&self, addresses: &[u32], answers: &mut [Option<NextHop>]) -> usize {
        let count = addresses.len().min(answers.len());
        let (addresses, answers) = (addresses.split_at(count).0, answers.split_at_mut(count).0);
        match self.wide {
            Some(wide) => wide.run(WideBulk {
                reader: self,
                wide,
                addresses,
                answers,
            }),
            None => self.bits.run(Bulk(self, addresses, answers)),
        }
        count
    }

    #[inline(always)]
    fn lookup_chunk(self, addresses: &[u32; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        let generation = self.generation.load(Ordering::Acquire);
        let words = load_all(self.root, addresses.map(slot));
        // Pairs with the publication of a block: its filling is seen.
        fence(Ordering::Acquire);
        // Without branches by address, so that the loads of all wait for memory together.
        // An answer has the first cells, which are in the cache, for a block.
        let starts = words.map(|word| word & pointer_mask(word) & !POINTER);
        let Some(blocks) = Places::new(self.cells, &starts) else {
            // Cannot be: behind all that is pointed to there is room for the largest block.
            for (address, answer) in addresses.iter().zip(answers) {
                *answer = self.lookup(*address);
            }
            return;
        };
        let heads = blocks.heads();
        let mut seen = 0;
        for eight in 0..CHUNK / 8 {
            let mut at = [0; 8];
            for (place, at) in at.iter_mut().enumerate() {
                let place = 8 * eight + place;
                *at = answer_at(heads[place], addresses[place]);
            }
            let found = blocks.words(eight, at).store();
            for (place, found) in found.into_iter().enumerate() {
                let place = 8 * eight + place;
                let (word, mask) = (words[place], pointer_mask(words[place]));
                let entry = (u32::from(found) & mask | word & !mask) as u16;
                seen |= entry;
                answers[place] = NextHop::from_entry(entry);
            }
        }
        if seen & NODE != 0 {
            self.follow(addresses, answers);
        }
        // A block or a node may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        if self.generation.load(Ordering::Relaxed) != generation {
            for (address, answer) in addresses.iter().zip(answers) {
                *answer = self.lookup(*address);
            }
        }
    }

    /// Replaces what are still node numbers among `answers` by the answers.
    #[cold]
    pub(super) fn follow(&self, addresses: &[u32], answers: &mut [Option<NextHop>]) {
        // Pairs with the publication of a node: its filling is seen.
        fence(Ordering::Acquire);
        for (address, answer) in addresses.iter().zip(answers.iter_mut()) {
            let entry = NextHop::entry(*answer);
            if entry & NODE != 0 {
                *answer = NextHop::from_entry(self.in_node(entry, *address));
            }
        }
    }

    #[inline(always)]
    fn descend(&self, address: u32) -> Option<NextHop> {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let word = self.root[slot(address)].load(Ordering::Acquire);
            let entry = if word & POINTER == 0 {
                word as u16
            } else {
                let start = (word & !POINTER) as usize;
                match self.answer(start, self.cell(start), address) {
                    entry if entry & NODE != 0 => {
                        fence(Ordering::Acquire);
                        self.in_node(entry, address)
                    }
                    entry => entry,
                }
            };
            fence(Ordering::Acquire);
            if self.generation.load(Ordering::Relaxed) == generation {
                return NextHop::from_entry(entry);
            }
            hint::spin_loop();
        }
    }

    /// The answer in the block that starts here.
    #[inline(always)]
    fn answer(&self, start: usize, marks: u64, address: u32) -> u16 {
        let at = answer_at(marks, address);
        (self.cell(start.wrapping_add(at / 4)) >> (at % 4 * 16)) as u16
    }

    /// The entry of `address` in the node that `entry` names. A number past the nodes is never
    /// published, and would be no route.
    fn in_node(&self, entry: u16, address: u32) -> u16 {
        let node = self.nodes.get(usize::from(entry & !NODE));
        node.map_or(0, |node| {
            node[(address & 0xff) as usize].load(Ordering::Relaxed)
        })
    }

    /// A cell by its number. One past the last is never pointed to, and would be no route.
    #[inline(always)]
    fn cell(&self, index: usize) -> u64 {
        // Not by `get`, whose answer would be compared with null as well.
        if index < self.cells.len() {
            self.cells[index].load(Ordering::Relaxed)
        } else {
            0
        }
    }
}

/// A look-up of one address, where the root has a pointer.
struct One<'r, 'm>(&'r Lpm4CompactReader<'m>, u32);

impl Work for One<'_, '_> {
    type Output = Option<NextHop>;

    #[inline(always)]
    fn work(self) -> Option<NextHop> {
        self.0.descend(self.1)
    }
}

/// Look-ups of as many addresses as there is room for answers.
struct Bulk<'r, 'm>(
    &'r Lpm4CompactReader<'m>,
    &'r [u32],
    &'r mut [Option<NextHop>],
);

impl Work for Bulk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn work(self) {
        let Self(reader, addresses, answers) = self;
        // A copy of its own is known to stay as it is while answers are written.
        let reader = *reader;
        by_chunks(reader, addresses, answers);
    }
}

impl Look<u32> for Lpm4CompactReader<'_> {
    const FEW: usize = 8;

    #[inline(always)]
    fn many(self, addresses: &[u32; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        self.lookup_chunk(addresses, answers);
    }

    #[inline(always)]
    fn one(self, address: u32) -> Option<NextHop> {
        self.lookup(address)
    }
}

impl Lpm<u32> for Lpm4CompactReader<'_> {
    #[inline]
    fn lookup(&self, address: u32) -> Option<NextHop> {
        Lpm4CompactReader::lookup(self, address)
    }

    fn lookup_bulk(&self, addresses: &[u32], answers: &mut [Option<NextHop>]) -> usize {
        Lpm4CompactReader::lookup_bulk(self, addresses, answers)
    }

    #[inline]
    fn prefetch(&self, address: u32) {
        Lpm4CompactReader::prefetch(self, address);
    }
}

impl fmt::Debug for Lpm4CompactReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm4CompactReader")
            .field("cells", &self.cells.len())
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

/// Where an address's /19 is in the root: always below 2^19, which the compiler sees.
#[inline(always)]
pub(super) fn slot(address: u32) -> usize {
    (address >> (32 - ROOT_BITS)) as usize
}

/// Where a block has the answer for the longest prefix marked, in words from its start: those that contain
/// the address are six bits of the marks, of which the highest is the longest.
#[inline(always)]
fn answer_at(marks: u64, address: u32) -> usize {
    let covers = marks & COVERS[(address >> (32 - ROOT_BITS - INNER_BITS)) as usize % 32];
    let longest = 63 - (covers | 1).leading_zeros();
    // Bit 0 is counted too.
    ANSWERS - 1 + (marks & !(u64::MAX << longest)).count_ones() as usize
}

/// All ones for a pointer, all zeroes for an answer.
#[inline(always)]
fn pointer_mask(word: u32) -> u32 {
    ((word as i32) >> 31) as u32
}

/// For each /24 of a /19, the marks of the prefixes that contain it.
pub(super) const COVERS: [u64; 32] = {
    let mut covers = [0; 32];
    let mut index = 0;
    while index < 32 {
        let mut position = 32 + index;
        while position > 0 {
            covers[index] |= 1 << position;
            position /= 2;
        }
        index += 1;
    }
    covers
};

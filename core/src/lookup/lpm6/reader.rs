//! The look-up.

use core::fmt;
use core::hint;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicUsize, Ordering, fence};

use super::leaf::{self, Leaf};
use super::wide::WideBulk;
use super::{DEEP, LEAF, NODE, Root};
use crate::lookup::{Lpm, NextHop};
use crate::platform::{Bits, Wide, Work, rank};

/// A view of an [`Lpm6`](super::Lpm6) for look-ups, one for each core that wants one.
///
/// Addresses are in host order. Nothing here writes, waits or can panic.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm6, Lpm6Config, NextHop};
///
/// let config = Lpm6Config { routes: 1, wide_nodes: 1, nodes: 0, leaves: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm6::new(config, &mut memory)?;
/// table.insert("2001:db8::/32".parse()?, NextHop::new(5)?)?;
///
/// let mut answers = [None; 2];
/// let addresses = [0x2001_0db8 << 96, 0x2001_0db9 << 96];
/// assert_eq!(table.reader().lookup_bulk(&addresses, &mut answers), 2);
/// assert_eq!(answers, [Some(NextHop::new(5)?), None]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lpm6Reader<'m> {
    pub(super) root: &'m Root,
    /// The root once more, the wide nodes, the nodes.
    pub(super) cells: &'m [AtomicU32],
    pub(super) leaves: &'m [Leaf],
    pub(super) generation: &'m AtomicUsize,
    pub(super) bits: Bits,
    pub(super) wide: Option<Wide>,
}

#[cfg(test)]
impl Lpm6Reader<'_> {
    /// As on a processor that has nothing beyond what all have.
    pub(super) fn plain(self) -> Self {
        Self {
            bits: Bits::NONE,
            wide: None,
            ..self
        }
    }
}

impl Lpm6Reader<'_> {
    /// The next hop of the longest prefix that `address` starts with.
    #[inline]
    pub fn lookup(&self, address: u128) -> Option<NextHop> {
        let cell = self.root[slot(address)].load(Ordering::Relaxed);
        if cell < LEAF {
            return NextHop::from_entry(cell as u16);
        }
        self.descend(address)
    }

    /// Answers for a slice of addresses, as many as both slices hold; how many that was.
    ///
    /// Goes down level by level for 32 addresses at once, or for 8: the loads of a level wait for
    /// memory together.
    pub fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
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

    /// Whole chunks of `N`; gives what is left.
    #[inline(always)]
    fn lookup_chunks<'s, const N: usize>(
        self,
        addresses: &'s [u128],
        answers: &'s mut [Option<NextHop>],
    ) -> (&'s [u128], &'s mut [Option<NextHop>]) {
        let (address_chunks, addresses) = addresses.as_chunks::<N>();
        let (answer_chunks, answers) = answers.as_chunks_mut::<N>();
        for (addresses, answers) in address_chunks.iter().zip(answer_chunks) {
            self.lookup_chunk(addresses, answers);
        }
        (addresses, answers)
    }

    #[inline(always)]
    fn lookup_chunk<const N: usize>(
        self,
        addresses: &[u128; N],
        answers: &mut [Option<NextHop>; N],
    ) {
        // Addresses of nobody's end at the root. A burst with few others goes one by one: fastest
        // where each comes to an end at once.
        let below = |address: &&u128| self.root[slot(**address)].load(Ordering::Relaxed) >= LEAF;
        if addresses.iter().take(8).filter(below).count() < 2 {
            for (address, answer) in addresses.iter().zip(answers) {
                *answer = self.lookup(*address);
            }
            return;
        }
        let generation = self.generation.load(Ordering::Acquire);
        let mut cells = [0; N];
        for (cell, address) in cells.iter_mut().zip(addresses) {
            *cell = self.root[slot(*address)].load(Ordering::Relaxed);
        }
        // A level at a time for all, without branches by address, which nothing could predict.
        self.step(&mut cells, addresses, |address| {
            (address >> 96) as u32 & 0xfff
        });
        self.step(&mut cells, addresses, |address| {
            (address >> 88) as u32 & 0xff
        });
        self.step(&mut cells, addresses, |address| {
            (address >> 80) as u32 & 0xff
        });
        for (answer, cell) in answers.iter_mut().zip(&cells) {
            *answer = NextHop::from_entry(*cell as u16);
        }
        self.look_into_leaves(&cells, addresses, answers);
        // A node or a leaf may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        let changed = self.generation.load(Ordering::Relaxed) != generation;
        let deeper = cells.iter().fold(0, |seen, cell| seen | cell) & (NODE | DEEP) != 0;
        if changed || deeper {
            for ((address, answer), cell) in addresses.iter().zip(answers).zip(&cells) {
                if changed || cell & (NODE | DEEP) != 0 {
                    *answer = self.descend(*address);
                }
            }
        }
    }

    /// Goes to the next level where `cells` are nodes, by each address's bits for it, and leaves
    /// answers and leaves as they are.
    #[inline(always)]
    fn step<const N: usize>(
        self,
        cells: &mut [u32; N],
        addresses: &[u128; N],
        bits: impl Fn(&u128) -> u32,
    ) {
        // Pairs with the publication of a level: its filling is seen.
        fence(Ordering::Acquire);
        let mut below = [0; N];
        for (below, cell) in below.iter_mut().zip(&*cells) {
            // What is no node loads one of the first cells for nothing.
            *below = cell & node_mask(*cell) & !NODE;
        }
        for (below, address) in below.iter_mut().zip(addresses) {
            let index = below.wrapping_add(bits(address)) as usize;
            let Some(cell) = self.cells.get(index) else {
                return; // Cannot be: there are as many as are pointed to.
            };
            *below = cell.load(Ordering::Relaxed);
        }
        for (cell, below) in cells.iter_mut().zip(&below) {
            let mask = node_mask(*cell);
            *cell = below & mask | *cell & !mask;
        }
    }

    /// Answers for the addresses whose cells are leaves, of those that begin before the 49th bit.
    #[inline(always)]
    fn look_into_leaves<const N: usize>(
        self,
        cells: &[u32; N],
        addresses: &[u128; N],
        answers: &mut [Option<NextHop>; N],
    ) {
        fence(Ordering::Acquire);
        let mut leaves = [0; N];
        let mut count = 0;
        for (at, cell) in (0u32..).zip(cells) {
            leaves[count % N] = at;
            count += (cell >> LEAF.trailing_zeros() & 1) as usize;
        }
        for at in leaves.iter().take(count) {
            let at = *at as usize % N;
            let key = (addresses[at] >> 64) as u64 >> leaf::shift(cells[at]);
            answers[at] = NextHop::from_entry(self.in_leaf(cells[at], key as u16, rank));
        }
    }

    // Not inlined: it would take the registers of the loop around it.
    #[inline(never)]
    fn descend(&self, address: u128) -> Option<NextHop> {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let mut cell = self.load(0, address, ROOT_BITS);
            let (mut start, mut bits) = (ROOT_BITS, WIDE_BITS);
            while cell & NODE != 0 && start < 128 {
                // Pairs with the publication of the level: its filling is seen.
                fence(Ordering::Acquire);
                cell = self.load(cell, address << start, bits);
                start += bits;
                bits = NODE_BITS;
            }
            let answer = if cell & (NODE | LEAF) == LEAF {
                fence(Ordering::Acquire);
                self.in_leaf(cell, leaf::key(leaf::start(cell), address), rank)
            } else {
                cell as u16
            };
            fence(Ordering::Acquire);
            if self.generation.load(Ordering::Relaxed) == generation {
                return NextHop::from_entry(answer);
            }
            hint::spin_loop();
        }
    }

    /// The cell for the first `bits` of `rest` in the level that `pointer` points to.
    #[inline]
    fn load(&self, pointer: u32, rest: u128, bits: u32) -> u32 {
        self.cell((pointer & !NODE).wrapping_add((rest >> (128 - bits)) as u32))
    }

    /// The answer for a key in the leaf that a cell names, by what ranks keys. One past the last is never
    /// named, and would be no route.
    #[inline(always)]
    pub(super) fn in_leaf(
        &self,
        cell: u32,
        key: u16,
        rank: impl Fn(&[AtomicU16; 16], u16) -> usize,
    ) -> u16 {
        let leaf = self.leaves.get(leaf::number(cell));
        leaf.map_or(0, |leaf| leaf::find(leaf, key, rank))
    }

    /// A cell by its number. One past the last is never pointed to, and would be no route.
    #[inline(always)]
    fn cell(&self, index: u32) -> u32 {
        self.cells
            .get(index as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

/// Look-ups of as many addresses as there is room for answers.
struct Bulk<'r, 'm>(&'r Lpm6Reader<'m>, &'r [u128], &'r mut [Option<NextHop>]);

impl Work for Bulk<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn work(self) {
        let Self(reader, addresses, answers) = self;
        // A copy of its own is known to stay as it is while answers are written.
        let reader = *reader;
        let (addresses, answers) = reader.lookup_chunks::<32>(addresses, answers);
        let (addresses, answers) = reader.lookup_chunks::<8>(addresses, answers);
        for (address, answer) in addresses.iter().zip(answers) {
            *answer = reader.lookup(*address);
        }
    }
}

impl Lpm<u128> for Lpm6Reader<'_> {
    #[inline]
    fn lookup(&self, address: u128) -> Option<NextHop> {
        Lpm6Reader::lookup(self, address)
    }

    fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
        Lpm6Reader::lookup_bulk(self, addresses, answers)
    }
}

impl fmt::Debug for Lpm6Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm6Reader")
            .field("cells", &self.cells.len())
            .finish_non_exhaustive()
    }
}

/// Where an address's first bits are in the root: always below 2^20, which the compiler sees.
#[inline(always)]
pub(super) fn slot(address: u128) -> usize {
    (address >> (128 - ROOT_BITS)) as usize
}

/// All ones for a node, all zeroes for an answer or a leaf.
#[inline(always)]
fn node_mask(cell: u32) -> u32 {
    ((cell as i32) >> 31) as u32
}

/// Bits of each level, as `level` has them.
const ROOT_BITS: u32 = 20;
const WIDE_BITS: u32 = 12;
const NODE_BITS: u32 = 8;

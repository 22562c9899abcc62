//! The look-up.

use core::fmt;
use core::hint;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};

use super::POINTER;
use crate::lookup::{Lpm, NextHop};

/// A view of an [`Lpm6`](super::Lpm6) for look-ups, one for each core that wants one.
///
/// Addresses are in host order. Nothing here writes, waits or can panic.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm6, Lpm6Config, NextHop};
///
/// let config = Lpm6Config { routes: 1, wide_nodes: 1, nodes: 0 };
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
    /// The root, the wide nodes, the nodes.
    pub(super) cells: &'m [AtomicU32],
    pub(super) generation: &'m AtomicUsize,
}

impl Lpm6Reader<'_> {
    /// The next hop of the longest prefix that `address` starts with.
    #[inline]
    pub fn lookup(&self, address: u128) -> Option<NextHop> {
        let cell = self.load(0, address, ROOT_BITS);
        if cell & POINTER == 0 {
            return NextHop::from_entry(cell as u16);
        }
        self.descend(address)
    }

    /// Answers for a slice of addresses, as many as both slices hold; how many that was.
    ///
    /// Goes down level by level for up to 64 addresses at once: more addresses in a call wait
    /// for memory less often.
    pub fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
        let count = addresses.len().min(answers.len());
        for (addresses, answers) in addresses.chunks(CHUNK).zip(answers.chunks_mut(CHUNK)) {
            self.lookup_chunk(addresses, answers);
        }
        count
    }

    /// A level at a time for all addresses, so that the loads of a level do not wait for each
    /// other; without branches by address, which nothing could predict.
    fn lookup_chunk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) {
        let generation = self.generation.load(Ordering::Acquire);
        let mut scratch = [[0; CHUNK]; 4];
        let count = addresses.len().min(answers.len()).min(CHUNK);
        let [high, low, cells, bits] = scratch.each_mut().map(|array| array.split_at_mut(count).0);
        // The first 64 bits in two halves: what is done to all of an array is done four or more
        // at a time.
        for ((high, low), address) in high.iter_mut().zip(low.iter_mut()).zip(addresses) {
            *high = (address >> 96) as u32;
            *low = (address >> 64) as u32;
        }
        for (cell, high) in cells.iter_mut().zip(&*high) {
            *cell = self.cell(high >> (32 - ROOT_BITS));
        }
        if any_pointer(cells) {
            for (bits, high) in bits.iter_mut().zip(&*high) {
                *bits = high & 0xfff;
            }
            self.step(cells, bits);
        }
        for shift in [24, 16, 8, 0] {
            if !any_pointer(cells) {
                break;
            }
            for (bits, low) in bits.iter_mut().zip(&*low) {
                *bits = low >> shift & 0xff;
            }
            self.step(cells, bits);
        }
        for (answer, cell) in answers.iter_mut().zip(&*cells) {
            *answer = NextHop::from_entry(*cell as u16);
        }
        // A node may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        let changed = self.generation.load(Ordering::Relaxed) != generation;
        if changed || any_pointer(cells) {
            for ((address, answer), cell) in addresses.iter().zip(answers).zip(cells) {
                if changed || *cell & POINTER != 0 {
                    *answer = self.descend(*address);
                }
            }
        }
    }

    /// Follows the pointers among `cells` by the bits of each address for the next level, and
    /// leaves the answers as they are. What is in `bits` is lost.
    #[inline]
    fn step(&self, cells: &mut [u32], bits: &mut [u32]) {
        // Pairs with the publication of a level: its filling is seen.
        fence(Ordering::Acquire);
        for (bits, cell) in bits.iter_mut().zip(&*cells) {
            // An answer loads the first cell, which is in the cache, for nothing.
            *bits = (cell & !POINTER).wrapping_add(*bits) & pointer_mask(*cell);
        }
        // Loads and nothing else, so that as many as possible are under way.
        for below in bits.iter_mut() {
            *below = self.cell(*below);
        }
        for (cell, below) in cells.iter_mut().zip(&*bits) {
            let mask = pointer_mask(*cell);
            *cell = below & mask | *cell & !mask;
        }
    }

    fn descend(&self, address: u128) -> Option<NextHop> {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let mut cell = self.load(0, address, ROOT_BITS);
            let (mut start, mut bits) = (ROOT_BITS, WIDE_BITS);
            while cell & POINTER != 0 && start < 128 {
                // Pairs with the publication of the level: its filling is seen.
                fence(Ordering::Acquire);
                cell = self.load(cell, address << start, bits);
                start += bits;
                bits = NODE_BITS;
            }
            fence(Ordering::Acquire);
            if self.generation.load(Ordering::Relaxed) == generation {
                return NextHop::from_entry(cell as u16);
            }
            hint::spin_loop();
        }
    }

    /// The cell for the first `bits` of `rest` in the level that `pointer` points to.
    #[inline]
    fn load(&self, pointer: u32, rest: u128, bits: u32) -> u32 {
        self.cell((pointer & !POINTER).wrapping_add((rest >> (128 - bits)) as u32))
    }

    /// A cell by its number. One past the last is never pointed to, and would be no route.
    #[inline]
    fn cell(&self, index: u32) -> u32 {
        self.cells
            .get(index as usize)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
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

/// All ones for a pointer, all zeroes for an answer.
#[inline]
fn pointer_mask(cell: u32) -> u32 {
    ((cell as i32) >> 31) as u32
}

#[inline]
fn any_pointer(cells: &[u32]) -> bool {
    cells.iter().fold(0, |seen, cell| seen | cell) & POINTER != 0
}

/// Bits of each level, as `level` has them.
const ROOT_BITS: u32 = 20;
const WIDE_BITS: u32 = 12;
const NODE_BITS: u32 = 8;

/// Look-ups that go down together.
const CHUNK: usize = 64;

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
    pub fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
        let count = addresses.len().min(answers.len());
        let (address_chunks, addresses) = addresses.split_at(count).0.as_chunks::<CHUNK>();
        let (answer_chunks, answers) = answers.split_at_mut(count).0.as_chunks_mut::<CHUNK>();
        for (addresses, answers) in address_chunks.iter().zip(answer_chunks) {
            self.lookup_chunk(addresses, answers);
        }
        for (address, answer) in addresses.iter().zip(answers) {
            *answer = self.lookup(*address);
        }
        count
    }

    /// Level by level for the whole chunk: the loads of a level do not wait for each other.
    fn lookup_chunk(&self, addresses: &[u128; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        let generation = self.generation.load(Ordering::Acquire);
        let mut cells = [0; CHUNK];
        for (address, cell) in addresses.iter().zip(&mut cells) {
            *cell = self.load(0, *address, ROOT_BITS);
        }
        let mut start = ROOT_BITS;
        let mut bits = WIDE_BITS;
        while start < 128 && cells.iter().fold(0, |seen, cell| seen | cell) & POINTER != 0 {
            fence(Ordering::Acquire);
            for (address, cell) in addresses.iter().zip(&mut cells) {
                if *cell & POINTER != 0 {
                    *cell = self.load(*cell, address << start, bits);
                }
            }
            start += bits;
            bits = NODE_BITS;
        }
        // A node may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        let unchanged = self.generation.load(Ordering::Relaxed) == generation;
        for ((address, cell), answer) in addresses.iter().zip(cells).zip(answers) {
            *answer = if unchanged {
                NextHop::from_entry(cell as u16)
            } else {
                self.lookup(*address)
            };
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

    /// The cell for the first `bits` of `rest` in the level that `pointer` points to. A pointer
    /// past the cells is never published, and would be no route.
    #[inline]
    fn load(&self, pointer: u32, rest: u128, bits: u32) -> u32 {
        let index = (pointer & !POINTER) as usize + (rest >> (128 - bits)) as usize;
        self.cells
            .get(index)
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

/// Bits of each level, as `level` has them.
const ROOT_BITS: u32 = 20;
const WIDE_BITS: u32 = 12;
const NODE_BITS: u32 = 8;

/// Look-ups that go down together: a burst.
const CHUNK: usize = 32;

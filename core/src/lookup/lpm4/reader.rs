//! The look-up.

use core::fmt;
use core::hint;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};

use super::{NODE, Node, Root};
use crate::lookup::chunks::{CHUNK, Look, by_chunks};
use crate::lookup::{Lpm, NextHop};
use crate::platform::{Words, prefetch_read};

/// A view of an [`Lpm4`](super::Lpm4) for look-ups, one for each core that wants one.
///
/// Addresses are in host order. Nothing here writes, waits or can panic.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, NextHop};
///
/// let config = Lpm4Config { routes: 1, nodes: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm4::new(config, &mut memory)?;
/// table.insert("10.0.0.0/8".parse()?, NextHop::new(5)?)?;
///
/// let mut answers = [None; 2];
/// let count = table.reader().lookup_bulk(&[0x0a00_0001, 0x0b00_0001], &mut answers);
/// assert_eq!((count, answers), (2, [Some(NextHop::new(5)?), None]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Lpm4Reader<'m> {
    pub(super) root: &'m Root,
    pub(super) nodes: &'m [Node],
    pub(super) generation: &'m AtomicUsize,
}

impl Lpm4Reader<'_> {
    /// The next hop of the longest prefix that `address` starts with.
    #[inline]
    pub fn lookup(&self, address: u32) -> Option<NextHop> {
        let entry = self.root[slot(address)].load(Ordering::Relaxed);
        if entry & NODE == 0 {
            return NextHop::from_entry(entry);
        }
        self.lookup_in_node(address)
    }

    /// The answer, if the root has it: if the address's /24 has no longer prefix.
    #[inline]
    pub fn glance(&self, address: u32) -> Option<Option<NextHop>> {
        let entry = self.root[slot(address)].load(Ordering::Relaxed);
        (entry & NODE == 0).then_some(NextHop::from_entry(entry))
    }

    /// Asks for the cache line of the root that a look-up of `address` reads.
    #[inline]
    pub fn prefetch(&self, address: u32) {
        prefetch_read(NonNull::from(&self.root[slot(address)]).cast());
    }

    /// Answers for a slice of addresses, as many as both slices hold; how many that was.
    pub fn lookup_bulk(&self, addresses: &[u32], answers: &mut [Option<NextHop>]) -> usize {
        let count = addresses.len().min(answers.len());
        by_chunks(self, addresses, answers);
        count
    }

    #[inline(always)]
    fn lookup_chunk(&self, addresses: &[u32; CHUNK], answers: &mut [Option<NextHop>; CHUNK]) {
        let generation = self.generation.load(Ordering::Acquire);
        let ([a, b, c, d], _) = addresses.as_chunks() else {
            return; // Cannot be: they are four times eight.
        };
        let eight = |addresses: &[u32; 8]| Words::load(self.root, addresses.map(slot));
        let words = [eight(a), eight(b), eight(c), eight(d)];
        let stored = words.map(|eight| eight.store().map(NextHop::from_entry));
        for (answer, stored) in answers.iter_mut().zip(stored.as_flattened()) {
            *answer = *stored;
        }
        if Words::any_is_high(words) {
            self.follow(addresses, answers, generation);
        }
    }

    /// Replaces what are still node numbers among `answers` by the answers.
    // Not inlined: it would take the registers of the loop around it.
    #[cold]
    #[inline(never)]
    fn follow(&self, addresses: &[u32], answers: &mut [Option<NextHop>], generation: usize) {
        // Pairs with the publication of a node: its filling is seen.
        fence(Ordering::Acquire);
        for (address, answer) in addresses.iter().zip(answers.iter_mut()) {
            let entry = NextHop::entry(*answer);
            if entry & NODE != 0 {
                *answer = NextHop::from_entry(self.load(entry, *address));
            }
        }
        // A node may have been reused under our hands: see the module `nodes`.
        fence(Ordering::Acquire);
        if self.generation.load(Ordering::Relaxed) != generation {
            for (address, answer) in addresses.iter().zip(answers) {
                *answer = self.lookup(*address);
            }
        }
    }

    #[cold]
    fn lookup_in_node(&self, address: u32) -> Option<NextHop> {
        loop {
            let generation = self.generation.load(Ordering::Acquire);
            let entry = self.root[slot(address)].load(Ordering::Acquire);
            if entry & NODE == 0 {
                return NextHop::from_entry(entry);
            }
            let answer = self.load(entry, address);
            fence(Ordering::Acquire);
            if self.generation.load(Ordering::Relaxed) == generation {
                return NextHop::from_entry(answer);
            }
            hint::spin_loop();
        }
    }

    /// The entry of `address` in the node that `entry` points to. A number past the nodes is
    /// never published, and would be no route.
    #[inline]
    fn load(&self, entry: u16, address: u32) -> u16 {
        let node = self.nodes.get(usize::from(entry & !NODE));
        node.map_or(0, |node| {
            node[(address & 0xff) as usize].load(Ordering::Relaxed)
        })
    }
}

impl Look<u32> for &Lpm4Reader<'_> {
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

impl Lpm<u32> for Lpm4Reader<'_> {
    const ONE_LOAD: bool = true;

    #[inline]
    fn lookup(&self, address: u32) -> Option<NextHop> {
        Lpm4Reader::lookup(self, address)
    }

    fn lookup_bulk(&self, addresses: &[u32], answers: &mut [Option<NextHop>]) -> usize {
        Lpm4Reader::lookup_bulk(self, addresses, answers)
    }

    #[inline]
    fn glance(&self, address: u32) -> Option<Option<NextHop>> {
        Lpm4Reader::glance(self, address)
    }

    #[inline]
    fn prefetch(&self, address: u32) {
        Lpm4Reader::prefetch(self, address);
    }
}

impl fmt::Debug for Lpm4Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm4Reader")
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

/// Where an address's /24 is in the root: always below 2^24, which the compiler sees.
#[inline]
pub(super) fn slot(address: u32) -> usize {
    (address >> 8) as usize
}

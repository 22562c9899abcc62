//! The memory of a router.

use core::fmt;

use super::{Hop, Interface, Neighbour, Parked, RouterStats};

/// The memory of a router, from wherever the caller has it.
///
/// All slices are cleared when a router is made. An entry, which is a gateway, a neighbour or one
/// of the router's own addresses, takes one of `hops`, `neighbours` and `index` each; the smallest
/// counts, and one is lost.
///
/// ```
/// use linecard::forward::router::{Hop, Interface, Neighbour, Parked, RouterMemory, RouterStats};
///
/// let entries = 100;
/// let stats = RouterStats::new();
/// let memory = RouterMemory {
///     interfaces: &mut vec![Interface::NONE; 4],
///     hops: &mut vec![Hop::NONE; entries],
///     neighbours: &mut vec![Neighbour::NONE; entries],
///     index: &mut vec![[0; 4]; entries],
///     parked: &mut (0..32).map(|_| Parked::EMPTY).collect::<Vec<_>>(),
///     stats: &stats,
/// };
/// # let _ = memory;
/// ```
#[derive(Debug)]
pub struct RouterMemory<'m, 'p> {
    /// One for each port, by its number.
    pub interfaces: &'m mut [Interface],
    /// What the fast path reads of each entry.
    pub hops: &'m mut [Hop],
    /// The rest of each entry.
    pub neighbours: &'m mut [Neighbour],
    /// By which entries are found. A power of two of places is used, which must be more than
    /// there are entries; four for each always are.
    pub index: &'m mut [[u16; 4]],
    /// Places for packets that wait for a neighbour, of all neighbours together.
    pub parked: &'m mut [Parked<'p>],
    /// Where the router counts.
    pub stats: &'m RouterStats,
}

/// The memory of a router in one piece, for `ENTRIES` next hops and neighbours, `PARKED` packets
/// that wait for them, and `PORTS` ports.
///
/// About 90 bytes an entry; one of thousands of entries is better kept in a `static` or on a heap
/// than on a stack.
///
/// ```
/// use linecard::forward::router::RouterStore;
/// let mut store: RouterStore<'_> = RouterStore::new();
/// let memory = store.memory();
/// assert_eq!((memory.hops.len(), memory.parked.len()), (512, 256));
/// ```
pub struct RouterStore<
    'p,
    const ENTRIES: usize = 512,
    const PARKED: usize = 256,
    const PORTS: usize = 16,
> {
    interfaces: [Interface; PORTS],
    hops: [Hop; ENTRIES],
    neighbours: [Neighbour; ENTRIES],
    index: [[u16; 4]; ENTRIES],
    parked: [Parked<'p>; PARKED],
    /// Where the router counts.
    pub stats: RouterStats,
}

impl<'p, const ENTRIES: usize, const PARKED: usize, const PORTS: usize>
    RouterStore<'p, ENTRIES, PARKED, PORTS>
{
    /// All of it empty.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            interfaces: [const { Interface::NONE }; PORTS],
            hops: [Hop::NONE; ENTRIES],
            neighbours: [Neighbour::NONE; ENTRIES],
            index: [[0; 4]; ENTRIES],
            parked: [const { Parked::EMPTY }; PARKED],
            stats: RouterStats::new(),
        }
    }

    /// All of it empty.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            interfaces: [const { Interface::NONE }; PORTS],
            hops: [Hop::NONE; ENTRIES],
            neighbours: [Neighbour::NONE; ENTRIES],
            index: [[0; 4]; ENTRIES],
            parked: [const { Parked::EMPTY }; PARKED],
            stats: RouterStats::new(),
        }
    }

    /// What a router takes.
    pub fn memory(&mut self) -> RouterMemory<'_, 'p> {
        RouterMemory {
            interfaces: &mut self.interfaces,
            hops: &mut self.hops,
            neighbours: &mut self.neighbours,
            index: &mut self.index,
            parked: &mut self.parked,
            stats: &self.stats,
        }
    }
}

impl<const ENTRIES: usize, const PARKED: usize, const PORTS: usize> Default
    for RouterStore<'_, ENTRIES, PARKED, PORTS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const ENTRIES: usize, const PARKED: usize, const PORTS: usize> fmt::Debug
    for RouterStore<'_, ENTRIES, PARKED, PORTS>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterStore")
            .field("entries", &ENTRIES)
            .field("parked", &PARKED)
            .field("ports", &PORTS)
            .finish_non_exhaustive()
    }
}

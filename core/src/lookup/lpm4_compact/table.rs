//! The writer: routes in, blocks out.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::blocks::{Block, Blocks, start_of};
use super::config::Lpm4CompactConfig;
use super::reader::{Lpm4CompactReader, slot};
use super::{INNER_BITS, NODE, NODE_BITS, ROOT_BITS, Root};
use crate::lookup::marks::{self, WHOLE};
use crate::lookup::memory::{CacheLine, Carver};
use crate::lookup::nodes::Nodes;
use crate::lookup::routes::{self, Routes};
use crate::lookup::{Full, MemoryError, NextHop, Prefix4, RouteError};
use crate::platform::{Bits, Wide};

/// The compact IPv4 table in its writer's hands; [`Self::reader`] gives the look-up.
///
/// ```
/// use linecard::lookup::{
///     CacheLine, Full, Lpm4Compact, Lpm4CompactConfig, NextHop, RouteError,
/// };
///
/// let config = Lpm4CompactConfig { outer_routes: 1, cells: 2, nodes: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm4Compact::new(config, &mut memory)?;
/// let (old, new) = (NextHop::new(1)?, NextHop::new(2)?);
///
/// assert_eq!(table.insert("10.0.0.0/24".parse()?, old), Ok(None));
/// assert_eq!(table.insert("10.0.0.0/24".parse()?, new), Ok(Some(old)));
/// let refused = table.insert("10.1.0.0/24".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Cells)));
/// let refused = table.insert("10.0.0.1/32".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Nodes)));
/// assert_eq!(table.remove("10.0.0.0/24".parse()?), Ok(new));
/// assert_eq!(table.remove("10.0.0.0/24".parse()?), Err(RouteError::NoSuchRoute));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lpm4Compact<'m> {
    reader: Lpm4CompactReader<'m>,
    /// Which prefixes of up to 19 bits are routes.
    pub(super) marks: &'m mut [u64],
    /// The routes of 20 to 24 bits.
    pub(super) blocks: Blocks<'m>,
    pub(super) nodes: Nodes<'m, { marks::words(NODE_BITS) }>,
    /// For each node, the entry of the route to its /24, or 0.
    pub(super) wholes: &'m mut [u16],
    /// The routes of all other lengths.
    pub(super) outer: Routes<'m, Prefix4>,
    /// How many routes of 20 to 24 bits there are.
    pub(super) inner: usize,
}

impl<'m> Lpm4Compact<'m> {
    /// An empty table in `memory`, of which it clears and keeps the first
    /// [`Lpm4CompactConfig::lines`] lines.
    ///
    /// # Errors
    /// [`MemoryError`] when there are fewer.
    pub fn new(
        config: Lpm4CompactConfig,
        memory: &'m mut [CacheLine],
    ) -> Result<Self, MemoryError> {
        let mut carver = Carver::new(memory, config.lines())?;
        let nodes = config.usable_nodes();
        let limit = config.usable_cells();
        let generation: &AtomicUsize = carver.take_one()?;
        let reader = Lpm4CompactReader {
            root: carver.take_one::<Root>()?,
            cells: carver.take(Blocks::cells(limit))?,
            nodes: carver.take(nodes)?,
            generation,
            bits: Bits::detect(),
            wide: Wide::detect(),
        };
        Ok(Self {
            reader,
            marks: carver.take(marks::words(ROOT_BITS))?,
            blocks: Blocks::new(reader.cells, reader.root, generation, limit),
            nodes: Nodes::new(carver.take(nodes)?, generation),
            wholes: carver.take(nodes)?,
            outer: Routes::new(
                carver.take(routes::slots(config.outer_routes))?,
                config.outer_routes,
            ),
            inner: 0,
        })
    }

    /// A view for look-ups; as many as there are cores.
    pub fn reader(&self) -> Lpm4CompactReader<'m> {
        self.reader
    }

    /// Adds a route, or gives an existing one a new next hop; the old one, if there was one.
    ///
    /// # Errors
    /// [`RouteError::TableFull`], naming what is used up; the table is unchanged.
    pub fn insert(&mut self, prefix: Prefix4, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        match prefix.len() {
            ..=19 => self.insert_short(prefix, hop),
            20..=24 => self.insert_inner(prefix, hop),
            25.. => self.insert_long(prefix, hop),
        }
    }

    /// Removes a route; what it covered goes to the next shorter one. Gives its next hop.
    ///
    /// # Errors
    /// [`RouteError::NoSuchRoute`].
    pub fn remove(&mut self, prefix: Prefix4) -> Result<NextHop, RouteError> {
        match prefix.len() {
            ..=19 => self.remove_short(prefix),
            20..=24 => self.remove_inner(prefix),
            25.. => self.remove_long(prefix),
        }
        .ok_or(RouteError::NoSuchRoute)
    }

    /// The next hop of exactly this route.
    pub fn route(&self, prefix: Prefix4) -> Option<NextHop> {
        let Some(position) = inner_position(prefix) else {
            return self.outer.find(prefix);
        };
        let block = self.blocks.load(self.start(slot(prefix.first()))?);
        NextHop::from_entry(self.entry_of(&block, position))
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix4, NextHop)> + '_ {
        let blocks = self.reader.root.iter().zip(0u32..);
        let inner = blocks
            .filter_map(|(link, slot)| Some((self.blocks.load(start_of(link)?), slot)))
            .flat_map(move |(block, slot)| {
                (2..64u32).filter_map(move |position| {
                    let hop = NextHop::from_entry(self.entry_of(&block, position))?;
                    Some((prefix_of(slot, position)?, hop))
                })
            });
        self.outer.iter().chain(inner)
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.outer.len() + self.inner
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many routes of up to 19 and over 24 bits there are.
    pub fn outer_routes(&self) -> usize {
        self.outer.len()
    }

    /// How many cells are in use: for /19s with longer prefixes.
    pub fn cells_in_use(&self) -> usize {
        self.blocks.used()
    }

    /// How many nodes are in use: /24s with longer prefixes.
    pub fn nodes_in_use(&self) -> usize {
        self.nodes.in_use()
    }

    /// Where the block of a /19 starts, if it has one.
    pub(super) fn start(&self, slot: usize) -> Option<usize> {
        start_of(self.reader.root.get(slot)?)
    }

    /// The block of a /19; if it has none, what a new one starts from.
    pub(super) fn block(&self, slot: usize) -> Block {
        match self.start(slot) {
            Some(start) => self.blocks.load(start),
            None => {
                let link = self.reader.root.get(slot);
                Block::new(link.map_or(0, |link| link.load(Ordering::Relaxed) as u16))
            }
        }
    }

    /// Whether the block of a /19 may become one with so many answers.
    pub(super) fn check_fits(&self, slot: usize, answers: usize) -> Result<(), RouteError> {
        let old = self.start(slot).map_or(0, |_| answers - 1);
        if self.blocks.fits(old, answers) {
            Ok(())
        } else {
            Err(RouteError::TableFull(Full::Cells))
        }
    }

    /// Gives a /19 a smaller block, or none if that has no route.
    pub(super) fn replace(&mut self, slot: usize, block: &Block) {
        if block.len() > 1 {
            self.blocks.publish(slot, block);
        } else if let (Some(link), Some(start)) = (self.reader.root.get(slot), self.start(slot)) {
            link.store(block.answer(WHOLE).into(), Ordering::Relaxed);
            self.blocks.give_back(start);
        }
    }

    /// The entry of the route at a position of a block, or 0: the node of a /24 has that of its
    /// own.
    pub(super) fn entry_of(&self, block: &Block, position: u32) -> u16 {
        match self.node_at(block, position) {
            Some(node) => self.wholes.get(node).copied().unwrap_or(0),
            None if block.contains(position) => block.answer(position),
            None => 0,
        }
    }

    /// The node of a /24.
    pub(super) fn node_at(&self, block: &Block, position: u32) -> Option<usize> {
        if !block.contains(position) {
            return None;
        }
        let answer = block.answer(position);
        (answer & NODE != 0).then_some(usize::from(answer & !NODE))
    }

    /// Writes `entry` into the root wherever no longer prefix of it matches, and into what hangs
    /// there.
    pub(super) fn paint(&self, position: u32, entry: u16) {
        marks::uncovered(self.marks, ROOT_BITS, position, |slot| {
            let Some(start) = self.start(slot) else {
                if let Some(link) = self.reader.root.get(slot) {
                    link.store(entry.into(), Ordering::Relaxed);
                }
                return;
            };
            self.blocks.set_answer(start, 0, entry);
            self.paint_nodes(&self.blocks.load(start), WHOLE, entry);
        });
    }

    /// Writes `entry` into the nodes of a block that have it from the prefix at `position`, which may be there or
    /// just be gone.
    pub(super) fn paint_nodes(&self, block: &Block, position: u32, entry: u16) {
        let (level, first) = (position.ilog2(), position);
        let below = INNER_BITS - level;
        let slash24s = (first << below)..((first + 1) << below);
        for slash24 in slash24s.filter(|slash24| *slash24 != position) {
            let Some(node) = self.node_at(block, slash24) else {
                continue;
            };
            let is_whole = self.wholes.get(node).is_some_and(|whole| *whole != 0);
            if !is_whole && block.cover(slash24).ilog2() <= level {
                self.paint_node(node, WHOLE, entry);
            }
        }
    }

    /// Writes `entry` into a node, wherever no longer prefix matches.
    pub(super) fn paint_node(&self, node: usize, position: u32, entry: u16) {
        let Some(entries) = self.reader.nodes.get(node) else {
            return;
        };
        let marks = self.nodes.marks(node);
        marks::uncovered(marks, NODE_BITS, position, |index| {
            if let Some(slot) = entries.get(index) {
                slot.store(entry, Ordering::Relaxed);
            }
        });
    }
}

impl fmt::Debug for Lpm4Compact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm4Compact")
            .field("routes", &self.len())
            .field("cells_in_use", &self.cells_in_use())
            .field("nodes_in_use", &self.nodes_in_use())
            .finish_non_exhaustive()
    }
}

/// The mark, in its block, of a prefix of 20 to 24 bits.
pub(super) fn inner_position(prefix: Prefix4) -> Option<u32> {
    let level = u32::from(prefix.len())
        .checked_sub(ROOT_BITS)
        .filter(|level| (1..=INNER_BITS).contains(level))?;
    let index = prefix.first() >> (32 - ROOT_BITS - level);
    Some(marks::position(level, index & ((1 << level) - 1)))
}

/// The prefix of a position in the block of a slot.
fn prefix_of(slot: u32, position: u32) -> Option<Prefix4> {
    let level = position.ilog2();
    let index = position ^ (1 << level);
    let first = slot << (32 - ROOT_BITS) | index << (32 - ROOT_BITS - level);
    Prefix4::new(first, (ROOT_BITS + level) as u8).ok()
}

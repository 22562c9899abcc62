//! The writer: routes in, blocks out.

use core::fmt;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::blocks::{Block, Blocks, start_of};
use super::reader::{Lpm4CompactReader, slot};
use super::{Entries, INNER_BITS, NODE, NODE_BITS, ROOT_BITS, Root};
use crate::lookup::marks::{self, Marks8, WHOLE};
use crate::lookup::memory::{CacheLine, Carver, lines_of};
use crate::lookup::nodes::Nodes;
use crate::lookup::routes::{self, Routes};
use crate::lookup::{Full, MemoryError, NextHop, Prefix4, RouteError};
use crate::platform::{Bits, Wide};

/// How much an [`Lpm4Compact`] can hold.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4CompactConfig};
///
/// let bytes = Lpm4CompactConfig::default().lines() * CacheLine::SIZE;
/// assert_eq!(bytes >> 20, 7, "just under 8 MiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lpm4CompactConfig {
    /// Routes of up to 19 bits and of over 24, 12 bytes each.
    pub outer_routes: usize,
    /// Cells, of 8 bytes, for the routes of 20 to 24 bits: `n` of them in one /19, counting a /24 that has a
    /// node as one, take (n + 10) / 4 cells, rounded down. More than [`Self::MAX_CELLS`] are not
    /// used.
    pub cells: usize,
    /// Nodes: one for each /24 that has longer prefixes. More than [`Self::MAX_NODES`] are not
    /// used.
    pub nodes: usize,
}

impl Lpm4CompactConfig {
    /// What it takes when all /19s have all prefixes of 20 to 24 bits.
    pub const MAX_CELLS: usize = super::CELLS_MOST << ROOT_BITS;

    /// What the 15 bits of an answer can name.
    pub const MAX_NODES: usize = 1 << 15;

    /// Cache lines that a table of this configuration lives in.
    pub const fn lines(&self) -> usize {
        lines_of::<AtomicUsize>(1)
            + lines_of::<Root>(1)
            + lines_of::<u64>(marks::words(ROOT_BITS))
            + lines_of::<AtomicU64>(Blocks::cells(self.usable_cells()))
            + lines_of::<Entries>(self.usable_nodes())
            + lines_of::<Marks8>(self.usable_nodes())
            + lines_of::<u16>(self.usable_nodes())
            + lines_of::<u64>(routes::slots(self.outer_routes))
    }

    const fn usable_cells(&self) -> usize {
        if self.cells < Self::MAX_CELLS {
            self.cells
        } else {
            Self::MAX_CELLS
        }
    }

    const fn usable_nodes(&self) -> usize {
        if self.nodes < Self::MAX_NODES {
            self.nodes
        } else {
            Self::MAX_NODES
        }
    }
}

impl Default for Lpm4CompactConfig {
    /// A full Internet table with room to grow, in 8 MiB: 80,000 routes of up to 19 and over 24
    /// bits, 600,000 cells, 640 nodes.
    fn default() -> Self {
        Self {
            outer_routes: 80_000,
            cells: 600_000,
            nodes: 640,
        }
    }
}

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
    marks: &'m mut [u64],
    /// The routes of 20 to 24 bits.
    blocks: Blocks<'m>,
    nodes: Nodes<'m, { marks::words(NODE_BITS) }>,
    /// For each node, the entry of the route to its /24, or 0.
    wholes: &'m mut [u16],
    /// The routes of all other lengths.
    outer: Routes<'m, Prefix4>,
    /// How many routes of 20 to 24 bits there are.
    inner: usize,
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

    fn insert_short(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let position = root_position(prefix);
        if !marks::contains(self.marks, position) && self.outer.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        marks::set(self.marks, position);
        self.paint(position, NextHop::entry(Some(hop)));
        Ok(self.outer.store(prefix, hop))
    }

    fn insert_inner(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let slot = slot(prefix.first());
        let position = inner_position(prefix).unwrap_or(WHOLE);
        let entry = NextHop::entry(Some(hop));
        let mut block = self.block(slot);
        let old = self.entry_of(&block, position);
        if let Some(node) = self.node_at(&block, position) {
            if let Some(whole) = self.wholes.get_mut(node) {
                *whole = entry;
            }
            self.paint_node(node, WHOLE, entry);
        } else if block.contains(position) {
            if let Some(start) = self.start(slot) {
                self.blocks.set_answer(start, block.rank(position), entry);
            }
            self.paint_nodes(&block, position, entry);
        } else {
            self.check_fits(slot, block.len() + 1)?;
            block.insert(position, entry);
            self.blocks.publish(slot, &block);
            self.paint_nodes(&block, position, entry);
        }
        self.inner += usize::from(old == 0);
        Ok(NextHop::from_entry(old))
    }

    fn insert_long(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let slot = slot(prefix.first());
        let (position, inner) = long_positions(prefix);
        let entry = NextHop::entry(Some(hop));
        let mut block = self.block(slot);
        let node = self.node_at(&block, position);
        let known = node.is_some_and(|node| marks::contains(self.nodes.marks(node), inner));
        if !known && self.outer.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        if let Some(node) = node {
            marks::set(self.nodes.marks_mut(node), inner);
            self.paint_node(node, inner, entry);
            return Ok(self.outer.store(prefix, hop));
        }
        if self.nodes.available() == 0 {
            return Err(RouteError::TableFull(Full::Nodes));
        }
        let whole = self.entry_of(&block, position);
        if whole == 0 {
            self.check_fits(slot, block.len() + 1)?;
        }
        let Some(node) = self.nodes.take() else {
            return Err(RouteError::TableFull(Full::Nodes));
        };
        if let Some(kept) = self.wholes.get_mut(node) {
            *kept = whole;
        }
        let inherited = match whole {
            0 => block.answer(block.cover(position)),
            whole => whole,
        };
        self.paint_node(node, WHOLE, inherited);
        marks::set(self.nodes.marks_mut(node), inner);
        self.paint_node(node, inner, entry);
        let named = NODE | node as u16;
        match (whole, self.start(slot)) {
            (1.., Some(start)) => self.blocks.set_answer(start, block.rank(position), named),
            _ => {
                block.insert(position, named);
                self.blocks.publish(slot, &block);
            }
        }
        Ok(self.outer.store(prefix, hop))
    }

    fn remove_short(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let hop = self.outer.remove(prefix)?;
        let position = root_position(prefix);
        marks::clear(self.marks, position);
        let covering = marks::cover(self.marks, position)
            .and_then(|cover| Prefix4::new(prefix.first(), cover.ilog2() as u8).ok())
            .and_then(|covering| self.outer.find(covering));
        self.paint(position, NextHop::entry(covering));
        Some(hop)
    }

    fn remove_inner(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let slot = slot(prefix.first());
        let position = inner_position(prefix)?;
        let mut block = self.blocks.load(self.start(slot)?);
        let hop = NextHop::from_entry(self.entry_of(&block, position))?;
        self.inner -= 1;
        let covering = block.answer(block.cover(position));
        if let Some(node) = self.node_at(&block, position) {
            if let Some(whole) = self.wholes.get_mut(node) {
                *whole = 0;
            }
            self.paint_node(node, WHOLE, covering);
        } else {
            block.remove(position);
            self.replace(slot, &block);
            self.paint_nodes(&block, position, covering);
        }
        Some(hop)
    }

    fn remove_long(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let hop = self.outer.remove(prefix)?;
        let slot = slot(prefix.first());
        let (position, inner) = long_positions(prefix);
        let mut block = self.block(slot);
        let Some(node) = self.node_at(&block, position) else {
            return Some(hop); // Cannot be: a route this long has a node.
        };
        marks::clear(self.nodes.marks_mut(node), inner);
        let whole = self.wholes.get(node).copied().unwrap_or(0);
        if !self.nodes.is_unmarked(node) {
            let covering = match marks::cover(self.nodes.marks(node), inner) {
                Some(cover) => {
                    let len = ROOT_BITS + INNER_BITS + cover.ilog2();
                    let covering = Prefix4::new(prefix.first(), len as u8).ok();
                    NextHop::entry(covering.and_then(|covering| self.outer.find(covering)))
                }
                None if whole != 0 => whole,
                None => block.answer(block.cover(position)),
            };
            self.paint_node(node, inner, covering);
            return Some(hop);
        }
        if whole == 0 {
            block.remove(position);
            self.replace(slot, &block);
        } else if let Some(start) = self.start(slot) {
            self.blocks.set_answer(start, block.rank(position), whole);
        }
        self.nodes.give_back(node);
        Some(hop)
    }

    /// Where the block of a /19 starts, if it has one.
    fn start(&self, slot: usize) -> Option<usize> {
        start_of(self.reader.root.get(slot)?)
    }

    /// The block of a /19; if it has none, what a new one starts from.
    fn block(&self, slot: usize) -> Block {
        match self.start(slot) {
            Some(start) => self.blocks.load(start),
            None => {
                let link = self.reader.root.get(slot);
                Block::new(link.map_or(0, |link| link.load(Ordering::Relaxed) as u16))
            }
        }
    }

    /// Whether the block of a /19 may become one with so many answers.
    fn check_fits(&self, slot: usize, answers: usize) -> Result<(), RouteError> {
        let old = self.start(slot).map_or(0, |_| answers - 1);
        if self.blocks.fits(old, answers) {
            Ok(())
        } else {
            Err(RouteError::TableFull(Full::Cells))
        }
    }

    /// Gives a /19 a smaller block, or none if that has no route.
    fn replace(&mut self, slot: usize, block: &Block) {
        if block.len() > 1 {
            self.blocks.publish(slot, block);
        } else if let (Some(link), Some(start)) = (self.reader.root.get(slot), self.start(slot)) {
            link.store(block.answer(WHOLE).into(), Ordering::Relaxed);
            self.blocks.give_back(start);
        }
    }

    /// The entry of the route at a position of a block, or 0: the node of a /24 has that of its
    /// own.
    fn entry_of(&self, block: &Block, position: u32) -> u16 {
        match self.node_at(block, position) {
            Some(node) => self.wholes.get(node).copied().unwrap_or(0),
            None if block.contains(position) => block.answer(position),
            None => 0,
        }
    }

    /// The node of a /24.
    fn node_at(&self, block: &Block, position: u32) -> Option<usize> {
        if !block.contains(position) {
            return None;
        }
        let answer = block.answer(position);
        (answer & NODE != 0).then_some(usize::from(answer & !NODE))
    }

    /// Writes `entry` into the root wherever no longer prefix of it matches, and into what hangs
    /// there.
    fn paint(&self, position: u32, entry: u16) {
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
    fn paint_nodes(&self, block: &Block, position: u32, entry: u16) {
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
    fn paint_node(&self, node: usize, position: u32, entry: u16) {
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

/// The mark of a prefix of at most 19 bits.
fn root_position(prefix: Prefix4) -> u32 {
    let len = u32::from(prefix.len());
    marks::position(len, prefix.first().checked_shr(32 - len).unwrap_or(0))
}

/// The mark, in its block, of a prefix of 20 to 24 bits.
fn inner_position(prefix: Prefix4) -> Option<u32> {
    let level = u32::from(prefix.len())
        .checked_sub(ROOT_BITS)
        .filter(|level| (1..=INNER_BITS).contains(level))?;
    let index = prefix.first() >> (32 - ROOT_BITS - level);
    Some(marks::position(level, index & ((1 << level) - 1)))
}

/// The marks of a prefix of over 24 bits: that of its /24 in the block, and its own in the node.
fn long_positions(prefix: Prefix4) -> (u32, u32) {
    let level = u32::from(prefix.len()) - ROOT_BITS - INNER_BITS;
    let (slash24, rest) = (prefix.first() >> NODE_BITS, prefix.first() & 0xff);
    (
        marks::position(INNER_BITS, slash24 & ((1 << INNER_BITS) - 1)),
        marks::position(level, rest >> (NODE_BITS - level)),
    )
}

/// The prefix of a position in the block of a slot.
fn prefix_of(slot: u32, position: u32) -> Option<Prefix4> {
    let level = position.ilog2();
    let index = position ^ (1 << level);
    let first = slot << (32 - ROOT_BITS) | index << (32 - ROOT_BITS - level);
    Prefix4::new(first, (ROOT_BITS + level) as u8).ok()
}

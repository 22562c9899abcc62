//! The writer: routes in, entries out.

use core::fmt;
use core::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use super::reader::{Lpm4Reader, slot};
use super::{NODE, Node, ROOT_BITS, ROOT_ENTRIES, Root};
use crate::lookup::marks::{self, Marks8, WHOLE};
use crate::lookup::memory::{CacheLine, Carver, lines_of};
use crate::lookup::nodes::Nodes;
use crate::lookup::routes::{self, Routes};
use crate::lookup::{Full, MemoryError, NextHop, Prefix4, RouteError};

/// How much an [`Lpm4`] can hold.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm4Config};
///
/// let bytes = Lpm4Config::default().lines() * CacheLine::SIZE;
/// assert_eq!(bytes >> 20, 48); // 36 for the first 24 bits, 12 for the routes, 1 for the nodes
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lpm4Config {
    /// Routes, of whatever length.
    pub routes: usize,
    /// Nodes: one for each /24 that has longer prefixes. More than [`Self::MAX_NODES`] are not
    /// used.
    pub nodes: usize,
}

impl Lpm4Config {
    /// What the 15 bits of a root entry can name.
    pub const MAX_NODES: usize = 1 << 15;

    /// Cache lines that a table of this configuration lives in.
    pub const fn lines(&self) -> usize {
        lines_of::<AtomicUsize>(1)
            + lines_of::<Root>(1)
            + lines_of::<u64>(marks::words(ROOT_BITS))
            + lines_of::<Node>(self.usable_nodes())
            + lines_of::<Marks8>(self.usable_nodes())
            + lines_of::<u64>(routes::slots(self.routes))
    }

    const fn usable_nodes(&self) -> usize {
        if self.nodes < Self::MAX_NODES {
            self.nodes
        } else {
            Self::MAX_NODES
        }
    }
}

impl Default for Lpm4Config {
    /// A full Internet table with room to grow: 2^20 routes, 2^10 nodes.
    fn default() -> Self {
        Self {
            routes: 1 << 20,
            nodes: 1 << 10,
        }
    }
}

/// The IPv4 table in its writer's hands; [`Self::reader`] gives the look-up.
///
/// ```
/// use linecard::lookup::{CacheLine, Full, Lpm4, Lpm4Config, NextHop, RouteError};
///
/// let config = Lpm4Config { routes: 2, nodes: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm4::new(config, &mut memory)?;
/// let (old, new) = (NextHop::new(1)?, NextHop::new(2)?);
///
/// assert_eq!(table.insert("10.0.0.0/8".parse()?, old), Ok(None));
/// assert_eq!(table.insert("10.0.0.0/8".parse()?, new), Ok(Some(old)));
/// let refused = table.insert("10.0.0.1/32".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Nodes)));
/// assert_eq!(table.remove("10.0.0.0/8".parse()?), Ok(new));
/// assert_eq!(table.remove("10.0.0.0/8".parse()?), Err(RouteError::NoSuchRoute));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lpm4<'m> {
    reader: Lpm4Reader<'m>,
    nodes: Nodes<'m, { marks::words(INNER_BITS) }>,
    /// Which prefixes of up to 24 bits are routes; `nodes` has those of the longer ones.
    marks: &'m mut [u64],
    routes: Routes<'m, Prefix4>,
}

impl<'m> Lpm4<'m> {
    /// An empty table in `memory`, of which it clears and keeps the first
    /// [`Lpm4Config::lines`] lines.
    ///
    /// # Errors
    /// [`MemoryError`] when there are fewer.
    pub fn new(config: Lpm4Config, memory: &'m mut [CacheLine]) -> Result<Self, MemoryError> {
        let mut carver = Carver::new(memory, config.lines())?;
        let nodes = config.usable_nodes();
        let generation: &AtomicUsize = carver.take_one()?;
        let reader = Lpm4Reader {
            root: carver.take_one::<[AtomicU16; ROOT_ENTRIES]>()?,
            nodes: carver.take(nodes)?,
            generation,
        };
        Ok(Self {
            reader,
            marks: carver.take(marks::words(ROOT_BITS))?,
            nodes: Nodes::new(carver.take(nodes)?, generation),
            routes: Routes::new(carver.take(routes::slots(config.routes))?, config.routes),
        })
    }

    /// A view for look-ups; as many as there are cores.
    pub fn reader(&self) -> Lpm4Reader<'m> {
        self.reader
    }

    /// Adds a route, or gives an existing one a new next hop; the old one, if there was one.
    ///
    /// # Errors
    /// [`RouteError::TableFull`], naming what is used up; the table is unchanged.
    pub fn insert(&mut self, prefix: Prefix4, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        let entry = NextHop::entry(Some(hop));
        let Some(inner) = inner_position(prefix) else {
            let position = root_position(prefix);
            if !marks::contains(self.marks, position) && self.routes.is_full() {
                return Err(RouteError::TableFull(Full::Routes));
            }
            marks::set(self.marks, position);
            self.paint_root(position, entry);
            return Ok(self.routes.store(prefix, hop));
        };
        let slot = &self.reader.root[slot(prefix.first())];
        let current = slot.load(Ordering::Relaxed);
        let node = node_of(current);
        let known = node.is_some_and(|node| marks::contains(self.nodes.marks(node), inner));
        if !known && self.routes.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        if let Some(node) = node {
            marks::set(self.nodes.marks_mut(node), inner);
            self.paint_node(node, inner, entry);
            return Ok(self.routes.store(prefix, hop));
        }
        let node = self
            .nodes
            .take()
            .ok_or(RouteError::TableFull(Full::Nodes))?;
        self.paint_node(node, WHOLE, current);
        marks::set(self.nodes.marks_mut(node), inner);
        self.paint_node(node, inner, entry);
        // Release: a reader that follows the number sees the node filled.
        slot.store(NODE | node as u16, Ordering::Release);
        Ok(self.routes.store(prefix, hop))
    }

    /// Removes a route; what it covered goes to the next shorter one. Gives its next hop.
    ///
    /// # Errors
    /// [`RouteError::NoSuchRoute`].
    pub fn remove(&mut self, prefix: Prefix4) -> Result<NextHop, RouteError> {
        let hop = self.routes.remove(prefix).ok_or(RouteError::NoSuchRoute)?;
        let Some(inner) = inner_position(prefix) else {
            let position = root_position(prefix);
            marks::clear(self.marks, position);
            self.paint_root(position, self.covering_entry(prefix));
            return Ok(hop);
        };
        let slot = &self.reader.root[slot(prefix.first())];
        let Some(node) = node_of(slot.load(Ordering::Relaxed)) else {
            return Ok(hop); // Cannot be: a route this long has a node.
        };
        marks::clear(self.nodes.marks_mut(node), inner);
        let covering = self.covering_entry(prefix);
        if self.nodes.is_unmarked(node) {
            slot.store(covering, Ordering::Relaxed);
            self.nodes.give_back(node);
        } else {
            self.paint_node(node, inner, covering);
        }
        Ok(hop)
    }

    /// The next hop of exactly this route.
    pub fn route(&self, prefix: Prefix4) -> Option<NextHop> {
        self.routes.find(prefix)
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix4, NextHop)> + '_ {
        self.routes.iter()
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many nodes are in use: /24s with longer prefixes.
    pub fn nodes_in_use(&self) -> usize {
        self.nodes.in_use()
    }

    /// The entry of the longest route that covers `prefix`, or 0. Its own mark must be clear.
    fn covering_entry(&self, prefix: Prefix4) -> u16 {
        let in_node = inner_position(prefix).and_then(|inner| {
            let node = node_of(self.reader.root[slot(prefix.first())].load(Ordering::Relaxed))?;
            marks::cover(self.nodes.marks(node), inner)
        });
        let len = match in_node {
            Some(position) => ROOT_BITS + position.ilog2(),
            None => match marks::cover(self.marks, root_position(prefix)) {
                Some(position) => position.ilog2(),
                None => return 0,
            },
        };
        let covering = Prefix4::new(prefix.first(), len as u8).ok();
        NextHop::entry(covering.and_then(|covering| self.routes.find(covering)))
    }

    /// Writes `entry` wherever no prefix longer than the one at `position` matches.
    fn paint_root(&self, position: u32, entry: u16) {
        marks::uncovered(self.marks, ROOT_BITS, position, |index| {
            let Some(slot) = self.reader.root.get(index) else {
                return;
            };
            match node_of(slot.load(Ordering::Relaxed)) {
                Some(node) => self.paint_node(node, WHOLE, entry),
                None => slot.store(entry, Ordering::Relaxed),
            }
        });
    }

    /// The same within a node.
    fn paint_node(&self, node: usize, position: u32, entry: u16) {
        let Some(entries) = self.reader.nodes.get(node) else {
            return;
        };
        let marks = self.nodes.marks(node);
        marks::uncovered(marks, INNER_BITS, position, |index| {
            if let Some(slot) = entries.get(index) {
                slot.store(entry, Ordering::Relaxed);
            }
        });
    }
}

impl fmt::Debug for Lpm4<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm4")
            .field("routes", &self.len())
            .field("nodes_in_use", &self.nodes_in_use())
            .finish_non_exhaustive()
    }
}

/// The mark of a prefix of at most 24 bits; of a longer one, that of its /24.
fn root_position(prefix: Prefix4) -> u32 {
    let level = u32::from(prefix.len()).min(ROOT_BITS);
    let index = prefix.first().checked_shr(32 - level).unwrap_or(0);
    marks::position(level, index)
}

/// The mark of a prefix of over 24 bits in its node.
fn inner_position(prefix: Prefix4) -> Option<u32> {
    let level = u32::from(prefix.len())
        .checked_sub(ROOT_BITS)
        .filter(|level| *level > 0)?;
    Some(marks::position(
        level,
        (prefix.first() & 0xff) >> (INNER_BITS - level),
    ))
}

/// The node that an entry points to.
fn node_of(entry: u16) -> Option<usize> {
    (entry & NODE != 0).then_some(usize::from(entry & !NODE))
}

/// Bits of an address that a node resolves.
const INNER_BITS: u32 = 8;

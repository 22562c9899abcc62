//! The writer: routes in, cells out.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::leaf::{self, Leaf};
use super::level::Level;
use super::reader::Lpm6Reader;
use super::{LEAF, NODE};
use crate::lookup::marks::{self, Marks8, Marks12, WHOLE};
use crate::lookup::memory::{CacheLine, Carver, lines_of};
use crate::lookup::nodes::Nodes;
use crate::lookup::routes::{self, Routes};
use crate::lookup::{Full, MemoryError, NextHop, Prefix6, RouteError};
use crate::platform::{Bits, Wide};

/// How much an [`Lpm6`] can hold.
///
/// The full Internet table of 160,147 routes takes 610 wide nodes, 3,813 nodes and 19,588 leaves.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm6Config};
///
/// let bytes = Lpm6Config::default().lines() * CacheLine::SIZE;
/// assert_eq!(bytes >> 20, 34);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lpm6Config {
    /// Routes, of whatever length.
    pub routes: usize,
    /// Wide nodes, 17 KiB each: one for each /20 that has longer prefixes.
    pub wide_nodes: usize,
    /// Nodes, 1,088 bytes each: one for each /32, /40, /48 and so on that has longer prefixes
    /// which do not go into a leaf. It stays until the last of these goes. More than
    /// [`Self::MAX_NODES`] of both kinds together are not used.
    pub nodes: usize,
    /// Leaves, 192 bytes each: one for each /32, /40, /48 and so on that has up to 15 longer prefixes,
    /// of at most 16 bits more, which cut it into at most 16 intervals; below nodes, or below a
    /// wide one. More than [`Self::MAX_LEAVES`] are not used.
    pub leaves: usize,
}

impl Lpm6Config {
    /// How many nodes 31 bits can point to, in the worst case.
    pub const MAX_NODES: usize = 1 << 18;

    /// How many leaves 24 bits can tell apart, less one to write a changed one in.
    pub const MAX_LEAVES: usize = leaf::MOST as usize - 1;

    /// Cache lines that a table of this configuration lives in.
    pub const fn lines(&self) -> usize {
        lines_of::<AtomicUsize>(1)
            + lines_of::<AtomicU32>(self.cells())
            + lines_of::<u64>(marks::words(20))
            + lines_of::<Marks12>(self.usable_wide_nodes())
            + lines_of::<Marks8>(self.usable_nodes())
            + lines_of::<Leaf>(self.usable_leaves() + 1)
            + lines_of::<[u64; leaf::SHEET_WORDS]>(self.usable_leaves() + 1)
            + lines_of::<[u64; 3]>(routes::slots(self.routes))
    }

    const fn cells(&self) -> usize {
        ROOT_CELLS + self.usable_wide_nodes() * WIDE_CELLS + self.usable_nodes() * NODE_CELLS
    }

    const fn usable_wide_nodes(&self) -> usize {
        if self.wide_nodes < Self::MAX_NODES {
            self.wide_nodes
        } else {
            Self::MAX_NODES
        }
    }

    const fn usable_nodes(&self) -> usize {
        let most = Self::MAX_NODES - self.usable_wide_nodes();
        if self.nodes < most { self.nodes } else { most }
    }

    const fn usable_leaves(&self) -> usize {
        if self.leaves < Self::MAX_LEAVES {
            self.leaves
        } else {
            Self::MAX_LEAVES
        }
    }
}

impl Default for Lpm6Config {
    /// A full Internet table with room to grow: 200,000 routes, 800 wide nodes, 5,000 nodes,
    /// 28,000 leaves.
    fn default() -> Self {
        Self {
            routes: 200_000,
            wide_nodes: 800,
            nodes: 5_000,
            leaves: 28_000,
        }
    }
}

/// The IPv6 table in its writer's hands; [`Self::reader`] gives the look-up.
///
/// ```
/// use linecard::lookup::{CacheLine, Full, Lpm6, Lpm6Config, NextHop, RouteError};
///
/// let config = Lpm6Config { routes: 3, wide_nodes: 1, nodes: 0, leaves: 1 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm6::new(config, &mut memory)?;
/// let (old, new) = (NextHop::new(1)?, NextHop::new(2)?);
///
/// assert_eq!(table.insert("2001:db8::/32".parse()?, old), Ok(None));
/// assert_eq!(table.insert("2001:db8::/32".parse()?, new), Ok(Some(old)));
/// assert_eq!(table.insert("2001:db8:1::/48".parse()?, old), Ok(None));
/// let refused = table.insert("2001:db9:1::/48".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Leaves)));
/// let refused = table.insert("2001:db8:1:1::/64".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Nodes)));
/// let refused = table.insert("fe80::/32".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::WideNodes)));
/// assert_eq!(table.remove("2001:db8::/32".parse()?), Ok(new));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lpm6<'m> {
    pub(super) reader: Lpm6Reader<'m>,
    /// Which prefixes of up to 20 bits are routes; the nodes have those of the longer ones.
    marks: &'m mut [u64],
    wide: Nodes<'m, { marks::words(12) }>,
    nodes: Nodes<'m, { marks::words(8) }>,
    /// Which leaves are free, and the sheets of the others.
    pub(super) leaves: Nodes<'m, { leaf::SHEET_WORDS }>,
    /// How many of them may stay in use.
    pub(super) leaf_limit: usize,
    /// Where the nodes start among the cells.
    nodes_start: usize,
    routes: Routes<'m, Prefix6>,
}

/// The root or a node: its level, and its first cell.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) level: Level,
    pub(super) start: usize,
}

impl Place {
    const ROOT: Self = Self {
        level: Level::ROOT,
        start: 0,
    };
}

impl<'m> Lpm6<'m> {
    /// An empty table in `memory`, of which it clears and keeps the first
    /// [`Lpm6Config::lines`] lines.
    ///
    /// # Errors
    /// [`MemoryError`] when there are fewer.
    pub fn new(config: Lpm6Config, memory: &'m mut [CacheLine]) -> Result<Self, MemoryError> {
        let mut carver = Carver::new(memory, config.lines())?;
        let generation: &AtomicUsize = carver.take_one()?;
        let cells: &[AtomicU32] = carver.take(config.cells())?;
        // It starts with the root.
        let needed = config.lines();
        let root = cells
            .first_chunk()
            .ok_or(MemoryError { needed, given: 0 })?;
        Ok(Self {
            reader: Lpm6Reader {
                root,
                cells,
                bits: Bits::detect(),
                wide: Wide::detect(),
                leaves: carver.take(config.usable_leaves() + 1)?,
                generation,
            },
            marks: carver.take(marks::words(Level::ROOT.bits()))?,
            wide: Nodes::new(carver.take(config.usable_wide_nodes())?, generation),
            nodes: Nodes::new(carver.take(config.usable_nodes())?, generation),
            leaves: Nodes::new(carver.take(config.usable_leaves() + 1)?, generation),
            leaf_limit: config.usable_leaves(),
            nodes_start: ROOT_CELLS + config.usable_wide_nodes() * WIDE_CELLS,
            routes: Routes::new(carver.take(routes::slots(config.routes))?, config.routes),
        })
    }

    /// A view for look-ups; as many as there are cores.
    pub fn reader(&self) -> Lpm6Reader<'m> {
        self.reader
    }

    /// Adds a route, or gives an existing one a new next hop; the old one, if there was one.
    ///
    /// # Errors
    /// [`RouteError::TableFull`], naming what is used up; the table is unchanged.
    pub fn insert(&mut self, prefix: Prefix6, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        let target = Level::of(prefix.len());
        let place = self.walk(prefix.first(), target).last();
        let entry = NextHop::entry(Some(hop));
        let known = self.routes.find(prefix).is_some();
        if !known && self.routes.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        if place.level == target {
            let position = target.position(prefix);
            self.mark(place, position);
            self.paint(place, position, entry);
        } else {
            self.grow(place, (prefix, entry))
                .map_err(RouteError::TableFull)?;
        }
        Ok(self.routes.store(prefix, hop))
    }

    /// Removes a route; what it covered goes to the next shorter one. Gives its next hop.
    ///
    /// # Errors
    /// [`RouteError::NoSuchRoute`].
    pub fn remove(&mut self, prefix: Prefix6) -> Result<NextHop, RouteError> {
        let hop = self.routes.remove(prefix).ok_or(RouteError::NoSuchRoute)?;
        let path = self.walk(prefix.first(), Level::of(prefix.len()));
        let place = path.last();
        if place.level == Level::of(prefix.len()) {
            let position = place.level.position(prefix);
            marks::clear(self.marks_mut(place), position);
            let entry = self.covering_entry(prefix, &path);
            self.paint(place, position, entry);
        } else {
            self.shrink(place, prefix);
        }
        self.prune(prefix.first(), &path);
        Ok(hop)
    }

    /// The next hop of exactly this route.
    pub fn route(&self, prefix: Prefix6) -> Option<NextHop> {
        self.routes.find(prefix)
    }

    /// All routes, in no order.
    pub fn routes(&self) -> impl Iterator<Item = (Prefix6, NextHop)> + '_ {
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

    /// How many nodes are in use: /32s, /40s and so on with longer prefixes, not in leaves.
    pub fn nodes_in_use(&self) -> usize {
        self.nodes.in_use()
    }

    /// How many leaves are in use: /32s, /40s and so on with few longer prefixes.
    pub fn leaves_in_use(&self) -> usize {
        self.leaves.in_use()
    }

    /// How many wide nodes are in use: /20s with longer prefixes.
    pub fn wide_nodes_in_use(&self) -> usize {
        self.wide.in_use()
    }

    /// The places on the way of `address` down to `target`, as far as there are any.
    fn walk(&self, address: u128, target: Level) -> Path {
        let mut path = Path::new();
        while path.last().level < target {
            match self.child(path.last(), path.last().level.index(address) as usize) {
                Some(place) => path.push(place),
                None => break,
            }
        }
        path
    }

    /// Takes nodes that have neither routes nor nodes below them out of the way of `address`,
    /// the deepest first.
    fn prune(&mut self, address: u128, path: &Path) {
        for pair in path.places().windows(2).rev() {
            let &[above, place] = pair else { return };
            if !self.is_bare(place) {
                return;
            }
            // Without routes of its own, all its cells are what it inherited.
            let inherited = self
                .cell(place, 0)
                .map_or(0, |cell| cell.load(Ordering::Relaxed));
            if let Some(link) = self.cell(above, above.level.index(address) as usize) {
                link.store(inherited, Ordering::Relaxed);
            }
            self.give_back(place);
        }
    }

    /// Whether a node has neither routes nor nodes nor leaves below.
    fn is_bare(&self, place: Place) -> bool {
        let cells = self.reader.cells.iter().skip(place.start);
        self.marks(place).iter().all(|word| *word == 0)
            && cells
                .take(1 << place.level.bits())
                .all(|cell| cell.load(Ordering::Relaxed) & (NODE | LEAF) == 0)
    }

    /// The entry of the longest route that covers `prefix`, or 0. Its own mark must be clear.
    fn covering_entry(&self, prefix: Prefix6, path: &Path) -> u16 {
        let covering = path.places().iter().rev().find_map(|place| {
            let level = marks::cover(self.marks(*place), place.level.position(prefix))?.ilog2();
            Prefix6::new(prefix.first(), (place.level.start() + level) as u8).ok()
        });
        NextHop::entry(covering.and_then(|covering| self.routes.find(covering)))
    }

    /// Writes `entry` wherever no prefix longer than the one at `position` matches, in this
    /// place and those below.
    pub(super) fn paint(&self, place: Place, position: u32, entry: u16) {
        let (marks, bits) = (self.marks(place), place.level.bits());
        marks::uncovered(marks, bits, position, |index| {
            let Some(cell) = self.cell(place, index) else {
                return;
            };
            let before = cell.load(Ordering::Relaxed);
            if let Some(child) = self.child(place, index) {
                self.paint(child, WHOLE, entry);
            } else if is_leaf(before) {
                self.paint_leaf(leaf::number(before), entry);
            } else {
                cell.store(entry.into(), Ordering::Relaxed);
            }
        });
    }

    /// The place below, if the cell at `index` is a node's.
    fn child(&self, place: Place, index: usize) -> Option<Place> {
        let cell = self.cell(place, index)?.load(Ordering::Relaxed);
        let start = (cell & NODE != 0).then_some((cell & !NODE) as usize)?;
        Some(Place {
            level: place.level.below(),
            start,
        })
    }

    pub(super) fn cell(&self, place: Place, index: usize) -> Option<&'m AtomicU32> {
        self.reader.cells.get(place.start + index)
    }

    pub(super) fn take(&mut self, level: Level) -> Option<Place> {
        let start = match level {
            Level::WIDE => ROOT_CELLS + self.wide.take()? * WIDE_CELLS,
            _ => self.nodes_start + self.nodes.take()? * NODE_CELLS,
        };
        // What a node held when it was last used are no pointers of this one.
        let cells = self.reader.cells.iter().skip(start).take(1 << level.bits());
        cells.for_each(|cell| cell.store(0, Ordering::Relaxed));
        Some(Place { level, start })
    }

    pub(super) fn give_back(&mut self, place: Place) {
        match place.level {
            Level::ROOT => {}
            Level::WIDE => self.wide.give_back(self.number(place)),
            _ => self.nodes.give_back(self.number(place)),
        }
    }

    pub(super) fn mark(&mut self, place: Place, position: u32) {
        marks::set(self.marks_mut(place), position);
    }

    fn marks(&self, place: Place) -> &[u64] {
        match place.level {
            Level::ROOT => self.marks,
            Level::WIDE => self.wide.marks(self.number(place)),
            _ => self.nodes.marks(self.number(place)),
        }
    }

    pub(super) fn marks_mut(&mut self, place: Place) -> &mut [u64] {
        let number = self.number(place);
        match place.level {
            Level::ROOT => self.marks,
            Level::WIDE => self.wide.marks_mut(number),
            _ => self.nodes.marks_mut(number),
        }
    }

    /// The number of a node among those of its kind.
    fn number(&self, place: Place) -> usize {
        match place.level {
            Level::ROOT => 0,
            Level::WIDE => (place.start - ROOT_CELLS) / WIDE_CELLS,
            _ => (place.start - self.nodes_start) / NODE_CELLS,
        }
    }
}

impl fmt::Debug for Lpm6<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lpm6")
            .field("routes", &self.len())
            .field("wide_nodes_in_use", &self.wide_nodes_in_use())
            .field("nodes_in_use", &self.nodes_in_use())
            .finish_non_exhaustive()
    }
}

/// The root and the nodes that an address passes.
struct Path {
    places: [Place; Level::COUNT],
    len: usize,
}

impl Path {
    fn new() -> Self {
        Self {
            places: [Place::ROOT; Level::COUNT],
            len: 1,
        }
    }

    fn push(&mut self, place: Place) {
        if let Some(next) = self.places.get_mut(self.len) {
            *next = place;
            self.len += 1;
        }
    }

    fn places(&self) -> &[Place] {
        self.places.get(..self.len).unwrap_or(&self.places)
    }

    fn last(&self) -> Place {
        self.places().last().copied().unwrap_or(Place::ROOT)
    }
}

/// Whether a cell names a leaf.
pub(super) fn is_leaf(cell: u32) -> bool {
    cell & (NODE | LEAF) == LEAF
}

const ROOT_CELLS: usize = 1 << 20;
const WIDE_CELLS: usize = 1 << 12;
const NODE_CELLS: usize = 1 << 8;

//! The writer: routes in, cells out.

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::POINTER;
use super::level::Level;
use super::reader::Lpm6Reader;
use crate::lookup::marks::{self, Marks8, Marks12, WHOLE};
use crate::lookup::memory::{CacheLine, Carver, lines_of};
use crate::lookup::nodes::Nodes;
use crate::lookup::routes::{self, Routes};
use crate::lookup::{Full, MemoryError, NextHop, Prefix6, RouteError};

/// How much an [`Lpm6`] can hold.
///
/// The full Internet table of 160,147 routes takes 610 wide nodes and 30,872 nodes.
///
/// ```
/// use linecard::lookup::{CacheLine, Lpm6Config};
///
/// let bytes = Lpm6Config::default().lines() * CacheLine::SIZE;
/// assert_eq!(bytes >> 20, 63);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lpm6Config {
    /// Routes, of whatever length.
    pub routes: usize,
    /// Wide nodes, 17 KiB each: one for each /20 that has longer prefixes.
    pub wide_nodes: usize,
    /// Nodes, 1,088 bytes each: one for each /32, /40, /48 and so on that has longer prefixes.
    /// More than [`Self::MAX_NODES`] of both kinds together are not used.
    pub nodes: usize,
}

impl Lpm6Config {
    /// How many nodes 31 bits can point to, in the worst case.
    pub const MAX_NODES: usize = 1 << 18;

    /// Cache lines that a table of this configuration lives in.
    pub const fn lines(&self) -> usize {
        lines_of::<AtomicUsize>(1)
            + lines_of::<AtomicU32>(self.cells())
            + lines_of::<u64>(marks::words(20))
            + lines_of::<Marks12>(self.usable_wide_nodes())
            + lines_of::<Marks8>(self.usable_nodes())
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
}

impl Default for Lpm6Config {
    /// A full Internet table with room to grow: 200,000 routes, 800 wide nodes, 38,000 nodes.
    fn default() -> Self {
        Self {
            routes: 200_000,
            wide_nodes: 800,
            nodes: 38_000,
        }
    }
}

/// The IPv6 table in its writer's hands; [`Self::reader`] gives the look-up.
///
/// ```
/// use linecard::lookup::{CacheLine, Full, Lpm6, Lpm6Config, NextHop, RouteError};
///
/// let config = Lpm6Config { routes: 2, wide_nodes: 1, nodes: 0 };
/// let mut memory = vec![CacheLine::ZERO; config.lines()];
/// let mut table = Lpm6::new(config, &mut memory)?;
/// let (old, new) = (NextHop::new(1)?, NextHop::new(2)?);
///
/// assert_eq!(table.insert("2001:db8::/32".parse()?, old), Ok(None));
/// assert_eq!(table.insert("2001:db8::/32".parse()?, new), Ok(Some(old)));
/// let refused = table.insert("2001:db8::/33".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::Nodes)));
/// let refused = table.insert("fe80::/32".parse()?, old);
/// assert_eq!(refused, Err(RouteError::TableFull(Full::WideNodes)));
/// assert_eq!(table.remove("2001:db8::/32".parse()?), Ok(new));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lpm6<'m> {
    reader: Lpm6Reader<'m>,
    /// Which prefixes of up to 20 bits are routes; the nodes have those of the longer ones.
    marks: &'m mut [u64],
    wide: Nodes<'m, { marks::words(12) }>,
    nodes: Nodes<'m, { marks::words(8) }>,
    /// Where the nodes start among the cells.
    nodes_start: usize,
    routes: Routes<'m, Prefix6>,
}

/// The root or a node: its level, and its first cell.
#[derive(Clone, Copy)]
struct Place {
    level: Level,
    start: usize,
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
        Ok(Self {
            reader: Lpm6Reader {
                cells: carver.take(config.cells())?,
                generation,
            },
            marks: carver.take(marks::words(Level::ROOT.bits()))?,
            wide: Nodes::new(carver.take(config.usable_wide_nodes())?, generation),
            nodes: Nodes::new(carver.take(config.usable_nodes())?, generation),
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
        let missing = target.depth() - place.level.depth();
        let position = target.position(prefix);
        let known = missing == 0 && marks::contains(self.marks(place), position);
        if !known && self.routes.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        let wide = usize::from(place.level == Level::ROOT && missing > 0);
        if wide > self.wide.available() {
            return Err(RouteError::TableFull(Full::WideNodes));
        }
        if missing - wide > self.nodes.available() {
            return Err(RouteError::TableFull(Full::Nodes));
        }
        let entry = u32::from(NextHop::entry(Some(hop)));
        if missing == 0 {
            self.mark(place, position);
            self.paint(place, position, entry);
        } else {
            self.grow(place, prefix, entry);
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
        let position = place.level.position(prefix);
        marks::clear(self.marks_mut(place), position);
        let entry = self.covering_entry(prefix, &path);
        self.paint(place, position, entry);
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

    /// How many nodes are in use: /32s, /40s and so on with longer prefixes.
    pub fn nodes_in_use(&self) -> usize {
        self.nodes.in_use()
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

    /// Hangs new nodes below `place` down to the level of `prefix`, and makes them visible once
    /// the last one has its route. That there are enough free ones must have been checked.
    fn grow(&mut self, place: Place, prefix: Prefix6, entry: u32) {
        let Some(link) = self.cell(place, place.level.index(prefix.first()) as usize) else {
            return;
        };
        let inherited = link.load(Ordering::Relaxed);
        let target = Level::of(prefix.len());
        let mut first = None;
        let mut above: Option<&AtomicU32> = None;
        let mut level = place.level;
        while level < target {
            level = level.below();
            let Some(new) = self.take(level) else { return };
            self.paint(new, WHOLE, inherited);
            let pointer = POINTER | new.start as u32;
            match above {
                Some(cell) => cell.store(pointer, Ordering::Relaxed),
                None => first = Some(pointer),
            }
            above = self.cell(new, level.index(prefix.first()) as usize);
            if level == target {
                self.mark(new, target.position(prefix));
                self.paint(new, target.position(prefix), entry);
            }
        }
        if let Some(pointer) = first {
            // Release: a reader that follows the pointer sees all below it filled.
            link.store(pointer, Ordering::Release);
        }
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

    /// Whether a node has neither routes nor nodes below.
    fn is_bare(&self, place: Place) -> bool {
        self.marks(place).iter().all(|word| *word == 0)
            && (0..1 << place.level.bits()).all(|index| self.child(place, index).is_none())
    }

    /// The entry of the longest route that covers `prefix`, or 0. Its own mark must be clear.
    fn covering_entry(&self, prefix: Prefix6, path: &Path) -> u32 {
        let covering = path.places().iter().rev().find_map(|place| {
            let level = marks::cover(self.marks(*place), place.level.position(prefix))?.ilog2();
            Prefix6::new(prefix.first(), (place.level.start() + level) as u8).ok()
        });
        NextHop::entry(covering.and_then(|covering| self.routes.find(covering))).into()
    }

    /// Writes `entry` wherever no prefix longer than the one at `position` matches, in this
    /// place and those below.
    fn paint(&self, place: Place, position: u32, entry: u32) {
        marks::uncovered(
            self.marks(place),
            place.level.bits(),
            position,
            |index| match (self.child(place, index), self.cell(place, index)) {
                (Some(child), _) => self.paint(child, WHOLE, entry),
                (None, Some(cell)) => cell.store(entry, Ordering::Relaxed),
                (None, None) => {}
            },
        );
    }

    /// The place below, if the cell at `index` is a pointer.
    fn child(&self, place: Place, index: usize) -> Option<Place> {
        let cell = self.cell(place, index)?.load(Ordering::Relaxed);
        let start = (cell & POINTER != 0).then_some((cell & !POINTER) as usize)?;
        Some(Place {
            level: place.level.below(),
            start,
        })
    }

    fn cell(&self, place: Place, index: usize) -> Option<&'m AtomicU32> {
        self.reader.cells.get(place.start + index)
    }

    fn take(&mut self, level: Level) -> Option<Place> {
        let start = match level {
            Level::WIDE => ROOT_CELLS + self.wide.take()? * WIDE_CELLS,
            _ => self.nodes_start + self.nodes.take()? * NODE_CELLS,
        };
        // What a node held when it was last used are no pointers of this one.
        let cells = self.reader.cells.iter().skip(start).take(1 << level.bits());
        cells.for_each(|cell| cell.store(0, Ordering::Relaxed));
        Some(Place { level, start })
    }

    fn give_back(&mut self, place: Place) {
        match place.level {
            Level::ROOT => {}
            Level::WIDE => self.wide.give_back(self.number(place)),
            _ => self.nodes.give_back(self.number(place)),
        }
    }

    fn mark(&mut self, place: Place, position: u32) {
        marks::set(self.marks_mut(place), position);
    }

    fn marks(&self, place: Place) -> &[u64] {
        match place.level {
            Level::ROOT => self.marks,
            Level::WIDE => self.wide.marks(self.number(place)),
            _ => self.nodes.marks(self.number(place)),
        }
    }

    fn marks_mut(&mut self, place: Place) -> &mut [u64] {
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

const ROOT_CELLS: usize = 1 << 20;
const WIDE_CELLS: usize = 1 << 12;
const NODE_CELLS: usize = 1 << 8;

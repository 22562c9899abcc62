//! Where every frame is.

use core::fmt;

use heapless::{String, Vec};

use super::account::{ACCOUNTS, AccountId, Counts, NAME_LEN};
use super::{FrameIndex, Pool};
use crate::sync::atomic::{AtomicU32, Ordering};

/// Where the frames of a pool are: a snapshot.
///
/// `free + cached + held + posted + completing = total`. `held` is what the others leave, so the
/// sum always holds; a frame that is in two places shows as `surplus`. While other cores move
/// frames the numbers are each a little old; when nobody does, they are exact.
///
/// ```
/// # use linecard::mempool::{Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let frame = pool.alloc();
/// let ledger = pool.ledger();
/// assert_eq!((ledger.total, ledger.free, ledger.held), (8, 7, 1));
/// println!("{ledger}");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Frames in the pool.
    pub total: usize,
    /// In the shared free list.
    pub free: usize,
    /// In the caches of cores.
    pub cached: usize,
    /// Held by the program: in packets, bursts, rings, queues.
    pub held: usize,
    /// Posted to devices, to be filled.
    pub posted: usize,
    /// Sent, and waiting for the device to be done.
    pub completing: usize,
    /// Frames that are in more than one place; always 0 unless a driver broke its contract.
    pub surplus: usize,
    /// Moves from a place where the frame was not, seen so far (only of a pool that tracks).
    pub violations: u32,
    /// Each cache and device queue by its name.
    pub entries: Vec<Entry, ACCOUNTS>,
}

/// One cache or device queue in the [`Ledger`].
///
/// ```
/// # use linecard::mempool::{Cache, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// let cache = Cache::new(&pool, "core 0", 4).unwrap();
/// assert_eq!(pool.ledger().entries[0].name, "core 0");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name it was registered by; longer ones are cut to 24 bytes.
    pub name: String<NAME_LEN>,
    /// Frames in the cache.
    pub cached: usize,
    /// Frames posted to the device.
    pub posted: usize,
    /// Frames sent and not completed.
    pub completing: usize,
    /// The queue is gone and never gave these frames back.
    pub closed: bool,
}

/// Where one frame is.
///
/// ```
/// use linecard::mempool::{FrameIndex, Place, Pool, PoolConfig, Region, Slot};
/// let mut memory = vec![0u8; 8 * 2048 + 63];
/// let slots = [const { Slot::new() }; 8];
/// let config = PoolConfig { track: true, ..PoolConfig::default() };
/// let pool = Pool::new(Region::from_slice(&mut memory), &slots, config).unwrap();
/// let frame = pool.alloc().unwrap();
/// assert_eq!(pool.place_of(frame.index()), Some(Place::Held));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the shared free list.
    Free,
    /// Held by the program.
    Held,
    /// In this account's cache.
    Cached(AccountId),
    /// Posted to this account's device.
    Posted(AccountId),
    /// Sent through this account's device and not completed.
    Completing(AccountId),
}

/// What is wrong with a pool that nobody uses any more.
///
/// ```
/// # use linecard::mempool::{AuditError, Pool, PoolConfig, Region, Slot};
/// # let mut memory = vec![0u8; 8 * 2048 + 63];
/// # let slots = [const { Slot::new() }; 8];
/// # let pool = Pool::new(Region::from_slice(&mut memory), &slots, PoolConfig::default()).unwrap();
/// std::mem::forget(pool.alloc());
/// assert_eq!(pool.audit(), Err(AuditError::Held(1)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditError {
    /// This frame is in the free list twice.
    Twice(FrameIndex),
    /// The free list names a frame that the pool does not have, or that is elsewhere.
    Astray(FrameIndex),
    /// The free list counts another number of frames than it has.
    Miscounted {
        /// What it counts.
        counted: usize,
        /// What it has.
        found: usize,
    },
    /// The program still holds this many frames, or has lost them.
    Held(usize),
    /// More frames are accounted for than there are.
    Surplus(usize),
    /// A device queue has, or had when it went, frames that it did not give back.
    Kept(Entry),
    /// This many moves were made from a place where the frame was not; the first was of this one.
    Violations {
        /// How many.
        count: u32,
        /// The frame of the first.
        first: FrameIndex,
    },
}

/// Moves that should not have been, of a pool that tracks.
#[derive(Debug)]
pub(super) struct Violations {
    count: AtomicU32,
    first: AtomicU32,
}

impl Violations {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            first: AtomicU32::new(u32::MAX),
        }
    }
}

impl Pool<'_> {
    /// Where the frames are now.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger {
            total: self.frames(),
            free: self.free_frames(),
            cached: 0,
            held: 0,
            posted: 0,
            completing: 0,
            surplus: 0,
            violations: self.violations.count.load(Ordering::Relaxed),
            entries: Vec::new(),
        };
        // By all together, as one may have what another lacks.
        let (mut all_posted, mut all_completing) = (0_i64, 0_i64);
        for cell in &self.accounts {
            let Some((name, closed, counts)) = cell.read() else {
                continue;
            };
            let Counts {
                cached,
                posted,
                completing,
            } = counts;
            ledger.cached += cached;
            all_posted += i64::from(posted);
            all_completing += i64::from(completing);
            // There is an entry for each account.
            let _ = ledger.entries.push(Entry {
                name,
                cached,
                posted: posted.max(0) as usize,
                completing: completing.max(0) as usize,
                closed,
            });
        }
        ledger.posted = all_posted.max(0) as usize;
        ledger.completing = all_completing.max(0) as usize;
        let placed = ledger.free + ledger.cached + ledger.posted + ledger.completing;
        ledger.held = ledger.total.saturating_sub(placed);
        ledger.surplus = placed.saturating_sub(ledger.total);
        ledger
    }

    /// Checks that every frame is back, once: in the free list, or in a cache that still lives.
    ///
    /// Every test ends by asking this. Call it when no other thread uses the pool.
    ///
    /// # Errors
    ///
    /// The first thing found wrong.
    pub fn audit(&self) -> Result<(), AuditError> {
        let mut found = 0;
        let mut error = None;
        self.walk_free(|index| {
            let Some(slot) = self.slot(index) else {
                error = Some(AuditError::Astray(FrameIndex(index)));
                return false;
            };
            let owner = slot.owner.fetch_or(MARK, Ordering::Relaxed);
            if owner & MARK != 0 {
                error = Some(AuditError::Twice(FrameIndex(index)));
            } else if self.tracks() && owner != Place::Free.code() {
                error = Some(AuditError::Astray(FrameIndex(index)));
            }
            found += 1;
            error.is_none()
        });
        for index in 0..self.frames() as u32 {
            if let Some(slot) = self.slot(index) {
                slot.owner.fetch_and(!MARK, Ordering::Relaxed);
            }
        }
        if let Some(error) = error {
            return Err(error);
        }
        let ledger = self.ledger();
        if ledger.violations != 0 {
            let first = FrameIndex(self.violations.first.load(Ordering::Relaxed));
            return Err(AuditError::Violations {
                count: ledger.violations,
                first,
            });
        }
        if ledger.free != found {
            return Err(AuditError::Miscounted {
                counted: ledger.free,
                found,
            });
        }
        if ledger.surplus != 0 {
            return Err(AuditError::Surplus(ledger.surplus));
        }
        let kept = |entry: &&Entry| entry.closed || entry.posted + entry.completing != 0;
        if let Some(entry) = ledger.entries.iter().find(kept) {
            return Err(AuditError::Kept(entry.clone()));
        }
        if ledger.held != 0 {
            return Err(AuditError::Held(ledger.held));
        }
        Ok(())
    }

    /// Where a frame is; `None` if the pool does not track or has no such frame.
    pub fn place_of(&self, index: FrameIndex) -> Option<Place> {
        let owner = self.slot(index.0)?.owner.load(Ordering::Relaxed);
        if self.tracks() {
            Place::from_code(owner)
        } else {
            None
        }
    }

    #[cold]
    pub(super) fn write_down(&self, index: u32, from: Place, to: Place) {
        let Some(slot) = self.slot(index) else { return };
        if slot.owner.swap(to.code(), Ordering::Relaxed) != from.code() {
            self.violations.count.fetch_add(1, Ordering::Relaxed);
            let first = &self.violations.first;
            let _ = first.compare_exchange(u32::MAX, index, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

impl Place {
    pub(super) const fn code(self) -> u32 {
        match self {
            Self::Free => 0,
            Self::Held => 1,
            Self::Cached(id) => 0x100 | id.0 as u32,
            Self::Posted(id) => 0x200 | id.0 as u32,
            Self::Completing(id) => 0x300 | id.0 as u32,
        }
    }

    const fn from_code(code: u32) -> Option<Self> {
        let id = AccountId(code as u8);
        Some(match code >> 8 {
            0 if code == 0 => Self::Free,
            0 if code == 1 => Self::Held,
            1 => Self::Cached(id),
            2 => Self::Posted(id),
            3 => Self::Completing(id),
            _ => return None,
        })
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            total,
            free,
            cached,
            held,
            posted,
            completing,
            ..
        } = self;
        write!(
            f,
            "{total} frames: {free} free, {cached} cached, {held} held, {posted} posted, \
             {completing} completing"
        )?;
        if self.surplus != 0 {
            write!(f, ", {} in two places", self.surplus)?;
        }
        if self.violations != 0 {
            write!(f, ", {} wrong moves", self.violations)?;
        }
        for entry in &self.entries {
            write!(f, "\n  {entry}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            cached,
            posted,
            completing,
            closed,
        } = self;
        write!(
            f,
            "{name}: {cached} cached, {posted} posted, {completing} completing"
        )?;
        if *closed {
            f.write_str(", never given back")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for AuditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(frame) => write!(f, "frame {} is in the free list twice", frame.0),
            Self::Astray(frame) => write!(f, "frame {} does not belong in the free list", frame.0),
            Self::Miscounted { counted, found } => {
                write!(f, "the free list counts {counted} frames and has {found}")
            }
            Self::Held(count) => write!(f, "{count} frames are still held, or lost"),
            Self::Surplus(count) => write!(f, "{count} frames are in two places"),
            Self::Kept(entry) => write!(f, "not given back: {entry}"),
            Self::Violations { count, first } => {
                write!(
                    f,
                    "{count} frames were not where they were taken from, first {}",
                    first.0
                )
            }
        }
    }
}

impl core::error::Error for AuditError {}

/// Set in a slot's owner while an audit has seen the frame.
const MARK: u32 = 1 << 31;

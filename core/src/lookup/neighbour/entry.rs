//! One neighbour, in one cache line.

use static_assertions::const_assert_eq;

use super::NeighbourKey;
use crate::wire::MacAddr;

/// A state of RFC 4861 section 7.3.2, or one of the two that a forwarder needs besides.
///
/// ```
/// use linecard::lookup::NeighbourState;
///
/// assert!(NeighbourState::Delay.is_resolved());
/// assert!(!NeighbourState::Incomplete.is_resolved());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NeighbourState {
    /// It was asked for and has not answered.
    Incomplete,
    /// It answered lately.
    Reachable,
    /// Its address is known, but not whether it is still there.
    Stale,
    /// A packet was sent to it while stale; what comes back may confirm it.
    Delay,
    /// It is asked whether it is still there.
    Probe,
    /// It did not answer when it was asked for; it is not asked again for a while.
    Failed,
    /// Configured: never asked, never changed, never replaced.
    Permanent,
}

impl NeighbourState {
    /// Whether a packet can be sent to it: its MAC address is known.
    pub const fn is_resolved(self) -> bool {
        !matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// Memory for one neighbour of a [`Neighbours`](super::Neighbours) table.
///
/// ```
/// use linecard::lookup::{NeighbourConfig, NeighbourEntry, Neighbours};
///
/// assert_eq!(size_of::<NeighbourEntry>(), 64);
/// let mut entries = [NeighbourEntry::EMPTY; 1024];
/// let table = Neighbours::new(NeighbourConfig::default(), &mut entries);
/// assert_eq!(table.capacity(), 1024);
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub struct NeighbourEntry {
    pub(super) key: NeighbourKey,
    pub(super) mac: MacAddr,
    /// `None`: free.
    pub(super) state: Option<NeighbourState>,
    /// Solicitations sent in this state.
    pub(super) asked: u8,
    pub(super) pending: u16,
    /// First entry of the hash bucket with this entry's number.
    pub(super) bucket: u32,
    /// Next entry of the same bucket, or of the free ones.
    pub(super) chain: u32,
    /// Neighbours in the timer queue of its state.
    pub(super) next: u32,
    pub(super) previous: u32,
    /// When its state ends, in nanoseconds.
    pub(super) deadline: u64,
    /// When it was last used, or asked for, in nanoseconds.
    pub(super) used: u64,
}

const_assert_eq!(size_of::<NeighbourEntry>(), 64);

impl NeighbourEntry {
    /// A free entry.
    pub const EMPTY: Self = Self {
        key: NeighbourKey::v4(core::net::Ipv4Addr::UNSPECIFIED, 0),
        mac: MacAddr::ZERO,
        state: None,
        asked: 0,
        pending: 0,
        bucket: NONE,
        chain: NONE,
        next: NONE,
        previous: NONE,
        deadline: 0,
        used: 0,
    };
}

/// No entry: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

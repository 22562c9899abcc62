//! Neighbours: which MAC address a next hop has, for IPv4 (ARP) and IPv6 (neighbour discovery).
//!
//! One state machine for both, that of RFC 4861 section 7.3.2:
//!
//! ```text
//!              resolve()                 answer, solicited
//!   (none) ──────────────▶ INCOMPLETE ─────────────────────▶ REACHABLE ◀─┐
//!     ▲  ▲                  │  │  unsolicited                   │ 30 s   │
//!     │  │ hold   3 asked,  │  └────────────────▶ STALE ◀───────┘        │ answer,
//!     │  └────── FAILED ◀───┘                     │  resolve()           │ solicited
//!     │                                           ▼                      │
//!     │             3 asked                     DELAY ──────▶ PROBE ─────┤
//!     └─────────────────────────────────────────── 5 s ──────── │ ───────┘
//! ```
//!
//! The table sends nothing and keeps no packets. [`Neighbours::resolve`] tells a forwarder what to do
//! with a packet, [`Neighbours::learn`] and [`Neighbours::observe`] take what came in, and
//! [`Neighbours::poll`] gives, one at a time, what time makes due. A packet that waits is counted
//! in its entry, whose slot does not change while the entry lives: a forwarder can
//! keep the packets in a queue by slot.
//!
//! # Who can push whom out
//! Anybody who sends packets to addresses that nobody has makes entries. Those are bounded by
//! [`NeighbourConfig::unresolved`] and only ever replace each other: scanning a /64 costs no
//! neighbour its entry (RFC 6583). When all of them are taken, one that has waited
//! for an answer for [`NeighbourConfig::patience`] makes room, so that those
//! who would answer get the time to; until then a new address is refused. Resolved
//! entries are replaced only by others that answered, the least recently used (of a sample) first; permanent
//! ones never.
//!
//! # Why the router has another
//! This table is for forwarders whose next hops are their own affair: a balancer, a gateway between
//! links, a host. It keeps neighbours and nothing else, has the whole of RFC 4861's state machine
//! (a neighbour nobody sends to is left alone, as stale), and replaces entries by their use, so a
//! slot lasts only as long as its neighbour.
//!
//! The [router](crate::forward::router) cannot stand on that. There an entry's number is what routes
//! lead to, and has to outlast the neighbour: a gateway that is gone keeps its number, and packets
//! wait for it there. What is no neighbour has entries as well (links, own addresses, broadcasts,
//! blackholes) and is found by the same hash, so that the fast path looks a destination on a link
//! up once and has its [`Hop`](crate::forward::router::Hop) by the entry's number. Over this table
//! it would need both: hops by number, and slots beside them, with a way from each to the other.
//!
//! ```
//! use core::net::Ipv4Addr;
//! use core::time::Duration;
//! use linecard::lookup::*;
//! use linecard::platform::Instant;
//! use linecard::wire::MacAddr;
//!
//! let mut entries = [NeighbourEntry::EMPTY; 64];
//! let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
//! let key = NeighbourKey::v4(Ipv4Addr::new(192, 0, 2, 1), 0);
//! let (start, mac) = (Instant::from_nanos(0), MacAddr([2, 0, 0, 0, 0, 1]));
//!
//! // The first packet to it: send an ARP request, keep the packet.
//! let Resolution::Wait { slot, solicit: true, .. } = table.resolve(key, start) else { panic!() };
//! assert!(table.hold(slot));
//! // Nobody answers for a second: ask again.
//! let later = start + Duration::from_secs(1);
//! assert_eq!(table.poll(later), Some(NeighbourAction::Solicit { key, slot, to: None }));
//! // The answer: send what waited.
//! let answer = Advertisement::reply(mac);
//! assert_eq!(table.learn(key, answer, later), Learned::Resolved { slot, mac, pending: 1 });
//! assert_eq!(table.resolve(key, later), Resolution::Known(mac));
//! ```

mod answer;
mod entry;
mod key;
mod room;
mod store;
mod table;

#[cfg(test)]
mod tests;

use core::time::Duration;

pub use answer::{Advertisement, Displaced, Learned, NeighbourAction, Resolution};
pub use entry::{NeighbourEntry, NeighbourState};
pub use key::NeighbourKey;
pub use table::Neighbours;

/// The times and bounds of a [`Neighbours`] table.
///
/// ```
/// use core::time::Duration;
/// use linecard::lookup::NeighbourConfig;
///
/// let quick = NeighbourConfig { reachable: Duration::from_secs(5), ..Default::default() };
/// assert_eq!(quick.retransmit, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourConfig {
    /// Entries for addresses that have not answered, at most; also at most half of all entries,
    /// and at least one.
    pub unresolved: usize,
    /// How long an address may wait for its answer before another that is refused for want of room
    /// takes its entry.
    pub patience: Duration,
    /// Packets that may wait for one neighbour: what [`Neighbours::hold`] counts up to.
    pub pending: u16,
    /// How long a confirmation holds, on average: each holds for 0.5 to 1.5 times as long
    /// (RFC 4861 section 10, `REACHABLE_TIME`).
    pub reachable: Duration,
    /// Between one solicitation and the next (`RETRANS_TIMER`).
    pub retransmit: Duration,
    /// From the first packet to a stale neighbour until it is probed
    /// (`DELAY_FIRST_PROBE_TIME`).
    pub delay: Duration,
    /// How often an unknown neighbour is asked for (`MAX_MULTICAST_SOLICIT`).
    pub multicast_solicits: u8,
    /// How often a stale neighbour is probed (`MAX_UNICAST_SOLICIT`).
    pub unicast_solicits: u8,
    /// How long an address that did not answer is not asked for again.
    pub failed: Duration,
    /// A secret of the port's choice, so that nobody outside can choose addresses whose hashes
    /// collide.
    pub seed: u64,
}

impl Default for NeighbourConfig {
    /// The times of RFC 4861 section 10; room for 256 unresolved entries with 3 packets each.
    fn default() -> Self {
        Self {
            unresolved: 256,
            patience: Duration::from_millis(100),
            pending: 3,
            reachable: Duration::from_secs(30),
            retransmit: Duration::from_secs(1),
            delay: Duration::from_secs(5),
            multicast_solicits: 3,
            unicast_solicits: 3,
            failed: Duration::from_secs(1),
            seed: 0,
        }
    }
}

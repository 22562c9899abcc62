//! An IPv4 and IPv6 router: RFC 1812 and RFC 8200, ARP and neighbour discovery, ICMP.
//!
//! ```text
//!            fast path: passes over the burst                  slow path: one packet, by the book
//!  ┌───────────┐   ┌──────────────┐   ┌──────────────────┐     ┌───────────────────────────────┐
//!  │ parse and │   │ longest-     │   │ hop: write MACs, │     │ own addresses, options, ARP,  │
//!  │ check     ├──>│ prefix match ├──>│ TTL, checksum    ├─tx  │ ND, ICMP, fragments, packets  │
//!  └─────┬─────┘   └──────────────┘   └────────┬─────────┘     │ that wait for a neighbour     │
//!        └── not plain ─────────── no hop ─────┴── exception ─>└───────────────────────────────┘
//! ```
//!
//! The fast path takes a packet only if nothing about it is special; it decides nothing else. All
//! the rest comes to the slow path, which makes every check again and knows all the rules, so that
//! there is one place where each rule is.
//!
//! # Next hops
//!
//! A route leads to a [`NextHop`], the number of an entry of this router: a gateway, a link
//! ([`Target`] has them all). An entry with a known Ethernet address has a [`Hop`], all that the
//! fast path writes. A link's entry sends each packet on to its own destination's entry, found by a
//! hash. Tables of routes are the caller's: the router holds readers of them, several routers may
//! hold the same, and one writer changes them under way. [`Routes`] keeps tables and router together.
//!
//! # Neighbours
//!
//! After RFC 4861 section 7.3, for ARP too: a neighbour is asked when the first packet for it comes;
//! packets wait, each neighbour's up to a bound; when it does not answer, the first is answered by
//! ICMP and the rest are dropped. One that answered is asked again, directly, after
//! [`RouterConfig::reachable`], whether or not it is in use, and is forgotten when it is gone.
//!
//! The table is the router's own, not [`lookup::Neighbours`](crate::lookup::Neighbours): its entries
//! are numbered for routes to lead to, outlast a neighbour that is gone while a route does, and are
//! more than neighbours; [there](crate::lookup::Neighbours) slots come and go with who answers. For
//! a forwarder of one's own that one is the choice: it knows when a neighbour is in use, and replaces
//! those that are not.
//!
//! # Several workers
//!
//! A [`Leader`] is a router on one worker; [`Follower`]s on others have its fast path, and send it what
//! is not plain.
//!
//! # Groups
//!
//! It listens to the groups that its own addresses are solicited in, and to that of all routers, and
//! says so by MLD (RFC 3810; RFC 2710 to queriers of that), without which a switch that snoops would
//! keep neighbour solicitations from it: [`RouterConfig::listener_reports`]. It says so again when a
//! link comes up. It says nothing when an address is gone, and is no querier.
//!
//! # What it does not do
//!
//! Redirects, router advertisements, multicast routing, proxy ARP and duplicate address detection
//! for its own addresses; it does not reassemble fragments to its own addresses, and it does not
//! fill in the IPv4 options that ask for it. VLAN-tagged packets are dropped: take the tag off in
//! a stage before. What comes from one of its own addresses is refused when it is for the router
//! itself; sources of what it forwards are held against the martians of RFC 1812 section 5.3.7
//! alone, not against routes (RFC 3704) or its own addresses: that is a stage before, too.
//!
//! ```
//! use linecard::forward::router::*;
//! use linecard::lookup::{CacheLine, Lpm4, Lpm4Config};
//! use linecard::packet::PortId;
//! use linecard::wire::MacAddr;
//!
//! let config = Lpm4Config { routes: 1000, nodes: 16 };
//! let mut lines = vec![CacheLine::ZERO; config.lines()];
//! let mut ipv4 = Lpm4::new(config, &mut lines)?;
//! let mut store: RouterStore<'_> = RouterStore::new();
//! let mut router = Router::new(store.memory(), ipv4.reader(), NoRoutes, RouterConfig::default())?;
//!
//! let lan = PortId(0);
//! router.set_interface(lan, InterfaceConfig::new(MacAddr([2, 0, 0, 0, 0, 1]), 1500))?;
//! let link = router.add_ipv4(lan, "192.0.2.1".parse()?, 24)?;
//! ipv4.insert("192.0.2.0/24".parse()?, link)?;
//! let gateway = router.next_hop(Target::Gateway(lan, "192.0.2.254".parse()?))?;
//! ipv4.insert("0.0.0.0/0".parse()?, gateway)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arp;
mod changes;
mod config;
mod control;
mod fast4;
mod fast6;
mod fragment4;
mod hop;
mod icmp4;
mod icmp6;
mod interface;
mod ipv4;
mod ipv6;
mod limit;
mod mld;
mod nd;
mod neighbour;
mod no_routes;
mod parking;
mod resolve;
mod routes;
mod slow;
mod stats;
mod store;
mod table;
mod workers;

pub use changes::Change;
pub use config::{LocalTraffic, OptionsPolicy, RouterConfig, RouterError};
pub use control::Target;
pub use hop::Hop;
pub use interface::{Interface, InterfaceConfig, LinkLocal};
pub use limit::Rate;
pub use neighbour::Neighbour;
pub use no_routes::NoRoutes;
pub use parking::Parked;
pub use routes::{ChangeError, IpPrefix, Routes};
pub use stats::RouterStats;
pub use store::{RouterMemory, RouterStore};
pub use workers::{Follower, Leader};

use core::fmt;

use crate::lookup::{Lpm, NextHop};
use crate::packet::Packet;
use crate::pipeline::{Context, Lot, Parts, Stage, Verdict};
use crate::platform::Instant;
use crate::trace::Phase;

use limit::Bucket;
use parking::Parking;
use table::Table;

/// An IPv4 and IPv6 router, as a stage. See the [module](self).
///
/// `A` and `B` answer for IPv4 and IPv6 addresses; `'m` is its memory, `'p` the pool of the packets.
pub struct Router<'m, 'p, A, B> {
    interfaces: &'m mut [Interface],
    table: Table<'m>,
    parking: Parking<'m, 'p>,
    ipv4: A,
    ipv6: B,
    config: RouterConfig,
    errors: Bucket,
    echoes: Bucket,
    stats: &'m RouterStats,
    /// When the next neighbour is to be asked or given up.
    due: Instant,
    /// By which reports are put off.
    random: u64,
    scratch: Scratch,
}

/// What the passes over a burst hand on to each other.
struct Scratch {
    found: fast4::Found,
    hops: [Option<NextHop>; MAX_BURST],
    ipv6: fast6::Found,
}

impl<'m, 'p, A: Lpm<u32>, B: Lpm<u128>> Router<'m, 'p, A, B> {
    /// A router without interfaces, whose next hops are looked up in `ipv4` and `ipv6`.
    ///
    /// # Errors
    ///
    /// [`RouterError::TooLittleMemory`].
    pub fn new(
        memory: RouterMemory<'m, 'p>,
        ipv4: A,
        ipv6: B,
        config: RouterConfig,
    ) -> Result<Self, RouterError> {
        let RouterMemory {
            interfaces,
            hops,
            neighbours,
            index,
            parked,
            stats,
        } = memory;
        interfaces.fill(Interface::NONE);
        Ok(Self {
            interfaces,
            table: Table::new(hops, neighbours, index, config.seed)?,
            parking: Parking::new(parked),
            ipv4,
            ipv6,
            errors: Bucket::new(config.errors),
            echoes: Bucket::new(config.echoes),
            config,
            stats,
            due: NEVER,
            random: config.seed,
            scratch: Scratch {
                found: fast4::Found::new(),
                hops: [None; MAX_BURST],
                ipv6: fast6::Found::new(),
            },
        })
    }

    /// The passes over the packets from `at` on, [`MAX_BURST`] at most. Gives the verdict that all of them have, if it is
    /// known to be one.
    #[inline]
    fn passes(&mut self, lot: &mut Lot<'_, 'p>, at: usize) -> Option<Verdict> {
        let slow = lot.exception(SLOW);
        let from = lot.port();
        let (
            Parts {
                packets,
                verdicts,
                ahead,
                mut marks,
            },
            fresh,
        ) = lot.unwritten_parts();
        let (packets, verdicts) = part(packets, verdicts, at);
        let count = packets.len();
        let Scratch { found, hops, ipv6 } = &mut self.scratch;
        let interfaces = &*self.interfaces;
        let kept = marks.are_kept();
        let passed = match A::ONE_LOAD && !kept {
            true => {
                let rules = fast4::Rules {
                    routes: &self.ipv4,
                    table: &self.table,
                    interfaces,
                    slow,
                };
                fast4::pass(&rules, from, packets, verdicts, fresh, found, ahead)
            }
            false => None,
        };
        let others = if let Some((others, same)) = passed {
            if others == 0 {
                return same;
            }
            others
        } else {
            if fresh {
                verdicts.fill(Verdict::UNDECIDED);
            }
            fast4::find(
                &self.ipv4, interfaces, from, packets, verdicts, found, ahead,
            );
            if A::ONE_LOAD && !kept {
                fast4::forward(&self.ipv4, &self.table, packets, verdicts, found, 0, slow)
            } else {
                marks.mark(Phase::PARSE, count);
                if found.any() {
                    let addresses = found.destinations().get(..count).unwrap_or_default();
                    self.ipv4.lookup_bulk(addresses, hops);
                }
                marks.mark(Phase::LOOKUP, count);
                let others = fast4::rewrite(&self.table, packets, verdicts, found, hops, slow);
                marks.mark(Phase::REWRITE, count);
                others
            }
        };
        if others == 0 {
            return None;
        }
        // The packets have been counted once.
        let found = fast6::parse(self.interfaces, packets, verdicts, ipv6, slow);
        marks.mark(Phase::PARSE, 0);
        if found > 0 {
            let addresses = ipv6.addresses.get(..found).unwrap_or_default();
            self.ipv6.lookup_bulk(addresses, &mut ipv6.hops);
            marks.mark(Phase::LOOKUP, 0);
            fast6::rewrite(&self.table, packets, verdicts, ipv6, found);
            marks.mark(Phase::REWRITE, 0);
        }
        None
    }
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Stage<'p> for Router<'_, 'p, A, B> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        if lot.len() <= MAX_BURST {
            if let Some(same) = self.passes(lot, 0) {
                lot.decided(same);
            }
            return;
        }
        // All verdicts, as each part looks at its own alone.
        let _ = lot.parts();
        let mut at = 0;
        while at < lot.len() {
            self.passes(lot, at);
            at += MAX_BURST;
        }
    }

    fn exceptions(&self) -> u16 {
        SLOW + 1
    }

    fn exception(&mut self, _code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        self.slow(packet, cx);
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        self.timers(cx);
    }
}

impl<A, B> fmt::Debug for Router<'_, '_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("entries", &self.table.used())
            .field("waiting", &self.parking.used())
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The packets and verdicts from `at` on, [`MAX_BURST`] at most, and as many of the ones as of the
/// others.
#[inline]
fn part<'a, 'p>(
    packets: &'a mut [Packet<'p>],
    verdicts: &'a mut [Verdict],
    at: usize,
) -> (&'a mut [Packet<'p>], &'a mut [Verdict]) {
    let packets = packets.get_mut(at..).unwrap_or_default();
    let verdicts = verdicts.get_mut(at..).unwrap_or_default();
    let count = packets.len().min(verdicts.len()).min(MAX_BURST);
    (
        packets.get_mut(..count).unwrap_or_default(),
        verdicts.get_mut(..count).unwrap_or_default(),
    )
}

/// Packets that are worked on together; more are taken in turns. What the passes note of so many
/// stays in the first-level cache beside the packets.
const MAX_BURST: usize = 32;

/// The one exception: to the slow path.
const SLOW: u16 = 0;

const NEVER: Instant = Instant::from_nanos(u64::MAX);

#[cfg(test)]
mod tests;

//! One router on several workers.
//!
//! ```text
//!              Leader: fast path, slow path          Follower: fast path
//!  rx ──> ┌──────────────────────────────┐      ┌─────────────────────────┐ <── rx
//!  tx <── │ table: hops, neighbours      │─────>│ copy of hops and keys   │ ──> tx
//!         │ parking, timers, ICMP, ARP   │  changes, a ring for each      │
//!         └──────────────^───────────────┘      └────────────┬────────────┘
//!                        └───── packets that are not plain ──┘
//! ```
//!
//! There is one writer, the leader: it alone asks for neighbours, learns, gives up, answers and lets
//! packets wait. What fast paths read of an entry (whose it is, and its [`Hop`](super::Hop)) each
//! follower has a copy of, in memory of its own. So a follower's fast path is the router's, with no lock
//! and no line that another core writes, but for the ring's: one look a burst.
//!
//! Of each entry that changes, the leader sends the present state to every follower. Entries that have
//! changed wait in a queue, each once, so it cannot overflow: when a follower's ring is full, the rest
//! is sent later, and to all followers. Meanwhile a follower knows what was, as a router does whose
//! neighbour has not said yet that it moved.
//!
//! A packet that a follower's fast path does not take leaves unchanged by another port number, for a
//! ring to the leader, who receives it as from the port by which it came. It is worked on there as
//! if it had come there first. Packets of a flow of which some take that way may be overtaken by others:
//! those of one flow that are all plain keep their order.
//!
//! Interfaces are copied when a follower is made, and tables of routes are read by all. A route that is
//! led elsewhere while followers work may find the new next hop in the table before the follower was
//! told of its entry.

use core::fmt;

use super::{Change, Router, RouterError, RouterMemory};
use crate::lookup::Lpm;
use crate::packet::{Packet, PortId};
use crate::pipeline::{Context, Lot, Stage};
use crate::ring::spsc;

/// A router that others follow, as a stage: all of it, and what it tells them, by rings that live for
/// `'r`.
///
/// ```
/// use linecard::forward::router::*;
/// use linecard::packet::PortId;
/// use linecard::ring::{Inline, spsc::Ring};
///
/// let mut ring = Ring::<Inline<Change, 64>>::new();
/// let (changes, told) = ring.split();
/// let (mut first, mut second): (RouterStore<'_>, RouterStore<'_>) = Default::default();
/// let router = Router::new(first.memory(), NoRoutes, NoRoutes, RouterConfig::default())?;
/// // What is not plain leaves the second by ports 16 and up.
/// let follower = Follower::new(&router, second.memory(), NoRoutes, NoRoutes, told, PortId(16))?;
/// let mut followers = [changes];
/// let leader = Leader::new(router, &mut followers);
/// # let _ = (leader, follower);
/// # Ok::<(), RouterError>(())
/// ```
pub struct Leader<'m, 'r, 'p, A, B> {
    router: Router<'m, 'p, A, B>,
    followers: &'m mut [spsc::Producer<'r, Change>],
}

impl<'m, 'r, 'p, A: Lpm<u32>, B: Lpm<u128>> Leader<'m, 'r, 'p, A, B> {
    /// A router, after its followers have been made of it, and the ring of each.
    pub fn new(
        mut router: Router<'m, 'p, A, B>,
        followers: &'m mut [spsc::Producer<'r, Change>],
    ) -> Self {
        router.table.keep_changes();
        Self { router, followers }
    }

    /// The router. What is changed there followers are told of at the next tick.
    pub const fn router(&mut self) -> &mut Router<'m, 'p, A, B> {
        &mut self.router
    }

    /// Tells followers some of what has changed, as long as every one has room.
    #[cold]
    fn tell(&mut self) {
        for _ in 0..AT_ONCE {
            if !self.router.table.has_changed() {
                return;
            }
            let mut all = self.followers.iter_mut();
            // One that is gone keeps nobody waiting.
            if !all.all(|follower| follower.is_abandoned() || !follower.is_full()) {
                return;
            }
            let Some(change) = self.router.table.next_change() else {
                return;
            };
            for follower in self.followers.iter_mut() {
                // Full only if nobody is there.
                let _ = follower.enqueue(change);
            }
        }
    }
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Stage<'p> for Leader<'_, '_, 'p, A, B> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        self.router.process(lot);
    }

    fn exceptions(&self) -> u16 {
        Stage::exceptions(&self.router)
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        self.router.exception(code, packet, cx);
        if self.router.table.has_changed() {
            self.tell();
        }
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        self.router.tick(cx);
        self.tell();
    }
}

/// The fast path of a router that a [`Leader`] leads, as a stage for another worker.
///
/// See [`Leader`] for how they are made.
pub struct Follower<'m, 'p, A, B> {
    router: Router<'m, 'p, A, B>,
    changes: spsc::Consumer<'m, Change>,
    exceptions: PortId,
}

impl<'m, 'p, A: Lpm<u32>, B: Lpm<u128>> Follower<'m, 'p, A, B> {
    /// Follows `router`, whose changes come by `changes`; looks up next hops in tables like the
    /// router's own. Of `memory` nothing is parked. A packet that came by port *n* and is not plain
    /// leaves by port `exceptions` + *n*.
    ///
    /// # Errors
    ///
    /// [`RouterError::TooLittleMemory`] if that is less than the router's.
    pub fn new(
        router: &Router<'_, '_, A, B>,
        memory: RouterMemory<'m, 'p>,
        ipv4: A,
        ipv6: B,
        changes: spsc::Consumer<'m, Change>,
        exceptions: PortId,
    ) -> Result<Self, RouterError> {
        let mut own = Router::new(memory, ipv4, ipv6, router.config)?;
        own.table.copy(&router.table)?;
        let places = own.interfaces.get_mut(..router.interfaces.len());
        let places = places.ok_or(RouterError::TooLittleMemory)?;
        places.clone_from_slice(router.interfaces);
        Ok(Self {
            router: own,
            changes,
            exceptions,
        })
    }

    /// Learns some of what has changed.
    #[inline]
    fn learn(&mut self) {
        for _ in 0..AT_ONCE {
            let Some(change) = self.changes.dequeue() else {
                return;
            };
            self.router.table.apply(change);
        }
    }
}

impl<'p, A: Lpm<u32>, B: Lpm<u128>> Stage<'p> for Follower<'_, 'p, A, B> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        self.learn();
        self.router.process(lot);
    }

    fn exceptions(&self) -> u16 {
        Stage::exceptions(&self.router)
    }

    fn exception(&mut self, _code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        let to = self.exceptions.0.wrapping_add(packet.port.0);
        cx.send(PortId(to), packet);
    }

    fn tick(&mut self, _cx: &mut Context<'_, 'p>) {
        self.learn();
    }
}

impl<A, B> fmt::Debug for Leader<'_, '_, '_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leader")
            .field("router", &self.router)
            .field("followers", &self.followers.len())
            .finish()
    }
}

impl<A, B> fmt::Debug for Follower<'_, '_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("router", &self.router)
            .field("exceptions", &self.exceptions)
            .finish_non_exhaustive()
    }
}

/// Changes that are sent or learned at once, before packets have their turn again: as many as a burst
/// has packets.
const AT_ONCE: usize = 32;

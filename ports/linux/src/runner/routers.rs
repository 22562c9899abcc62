//! A router's stages: one that leads, and followers of it on the other workers.

use linecard::forward::router::{
    Change, Follower, Hop, Interface, Leader, Neighbour, Parked, RouterMemory, RouterStats,
};
use linecard::lookup::{Lpm4Reader, Lpm6Reader};
use linecard::packet::{Packet, PortId};
use linecard::pipeline::{Context, Lot, Stage};
use linecard::ring::Inline;
use linecard::ring::spsc::{Producer, Ring};

use super::router::TableRouter;
use crate::error::Error;

/// One worker's part of the router.
pub(super) enum Part<'m, 'r, 'p> {
    First(Leader<'m, 'r, 'p, Lpm4Reader<'m>, Lpm6Reader<'m>>),
    Other(Follower<'m, 'p, Lpm4Reader<'m>, Lpm6Reader<'m>>),
}

impl<'p> Stage<'p> for Part<'_, '_, 'p> {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        match self {
            Self::First(leader) => leader.process(lot),
            Self::Other(follower) => follower.process(lot),
        }
    }

    fn exceptions(&self) -> u16 {
        match self {
            Self::First(leader) => leader.exceptions(),
            Self::Other(follower) => follower.exceptions(),
        }
    }

    fn exception(&mut self, code: u16, packet: Packet<'p>, cx: &mut Context<'_, 'p>) {
        match self {
            Self::First(leader) => leader.exception(code, packet, cx),
            Self::Other(follower) => follower.exception(code, packet, cx),
        }
    }

    fn tick(&mut self, cx: &mut Context<'_, 'p>) {
        match self {
            Self::First(leader) => leader.tick(cx),
            Self::Other(follower) => follower.tick(cx),
        }
    }
}

/// What a follower keeps of the router.
struct Copy<'p> {
    interfaces: Vec<Interface>,
    hops: Vec<Hop>,
    neighbours: Vec<Neighbour>,
    index: Vec<[u16; 4]>,
    parked: [Parked<'p>; 0],
    stats: RouterStats,
}

/// Makes the router one of so many workers with so many ports, and hands their stages to `run`. What
/// a follower's fast path does not take leaves by the port's number and `ports`.
pub(super) fn with_parts<'p, T>(
    mut router: TableRouter<'_, 'p>,
    (entries, ports, workers): (usize, usize, usize),
    run: impl FnOnce(Vec<Part<'_, '_, 'p>>) -> Result<T, Error>,
) -> Result<T, Error> {
    let followers = 1..workers;
    let mut rings: Vec<Ring<Inline<Change, CHANGES>>> =
        followers.clone().map(|_| Ring::new()).collect();
    let copy = |_| Copy {
        interfaces: vec![Interface::NONE; ports],
        hops: vec![Hop::NONE; entries],
        neighbours: vec![Neighbour::NONE; entries],
        index: vec![[0; 4]; entries],
        parked: [],
        stats: RouterStats::new(),
    };
    let mut copies: Vec<Copy<'p>> = followers.map(copy).collect();
    let (ipv4, ipv6) = router.tables();
    let (ipv4, ipv6) = (*ipv4, *ipv6);
    let over = PortId(ports as u16);
    let mut told: Vec<Producer<'_, Change>> = Vec::new();
    let mut parts = Vec::new();
    for (copy, ring) in copies.iter_mut().zip(&mut rings) {
        let memory = RouterMemory {
            interfaces: &mut copy.interfaces,
            hops: &mut copy.hops,
            neighbours: &mut copy.neighbours,
            index: &mut copy.index,
            parked: &mut copy.parked,
            stats: &copy.stats,
        };
        let (changes, own) = ring.split();
        told.push(changes);
        let follower = Follower::new(&router, memory, ipv4, ipv6, own, over);
        let follower = follower.map_err(|error| Error::Forwarder {
            forwarder: "router",
            source: error.into(),
        })?;
        parts.push(Part::Other(follower));
    }
    parts.insert(0, Part::First(Leader::new(router, &mut told)));
    run(parts)
}

/// Entries that change while a follower looks after a burst, and more.
const CHANGES: usize = 1_024;

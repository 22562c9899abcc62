//! Libdpdk's route tables, 32 addresses at a time, filled with our routes: `rte_lpm` and `rte_fib`, `rte_lpm6`
//! and `rte_fib6`; the fibs by AVX-512 where there is such.

use linecard::lookup::NextHop;

use crate::harness::Contender;
use crate::lpm::Family;
use crate::peers::{PeerError, Peers, add_with};

/// Contenders that give these answers for the addresses, of which there are a multiple of 32.
pub fn add<P: Family>(
    contenders: &mut Vec<Contender>,
    routes: &[(P, NextHop)],
    addresses: &[P::Address],
    answers: &[Option<NextHop>],
) {
    let [(first, _), (second, _)] = P::PEERS;
    add_with(
        contenders,
        format!("{first} and {second}").leak(),
        |peers| {
            check(peers, routes, addresses, answers)?;
            let contenders = P::PEERS.map(|(name, peer)| peers.contender(name, peer));
            Ok(contenders.into())
        },
    );
}

/// A contender that takes routes out and puts them in again.
pub fn add_updating<P: Family>(contenders: &mut Vec<Contender>, routes: &[(P, NextHop)]) {
    let (name, peer) = P::UPDATING;
    add_with(contenders, name, |peers| {
        prepare_updating(peers, routes)?;
        Ok(vec![peers.contender(name, peer)])
    });
}

/// Has the one that routes come to and go from read the routes.
///
/// # Errors
/// As any question to the peers.
pub fn prepare_updating<P: Family>(
    peers: &Peers,
    routes: &[(P, NextHop)],
) -> Result<(), PeerError> {
    peers.prepare(P::UPDATING.1, Some(&input(routes, &[])))
}

/// Has the peers read the routes and the addresses, and compares their answers with these.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check<P: Family>(
    peers: &Peers,
    routes: &[(P, NextHop)],
    addresses: &[P::Address],
    answers: &[Option<NextHop>],
) -> Result<(), PeerError> {
    let hops = answers.iter();
    let ours: Vec<u8> = hops
        .flat_map(|hop| hop.map_or(NO_HOP, NextHop::index).to_ne_bytes())
        .collect();
    // The second one works on what the first one has read.
    peers.prepare(P::PEERS[0].1, Some(&input(routes, addresses)))?;
    for (name, peer) in P::PEERS {
        let theirs = peers.answer(peer)?;
        let (all, of) = (ours.len() / 2, theirs.len() / 2);
        let pairs = ours.chunks(2).zip(theirs.chunks(2));
        let differ = pairs.filter(|(ours, theirs)| ours != theirs).count();
        if differ > 0 || all != of {
            let what = format!("{name}: {of} answers to {all}, {differ} of them others");
            return Err(PeerError::Differs(what));
        }
    }
    Ok(())
}

fn input<P: Family>(routes: &[(P, NextHop)], addresses: &[P::Address]) -> Vec<u8> {
    let mut input = Vec::new();
    input.extend((routes.len() as u32).to_ne_bytes());
    input.extend((addresses.len() as u32).to_ne_bytes());
    for (prefix, hop) in routes {
        let (first, len) = prefix.parts();
        P::write(first, &mut input);
        input.extend(u16::from(len).to_ne_bytes());
        input.extend(hop.index().to_ne_bytes());
    }
    for address in addresses {
        P::write(*address, &mut input);
    }
    input
}

/// What the peers say of addresses without a route.
const NO_HOP: u16 = 0x7fff;

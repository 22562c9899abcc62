//! Libdpdk's route tables, 32 addresses at a time, filled with our routes.

use linecard::lookup::{NextHop, Prefix4, Prefix6};

use crate::harness::Contender;
use crate::peers::{PeerError, Peers, add_with};

/// `rte_lpm` and `rte_fib`, the latter by AVX-512 where there is such.
pub const PEERS4: [(&str, &str); 2] = [("rte_lpm", "lpm"), ("rte_fib", "fib")];

/// `rte_lpm6` and `rte_fib6`.
pub const PEERS6: [(&str, &str); 2] = [("rte_lpm6", "lpm6"), ("rte_fib6", "fib6")];

/// Contenders that answer as `lookup` does for all `addresses`, of which there are a multiple of 32.
pub fn add4(
    contenders: &mut Vec<Contender>,
    routes: &[(Prefix4, NextHop)],
    addresses: &[u32],
    lookup: impl Fn(u32) -> Option<NextHop>,
) {
    add_with(contenders, "rte_lpm and rte_fib", |peers| {
        check4(peers, routes, addresses, lookup)?;
        Ok(named(peers, PEERS4))
    });
}

/// Likewise of IPv6.
pub fn add6(
    contenders: &mut Vec<Contender>,
    routes: &[(Prefix6, NextHop)],
    addresses: &[u128],
    lookup: impl Fn(u128) -> Option<NextHop>,
) {
    add_with(contenders, "rte_lpm6 and rte_fib6", |peers| {
        check6(peers, routes, addresses, lookup)?;
        Ok(named(peers, PEERS6))
    });
}

fn named(peers: &Peers, names: [(&str, &'static str); 2]) -> Vec<Contender> {
    let contenders = names.map(|(name, peer)| peers.contender(name, peer));
    contenders.into()
}

/// Has the peers read the routes and the addresses, and compares their answers with those of `lookup`.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check4(
    peers: &Peers,
    routes: &[(Prefix4, NextHop)],
    addresses: &[u32],
    lookup: impl Fn(u32) -> Option<NextHop>,
) -> Result<(), PeerError> {
    let mut input = counts(routes.len(), addresses.len());
    for (prefix, hop) in routes {
        input.extend(prefix.first().to_ne_bytes());
        input.extend(u16::from(prefix.len()).to_ne_bytes());
        input.extend(hop.index().to_ne_bytes());
    }
    input.extend(addresses.iter().flat_map(|address| address.to_ne_bytes()));
    let answers = addresses.iter().map(|&address| lookup(address));
    check(peers, PEERS4, &input, answers)
}

/// Likewise of IPv6.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check6(
    peers: &Peers,
    routes: &[(Prefix6, NextHop)],
    addresses: &[u128],
    lookup: impl Fn(u128) -> Option<NextHop>,
) -> Result<(), PeerError> {
    let mut input = counts(routes.len(), addresses.len());
    for (prefix, hop) in routes {
        input.extend(prefix.first().to_be_bytes());
        input.extend(u16::from(prefix.len()).to_ne_bytes());
        input.extend(hop.index().to_ne_bytes());
    }
    input.extend(addresses.iter().flat_map(|address| address.to_be_bytes()));
    let answers = addresses.iter().map(|&address| lookup(address));
    check(peers, PEERS6, &input, answers)
}

/// What every input begins with.
fn counts(routes: usize, addresses: usize) -> Vec<u8> {
    let mut input = Vec::new();
    input.extend((routes as u32).to_ne_bytes());
    input.extend((addresses as u32).to_ne_bytes());
    input
}

fn check(
    peers: &Peers,
    names: [(&str, &str); 2],
    input: &[u8],
    answers: impl Iterator<Item = Option<NextHop>>,
) -> Result<(), PeerError> {
    let ours: Vec<u8> = answers
        .flat_map(|hop| hop.map_or(NO_HOP, NextHop::index).to_ne_bytes())
        .collect();
    // The second one works on what the first one has read.
    peers.prepare(names[0].1, Some(input))?;
    for (name, peer) in names {
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

/// What the peers say of addresses without a route.
const NO_HOP: u16 = 0x7fff;

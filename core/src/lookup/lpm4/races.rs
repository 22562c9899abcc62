//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use core::sync::atomic::{AtomicU64, Ordering};
use std::vec;

use super::*;
use crate::lookup::testing::{Random, hop, memory, race};
use crate::lookup::{NextHop, Prefix4};

/// Four /24s with one node between two of them at any time, so that nodes are reused at once.
///
/// Next hops tell their address: those of /24 `n` are `4n` (the /24 itself), `4n + 1` and
/// `4n + 2` (its /26s, old and new). An answer for an address of another /24, of a half-filled
/// or a reused node gives itself away.
const SLASH24S: u32 = 4;
const BASE: u32 = 0x0a01_0000;
const NODES: usize = 2;

fn slash24(n: u32) -> Prefix4 {
    Prefix4::new(BASE | n << 8, 24).unwrap()
}

fn slash26(n: u32) -> Prefix4 {
    Prefix4::new(BASE | n << 8 | 0x40, 26).unwrap()
}

fn may_be(address: u32, answer: Option<NextHop>) -> bool {
    let n = (address - BASE) >> 8;
    let in_26 = slash26(n).contains(address);
    answer.is_some_and(|hop| {
        let hop = u32::from(hop.index());
        hop == 4 * n || in_26 && (hop == 4 * n + 1 || hop == 4 * n + 2)
    })
}

#[test]
fn readers_see_the_old_or_the_new_next_hop() {
    let config = Lpm4Config {
        routes: 16,
        nodes: NODES,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4::new(config, &mut memory).unwrap();
    for n in 0..SLASH24S {
        table.insert(slash24(n), hop(4 * n as u16)).unwrap();
    }
    let mut present = vec![false; SLASH24S as usize];
    let address = |random: &mut Random| BASE + random.below(u64::from(SLASH24S) * 256) as u32;
    race([table.reader(); 2], address, may_be, |random| {
        let n = random.below(u64::from(SLASH24S)) as u32;
        let there = &mut present[n as usize];
        if *there && random.below(2) == 0 {
            table.remove(slash26(n)).unwrap();
            *there = false;
        } else if *there || table.nodes_in_use() < NODES {
            let next = hop(4 * n as u16 + 1 + random.below(2) as u16);
            table.insert(slash26(n), next).unwrap();
            *there = true;
        }
    });
}

/// A default route, a /8 and the removal of both, over a node that stays: the entries change one
/// by one, each from an old answer to a new one.
#[test]
fn a_wide_route_comes_and_goes_under_readers() {
    let config = Lpm4Config {
        routes: 8,
        nodes: 1,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4::new(config, &mut memory).unwrap();
    let wide: Prefix4 = "10.0.0.0/14".parse().unwrap();
    let host: Prefix4 = "10.1.1.1/32".parse().unwrap();
    let fallback: Prefix4 = "10.0.0.0/12".parse().unwrap();
    table.insert(host, hop(3)).unwrap();
    table.insert(fallback, hop(1)).unwrap();
    let mut there = false;
    let seen = [const { AtomicU64::new(0) }; 3];
    let address = |random: &mut Random| match random.below(2) {
        0 => host.first(),
        _ => wide.first() + random.below(1 << 16) as u32,
    };
    let may_be = |address: u32, answer: Option<NextHop>| {
        let answer = answer.map_or(0, NextHop::index);
        if address == host.first() {
            return answer == 3;
        }
        let moment = matches!(answer, 1 | 2);
        if moment {
            seen[usize::from(answer)].fetch_add(1, Ordering::Relaxed);
        }
        moment
    };
    race([table.reader(); 2], address, may_be, |_| {
        match there {
            true => table.remove(wide).map(drop).unwrap(),
            false => table.insert(wide, hop(2)).map(drop).unwrap(),
        }
        there = !there;
    });
    let [_, old, new] = seen.map(AtomicU64::into_inner);
    assert!(old > 0 && new > 0, "both moments were seen: {old}, {new}");
}

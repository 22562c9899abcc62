//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use std::vec;

use super::*;
use crate::lookup::testing::{Random, hop, memory, race};
use crate::lookup::{NextHop, Prefix6};

/// Networks, each with a /32, and with a longer prefix that comes and goes: in a leaf, or in a leaf below a node.
/// There are leaves for three at any time and nodes for two, so that they are reused at once, leaves
/// at another depth.
///
/// Next hops tell their network: `4n` (the /32), `4n + 1` and `4n + 2` (the longer one, old and new).
const NETWORKS: u128 = 5;
const NODES: usize = 2;
const LEAVES: usize = 3;

fn slash32(n: u128) -> Prefix6 {
    Prefix6::new((0x2001_0db8 + n) << 96, 32).unwrap()
}

fn longer(n: u128) -> Prefix6 {
    let len = if n.is_multiple_of(2) { 52 } else { 44 };
    Prefix6::new(slash32(n).first() | 0x0004_0404 << 76, len).unwrap()
}

/// An address that is as likely as not in the longer prefix, and otherwise somewhere beside its path.
fn any_address(random: &mut Random) -> u128 {
    let inside = longer(u128::from(random.below(NETWORKS as u64))).first();
    let beside = [0, 0, 0, 1 << 76, 1 << 80, 1 << 88][random.below(6) as usize];
    inside ^ beside ^ u128::from(random.next())
}

fn may_be(address: u128, answer: Option<NextHop>) -> bool {
    let n = (address >> 96) - 0x2001_0db8;
    answer.is_some_and(|hop| {
        let hop = u128::from(hop.index());
        hop == 4 * n || longer(n).contains(address) && (hop == 4 * n + 1 || hop == 4 * n + 2)
    })
}

#[test]
fn readers_see_the_old_or_the_new_next_hop() {
    let config = Lpm6Config {
        routes: 16,
        wide_nodes: 1,
        nodes: NODES,
        leaves: LEAVES,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm6::new(config, &mut memory).unwrap();
    for n in 0..NETWORKS {
        table.insert(slash32(n), hop(4 * n as u16)).unwrap();
    }
    let mut present = vec![false; NETWORKS as usize];
    race(
        [table.reader(), table.reader().plain()],
        any_address,
        may_be,
        |random| {
            let n = u128::from(random.below(NETWORKS as u64));
            let there = &mut present[n as usize];
            if *there && random.below(2) == 0 {
                table.remove(longer(n)).unwrap();
                *there = false;
            } else {
                let next = hop(4 * n as u16 + 1 + random.below(2) as u16);
                // Refused where nothing is free.
                *there = table.insert(longer(n), next).is_ok();
            }
        },
    );
}

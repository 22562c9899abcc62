//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use super::*;
use crate::lookup::testing::{Random, hop, memory, race};
use crate::lookup::{Full, NextHop, Prefix4, RouteError};

/// /19s whose blocks grow and shrink in memory for fewer than all of their routes, so that blocks are
/// reused at once and moved together often.
///
/// Next hops tell their address: those of /19 `n` are `100n` (the /19 itself) and `100n + 1 + i`
/// (its /24 `i`). An answer from a block of another /19, or from a half-filled one, gives itself away.
const SLASH19S: u32 = 6;
const BASE: u32 = 0x0a00_0000;
const CELLS: usize = 40;

fn slash19(n: u32) -> Prefix4 {
    Prefix4::new(BASE | n << 13, 19).unwrap()
}

fn slash24(n: u32, i: u32) -> Prefix4 {
    Prefix4::new(BASE | n << 13 | i << 8, 24).unwrap()
}

fn may_be(address: u32, answer: Option<NextHop>) -> bool {
    let (n, i) = ((address - BASE) >> 13, address >> 8 & 31);
    answer.is_some_and(|hop| {
        let hop = u32::from(hop.index());
        hop == 100 * n || hop == 100 * n + 1 + i
    })
}

#[test]
fn readers_see_the_old_or_the_new_next_hop() {
    let config = Lpm4CompactConfig {
        outer_routes: SLASH19S as usize,
        cells: CELLS,
        nodes: 0,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4Compact::new(config, &mut memory).unwrap();
    for n in 0..SLASH19S {
        table.insert(slash19(n), hop(100 * n as u16)).unwrap();
    }
    let mut full = 0u64;
    let address = |random: &mut Random| BASE + random.below(u64::from(SLASH19S) << 13) as u32;
    race(
        [table.reader(), table.reader().plain()],
        address,
        may_be,
        |random| {
            let n = random.below(SLASH19S.into()) as u32;
            let i = random.below(32) as u32;
            let prefix = slash24(n, i);
            if random.below(2) == 0 {
                let there = table.route(prefix).ok_or(RouteError::NoSuchRoute);
                assert_eq!(table.remove(prefix), there);
                return;
            }
            match table.insert(prefix, hop((100 * n + 1 + i) as u16)) {
                Ok(_) => {}
                Err(RouteError::TableFull(Full::Cells)) => full += 1,
                Err(error) => panic!("{error}"),
            }
        },
    );
    assert!(full > 0, "blocks were not short of room");
}

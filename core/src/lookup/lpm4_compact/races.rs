//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use std::thread;
use std::time::Instant;

use super::*;
use crate::lookup::testing::{Random, hop, memory};
use crate::lookup::{Full, NextHop, Prefix4, RouteError};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

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

fn read(reader: Lpm4CompactReader<'_>, stop: &AtomicBool, seed: u64) -> u64 {
    let mut random = Random(seed);
    let mut looked_up = 0;
    let mut answers = [None; 48];
    while !stop.load(Ordering::Relaxed) {
        let addresses = [(); 48].map(|()| BASE + random.below(u64::from(SLASH19S) << 13) as u32);
        reader.lookup_bulk(&addresses, &mut answers);
        for (address, answer) in addresses.into_iter().zip(answers) {
            assert!(
                may_be(address, answer),
                "{address:#x} gave {answer:?} in bulk"
            );
            let answer = reader.lookup(address);
            assert!(may_be(address, answer), "{address:#x} gave {answer:?}");
        }
        looked_up += 2 * addresses.len() as u64;
    }
    looked_up
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
    let stop = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_millis(1500);
    let (mut changes, mut full) = (0u64, 0u64);
    thread::scope(|scope| {
        let readers = [0, 1, 2].map(|seed| {
            let (reader, stop) = (table.reader(), &stop);
            scope.spawn(move || read(reader, stop, seed))
        });
        let mut random = Random(99);
        while Instant::now() < until && !readers.iter().any(|reader| reader.is_finished()) {
            for _ in 0..64 {
                let (n, i) = (
                    random.below(SLASH19S.into()) as u32,
                    random.below(32) as u32,
                );
                let prefix = slash24(n, i);
                if random.below(2) == 0 {
                    let there = table.route(prefix).ok_or(RouteError::NoSuchRoute);
                    assert_eq!(table.remove(prefix), there);
                } else {
                    match table.insert(prefix, hop((100 * n + 1 + i) as u16)) {
                        Ok(_) => {}
                        Err(RouteError::TableFull(Full::Cells)) => full += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                changes += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 1000);
        }
    });
    assert!(changes > 1000 && full > 0, "{full} of {changes} refused");
}

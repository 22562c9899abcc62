//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use std::thread;
use std::time::Instant;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::lookup::testing::{Random, hop, memory};
use crate::lookup::{NextHop, Prefix4};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

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

fn read(reader: Lpm4Reader<'_>, stop: &AtomicBool, seed: u64) -> u64 {
    let mut random = Random(seed);
    let mut looked_up = 0;
    let mut answers = [None; 48];
    while !stop.load(Ordering::Relaxed) {
        let addresses = [(); 48].map(|()| BASE + random.below(u64::from(SLASH24S) * 256) as u32);
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
    let config = Lpm4Config {
        routes: 16,
        nodes: NODES,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4::new(config, &mut memory).unwrap();
    for n in 0..SLASH24S {
        table.insert(slash24(n), hop(4 * n as u16)).unwrap();
    }
    let stop = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_millis(1500);
    let mut changes = 0u64;
    let looked_up: Vec<u64> = thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|seed| (table.reader(), seed))
            .map(|(reader, seed)| {
                scope.spawn({
                    let stop = &stop;
                    move || read(reader, stop, seed)
                })
            })
            .collect();
        let mut random = Random(99);
        let mut present = vec![false; SLASH24S as usize];
        while Instant::now() < until && !readers.iter().any(|reader| reader.is_finished()) {
            for _ in 0..64 {
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
                changes += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    assert!(changes > 1000 && looked_up.iter().all(|count| *count > 1000));
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
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = table.reader();
        let check = scope.spawn({
            let stop = &stop;
            move || {
                let mut random = Random(5);
                let mut seen = [0u64; 4];
                while !stop.load(Ordering::Relaxed) {
                    let address = wide.first() + random.below(1 << 16) as u32;
                    let answer = reader.lookup(address).map_or(0, NextHop::index);
                    assert!(answer == 1 || answer == 2, "{address:#x} gave {answer}");
                    seen[usize::from(answer)] += 1;
                    assert_eq!(reader.lookup(host.first()), Some(hop(3)));
                }
                seen
            }
        });
        let until = Instant::now() + Duration::from_millis(500);
        while Instant::now() < until && !check.is_finished() {
            table.insert(wide, hop(2)).unwrap();
            table.remove(wide).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let seen = check.join().unwrap();
        assert!(
            seen[1] > 0 && seen[2] > 0,
            "both moments were seen: {seen:?}"
        );
    });
}

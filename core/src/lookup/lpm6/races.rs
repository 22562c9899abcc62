//! Readers on other threads while the writer changes routes: every answer must be one that the
//! table gave at some moment.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::lookup::testing::{Random, hop, memory};
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

fn read(reader: Lpm6Reader<'_>, stop: &AtomicBool, seed: u64) -> u64 {
    let mut random = Random(seed);
    let mut looked_up = 0;
    let mut answers = [None; 40];
    while !stop.load(Ordering::Relaxed) {
        let addresses = [(); 40].map(|()| any_address(&mut random));
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
    let stop = AtomicBool::new(false);
    let until = Instant::now() + Duration::from_millis(1500);
    let mut changes = 0u64;
    let looked_up: Vec<u64> = thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|seed| {
                let (reader, stop) = (table.reader(), &stop);
                scope.spawn(move || read(reader, stop, seed))
            })
            .collect();
        let mut random = Random(99);
        let mut present = vec![false; NETWORKS as usize];
        while Instant::now() < until && !readers.iter().any(|reader| reader.is_finished()) {
            for _ in 0..64 {
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

//! The table against oracles, small and nearly full, generated and real.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::lookup::testing::{Intervals, Random, boundaries, hop, internet, memory, scan};
use crate::lookup::{CacheLine, Full, MemoryError, NextHop, Prefix4, RouteError, Routes4};
use core::sync::atomic::Ordering;

#[derive(Clone, Copy, Debug)]
enum Change {
    Insert(Prefix4, u16),
    Remove(Prefix4),
    /// Removes the route that comes at or behind this prefix: one that exists.
    RemoveNear(Prefix4),
}

/// Prefixes crowded into a few /22s, some at the ends of the address space.
fn any_prefix() -> impl Strategy<Value = Prefix4> {
    let base = prop::sample::select(vec![0u32, 0x0a00_0000, 0xc0a8_0c00, 0xffff_fc00]);
    let len = prop_oneof![1 => 0u8..=16, 4 => 17u8..=24, 4 => 25u8..=32];
    (base, 0u32..1024, len).prop_map(|(base, low, len)| Prefix4::new(base | low, len).unwrap())
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (any_prefix(), 0..=NextHop::MAX).prop_map(|(prefix, hop)| Change::Insert(prefix, hop)),
        1 => any_prefix().prop_map(Change::Remove),
        2 => any_prefix().prop_map(Change::RemoveNear),
    ]
}

/// Each of these addresses one by one and in bulk, and random ones near by.
fn check(table: &Lpm4<'_>, model: &BTreeMap<Prefix4, NextHop>, extra: &[u32]) {
    let mut addresses: Vec<u32> = boundaries(model.keys().copied(), u32::MAX.into())
        .iter()
        .map(|a| *a as u32)
        .collect();
    addresses.extend_from_slice(extra);
    let reader = table.reader();
    let mut answers = vec![None; addresses.len()];
    assert_eq!(
        reader.lookup_bulk(&addresses, &mut answers),
        addresses.len()
    );
    for (address, answer) in addresses.iter().zip(answers) {
        let expected = scan(model, u128::from(*address));
        assert_eq!(answer, expected, "{address:#010x} in bulk");
        assert_eq!(reader.lookup(*address), expected, "{address:#010x}");
    }
}

fn assert_pristine(table: &Lpm4<'_>) {
    assert!(table.is_empty());
    assert_eq!(table.nodes_in_use(), 0);
    assert_eq!(table.routes().count(), 0);
    let root = table.reader().root;
    assert!(root.iter().all(|entry| entry.load(Ordering::Relaxed) == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Few nodes and few routes, so that both limits are met on the way.
    #[test]
    fn agrees_with_the_oracle(changes in prop::collection::vec(any_change(), 1..120)) {
        const NODES: usize = 5;
        const ROUTES: usize = 40;
        let config = Lpm4Config { routes: ROUTES, nodes: NODES };
        let mut memory = memory(config.lines());
        let mut table = Lpm4::new(config, &mut memory).unwrap();
        let mut model: BTreeMap<Prefix4, NextHop> = BTreeMap::new();
        for (step, change) in changes.into_iter().enumerate() {
            let prefix = match change {
                Change::Insert(prefix, next) => {
                    let nodes: std::collections::BTreeSet<u32> =
                        model.keys().filter(|p| p.len() > 24).map(|p| p.first() >> 8).collect();
                    let new_node = prefix.len() > 24 && !nodes.contains(&(prefix.first() >> 8));
                    let expected = if !model.contains_key(&prefix) && model.len() == ROUTES {
                        Err(RouteError::TableFull(Full::Routes))
                    } else if new_node && nodes.len() == NODES {
                        Err(RouteError::TableFull(Full::Nodes))
                    } else {
                        Ok(model.insert(prefix, hop(next)))
                    };
                    prop_assert_eq!(table.insert(prefix, hop(next)), expected);
                    prefix
                }
                Change::Remove(prefix) => {
                    let expected = model.remove(&prefix).ok_or(RouteError::NoSuchRoute);
                    prop_assert_eq!(table.remove(prefix), expected);
                    prefix
                }
                Change::RemoveNear(near) => {
                    let Some(prefix) = model.range(near..).next().map(|(prefix, _)| *prefix)
                    else { continue };
                    prop_assert_eq!(table.remove(prefix), Ok(model.remove(&prefix).unwrap()));
                    prefix
                }
            };
            prop_assert_eq!(table.len(), model.len());
            prop_assert_eq!(table.route(prefix), model.get(&prefix).copied());
            if step % 8 == 0 {
                check(&table, &model, &[prefix.first(), prefix.last()]);
            }
        }
        check(&table, &model, &[0, u32::MAX, 0x0a00_0155, 0x7f00_0001]);
        let mut all: Vec<_> = table.routes().collect();
        all.sort();
        prop_assert_eq!(all, model.iter().map(|(p, h)| (*p, *h)).collect::<Vec<_>>());
        for prefix in model.keys() {
            prop_assert!(table.remove(*prefix).is_ok());
        }
        assert_pristine(&table);
    }
}

/// Inserts `prefixes` in random order with replacements, checks, removes a half, checks, removes
/// the rest.
fn run_large(prefixes: Vec<Prefix4>) {
    let mut random = Random(4);
    let mut routes: Vec<(Prefix4, NextHop)> = prefixes
        .into_iter()
        .map(|prefix| {
            (
                prefix,
                hop(random.below(u64::from(NextHop::MAX) + 1) as u16),
            )
        })
        .collect();
    for at in (1..routes.len()).rev() {
        routes.swap(at, random.below(at as u64 + 1) as usize);
    }
    let config = Lpm4Config {
        routes: routes.len(),
        nodes: 4096,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4::new(config, &mut memory).unwrap();
    for (prefix, next) in &routes {
        if random.below(16) == 0 {
            assert_eq!(table.insert(*prefix, hop(9)), Ok(None));
            assert_eq!(table.insert(*prefix, *next), Ok(Some(hop(9))));
        } else {
            assert_eq!(table.insert(*prefix, *next), Ok(None));
        }
    }
    check_large(&table, &routes, &mut random);
    let half = routes.len() / 2;
    for (prefix, next) in routes.drain(..half) {
        assert_eq!(table.remove(prefix), Ok(next));
    }
    check_large(&table, &routes, &mut random);
    for (prefix, next) in routes {
        assert_eq!(table.remove(prefix), Ok(next));
    }
    assert_pristine(&table);
}

fn check_large(table: &Lpm4<'_>, routes: &[(Prefix4, NextHop)], random: &mut Random) {
    assert_eq!(table.len(), routes.len());
    let oracle = Intervals::new(routes);
    let prefixes = routes.iter().map(|(prefix, _)| *prefix);
    let mut addresses: Vec<u32> = boundaries(prefixes, u32::MAX.into())
        .iter()
        .map(|a| *a as u32)
        .collect();
    addresses.extend((0..500_000).map(|_| random.next() as u32));
    let mut answers = vec![None; addresses.len()];
    let reader = table.reader();
    assert_eq!(
        reader.lookup_bulk(&addresses, &mut answers),
        addresses.len()
    );
    for (address, answer) in addresses.iter().zip(answers) {
        let expected = oracle.lookup(u128::from(*address));
        assert_eq!(answer, expected, "{address:#010x}");
        assert_eq!(reader.lookup(*address), expected, "{address:#010x}");
    }
}

#[test]
fn a_generated_table_of_100_000_routes() {
    run_large(
        Routes4::new(3, 1)
            .map(|(prefix, _)| prefix)
            .take(100_000)
            .collect(),
    );
}

#[test]
fn the_internet_table() {
    let Some(prefixes) = internet::<Prefix4>() else {
        return;
    };
    assert_eq!(prefixes.len(), 901_899);
    run_large(prefixes);
}

#[test]
fn a_bulk_look_up_answers_as_many_as_both_slices_hold() {
    let config = Lpm4Config {
        routes: 2,
        nodes: 1,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4::new(config, &mut memory).unwrap();
    table.insert("10.0.0.0/8".parse().unwrap(), hop(1)).unwrap();
    table
        .insert("10.0.0.7/32".parse().unwrap(), hop(2))
        .unwrap();
    let addresses: Vec<u32> = (0..100).map(|low| 0x0a00_0000 + low).collect();
    for (asked, room) in [
        (0, 5),
        (5, 0),
        (1, 1),
        (31, 40),
        (32, 32),
        (33, 100),
        (100, 65),
    ] {
        let mut answers = vec![Some(hop(7)); room];
        let count = table
            .reader()
            .lookup_bulk(&addresses[..asked], &mut answers);
        assert_eq!(count, asked.min(room));
        for (low, answer) in answers.into_iter().enumerate() {
            let expected = match low {
                _ if low >= count => 7,
                7 => 2,
                _ => 1,
            };
            assert_eq!(answer, Some(hop(expected)), "{low} of {asked} into {room}");
        }
    }
}

#[test]
fn memory_is_what_the_configuration_says() {
    let config = Lpm4Config {
        routes: 10,
        nodes: 3,
    };
    let mut lines = memory(config.lines());
    let needed = lines.len();
    let error = Lpm4::new(config, &mut lines[1..]).unwrap_err();
    assert_eq!(
        error,
        MemoryError {
            needed,
            given: needed - 1
        }
    );
    // What was in the memory before does not matter.
    CacheLine::slice(zerocopy::IntoBytes::as_mut_bytes(&mut lines[..])).unwrap();
    zerocopy::IntoBytes::as_mut_bytes(&mut lines[..]).fill(0xa5);
    assert_pristine(&Lpm4::new(config, &mut lines).unwrap());
}

#[test]
fn more_nodes_than_an_entry_can_name_are_not_asked_for() {
    let lines = |nodes| Lpm4Config { routes: 1, nodes }.lines();
    assert_eq!(lines(usize::MAX), lines(Lpm4Config::MAX_NODES));
    assert!(lines(Lpm4Config::MAX_NODES) > lines(Lpm4Config::MAX_NODES - 1));
}

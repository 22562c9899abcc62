//! The table against oracles, small and nearly full, generated and real.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::lookup::testing::{
    Change, Table, answers_up_to_the_shorter_slice, delegate, internet, large, memory, replay,
    takes,
};
use crate::lookup::{Full, NextHop, Prefix4, RouteError, Routes4};
use core::sync::atomic::Ordering;

impl Table for Lpm4<'_> {
    type Prefix = Prefix4;

    const MAX: u128 = u32::MAX as u128;

    delegate!(Prefix4, u32, |reader| reader);

    fn assert_pristine(&self) {
        assert!(self.is_empty());
        assert_eq!(self.nodes_in_use(), 0);
        assert_eq!(self.routes().count(), 0);
        let root = self.reader().root;
        assert!(root.iter().all(|entry| entry.load(Ordering::Relaxed) == 0));
    }
}

/// Prefixes crowded into a few /22s, some at the ends of the address space.
fn any_prefix() -> impl Strategy<Value = Prefix4> {
    let base = prop::sample::select(vec![0u32, 0x0a00_0000, 0xc0a8_0c00, 0xffff_fc00]);
    let len = prop_oneof![1 => 0u8..=16, 4 => 17u8..=24, 4 => 25u8..=32];
    (base, 0u32..1024, len).prop_map(|(base, low, len)| Prefix4::new(base | low, len).unwrap())
}

fn any_change() -> impl Strategy<Value = Change<Prefix4>> {
    prop_oneof![
        5 => (any_prefix(), 0..=NextHop::MAX).prop_map(|(prefix, hop)| Change::Insert(prefix, hop)),
        1 => any_prefix().prop_map(Change::Remove),
        2 => any_prefix().prop_map(Change::RemoveNear),
    ]
}

const ROUTES: usize = 40;
const NODES: usize = 5;

/// Which limit of [`ROUTES`] and [`NODES`] a new route would break.
fn limit(model: &BTreeMap<Prefix4, NextHop>, new: Prefix4) -> Option<Full> {
    let long = model.keys().filter(|prefix| prefix.len() > 24);
    let nodes: BTreeSet<u32> = long.map(|prefix| prefix.first() >> 8).collect();
    let node = new.len() > 24 && !nodes.contains(&(new.first() >> 8));
    if model.len() == ROUTES {
        Some(Full::Routes)
    } else {
        (node && nodes.len() == NODES).then_some(Full::Nodes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn agrees_with_the_oracle(changes in prop::collection::vec(any_change(), 1..120)) {
        let config = Lpm4Config { routes: ROUTES, nodes: NODES };
        let mut memory = memory(config.lines());
        replay(&mut Lpm4::new(config, &mut memory).unwrap(), changes, limit);
    }
}

fn run_large(prefixes: Vec<Prefix4>) {
    let config = Lpm4Config {
        routes: prefixes.len(),
        nodes: 4096,
    };
    let mut memory = memory(config.lines());
    large(&mut Lpm4::new(config, &mut memory).unwrap(), prefixes);
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
    let (wide, narrow) = (
        "10.0.0.0/8".parse().unwrap(),
        "10.0.0.7/32".parse().unwrap(),
    );
    answers_up_to_the_shorter_slice(&mut table, wide, narrow);
}

#[test]
fn memory_is_what_the_configuration_says() {
    let config = Lpm4Config {
        routes: 10,
        nodes: 3,
    };
    takes(config.lines(), |lines| {
        Lpm4::new(config, lines).map(|table| table.assert_pristine())
    });
}

#[test]
fn more_nodes_than_an_entry_can_name_are_not_asked_for() {
    let lines = |nodes| Lpm4Config { routes: 1, nodes }.lines();
    assert_eq!(lines(usize::MAX), lines(Lpm4Config::MAX_NODES));
    assert!(lines(Lpm4Config::MAX_NODES) > lines(Lpm4Config::MAX_NODES - 1));
}

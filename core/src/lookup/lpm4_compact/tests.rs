//! The table against oracles, small and nearly full, generated and real.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::lookup::testing::{
    Change, Table, answers_up_to_the_shorter_slice, delegate, hop, internet, large, memory, replay,
    takes,
};
use crate::lookup::{Full, NextHop, Prefix4, RouteError, Routes4};
use core::sync::atomic::Ordering;

impl Table for Lpm4Compact<'_> {
    type Prefix = Prefix4;

    const MAX: u128 = u32::MAX as u128;

    delegate!(Prefix4, u32, Lpm4CompactReader::plain);

    fn assert_pristine(&self) {
        assert!(self.is_empty());
        assert_eq!((self.cells_in_use(), self.nodes_in_use()), (0, 0));
        assert_eq!(self.routes().count(), 0);
        let root = self.reader().root;
        assert!(root.iter().all(|entry| entry.load(Ordering::Relaxed) == 0));
    }
}

/// Prefixes crowded into a few /18s, some at the ends of the address space.
fn any_prefix() -> impl Strategy<Value = Prefix4> {
    let base = prop::sample::select(vec![0u32, 0x0a00_0000, 0xffff_c000]);
    let low = prop_oneof![3 => 0u32..1024, 2 => 0u32..1 << 14];
    let len = prop_oneof![1 => 0u8..=19, 6 => 20u8..=24, 3 => 25u8..=32];
    (base, low, len).prop_map(|(base, low, len)| Prefix4::new(base | low, len).unwrap())
}

fn any_change() -> impl Strategy<Value = Change<Prefix4>> {
    prop_oneof![
        5 => (any_prefix(), 0..=NextHop::MAX).prop_map(|(prefix, hop)| Change::Insert(prefix, hop)),
        1 => any_prefix().prop_map(Change::Remove),
        2 => any_prefix().prop_map(Change::RemoveNear),
    ]
}

const OUTER: usize = 16;
const CELLS: usize = 20;
const NODES: usize = 4;

/// What these routes need: cells, nodes, and places for those that are in no block.
fn needs<'a>(routes: impl Iterator<Item = &'a Prefix4>) -> (usize, usize, usize) {
    let mut answers: BTreeMap<u32, BTreeSet<Prefix4>> = BTreeMap::new();
    let mut nodes = BTreeSet::new();
    let mut outer = 0;
    for prefix in routes {
        let slash24 = Prefix4::new(prefix.first(), prefix.len().min(24)).unwrap();
        if prefix.len() > 24 {
            nodes.insert(slash24);
        }
        outer += usize::from(!(20..=24).contains(&prefix.len()));
        if prefix.len() > 19 {
            answers
                .entry(prefix.first() >> 13)
                .or_default()
                .insert(slash24);
        }
    }
    let cells = answers.values().map(|routes| (routes.len() + 10) / 4);
    (cells.sum(), nodes.len(), outer)
}

/// Which limit of [`OUTER`], [`NODES`] and [`CELLS`] a new route would break: never
/// one of memory that is there, but in pieces.
fn limit(model: &BTreeMap<Prefix4, NextHop>, new: Prefix4) -> Option<Full> {
    let (cells, nodes, outer) = needs(model.keys().chain([&new]));
    if outer > OUTER {
        Some(Full::Routes)
    } else if nodes > NODES {
        Some(Full::Nodes)
    } else {
        (cells > CELLS).then_some(Full::Cells)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_the_oracle(changes in prop::collection::vec(any_change(), 1..160)) {
        let config = Lpm4CompactConfig { outer_routes: OUTER, cells: CELLS, nodes: NODES };
        let mut memory = memory(config.lines());
        replay(&mut Lpm4Compact::new(config, &mut memory).unwrap(), changes, limit);
    }
}

/// With exactly the memory that they need.
fn run_large(prefixes: Vec<Prefix4>) {
    let (cells, nodes, outer_routes) = needs(prefixes.iter());
    let config = Lpm4CompactConfig {
        outer_routes,
        cells,
        nodes,
    };
    let mut memory = memory(config.lines());
    large(
        &mut Lpm4Compact::new(config, &mut memory).unwrap(),
        prefixes,
    );
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

/// With exactly the memory that it needs, which the documentation states; 8 MiB are more.
#[test]
fn the_internet_table() {
    let Some(prefixes) = internet::<Prefix4>() else {
        return;
    };
    assert_eq!(prefixes.len(), 901_899);
    assert_eq!(needs(prefixes.iter()), (3_363_088 / 8, 451, 65_707));
    run_large(prefixes);
}

/// Blocks of one size fill the memory; every other one goes; then larger ones must find room in
/// the holes, which are too small for any.
#[test]
fn memory_in_pieces_is_put_together() {
    let config = Lpm4CompactConfig {
        outer_routes: 0,
        cells: 400,
        nodes: 0,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4Compact::new(config, &mut memory).unwrap();
    let prefix = |slot: u32, at: u32| Prefix4::new(slot << 13 | at << 8, 24).unwrap();
    let mut model = BTreeMap::new();
    for slot in 0..200 {
        assert_eq!(table.insert(prefix(slot, 0), hop(1)), Ok(None));
        model.insert(prefix(slot, 0), hop(1));
    }
    let full = Err(RouteError::TableFull(Full::Cells));
    assert_eq!(table.insert(prefix(200, 0), hop(1)), full);
    for slot in (0..200).step_by(2) {
        assert_eq!(table.remove(prefix(slot, 0)), Ok(hop(1)));
        model.remove(&prefix(slot, 0));
    }
    assert_eq!(table.cells_in_use(), 200);
    // 32 routes in a block are 10 cells: 20 such blocks are all that is left.
    for slot in 300..320 {
        for at in 0..32 {
            let next = hop((slot + at) as u16);
            assert_eq!(
                table.insert(prefix(slot, at), next),
                Ok(None),
                "{slot} {at}"
            );
            model.insert(prefix(slot, at), next);
        }
    }
    assert_eq!(table.cells_in_use(), 400);
    assert_eq!(table.insert(prefix(0, 0), hop(1)), full);
    for (prefix, next) in &model {
        assert_eq!(table.reader().lookup(prefix.last()), Some(*next));
        assert_eq!(table.route(*prefix), Some(*next));
    }
    for prefix in model.keys() {
        assert!(table.remove(*prefix).is_ok());
    }
    table.assert_pristine();
}

#[test]
fn a_bulk_look_up_answers_as_many_as_both_slices_hold() {
    let config = Lpm4CompactConfig {
        outer_routes: 2,
        cells: 4,
        nodes: 1,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm4Compact::new(config, &mut memory).unwrap();
    let (wide, narrow) = (
        "10.0.0.0/8".parse().unwrap(),
        "10.0.0.7/32".parse().unwrap(),
    );
    answers_up_to_the_shorter_slice(&mut table, wide, narrow);
}

#[test]
fn memory_is_what_the_configuration_says() {
    let config = Lpm4CompactConfig {
        outer_routes: 10,
        cells: 50,
        nodes: 3,
    };
    takes(config.lines(), |lines| {
        Lpm4Compact::new(config, lines).map(|table| table.assert_pristine())
    });
}

#[test]
fn more_than_can_be_named_is_not_asked_for() {
    let lines = |cells, nodes| {
        Lpm4CompactConfig {
            outer_routes: 1,
            cells,
            nodes,
        }
        .lines()
    };
    assert_eq!(
        lines(usize::MAX, usize::MAX),
        lines(Lpm4CompactConfig::MAX_CELLS, Lpm4CompactConfig::MAX_NODES)
    );
    assert!(lines(1000, 9) > lines(0, 9) && lines(0, 9) > lines(0, 0));
}

//! The table against oracles, small and nearly full, generated and real.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::level::Level;
use super::*;
use crate::lookup::testing::{
    Change, Table, answers_up_to_the_shorter_slice, compare, delegate, hop, internet, large,
    memory, replay, takes,
};
use crate::lookup::{Full, NextHop, Prefix6, RouteError, Routes6};
use core::sync::atomic::Ordering;

impl Table for Lpm6<'_> {
    type Prefix = Prefix6;

    const MAX: u128 = u128::MAX;

    delegate!(Prefix6, u128, Lpm6Reader::plain);

    fn assert_pristine(&self) {
        assert!(self.is_empty());
        assert_eq!((self.wide_nodes_in_use(), self.nodes_in_use()), (0, 0));
        assert_eq!(self.leaves_in_use(), 0);
        assert_eq!(self.routes().count(), 0);
        let root = &self.reader().cells[..1 << 20];
        assert!(root.iter().all(|cell| cell.load(Ordering::Relaxed) == 0));
    }
}

/// Prefixes of every length, crowded: few values for each byte, often equal to others' bytes.
fn any_prefix() -> impl Strategy<Value = Prefix6> {
    let byte = prop::sample::select(vec![0u8, 0, 0, 0, 0x20, 0x21, 0x80, 0xff]);
    let len = prop_oneof![1 => 0u8..=20, 3 => 21u8..=32, 4 => 33u8..=64, 1 => 65u8..=128];
    (prop::array::uniform16(byte), len)
        .prop_map(|(bytes, len)| Prefix6::new(u128::from_be_bytes(bytes), len).unwrap())
}

fn any_change() -> impl Strategy<Value = Change<Prefix6>> {
    prop_oneof![
        5 => (any_prefix(), 0..=NextHop::MAX).prop_map(|(prefix, hop)| Change::Insert(prefix, hop)),
        1 => any_prefix().prop_map(Change::Remove),
        2 => any_prefix().prop_map(Change::RemoveNear),
    ]
}

const ROUTES: usize = 40;
const WIDE_NODES: usize = 12;
/// More nodes and leaves than so many routes can take.
const PLENTY: usize = ROUTES * Level::COUNT;

/// The places where these routes may need nodes or leaves: level and first bits.
fn places<'a>(routes: impl Iterator<Item = &'a Prefix6>) -> BTreeSet<(Level, u128)> {
    let mut places = BTreeSet::new();
    for prefix in routes {
        let mut level = Level::of(prefix.len());
        while level != Level::ROOT {
            places.insert((level, prefix.first() >> (128 - level.start())));
            level = Level::of(level.start() as u8);
        }
    }
    places
}

/// Which limit of [`ROUTES`] and [`WIDE_NODES`] a new route would break.
fn limit(model: &BTreeMap<Prefix6, NextHop>, new: Prefix6) -> Option<Full> {
    if model.len() == ROUTES {
        return Some(Full::Routes);
    }
    let wide = wide(&places(model.keys().chain([&new])));
    (wide > WIDE_NODES).then_some(Full::WideNodes)
}

fn wide(places: &BTreeSet<(Level, u128)>) -> usize {
    let wide = places.iter().filter(|(level, _)| *level == Level::WIDE);
    wide.count()
}

/// Prefixes of some bits more than a few others, so that leaves fill and become nodes.
fn near_prefix() -> impl Strategy<Value = Prefix6> {
    let base = prop::sample::select(vec![0x2001_0db8u128 << 96, 0x2001_0db8_0100 << 80]);
    let deep = prop::sample::select(vec![0u32, 0, 0, 8, 16, 72, 80]);
    (base, deep, 1u32..=16, 0u128..64).prop_map(|(base, deep, bits, low)| {
        let len = 32 + deep + bits;
        let spread = low << (bits.saturating_sub(6)) & ((1 << bits) - 1);
        Prefix6::new(base | spread << (128 - len), len as u8).unwrap()
    })
}

fn near_change() -> impl Strategy<Value = Change<Prefix6>> {
    prop_oneof![
        6 => (near_prefix(), 0..=NextHop::MAX).prop_map(|(prefix, hop)| Change::Insert(prefix, hop)),
        1 => near_prefix().prop_map(Change::Remove),
        2 => near_prefix().prop_map(Change::RemoveNear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_the_oracle(changes in prop::collection::vec(any_change(), 1..120)) {
        let config = Lpm6Config {
            routes: ROUTES,
            wide_nodes: WIDE_NODES,
            nodes: PLENTY,
            leaves: PLENTY,
        };
        let mut memory = memory(config.lines());
        replay(&mut Lpm6::new(config, &mut memory).unwrap(), changes, limit);
    }

    /// What is refused leaves no trace; what is in the table goes out whatever is full.
    #[test]
    fn a_full_table_is_unchanged_by_what_it_refuses(
        changes in prop::collection::vec(near_change(), 1..160),
        nodes in 0usize..6,
        leaves in 0usize..6,
    ) {
        let config = Lpm6Config { routes: 160, wide_nodes: 1, nodes, leaves };
        let mut memory = memory(config.lines());
        let mut table = Lpm6::new(config, &mut memory).unwrap();
        let mut model = BTreeMap::new();
        for change in changes {
            let prefix = match change {
                Change::Insert(prefix, next) => {
                    match table.insert(prefix, hop(next)) {
                        Ok(old) => prop_assert_eq!(old, model.insert(prefix, hop(next))),
                        Err(RouteError::TableFull(Full::Nodes)) => {
                            prop_assert!(!model.contains_key(&prefix));
                            // Up to 11 are wanted at once.
                            prop_assert!(table.nodes_in_use() + 11 > nodes);
                        }
                        Err(RouteError::TableFull(Full::Leaves)) => {
                            prop_assert!(!model.contains_key(&prefix));
                            // A leaf of 15 routes becomes 16 at most.
                            prop_assert!(table.leaves_in_use() + 16 > leaves);
                        }
                        Err(other) => prop_assert!(false, "{other}"),
                    }
                    prefix
                }
                Change::Remove(prefix) | Change::RemoveNear(prefix) => {
                    let expected = model.remove(&prefix).ok_or(RouteError::NoSuchRoute);
                    prop_assert_eq!(table.remove(prefix), expected);
                    prefix
                }
            };
            prop_assert!(table.nodes_in_use() <= nodes && table.leaves_in_use() <= leaves);
            compare(&table, &model, prefix);
        }
        for prefix in model.keys() {
            prop_assert!(table.remove(*prefix).is_ok());
        }
        table.assert_pristine();
    }

    #[test]
    fn leaves_fill_and_become_nodes(changes in prop::collection::vec(near_change(), 1..160)) {
        let config = Lpm6Config { routes: 160, wide_nodes: 1, nodes: PLENTY, leaves: PLENTY };
        let mut memory = memory(config.lines());
        replay(&mut Lpm6::new(config, &mut memory).unwrap(), changes, |_, _| None);
    }
}

fn run_large(prefixes: Vec<Prefix6>) {
    let wide_nodes = wide(&places(prefixes.iter()));
    let config = Lpm6Config {
        routes: prefixes.len(),
        wide_nodes,
        ..Lpm6Config::default()
    };
    let mut memory = memory(config.lines());
    large(&mut Lpm6::new(config, &mut memory).unwrap(), prefixes);
}

#[test]
fn a_generated_table_of_50_000_routes() {
    run_large(
        Routes6::new(3, 1)
            .map(|(prefix, _)| prefix)
            .take(50_000)
            .collect(),
    );
}

/// In the order of the file it takes the nodes that the documentation states.
#[test]
fn the_internet_table() {
    let Some(prefixes) = internet::<Prefix6>() else {
        return;
    };
    assert_eq!(prefixes.len(), 160_147);
    let config = Lpm6Config::default();
    let mut memory = memory(config.lines());
    let mut table = Lpm6::new(config, &mut memory).unwrap();
    for prefix in &prefixes {
        assert_eq!(table.insert(*prefix, NextHop::new(1).unwrap()), Ok(None));
    }
    let used = (
        table.wide_nodes_in_use(),
        table.nodes_in_use(),
        table.leaves_in_use(),
    );
    assert_eq!(used, (610, 3_813, 19_588));
    run_large(prefixes);
}

#[test]
fn a_bulk_look_up_answers_as_many_as_both_slices_hold() {
    let config = Lpm6Config {
        routes: 2,
        wide_nodes: 1,
        nodes: 12,
        leaves: 1,
    };
    let mut memory = memory(config.lines());
    let mut table = Lpm6::new(config, &mut memory).unwrap();
    let (wide, narrow) = (
        "2001:db8::/48".parse().unwrap(),
        "2001:db8::7/128".parse().unwrap(),
    );
    answers_up_to_the_shorter_slice(&mut table, wide, narrow);
}

#[test]
fn memory_is_what_the_configuration_says() {
    let config = Lpm6Config {
        routes: 10,
        wide_nodes: 2,
        nodes: 3,
        leaves: 4,
    };
    takes(config.lines(), |lines| {
        Lpm6::new(config, lines).map(|table| table.assert_pristine())
    });
}

#[test]
fn more_nodes_than_a_cell_can_point_to_are_not_asked_for() {
    let lines = |wide_nodes, nodes| {
        Lpm6Config {
            routes: 1,
            wide_nodes,
            nodes,
            leaves: 0,
        }
        .lines()
    };
    assert_eq!(lines(0, usize::MAX), lines(0, Lpm6Config::MAX_NODES));
    assert_eq!(lines(7, usize::MAX), lines(7, Lpm6Config::MAX_NODES - 7));
    assert_eq!(
        lines(usize::MAX, usize::MAX),
        lines(Lpm6Config::MAX_NODES, 0)
    );
}

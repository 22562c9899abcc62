//! The table against oracles, small and nearly full, generated and real.

use std::collections::{BTreeMap, BTreeSet};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::level::Level;
use super::*;
use crate::lookup::testing::{
    Change, Table, answers_up_to_the_shorter_slice, internet, large, memory, replay,
};
use crate::lookup::{Full, MemoryError, NextHop, Prefix6, RouteError, Routes6};
use core::sync::atomic::Ordering;

impl Table for Lpm6<'_> {
    type Prefix = Prefix6;

    const MAX: u128 = u128::MAX;

    fn insert(&mut self, prefix: Prefix6, hop: NextHop) -> Result<Option<NextHop>, RouteError> {
        self.insert(prefix, hop)
    }

    fn remove(&mut self, prefix: Prefix6) -> Result<NextHop, RouteError> {
        self.remove(prefix)
    }

    fn route(&self, prefix: Prefix6) -> Option<NextHop> {
        self.route(prefix)
    }

    fn all(&self) -> Vec<(Prefix6, NextHop)> {
        self.routes().collect()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn lookup(&self, address: u128) -> Option<NextHop> {
        self.reader().lookup(address)
    }

    fn lookup_bulk(&self, addresses: &[u128], answers: &mut [Option<NextHop>]) -> usize {
        self.reader().lookup_bulk(addresses, answers)
    }

    fn assert_pristine(&self) {
        assert!(self.is_empty());
        assert_eq!((self.wide_nodes_in_use(), self.nodes_in_use()), (0, 0));
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
const NODES: usize = 40;

/// The nodes that these routes need: level and first bits.
fn nodes<'a>(routes: impl Iterator<Item = &'a Prefix6>) -> BTreeSet<(Level, u128)> {
    let mut nodes = BTreeSet::new();
    for prefix in routes {
        let mut level = Level::of(prefix.len());
        while level != Level::ROOT {
            nodes.insert((level, prefix.first() >> (128 - level.start())));
            level = Level::of(level.start() as u8);
        }
    }
    nodes
}

/// Which limit of [`ROUTES`], [`WIDE_NODES`] and [`NODES`] a new route would break.
fn limit(model: &BTreeMap<Prefix6, NextHop>, new: Prefix6) -> Option<Full> {
    let nodes = nodes(model.keys().chain([&new]));
    let wide = nodes
        .iter()
        .filter(|(level, _)| *level == Level::WIDE)
        .count();
    if model.len() == ROUTES {
        Some(Full::Routes)
    } else if wide > WIDE_NODES {
        Some(Full::WideNodes)
    } else {
        (nodes.len() - wide > NODES).then_some(Full::Nodes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_the_oracle(changes in prop::collection::vec(any_change(), 1..120)) {
        let config = Lpm6Config { routes: ROUTES, wide_nodes: WIDE_NODES, nodes: NODES };
        let mut memory = memory(config.lines());
        replay(&mut Lpm6::new(config, &mut memory).unwrap(), changes, limit);
    }
}

fn run_large(prefixes: Vec<Prefix6>) {
    let expected = nodes(prefixes.iter());
    let wide_nodes = expected
        .iter()
        .filter(|(level, _)| *level == Level::WIDE)
        .count();
    let nodes = expected.len() - wide_nodes;
    let config = Lpm6Config {
        routes: prefixes.len(),
        wide_nodes,
        nodes,
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

/// With exactly the nodes that it needs, which the documentation states.
#[test]
fn the_internet_table() {
    let Some(prefixes) = internet::<Prefix6>() else {
        return;
    };
    assert_eq!(prefixes.len(), 160_147);
    let nodes = nodes(prefixes.iter());
    let wide = nodes
        .iter()
        .filter(|(level, _)| *level == Level::WIDE)
        .count();
    assert_eq!((wide, nodes.len() - wide), (610, 30_872));
    run_large(prefixes);
}

#[test]
fn a_bulk_look_up_answers_as_many_as_both_slices_hold() {
    let config = Lpm6Config {
        routes: 2,
        wide_nodes: 1,
        nodes: 12,
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
    };
    let mut lines = memory(config.lines());
    let needed = lines.len();
    let error = Lpm6::new(config, &mut lines[1..]).unwrap_err();
    assert_eq!(
        error,
        MemoryError {
            needed,
            given: needed - 1
        }
    );
    // What was in the memory before does not matter.
    lines.as_mut_bytes().fill(0xa5);
    Lpm6::new(config, &mut lines).unwrap().assert_pristine();
}

#[test]
fn more_nodes_than_a_cell_can_point_to_are_not_asked_for() {
    let lines = |wide_nodes, nodes| {
        Lpm6Config {
            routes: 1,
            wide_nodes,
            nodes,
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

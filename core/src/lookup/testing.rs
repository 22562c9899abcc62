//! What the tests of the tables share: memory, oracles, and the real routing table.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::{CacheLine, NextHop, Prefix4, Prefix6};

pub(super) fn memory(lines: usize) -> Vec<CacheLine> {
    vec![CacheLine::ZERO; lines]
}

pub(super) fn hop(index: u16) -> NextHop {
    NextHop::new(index).unwrap()
}

/// A prefix as the oracles see it: all families as 128 bits.
pub(super) trait Range: Copy + Ord {
    fn ends(self) -> (u128, u128);
    fn length(self) -> u8;
}

impl Range for Prefix4 {
    fn ends(self) -> (u128, u128) {
        (self.first().into(), self.last().into())
    }

    fn length(self) -> u8 {
        self.len()
    }
}

impl Range for Prefix6 {
    fn ends(self) -> (u128, u128) {
        (self.first(), self.last())
    }

    fn length(self) -> u8 {
        self.len()
    }
}

/// Longest-prefix match by looking at every route.
pub(super) fn scan<P: Range>(routes: &BTreeMap<P, NextHop>, address: u128) -> Option<NextHop> {
    routes
        .iter()
        .filter(|(prefix, _)| prefix.ends().0 <= address && address <= prefix.ends().1)
        .max_by_key(|(prefix, _)| prefix.length())
        .map(|(_, hop)| *hop)
}

/// Addresses where the answer may change: both ends of each prefix and their neighbours.
pub(super) fn boundaries<P: Range>(prefixes: impl IntoIterator<Item = P>, max: u128) -> Vec<u128> {
    let around = |prefix: P| {
        let (first, last) = prefix.ends();
        [
            first,
            last,
            first.saturating_sub(1),
            last.saturating_add(1).min(max),
        ]
    };
    prefixes.into_iter().flat_map(around).collect()
}

/// Longest-prefix match by binary search: where each stretch of one answer starts.
pub(super) struct Intervals(Vec<(u128, Option<NextHop>)>);

impl Intervals {
    /// By one sweep with a stack of the prefixes that are open.
    pub(super) fn new<P: Range>(routes: &[(P, NextHop)]) -> Self {
        let mut sorted = routes.to_vec();
        sorted.sort_by_key(|(prefix, _)| (prefix.ends().0, prefix.length()));
        let mut starts = vec![(0, None)];
        let mut open: Vec<(u128, NextHop)> = Vec::new();
        for (prefix, hop) in sorted {
            let (first, last) = prefix.ends();
            close(&mut starts, &mut open, Some(first));
            starts.push((first, Some(hop)));
            open.push((last, hop));
        }
        close(&mut starts, &mut open, None);
        Self(starts)
    }

    pub(super) fn lookup(&self, address: u128) -> Option<NextHop> {
        let behind = self.0.partition_point(|(start, _)| *start <= address);
        self.0[behind - 1].1
    }
}

/// Ends what is open before `until`; the last of several starts at one address counts.
fn close(
    starts: &mut Vec<(u128, Option<NextHop>)>,
    open: &mut Vec<(u128, NextHop)>,
    until: Option<u128>,
) {
    while let Some((last, _)) = open.pop_if(|(last, _)| until.is_none_or(|until| *last < until)) {
        if let Some(start) = last.checked_add(1) {
            starts.push((start, open.last().map(|(_, hop)| *hop)));
        }
    }
}

/// Pseudo-random numbers for a fixed seed (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// The prefixes of one family in the Internet table of `LINECARD_DATA`, if that is set.
pub(super) fn internet<P: core::str::FromStr>() -> Option<Vec<P>> {
    let path = PathBuf::from(std::env::var_os("LINECARD_DATA")?).join("internet-prefixes.txt.gz");
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines();
    Some(
        lines
            .filter_map(|line: Result<String, _>| line.unwrap().parse().ok())
            .collect(),
    )
}

mod checks {
    use super::*;

    #[test]
    fn the_two_oracles_agree() {
        let mut random = Random(1);
        for _ in 0..50 {
            let mut routes = BTreeMap::new();
            for index in 0..20 {
                let address = random.below(4096) as u32;
                let prefix = Prefix4::new(address, 20 + random.below(13) as u8).unwrap();
                routes.insert(prefix, hop(index));
            }
            let list: Vec<_> = routes.iter().map(|(prefix, hop)| (*prefix, *hop)).collect();
            let intervals = Intervals::new(&list);
            for address in 0..4200 {
                assert_eq!(
                    intervals.lookup(address),
                    scan(&routes, address),
                    "{address:#x}"
                );
            }
        }
    }
}

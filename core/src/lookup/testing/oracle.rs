//! Longest-prefix match done simply, and what the answers of a table are compared with.

use std::collections::BTreeMap;
use std::vec;
use std::vec::Vec;

use crate::lookup::{NextHop, Prefix4, Prefix6};

/// A prefix as the oracles see it: all families as 128 bits.
pub(in crate::lookup) trait Range: Copy + Ord {
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
pub(in crate::lookup) fn scan<P: Range>(
    routes: &BTreeMap<P, NextHop>,
    address: u128,
) -> Option<NextHop> {
    routes
        .iter()
        .filter(|(prefix, _)| prefix.ends().0 <= address && address <= prefix.ends().1)
        .max_by_key(|(prefix, _)| prefix.length())
        .map(|(_, hop)| *hop)
}

/// Addresses where the answer may change: both ends of each prefix and their neighbours.
pub(in crate::lookup) fn boundaries<P: Range>(
    prefixes: impl IntoIterator<Item = P>,
    max: u128,
) -> Vec<u128> {
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
pub(in crate::lookup) struct Intervals(Vec<(u128, Option<NextHop>)>);

impl Intervals {
    /// By one sweep with a stack of the prefixes that are open.
    pub(in crate::lookup) fn new<P: Range>(routes: &[(P, NextHop)]) -> Self {
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

    pub(in crate::lookup) fn lookup(&self, address: u128) -> Option<NextHop> {
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

mod tests {
    use super::*;
    use crate::lookup::testing::{Random, hop};

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

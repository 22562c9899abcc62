//! What the tests of the tables share: memory, oracles, the real routing table, and the tests
//! that every table passes.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::string::String;
use std::vec;
use std::vec::Vec;

use zerocopy::IntoBytes;

use super::{CacheLine, MemoryError, NextHop};

mod oracle;
mod race;
mod table;

pub(super) use race::race;
pub(super) use table::{
    Change, Table, answers_up_to_the_shorter_slice, compare, delegate, large, replay,
};

pub(super) fn memory(lines: usize) -> Vec<CacheLine> {
    vec![CacheLine::ZERO; lines]
}

/// A table that takes `lines` of memory says so where there is one less, and is empty whatever was in the
/// memory before: `make` makes one and looks.
pub(super) fn takes(lines: usize, make: impl Fn(&mut [CacheLine]) -> Result<(), MemoryError>) {
    let mut memory = memory(lines);
    assert_eq!(
        make(&mut memory[1..]),
        Err(MemoryError {
            needed: lines,
            given: lines - 1
        })
    );
    memory.as_mut_bytes().fill(0xa5);
    make(&mut memory).unwrap();
}

pub(super) fn hop(index: u16) -> NextHop {
    NextHop::new(index).unwrap()
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

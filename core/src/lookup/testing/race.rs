//! Readers on other threads while routes change.

use core::fmt::LowerHex;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use super::Random;
use crate::lookup::{Lpm, NextHop};

/// Changes a table, again and again, while three threads look up: every answer must be one that
/// the table gave at some moment, which `may_be` tells of an address and its answer.
///
/// It ends when time is up and everybody had a share of it, however busy the machine is.
/// The third of them has the last reader, which is for any processor.
pub(in crate::lookup) fn race<A: Copy + LowerHex + Send, L: Lpm<A>>(
    [reader, plain]: [L; 2],
    address: impl Fn(&mut Random) -> A + Sync,
    may_be: impl Fn(A, Option<NextHop>) -> bool + Sync,
    mut change: impl FnMut(&mut Random),
) {
    let stop = AtomicBool::new(false);
    let rounds = [const { AtomicU64::new(0) }; READERS];
    let look_up = |reader: L, seed, rounds: &AtomicU64| {
        let mut random = Random(seed);
        let mut answers = [None; ADDRESSES];
        while !stop.load(Ordering::Relaxed) {
            let addresses = [(); ADDRESSES].map(|()| address(&mut random));
            reader.lookup_bulk(&addresses, &mut answers);
            for (address, answer) in addresses.into_iter().zip(answers) {
                assert!(
                    may_be(address, answer),
                    "{address:#x} gave {answer:?} in bulk"
                );
                let answer = reader.lookup(address);
                assert!(may_be(address, answer), "{address:#x} gave {answer:?}");
            }
            rounds.fetch_add(1, Ordering::Relaxed);
        }
    };
    let began = Instant::now();
    let mut changes = 0u64;
    thread::scope(|scope| {
        let readers = [(0, reader), (1, reader), (2, plain)].map(|(at, reader)| {
            let (look_up, rounds) = (&look_up, &rounds[at]);
            scope.spawn(move || look_up(reader, at as u64, rounds))
        });
        let _stop = StopAtEnd(&stop);
        let mut random = Random(99);
        let had_a_share = |rounds: &AtomicU64| rounds.load(Ordering::Relaxed) > 20;
        while !readers.iter().any(|reader| reader.is_finished()) {
            let time = began.elapsed();
            if time > AT_LEAST && changes > 1000 && rounds.iter().all(had_a_share) {
                break;
            }
            assert!(time < AT_MOST, "{changes} changes, {rounds:?} look-ups");
            for _ in 0..64 {
                change(&mut random);
            }
            changes += 64;
        }
    });
}

/// Has the readers end when the writer does, also if that is by a panic: the scope waits for them.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const READERS: usize = 3;
/// Looked up at a time: more than one burst of the tables' own.
const ADDRESSES: usize = 48;
const AT_LEAST: Duration = Duration::from_millis(1500);
const AT_MOST: Duration = Duration::from_secs(120);

//! Hostile devices and hostile guests for a long time: committed inputs spliced and spoiled, and
//! random ones, until so many operations are done.
//!
//! `LINECARD_HOSTILE` is how many operations for each of the four targets; by default there are few.
//! `.ci/check hostile` runs more of them under the address sanitizer, where an access that is not
//! sound is seen as such. `LINECARD_HOSTILE_SEED` makes it others than the usual ones.

use std::fs;
use std::path::Path;
use std::time::Instant;

use linecard_harness::{TARGETS, operations};

#[test]
fn a_device_with_split_rings() {
    torment("virtio_split");
}

#[test]
fn a_device_with_packed_rings() {
    torment("virtio_packed");
}

#[test]
fn a_guest_with_split_rings() {
    torment("vhost_split");
}

#[test]
fn a_guest_with_packed_rings() {
    torment("vhost_packed");
}

fn torment(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let run = target.expect("a target of this name").run;
    let goal = number("LINECARD_HOSTILE", 20_000);
    let mut inputs = Inputs::new(name, number("LINECARD_HOSTILE_SEED", 1));
    let (start, began, mut runs) = (operations(), Instant::now(), 0u64);
    while operations() - start < goal {
        let input = inputs.next();
        // What a panic leaves of it, to become a saved crasher.
        let saver = Saver { name, input };
        run(saver.input);
        runs += 1;
    }
    let (done, took) = (operations() - start, began.elapsed());
    println!("{name}: {done} operations in {runs} runs, {took:.1?}");
}

fn number(variable: &str, otherwise: u64) -> u64 {
    let Ok(value) = std::env::var(variable) else {
        return otherwise;
    };
    let number = value.parse();
    number.unwrap_or_else(|error| panic!("{variable}={value}: {error}"))
}

/// Writes the input down when a run panics.
struct Saver<'a> {
    name: &'a str,
    input: &'a [u8],
}

impl Drop for Saver<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let path = std::env::temp_dir().join(format!("linecard-{}.crasher", self.name));
            let saved = fs::write(&path, self.input);
            eprintln!("the input is in {}: {saved:?}", path.display());
        }
    }
}

/// Inputs without end, the same for the same seed.
struct Inputs {
    corpus: Vec<Vec<u8>>,
    state: u64,
    input: Vec<u8>,
}

impl Inputs {
    fn new(name: &str, seed: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
        let entries = fs::read_dir(folder.join(name)).expect("a corpus");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        paths.sort();
        let corpus: Vec<_> = paths
            .iter()
            .map(|path| fs::read(path).expect("a file"))
            .collect();
        assert!(!corpus.is_empty(), "{name} has no corpus");
        Self {
            corpus,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            input: Vec::new(),
        }
    }

    /// One to six pieces, each of a committed input or random, then some bytes changed.
    fn next(&mut self) -> &[u8] {
        self.input.clear();
        for _ in 0..=self.below(6) {
            match self.below(4) {
                0 => {
                    let len = self.below(600);
                    for _ in 0..len {
                        let byte = self.random() as u8;
                        self.input.push(byte);
                    }
                }
                _ => {
                    let which = self.below(self.corpus.len());
                    let len = self.corpus[which].len();
                    // From the start or the middle: the first bytes set the device up.
                    let from = if self.below(2) == 0 || len == 0 {
                        0
                    } else {
                        self.below(len)
                    };
                    self.input.extend_from_slice(&self.corpus[which][from..]);
                }
            }
        }
        for _ in 0..self.below(12) {
            if self.input.is_empty() {
                break;
            }
            let at = self.below(self.input.len());
            self.input[at] = self.random() as u8;
        }
        &self.input
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random() as usize % bound
    }

    /// Marsaglia's xorshift64 ("Xorshift RNGs", 2003), its upper bits.
    fn random(&mut self) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 32) as u32
    }
}

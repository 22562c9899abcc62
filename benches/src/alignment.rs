//! Cache-line alignment: a ring between two threads whose indices have lines of their own or share
//! one, and whose descriptors of 32 bytes lie within lines or across them.
//!
//! The ring is the textbook's, written here so that nothing else differs: one item at a time, no copy
//! of the other side's index, descriptors as four words.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

use linecard::ring::{Inline, Padded, spsc};

use crate::hands::{Hand, together, two, wait};
use crate::harness::Contender;

/// Both sides on one line: what one writes takes the line from the other.
#[derive(Default)]
#[repr(align(64))]
struct OneLine {
    head: AtomicUsize,
    tail: AtomicUsize,
}

/// A line each.
#[derive(Default)]
struct OwnLines {
    head: Padded<AtomicUsize>,
    tail: Padded<AtomicUsize>,
}

trait Indices: Default + Send + Sync + 'static {
    fn head(&self) -> &AtomicUsize;
    fn tail(&self) -> &AtomicUsize;
}

impl Indices for OneLine {
    fn head(&self) -> &AtomicUsize {
        &self.head
    }
    fn tail(&self) -> &AtomicUsize {
        &self.tail
    }
}

impl Indices for OwnLines {
    fn head(&self) -> &AtomicUsize {
        &self.head.0
    }
    fn tail(&self) -> &AtomicUsize {
        &self.tail.0
    }
}

struct Ring<I> {
    indices: I,
    words: Vec<AtomicU64>,
    /// The first descriptor's word.
    first: usize,
}

impl<I: Indices> Ring<I> {
    fn new(aligned: bool) -> Self {
        let words: Vec<_> = (0..SLOTS * WORDS + 16).map(|_| AtomicU64::new(0)).collect();
        let to_line = words.as_ptr().align_offset(64).min(8);
        Self {
            indices: I::default(),
            // Words 6 to 9 of a line: every other descriptor lies across two.
            first: to_line + if aligned { 0 } else { 6 },
            words,
        }
    }

    fn slot(&self, index: usize) -> &[AtomicU64] {
        let from = self.first + index % SLOTS * WORDS;
        &self.words[from..from + WORDS]
    }

    fn push(&self, value: u64) {
        let (tail, mut spins) = (self.indices.tail().load(Ordering::Relaxed), 0);
        while tail.wrapping_sub(self.indices.head().load(Ordering::Acquire)) == SLOTS {
            wait(&mut spins);
        }
        for word in self.slot(tail) {
            word.store(value, Ordering::Relaxed);
        }
        self.indices
            .tail()
            .store(tail.wrapping_add(1), Ordering::Release);
    }

    fn pop(&self) -> u64 {
        let (head, mut spins) = (self.indices.head().load(Ordering::Relaxed), 0);
        while self.indices.tail().load(Ordering::Acquire) == head {
            wait(&mut spins);
        }
        let words = self.slot(head).iter();
        let sum = words.map(|word| word.load(Ordering::Relaxed)).sum();
        self.indices
            .head()
            .store(head.wrapping_add(1), Ordering::Release);
        sum
    }
}

/// All four, and our ring, which keeps copies of the other side's index.
///
/// # Errors
/// That there are not two processors.
pub fn ring() -> Result<Vec<Contender>, String> {
    two()?;
    let ours = "linecard spsc, 32-byte items, one by one";
    Ok(vec![
        Contender::lazy(ours, || linecard(ours)),
        textbook::<OwnLines>("textbook: indices a line each, items aligned", true),
        textbook::<OneLine>("textbook: indices on one line, items aligned", true),
        textbook::<OwnLines>("textbook: indices a line each, items across", false),
        textbook::<OneLine>("textbook: indices on one line, items across", false),
    ])
}

fn textbook<I: Indices>(name: &'static str, aligned: bool) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = two()?;
        let ring = Arc::new(Ring::<I>::new(aligned));
        let sink = Arc::clone(&ring);
        let producer = Hand::new(Some(one), move || {
            Ok(move |units| (0..units).for_each(|item| ring.push(item)))
        })?;
        let consumer = Hand::new(Some(other), move || {
            Ok(move |units| (0..units).for_each(|item| assert_eq!(sink.pop(), item * 4)))
        })?;
        Ok(together(name, vec![producer, consumer]))
    })
}

fn linecard(name: &'static str) -> Result<Contender, String> {
    let [one, other] = two()?;
    let ring: &'static mut spsc::Ring<Inline<[u64; WORDS], SLOTS>> =
        Box::leak(Box::new(spsc::Ring::new()));
    let (mut producer, mut consumer) = ring.split();
    let producer = Hand::new(Some(one), move || {
        Ok(move |units| {
            for item in 0..units {
                let mut spins = 0;
                while producer.enqueue([item; WORDS]).is_err() {
                    wait(&mut spins);
                }
            }
        })
    })?;
    let consumer = Hand::new(Some(other), move || {
        Ok(move |units| {
            for item in 0..units {
                let mut spins = 0;
                let got = loop {
                    match consumer.dequeue() {
                        Some(got) => break got,
                        None => wait(&mut spins),
                    }
                };
                assert_eq!(got, [item; WORDS]);
            }
        })
    })?;
    Ok(together(name, vec![producer, consumer]))
}

const SLOTS: usize = 1024;
/// Of a descriptor: 32 bytes, as a packet has.
const WORDS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_lie_as_they_should_and_come_in_order() {
        for aligned in [true, false] {
            let ring = Ring::<OneLine>::new(aligned);
            let across = (0..SLOTS).filter(|&slot| {
                let first = ring.slot(slot).as_ptr().addr();
                first / 64 != (first + 31) / 64
            });
            assert_eq!(across.count(), if aligned { 0 } else { SLOTS / 2 });
            for item in 0..2 * SLOTS as u64 {
                ring.push(item);
                assert_eq!(ring.pop(), item * 4);
            }
        }
    }
}

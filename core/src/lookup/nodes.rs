//! Which second-level nodes are free, and how one is reused under the eyes of readers.
//!
//! A reader that has loaded a pointer to a node may be about to load from that node when the
//! writer removes the last long prefix below it. The writer does not wait for such readers, and
//! they do not announce themselves: a node is reused at once, but *not before the generation is
//! counted up*.
//!
//! ```text
//!   writer: unlink node … generation + 1 → fence → fill node anew → publish it elsewhere
//!   reader: generation → pointer → entry of the node → fence → generation the same? else again
//! ```
//!
//! - If the reader saw anything of the new filling, the two fences order its second reading of
//!   the generation behind the count: it differs, and the reader looks up again.
//! - If its first reading already gave the new count, it also sees that the node was unlinked,
//!   and cannot follow the old pointer.
//!
//! So an answer is one that the table gave at some moment during the look-up, a reader that stops for
//! ever holds up nobody, and a look-up repeats only when a node was reused in the nanoseconds it
//! took. Nodes never used before come first and then the one unlinked longest ago, which makes
//! that rare; a replacement or a new prefix reuses no node and repeats nothing.

use core::sync::atomic::{AtomicUsize, Ordering, fence};

/// Free nodes, and the marks of those in use.
pub(super) struct Nodes<'m, const WORDS: usize> {
    /// A free node's first word is the number of the next free one.
    marks: &'m mut [[u64; WORDS]],
    generation: &'m AtomicUsize,
    /// Nodes from here on were never used.
    fresh: usize,
    oldest: usize,
    newest: usize,
    returned: usize,
}

impl<'m, const WORDS: usize> Nodes<'m, WORDS> {
    /// All free; `marks` must be zero.
    pub(super) fn new(marks: &'m mut [[u64; WORDS]], generation: &'m AtomicUsize) -> Self {
        Self {
            marks,
            generation,
            fresh: 0,
            oldest: 0,
            newest: 0,
            returned: 0,
        }
    }

    pub(super) fn in_use(&self) -> usize {
        self.fresh - self.returned
    }

    pub(super) fn available(&self) -> usize {
        self.marks.len() - self.in_use()
    }

    /// A node without marks, for the caller to fill and then publish with `Release`.
    pub(super) fn take(&mut self) -> Option<usize> {
        if self.fresh < self.marks.len() {
            self.fresh += 1;
            return Some(self.fresh - 1);
        }
        self.returned = self.returned.checked_sub(1)?;
        let node = self.oldest;
        self.oldest = self.marks[node][0] as usize;
        self.marks[node][0] = 0;
        let generation = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        // Release: whoever sees the count sees the node unlinked.
        self.generation.store(generation, Ordering::Release);
        // Whoever sees an entry of the new filling sees the count.
        fence(Ordering::Release);
        Some(node)
    }

    /// Takes back a node that is unlinked and has no marks.
    pub(super) fn give_back(&mut self, node: usize) {
        debug_assert!(self.is_unmarked(node));
        if self.returned == 0 {
            self.oldest = node;
        } else {
            self.marks[self.newest][0] = node as u64;
        }
        self.newest = node;
        self.returned += 1;
    }

    pub(super) fn marks(&self, node: usize) -> &[u64] {
        self.marks.get(node).map_or(&[], |marks| marks)
    }

    pub(super) fn marks_mut(&mut self, node: usize) -> &mut [u64] {
        self.marks.get_mut(node).map_or(&mut [], |marks| marks)
    }

    pub(super) fn is_unmarked(&self, node: usize) -> bool {
        self.marks(node).iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;
    use crate::lookup::marks::Marks8;

    #[test]
    fn fresh_nodes_come_first_then_the_oldest_and_each_reuse_counts() {
        let generation = AtomicUsize::new(usize::MAX);
        let mut marks = vec![Marks8::default(); 3];
        let mut nodes = Nodes::new(&mut marks, &generation);
        assert_eq!((nodes.take(), nodes.take()), (Some(0), Some(1)));
        nodes.give_back(1);
        nodes.give_back(0);
        assert_eq!(nodes.in_use(), 0);
        assert_eq!(nodes.take(), Some(2));
        assert_eq!(generation.load(Ordering::Relaxed), usize::MAX);
        assert_eq!(nodes.take(), Some(1));
        assert_eq!(generation.load(Ordering::Relaxed), 0);
        nodes.give_back(2);
        assert_eq!(
            (nodes.take(), nodes.take(), nodes.take()),
            (Some(0), Some(2), None)
        );
        assert_eq!(generation.load(Ordering::Relaxed), 2);
        assert!((0..3).all(|node| nodes.is_unmarked(node)));
    }
}

//! How long a handle that moves items one by one leaves the other side alone when it finds nothing.

use core::cmp::min;

use super::{FIRST, enough, most};
use crate::sync::{
    atomic::{AtomicUsize, Ordering},
    pause,
};

/// What such a handle has learned about the other side's pace.
///
/// Each look at the other side's counter takes its line away from the core that writes it, and that core
/// gets no further until it has it back. The faster side would so look for every few items, and both would
/// go on at the pace of a line that travels between them. So a handle that has moved a few items since it
/// found nothing the last time waits a moment before it says that there is nothing again, and longer the next
/// time if that has brought more. After a wait that did not it leaves off for a while: the items
/// come in groups, and not one after the other.
///
/// What is there is always taken at once, who moves one item between two times or none never waits, nor
/// does a handle that always finds something. (Handles of [`mpmc`](crate::ring::mpmc) wait with few items in
/// hand: there a look is followed by a compare-and-swap. Here it is most of what an operation costs, so
/// the one that finds something is kept free of this.)
#[derive(Debug, Clone)]
pub(in crate::ring) struct Wait {
    /// Where the handle was when it found nothing the last time.
    since: usize,
    /// Steps that it waited then; 0 if it did not.
    steps: usize,
    /// Items that this wait must have brought.
    least: usize,
    /// So many times more a wait is not tried.
    rest: usize,
    /// So many items are worth a look.
    enough: usize,
    /// Steps of a wait, at most.
    most: usize,
}

impl Wait {
    /// Of a handle that is at this index of a ring of so many slots.
    pub(in crate::ring) fn new(at: usize, capacity: usize) -> Self {
        Self {
            since: at,
            steps: 0,
            least: 0,
            rest: 0,
            enough: enough(capacity),
            most: most(capacity),
        }
    }

    /// A handle at the index `at` has found nothing: the `other` side's counter, as it was seen, is `seen`. Gives
    /// what it is after a wait, if there was one.
    // By value, and called: what an operation is made of stays in registers.
    #[cold]
    #[inline(never)]
    pub(in crate::ring) fn for_more(
        mut self,
        at: usize,
        other: &AtomicUsize,
        seen: usize,
    ) -> (usize, Self) {
        match self.steps_at(at) {
            0 => (seen, self),
            steps => {
                pause(steps);
                // Acquire: what the other side did before this is ours to go on with.
                (other.load(Ordering::Acquire), self)
            }
        }
    }

    /// Steps to wait now that nothing was found at this index.
    fn steps_at(&mut self, at: usize) -> usize {
        let moved = at.wrapping_sub(self.since);
        self.since = at;
        if self.steps == 0 {
            if moved < 2 || moved >= self.enough {
                return 0;
            }
            if self.rest > 0 {
                self.rest -= 1;
                return 0;
            }
            self.steps = min(FIRST, self.most);
            self.least = moved + (moved / 4).max(1);
        } else if moved < min(self.least, self.enough) {
            self.steps = 0;
            self.rest = REST;
        } else if moved < self.enough && self.steps < self.most {
            self.steps = min(2 * self.steps, self.most);
            self.least = moved + (moved / 8).max(1);
        } else {
            if moved / 4 > self.enough {
                self.steps = (self.steps / 2).max(1);
            }
            self.least = moved / 4;
        }
        self.steps
    }
}

/// How often a wait is left out after one that brought too little.
const REST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps waited when nothing was found after so many items each time.
    fn waits(capacity: usize, moves: &[usize]) -> std::vec::Vec<usize> {
        let mut at = 1_usize.wrapping_neg();
        let mut wait = Wait::new(at, capacity);
        let step = |&moved: &usize| {
            at = at.wrapping_add(moved);
            wait.steps_at(at)
        };
        moves.iter().map(step).collect()
    }

    #[test]
    fn one_at_a_time_is_not_waited_for() {
        assert_eq!(waits(1024, &[0, 1, 0, 1, 1, 0, 0, 1]), [0; 8]);
    }

    #[test]
    fn a_wait_that_brings_more_is_followed_by_longer_ones() {
        let moves = [0, 3, 4, 6, 12, 30, 60, 60, 60];
        assert_eq!(waits(1024, &moves), [0, 16, 32, 64, 64, 64, 64, 64, 64]);
    }

    #[test]
    fn a_group_is_waited_for_once_in_a_while() {
        // Two are seen, then all eight; then no more, however long it waits.
        let moves = [2, 8, 8];
        assert_eq!(waits(1024, &moves), [16, 32, 0]);
        let again: std::vec::Vec<_> = (moves.iter().copied())
            .chain(core::iter::repeat_n(8, REST + 1))
            .collect();
        let waits = waits(1024, &again);
        assert!(waits[3..3 + REST].iter().all(|&steps| steps == 0));
        assert_eq!(waits.last(), Some(&16), "the pace may be another one now");
    }

    #[test]
    fn a_wait_in_vain_is_the_last() {
        assert_eq!(waits(1024, &[3, 0, 3, 3]), [16, 0, 0, 0]);
    }

    #[test]
    fn enough_is_not_waited_for_and_plenty_shortens_the_wait() {
        assert_eq!(waits(1024, &[256, 300, 1024]), [0; 3]);
        assert_eq!(waits(8192, &[3, 300, 1028, 1028, 300]), [16, 16, 8, 4, 4]);
    }

    #[test]
    fn a_small_ring_is_waited_for_briefly_or_not_at_all() {
        assert_eq!(waits(32, &[2, 3, 6, 8]), [2, 2, 2, 2]);
        for capacity in [1, 2, 4, 8] {
            assert_eq!(waits(capacity, &[1, 1, 2, 1, 2, 2]), [0; 6]);
        }
    }
}

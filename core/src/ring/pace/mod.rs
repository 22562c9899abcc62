//! How long the side of a ring that is the faster one leaves the other alone.
//!
//! Both kinds of ring have the same reason to, and other means. Where a look is followed by a compare-and-swap
//! ([`mpmc`](super::mpmc)), what comes before a look that finds few costs little beside it: [`Patience`]. Where it
//! is most of what an operation costs ([`spsc`](super::spsc)), only the look that finds nothing can pay for
//! more: [`Wait`].

mod patience;
mod wait;

use core::cmp::min;

pub(super) use self::{patience::Patience, wait::Wait};

/// As many as are worth a look in a ring of so many slots: to move them lasts longer than to get the line, also
/// from a core that is far away.
fn enough(capacity: usize) -> usize {
    min(256, capacity / 4)
}

/// Steps of a first wait: 0.9 µs on Zen 5, whose PAUSE takes 54 ns, and less on others. A line goes from one
/// core to another and back in 120 to 700 ns there, by where they are.
const FIRST: usize = 16;

/// Steps of a wait, at most, in a ring of so many slots: as of crossbeam's `Backoff`. In a small ring a long
/// wait would find the other side waiting.
fn most(capacity: usize) -> usize {
    min(64, capacity / SLOTS_A_STEP)
}

/// So many slots are filled or emptied in a step.
const SLOTS_A_STEP: usize = 16;

//! Which frames a test wants, and how long it waits for them.

use core::time::Duration;
use std::time::Instant;

/// How many frames, and how long each is.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    left: u64,
    done: u64,
    lengths: Lengths,
}

/// The lengths of a plan's frames.
#[derive(Debug, Clone)]
pub(crate) enum Lengths {
    /// Between 60 and this, all in turn in a scattered order.
    UpTo(usize),
    /// These, in order, over and over.
    These(Vec<usize>),
}

impl Plan {
    /// `count` frames from 60 bytes up to `longest`.
    pub(crate) fn up_to(count: u64, longest: usize) -> Self {
        Self::of(count, Lengths::UpTo(longest))
    }

    /// `count` frames of 60 to 124 bytes, for the long tests.
    pub(crate) fn short(count: u64) -> Self {
        Self::up_to(count, 124)
    }

    /// No frames.
    pub(crate) fn none() -> Self {
        Self::short(0)
    }

    /// One frame of each of these lengths.
    pub(crate) fn these(lengths: Vec<usize>) -> Self {
        Self::of(lengths.len() as u64, Lengths::These(lengths))
    }

    fn of(left: u64, lengths: Lengths) -> Self {
        Self {
            left,
            done: 0,
            lengths,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The length of the next frame.
    pub(crate) fn len(&self) -> usize {
        match &self.lengths {
            // 37 has no divisor in common with spans that are not its multiples.
            Lengths::UpTo(longest) => 60 + (self.done * 37 % (*longest as u64 - 59)) as usize,
            Lengths::These(all) => all[self.done as usize % all.len()],
        }
    }

    pub(crate) fn step(&mut self) {
        self.left -= 1;
        self.done += 1;
    }
}

/// How long nothing may happen.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    since: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, since: None }
    }

    /// Says whether something has just happened; false once nothing has for too long.
    pub(crate) fn keeps(&mut self, moved: bool) -> bool {
        if moved {
            self.since = None;
            return true;
        }
        std::thread::yield_now();
        let since = self.since.get_or_insert_with(Instant::now);
        since.elapsed() <= self.limit
    }
}

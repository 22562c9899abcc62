//! The memory of the routes of 20 to 24 bits: blocks of a few cells, one for each /19 that has any.
//!
//! ```text
//!   cell 0                    cell 1                         …
//!   marks: 64 bits            slot: 32 bits │ answer 0 │ 1    2 │ 3 │ 4 │ 5
//! ```
//!
//! A block's marks say which prefixes of its /19 are routes (as `marks` does, of 5 bits); its answers, two bytes
//! each, are theirs in the order of the marks. The first one is of the /19 itself: what
//! the shorter routes say. Bit 0 of the marks, which no prefix has, is set while the block is in use.
//!
//! A block never changes its marks: whoever adds or removes a route writes another block, and
//! points the root to that. The old one is free at once; what keeps its last readers from believing what is
//! written there next is the generation, as in `nodes`: it is counted up when a block was unlinked,
//! before anything is written into it.
//!
//! # Where blocks go
//! Into a free block of the same size, or behind all others, or into the beginning of a larger free
//! one. When there is none of these, all blocks are moved together, which takes milliseconds for a
//! full Internet table: so a table is full when its memory is full, and not when that is in pieces.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use super::{ANSWERS, CELLS_MOST, IN_USE, POINTER, Root};

/// Cells, and which of them are free.
pub(super) struct Blocks<'m> {
    cells: &'m [AtomicU64],
    root: &'m Root,
    generation: &'m AtomicUsize,
    /// Cells from here to [`Self::end`] were not used since the blocks were last moved together.
    fresh: usize,
    used: usize,
    /// How many cells blocks may use.
    limit: usize,
    /// The first free block of each size; 0 is none.
    free: [usize; CELLS_MOST + 1],
}

/// A block's marks and answers, in the writer's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// As in memory, bit 0 set.
    pub(super) marks: u64,
    pub(super) answers: [u16; 64],
}

impl Block {
    /// With the answer of its /19 alone.
    pub(super) fn new(inherited: u16) -> Self {
        let mut answers = [0; 64];
        answers[0] = inherited;
        Self {
            marks: IN_USE | 1 << 1,
            answers,
        }
    }

    pub(super) fn contains(&self, position: u32) -> bool {
        self.marks >> position & 1 == 1
    }

    /// The place of a marked position among the answers.
    pub(super) fn rank(&self, position: u32) -> usize {
        (self.marks & !(u64::MAX << position)).count_ones() as usize - 1
    }

    pub(super) fn len(&self) -> usize {
        self.marks.count_ones() as usize - 1
    }

    /// A prefix that is not there.
    pub(super) fn insert(&mut self, position: u32, answer: u16) {
        let at = self.rank(position);
        self.answers[at..].rotate_right(1);
        self.answers[at] = answer;
        self.marks |= 1 << position;
    }

    /// A prefix that is there.
    pub(super) fn remove(&mut self, position: u32) {
        let at = self.rank(position);
        self.answers[at..].rotate_left(1);
        self.marks &= !(1 << position);
    }

    /// The longest marked prefix shorter than the one at `position` and containing it. There is one: the /19.
    pub(super) fn cover(&self, position: u32) -> u32 {
        let mut above = position / 2;
        while above > 1 && !self.contains(above) {
            above /= 2;
        }
        above.max(1)
    }

    pub(super) fn answer(&self, position: u32) -> u16 {
        self.answers[self.rank(position)]
    }
}

impl<'m> Blocks<'m> {
    /// Of `cells`, all zero: [`Self::cells`] of `limit` in number.
    pub(super) fn new(
        cells: &'m [AtomicU64],
        root: &'m Root,
        generation: &'m AtomicUsize,
        limit: usize,
    ) -> Self {
        // What is looked up where the root has no pointer, in vain and without harm.
        if let Some(nothing) = cells.first() {
            nothing.store(Block::new(0).marks, Ordering::Relaxed);
        }
        Self {
            cells,
            root,
            generation,
            fresh: FIRST,
            used: 0,
            limit,
            free: [0; CELLS_MOST + 1],
        }
    }

    /// How many cells it takes that blocks of `limit` cells in all always find their place.
    pub(super) const fn cells(limit: usize) -> usize {
        // A block beside the one that it is made from, and one on its way past another.
        FIRST + limit + 2 * CELLS_MOST
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether a block of `new` answers in place of one of `old` (0: none) keeps to the limit.
    pub(super) fn fits(&self, old: usize, new: usize) -> bool {
        self.used - size(old) + size(new) <= self.limit
    }

    pub(super) fn load(&self, start: usize) -> Block {
        let marks = self.cell(start);
        let mut block = Block {
            marks,
            answers: [0; 64],
        };
        for rank in 0..block.len() {
            block.answers[rank] = self.answer(start, rank);
        }
        block
    }

    /// Writes a block into free memory, points the slot to it, and takes back the one before.
    pub(super) fn publish(&mut self, slot: usize, block: &Block) {
        let len = block.len();
        let Some(start) = self.take(size(len)) else {
            return; // Cannot be: that it fits was checked.
        };
        self.store(start, block.marks);
        for cell in start + 1..start + size(len) {
            let mut word = 0;
            for part in (0..4).rev() {
                let at = (cell - start) * 4 + part;
                let half = match at {
                    OWNER => slot as u16,
                    OWNER_HIGH => (slot >> 16) as u16,
                    at => block.answers.get(at - ANSWERS).copied().unwrap_or(0),
                };
                word = word << 16 | u64::from(half);
            }
            self.store(cell, word);
        }
        let Some(link) = self.root.get(slot) else {
            return;
        };
        // Not where it was before there was room: it may have been moved.
        let old = start_of(link);
        // Release: a reader that follows the pointer sees the block filled.
        link.store(POINTER | start as u32, Ordering::Release);
        if let Some(old) = old {
            self.give_back(old);
        }
    }

    /// Changes one answer of a block in use.
    pub(super) fn set_answer(&self, start: usize, rank: usize, answer: u16) {
        let (cell, shift) = place(start, rank);
        let word = self.cell(cell) & !(0xffff << shift) | u64::from(answer) << shift;
        if let Some(cell) = self.cells.get(cell) {
            // Release: the answer may be the number of a node.
            cell.store(word, Ordering::Release);
        }
    }

    /// Takes back a block that the root no longer points to.
    pub(super) fn give_back(&mut self, start: usize) {
        let size = self.size_at(start);
        self.used -= size;
        self.forget_readers();
        self.push(start, size);
    }

    /// Whoever still reads what was unlinked will look again: see `nodes`.
    fn forget_readers(&self) {
        let generation = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        // Release: whoever sees the count sees the block unlinked.
        self.generation.store(generation, Ordering::Release);
        // Whoever sees what is written there from now on sees the count.
        fence(Ordering::Release);
    }

    fn push(&mut self, start: usize, size: usize) {
        self.store(start, (self.free[size] as u64) << 32 | (size as u64) << 1);
        self.free[size] = start;
    }

    fn pop(&mut self, size: usize) -> Option<usize> {
        let start = self.free[size];
        if start == 0 {
            return None;
        }
        self.free[size] = (self.cell(start) >> 32) as usize;
        Some(start)
    }

    fn take(&mut self, size: usize) -> Option<usize> {
        let start = self.find(size).or_else(|| {
            self.move_together();
            self.find(size)
        })?;
        self.used += size;
        Some(start)
    }

    fn find(&mut self, size: usize) -> Option<usize> {
        if let Some(start) = self.pop(size) {
            return Some(start);
        }
        if self.fresh + size <= self.end() {
            self.fresh += size;
            return Some(self.fresh - size);
        }
        let (start, larger) =
            (size + 1..=CELLS_MOST).find_map(|larger| Some((self.pop(larger)?, larger)))?;
        self.push(start + size, larger - size);
        Some(start)
    }

    /// Where blocks end, and the place of one on its way begins.
    fn end(&self) -> usize {
        self.cells.len().saturating_sub(CELLS_MOST)
    }

    /// Moves all blocks to the beginning, one by one; readers go on.
    fn move_together(&mut self) {
        let (mut from, mut to) = (FIRST, FIRST);
        while from < self.fresh {
            let size = self.size_at(from);
            if self.cell(from) & IN_USE != 0 {
                if to + size <= from {
                    self.relocate(from, to, size);
                } else if to < from {
                    // Never onto itself: its readers may still be there.
                    self.relocate(from, self.end(), size);
                    self.relocate(self.end(), to, size);
                }
                to += size;
            }
            from += size;
        }
        self.fresh = to;
        self.free = [0; CELLS_MOST + 1];
    }

    /// Moves a block to where nothing is.
    fn relocate(&self, from: usize, to: usize, size: usize) {
        for at in 0..size {
            self.store(to + at, self.cell(from + at));
        }
        let slot = (self.cell(from + 1) & 0xffff_ffff) as usize;
        if let Some(link) = self.root.get(slot) {
            link.store(POINTER | to as u32, Ordering::Release);
        }
        self.forget_readers();
    }

    /// Cells of the block, in use or free, that starts here.
    fn size_at(&self, start: usize) -> usize {
        let marks = self.cell(start);
        match marks & IN_USE {
            0 => (marks >> 1 & 0xff) as usize,
            _ => size(marks.count_ones() as usize - 1),
        }
    }

    fn answer(&self, start: usize, rank: usize) -> u16 {
        let (cell, shift) = place(start, rank);
        (self.cell(cell) >> shift) as u16
    }

    fn cell(&self, at: usize) -> u64 {
        self.cells
            .get(at)
            .map_or(0, |cell| cell.load(Ordering::Relaxed))
    }

    fn store(&self, at: usize, word: u64) {
        if let Some(cell) = self.cells.get(at) {
            cell.store(word, Ordering::Relaxed);
        }
    }
}

/// Where the block of a root entry starts, if it is a pointer.
pub(super) fn start_of(link: &AtomicU32) -> Option<usize> {
    let word = link.load(Ordering::Relaxed);
    (word & POINTER != 0).then_some((word & !POINTER) as usize)
}

/// Cells of a block with so many answers; 0 of none.
pub(super) const fn size(answers: usize) -> usize {
    if answers == 0 {
        0
    } else {
        (ANSWERS + answers).div_ceil(4)
    }
}

/// The cell of an answer, and how far it must be shifted down.
fn place(start: usize, rank: usize) -> (usize, usize) {
    let at = ANSWERS + rank;
    (start + at / 4, at % 4 * 16)
}

/// The first cells hold what is looked up in vain.
const FIRST: usize = 2;

/// Where the number of the root's entry is, in units of 16 bits.
const OWNER: usize = 4;
const OWNER_HIGH: usize = 5;

//! The writer's part that makes leaves and nodes: what is new is made out of sight, then one cell shows it.

use core::sync::atomic::{AtomicU32, Ordering};

use super::NODE;
use super::leaf::{self, Route, Sheet};
use super::level::Level;
use super::table::{Lpm6, Place, is_leaf};
use crate::lookup::marks::WHOLE;
use crate::lookup::{Full, Prefix6};

impl Lpm6<'_> {
    /// Has a route below `place`, where no node is yet: alone, or with those of the leaf that is
    /// there.
    pub(super) fn grow(&mut self, place: Place, route: Route) -> Result<(), Full> {
        let (prefix, entry) = route;
        let Some(link) = self.cell(place, place.level.index(prefix.first()) as usize) else {
            return Ok(()); // Cannot be: a level's bits are as many as its cells.
        };
        let before = link.load(Ordering::Relaxed);
        let level = place.level.below();
        if !is_leaf(before) {
            let new = self.build(level, &[route], before as u16)?;
            return self.publish(link, level, new, None);
        }
        let old = leaf::number(before);
        let sheet = self.sheet(old);
        let (mut routes, count) = sheet.routes(level, prefix.first());
        if let Some(known) = routes
            .iter_mut()
            .take(count)
            .find(|route| route.0 == prefix)
        {
            known.1 = entry;
            let same = routes.get(..count).unwrap_or(&[]);
            if let Some(sheet) = Sheet::new(level, same, sheet.inherited) {
                self.keep(old, &sheet);
                self.reader
                    .leaves
                    .get(old)
                    .into_iter()
                    .for_each(|leaf| sheet.fill_answers(leaf));
            }
            return Ok(());
        }
        // Behind those that come before it: they are sorted.
        let at = routes
            .iter()
            .take(count)
            .take_while(|other| other.0 < prefix)
            .count();
        if let Some(behind) = routes.get_mut(at..=count) {
            behind.rotate_right(1);
        }
        if let Some(slot) = routes.get_mut(at) {
            *slot = route;
        }
        let all = routes.get(..=count).unwrap_or(&[]);
        let new = self.build(level, all, sheet.inherited)?;
        self.publish(link, level, new, Some(old))
    }

    /// Takes a route out of the leaf below `place`.
    pub(super) fn shrink(&mut self, place: Place, prefix: Prefix6) {
        let Some(link) = self.cell(place, place.level.index(prefix.first()) as usize) else {
            return;
        };
        let before = link.load(Ordering::Relaxed);
        if !is_leaf(before) {
            return; // Cannot be: it was a route.
        }
        let (old, level) = (leaf::number(before), place.level.below());
        let sheet = self.sheet(old);
        let (mut routes, count) = sheet.routes(level, prefix.first());
        let at = routes.iter().take_while(|route| route.0 != prefix).count();
        if let Some(behind) = routes.get_mut(at..count) {
            behind.rotate_left(1);
        }
        let rest = routes.get(..count.saturating_sub(1)).unwrap_or(&[]);
        let new = match rest {
            [] => Ok(sheet.inherited.into()),
            // One leaf is free: `publish` sees to it.
            _ => self.build(level, rest, sheet.inherited),
        };
        if let Ok(new) = new {
            link.store(new, Ordering::Release);
            self.give_back_leaf(old);
        }
    }

    /// Makes what readers are to see of these routes below a place, all longer than where
    /// `level` starts, in one place of it, and sorted: a leaf, or a node with what is below. Gives its cell.
    fn build(&mut self, level: Level, routes: &[Route], inherited: u16) -> Result<u32, Full> {
        if let Some(sheet) = Sheet::new(level, routes, inherited) {
            let number = self.leaves.take().ok_or(Full::Leaves)?;
            self.keep(number, &sheet);
            if let Some(leaf) = self.reader.leaves.get(number) {
                sheet.fill(leaf);
            }
            return Ok(leaf::link(level, number));
        }
        let place = self.take(level).ok_or(match level {
            Level::WIDE => Full::WideNodes,
            _ => Full::Nodes,
        })?;
        self.paint(place, WHOLE, inherited);
        let here = |route: &&Route| Level::of(route.0.len()) == level;
        for (prefix, entry) in routes.iter().filter(here) {
            self.mark(place, level.position(*prefix));
            self.paint(place, level.position(*prefix), *entry);
        }
        let index = |route: &Route| level.index(route.0.first());
        for group in routes.chunk_by(|one, next| index(one) == index(next)) {
            // Sorted: what ends here comes before what is below.
            let ending = group.iter().take_while(here).count();
            let Some(below @ [first, ..]) = group.get(ending..) else {
                continue;
            };
            let Some(link) = self.cell(place, index(first) as usize) else {
                continue;
            };
            let inherited = link.load(Ordering::Relaxed) as u16;
            match self.build(level.below(), below, inherited) {
                Ok(cell) => link.store(cell, Ordering::Relaxed),
                Err(full) => {
                    self.discard(NODE | place.start as u32, level);
                    return Err(full);
                }
            }
        }
        Ok(NODE | place.start as u32)
    }

    /// Points to what was built, in place of a leaf maybe; not if no leaf would be free then, of which
    /// the next change may need one.
    fn publish(
        &mut self,
        link: &AtomicU32,
        level: Level,
        new: u32,
        old: Option<usize>,
    ) -> Result<(), Full> {
        if self.leaves.in_use() - usize::from(old.is_some()) > self.leaf_limit {
            self.discard(new, level);
            return Err(Full::Leaves);
        }
        // Release: a reader that follows the pointer sees all below it filled.
        link.store(new, Ordering::Release);
        if let Some(old) = old {
            self.give_back_leaf(old);
        }
        Ok(())
    }

    /// Takes back what a cell points to, which no reader has seen; `level` is that of a node.
    fn discard(&mut self, cell: u32, level: Level) {
        if is_leaf(cell) {
            self.give_back_leaf(leaf::number(cell));
        } else if cell & NODE != 0 {
            let place = Place {
                level,
                start: (cell & !NODE) as usize,
            };
            for index in 0..1 << level.bits() {
                let below = self
                    .cell(place, index)
                    .map_or(0, |cell| cell.load(Ordering::Relaxed));
                self.discard(below, level.below());
            }
            self.marks_mut(place).fill(0);
            self.give_back(place);
        }
    }

    /// Gives all of a leaf one more answer to inherit.
    pub(super) fn paint_leaf(&self, number: usize, entry: u16) {
        if let Some(leaf) = self.reader.leaves.get(number) {
            let mut sheet = self.sheet(number);
            sheet.inherited = entry;
            sheet.fill_answers(leaf);
        }
    }

    fn sheet(&self, number: usize) -> Sheet {
        let leaf = self.reader.leaves.get(number);
        Sheet::load(self.leaves.marks(number), leaf.map_or(0, leaf::inherited))
    }

    fn keep(&mut self, number: usize, sheet: &Sheet) {
        sheet.store(self.leaves.marks_mut(number));
    }

    fn give_back_leaf(&mut self, number: usize) {
        self.leaves.marks_mut(number).fill(0);
        self.leaves.give_back(number);
    }
}

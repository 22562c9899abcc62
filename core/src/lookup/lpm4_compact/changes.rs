//! The writer's changes, by where a route is kept: up to 19 bits in the root, up to 24 in a block, or in a node.

use super::reader::slot;
use super::table::{Lpm4Compact, inner_position};
use super::{INNER_BITS, NODE, NODE_BITS, ROOT_BITS};
use crate::lookup::marks::{self, WHOLE};
use crate::lookup::{Full, NextHop, Prefix4, RouteError};

impl Lpm4Compact<'_> {
    pub(super) fn insert_short(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let position = root_position(prefix);
        if !marks::contains(self.marks, position) && self.outer.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        marks::set(self.marks, position);
        self.paint(position, NextHop::entry(Some(hop)));
        Ok(self.outer.store(prefix, hop))
    }

    pub(super) fn insert_inner(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let slot = slot(prefix.first());
        let position = inner_position(prefix).unwrap_or(WHOLE);
        let entry = NextHop::entry(Some(hop));
        let mut block = self.block(slot);
        let old = self.entry_of(&block, position);
        if let Some(node) = self.node_at(&block, position) {
            if let Some(whole) = self.wholes.get_mut(node) {
                *whole = entry;
            }
            self.paint_node(node, WHOLE, entry);
        } else if block.contains(position) {
            if let Some(start) = self.start(slot) {
                self.blocks.set_answer(start, block.rank(position), entry);
            }
            self.paint_nodes(&block, position, entry);
        } else {
            self.check_fits(slot, block.len() + 1)?;
            block.insert(position, entry);
            self.blocks.publish(slot, &block);
            self.paint_nodes(&block, position, entry);
        }
        self.inner += usize::from(old == 0);
        Ok(NextHop::from_entry(old))
    }

    pub(super) fn insert_long(
        &mut self,
        prefix: Prefix4,
        hop: NextHop,
    ) -> Result<Option<NextHop>, RouteError> {
        let slot = slot(prefix.first());
        let (position, inner) = long_positions(prefix);
        let entry = NextHop::entry(Some(hop));
        let mut block = self.block(slot);
        let node = self.node_at(&block, position);
        let known = node.is_some_and(|node| marks::contains(self.nodes.marks(node), inner));
        if !known && self.outer.is_full() {
            return Err(RouteError::TableFull(Full::Routes));
        }
        if let Some(node) = node {
            marks::set(self.nodes.marks_mut(node), inner);
            self.paint_node(node, inner, entry);
            return Ok(self.outer.store(prefix, hop));
        }
        if self.nodes.available() == 0 {
            return Err(RouteError::TableFull(Full::Nodes));
        }
        let whole = self.entry_of(&block, position);
        if whole == 0 {
            self.check_fits(slot, block.len() + 1)?;
        }
        let Some(node) = self.nodes.take() else {
            return Err(RouteError::TableFull(Full::Nodes));
        };
        if let Some(kept) = self.wholes.get_mut(node) {
            *kept = whole;
        }
        let inherited = match whole {
            0 => block.answer(block.cover(position)),
            whole => whole,
        };
        self.paint_node(node, WHOLE, inherited);
        marks::set(self.nodes.marks_mut(node), inner);
        self.paint_node(node, inner, entry);
        let named = NODE | node as u16;
        match (whole, self.start(slot)) {
            (1.., Some(start)) => self.blocks.set_answer(start, block.rank(position), named),
            _ => {
                block.insert(position, named);
                self.blocks.publish(slot, &block);
            }
        }
        Ok(self.outer.store(prefix, hop))
    }

    pub(super) fn remove_short(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let hop = self.outer.remove(prefix)?;
        let position = root_position(prefix);
        marks::clear(self.marks, position);
        let covering = marks::cover(self.marks, position)
            .and_then(|cover| Prefix4::new(prefix.first(), cover.ilog2() as u8).ok())
            .and_then(|covering| self.outer.find(covering));
        self.paint(position, NextHop::entry(covering));
        Some(hop)
    }

    pub(super) fn remove_inner(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let slot = slot(prefix.first());
        let position = inner_position(prefix)?;
        let mut block = self.blocks.load(self.start(slot)?);
        let hop = NextHop::from_entry(self.entry_of(&block, position))?;
        self.inner -= 1;
        let covering = block.answer(block.cover(position));
        if let Some(node) = self.node_at(&block, position) {
            if let Some(whole) = self.wholes.get_mut(node) {
                *whole = 0;
            }
            self.paint_node(node, WHOLE, covering);
        } else {
            block.remove(position);
            self.replace(slot, &block);
            self.paint_nodes(&block, position, covering);
        }
        Some(hop)
    }

    pub(super) fn remove_long(&mut self, prefix: Prefix4) -> Option<NextHop> {
        let hop = self.outer.remove(prefix)?;
        let slot = slot(prefix.first());
        let (position, inner) = long_positions(prefix);
        let mut block = self.block(slot);
        let Some(node) = self.node_at(&block, position) else {
            return Some(hop); // Cannot be: a route this long has a node.
        };
        marks::clear(self.nodes.marks_mut(node), inner);
        let whole = self.wholes.get(node).copied().unwrap_or(0);
        if !self.nodes.is_unmarked(node) {
            let covering = match marks::cover(self.nodes.marks(node), inner) {
                Some(cover) => {
                    let len = ROOT_BITS + INNER_BITS + cover.ilog2();
                    let covering = Prefix4::new(prefix.first(), len as u8).ok();
                    NextHop::entry(covering.and_then(|covering| self.outer.find(covering)))
                }
                None if whole != 0 => whole,
                None => block.answer(block.cover(position)),
            };
            self.paint_node(node, inner, covering);
            return Some(hop);
        }
        if whole == 0 {
            block.remove(position);
            self.replace(slot, &block);
        } else if let Some(start) = self.start(slot) {
            self.blocks.set_answer(start, block.rank(position), whole);
        }
        self.nodes.give_back(node);
        Some(hop)
    }
}

/// The mark of a prefix of at most 19 bits.
fn root_position(prefix: Prefix4) -> u32 {
    let len = u32::from(prefix.len());
    marks::position(len, prefix.first().checked_shr(32 - len).unwrap_or(0))
}

/// The marks of a prefix of over 24 bits: that of its /24 in the block, and its own in the node.
fn long_positions(prefix: Prefix4) -> (u32, u32) {
    let level = u32::from(prefix.len()) - ROOT_BITS - INNER_BITS;
    let (slash24, rest) = (prefix.first() >> NODE_BITS, prefix.first() & 0xff);
    (
        marks::position(INNER_BITS, slash24 & ((1 << INNER_BITS) - 1)),
        marks::position(level, rest >> (NODE_BITS - level)),
    )
}

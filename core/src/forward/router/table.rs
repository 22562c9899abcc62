//! The router's next hops and neighbours, found by their address.

use super::changes::{Change, Changes};
use super::neighbour::{Key, Neighbour, State};
use super::{Hop, RouterError};

/// The entries: hops for the fast path, neighbours beside them, and a hash index over both.
///
/// Entry 0 is none. The index is open-addressed with linear probing; an entry's number is in the
/// first free place at or behind that of its hash.
#[derive(Debug)]
pub(super) struct Table<'m> {
    hops: &'m mut [Hop],
    neighbours: &'m mut [Neighbour],
    index: &'m mut [u16],
    seed: u64,
    /// The first free entry, 0 for none.
    free: u16,
    used: usize,
    /// How many are being asked and unknown.
    asking: usize,
    changes: Changes,
}

impl<'m> Table<'m> {
    pub(super) fn new(
        hops: &'m mut [Hop],
        neighbours: &'m mut [Neighbour],
        index: &'m mut [[u16; 4]],
        seed: u64,
    ) -> Result<Self, RouterError> {
        let entries = hops.len().min(neighbours.len()).min(MAX_ENTRIES);
        let index = index.as_flattened_mut();
        let places = match index.len() {
            0 => 0,
            len => 1 << len.ilog2(),
        };
        if entries < 2 || places <= entries {
            return Err(RouterError::TooLittleMemory);
        }
        let (Some(hops), Some(neighbours), Some(index)) = (
            hops.get_mut(..entries),
            neighbours.get_mut(..entries),
            index.get_mut(..places),
        ) else {
            return Err(RouterError::TooLittleMemory);
        };
        hops.fill(Hop::NONE);
        index.fill(0);
        for (number, neighbour) in neighbours.iter_mut().enumerate() {
            let next = if number + 1 < entries { number + 1 } else { 0 };
            *neighbour = Neighbour {
                first: next as u16,
                ..Neighbour::NONE
            };
        }
        Ok(Self {
            hops,
            neighbours,
            index,
            seed,
            free: 1,
            used: 0,
            asking: 0,
            changes: Changes::IGNORED,
        })
    }

    /// How many entries there can be.
    pub(super) fn capacity(&self) -> usize {
        self.hops.len().saturating_sub(1)
    }

    /// How many there are.
    pub(super) const fn used(&self) -> usize {
        self.used
    }

    /// How many neighbours are being asked and unknown.
    pub(super) const fn asking(&self) -> usize {
        self.asking
    }

    /// For the fast path.
    #[inline]
    pub(super) const fn hops(&self) -> &[Hop] {
        self.hops
    }

    #[inline]
    pub(super) fn hop(&self, entry: usize) -> Hop {
        self.hops.get(entry).copied().unwrap_or(Hop::NONE)
    }

    pub(super) fn set_hop(&mut self, entry: usize, hop: Hop) {
        if let Some(place) = self.hops.get_mut(entry) {
            *place = hop;
        }
        self.changes.note(self.neighbours, entry);
    }

    pub(super) fn get(&self, entry: usize) -> Option<&Neighbour> {
        self.neighbours
            .get(entry)
            .filter(|neighbour| neighbour.state != State::Free)
    }

    pub(super) fn get_mut(&mut self, entry: usize) -> Option<&mut Neighbour> {
        self.neighbours
            .get_mut(entry)
            .filter(|neighbour| neighbour.state != State::Free)
    }

    /// Sets what an entry is.
    pub(super) fn set_state(&mut self, entry: usize, state: State) {
        let Some(neighbour) = self.get_mut(entry) else {
            return;
        };
        let was = core::mem::replace(&mut neighbour.state, state);
        let asking = self
            .asking
            .wrapping_add(usize::from(state == State::Asking));
        self.asking = asking.wrapping_sub(usize::from(was == State::Asking));
    }

    /// All entries in use, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Neighbour)> {
        let all = self.neighbours.iter().enumerate();
        all.filter(|(_, neighbour)| neighbour.state != State::Free)
    }

    /// The entry of this key.
    #[inline]
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let mask = self.index.len().wrapping_sub(1);
        let mut place = key.hash(self.seed) as usize & mask;
        // The index has more places than entries, so an empty one ends each walk.
        loop {
            let entry = usize::from(*self.index.get(place)?);
            let neighbour = self.neighbours.get(entry)?;
            if entry == 0 {
                return None;
            }
            if neighbour.key == key {
                return Some(entry);
            }
            place = (place + 1) & mask;
        }
    }

    /// A new entry of this key, which there is none of yet; `None` when all are in use.
    pub(super) fn insert(&mut self, key: Key, state: State) -> Option<usize> {
        let entry = usize::from(self.free);
        let neighbour = self.neighbours.get_mut(entry).filter(|_| entry != 0)?;
        self.free = neighbour.first;
        *neighbour = Neighbour {
            key,
            state,
            changed: neighbour.changed,
            ..Neighbour::NONE
        };
        self.used += 1;
        self.enter(entry, key);
        self.changes.note(self.neighbours, entry);
        Some(entry)
    }

    /// Puts an entry's number into the index.
    fn enter(&mut self, entry: usize, key: Key) {
        let mask = self.index.len().wrapping_sub(1);
        let mut place = key.hash(self.seed) as usize & mask;
        while let Some(taken) = self.index.get_mut(place) {
            if *taken == 0 {
                *taken = entry as u16;
                break;
            }
            place = (place + 1) & mask;
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, entry: usize) {
        let Some(key) = self.get(entry).map(|neighbour| neighbour.key) else {
            return;
        };
        self.set_state(entry, State::Silent);
        self.unindex(entry, key);
        self.set_hop(entry, Hop::NONE);
        let free = self.free;
        if let Some(neighbour) = self.neighbours.get_mut(entry) {
            *neighbour = Neighbour {
                first: free,
                changed: neighbour.changed,
                ..Neighbour::NONE
            };
            self.free = entry as u16;
            self.used = self.used.saturating_sub(1);
        }
    }

    /// From now on, tells what changes.
    pub(super) fn keep_changes(&mut self) {
        self.changes = Changes::NONE;
    }

    /// Whether something changed that nobody was told of.
    #[inline]
    pub(super) const fn has_changed(&self) -> bool {
        self.changes.are_some()
    }

    /// The entry that changed first of those that nobody was told of, as it is now.
    pub(super) fn next_change(&mut self) -> Option<Change> {
        let entry = self.changes.next(self.neighbours)?;
        Some(self.as_change(entry))
    }

    fn as_change(&self, entry: usize) -> Change {
        Change {
            entry: entry as u16,
            key: self.get(entry).map(|neighbour| neighbour.key),
            hop: self.hop(entry),
        }
    }

    /// Makes all entries those of `other`, as far as the fast path reads them.
    pub(super) fn copy(&mut self, other: &Table<'_>) -> Result<(), RouterError> {
        if self.capacity() < other.capacity() {
            return Err(RouterError::TooLittleMemory);
        }
        for (entry, _) in other.iter() {
            self.apply(other.as_change(entry));
        }
        Ok(())
    }

    /// Makes an entry what it is in the table that the change is from.
    pub(super) fn apply(&mut self, change: Change) {
        let entry = usize::from(change.entry);
        let old = self.get(entry).map(|neighbour| neighbour.key);
        if old != change.key {
            if let Some(key) = old {
                self.unindex(entry, key);
            }
            let Some(neighbour) = self.neighbours.get_mut(entry) else {
                return;
            };
            *neighbour = Neighbour::NONE;
            if let Some(key) = change.key {
                neighbour.key = key;
                neighbour.state = State::Silent;
                self.enter(entry, key);
            }
            self.used = self.used.wrapping_add(usize::from(change.key.is_some()));
            self.used = self.used.wrapping_sub(usize::from(old.is_some()));
        }
        self.set_hop(entry, change.hop);
    }

    /// Empties the entry's place in the index and moves up what would no longer be found behind
    /// the gap (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R).
    fn unindex(&mut self, entry: usize, key: Key) {
        let mask = self.index.len().wrapping_sub(1);
        let home = |key: Key| key.hash(self.seed) as usize & mask;
        let mut gap = home(key);
        while let Some(&other) = self.index.get(gap) {
            if other == 0 {
                return;
            }
            if usize::from(other) == entry {
                break;
            }
            gap = (gap + 1) & mask;
        }
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let other = self.index.get(place).copied().unwrap_or(0);
            let Some(neighbour) = self.neighbours.get(usize::from(other)) else {
                break;
            };
            if other == 0 {
                break;
            }
            let wanted = home(neighbour.key);
            if place.wrapping_sub(wanted) & mask >= place.wrapping_sub(gap) & mask {
                if let Some(cell) = self.index.get_mut(gap) {
                    *cell = other;
                }
                gap = place;
            }
        }
        if let Some(cell) = self.index.get_mut(gap) {
            *cell = 0;
        }
    }
}

/// What a [`NextHop`](crate::lookup::NextHop) can name.
const MAX_ENTRIES: usize = crate::lookup::NextHop::MAX as usize + 1;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::packet::PortId;

    #[test]
    fn too_little_memory_is_refused() {
        let (mut hops, mut neighbours) = ([Hop::NONE; 8], [Neighbour::NONE; 8]);
        let mut index = [[0; 4]; 2];
        assert!(Table::new(&mut hops, &mut neighbours, &mut index, 0).is_err());
        assert!(Table::new(&mut hops[..1], &mut neighbours, &mut index, 0).is_err());
        assert!(Table::new(&mut hops, &mut neighbours, &mut [], 0).is_err());
        assert!(Table::new(&mut hops[..7], &mut neighbours, &mut index, 0).is_ok());
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            seed: u64,
            // Few addresses, few places: collisions and wrapping are common.
            operations in prop::collection::vec((any::<bool>(), 0u32..40, 0u16..2), 0..300),
        ) {
            let (mut hops, mut neighbours) = (vec![Hop::NONE; 13], vec![Neighbour::NONE; 13]);
            let mut index = vec![[0; 4]; 4];
            let mut table = Table::new(&mut hops, &mut neighbours, &mut index, seed).unwrap();
            let mut oracle: HashMap<(u32, u16), usize> = HashMap::new();
            for (insert, address, port) in operations {
                let key = Key::ipv4(PortId(port), address);
                let known = oracle.get(&(address, port)).copied();
                prop_assert_eq!(table.find(key), known);
                match (insert, known) {
                    (true, None) => match table.insert(key, State::Silent) {
                        Some(entry) => {
                            prop_assert!(!oracle.values().any(|&other| other == entry));
                            oracle.insert((address, port), entry);
                        }
                        None => prop_assert_eq!(oracle.len(), table.capacity()),
                    },
                    (false, Some(entry)) => {
                        table.remove(entry);
                        oracle.remove(&(address, port));
                    }
                    _ => {}
                }
                prop_assert_eq!(table.used(), oracle.len());
                prop_assert_eq!(table.iter().count(), oracle.len());
            }
            let all: Vec<_> = oracle.iter().collect();
            for (&(address, port), &entry) in all {
                prop_assert_eq!(table.find(Key::ipv4(PortId(port), address)), Some(entry));
            }
        }
    }
}

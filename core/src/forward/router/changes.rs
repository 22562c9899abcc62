//! Which entries of a router's table have changed, for the routers that follow it.

use super::Hop;
use super::neighbour::{Key, Neighbour};

/// An entry of a router's table as it is now, on its way to a [`Follower`](super::Follower).
///
/// ```
/// use linecard::forward::router::Change;
/// use linecard::ring::{Inline, spsc::Ring};
/// let ring = Ring::<Inline<Change, 1024>>::new();
/// # let _ = ring;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub(super) entry: u16,
    /// None of an entry that is not in use.
    pub(super) key: Option<Key>,
    pub(super) hop: Hop,
}

/// An entry's place in the queue of those that changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    waits: bool,
    /// The next, 0 for none.
    next: u16,
}

impl Link {
    pub(super) const NONE: Self = Self {
        waits: false,
        next: 0,
    };
}

/// The queue of entries that changed, each in it once; it lies in the entries themselves.
#[derive(Debug)]
pub(super) struct Changes {
    /// Whether anybody wants to know.
    kept: bool,
    /// The first and the last, 0 for none.
    first: u16,
    last: u16,
}

impl Changes {
    /// Nobody wants to know.
    pub(super) const IGNORED: Self = Self {
        kept: false,
        first: 0,
        last: 0,
    };

    /// None yet.
    pub(super) const NONE: Self = Self {
        kept: true,
        ..Self::IGNORED
    };

    #[inline]
    pub(super) const fn are_some(&self) -> bool {
        self.first != 0
    }

    pub(super) fn note(&mut self, entries: &mut [Neighbour], entry: usize) {
        if !self.kept {
            return;
        }
        let place = entries.get_mut(entry).map(|entry| &mut entry.changed);
        let Some(link) = place.filter(|link| !link.waits) else {
            return;
        };
        *link = Link {
            waits: true,
            next: 0,
        };
        match entries.get_mut(usize::from(self.last)) {
            Some(last) if self.last != 0 => last.changed.next = entry as u16,
            _ => self.first = entry as u16,
        }
        self.last = entry as u16;
    }

    pub(super) fn next(&mut self, entries: &mut [Neighbour]) -> Option<usize> {
        if self.first == 0 {
            return None;
        }
        let entry = usize::from(self.first);
        let link = &mut entries.get_mut(entry)?.changed;
        self.first = link.next;
        *link = Link::NONE;
        if self.first == 0 {
            self.last = 0;
        }
        Some(entry)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::super::neighbour::State;
    use super::super::table::Table;
    use super::*;
    use crate::packet::PortId;

    fn change(table: &mut Table<'_>, what: u8, address: u32, mac: u8) {
        let key = Key::ipv4(PortId(1), address);
        match (what, table.find(key)) {
            (0, Some(entry)) => table.remove(entry),
            (_, Some(entry)) => {
                let mac = [2, 0, 0, 0, what, mac].into();
                table.set_hop(entry, Hop::new(mac, mac, PortId(1), 1500));
            }
            (_, None) => drop(table.insert(key, State::Silent)),
        }
    }

    proptest! {
        #[test]
        fn a_copy_agrees_once_it_was_told(
            // What happens to which address, and how many changes arrive then.
            before in prop::collection::vec((0u8..4, 0u32..30), 0..50),
            after in prop::collection::vec((0u8..4, 0u32..30, any::<u8>(), 0usize..4), 0..200),
        ) {
            let memory = || (vec![Hop::NONE; 13], vec![Neighbour::NONE; 13], vec![[0; 4]; 4]);
            let (mut one, mut other) = (memory(), memory());
            let mut table = Table::new(&mut one.0, &mut one.1, &mut one.2, 7).unwrap();
            let mut copy = Table::new(&mut other.0, &mut other.1, &mut other.2, 7).unwrap();
            for (what, address) in before {
                change(&mut table, what, address, 0);
            }
            prop_assert!(!table.has_changed(), "nobody wants to know");
            copy.copy(&table).unwrap();
            table.keep_changes();
            for (what, address, mac, arrive) in after {
                change(&mut table, what, address, mac);
                for _ in 0..arrive {
                    if let Some(change) = table.next_change() {
                        copy.apply(change);
                    }
                }
            }
            while let Some(change) = table.next_change() {
                copy.apply(change);
            }
            prop_assert_eq!(table.used(), copy.used());
            for address in 0..30 {
                let key = Key::ipv4(PortId(1), address);
                let found = table.find(key);
                prop_assert_eq!(found, copy.find(key));
                if let Some(entry) = found {
                    prop_assert_eq!(table.hop(entry), copy.hop(entry));
                }
            }
        }
    }
}

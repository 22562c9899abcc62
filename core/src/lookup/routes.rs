//! The routes themselves: an open-addressed hash from prefix to next hop, for the writer alone.
//!
//! Linear probing with backward-shift removal: no tombstones, so a table that lives for years
//! under churn probes as few slots as a fresh one. Two thirds full at most.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{NextHop, Prefix4, Prefix6};

/// A prefix that can be stored.
pub(super) trait Key: Copy + PartialEq {
    /// A route as it is stored; all zero is an empty slot.
    type Slot: Copy + FromBytes + IntoBytes + KnownLayout + Immutable;

    const EMPTY: Self::Slot;

    fn pack(self, hop: NextHop) -> Self::Slot;
    fn unpack(slot: &Self::Slot) -> Option<(Self, NextHop)>;
    fn hash(self) -> u64;
}

/// Slots for `routes` routes.
pub(super) const fn slots(routes: usize) -> usize {
    routes.saturating_add(routes / 2).saturating_add(1)
}

/// The routes of one table.
pub(super) struct Routes<'m, K: Key> {
    slots: &'m mut [K::Slot],
    limit: usize,
    len: usize,
}

impl<'m, K: Key> Routes<'m, K> {
    /// Over empty slots, [`slots`] of `limit` in number.
    pub(super) fn new(slots: &'m mut [K::Slot], limit: usize) -> Self {
        Self {
            slots,
            limit,
            len: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    pub(super) fn find(&self, prefix: K) -> Option<NextHop> {
        self.probe(prefix).ok().map(|(_, hop)| hop)
    }

    /// Stores or replaces; the old next hop, if any. A new route must have been checked to fit
    /// by [`Self::is_full`].
    pub(super) fn store(&mut self, prefix: K, hop: NextHop) -> Option<NextHop> {
        let (at, old) = match self.probe(prefix) {
            Ok((at, old)) => (at, Some(old)),
            Err(at) => {
                self.len += 1;
                (at, None)
            }
        };
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = prefix.pack(hop);
        }
        old
    }

    pub(super) fn remove(&mut self, prefix: K) -> Option<NextHop> {
        let (mut hole, old) = self.probe(prefix).ok()?;
        self.len -= 1;
        let mut next = hole;
        loop {
            next = self.after(next);
            let Some((key, hop)) = self.slots.get(next).and_then(K::unpack) else {
                break;
            };
            // It may move back into the hole unless its home lies behind the hole.
            if self.distance(self.home(key), next) >= self.distance(hole, next) {
                self.slots[hole] = key.pack(hop);
                hole = next;
            }
        }
        self.slots[hole] = K::EMPTY;
        Some(old)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, NextHop)> + '_ {
        self.slots.iter().filter_map(K::unpack)
    }

    /// Where `prefix` is, or the empty slot where it would go.
    fn probe(&self, prefix: K) -> Result<(usize, NextHop), usize> {
        let mut at = self.home(prefix);
        loop {
            match self.slots.get(at).and_then(K::unpack) {
                Some((key, hop)) if key == prefix => return Ok((at, hop)),
                Some(_) => at = self.after(at),
                None => return Err(at),
            }
        }
    }

    fn home(&self, prefix: K) -> usize {
        ((u128::from(prefix.hash()) * self.slots.len() as u128) >> 64) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 < self.slots.len() { at + 1 } else { 0 }
    }

    /// Slots to walk from `from` to `to`, round the end.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.slots.len() - from
        }
    }
}

impl Key for Prefix4 {
    /// Address, length, next hop: 32, 16 and 16 bits.
    type Slot = u64;

    const EMPTY: u64 = 0;

    fn pack(self, hop: NextHop) -> u64 {
        u64::from(self.first()) << 32
            | u64::from(self.len()) << 16
            | u64::from(NextHop::entry(Some(hop)))
    }

    fn unpack(slot: &u64) -> Option<(Self, NextHop)> {
        let hop = NextHop::from_entry(*slot as u16)?;
        Some((
            Self::new((slot >> 32) as u32, (slot >> 16) as u8).ok()?,
            hop,
        ))
    }

    fn hash(self) -> u64 {
        mix(u64::from(self.first()) << 8 | u64::from(self.len()))
    }
}

impl Key for Prefix6 {
    /// The address's halves, then length and next hop.
    type Slot = [u64; 3];

    const EMPTY: [u64; 3] = [0; 3];

    fn pack(self, hop: NextHop) -> [u64; 3] {
        let meta = u64::from(self.len()) << 16 | u64::from(NextHop::entry(Some(hop)));
        [(self.first() >> 64) as u64, self.first() as u64, meta]
    }

    fn unpack([high, low, meta]: &[u64; 3]) -> Option<(Self, NextHop)> {
        let hop = NextHop::from_entry(*meta as u16)?;
        let address = u128::from(*high) << 64 | u128::from(*low);
        Some((Self::new(address, (meta >> 16) as u8).ok()?, hop))
    }

    fn hash(self) -> u64 {
        let low = mix(self.first() as u64 ^ u64::from(self.len()));
        mix((self.first() >> 64) as u64 ^ low)
    }
}

/// The finaliser of MurmurHash3: every bit of the input moves every bit of the output.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ bits >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A store so small that runs wrap round its end and removals shift through it.
        #[test]
        fn agrees_with_a_map(
            operations in prop::collection::vec((any::<bool>(), 0u32..24, 0u16..4), 0..200),
        ) {
            const LIMIT: usize = 12;
            let mut memory = vec![0; slots(LIMIT)];
            let mut routes = Routes::<Prefix4>::new(&mut memory, LIMIT);
            let mut model = BTreeMap::new();
            for (insert, address, hop) in operations {
                let prefix = Prefix4::new(address, 32).unwrap();
                let hop = NextHop::new(hop).unwrap();
                if !insert {
                    prop_assert_eq!(routes.remove(prefix), model.remove(&prefix));
                } else if routes.find(prefix).is_some() || !routes.is_full() {
                    prop_assert_eq!(routes.store(prefix, hop), model.insert(prefix, hop));
                }
                prop_assert_eq!(routes.len(), model.len());
                for address in 0..24 {
                    let prefix = Prefix4::new(address, 32).unwrap();
                    prop_assert_eq!(routes.find(prefix), model.get(&prefix).copied());
                }
            }
            let mut all: Vec<_> = routes.iter().collect();
            all.sort();
            prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn slots_round_trip(address: u128, len in 0u8..=128, hop in 0..=NextHop::MAX) {
            let hop = NextHop::new(hop).unwrap();
            let six = Prefix6::new(address, len).unwrap();
            prop_assert_eq!(Prefix6::unpack(&six.pack(hop)), Some((six, hop)));
            let four = Prefix4::new(address as u32, len % 33).unwrap();
            prop_assert_eq!(Prefix4::unpack(&four.pack(hop)), Some((four, hop)));
        }
    }
}

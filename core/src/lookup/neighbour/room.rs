//! Who gets an entry, and whose it was.

use super::table::after;
use super::{Displaced, NeighbourKey, NeighbourState, Neighbours, Resolution};
use crate::platform::Instant;
use crate::wire::MacAddr;

impl Neighbours<'_> {
    /// Starts the resolution of a neighbour without an entry.
    pub(super) fn ask(&mut self, key: NeighbourKey, now: Instant) -> Resolution {
        let mut displaced = None;
        if self.store.unresolved() >= self.config.unresolved {
            let Some(slot) = self.least_promising(now) else {
                return Resolution::Full;
            };
            displaced = self.store.get(slot).map(|entry| Displaced {
                key: entry.key,
                pending: entry.pending,
            });
            // The slot freed last is the one that is taken next.
            self.store.remove(slot);
        }
        let Some(slot) = self
            .store
            .add(key, NeighbourState::Incomplete, MacAddr::ZERO)
        else {
            return Resolution::Full;
        };
        let displaced = displaced.filter(|displaced| displaced.pending > 0);
        self.solicit(slot, NeighbourState::Incomplete, 0, now);
        Resolution::Wait {
            slot,
            solicit: true,
            displaced,
        }
    }

    /// The unresolved entry to give up for a new one: one that failed, or else the one that has
    /// waited longest since it was last asked for, if that is long enough.
    fn least_promising(&self, now: Instant) -> Option<u32> {
        if let Some((slot, _)) = self.store.first(NeighbourState::Failed) {
            return Some(slot);
        }
        let (slot, entry) = self.store.first(NeighbourState::Incomplete)?;
        (after(Instant::from_nanos(entry.used), self.config.patience) <= now.as_nanos())
            .then_some(slot)
    }

    /// Sees to it that one more entry may be resolved, at the cost of another. False if all are
    /// permanent.
    pub(super) fn make_room(&mut self) -> bool {
        if self.store.resolved() < self.resolved_limit() {
            return true;
        }
        let capacity = self.store.capacity() as u32;
        let mut sampled = 0;
        let mut oldest: Option<(u64, u32)> = None;
        for _ in 0..capacity {
            self.hand = if self.hand + 1 < capacity {
                self.hand + 1
            } else {
                0
            };
            let Some(entry) = self.store.get(self.hand) else {
                break;
            };
            match entry.state {
                Some(NeighbourState::Permanent) | None => continue,
                Some(state) if !state.is_resolved() => continue,
                Some(_) => {}
            }
            if oldest.is_none_or(|(used, _)| entry.used < used) {
                oldest = Some((entry.used, self.hand));
            }
            sampled += 1;
            if sampled == SAMPLE {
                break;
            }
        }
        oldest
            .inspect(|(_, slot)| self.store.remove(*slot))
            .is_some()
    }

    /// How many entries may be resolved: the rest is kept for those that are not.
    pub(super) fn resolved_limit(&self) -> usize {
        self.store.capacity() - self.config.unresolved.min(self.store.capacity())
    }
}

/// Resolved entries of which the least recently used makes room.
const SAMPLE: usize = 32;

//! Entries by key, and in the order in which their time is up.
//!
//! Three kinds of lists run through the entries, all by number: hash buckets, the free ones, and
//! a queue for each state that time ends. All waits of one state are equally long, so that a
//! queue is in order of deadlines without any sorting, and what is due next is at one of four
//! heads.

use super::entry::NONE;
use super::{NeighbourEntry, NeighbourKey, NeighbourState};
use crate::wire::MacAddr;

pub(super) struct Store<'m> {
    entries: &'m mut [NeighbourEntry],
    seed: u64,
    free: u32,
    queues: [Queue; QUEUES],
    unresolved: usize,
    resolved: usize,
}

#[derive(Clone, Copy)]
struct Queue {
    first: u32,
    last: u32,
}

impl<'m> Store<'m> {
    pub(super) fn new(entries: &'m mut [NeighbourEntry], seed: u64) -> Self {
        let count = entries.len().min(NONE as usize);
        let entries = entries.split_at_mut(count).0;
        for (number, entry) in (1..).zip(entries.iter_mut()) {
            let chain = if (number as usize) < count {
                number
            } else {
                NONE
            };
            *entry = NeighbourEntry {
                chain,
                ..NeighbourEntry::EMPTY
            };
        }
        Self {
            free: if entries.is_empty() { NONE } else { 0 },
            entries,
            seed,
            queues: [Queue {
                first: NONE,
                last: NONE,
            }; QUEUES],
            unresolved: 0,
            resolved: 0,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// Entries incomplete or failed.
    pub(super) fn unresolved(&self) -> usize {
        self.unresolved
    }

    pub(super) fn resolved(&self) -> usize {
        self.resolved
    }

    pub(super) fn get(&self, slot: u32) -> Option<&NeighbourEntry> {
        self.entries.get(slot as usize)
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut NeighbourEntry> {
        self.entries.get_mut(slot as usize)
    }

    #[inline]
    pub(super) fn find(&self, key: &NeighbourKey) -> Option<(u32, &NeighbourEntry)> {
        let mut slot = self.get(self.bucket(key))?.bucket;
        loop {
            let entry = self.get(slot)?;
            if entry.key == *key {
                return Some((slot, entry));
            }
            slot = entry.chain;
        }
    }

    /// A free entry for a key that has none, in `state`.
    pub(super) fn add(
        &mut self,
        key: NeighbourKey,
        state: NeighbourState,
        mac: MacAddr,
    ) -> Option<u32> {
        let slot = self.free;
        self.free = self.get(slot)?.chain;
        let bucket = self.get_mut(self.bucket(&key))?;
        let chain = core::mem::replace(&mut bucket.bucket, slot);
        let entry = self.get_mut(slot)?;
        let bucket = entry.bucket;
        *entry = NeighbourEntry {
            key,
            mac,
            chain,
            bucket,
            ..NeighbourEntry::EMPTY
        };
        self.enter(slot, state, 0);
        Some(slot)
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let Some(&NeighbourEntry {
            key,
            chain,
            state: Some(_),
            ..
        }) = self.get(slot)
        else {
            return;
        };
        self.leave(slot);
        self.unchain(self.bucket(&key), slot, chain);
        let free = core::mem::replace(&mut self.free, slot);
        if let Some(entry) = self.get_mut(slot) {
            entry.chain = free;
        }
    }

    /// Puts an entry into a state that ends at `deadline`, behind all whose time is up earlier.
    pub(super) fn enter(&mut self, slot: u32, state: NeighbourState, deadline: u64) {
        self.leave(slot);
        let Some(entry) = self.get_mut(slot) else {
            return;
        };
        entry.state = Some(state);
        entry.deadline = deadline;
        *self.count(state) += 1;
        let Some(queue) = queue_of(state) else { return };
        let last = core::mem::replace(&mut self.queues[queue].last, slot);
        match self.get_mut(last) {
            Some(previous) => previous.next = slot,
            None => self.queues[queue].first = slot,
        }
        if let Some(entry) = self.get_mut(slot) {
            (entry.previous, entry.next) = (last, NONE);
        }
    }

    /// The first in the queue of `state`: the one whose time is up first.
    pub(super) fn first(&self, state: NeighbourState) -> Option<(u32, &NeighbourEntry)> {
        let slot = self.queues[queue_of(state)?].first;
        Some((slot, self.get(slot)?))
    }

    /// When the next state ends.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let firsts = self.queues.iter().filter_map(|queue| self.get(queue.first));
        firsts.map(|entry| entry.deadline).min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &NeighbourEntry, NeighbourState)> {
        (0..)
            .zip(self.entries.iter())
            .filter_map(|(slot, entry)| Some((slot, entry, entry.state?)))
    }

    /// Takes an entry out of its state, if it is in one.
    fn leave(&mut self, slot: u32) {
        let Some(entry) = self.get_mut(slot) else {
            return;
        };
        let Some(state) = entry.state.take() else {
            return;
        };
        let (previous, next) = (entry.previous, entry.next);
        *self.count(state) -= 1;
        let Some(queue) = queue_of(state) else { return };
        match self.get_mut(previous) {
            Some(entry) => entry.next = next,
            None => self.queues[queue].first = next,
        }
        match self.get_mut(next) {
            Some(entry) => entry.previous = previous,
            None => self.queues[queue].last = previous,
        }
    }

    /// Takes `slot`, followed by `chain`, out of a bucket.
    fn unchain(&mut self, bucket: u32, slot: u32, chain: u32) {
        let Some(head) = self.get_mut(bucket) else {
            return;
        };
        if head.bucket == slot {
            head.bucket = chain;
            return;
        }
        let mut at = head.bucket;
        while let Some(entry) = self.get_mut(at) {
            if entry.chain == slot {
                entry.chain = chain;
                return;
            }
            at = entry.chain;
        }
    }

    fn count(&mut self, state: NeighbourState) -> &mut usize {
        if state.is_resolved() {
            &mut self.resolved
        } else {
            &mut self.unresolved
        }
    }

    fn bucket(&self, key: &NeighbourKey) -> u32 {
        let hash = key.hash(self.seed) >> 32;
        ((hash * self.entries.len() as u64) >> 32) as u32
    }
}

/// The queue of a state that time ends.
fn queue_of(state: NeighbourState) -> Option<usize> {
    match state {
        NeighbourState::Incomplete => Some(0),
        NeighbourState::Probe => Some(1),
        NeighbourState::Delay => Some(2),
        NeighbourState::Failed => Some(3),
        NeighbourState::Reachable | NeighbourState::Stale | NeighbourState::Permanent => None,
    }
}

const QUEUES: usize = 4;

#[cfg(test)]
impl Store<'_> {
    /// Panics unless every list is whole and every entry is in those where it belongs.
    pub(super) fn assert_sound(&self) {
        use std::vec::Vec;

        let live: Vec<u32> = self.iter().map(|(slot, ..)| slot).collect();
        assert_eq!(live.len(), self.resolved + self.unresolved);
        let walk = |mut slot: u32, next: fn(&NeighbourEntry) -> u32| {
            let mut slots = Vec::new();
            while let Some(entry) = self.get(slot) {
                slots.push(slot);
                assert!(slots.len() <= self.entries.len(), "a list has a loop");
                slot = next(entry);
            }
            slots
        };
        let free = walk(self.free, |entry| entry.chain);
        assert!(free.iter().all(|slot| !live.contains(slot)));
        assert_eq!(free.len() + live.len(), self.entries.len());
        let mut chained = 0;
        for (bucket, entry) in (0..).zip(self.entries.iter()) {
            let chain = walk(entry.bucket, |entry| entry.chain);
            assert!(
                chain
                    .iter()
                    .all(|slot| self.bucket(&self.entries[*slot as usize].key) == bucket)
            );
            chained += chain.len();
        }
        assert_eq!(chained, live.len());
        for (number, queue) in self.queues.iter().enumerate() {
            let queued = walk(queue.first, |entry| entry.next);
            assert_eq!(queued.last().copied().unwrap_or(NONE), queue.last);
            let entries: Vec<_> = queued
                .iter()
                .map(|slot| self.entries[*slot as usize])
                .collect();
            assert!(
                entries.is_sorted_by_key(|entry| entry.deadline),
                "a queue is out of order"
            );
            let belong = |state| queue_of(state) == Some(number);
            assert!(entries.iter().all(|entry| entry.state.is_some_and(belong)));
            let expected = self.iter().filter(|(_, _, state)| belong(*state)).count();
            assert_eq!(entries.len(), expected);
        }
    }
}

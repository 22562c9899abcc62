//! The state machine.

use core::fmt;
use core::time::Duration;

use super::store::Store;
use super::{
    Advertisement, Displaced, Learned, NeighbourAction, NeighbourConfig, NeighbourEntry,
    NeighbourKey, NeighbourState, Resolution,
};
use crate::platform::Instant;
use crate::wire::MacAddr;

/// Neighbours of all ports of one forwarder, or of some.
///
/// Every call takes constant time but [`Self::flush_port`] and [`Self::iter`]. See the
/// [module](super) for the story and an example.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::lookup::{NeighbourConfig, NeighbourEntry, NeighbourKey, Neighbours};
/// use linecard::wire::MacAddr;
///
/// let mut entries = [NeighbourEntry::EMPTY; 16];
/// let mut table = Neighbours::new(NeighbourConfig::default(), &mut entries);
/// let key = NeighbourKey::v4(Ipv4Addr::new(192, 0, 2, 9), 1);
/// assert!(table.insert_permanent(key, MacAddr([2, 0, 0, 0, 0, 9])));
/// assert_eq!(table.lookup(&key), Some(MacAddr([2, 0, 0, 0, 0, 9])));
/// ```
pub struct Neighbours<'m> {
    pub(super) store: Store<'m>,
    pub(super) config: NeighbourConfig,
    /// Where the search for an entry to replace goes on.
    pub(super) hand: u32,
}

impl<'m> Neighbours<'m> {
    /// An empty table of as many neighbours as there are `entries`, whose content does not
    /// matter.
    pub fn new(config: NeighbourConfig, entries: &'m mut [NeighbourEntry]) -> Self {
        let most = (entries.len() / 2).max(1);
        let config = NeighbourConfig {
            unresolved: config.unresolved.clamp(1, most),
            ..config
        };
        Self {
            store: Store::new(entries, config.seed),
            config,
            hand: 0,
        }
    }

    /// How many neighbours there is room for.
    pub fn capacity(&self) -> usize {
        self.store.capacity()
    }

    /// How many neighbours there are, resolved or not.
    pub fn len(&self) -> usize {
        self.store.resolved() + self.store.unresolved()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many have not answered: incomplete or failed.
    pub fn unresolved(&self) -> usize {
        self.store.unresolved()
    }

    /// The MAC address of a neighbour, if it is known. Changes nothing: what packets are
    /// sent by is [`Self::resolve`], which notices that a neighbour is in use.
    #[inline]
    pub fn lookup(&self, key: &NeighbourKey) -> Option<MacAddr> {
        let (_, entry) = self.store.find(key)?;
        entry.state?.is_resolved().then_some(entry.mac)
    }

    /// A neighbour's state, if it has an entry. A confirmation that has run out shows as
    /// [`NeighbourState::Reachable`] until the next packet.
    pub fn state(&self, key: &NeighbourKey) -> Option<NeighbourState> {
        self.store.find(key)?.1.state
    }

    /// All neighbours, with state and MAC address (zero where it is not known).
    pub fn iter(&self) -> impl Iterator<Item = (NeighbourKey, NeighbourState, MacAddr)> + '_ {
        self.store
            .iter()
            .map(|(_, entry, state)| (entry.key, state, entry.mac))
    }

    /// What to do with a packet for `key`.
    #[inline]
    pub fn resolve(&mut self, key: NeighbourKey, now: Instant) -> Resolution {
        let Some((slot, entry)) = self.store.find(&key) else {
            return self.ask(key, now);
        };
        let (state, mac, deadline) = (entry.state, entry.mac, entry.deadline);
        match state {
            Some(NeighbourState::Incomplete) => {
                return Resolution::Wait {
                    slot,
                    solicit: false,
                    displaced: None,
                };
            }
            Some(NeighbourState::Failed) | None => return Resolution::Unreachable,
            Some(NeighbourState::Stale) => self.begin_delay(slot, now),
            Some(NeighbourState::Reachable) if deadline <= now.as_nanos() => {
                self.begin_delay(slot, now);
            }
            Some(_) => {}
        }
        if let Some(entry) = self.store.get_mut(slot) {
            entry.used = now.as_nanos();
        }
        Resolution::Known(mac)
    }

    /// Takes an advertisement (RFC 4861 section 7.2.5) or an ARP reply. What nobody asked for
    /// makes no entry.
    pub fn learn(&mut self, key: NeighbourKey, said: Advertisement, now: Instant) -> Learned {
        let Some((slot, entry)) = self.store.find(&key) else {
            return Learned::Ignored;
        };
        if said.mac.is_some_and(|mac| !mac.is_unicast()) {
            return Learned::Ignored;
        }
        let known = entry.mac;
        let state = match entry.state {
            // Nobody has sent to it since the confirmation ran out.
            Some(NeighbourState::Reachable) if entry.deadline <= now.as_nanos() => {
                NeighbourState::Stale
            }
            Some(state) => state,
            None => return Learned::Ignored,
        };
        if state == NeighbourState::Permanent {
            return Learned::Ignored;
        }
        if !state.is_resolved() {
            let Some(mac) = said.mac else {
                return Learned::Ignored;
            };
            return self.complete(slot, mac, said.solicited, now);
        }
        let changes = said.mac.is_some_and(|mac| mac != known);
        if changes && !said.replaces {
            // "If the state of the cache entry is REACHABLE, set it to STALE, but do not update
            // the entry in any other way. Otherwise, the received advertisement should be
            // ignored and MUST NOT update the cache."
            if state != NeighbourState::Reachable {
                return Learned::Ignored;
            }
            self.store.enter(slot, NeighbourState::Stale, 0);
            return Learned::Updated;
        }
        if let (Some(entry), Some(mac)) = (self.store.get_mut(slot), said.mac) {
            entry.mac = mac;
        }
        if said.solicited {
            self.confirm_slot(slot, now);
        } else if changes {
            self.store.enter(slot, NeighbourState::Stale, 0);
        } else {
            return Learned::Ignored;
        }
        Learned::Updated
    }

    /// Takes the sender of a solicitation or of an ARP request to this router, which says its own
    /// address in passing (RFC 4861 section 7.2.3; RFC 826). It is known from then on, as
    /// stale; if every entry is in use, a stranger displaces nobody.
    pub fn observe(&mut self, key: NeighbourKey, mac: MacAddr, now: Instant) -> Learned {
        if !mac.is_unicast() {
            return Learned::Ignored;
        }
        let Some((slot, entry)) = self.store.find(&key) else {
            if self.store.resolved() >= self.resolved_limit() {
                return Learned::Ignored;
            }
            // Not used so far: the first to make room.
            return match self.store.add(key, NeighbourState::Stale, mac) {
                Some(_) => Learned::Updated,
                None => Learned::Ignored,
            };
        };
        match entry.state {
            Some(NeighbourState::Incomplete | NeighbourState::Failed) => {
                self.complete(slot, mac, false, now)
            }
            None | Some(NeighbourState::Permanent) => Learned::Ignored,
            Some(_) if entry.mac == mac => Learned::Ignored,
            Some(_) => {
                if let Some(entry) = self.store.get_mut(slot) {
                    entry.mac = mac;
                }
                self.store.enter(slot, NeighbourState::Stale, 0);
                Learned::Updated
            }
        }
    }

    /// Notes that a neighbour was heard from by other means: a reply to what was sent to it
    /// (RFC 4861 section 7.3.1). Spares it a probe.
    pub fn confirm(&mut self, key: &NeighbourKey, now: Instant) {
        let Some((slot, entry)) = self.store.find(key) else {
            return;
        };
        match entry.state {
            Some(state) if state.is_resolved() && state != NeighbourState::Permanent => {
                self.confirm_slot(slot, now);
            }
            _ => {}
        }
    }

    /// One thing that is due by `now`, if any; to be called until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<NeighbourAction> {
        while let Some(slot) = self.due(NeighbourState::Failed, now) {
            self.store.remove(slot);
        }
        if let Some(slot) = self.due(NeighbourState::Delay, now) {
            return self.solicit(slot, NeighbourState::Probe, 0, now);
        }
        if let Some(slot) = self.due(NeighbourState::Probe, now) {
            let asked = self.store.get(slot)?.asked;
            if asked < self.config.unicast_solicits {
                return self.solicit(slot, NeighbourState::Probe, asked, now);
            }
            // RFC 4861 section 7.3.3: deleted; the next packet asks anew, and everybody.
            let key = self.store.get(slot)?.key;
            self.store.remove(slot);
            return Some(NeighbourAction::Failed {
                key,
                slot,
                pending: 0,
            });
        }
        let slot = self.due(NeighbourState::Incomplete, now)?;
        let asked = self.store.get(slot)?.asked;
        if asked < self.config.multicast_solicits {
            return self.solicit(slot, NeighbourState::Incomplete, asked, now);
        }
        self.store
            .enter(slot, NeighbourState::Failed, after(now, self.config.failed));
        let entry = self.store.get_mut(slot)?;
        let pending = core::mem::take(&mut entry.pending);
        Some(NeighbourAction::Failed {
            key: entry.key,
            slot,
            pending,
        })
    }

    /// When [`Self::poll`] will next have something to do; `None` as long as nothing else
    /// happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.store.next_deadline().map(Instant::from_nanos)
    }

    /// Counts a packet that waits in `slot`. False if as many as may already do, or nobody is
    /// waited for there.
    pub fn hold(&mut self, slot: u32) -> bool {
        let most = self.config.pending;
        match self.store.get_mut(slot) {
            Some(entry)
                if entry.state == Some(NeighbourState::Incomplete) && entry.pending < most =>
            {
                entry.pending += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes back one [`Self::hold`]: the packet no longer waits.
    pub fn release(&mut self, slot: u32) {
        if let Some(entry) = self.store.get_mut(slot) {
            entry.pending = entry.pending.saturating_sub(1);
        }
    }

    /// How many packets wait in `slot`.
    pub fn pending(&self, slot: u32) -> u16 {
        self.store.get(slot).map_or(0, |entry| entry.pending)
    }

    /// Adds a neighbour by configuration, in place of any entry that it has. False if the MAC
    /// address is none of a station, if packets wait for it (let them be resolved first), or if
    /// all resolved entries are permanent.
    pub fn insert_permanent(&mut self, key: NeighbourKey, mac: MacAddr) -> bool {
        if !mac.is_unicast() {
            return false;
        }
        if let Some((slot, entry)) = self.store.find(&key) {
            if entry.pending > 0 {
                return false;
            }
            self.store.remove(slot);
        }
        if !self.make_room() {
            return false;
        }
        self.store
            .add(key, NeighbourState::Permanent, mac)
            .is_some()
    }

    /// Forgets a neighbour, whatever its state; what waited for it is to be dropped.
    pub fn remove(&mut self, key: &NeighbourKey) -> Option<(u32, Displaced)> {
        let (slot, entry) = self.store.find(key)?;
        let displaced = Displaced {
            key: *key,
            pending: entry.pending,
        };
        self.store.remove(slot);
        Some((slot, displaced))
    }

    /// Forgets all neighbours of a port but the permanent ones, as when its link went down;
    /// calls `dropped` for each slot in which packets waited.
    pub fn flush_port(&mut self, port: u16, mut dropped: impl FnMut(u32, Displaced)) {
        for slot in 0..self.store.capacity() as u32 {
            let Some(&NeighbourEntry {
                key,
                state: Some(state),
                pending,
                ..
            }) = self.store.get(slot)
            else {
                continue;
            };
            if key.port() != port || state == NeighbourState::Permanent {
                continue;
            }
            self.store.remove(slot);
            if pending > 0 {
                dropped(slot, Displaced { key, pending });
            }
        }
    }

    /// An unresolved entry has got its MAC address.
    fn complete(&mut self, slot: u32, mac: MacAddr, solicited: bool, now: Instant) -> Learned {
        if !self.make_room() {
            return Learned::Ignored;
        }
        let Some(entry) = self.store.get_mut(slot) else {
            return Learned::Ignored;
        };
        entry.mac = mac;
        let waited = entry.state == Some(NeighbourState::Incomplete);
        let pending = core::mem::take(&mut entry.pending);
        if solicited {
            self.confirm_slot(slot, now);
        } else {
            self.store.enter(slot, NeighbourState::Stale, 0);
        }
        self.set_used(slot, now);
        if waited {
            Learned::Resolved { slot, mac, pending }
        } else {
            Learned::Updated
        }
    }

    fn begin_delay(&mut self, slot: u32, now: Instant) {
        self.store
            .enter(slot, NeighbourState::Delay, after(now, self.config.delay));
    }

    /// Reachable, for a time drawn between 0.5 and 1.5 times the configured one, so that
    /// neighbours confirmed together are not probed together.
    fn confirm_slot(&mut self, slot: u32, now: Instant) {
        let base = u64::try_from(self.config.reachable.as_nanos()).unwrap_or(u64::MAX);
        let draw = (now.as_nanos() ^ u64::from(slot) ^ self.config.seed)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let part = ((u128::from(base) * u128::from(draw)) >> 64) as u64;
        let time = Duration::from_nanos((base / 2).saturating_add(part));
        self.store
            .enter(slot, NeighbourState::Reachable, after(now, time));
    }

    /// Counts a solicitation after `asked` others, and starts the wait for its answer.
    pub(super) fn solicit(
        &mut self,
        slot: u32,
        state: NeighbourState,
        asked: u8,
        now: Instant,
    ) -> Option<NeighbourAction> {
        self.store
            .enter(slot, state, after(now, self.config.retransmit));
        let entry = self.store.get_mut(slot)?;
        entry.asked = asked.saturating_add(1);
        let to = match state {
            NeighbourState::Probe => Some(entry.mac),
            _ => {
                entry.used = now.as_nanos();
                None
            }
        };
        Some(NeighbourAction::Solicit {
            key: entry.key,
            slot,
            to,
        })
    }

    fn due(&self, state: NeighbourState, now: Instant) -> Option<u32> {
        let (slot, entry) = self.store.first(state)?;
        (entry.deadline <= now.as_nanos()).then_some(slot)
    }

    fn set_used(&mut self, slot: u32, now: Instant) {
        if let Some(entry) = self.store.get_mut(slot) {
            entry.used = now.as_nanos();
        }
    }
}

impl fmt::Debug for Neighbours<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbours")
            .field("capacity", &self.capacity())
            .field("resolved", &self.store.resolved())
            .field("unresolved", &self.unresolved())
            .finish_non_exhaustive()
    }
}

/// `now` and then some, in nanoseconds.
pub(super) fn after(now: Instant, wait: Duration) -> u64 {
    (now + wait).as_nanos()
}

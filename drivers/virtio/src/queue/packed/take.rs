//! Taking what the device has used.
//!
//! Nearly all used descriptors stand for one buffer in one descriptor: those are taken in a loop of
//! their own, with the checks that tell and no other, and counted when it ends. What that loop stops
//! at, a chain, a batch, or what cannot be, is taken one by one.

use core::sync::atomic::Ordering;

use linecard::platform::barrier;

use super::super::{CHAINED, Fault, MAX_TOKEN, NONE, Used, Virtqueue};
use super::{AVAIL, FLAGS, PackedQueue, USED};

impl<const N: usize> PackedQueue<N> {
    /// The descriptor at `place`, if it is a used one of the lap whose flags are `turn`; `place` is below
    /// the size.
    #[inline(always)]
    fn entry_at(&self, place: u16, turn: u16) -> Option<(u16, u32)> {
        // SAFETY: the callers go round as `next` does: below the size.
        let (_, second) = unsafe { self.memory.desc(place) };
        let mut half = u64::from_le(second.load(Ordering::Relaxed));
        if (half >> FLAGS) as u16 & (AVAIL | USED) != turn {
            return None;
        }
        // The flags before the rest (section 2.8.22.1). Where loads are ordered the one load has
        // all of it.
        barrier::read();
        if !cfg!(target_arch = "x86_64") {
            half = u64::from_le(second.load(Ordering::Relaxed));
        }
        Some(((half >> 32) as u16, half as u32))
    }

    /// The token of a buffer that the device has.
    #[inline(always)]
    fn check(&self, id: u16) -> Result<u32, Fault> {
        if id >= self.memory.size() {
            return Err(Fault::Id(u32::from(id)));
        }
        match self.tokens.read(id) {
            NONE => Err(Fault::NotPosted(id)),
            token => Ok(token),
        }
    }

    /// Takes back the buffer `id`, whose token this is.
    #[inline(always)]
    fn finish(&mut self, id: u16, token: u32) {
        self.tokens.write(id, NONE);
        self.ids.give(id);
        let count = match token & CHAINED {
            0 => 1,
            _ => self.counts.read(id),
        };
        self.free = self.free.wrapping_add(count);
        self.in_flight = self.in_flight.wrapping_sub(1);
        self.published = self.published.wrapping_sub(1);
        self.used = self.used.wrapping_add(count);
        if self.used >= self.memory.size() {
            self.used = self.used.wrapping_sub(self.memory.size());
            self.used_turn ^= AVAIL | USED;
        }
    }

    /// Nothing taken yet.
    #[inline(always)]
    fn ahead(&self) -> Ahead {
        Ahead {
            taken: 0,
            place: self.used,
            turn: self.used_turn,
        }
    }

    /// Counts buffers in one descriptor each that were taken.
    #[inline(always)]
    fn count(&mut self, ahead: Ahead) {
        let Ahead { taken, place, turn } = ahead;
        self.ids.advance(taken);
        self.free = self.free.wrapping_add(taken);
        self.in_flight = self.in_flight.wrapping_sub(taken);
        self.published = self.published.wrapping_sub(taken);
        (self.used, self.used_turn) = (place, turn);
    }

    /// Takes back the buffer `id`, which is in one descriptor, behind those that are not counted yet.
    #[inline(always)]
    fn retire(&mut self, id: u16, ahead: &mut Ahead) {
        self.tokens.write(id, NONE);
        self.ids.give_ahead(ahead.taken, id);
        ahead.taken = ahead.taken.wrapping_add(1);
    }

    /// Takes what was used, as `make` has it from token and length.
    #[inline(always)]
    pub(super) fn pop_each<T>(&mut self, out: &mut [T], make: impl Fn(u32, u32) -> T) -> usize {
        // Where the device has nothing, what it writes means nothing.
        let out = match out.get_mut(..usize::from(self.published)) {
            Some(first) => first,
            None => out,
        };
        // In order, most devices name each buffer that they filled: batches are taken by other
        // means.
        let count = match self.batch {
            None => self.pop_plain(out, &make),
            Some(_) => 0,
        };
        match out.get_mut(count..) {
            Some(rest) if !rest.is_empty() && self.is_more_used() => {
                count.wrapping_add(self.pop_special(rest, make))
            }
            _ => count,
        }
    }

    /// Takes used descriptors that stand for one buffer in one descriptor each, as nearly all do, until
    /// there is one that does not, or none.
    #[inline(always)]
    fn pop_plain<T>(&mut self, out: &mut [T], make: &impl Fn(u32, u32) -> T) -> usize {
        // Copies: the compiler would look again after each access to the ring.
        let (in_order, in_flight) = (self.in_order, self.in_flight);
        let size = self.memory.size();
        let mut ahead = self.ahead();
        for slot in out.iter_mut() {
            let Some((id, written)) = self.entry_at(ahead.place, ahead.turn) else {
                break;
            };
            let token = self.tokens.read(id);
            // `NONE` has this bit, too.
            if id >= size
                || token & CHAINED != 0
                || (in_order && self.ids.taken(in_flight.wrapping_sub(ahead.taken)) != id)
            {
                break;
            }
            self.retire(id, &mut ahead);
            ahead.place = ahead.place.wrapping_add(1);
            if ahead.place >= size {
                ahead.place = 0;
                ahead.turn ^= AVAIL | USED;
            }
            *slot = make(token, written);
        }
        self.count(ahead);
        usize::from(ahead.taken)
    }

    /// Whether something was used that was not taken.
    #[inline(always)]
    fn is_more_used(&self) -> bool {
        self.batch.is_some() || self.entry_at(self.used, self.used_turn).is_some()
    }

    /// Takes chains, batches, and finds what cannot be.
    #[inline(never)]
    fn pop_special<T>(&mut self, out: &mut [T], make: impl Fn(u32, u32) -> T) -> usize {
        if self.in_order {
            return self.pop_in_order(out, make);
        }
        let mut count = 0;
        for slot in out {
            let Some((id, written)) = self.entry_at(self.used, self.used_turn) else {
                break;
            };
            match self.check(id) {
                Ok(token) => {
                    self.finish(id, token);
                    *slot = make(token, written);
                    count += 1;
                }
                Err(fault) => {
                    self.fail(fault);
                    break;
                }
            }
        }
        count
    }

    /// Takes with `VIRTIO_F_IN_ORDER`: a descriptor may stand for a batch, of which it has the last id;
    /// the next is behind as many as the batch has (section 2.8.7). Of those between no line
    /// is looked at.
    fn pop_in_order<T>(&mut self, out: &mut [T], make: impl Fn(u32, u32) -> T) -> usize {
        let mut count = 0;
        while let Some(rest) = out.get_mut(count..).filter(|rest| !rest.is_empty()) {
            let entry = self
                .batch
                .take()
                .or_else(|| self.entry_at(self.used, self.used_turn));
            let Some((last, written)) = entry else {
                break;
            };
            let (taken, whole) = match self.check(last) {
                Ok(_) => self.pop_batch(rest, last, written, &make),
                Err(fault) => (0, Err(fault)),
            };
            count = count.wrapping_add(taken);
            match whole {
                Ok(true) => {}
                Ok(false) => self.batch = Some((last, written)),
                Err(fault) => {
                    self.fail(fault);
                    break;
                }
            }
        }
        count
    }

    /// Takes buffers of the batch that ends with `last`: those in one descriptor each up to the first
    /// chain, or that chain. Gives how many, and whether the batch is at its end, or what is wrong.
    #[inline(always)]
    fn pop_batch<T>(
        &mut self,
        out: &mut [T],
        last: u16,
        written: u32,
        make: &impl Fn(u32, u32) -> T,
    ) -> (usize, Result<bool, Fault>) {
        let (in_flight, published) = (self.in_flight, self.published);
        let mut ahead = self.ahead();
        let mut whole = false;
        let mut chain = None;
        for slot in out.iter_mut() {
            // In order, the oldest is the next.
            let id = self.ids.taken(in_flight.wrapping_sub(ahead.taken));
            let token = self.tokens.read(id);
            whole = id == last;
            if !whole && ahead.taken.wrapping_add(1) == published {
                break;
            }
            if token & CHAINED != 0 {
                chain = Some(id);
                break;
            }
            self.retire(id, &mut ahead);
            *slot = make(token, if whole { written } else { Used::ALL });
            if whole {
                break;
            }
        }
        // No more than the ring has.
        ahead.place = ahead.place.wrapping_add(ahead.taken);
        if ahead.place >= self.memory.size() {
            ahead.place = ahead.place.wrapping_sub(self.memory.size());
            ahead.turn ^= AVAIL | USED;
        }
        self.count(ahead);
        let mut count = usize::from(ahead.taken);
        let Some(slot) = out.get_mut(count).filter(|_| chain.is_some() || !whole) else {
            return (count, Ok(whole));
        };
        match chain
            .ok_or(Fault::Order(last))
            .and_then(|id| Ok((id, self.check(id)?)))
        {
            Ok((id, token)) => {
                self.finish(id, token);
                *slot = make(token, if whole { written } else { Used::ALL });
                count = count.wrapping_add(1);
                (count, Ok(whole))
            }
            Err(fault) => (count, Err(fault)),
        }
    }
}

/// Buffers in one descriptor each, taken and not counted yet; and where the next
/// used descriptor is, with the flags of its lap.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    taken: u16,
    place: u16,
    turn: u16,
}

#[inline(always)]
pub(super) const fn used(token: u32, written: u32) -> Used {
    Used {
        token: token & MAX_TOKEN,
        written,
    }
}

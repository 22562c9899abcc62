//! Taking what the device has used.
//!
//! Nearly all used entries stand for one buffer in one descriptor: those are taken in a loop of their
//! own, with the checks that tell and no other, and counted when it ends. What that loop stops at, a
//! chain, a batch, or what cannot be, is taken one by one.

use super::super::{CHAINED, Fault, MAX_TOKEN, NONE, Used, Virtqueue};
use super::SplitQueue;

impl<const N: usize> SplitQueue<N> {
    /// Takes back the buffer `id`, which is in one descriptor, behind `ahead` others that are not counted
    /// yet.
    #[inline(always)]
    fn retire(&mut self, id: u16, ahead: u16) {
        self.tokens.write(id, NONE);
        self.ids.give_ahead(ahead, id);
    }

    /// Takes used entries that stand for one buffer in one descriptor each, as nearly all do, until there
    /// is one that does not.
    #[inline(always)]
    fn pop_plain(&mut self, out: &mut [Used]) -> usize {
        // Copies: the compiler would look again after each access to the ring.
        let (in_order, mask) = (self.in_order, self.mask);
        let mut ahead: u16 = 0;
        for slot in out {
            let (id, written) = self.entry(ahead);
            let token = self.tokens.read(id as u16);
            // `NONE` has this bit, too.
            if id > u32::from(mask)
                || token & CHAINED != 0
                || (in_order && id != self.oldest(ahead))
            {
                break;
            }
            self.retire(id as u16, ahead);
            *slot = used(token, written);
            ahead = ahead.wrapping_add(1);
        }
        self.count(ahead);
        usize::from(ahead)
    }

    /// As [`pop_plain`](Self::pop_plain), without a look at the used ring.
    #[inline(always)]
    fn pop_plain_tokens(&mut self, out: &mut [u32]) -> usize {
        let mut ahead: u16 = 0;
        for slot in out {
            let id = self.oldest(ahead) as u16;
            let token = self.tokens.read(id);
            if token & CHAINED != 0 {
                break;
            }
            self.retire(id, ahead);
            *slot = token & MAX_TOKEN;
            ahead = ahead.wrapping_add(1);
        }
        self.count(ahead);
        usize::from(ahead)
    }

    /// Takes chains, batches, and finds what cannot be, by `take`.
    #[inline(never)]
    fn pop_special<T>(
        &mut self,
        out: &mut [T],
        take: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> usize {
        let mut count = 0;
        for slot in out {
            match take(self) {
                Ok(taken) => *slot = taken,
                Err(fault) => {
                    self.fail(fault);
                    break;
                }
            }
            count += 1;
        }
        count
    }

    /// The id of the buffer that the device has for longest, `ahead` passed over.
    #[inline(always)]
    fn oldest(&self, ahead: u16) -> u32 {
        let place = self.used.wrapping_add(ahead) & self.mask;
        u32::from(self.avail_ids.read(place))
    }

    /// The used entry `ahead` of the next one.
    #[inline(always)]
    fn entry(&self, ahead: u16) -> (u32, u32) {
        let place = self.used.wrapping_add(ahead) & self.mask;
        // SAFETY: the mask is the size less one, a power of two (`Parts::of`).
        unsafe { self.memory.used(place) }
    }

    /// The id of an entry, if it is one of a buffer that the device has; with its token.
    #[inline(always)]
    pub(super) fn check(&self, id: u32) -> Result<(u16, u32), Fault> {
        if id > u32::from(self.mask) {
            return Err(Fault::Id(id));
        }
        let id = id as u16;
        match self.tokens.read(id) {
            NONE => Err(Fault::NotPosted(id)),
            token => Ok((id, token)),
        }
    }

    #[inline(always)]
    pub(super) fn take(&mut self) -> Result<Used, Fault> {
        let (id, written) = self.entry(0);
        let (id, token) = self.check(id)?;
        self.finish(id, token);
        Ok(used(token, written))
    }

    /// The token of the oldest buffer, whatever its entry says.
    fn take_oldest(&mut self) -> Result<u32, Fault> {
        let (id, token) = self.check(self.oldest(0))?;
        self.finish(id, token);
        Ok(token & MAX_TOKEN)
    }

    /// With `VIRTIO_F_IN_ORDER` an entry may stand for a batch, of which it names the last; the
    /// next entry is behind as many as the batch has (section 2.7.9).
    pub(super) fn take_in_order(&mut self) -> Result<Used, Fault> {
        let (last, written) = match self.batch {
            Some(batch) => batch,
            None => {
                let (id, written) = self.entry(0);
                (self.check(id)?.0, written)
            }
        };
        // In order, the oldest is the one that stands where the device read it.
        let (id, token) = self.check(self.oldest(0))?;
        let written = if id == last {
            self.batch = None;
            written
        } else if self.seen.wrapping_sub(self.used) == 1 {
            return Err(Fault::Order(last));
        } else {
            self.batch = Some((last, written));
            Used::ALL
        };
        self.finish(id, token);
        Ok(used(token, written))
    }

    /// As [`Virtqueue::pop_burst`].
    #[inline(always)]
    pub(super) fn take_burst(&mut self, out: &mut [Used]) -> usize {
        let ready = usize::from(self.seen.wrapping_sub(self.used));
        let out = match out.get_mut(..ready) {
            Some(first) => first,
            None => out,
        };
        // In order, devices mostly name each: only a batch is taken by other means.
        let count = match self.batch {
            None => self.pop_plain(out),
            Some(_) => 0,
        };
        match out.get_mut(count..) {
            Some(rest) if !rest.is_empty() => count.wrapping_add(match self.in_order {
                false => self.pop_special(rest, Self::take),
                true => self.pop_special(rest, Self::take_in_order),
            }),
            _ => count,
        }
    }

    /// As [`Virtqueue::pop_tokens`].
    #[inline(always)]
    pub(super) fn take_tokens(&mut self, out: &mut [u32]) -> usize {
        let mut taken = 0;
        if !self.in_order || self.batch.is_some() {
            for out in out.chunks_mut(PORTION) {
                let mut used = [Used {
                    token: 0,
                    written: 0,
                }; PORTION];
                let want = out.len();
                let count = self.take_burst(used.get_mut(..want).unwrap_or(&mut []));
                for (slot, used) in out.iter_mut().zip(used.iter().take(count)) {
                    *slot = used.token;
                }
                taken += count;
                if count < want {
                    break;
                }
            }
            return taken;
        }
        let ready = usize::from(self.seen.wrapping_sub(self.used));
        let out = match out.get_mut(..ready) {
            Some(first) => first,
            None => out,
        };
        let count = self.pop_plain_tokens(out);
        match out.get_mut(count..) {
            Some(rest) if !rest.is_empty() => {
                count.wrapping_add(self.pop_special(rest, Self::take_oldest))
            }
            _ => count,
        }
    }
}

#[inline(always)]
const fn used(token: u32, written: u32) -> Used {
    Used {
        token: token & MAX_TOKEN,
        written,
    }
}

/// Buffers taken at a time whose tokens alone are asked for.
const PORTION: usize = 32;

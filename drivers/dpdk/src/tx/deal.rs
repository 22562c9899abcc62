//! What is done with a packet that cannot be sent as it is: it is amended, copied, or dropped and counted.

use core::ptr;

use linecard::mempool::Cache;
use linecard::packet::{Burst, BurstView, Packet};

use super::Tx;
use super::unlike::Fate;

/// What was done with a packet that could not be sent as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dealt {
    /// Taken: sent, or freed and counted.
    Done,
    /// It is another now.
    Changed,
    /// Nothing: there is no frame to copy it into.
    Wait,
}

impl<'p> Tx<'p> {
    /// Deals with the first packet, which cannot be sent as it is; false if it has to wait.
    #[cold]
    pub(super) fn deal_with(
        &mut self,
        fate: Fate,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
    ) -> Dealt {
        let count = match fate {
            Fate::Copy => return self.copy(cache, packets),
            Fate::Finish | Fate::Tag => {
                let first = packets.as_mut_slice().first_mut();
                if first.is_some_and(|packet| fate.amend(packet)) {
                    return Dealt::Changed;
                }
                &mut self.stats.unsupported
            }
            Fate::Oversize => &mut self.stats.oversize,
            Fate::Undersize => &mut self.stats.undersize,
            Fate::Unsupported => &mut self.stats.unsupported,
        };
        *count = count.wrapping_add(1);
        if let Some(packet) = packets.drain_front(1).next() {
            cache.free(packet.into_frame());
        }
        Dealt::Done
    }

    /// Sends a copy in a frame of this pool in the place of the first packet, which is the caller's for
    /// as long as the driver has not taken that.
    fn copy(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> Dealt {
        let Some(copy) = packets
            .as_slice()
            .first()
            .and_then(|first| self.copy_of(first, cache))
        else {
            return Dealt::Wait;
        };
        let mut alone = Burst::<'p, 1>::new();
        // There is room for one.
        let _ = alone.push(copy);
        let mut end = self.burst(cache, &mut alone);
        // Once for each thing that was asked for.
        while let (0, Some(fate)) = end
            && alone.iter_mut().all(|copy| fate.amend(copy))
        {
            end = self.burst(cache, &mut alone);
        }
        alone.free(cache);
        match end {
            (0, None) => Dealt::Wait,
            (0, Some(_)) => self.deal_with(Fate::Unsupported, cache, packets),
            _ => {
                self.stats.copied = self.stats.copied.wrapping_add(1);
                if let Some(original) = packets.drain_front(1).next() {
                    cache.free(original.into_frame());
                }
                Dealt::Done
            }
        }
    }

    /// `None` when there is no frame.
    fn copy_of(&self, packet: &Packet<'p>, cache: &mut Cache<'p>) -> Option<Packet<'p>> {
        let pool = self.shared.pool();
        let frame = match ptr::eq(cache.pool(), pool) {
            true => cache.alloc(),
            false => pool.alloc(),
        };
        let mut copy = Packet::new(frame?);
        // It was looked at before: there is room.
        copy.append(packet.len())
            .ok()?
            .copy_from_slice(packet.data());
        copy.offloads = packet.offloads;
        copy.layers = packet.layers;
        copy.vlan_tci = packet.vlan_tci;
        Some(copy)
    }
}

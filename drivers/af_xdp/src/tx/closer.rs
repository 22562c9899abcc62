//! Packets that are not sent as they are: checksums to finish, other pools' frames, what the kernel does not take.

use core::sync::atomic::Ordering;

use linecard::device::TxStats;
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Offloads, Packet};

use super::{ETHERNET_HEADER, Tx};
use crate::posted::Way;
use crate::sys::if_xdp::Desc;

impl<'p> Tx<'p> {
    /// Takes packets over for which there are places, all of this pool, however they are: each into
    /// the ring, or freed and counted under the reason why not.
    #[cold]
    pub(super) fn hand_over(
        &mut self,
        cache: &mut Cache<'p>,
        packets: impl Iterator<Item = Packet<'p>>,
    ) {
        let Some(account) = &self.account else { return };
        let mut burst = account.sending();
        let longest = self.channel.state.max_frame.load(Ordering::Relaxed) as usize;
        let (mut sent, mut bytes) = (0, 0);
        for mut packet in packets {
            packet.finish_checksum();
            let len = packet.len();
            if packet.is_chained()
                || packet.offloads.intersects(NOT_OFFERED)
                || !(ETHERNET_HEADER..=longest).contains(&len)
            {
                refuse(&mut self.stats, packet, cache);
                continue;
            }
            let offset = packet.frame().offset();
            match burst.send(packet.into_frame()) {
                Ok(frame) => {
                    let addr = frame.offset(self.pool.frame_size()).wrapping_add(offset) as u64;
                    self.channel.posted.table().put(frame, Way::Transmit);
                    self.ring.push(Desc {
                        addr,
                        len: len as u32,
                        options: 0,
                    });
                    sent += 1;
                    bytes += len as u64;
                }
                // Of another pool after all: what the caller has looked at.
                Err(frame) => refuse(&mut self.stats, Packet::new(frame), cache),
            }
        }
        self.stats.packets = self.stats.packets.wrapping_add(sent);
        self.stats.bytes = self.stats.bytes.wrapping_add(bytes);
    }

    /// Copies a packet of another pool into a frame of this one; `None` when there is no frame, or
    /// none long enough.
    fn copied(&mut self, packet: &Packet<'p>, cache: &mut Cache<'p>) -> Option<Packet<'p>> {
        // A cache of another pool gives frames that are no better.
        let mut frame = if core::ptr::eq(cache.pool(), self.pool) {
            cache.alloc()?
        } else {
            self.pool.alloc()?
        };
        match frame.append(packet.len()) {
            Ok(room) => room.copy_from_slice(packet.data()),
            Err(_) => {
                cache.free(frame);
                return None;
            }
        }
        let mut copy = Packet::new(frame);
        copy.offloads = packet.offloads;
        self.stats.copied = self.stats.copied.wrapping_add(1);
        Some(copy)
    }

    /// Takes packets of other pools from the front, one by one, each copied or counted, until
    /// there is one of this pool; gives how many were taken. This pool running out of frames leaves
    /// the rest where it is.
    #[cold]
    pub(super) fn take_foreign(
        &mut self,
        cache: &mut Cache<'p>,
        packets: &mut BurstView<'p>,
        room: usize,
    ) -> usize {
        let mut taken = 0;
        while taken < room {
            let Some(first) = packets.as_slice().first().filter(|p| !self.owns(p)) else {
                break;
            };
            let sendable = first.len()
                <= self
                    .pool
                    .frame_size()
                    .saturating_sub(self.pool.data_offset());
            let copy = match sendable && !first.is_chained() {
                true => match self.copied(first, cache) {
                    Some(copy) => Some(copy),
                    None => break,
                },
                false => None,
            };
            let original = packets.drain_front(1).next();
            match (copy, original) {
                (Some(copy), Some(original)) => {
                    cache.free(original.into_frame());
                    self.hand_over(cache, core::iter::once(copy));
                }
                (None, Some(original)) => refuse(&mut self.stats, original, cache),
                (_, None) => break,
            }
            taken += 1;
        }
        taken
    }
}

/// Frees a packet that can never be sent, and counts it under the reason.
#[cold]
fn refuse<'p>(stats: &mut TxStats, packet: Packet<'p>, cache: &mut Cache<'p>) {
    let reason = if packet.is_chained() || packet.offloads.intersects(NOT_OFFERED) {
        &mut stats.unsupported
    } else if packet.len() < ETHERNET_HEADER {
        &mut stats.undersize
    } else {
        &mut stats.oversize
    };
    *reason = reason.wrapping_add(1);
    cache.free(packet.into_frame());
}

/// What a packet may ask of a device and this one does not offer.
pub(super) const NOT_OFFERED: Offloads = Offloads::VLAN_WANTED;

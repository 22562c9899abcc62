//! Mbufs of packets to be sent, where nothing is to be said but where the data is.

use core::mem::MaybeUninit;

use linecard::mempool::{Pool, PoolTag};
use linecard::packet::Packet;

use crate::ffi::Mbuf;
use crate::fours::Lending;
use crate::frames::Frames;
use crate::mbuf::{self, Meta};
use crate::tx::ETHERNET_HEADER;

/// What a queue knows of packets that are like most: small, so that it stays in registers while mbufs are
/// written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lender {
    pool: PoolTag,
    frames: Frames,
    /// Bytes that a packet may have behind its Ethernet header: none that a frame of this pool and alone
    /// cannot have.
    spare: u64,
    /// Does the same with four at a time, if the processor can.
    fours: Option<Lending>,
}

impl Lender {
    pub(crate) fn new(pool: &Pool<'_>, frames: Frames, max_frame: usize) -> Self {
        let longest = max_frame.min(u16::MAX.into());
        let spare = longest.saturating_sub(ETHERNET_HEADER) as u64;
        Self {
            pool: pool.tag(),
            frames,
            spare,
            fours: Lending::new(pool.tag(), spare, frames),
        }
    }

    /// The length of a packet that is like most: of one frame of the pool, which the device takes as it is.
    #[inline(always)]
    fn len_of(&self, packet: &Packet<'_>) -> Option<u64> {
        let len = packet.frame().len_in(self.pool);
        // What is shorter than its header has more than any to spare, and so has what is not the pool's.
        let fits = len.wrapping_sub(ETHERNET_HEADER as u64) <= self.spare;
        (fits && !packet.offloads.intersects(mbuf::ASKED)).then_some(len)
    }

    /// Writes the mbufs of packets, up to the first that is not like most, and marks them as DPDK's; gives
    /// how many, and their bytes. They are to be lent then, or the marks taken back.
    #[inline]
    pub(crate) fn prepare_all(
        &self,
        packets: &[Packet<'_>],
        mbufs: &mut [MaybeUninit<*mut Mbuf>],
    ) -> (usize, usize) {
        let (count, bytes) = match &self.fours {
            Some(fours) => fours.prepare(packets, mbufs),
            None => (0, 0),
        };
        if count == packets.len() {
            return (count, bytes as usize);
        }
        let rest = packets.get(count..).unwrap_or_default();
        let places = mbufs.get_mut(count..).unwrap_or_default();
        let (more, len) = self.prepare_each(rest, places);
        (count + more, bytes as usize + len)
    }

    /// Likewise, one by one. A loop by itself, so that it has all registers, and by fours, as a loop's own steps
    /// cost as much as a third of what it does.
    #[inline(never)]
    fn prepare_each(
        &self,
        packets: &[Packet<'_>],
        mbufs: &mut [MaybeUninit<*mut Mbuf>],
    ) -> (usize, usize) {
        let lender = *self;
        let (mut count, mut bytes) = (0, 0);
        let many = packets.len().min(mbufs.len());
        let packets = packets.get(..many).unwrap_or_default();
        let mbufs = mbufs.get_mut(..many).unwrap_or_default();
        let fours = packets.as_chunks::<4>().0.iter();
        for (packets, places) in fours.zip(mbufs.as_chunks_mut::<4>().0) {
            // One that is not like most is found once more, by itself.
            let Some(len) = lender.prepare_four(packets, places) else {
                break;
            };
            bytes += len;
            count += 4;
        }
        let rest = packets.get(count..).unwrap_or_default();
        for (packet, place) in rest.iter().zip(mbufs.get_mut(count..).unwrap_or_default()) {
            let Some(len) = lender.prepare(packet, place) else {
                break;
            };
            bytes += len;
            count += 1;
        }
        (count, bytes as usize)
    }

    /// As [`prepare`](Self::prepare), of four packets; none if one is not like most, whatever was written.
    #[inline(always)]
    fn prepare_four(
        &self,
        packets: &[Packet<'_>; 4],
        places: &mut [MaybeUninit<*mut Mbuf>; 4],
    ) -> Option<u64> {
        let mut bytes = 0;
        for (packet, place) in packets.iter().zip(places) {
            bytes += self.prepare(packet, place)?;
        }
        Some(bytes)
    }

    /// Writes the mbuf of a packet that is like most; gives its length.
    #[inline(always)]
    fn prepare(&self, packet: &Packet<'_>, place: &mut MaybeUninit<*mut Mbuf>) -> Option<u64> {
        let len = self.len_of(packet)?;
        let data = packet.frame().as_ptr().addr().get();
        let mbuf = self.frames.mbuf_around(data);
        // SAFETY: the frame is the program's: the packet is borrowed. Its buffer is in the frame, and
        // the data, behind the private area, not before it.
        unsafe { Meta::write_segment(mbuf, data, len) };
        place.write(mbuf);
        Some(len)
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec::Vec;

    use linecard::mempool::{PoolConfig, Region, Slot};
    use linecard::packet::Offloads;

    use super::*;

    fn pool() -> &'static Pool<'static> {
        let memory: &'static mut [u8] = std::vec![0; 2 * 32_768 + 63].leak();
        let slots = (0..2).map(|_| Slot::new()).collect::<Vec<_>>().leak();
        let config = PoolConfig {
            frame_size: 32_768,
            private: 192,
            ..PoolConfig::default()
        };
        Box::leak(Box::new(
            Pool::new(Region::from_slice(memory), slots, config).expect("a pool"),
        ))
    }

    #[test]
    fn only_what_the_device_takes_as_it_is_goes_at_once() {
        let (pool, other) = (pool(), pool());
        let new = |max_frame| Lender::new(pool, Frames::new(pool, 1), max_frame);
        let packet = |pool: &'static Pool<'static>, len| {
            let mut packet = Packet::new(pool.alloc().expect("a frame"));
            packet.append(len).expect("room");
            packet
        };
        for (len, goes) in [
            (0, false),
            (13, false),
            (14, true),
            (1514, true),
            (1515, false),
        ] {
            let expected = goes.then_some(len as u64);
            assert_eq!(new(1514).len_of(&packet(pool, len)), expected, "{len}");
        }
        for asked in [Offloads::L4_WANTED, Offloads::VLAN_WANTED] {
            let mut packet = packet(pool, 60);
            packet.offloads = asked | Offloads::HASH;
            assert_eq!(new(1514).len_of(&packet), None, "{asked:?}");
        }
        // However long a packet may be.
        for max_frame in [1514, 65_535, 65_549, usize::MAX] {
            assert_eq!(new(max_frame).len_of(&packet(other, 60)), None);
            for len in [0, 1, 13, 14, 60] {
                let mut chain = packet(pool, len);
                let tail = packet(pool, 60).into_frame();
                chain.frame_mut().chain(tail).expect("of one pool");
                assert_eq!(new(max_frame).len_of(&chain), None, "{max_frame}: {len}");
            }
        }
    }
}

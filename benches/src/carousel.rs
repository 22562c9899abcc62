//! A port that hands out the same packets again and again.

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Packet};
use linecard::ring::{Inline, spsc};

/// The most packets on a carousel.
pub const SEATS: usize = 16384;

/// What carries packets from where they are sent back to where they are received.
pub type Belt<'p> = spsc::Ring<Inline<Packet<'p>, SEATS>>;

/// Receives the packets of a belt, in the order in which they were sent.
///
/// Each is made as it was before: Ethernet header, TTL and header checksum are written anew, as a
/// device would. That is 22 bytes written, and no allocation, copy or free of a whole packet.
pub struct Boarding<'r, 'p> {
    /// Where packets come from.
    pub belt: spsc::Consumer<'r, Packet<'p>>,
    /// What was given.
    pub stats: RxStats,
}

impl<'p> RxQueue<'p> for Boarding<'_, 'p> {
    #[inline]
    fn rx_burst(&mut self, _cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        let room = out.room();
        let got = self.belt.dequeue_burst(out.as_vec_mut(), room);
        self.stats.packets += got as u64;
        for packet in out.iter_mut().skip(before) {
            let mark = packet.mark;
            if let Some((header, _)) = packet.data_mut().split_first_chunk_mut::<26>() {
                header[..12].copy_from_slice(&MACS);
                // TTL 64 and UDP; the checksum's low part depends on the packet, and is its mark.
                header[22] = 64;
                header[24..26].copy_from_slice(&mark.to_be_bytes());
            }
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// Destination and source of every packet on a carousel.
pub const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/// Sends packets back to the belt.
pub struct Alighting<'r, 'p> {
    /// Where packets go.
    pub belt: spsc::Producer<'r, Packet<'p>>,
    /// What was taken.
    pub stats: TxStats,
}

impl<'p> TxQueue<'p> for Alighting<'_, 'p> {
    #[inline]
    fn tx_burst(&mut self, _cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        let sent = self.belt.enqueue_burst(packets.as_vec_mut());
        self.stats.packets += sent as u64;
        sent
    }

    fn reclaim(&mut self, _cache: &mut Cache<'p>) -> usize {
        0
    }

    fn stats(&self) -> TxStats {
        self.stats
    }
}

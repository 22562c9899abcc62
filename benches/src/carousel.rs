//! A port that hands out the same packets again and again.

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Packet};
use linecard::ring::{Inline, spsc};
use linecard::wire::{Header, Ipv4Header};

/// The most packets on a carousel.
pub const SEATS: usize = 8192;

/// What carries packets from where they are sent back to where they are received.
pub type Belt<'p> = spsc::Ring<Inline<Packet<'p>, SEATS>>;

/// Receives the packets of a belt, in the order in which they were sent.
///
/// A router on the way takes one from each packet's TTL. Once in [`RIDES`] rides a packet gets its
/// first TTL again; in all others its bytes are left alone, so that a ride costs no allocation, no
/// copy and no write but the forwarder's own.
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
        if self.stats.packets % (SEATS as u64 * RIDES) < SEATS as u64 {
            out.iter_mut().skip(before).for_each(refresh);
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.stats
    }
}

/// Rides until a packet gets a new TTL, of a belt that has all its [`SEATS`] taken.
pub const RIDES: u64 = 200;

/// The TTL of a packet on its first ride.
pub const TTL: u8 = 255;

/// Gives a packet its first TTL, if a forwarder has lowered it.
#[cold]
fn refresh(packet: &mut Packet<'_>) {
    let header = packet.data_mut().get_mut(14..).unwrap_or_default();
    if let Ok((header, _)) = Ipv4Header::split_mut(header) {
        header.set_ttl(TTL);
        header.fill_checksum();
    }
}

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

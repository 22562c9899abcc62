//! A port that hands out the same packets again and again.

use linecard::device::{LoopbackRx, RxQueue, RxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Offloads, Packet, PortId};
use linecard::ring::{Inline, spsc};
use linecard::wire::{Header, Ipv4Header};

/// The most packets on a carousel.
pub const SEATS: usize = 8192;

/// What carries packets from where they are sent back to where they are received.
pub type Belt<'p> = spsc::Ring<Inline<Packet<'p>, SEATS>>;

/// Receives the packets of a belt from a [loopback](linecard::device::Loopback), in the order in which they were sent.
///
/// A router on the way takes one from each packet's TTL. Once in [`RIDES`] rides a packet gets its
/// first TTL again; in all others its bytes are left alone, so that a ride costs no allocation, no
/// copy and no write but the forwarder's own.
pub struct Boarding<'r, 'p>(pub LoopbackRx<'r, 'p>);

impl<'p> RxQueue<'p> for Boarding<'_, 'p> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        self.rx_burst_by(PortId(0), cache, out).0
    }

    #[inline]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        let before = out.len();
        let got = self.0.rx_burst_by(port, cache, out);
        if self.0.stats().packets % (SEATS as u64 * RIDES) < SEATS as u64 {
            out.iter_mut().skip(before).for_each(refresh);
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.0.stats()
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

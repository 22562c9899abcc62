//! What a copy costs: a UDP forwarder whose packets stay where they came, are copied into buffers of
//! the program's own as they come, or are copied as they come and once more as they go.
//!
//! In memory, so there is no system call in any of them: copies alone.

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::mempool::Cache;
use linecard::packet::{BurstView, Packet};

use crate::carousel::SEATS;
use crate::harness::Contender;
use crate::routing::{FLOWS, ROUTES, belt, bench_flows, frame, through};
use crate::traffic::forwarder;

/// What a reader should know.
pub const NOTE: &str = "UDP forwarder of 16 rules, packets in hand, no system calls: the copies alone, into frames of the pool. \
    Sockets copy twice, AF_XDP in copy mode once each way in the kernel.";

/// Frames of 64 bytes, with the FCS.
///
/// # Errors
/// None: each contender is built by itself.
pub fn short() -> Result<Vec<Contender>, String> {
    Ok(three(60))
}

/// Frames of 1,518 bytes, with the FCS.
///
/// # Errors
/// None: each contender is built by itself.
pub fn long() -> Result<Vec<Contender>, String> {
    Ok(three(1514))
}

fn three(size: usize) -> Vec<Contender> {
    [
        ("linecard, no copy", [false, false]),
        ("copied as they come", [true, false]),
        ("copied as they come and as they go", [true, true]),
    ]
    .into_iter()
    .map(|(name, copies)| Contender::lazy(name, move || forward(name, size, copies)))
    .collect()
}

fn forward(
    name: &'static str,
    size: usize,
    [copies_in, copies_out]: [bool; 2],
) -> Result<Contender, String> {
    let flows = bench_flows(FLOWS, ROUTES);
    debug_assert_eq!(flows.len(), SEATS);
    let frames = flows.iter().map(|flow| frame(flow, size));
    let (cache, rx, tx) = belt(false, frames.collect::<Result<_, _>>()?)?;
    let rx = Copying {
        queue: rx,
        copies: copies_in,
    };
    let tx = Copying {
        queue: tx,
        copies: copies_out,
    };
    through(name, forwarder()?, cache, rx, tx)
}

/// A queue whose packets are copied on their way, or not.
pub(crate) struct Copying<Q> {
    pub(crate) queue: Q,
    pub(crate) copies: bool,
}

impl<'p, Q: RxQueue<'p>> RxQueue<'p> for Copying<Q> {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let before = out.len();
        let got = self.queue.rx_burst(cache, out);
        if self.copies {
            let packets = out.iter_mut().skip(before);
            packets.for_each(|packet| copy(packet, cache));
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.queue.stats()
    }
}

impl<'p, Q: TxQueue<'p>> TxQueue<'p> for Copying<Q> {
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        if self.copies {
            packets.iter_mut().for_each(|packet| copy(packet, cache));
        }
        self.queue.tx_burst(cache, packets)
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        self.queue.reclaim(cache)
    }

    fn stats(&self) -> TxStats {
        self.queue.stats()
    }
}

/// Puts a packet's bytes into another frame, and gives its own back.
fn copy<'p>(packet: &mut Packet<'p>, cache: &mut Cache<'p>) {
    // There are twice as many frames as packets.
    let Some(frame) = cache.alloc() else { return };
    let mut other = Packet::new(frame);
    if let Ok(room) = other.append(packet.len()) {
        room.copy_from_slice(packet.data());
        other.port = packet.port;
        let old = core::mem::replace(packet, other);
        cache.free(old.into_frame());
    }
}

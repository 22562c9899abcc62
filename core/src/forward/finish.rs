//! Finishing checksums that senders left to their device.

use crate::packet::{Offloads, Packet};
use crate::pipeline::{Lot, Stage};
use crate::trace::Counter;
use crate::wire::Layers;
use crate::wire::checksum::{Finish, finish, finish_doubtful};
use crate::wire::parse::{TRUST, parse};

/// Finishes layer-4 checksums, where a packet says that its sender left it to the device
/// ([`Offloads::L4_WANTED`]) or may have ([`Offloads::L4_DOUBTFUL`]). It decides on no packet.
///
/// A local socket behind a veth or a virtio port leaves the checksum to the device, and a
/// forwarder is no such device: without this stage, what it sends on is damaged in the eyes of
/// whoever receives it. Put it before every other stage, and before one that rewrites above all:
/// an unfinished checksum cannot be updated. A packet that is in several frames is left as it is.
///
/// ```
/// use linecard::forward::{CrossConnect, FinishChecksums};
/// use linecard::packet::PortId;
/// use linecard::pipeline::Stage;
///
/// let mut wire: CrossConnect = CrossConnect::new();
/// wire.pair(PortId(0), PortId(1))?;
/// let pipeline = FinishChecksums::new().and_then(wire);
/// # let _ = pipeline;
/// # Ok::<(), linecard::forward::CrossConnectError>(())
/// ```
#[derive(Debug, Default)]
pub struct FinishChecksums {
    finished: Counter,
}

impl FinishChecksums {
    /// A stage that has finished nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Packets whose checksum was finished.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.finished.value()
    }
}

impl<'p> Stage<'p> for FinishChecksums {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, 'p>) {
        for (packet, _) in lot.undecided() {
            if packet.offloads.intersects(UNSURE) && !packet.is_chained() {
                let finished = settle(packet) == Finish::Finished;
                self.finished.add(u64::from(finished));
            }
        }
    }
}

/// Finishes one packet's checksum if that is needed; afterwards nothing about it is in doubt.
fn settle(packet: &mut Packet<'_>) -> Finish {
    if packet.layers == Layers::default() {
        packet.layers = parse::<TRUST>(packet.data()).layers;
    }
    let layers = packet.layers;
    let wanted = packet.offloads.contains(Offloads::L4_WANTED);
    packet.offloads.remove(UNSURE);
    if wanted {
        finish(packet.data_mut(), layers)
    } else {
        finish_doubtful(packet.data_mut(), layers)
    }
}

const UNSURE: Offloads = Offloads::L4_WANTED.union(Offloads::L4_DOUBTFUL);

#[cfg(test)]
mod tests {
    use super::super::CrossConnect;
    use super::super::testing::with_lab;
    use super::*;
    use crate::packet::PortId;
    use etherparse::PacketBuilder;
    use std::vec::Vec;

    fn frame(unfinished: bool) -> Vec<u8> {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
            .udp(53, 53);
        let mut frame = Vec::new();
        builder
            .write(&mut frame, &[1, 2, 3, 4])
            .expect("a vector takes it");
        if unfinished {
            // The pseudo-header: c000 + 0201 + c000 + 0202 + 0011 + 000c, with the carry added.
            frame[40..42].copy_from_slice(&[0x84, 0x21]);
        }
        frame
    }

    #[test]
    fn only_what_is_in_doubt_is_touched() {
        let cases = [
            (Offloads::L4_WANTED, true, frame(false)),
            (Offloads::L4_DOUBTFUL, true, frame(false)),
            (Offloads::L4_DOUBTFUL, false, frame(false)),
            (Offloads::empty(), true, frame(true)),
        ];
        for (offloads, unfinished, expected) in cases {
            with_lab(64, |lab| {
                lab.offloads = offloads;
                let mut wire: CrossConnect = CrossConnect::new();
                wire.pair(PortId(0), PortId(1)).expect("two ports");
                let mut stage = FinishChecksums::new().and_then(wire);
                let out = lab.feed(&mut stage, &[(0, frame(unfinished))]);
                assert_eq!(out.sent, [(1, expected.clone())], "{offloads:?}");
                let counted = offloads != Offloads::empty() && unfinished;
                assert_eq!(stage.first.finished(), u64::from(counted), "{offloads:?}");
            });
        }
    }
}

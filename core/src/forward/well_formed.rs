//! Only what can be read to its end.

use super::reason_of;
use crate::packet::{Offloads, Packet};
use crate::pipeline::{Lot, Stage, Verdict};
use crate::trace::Phase;
use crate::wire::parse::{Outcome, TRUST, VERIFY, parse_first};

/// Drops packets that are not well formed, and leaves the decision on others to the next stage.
///
/// A packet is well formed if [`parse`](crate::wire::parse) finds nothing wrong in it: no header is
/// cut off, none contradicts its protocol or the packet's length, IPv4's header checksum is right
/// (a device's word is taken for it). Why one is dropped is said by [`reason_of`]: `malformed_l2`,
/// `truncated`, `malformed_l3`, `l3_checksum` or `malformed_l4`. What is merely unknown, such as an
/// ethertype, passes; checksums of layer 4 are not looked at.
///
/// Strict, as a guard in front of something else should be: what goes on beyond the parser's bounds
/// (more than [`VlanTags::MAX`](crate::wire::VlanTags::MAX) tags, say) or is of a kind that it
/// refuses (PPTP's GRE, ARP for anything but IPv4 over Ethernet) is dropped too, because nobody has
/// looked at the rest. So is a packet in several frames whose headers are not all in the first.
///
/// [`CrossConnect`](super::CrossConnect) alone is a plain wire: it passes all of these and looks at
/// no byte. This stage costs a parse per packet; it leaves the layers it found in
/// [`Packet::layers`].
///
/// ```
/// use linecard::forward::{CrossConnect, WellFormed};
/// use linecard::packet::PortId;
/// use linecard::pipeline::Stage;
///
/// let mut wires: CrossConnect = CrossConnect::new();
/// wires.pair(PortId(0), PortId(1))?;
/// let guarded = WellFormed.and_then(wires);
/// # let _ = guarded;
/// # Ok::<(), linecard::forward::CrossConnectError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WellFormed;

impl WellFormed {
    #[inline]
    fn look(packet: &mut Packet<'_>) -> Outcome {
        let parsed = if packet.offloads.contains(Offloads::L3_GOOD) {
            parse_first::<TRUST>(packet.data(), packet.total_len())
        } else {
            parse_first::<VERIFY>(packet.data(), packet.total_len())
        };
        packet.layers = parsed.layers;
        parsed.outcome
    }
}

impl Stage<'_> for WellFormed {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        for (packet, verdict) in lot.undecided() {
            let outcome = Self::look(packet);
            if !outcome.is_well_formed() {
                *verdict = Verdict::drop(reason_of(outcome));
            }
        }
        lot.mark(Phase::PARSE);
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::forward::CrossConnect;
    use crate::forward::testing::{Out, with_lab};
    use crate::packet::PortId;
    use crate::pipeline::{DropReason, Then};
    use crate::wire::{Ipv4Mut, Kinds, parse};

    fn guarded() -> Then<WellFormed, CrossConnect> {
        let mut wires = CrossConnect::new();
        wires.pair(PortId(0), PortId(1)).unwrap();
        WellFormed.and_then(wires)
    }

    /// UDP over IPv4 with a right header checksum.
    fn datagram(payload: usize) -> Vec<u8> {
        let mut frame = vec![0; 42 + payload];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&(28 + payload as u16).to_be_bytes());
        frame[22..24].copy_from_slice(&[64, 17]);
        frame[38..40].copy_from_slice(&(8 + payload as u16).to_be_bytes());
        Ipv4Mut::new(&mut frame[14..]).unwrap().fill_checksum();
        frame
    }

    fn changed(at: usize, to: u8) -> Vec<u8> {
        let mut frame = datagram(4);
        frame[at] = to;
        if at != 24 {
            let _ = Ipv4Mut::new(&mut frame[14..]).map(|mut ip| ip.fill_checksum());
        }
        frame
    }

    #[test]
    fn each_fault_has_its_reason() {
        with_lab(8, |lab| {
            for (frame, why) in [
                (vec![0; 13], DropReason::MALFORMED_L2),
                (datagram(4)[..40].to_vec(), DropReason::TRUNCATED),
                (changed(14, 0x44), DropReason::MALFORMED_L3),
                (changed(14, 0x65), DropReason::MALFORMED_L3),
                (changed(24, 0x55), DropReason::L3_CHECKSUM),
                (changed(39, 13), DropReason::MALFORMED_L4),
            ] {
                let out = lab.feed(&mut guarded(), &[(0, frame.clone())]);
                assert_eq!(out.dropped, [why], "{frame:02x?}");
            }
        });
    }

    #[test]
    fn the_good_and_the_unknown_pass_as_they_came() {
        with_lab(8, |lab| {
            let mut unknown = vec![7; 60];
            unknown[12..14].copy_from_slice(&[0x88, 0xb5]);
            let (good, esp) = (datagram(4), changed(23, 50));
            let frames = [(0, good.clone()), (1, unknown.clone()), (0, esp.clone())];
            let out = lab.feed(&mut guarded(), &frames);
            assert_eq!(out.sent, [(1, good), (0, unknown), (1, esp)]);
            assert!(out.dropped.is_empty());
        });
    }

    #[test]
    fn a_device_that_checked_the_header_is_believed() {
        with_lab(8, |lab| {
            lab.offloads = Offloads::L3_GOOD;
            let out = lab.feed(&mut guarded(), &[(0, changed(24, 0x55))]);
            assert_eq!(out.sent.len(), 1);
        });
    }

    #[test]
    fn a_chain_is_as_long_as_all_its_frames() {
        with_lab(8, |lab| {
            let frame = datagram(100);
            for (first, total, sent) in [(42, 142, true), (42, 141, false), (41, 142, false)] {
                let packet = lab.chain(0, &[&frame[..first], &frame[first..total]]);
                let mut out = Out::default();
                let mut packets = vec![packet];
                lab.process(&mut guarded(), &mut packets, &mut out);
                assert_eq!(out.sent.len() == 1, sent, "{first} of {total}");
            }
        });
    }

    #[test]
    fn the_layers_are_left_for_the_next_stage() {
        /// Drops UDP by the layers that it finds.
        struct NoUdp;
        impl Stage<'_> for NoUdp {
            fn process(&mut self, lot: &mut Lot<'_, '_>) {
                for (packet, verdict) in lot.undecided() {
                    if packet.layers.contains(Kinds::UDP) {
                        *verdict = Verdict::drop(DropReason::FILTERED);
                    }
                }
            }
        }
        with_lab(8, |lab| {
            let out = lab.feed(&mut WellFormed.and_then(NoUdp), &[(0, datagram(4))]);
            assert_eq!(out.dropped, [DropReason::FILTERED]);
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_comes_out_is_what_the_parser_takes(
            cuts in prop::collection::vec((0usize..60, any::<u8>(), 0usize..60), 1..60)
        ) {
            let frames: Vec<(u16, Vec<u8>)> = cuts
                .into_iter()
                .map(|(at, byte, end)| {
                    let mut frame = datagram(18);
                    frame[at] = byte;
                    frame.truncate(60.min(20 + end));
                    (0, frame)
                })
                .collect();
            with_lab(64, |lab| {
                let out = lab.feed(&mut guarded(), &frames);
                let good = frames.iter().filter(|(_, frame)| {
                    parse::parse::<VERIFY>(frame).outcome.is_well_formed()
                });
                assert!(out.sent.iter().map(|(_, frame)| frame).eq(good.map(|(_, frame)| frame)));
                assert_eq!(out.sent.len() + out.dropped.len(), frames.len());
            });
        }
    }
}

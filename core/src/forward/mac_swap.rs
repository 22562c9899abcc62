//! Back to who sent it.

use crate::packet::Packet;
use crate::pipeline::{Ahead, DropReason, Lot, Stage, Verdict};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::{Avx2, Work};
use crate::wire::{EthernetHeader, Header};

/// Makes each frame's Ethernet source its destination and the other way round, and leaves the
/// decision to the next stage.
///
/// A frame without a whole Ethernet header is dropped as [`DropReason::MALFORMED_L2`]. Group
/// addresses are swapped like others: the stage is for generators, reflectors and benches, where
/// every frame is to come back.
///
/// ```
/// use linecard::forward::{CrossConnect, MacSwap};
/// use linecard::packet::PortId;
/// use linecard::pipeline::Stage;
///
/// let mut back: CrossConnect = CrossConnect::new();
/// back.direct(PortId(0), PortId(0))?;
/// let reflector = MacSwap.and_then(back);
/// # let _ = reflector;
/// # Ok::<(), linecard::forward::CrossConnectError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct MacSwap;

impl Stage<'_> for MacSwap {
    #[inline]
    fn process(&mut self, lot: &mut Lot<'_, '_>) {
        let done = lot.untouched().map_or(0, swap_eights);
        lot.each_from(done, |packet| match swap(packet) {
            true => Verdict::UNDECIDED,
            false => Verdict::drop(DropReason::MALFORMED_L2),
        });
    }
}

/// Swaps the addresses of the first packets by eights, up to the first eight with one that may not have a whole header;
/// gives how many that are.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
fn swap_eights<'p>((packets, ahead): (&mut [Packet<'p>], &mut Ahead<'_, 'p>)) -> usize {
    let Some(avx2) = Avx2::known() else { return 0 };
    // Taken out, so that it stays in registers.
    let next = core::mem::take(ahead);
    avx2.run(Swap {
        avx2,
        packets,
        next,
    })
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
const fn swap_eights(_: (&mut [Packet<'_>], &mut Ahead<'_, '_>)) -> usize {
    0
}

/// What [`swap_eights`] does.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
struct Swap<'a, 'b, 'p> {
    avx2: Avx2,
    packets: &'a mut [Packet<'p>],
    next: Ahead<'b, 'p>,
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
impl Work for Swap<'_, '_, '_> {
    type Output = usize;

    #[inline(always)]
    fn work(mut self) -> Self::Output {
        let (eights, _) = self.packets.as_chunks_mut();
        let mut done = 0_usize;
        for eight in eights {
            let Some(starts) = Packet::eight_starts_mut(self.avx2, eight) else {
                break;
            };
            self.next.ask_eight();
            for start in starts {
                self.avx2.reorder(start, &SWAPPED);
            }
            done = done.wrapping_add(8);
        }
        self.next.ask_all();
        done
    }
}

/// Where each of the first sixteen bytes comes from.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
const SWAPPED: [u8; 16] = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15];

/// Swaps the addresses of a frame; false, and it is as it was, if it has no whole header.
#[inline]
fn swap(packet: &mut Packet<'_>) -> bool {
    let header = EthernetHeader::split_mut(packet.data_mut());
    header.is_ok_and(|(header, _)| {
        header.swap_addresses();
        true
    })
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::forward::CrossConnect;
    use crate::forward::testing::with_lab;
    use crate::packet::PortId;
    use crate::platform::Instant;

    #[test]
    fn addresses_change_places_and_nothing_else_does() {
        with_lab(8, |lab| {
            let mut back: CrossConnect = CrossConnect::new();
            back.direct(PortId(0), PortId(0)).unwrap();
            let mut reflector = MacSwap.and_then(back);
            let frame: Vec<u8> = (0..20).collect();
            let expected = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]
                .into_iter()
                .chain(12..20);
            let expected: Vec<u8> = expected.collect();
            // In each place of a lot, by fours and behind them.
            for short in 0..6 {
                let mut frames = vec![(0, frame.clone()); 6];
                frames[short].1 = vec![0; 13];
                let out = lab.feed(&mut reflector, &frames);
                assert_eq!(out.sent, vec![(0, expected.clone()); 5], "{short}");
                assert_eq!(out.dropped, [DropReason::MALFORMED_L2]);
            }
        });
    }

    /// In each place of a lot, of an eight or behind them; together and alone.
    #[test]
    fn a_lot_on_which_nobody_has_decided_stays_so_but_for_the_short() {
        // Without a whole header, and with one that a vector would reach beyond.
        for len in [0, 13, 14, 15] {
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            Avx2::hidden(|| all_but_the_short(len));
            all_but_the_short(len);
        }
    }

    /// Among 19 packets of 16 bytes one of `len`, or none; some are in two frames.
    fn all_but_the_short(len: u8) {
        with_lab(32, |lab| {
            for odd in (0..19).map(Some).chain([None]) {
                let is_short = |at| odd == Some(at) && len < 14;
                let parts: Vec<Vec<u8>> = (0..19)
                    .map(|at| (0..if odd == Some(at) { len } else { 16 }).collect())
                    .collect();
                let mut packets: Vec<_> = parts
                    .iter()
                    .enumerate()
                    .map(|(at, part)| match at % 6 {
                        5 => lab.chain(0, &[part, &[1, 2]]),
                        _ => lab.chain(0, &[part]),
                    })
                    .collect();
                let mut verdicts = [Verdict::PUNT; 19];
                let mut lot = Lot::new(&mut packets, &mut verdicts, Instant::from_nanos(0)).fresh();
                MacSwap.process(&mut lot);
                let any_short = (0..19).any(is_short);
                assert_eq!(lot.untouched().is_some(), !any_short, "{odd:?} of {len}");
                for (at, verdict) in lot.parts().verdicts.iter().enumerate() {
                    assert!(!any_short || verdict.is_undecided() != is_short(at), "{at}");
                }
                for (at, (packet, mut part)) in packets.iter().zip(parts).enumerate() {
                    if !is_short(at) {
                        part[..12].rotate_left(6);
                    }
                    assert_eq!(packet.data(), part, "{at}, {odd:?} of {len}");
                }
            }
        });
    }
}

//! Back to who sent it.

use crate::pipeline::{DropReason, Lot, Stage, Verdict};
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
        for (packet, verdict) in lot.undecided() {
            match EthernetHeader::split_mut(packet.data_mut()) {
                Ok((header, _)) => header.swap_addresses(),
                Err(_) => *verdict = Verdict::drop(DropReason::MALFORMED_L2),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;
    use crate::forward::CrossConnect;
    use crate::forward::testing::with_lab;
    use crate::packet::PortId;

    #[test]
    fn addresses_change_places_and_nothing_else_does() {
        with_lab(8, |lab| {
            let mut back: CrossConnect = CrossConnect::new();
            back.direct(PortId(0), PortId(0)).unwrap();
            let mut reflector = MacSwap.and_then(back);
            let frame: Vec<u8> = (0..20).collect();
            let out = lab.feed(&mut reflector, &[(0, frame), (0, vec![0; 13])]);
            let expected = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]
                .into_iter()
                .chain(12..20);
            assert_eq!(out.sent, [(0, expected.collect())]);
            assert_eq!(out.dropped, [DropReason::MALFORMED_L2]);
        });
    }
}

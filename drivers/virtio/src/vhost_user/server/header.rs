//! The header before each packet (VIRTIO 1.2, 5.1.6): `virtio_net_hdr`.
//!
//! ```text
//!  0        1          2           4          6            8             10           12
//!  | flags  | gso_type | hdr_len   | gso_size | csum_start | csum_offset | num_buffers |
//! ```

use linecard::packet::{Offloads, Packet};
use linecard::wire::Kinds;

use crate::Features;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum from `csum_start` on is to be finished.
pub(super) const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: the checksum is right.
pub(super) const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_NONE`: not to be segmented.
pub(super) const GSO_NONE: u8 = 0;

/// Bytes of the header with `num_buffers`.
pub(super) const HEADER_MAX: usize = 12;
/// Bytes of the header without: of a legacy guest without `MRG_RXBUF`.
const HEADER_LEGACY: usize = 10;

/// Bytes of the header with these features.
#[inline(always)]
pub(super) const fn header_len(features: Features) -> usize {
    if features.intersects(Features::VERSION_1.union(Features::MRG_RXBUF)) {
        HEADER_MAX
    } else {
        HEADER_LEGACY
    }
}

/// The header of a packet for a guest, in one buffer, whose checksum is left to it where it takes
/// that; `None` if it must be finished first.
#[inline(always)]
pub(super) fn for_guest(packet: &Packet<'_>, features: Features) -> Option<[u8; HEADER_MAX]> {
    let mut header = [0; HEADER_MAX];
    header[10] = 1;
    if packet.offloads.is_empty() {
        return Some(header);
    }
    let takes = features.contains(Features::GUEST_CSUM);
    if packet.offloads.intersects(Offloads::L4_UNFINISHED) {
        let unfinished = takes && !packet.offloads.contains(Offloads::L4_DOUBTFUL);
        let (start, offset) = unfinished.then(|| place(packet)).flatten()?;
        header[0] = NEEDS_CSUM;
        let ([s0, s1], [o0, o1]) = (start.to_le_bytes(), offset.to_le_bytes());
        (header[6], header[7], header[8], header[9]) = (s0, s1, o0, o1);
    } else if takes && packet.offloads.contains(Offloads::L4_GOOD) {
        header[0] = DATA_VALID;
    }
    Some(header)
}

/// Where a packet's layer-4 header begins, and in it the checksum; `None` if nobody has parsed it.
fn place(packet: &Packet<'_>) -> Option<(u16, u16)> {
    let start = packet.layers.l4_offset()?;
    let kinds = packet.layers.kinds();
    let offset = if kinds.contains(Kinds::TCP) {
        16
    } else if kinds.contains(Kinds::UDP) {
        6
    } else {
        return None;
    };
    Some((u16::try_from(start).ok()?, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_as_long_as_the_features_say() {
        assert_eq!(header_len(Features::empty()), 10);
        assert_eq!(header_len(Features::MRG_RXBUF), 12);
        assert_eq!(header_len(Features::VERSION_1), 12);
    }
}

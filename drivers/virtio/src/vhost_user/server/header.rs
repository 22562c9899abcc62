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

/// A header as two little-endian numbers: its first eight bytes, and its last four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head(pub(super) u64, pub(super) u32);

impl Head {
    /// Of a packet in one buffer, of which nothing is to be said.
    pub(super) const PLAIN: Self = Self::new(0, 0, 0);

    #[inline(always)]
    const fn new(flags: u8, start: u16, offset: u16) -> Self {
        let (low, high) = (flags as u64, offset as u32);
        Self(low | (start as u64) << 48, high | 1 << 16)
    }

    /// Says over how many buffers the packet goes.
    pub(super) const fn over(self, buffers: u16) -> Self {
        Self(self.0, self.1 & 0xffff | (buffers as u32) << 16)
    }

    /// Its bytes.
    #[inline]
    pub(super) fn bytes(self) -> [u8; HEADER_MAX] {
        let mut bytes = [0; HEADER_MAX];
        let (first, last) = bytes.split_at_mut(8);
        first.copy_from_slice(&self.0.to_le_bytes());
        last.copy_from_slice(&self.1.to_le_bytes());
        bytes
    }
}

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
pub(super) fn for_guest(packet: &Packet<'_>, features: Features) -> Option<Head> {
    if packet.offloads.is_empty() {
        return Some(Head::PLAIN);
    }
    let takes = features.contains(Features::GUEST_CSUM);
    if packet.offloads.intersects(Offloads::L4_UNFINISHED) {
        let unfinished = takes && !packet.offloads.contains(Offloads::L4_DOUBTFUL);
        let (start, offset) = unfinished.then(|| place(packet)).flatten()?;
        return Some(Head::new(NEEDS_CSUM, start, offset));
    }
    if takes && packet.offloads.contains(Offloads::L4_GOOD) {
        return Some(Head::new(DATA_VALID, 0, 0));
    }
    Some(Head::PLAIN)
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

    #[test]
    fn the_fields_are_where_the_specification_has_them() {
        let head = Head::new(NEEDS_CSUM, 0x2234, 0x0610);
        let bytes = [1, 0, 0, 0, 0, 0, 0x34, 0x22, 0x10, 0x06, 1, 0];
        assert_eq!(head.bytes(), bytes);
        assert_eq!(head.over(0x0203).bytes()[10..], [3, 2]);
        assert_eq!(Head::PLAIN.bytes(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    }
}

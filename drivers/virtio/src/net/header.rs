//! What precedes every packet in its buffer (VIRTIO 1.2, section 5.1.6).

use core::mem::offset_of;

use linecard::packet::Offloads;
use static_assertions::const_assert_eq;

/// The header of a packet, as `VIRTIO_F_VERSION_1` has it.
///
/// Fields are little-endian in memory; this is for who writes the other end.
///
/// ```
/// use linecard_virtio::net::Header;
/// assert_eq!(size_of::<Header>(), 12);
/// ```
#[doc(alias = "virtio_net_hdr")]
#[doc(alias = "virtio_net_hdr_mrg_rxbuf")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Header {
    /// [`NEEDS_CSUM`](Self::NEEDS_CSUM), [`DATA_VALID`](Self::DATA_VALID).
    pub flags: u8,
    /// The kind of segment; 0 is none.
    pub gso_type: u8,
    /// Bytes of headers, of a segment.
    pub hdr_len: u16,
    /// Bytes of payload of each packet that a segment is cut into.
    pub gso_size: u16,
    /// From where the checksum is summed, in bytes from the packet's start.
    pub csum_start: u16,
    /// From there to the checksum's field, in bytes.
    pub csum_offset: u16,
    /// Buffers that a received packet is in; 0 in one that is sent.
    pub num_buffers: u16,
}

const_assert_eq!(size_of::<Header>(), 12);
const_assert_eq!(offset_of!(Header, hdr_len), 2);
const_assert_eq!(offset_of!(Header, csum_start), 6);
const_assert_eq!(offset_of!(Header, num_buffers), 10);

impl Header {
    /// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum is to be finished.
    pub const NEEDS_CSUM: u8 = 1;
    /// `VIRTIO_NET_HDR_F_DATA_VALID`: the checksum was checked, and is right.
    pub const DATA_VALID: u8 = 2;
    /// Its length in bytes.
    pub const LEN: usize = 12;
    /// Its length in bytes with `VIRTIO_NET_F_HASH_REPORT`: hash, kind of hash, padding.
    pub const LEN_WITH_HASH: usize = 20;

    /// The header in these bytes.
    #[must_use]
    #[inline]
    pub const fn read(bytes: &[u8; 12]) -> Self {
        let [flags, gso_type, a, b, c, d, e, f, g, h, i, j] = *bytes;
        Self {
            flags,
            gso_type,
            hdr_len: u16::from_le_bytes([a, b]),
            gso_size: u16::from_le_bytes([c, d]),
            csum_start: u16::from_le_bytes([e, f]),
            csum_offset: u16::from_le_bytes([g, h]),
            num_buffers: u16::from_le_bytes([i, j]),
        }
    }

    /// The header as bytes.
    #[must_use]
    #[inline]
    pub const fn bytes(&self) -> [u8; 12] {
        let [a, b] = self.hdr_len.to_le_bytes();
        let [c, d] = self.gso_size.to_le_bytes();
        let [e, f] = self.csum_start.to_le_bytes();
        let [g, h] = self.csum_offset.to_le_bytes();
        let [i, j] = self.num_buffers.to_le_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h, i, j]
    }

    /// What the flags say of the layer-4 checksum.
    #[must_use]
    #[inline]
    pub const fn offloads(&self) -> Offloads {
        if self.flags & Self::NEEDS_CSUM != 0 {
            Offloads::L4_WANTED
        } else if self.flags & Self::DATA_VALID != 0 {
            Offloads::L4_GOOD
        } else {
            Offloads::empty()
        }
    }
}

/// The hash behind the header of a received packet, with `VIRTIO_NET_F_HASH_REPORT`: its value if
/// the device made one (section 5.1.6.4.4).
#[inline]
pub(crate) fn hash(bytes: &[u8; 20]) -> Option<u32> {
    let [.., a, b, c, d, kind, kind_high, _, _] = *bytes;
    let kind = u16::from_le_bytes([kind, kind_high]);
    (kind != 0).then(|| u32::from_le_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_where_the_specification_has_them() {
        let header = Header {
            flags: 1,
            gso_type: 2,
            hdr_len: 0x0403,
            gso_size: 0x0605,
            csum_start: 0x0807,
            csum_offset: 0x0a09,
            num_buffers: 0x0c0b,
        };
        assert_eq!(header.bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        assert_eq!(Header::read(&header.bytes()), header);
    }

    #[test]
    fn the_hash_is_there_when_its_kind_is() {
        let mut bytes = [0; 20];
        bytes[12..16].copy_from_slice(&[4, 3, 2, 1]);
        assert_eq!(hash(&bytes), None);
        bytes[16] = 1;
        assert_eq!(hash(&bytes), Some(0x0102_0304));
    }
}

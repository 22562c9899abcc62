//! The headers of a plain packet, read and written by words.

use core::hint::cold_path;

use zerocopy::byteorder::{big_endian, little_endian};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::super::Hop;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Numbers;
use crate::wire::checksum::Sum;
use crate::wire::{Header, Kinds, Layers};

/// An Ethernet and an IPv4 header without options, in the words in which they are read and
/// written.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Head {
    /// Destination address, and the first two bytes of the source.
    macs: little_endian::U64,
    macs_rest: little_endian::U32,
    ethertype: little_endian::U16,
    version_ihl: u8,
    dscp_ecn: u8,
    total_len: big_endian::U16,
    ident: [u8; 2],
    fragment: little_endian::U16,
    /// TTL, protocol, checksum.
    ttl_checksum: little_endian::U32,
    source: [u8; 4],
    destination: big_endian::U32,
}

static_assertions::assert_eq_size!(Head, [u8; 34]);

/// The same by rows.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Rows {
    _destination: [u8; 2],
    kinds: [[u8; 8]; 2],
    rest: [u8; 16],
}

/// The same as it is written by rows.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Changes {
    front: [u8; 16],
    _between: [u8; 6],
    ttl_checksum: little_endian::U32,
    _addresses: [u8; 8],
}

impl Header for Head {}

impl Head {
    /// Zero, if it is for this Ethernet address, as [`Interface`](super::Interface) keeps it.
    #[inline(always)]
    pub(super) fn elsewhere(&self, mac: u64) -> u64 {
        self.macs.get() << 16 ^ mac
    }

    /// Zero, if all are.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn are_elsewhere(heads: [&Self; 8], mac: u64) -> u64 {
        // What all have, and what one has: that is fewer steps than comparing each.
        let macs = heads.map(|head| head.macs.get());
        let [a, b, c, d, e, f, g, h] = macs;
        let (every, any) = (a & b & c & d & e & f & g & h, a | b | c | d | e | f | g | h);
        ((every ^ mac >> 16) | (any ^ mac >> 16)) << 16
    }

    /// It is IPv4 without options: RFC 1812 section 5.2.2 (3) and (4).
    #[inline(always)]
    pub(super) fn is_ipv4(&self) -> bool {
        self.ethertype.get() == IPV4 && self.version_ihl == VERSION_IHL
    }

    /// It may be forwarded as far as RFC 1812 can tell from the header alone, which
    /// [is IPv4's](Self::is_ipv4). `room` bytes follow it.
    #[inline(always)]
    pub(super) fn is_plain(&self, room: u16) -> bool {
        // (5) and (1): the total length has the header in it, and the frame has all of it.
        // A length below that wraps to more than any frame has room for.
        if self.total_len.get().wrapping_sub(20) > room {
            return unlikely();
        }
        // 5.3.1: a TTL that would become zero is not forwarded.
        if self.ttl_checksum.get() as u8 <= 1 {
            return unlikely();
        }
        // (2): the header checksum.
        let bytes: &[u8; 34] = zerocopy::transmute_ref!(self);
        if !bytes.last_chunk().is_some_and(Sum::is_valid_20) {
            return unlikely();
        }
        // 5.3.7: martian addresses; and multicast and broadcast, which need more thought.
        let [source, ..] = self.source;
        let [destination, ..] = self.destination.to_bytes();
        let special = SPECIAL[usize::from(source)] | SPECIAL[usize::from(destination)];
        if special != 0 {
            return unlikely();
        }
        true
    }

    /// The destination, in host order.
    #[inline(always)]
    pub(super) const fn destination(&self) -> u32 {
        self.destination.get()
    }

    /// Whether it is a part of a packet.
    #[inline(always)]
    pub(super) const fn is_fragment(&self) -> bool {
        self.fragment.get() & FRAGMENT != 0
    }

    /// Its layers, if it is.
    #[cold]
    #[inline(never)]
    pub(super) fn fragment_layers(&self) -> Layers {
        let first = self.fragment.get() & OFFSET == 0;
        let kinds = Kinds::IPV4.union(Kinds::FRAGMENT);
        Layers::new(kinds, 14, if first { 5 } else { 0 })
    }

    /// TTL, protocol and checksum with one less in the TTL.
    #[inline(always)]
    pub(super) const fn aged(&self) -> u32 {
        // RFC 1624 equation 3: with 0x0100 less in its word, the checksum is 0x0100 more, with
        // the carry put back; as the bytes lie in memory, that is 1 more. A sum of 0xffff is
        // written as 0, which is why 0xfffe carries as well.
        let word = self.ttl_checksum.get();
        let carry = if word >= 0xfffe_0000 { 0x1_0000 } else { 0 };
        word.wrapping_add(0xffff).wrapping_add(carry)
    }

    /// One hop further: the hop's Ethernet addresses, and [one less](Self::aged) in the TTL.
    #[inline(always)]
    pub(super) fn forward(&mut self, hop: &Hop, aged: u32) {
        self.macs.set(hop.macs);
        self.macs_rest.set(hop.macs_rest);
        self.ttl_checksum.set(aged);
    }

    /// As [`forward`](Self::forward), for the hop whose row this is.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn forward_by_row(&mut self, hop: Numbers, aged: u32) {
        let changes: &mut Changes = zerocopy::transmute_mut!(self);
        let front = Numbers::from_le_bytes(&changes.front);
        changes.front = hop.with_last_of(front).to_le_bytes();
        changes.ttl_checksum.set(aged);
    }

    /// The eight bytes about the ethertype, up to the total length.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn kinds(&self) -> [u8; 8] {
        let Rows { kinds, .. } = zerocopy::transmute_ref!(self);
        let [_, kinds] = kinds;
        *kinds
    }

    /// The sixteen bytes that end with those.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn kinds_row(&self) -> Numbers {
        let Rows { kinds, .. } = zerocopy::transmute_ref!(self);
        Numbers::from(kinds.map(u64::from_le_bytes))
    }

    /// The sixteen bytes behind those, the last.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn rest(&self) -> &[u8; 16] {
        let Rows { rest, .. } = zerocopy::transmute_ref!(self);
        rest
    }
}

#[inline(always)]
fn unlikely() -> bool {
    cold_path();
    false
}

/// The first byte of an address is neither 0 nor 127, nor of multicast or what is beyond
/// (RFC 1812 section 5.3.7).
const fn is_unicast(first: u8) -> bool {
    first.wrapping_sub(1) < 223 && first != 127
}

/// Not [`is_unicast`] of each first byte: a look at it is shorter than the comparisons.
static SPECIAL: [u8; 256] = {
    let mut table = [0; 256];
    let mut first = 0;
    while first < 256 {
        table[first] = !is_unicast(first as u8) as u8;
        first += 1;
    }
    table
};

/// The layers of what is plain and no fragment.
pub(super) const PLAIN: Layers = Layers::new(Kinds::IPV4, 14, 5);

/// Ethertype 0x0800, as it lies in memory.
pub(super) const IPV4: u16 = 0x0008;

/// Version 4, and a header of five words.
pub(super) const VERSION_IHL: u8 = 0x45;

/// More fragments, and the offset, as they lie in memory.
pub(super) const FRAGMENT: u16 = 0xff3f;
const OFFSET: u16 = 0xff1f;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::PortId;
    use crate::wire::{IpProtocol, Ipv4Header};

    fn head(change: impl FnOnce(&mut [u8; 34])) -> Head {
        let mut bytes = [0; 34];
        bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 2, 8, 0]);
        let (from, to) = ([192, 0, 2, 1].into(), [198, 51, 100, 1].into());
        let mut header = Ipv4Header::new(from, to, IpProtocol::UDP, 8).unwrap();
        header.fill_checksum();
        header.write(&mut bytes[14..]).unwrap();
        change(&mut bytes);
        zerocopy::transmute!(bytes)
    }

    /// Keeps the checksum right after `change`.
    fn head_with(change: impl FnOnce(&mut Ipv4Header)) -> Head {
        head(|bytes| {
            let (header, _) = Ipv4Header::split_mut(&mut bytes[14..]).unwrap();
            change(header);
            header.fill_checksum();
        })
    }

    const NO_MAC: u64 = u64::MAX;
    impl Head {
        fn is_plain_for(&self, room: u16, mac: u64) -> bool {
            self.elsewhere(mac) == 0 && self.is_ipv4() && self.is_plain(room)
        }
    }

    const MAC: u64 = 0x0100_0000_0002 << 16;

    #[test]
    fn what_is_plain_and_what_is_not() {
        assert!(head(|_| {}).is_plain_for(8, MAC));
        assert!(head(|_| {}).is_plain_for(26, MAC), "padding is no fault");
        assert!(!head(|_| {}).is_plain_for(7, MAC), "cut off");
        assert!(!head(|_| {}).is_plain_for(8, MAC | 1 << 57));
        assert!(!head(|_| {}).is_plain_for(8, NO_MAC));
        for (at, value) in [
            (0, 3),
            (5, 9),
            (12, 9),
            (13, 6),
            (14, 0x46),
            (14, 0x65),
            (24, 0),
        ] {
            assert!(
                !head(|bytes| bytes[at] = value).is_plain_for(8, MAC),
                "byte {at}"
            );
        }
        for len in [0, 19, 29] {
            assert!(!head_with(|ip| ip.set_total_len(len)).is_plain_for(8, MAC));
        }
        for ttl in [0, 1] {
            assert!(!head_with(|ip| ip.set_ttl(ttl)).is_plain_for(8, MAC));
        }
    }

    #[test]
    fn which_networks_are_unicast() {
        for first in 0..=255 {
            let unicast = !matches!(first, 0 | 127 | 224..);
            let address = [first, 1, 2, 3].into();
            assert_eq!(
                head_with(|ip| ip.set_source(address)).is_plain_for(8, MAC),
                unicast
            );
            assert_eq!(
                head_with(|ip| ip.set_destination(address)).is_plain_for(8, MAC),
                unicast
            );
        }
    }

    #[test]
    fn forwarding_is_what_the_view_does_for_every_checksum() {
        let hop = Hop::new(
            [0xa, 0xb, 0xc, 0xd, 0xe, 0xf].into(),
            [1, 3, 5, 7, 9, 11].into(),
            PortId(3),
            1500,
        );
        for checksum in 0..=u16::MAX {
            for ttl in [2, 255] {
                let mut head = head(|bytes| {
                    bytes[22] = ttl;
                    bytes[24..26].copy_from_slice(&checksum.to_be_bytes());
                });
                let before: [u8; 34] = zerocopy::transmute!(head);
                head.forward(&hop, head.aged());
                let after: [u8; 34] = zerocopy::transmute!(head);
                let (mut expected, _) = Ipv4Header::ref_from_prefix(&before[14..])
                    .map(|(header, rest)| (*header, rest))
                    .unwrap();
                expected.decrement_ttl().unwrap();
                assert_eq!(after[14..], *expected.as_bytes(), "{checksum:#06x}");
                assert_eq!(after[..12], [10, 11, 12, 13, 14, 15, 1, 3, 5, 7, 9, 11]);
                assert_eq!(after[12..14], before[12..14]);
                #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
                {
                    let mut head: Head = zerocopy::transmute!(before);
                    head.forward_by_row(hop.row(), head.aged());
                    let by_row: [u8; 34] = zerocopy::transmute!(head);
                    assert_eq!(by_row, after);
                }
            }
        }
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[test]
    fn one_that_is_elsewhere_is_enough() {
        let plain = head(|_| {});
        assert_eq!(Head::are_elsewhere([&plain; 8], MAC), 0);
        assert_ne!(Head::are_elsewhere([&plain; 8], NO_MAC), 0);
        for (at, bit) in (0..8).flat_map(|at| (0..48).map(move |bit| (at, bit))) {
            let other = head(|bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let mut heads = [&plain; 8];
            heads[at] = &other;
            assert_ne!(Head::are_elsewhere(heads, MAC), 0, "bit {bit} of {at}");
        }
        let another_source = head(|bytes| bytes[6] ^= 1);
        assert_eq!(Head::are_elsewhere([&another_source; 8], MAC), 0);
    }

    #[test]
    fn layers_tell_of_fragments() {
        let layers = |offset, more| {
            let head = head_with(|ip| ip.set_fragment(offset, more));
            assert_ne!(head.fragment.get() & FRAGMENT, 0);
            head.fragment_layers()
        };
        for yes in [true, false] {
            let whole = head_with(|ip| ip.set_dont_fragment(yes));
            assert_eq!(whole.fragment.get() & FRAGMENT, 0);
        }
        let fragment = Kinds::IPV4 | Kinds::FRAGMENT;
        assert_eq!(layers(0, true), Layers::new(fragment, 14, 5));
        assert_eq!(layers(8, true), Layers::new(fragment, 14, 0));
        assert_eq!(layers(8, false), Layers::new(fragment, 14, 0));
        assert_eq!(layers(8 * 0x1f00, false), Layers::new(fragment, 14, 0));
    }
}

//! Incremental update of a checksum (RFC 1624).

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::{Add, AddAssign};

use super::{Sum, udp_checksum};

/// What a change of some fields does to every checksum that covers them.
///
/// This is equation 3 of RFC 1624, `HC' = ~(~HC + ~m + m')`, with `~m + m'` computed once: a change of
/// an IPv4 address counts in the header checksum and in that of UDP or TCP.
///
/// The fields must start at even offsets of what the checksum covers, as all fields of IP, UDP, TCP and
/// ICMP do that are worth changing; half a 16-bit word is changed by giving the whole word.
///
/// The result is that of computing the checksum anew, bit for bit, unless every byte that it covers is
/// now zero, which no IP header is and no UDP or TCP with its pseudo-header: that zero
/// cannot be told from the other one (RFC 1624 section 3).
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::checksum::Delta;
///
/// let source = Delta::of_ipv4(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(192, 0, 2, 7));
/// let port = Delta::of_u16(5060, 40_000);
/// let ip_checksum = source.apply(0xb861);
/// let udp_checksum = (source + port).apply_udp(0x0000);
/// assert_eq!(udp_checksum, 0x0000); // there was none, and there is none now
/// # assert_ne!(ip_checksum, 0xb861);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delta(Sum);

impl Delta {
    /// No change.
    pub const NONE: Self = Self(Sum::ZERO);

    /// One hop less in IPv4's TTL, whatever it and the protocol beside it were.
    ///
    /// The TTL is the upper half of its 16-bit word, so that `~m + m'` is always `-0x100`.
    ///
    /// ```
    /// use linecard::wire::checksum::Delta;
    ///
    /// assert_eq!(Delta::DECREMENT_TTL, Delta::of_u16(0x4011, 0x3f11));
    /// ```
    pub const DECREMENT_TTL: Self = Self(Sum::of_u16(!0x0100));

    /// A 16-bit field goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub const fn of_u16(old: u16, new: u16) -> Self {
        Self(Sum::of_u16(!old).plus(Sum::of_u16(new)))
    }

    /// A 32-bit field goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub const fn of_u32(old: u32, new: u32) -> Self {
        Self(Sum::of_u32(!old).plus(Sum::of_u32(new)))
    }

    /// An IPv4 address goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub const fn of_ipv4(old: Ipv4Addr, new: Ipv4Addr) -> Self {
        Self::of_u32(old.to_bits(), new.to_bits())
    }

    /// An IPv6 address goes from `old` to `new`.
    #[inline]
    #[must_use]
    pub fn of_ipv6(old: Ipv6Addr, new: Ipv6Addr) -> Self {
        Self::of_bytes(&old.octets(), &new.octets())
    }

    /// The bytes `old` are replaced by `new`, which may be more or fewer as long as what follows stays
    /// at an even offset; an odd last byte counts as if a zero followed it.
    #[inline]
    #[must_use]
    pub fn of_bytes(old: &[u8], new: &[u8]) -> Self {
        Self(Sum::from_raw(!Sum::of(old).to_raw()).plus(Sum::of(new)))
    }

    /// This change and another.
    #[inline]
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.plus(other.0))
    }

    /// The checksum after the change.
    #[inline]
    #[must_use]
    pub const fn apply(self, checksum: u16) -> u16 {
        Sum::of_u16(!checksum).plus(self.0).checksum()
    }

    /// The checksum of UDP after the change: zero, which says that there is none, stays zero, and a
    /// checksum that becomes zero is sent as 0xffff.
    #[inline]
    #[must_use]
    pub const fn apply_udp(self, checksum: u16) -> u16 {
        match checksum {
            0 => 0,
            checksum => udp_checksum(self.apply(checksum)),
        }
    }
}

impl Add for Delta {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        self.and(other)
    }
}

impl AddAssign for Delta {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = self.and(other);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc_1624_example() {
        assert_eq!(Delta::of_u16(0x5555, 0x3285).apply(0xdd2f), 0x0000);
    }

    #[test]
    fn nothing_changed() {
        for checksum in [0, 1, 0x1234, 0xfffe, 0xffff] {
            assert_eq!(Delta::NONE.apply(checksum), checksum);
        }
        for checksum in [0, 1, 0x1234, 0xfffe] {
            assert_eq!(Delta::of_u16(7, 7).apply(checksum), checksum);
            assert_eq!(Delta::of_u32(7, 7).apply_udp(checksum), checksum);
        }
        assert_eq!(Delta::of_u16(7, 7).apply_udp(0xffff), 0xffff);
    }

    #[test]
    fn every_ttl_and_protocol() {
        for word in 0x0100..=0xffff {
            let whole = Delta::of_u16(word, word - 0x0100);
            for checksum in [0x0000, 0x00ff, 0x0100, 0xfeff, 0xff00, 0xfffe, 0xffff] {
                assert_eq!(
                    Delta::DECREMENT_TTL.apply(checksum),
                    whole.apply(checksum),
                    "{word:#06x} {checksum:#06x}"
                );
            }
        }
    }

    #[test]
    fn udp_zeros() {
        // Every change, seen from a checksum that it takes to zero.
        for (old, new) in [(1, 2), (0, 0xffff), (0xffff, 0), (0x1234, 0x4321)] {
            let change = Delta::of_u16(old, new);
            assert_eq!(change.apply_udp(0), 0);
            let back = Delta::of_u16(new, old);
            let before = back.apply(0);
            assert_ne!(before, 0xffff);
            if before != 0 {
                assert_eq!(change.apply(before), 0);
                assert_eq!(change.apply_udp(before), 0xffff);
            }
        }
    }

    /// A covered block of words with its checksum, a place in it, and what goes there.
    fn change() -> impl Strategy<Value = (Vec<u8>, usize, Vec<u8>)> {
        let byte = prop_oneof![Just(0), Just(0xff), any::<u8>()];
        (2usize..40, 1usize..9)
            .prop_flat_map(move |(words, width)| {
                let width = width.min(words - 1) * 2;
                (
                    prop::collection::vec(byte.clone(), words * 2),
                    0..=(words * 2 - width) / 2,
                    prop::collection::vec(byte.clone(), width),
                )
            })
            .prop_map(|(mut bytes, at, new)| {
                // A version nibble, as IPv4 and each pseudo-header have something that is not zero.
                bytes.extend([0x45, 0]);
                (bytes, at * 2, new)
            })
    }

    proptest! {
        #[test]
        fn same_as_anew((bytes, at, new) in change()) {
            let before = Sum::of(&bytes).checksum();
            let old = bytes[at..at + new.len()].to_vec();
            let mut bytes = bytes;
            bytes[at..at + new.len()].copy_from_slice(&new);
            let after = Sum::of(&bytes).checksum();
            let delta = Delta::of_bytes(&old, &new);
            prop_assert_eq!(delta.apply(before), after);
            if before != 0 {
                prop_assert_eq!(delta.apply_udp(before), udp_checksum(after));
            }
            // From the other zero as well, which some senders use.
            if before == 0 {
                prop_assert_eq!(delta.apply(0xffff), after);
                prop_assert_eq!(delta.apply_udp(0xffff), udp_checksum(after));
            }
            // And in pieces.
            let words: Delta = old
                .chunks(2)
                .zip(new.chunks(2))
                .map(|(old, new)| {
                    let number = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
                    Delta::of_u16(number(old), number(new))
                })
                .fold(Delta::NONE, Delta::and);
            prop_assert_eq!(words.apply(before), after);
        }

        #[test]
        fn addresses(old in any::<[u8; 16]>(), new in any::<[u8; 16]>(), checksum in 0..0xffffu16) {
            prop_assert_eq!(
                Delta::of_ipv6(old.into(), new.into()).apply(checksum),
                Delta::of_bytes(&old, &new).apply(checksum)
            );
            let (old, new) = (*old.first_chunk::<4>().unwrap(), *new.first_chunk::<4>().unwrap());
            prop_assert_eq!(
                Delta::of_ipv4(old.into(), new.into()).apply(checksum),
                Delta::of_bytes(&old, &new).apply(checksum)
            );
        }

        #[test]
        fn there_and_back(old in any::<u32>(), new in any::<u32>(), checksum in 0..0xffffu16) {
            let there = Delta::of_u32(old, new).apply(checksum);
            prop_assert_eq!(Delta::of_u32(new, old).apply(there), checksum);
        }
    }
}

//! The pseudo-headers of IPv4 and IPv6.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::{Sum, udp_checksum};
use crate::wire::IpProtocol;

/// The part of an IP header that UDP, TCP and ICMPv6 have in their checksum.
///
/// ```text
/// IPv4 (RFC 9293 section 3.1)          IPv6 (RFC 8200 section 8.1)
/// +--------------------------------+   +--------------------------------+
/// |         source address         |   |        source address ...      |
/// +--------------------------------+   +--------------------------------+
/// |      destination address       |   |     destination address ...    |
/// +-------+----------+-------------+   +--------------------------------+
/// |   0   | protocol |    length   |   |             length             |
/// +-------+----------+-------------+   +---------------------+----------+
///                                      |          0          | protocol |
///                                      +---------------------+----------+
/// ```
///
/// The addresses are summed once, when it is made. With a routing header the destination is that of the
/// last hop (RFC 8200 section 8.1), which only the caller can know.
///
/// ```
/// use core::net::Ipv4Addr;
/// use linecard::wire::{IpProtocol, checksum::PseudoHeader};
///
/// let pseudo = PseudoHeader::ipv4(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
/// // UDP from port 53 to 53, nothing in it: bytes 6 and 7 are the checksum.
/// let mut datagram = [0, 53, 0, 53, 0, 8, 0, 0];
/// let checksum = pseudo.checksum(IpProtocol::UDP, &datagram, 6);
/// datagram[6..].copy_from_slice(&checksum.to_be_bytes());
/// assert!(pseudo.is_valid(IpProtocol::UDP, &datagram));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PseudoHeader {
    addresses: Sum,
    is_ipv6: bool,
}

impl PseudoHeader {
    /// Between IPv4 addresses.
    #[inline]
    #[must_use]
    pub const fn ipv4(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        Self {
            addresses: Sum::of_u32(source.to_bits()).plus(Sum::of_u32(destination.to_bits())),
            is_ipv6: false,
        }
    }

    /// Between IPv6 addresses.
    #[inline]
    #[must_use]
    pub fn ipv6(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            addresses: Sum::of(&source.octets()) + Sum::of(&destination.octets()),
            is_ipv6: true,
        }
    }

    /// Whether the addresses are of IPv6, where UDP may not go without a checksum.
    #[inline]
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        self.is_ipv6
    }

    /// The sum of the whole pseudo-header, for `length` bytes of `protocol`.
    ///
    /// Segmentation offload wants this in the checksum field, with the length its device asks for.
    #[inline]
    #[must_use]
    pub const fn sum(&self, protocol: IpProtocol, length: u32) -> Sum {
        // IPv4's 16-bit length counts as a 32-bit one whose upper half is zero.
        self.addresses
            .plus(Sum::of_u16(protocol.0 as u16))
            .plus(Sum::of_u32(length))
    }

    /// The checksum of `segment` (header and payload), whose own checksum is in the two bytes at
    /// `field`, whatever they are now. For UDP, zero has become 0xffff.
    #[inline]
    #[must_use]
    pub fn checksum(&self, protocol: IpProtocol, segment: &[u8], field: usize) -> u16 {
        let sum = self.sum(protocol, length_of(segment)) + Sum::of_except(segment, field);
        match protocol {
            IpProtocol::UDP => udp_checksum(sum.checksum()),
            _ => sum.checksum(),
        }
    }

    /// Whether `segment` (header and payload) has the right checksum. That UDP may
    /// go without one is not known here.
    #[inline]
    #[must_use]
    pub fn is_valid(&self, protocol: IpProtocol, segment: &[u8]) -> bool {
        (self.sum(protocol, length_of(segment)) + Sum::of(segment)).is_valid()
    }
}

#[inline]
fn length_of(segment: &[u8]) -> u32 {
    // Longer than 4 GiB is not a segment of anything; its checksum need only be some number.
    segment.len() as u32
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn icmpv6_of_a_real_packet() {
        // A neighbour solicitation: fe80::1 asks for fe80::2.
        let pseudo = PseudoHeader::ipv6(
            "fe80::1".parse().unwrap(),
            "ff02::1:ff00:2".parse().unwrap(),
        );
        let mut message = [0; 24];
        message[0] = 135;
        message[8..10].copy_from_slice(&[0xfe, 0x80]);
        message[23] = 2;
        let theirs = etherparse::Icmpv6Header::with_checksum(
            etherparse::Icmpv6Type::NeighborSolicitation,
            "fe80::1".parse::<Ipv6Addr>().unwrap().octets(),
            "ff02::1:ff00:2".parse::<Ipv6Addr>().unwrap().octets(),
            &message[8..],
        )
        .unwrap();
        let checksum = pseudo.checksum(IpProtocol::ICMPV6, &message, 2);
        assert_eq!(checksum, theirs.checksum);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        assert!(pseudo.is_valid(IpProtocol::ICMPV6, &message));
        message[23] = 3;
        assert!(!pseudo.is_valid(IpProtocol::ICMPV6, &message));
    }

    #[test]
    fn a_computed_zero_is_sent_as_ffff_by_udp_alone() {
        let pseudo = PseudoHeader::ipv4(Ipv4Addr::UNSPECIFIED, Ipv4Addr::UNSPECIFIED);
        // Ports that make the sum 0xffff: protocol 17, length 8 twice.
        let port = 0xffff - 17 - 8 - 8;
        let mut datagram = [0; 8];
        datagram[..2].copy_from_slice(&u16::to_be_bytes(port));
        datagram[5] = 8;
        assert_eq!(pseudo.checksum(IpProtocol::UDP, &datagram, 6), 0xffff);
        // TCP is protocol 6 and has no such rule.
        datagram[..2].copy_from_slice(&u16::to_be_bytes(port + 17 - 6));
        assert_eq!(pseudo.checksum(IpProtocol::TCP, &datagram, 6), 0x0000);
    }

    proptest! {
        #[test]
        fn agrees_with_etherparse_over_ipv4(
            source in any::<[u8; 4]>(),
            destination in any::<[u8; 4]>(),
            ports in any::<(u16, u16)>(),
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let pseudo = PseudoHeader::ipv4(source.into(), destination.into());
            let theirs = etherparse::UdpHeader::with_ipv4_checksum(
                ports.0,
                ports.1,
                &etherparse::Ipv4Header::new(0, 64, etherparse::ip_number::UDP, source, destination).unwrap(),
                &payload,
            )
            .unwrap();
            let datagram: Vec<u8> = theirs.to_bytes().into_iter().chain(payload).collect();
            prop_assert_eq!(pseudo.checksum(IpProtocol::UDP, &datagram, 6), theirs.checksum);
            prop_assert!(pseudo.is_valid(IpProtocol::UDP, &datagram));
        }

        #[test]
        fn agrees_with_etherparse_over_ipv6(
            source in any::<[u8; 16]>(),
            destination in any::<[u8; 16]>(),
            ports in any::<(u16, u16)>(),
            payload in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let pseudo = PseudoHeader::ipv6(source.into(), destination.into());
            let header = etherparse::TcpHeader::new(ports.0, ports.1, 7, 8);
            let checksum = header.calc_checksum_ipv6_raw(source, destination, &payload).unwrap();
            let segment: Vec<u8> = header.to_bytes().into_iter().chain(payload).collect();
            prop_assert_eq!(pseudo.checksum(IpProtocol::TCP, &segment, 16), checksum);
        }

        #[test]
        fn is_the_sum_of_its_bytes(
            source in any::<[u8; 16]>(),
            destination in any::<[u8; 16]>(),
            length: u32,
            protocol: u8,
        ) {
            let mut bytes = [&source[..], &destination, &length.to_be_bytes()].concat();
            bytes.extend([0, 0, 0, protocol]);
            let pseudo = PseudoHeader::ipv6(source.into(), destination.into());
            prop_assert_eq!(pseudo.sum(IpProtocol(protocol), length), Sum::of(&bytes));

            let (source, destination) = (*source.first_chunk().unwrap(), *destination.first_chunk().unwrap());
            let length = length as u16;
            let bytes = [&source[..4], &destination[..4], &[0, protocol], &length.to_be_bytes()].concat();
            let pseudo = PseudoHeader::ipv4(Ipv4Addr::from_octets(source), Ipv4Addr::from_octets(destination));
            prop_assert_eq!(pseudo.sum(IpProtocol(protocol), length.into()), Sum::of(&bytes));
        }
    }
}

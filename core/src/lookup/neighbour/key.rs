//! What a neighbour is known by.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address, and the port behind which it is: link-local addresses are the same on every one.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
/// use linecard::lookup::NeighbourKey;
///
/// let router = NeighbourKey::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 2);
/// assert_eq!(router.to_string(), "fe80::1 on port 2");
/// let host = NeighbourKey::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// assert_eq!(host, NeighbourKey::v4(Ipv4Addr::LOCALHOST, 0));
/// assert_ne!(host, NeighbourKey::v6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NeighbourKey {
    /// An IPv4 address is the last four bytes.
    address: [u8; 16],
    port: u16,
    is_v4: bool,
}

impl NeighbourKey {
    /// An IPv4 neighbour behind the port with this number.
    #[inline]
    pub const fn v4(address: Ipv4Addr, port: u16) -> Self {
        Self {
            address: (address.to_bits() as u128).to_be_bytes(),
            port,
            is_v4: true,
        }
    }

    /// An IPv6 neighbour behind the port with this number.
    #[inline]
    pub const fn v6(address: Ipv6Addr, port: u16) -> Self {
        Self {
            address: address.octets(),
            port,
            is_v4: false,
        }
    }

    /// A neighbour of either family.
    #[inline]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        match address {
            IpAddr::V4(address) => Self::v4(address, port),
            IpAddr::V6(address) => Self::v6(address, port),
        }
    }

    /// The neighbour's address.
    pub const fn address(self) -> IpAddr {
        let bits = u128::from_be_bytes(self.address);
        if self.is_v4 {
            IpAddr::V4(Ipv4Addr::from_bits(bits as u32))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
    }

    /// The number of the port that it is behind.
    #[inline]
    pub const fn port(self) -> u16 {
        self.port
    }

    /// A hash that whoever does not know the seed cannot steer: two multiplications, folded.
    #[inline]
    pub(super) fn hash(self, seed: u64) -> u64 {
        let bits = u128::from_ne_bytes(self.address);
        let tag = u64::from(self.port) << 1 | u64::from(self.is_v4);
        let first = fold(
            (bits >> 64) as u64 ^ seed ^ FRACTION[0],
            bits as u64 ^ FRACTION[1],
        );
        fold(first ^ tag ^ FRACTION[2], seed ^ FRACTION[3])
    }
}

/// The two halves of a product, one upon the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Bits of the fraction of pi: none of them special.
const FRACTION: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

impl fmt::Display for NeighbourKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on port {}", self.address(), self.port)
    }
}

impl fmt::Debug for NeighbourKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn neighbouring_addresses_ports_and_families_hash_apart() {
        let mut hashes = BTreeSet::new();
        for port in 0..4 {
            for host in 0..1000 {
                hashes.insert(NeighbourKey::v4(Ipv4Addr::from_bits(host), port).hash(0) >> 32);
                hashes
                    .insert(NeighbourKey::v6(Ipv6Addr::from_bits(host.into()), port).hash(0) >> 32);
            }
        }
        // Of 8,000 values of 32 bits, 0.007 pairs are expected to collide.
        assert!(hashes.len() > 7990, "{}", hashes.len());
    }
}

//! Where a packet leaves, in sixteen bytes.

use crate::packet::PortId;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use crate::platform::Numbers;
use crate::wire::MacAddr;

/// Where a packet leaves: the Ethernet addresses to write, the port, and the MTU.
///
/// What the router's fast path reads for each packet, four to a cache line. One whose MTU is 0
/// lets no packet pass: its neighbour is not known yet, or it is no neighbour at all.
///
/// ```
/// use linecard::forward::router::Hop;
/// assert_eq!(size_of::<Hop>(), 16);
/// let mut hops = [Hop::NONE; 64]; // for a router's memory
/// # let _ = &mut hops;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct Hop {
    /// The first 8 bytes of the Ethernet header: destination, and the source's first two; the
    /// first byte lowest.
    pub(super) macs: u64,
    /// The source's other four bytes.
    pub(super) macs_rest: u32,
    pub(super) port: PortId,
    /// The longest packet from its IP header on, in bytes.
    pub(super) mtu: u16,
}

static_assertions::assert_eq_size!(Hop, [u8; 16]);

impl Hop {
    /// Nowhere.
    pub const NONE: Self = Self {
        macs: 0,
        macs_rest: 0,
        port: PortId(0),
        mtu: 0,
    };

    /// By this port to the station `to`.
    pub(super) const fn new(to: MacAddr, from: MacAddr, port: PortId, mtu: u16) -> Self {
        let [a, b, c, d, e, f] = to.0;
        let [g, h, i, j, k, l] = from.0;
        Self {
            macs: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            macs_rest: u32::from_le_bytes([i, j, k, l]),
            port,
            mtu,
        }
    }

    /// The packet's own destination is on this port's link: it is its own next hop.
    pub(super) const fn connected(port: PortId) -> Self {
        Self {
            macs: CONNECTED,
            port,
            ..Self::NONE
        }
    }

    /// The destination and the source that it writes.
    pub(super) const fn addresses(&self) -> (MacAddr, MacAddr) {
        let [a, b, c, d, e, f, g, h] = self.macs.to_le_bytes();
        let [i, j, k, l] = self.macs_rest.to_le_bytes();
        (MacAddr([a, b, c, d, e, f]), MacAddr([g, h, i, j, k, l]))
    }

    /// The port, and above it the MTU.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) const fn port_and_mtu(&self) -> u32 {
        self.port.0 as u32 | (self.mtu as u32) << 16
    }

    /// All of it: the addresses, and last [the port and the MTU](Self::port_and_mtu).
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    #[inline(always)]
    pub(super) fn row(&self) -> Numbers {
        let [low, high] = [self.macs as u32, (self.macs >> 32) as u32];
        Numbers::from([low, high, self.macs_rest, self.port_and_mtu()])
    }

    #[inline]
    pub(super) const fn is_connected(&self) -> bool {
        self.macs == CONNECTED
    }
}

impl Default for Hop {
    fn default() -> Self {
        Self::NONE
    }
}

/// No neighbour's, for it is the broadcast address.
const CONNECTED: u64 = u64::MAX;

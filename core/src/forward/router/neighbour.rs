//! What the router knows of one next hop, and by what it finds it.

use super::changes::Link;
use crate::packet::PortId;
use crate::platform::Instant;
use crate::wire::MacAddr;

/// What the router knows of a next hop beyond its [`Hop`](super::Hop); to be made in the router's memory.
///
/// ```
/// use linecard::forward::router::Neighbour;
/// let mut neighbours = [Neighbour::NONE; 64];
/// # let _ = &mut neighbours;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Neighbour {
    pub(super) key: Key,
    /// When something is to be done about it.
    pub(super) deadline: Instant,
    pub(super) state: State,
    /// Requests sent since it last answered.
    pub(super) tries: u8,
    pub(super) mac: MacAddr,
    /// Packets that wait for it: the first, the last (numbers in the parking), and how many. In a
    /// free entry, `first` is the next free one.
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) waiting: u16,
    /// Routes that lead here. While there are any, it keeps its number.
    pub(super) uses: u32,
    /// Its place among those that changed.
    pub(super) changed: Link,
}

impl Neighbour {
    /// An unused one.
    pub const NONE: Self = Self {
        key: Key {
            high: 0,
            low: 0,
            scope: 0,
        },
        deadline: Instant::from_nanos(0),
        state: State::Free,
        tries: 0,
        mac: MacAddr::ZERO,
        first: 0,
        last: 0,
        waiting: 0,
        uses: 0,
        changed: Link::NONE,
    };

    /// The port by which it is reached.
    pub(super) const fn port(&self) -> PortId {
        self.key.port()
    }
}

impl Default for Neighbour {
    fn default() -> Self {
        Self::NONE
    }
}

/// What an entry is, and how far a neighbour's resolution has come (after RFC 4861 section 7.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not in use.
    Free,
    /// Known by its address only; nobody has asked for it.
    Silent,
    /// It was asked and has not answered yet: INCOMPLETE.
    Asking,
    /// It answered.
    Reachable,
    /// It answered long ago, and is asked again while packets go on to it: PROBE.
    Probing,
    /// Its Ethernet address was configured.
    Static,
    /// No neighbour: each destination on the port's link is its own next hop.
    Connected,
    /// An address of the router's own.
    Local,
    /// A broadcast address of a link.
    Broadcast,
    /// Drop, and say nothing.
    Blackhole,
    /// Drop, and say that the host is unreachable.
    Unreachable,
    /// Drop, and say that it is forbidden.
    Prohibited,
}

impl State {
    /// Whether the Ethernet address is known.
    pub(super) const fn is_known(self) -> bool {
        matches!(self, Self::Reachable | Self::Probing | Self::Static)
    }
}

/// By what an entry is found: an address on a port's link, or what an entry is that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) high: u64,
    pub(super) low: u64,
    /// The port below, the kind of address above.
    scope: u32,
}

impl Key {
    #[inline]
    pub(super) const fn ipv4(port: PortId, address: u32) -> Self {
        Self {
            high: 0,
            low: address as u64,
            scope: port.0 as u32 | IPV4,
        }
    }

    #[inline]
    pub(super) const fn ipv6(port: PortId, address: u128) -> Self {
        Self {
            high: (address >> 64) as u64,
            low: address as u64,
            scope: port.0 as u32 | IPV6,
        }
    }

    /// Of an entry without an address: there is one of each state on each port.
    pub(super) const fn of_state(port: PortId, state: State) -> Self {
        Self {
            high: 0,
            low: state as u64,
            scope: port.0 as u32,
        }
    }

    #[inline]
    pub(super) const fn port(self) -> PortId {
        PortId(self.scope as u16)
    }

    #[inline]
    pub(super) const fn is_ipv6(self) -> bool {
        self.scope & IPV6 != 0
    }

    pub(super) const fn address(self) -> u128 {
        (self.high as u128) << 64 | self.low as u128
    }

    /// Multiplies by odd numbers and takes the high bits. The seed is the configuration's, so that
    /// nobody outside can choose addresses that collide.
    #[inline]
    pub(super) const fn hash(self, seed: u64) -> u64 {
        let mixed = (self.low ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (self.high.rotate_left(32) ^ self.scope as u64)
                .wrapping_mul(seed | 0x00c6_a4a7_935b_d1e9);
        (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
    }
}

const IPV4: u32 = 1 << 16;
const IPV6: u32 = 2 << 16;

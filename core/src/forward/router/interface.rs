//! What the router is on one port: its Ethernet address, its MTU, its IP addresses.

use core::net::{Ipv4Addr, Ipv6Addr};

use heapless::Vec;

use super::mld::Listener;
use crate::lookup::{Prefix4, Prefix6};
use crate::wire::MacAddr;

/// How a port is set up for routing.
///
/// ```
/// use linecard::forward::router::{InterfaceConfig, LinkLocal};
/// use linecard::wire::MacAddr;
///
/// let config = InterfaceConfig::new(MacAddr([2, 0, 0, 0, 0, 1]), 1500);
/// assert_eq!(config.link_local, LinkLocal::Derived);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceConfig {
    /// The Ethernet address that packets to be routed are sent to, and that routed ones are from.
    pub mac: MacAddr,
    /// The longest packet from its IP header on, in bytes.
    pub mtu: u16,
    /// Its IPv6 link-local address.
    pub link_local: LinkLocal,
}

impl InterfaceConfig {
    /// Of this address and MTU, with the link-local address that is derived from `mac`.
    pub const fn new(mac: MacAddr, mtu: u16) -> Self {
        Self {
            mac,
            mtu,
            link_local: LinkLocal::Derived,
        }
    }
}

/// Which IPv6 link-local address an interface has.
///
/// ```
/// use linecard::forward::router::LinkLocal;
/// use linecard::wire::MacAddr;
///
/// let mac = MacAddr([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// let address = LinkLocal::Derived.address(mac).unwrap();
/// assert_eq!(address.to_string(), "fe80::5054:ff:fe12:3456");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkLocal {
    /// From the Ethernet address, as a modified EUI-64 (RFC 4291 appendix A).
    Derived,
    /// This one.
    Address(Ipv6Addr),
    /// None: the interface does not speak IPv6.
    None,
}

impl LinkLocal {
    /// The address, on an interface of this Ethernet address.
    pub const fn address(self, mac: MacAddr) -> Option<Ipv6Addr> {
        match self {
            Self::Derived => {
                let [a, b, c, d, e, f] = mac.0;
                // The universal/local bit is inverted (RFC 4291 section 2.5.1).
                let low = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
                Some(Ipv6Addr::from_bits(0xfe80 << 112 | low as u128))
            }
            Self::Address(address) => Some(address),
            Self::None => None,
        }
    }
}

/// An interface of a router; to be made in the router's memory.
///
/// ```
/// use linecard::forward::router::Interface;
/// let interface = Interface::NONE;
/// assert!(!interface.is_configured());
/// ```
#[derive(Debug, Clone)]
pub struct Interface {
    /// The Ethernet address in the upper 48 bits, its first byte lowest; the lower bits are set
    /// while the interface is not configured, so that no frame's destination is equal to it.
    pub(super) key: u64,
    pub(super) config: InterfaceConfig,
    pub(super) ipv4: Vec<Address4, ADDRESSES>,
    /// The link-local address, if there is one, comes first.
    pub(super) ipv6: Vec<Address6, ADDRESSES>,
    /// Which of its addresses got routes of their own by the change under way: a bit for each.
    pub(super) pins: u8,
    pub(super) listener: Listener,
}

/// An IPv4 address and the prefix of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address4 {
    pub(super) address: u32,
    pub(super) prefix: Prefix4,
}

/// An IPv6 address and the prefix of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address6 {
    pub(super) address: u128,
    pub(super) prefix: Prefix6,
}

impl Interface {
    /// The most addresses of each version.
    pub const ADDRESSES: usize = ADDRESSES;

    /// None: the router does not route on that port.
    pub const NONE: Self = Self {
        key: UNCONFIGURED,
        config: InterfaceConfig {
            mac: MacAddr::ZERO,
            mtu: 0,
            link_local: LinkLocal::None,
        },
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        pins: 0,
        listener: Listener::NONE,
    };

    /// Whether the router routes on that port.
    pub const fn is_configured(&self) -> bool {
        self.key != UNCONFIGURED
    }

    /// How it was set up.
    pub const fn config(&self) -> &InterfaceConfig {
        &self.config
    }

    /// Its IPv4 addresses, each with its prefix.
    pub fn ipv4(&self) -> impl Iterator<Item = (Ipv4Addr, Prefix4)> + '_ {
        let all = self.ipv4.iter();
        all.map(|own| (Ipv4Addr::from_bits(own.address), own.prefix))
    }

    /// Its IPv6 addresses, each with its prefix; the link-local one first.
    pub fn ipv6(&self) -> impl Iterator<Item = (Ipv6Addr, Prefix6)> + '_ {
        let all = self.ipv6.iter();
        all.map(|own| (Ipv6Addr::from_bits(own.address), own.prefix))
    }

    pub(super) fn configure(&mut self, config: InterfaceConfig) {
        let [a, b, c, d, e, f] = config.mac.0;
        self.key = u64::from_le_bytes([0, 0, a, b, c, d, e, f]);
        self.config = config;
    }

    pub(super) fn owns4(&self, address: u32) -> bool {
        self.ipv4.iter().any(|own| own.address == address)
    }

    pub(super) fn owns6(&self, address: u128) -> bool {
        self.ipv6.iter().any(|own| own.address == address)
    }

    /// Whether an address is its own, or the broadcast address of one of its links.
    pub(super) fn has4(&self, address: u32) -> bool {
        let has =
            |own: &Address4| own.address == address || own.broadcasts().contains(&Some(address));
        self.ipv4.iter().any(has)
    }

    /// Whether an address is its own, or that of all routers of one of its links.
    pub(super) fn has6(&self, address: u128) -> bool {
        let has = |own: &Address6| own.address == address || own.anycast() == Some(address);
        self.ipv6.iter().any(has)
    }

    /// Whether it has an IPv6 address beyond the link-local one.
    pub(super) fn has_wide6(&self) -> bool {
        self.ipv6.iter().any(|own| !is_link_local(own.address))
    }

    /// Whether a host of this address can be on the link.
    pub(super) fn is_on_link4(&self, address: u32) -> bool {
        self.ipv4.iter().any(|own| own.has_host(address))
    }

    /// The address to speak from to a neighbour or next hop: one of the same prefix, else the first.
    pub(super) fn source4(&self, towards: u32) -> Option<u32> {
        let near = self.ipv4.iter().find(|own| own.prefix.contains(towards));
        near.or(self.ipv4.first()).map(|own| own.address)
    }

    /// The same for IPv6 (a simple case of RFC 6724 section 5: to link-local from link-local, to
    /// others from one of the same prefix, else from the first that is not link-local).
    pub(super) fn source6(&self, towards: u128) -> Option<u128> {
        let near = self.ipv6.iter().find(|own| own.prefix.contains(towards));
        let wide = || self.ipv6.iter().find(|own| !is_link_local(own.address));
        let found = near.or_else(wide).or(self.ipv6.first());
        found.map(|own| own.address)
    }
}

impl Default for Interface {
    fn default() -> Self {
        Self::NONE
    }
}

impl Address4 {
    /// The two addresses of the link that no host has: all ones, and, for hosts of the 1980s, all
    /// zeros (RFC 1812 section 4.2.3.1). A link of two addresses has neither (RFC 3021).
    pub(super) fn broadcasts(&self) -> [Option<u32>; 2] {
        let has = self.prefix.len() < 31;
        [
            has.then(|| self.prefix.last()),
            has.then(|| self.prefix.first()),
        ]
    }

    fn has_host(&self, address: u32) -> bool {
        self.prefix.contains(address)
            && self.address != address
            && !self.broadcasts().contains(&Some(address))
    }
}

impl Address6 {
    /// The address that all routers of the link have, to be reached by any of them
    /// (RFC 4291 section 2.6.1); not on links of two addresses (RFC 6164 section 5.1).
    pub(super) fn anycast(&self) -> Option<u128> {
        (self.prefix.len() < 127 && !is_link_local(self.address)).then(|| self.prefix.first())
    }
}

pub(super) const fn is_link_local(address: u128) -> bool {
    address >> 118 == 0x3fa
}

const ADDRESSES: usize = 4;
const _: () = assert!(2 * ADDRESSES <= u8::BITS as usize);
const UNCONFIGURED: u64 = u64::MAX;

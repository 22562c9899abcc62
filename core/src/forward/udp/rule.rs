//! Which UDP packets, and what becomes of them.

use core::fmt;
use core::net::IpAddr;

use crate::lookup::{Prefix4, Prefix6};
use crate::packet::PortId;
use crate::wire::MacAddr;

/// Which UDP packets are taken, and into what they are rewritten. What is `None` matches
/// everything, or stays as it is.
///
/// ```
/// use linecard::forward::udp::UdpRule;
/// use linecard::packet::PortId;
/// let mut rule = UdpRule::to(PortId(1));
/// rule.from = Some(PortId(0));
/// rule.new_source = Some("198.51.100.1".parse().unwrap());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpRule {
    /// The port they come in by.
    pub from: Option<PortId>,
    /// Where they come from.
    pub source: Endpoint,
    /// Where they go to.
    pub destination: Endpoint,
    /// The port they leave by.
    pub to: PortId,
    /// Their new Ethernet source.
    pub new_source_mac: Option<MacAddr>,
    /// Their new Ethernet destination.
    pub new_destination_mac: Option<MacAddr>,
    /// Their new source address.
    pub new_source: Option<IpAddr>,
    /// Their new destination address.
    pub new_destination: Option<IpAddr>,
    /// Their new UDP source port.
    pub new_source_port: Option<u16>,
    /// Their new UDP destination port.
    pub new_destination_port: Option<u16>,
}

impl UdpRule {
    /// All UDP goes out by `to`, as it is.
    #[must_use]
    pub const fn to(to: PortId) -> Self {
        Self {
            from: None,
            source: Endpoint::ANY,
            destination: Endpoint::ANY,
            to,
            new_source_mac: None,
            new_destination_mac: None,
            new_source: None,
            new_destination: None,
            new_source_port: None,
            new_destination_port: None,
        }
    }
}

/// An IPv4 or IPv6 network.
///
/// ```
/// use linecard::forward::udp::Network;
/// let network = Network::V4("192.0.2.0/24".parse().unwrap());
/// assert_eq!(Network::new("192.0.2.7".parse().unwrap(), 24), Some(network));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Of IPv4.
    V4(Prefix4),
    /// Of IPv6.
    V6(Prefix6),
}

impl Network {
    /// The network of one address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address.into()),
            IpAddr::V6(address) => Self::V6(address.into()),
        }
    }

    /// The network of `len` bits that has this address; `None` if addresses have fewer bits.
    #[must_use]
    pub fn new(address: IpAddr, len: u8) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Prefix4::new(address.to_bits(), len).ok().map(Self::V4),
            IpAddr::V6(address) => Prefix6::new(address.to_bits(), len).ok().map(Self::V6),
        }
    }
}

/// One side of a flow: addresses and a UDP port; `None` is any.
///
/// ```
/// use linecard::forward::udp::Endpoint;
/// let dns = Endpoint { port: Some(53), ..Endpoint::ANY };
/// assert_eq!(dns.network, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// Its addresses.
    pub network: Option<Network>,
    /// Its UDP port.
    pub port: Option<u16>,
}

impl Endpoint {
    /// Any address, any port.
    pub const ANY: Self = Self {
        network: None,
        port: None,
    };
}

/// Why a rule was not taken.
///
/// ```
/// use linecard::forward::udp::{UdpForwarder, UdpRule, UdpRuleError};
/// use linecard::packet::PortId;
/// let mut forwarder: UdpForwarder<1> = UdpForwarder::new();
/// let mut rule = UdpRule::to(PortId(1));
/// rule.new_source = Some("192.0.2.1".parse().unwrap());
/// rule.new_destination = Some("2001:db8::1".parse().unwrap());
/// assert_eq!(forwarder.add(rule), Err(UdpRuleError::MixedFamilies));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UdpRuleError {
    /// There are so many rules already.
    TooMany(usize),
    /// The rule names both IPv4 and IPv6: one packet cannot be of both.
    MixedFamilies,
    /// The new source or destination port is 0, which is reserved (RFC 6335 section 6).
    PortZero,
}

impl fmt::Display for UdpRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(rules) => write!(f, "there are {rules} rules already"),
            Self::MixedFamilies => f.write_str("the rule names both IPv4 and IPv6"),
            Self::PortZero => f.write_str("a packet cannot be given the UDP port 0"),
        }
    }
}

impl core::error::Error for UdpRuleError {}

//! How a router behaves, and why it refuses.

use core::fmt;
use core::time::Duration;

use super::Rate;
use crate::packet::PortId;

/// How a router behaves.
///
/// ```
/// use linecard::forward::router::{LocalTraffic, RouterConfig};
/// let config = RouterConfig { local: LocalTraffic::Punt, ..RouterConfig::default() };
/// assert_eq!(config.ttl, 64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterConfig {
    /// What becomes of packets to the router's own addresses that it does not speak itself.
    pub local: LocalTraffic,
    /// What becomes of packets with IPv4 options.
    pub options: OptionsPolicy,
    /// How many ICMP errors are sent (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)).
    pub errors: Rate,
    /// How many echo requests are answered.
    pub echoes: Rate,
    /// The TTL and hop limit of packets that the router makes.
    pub ttl: u8,
    /// How many packets wait for one neighbour at most; a further one takes the place of the
    /// oldest (RFC 4861 section 7.2.2).
    pub neighbour_queue: u16,
    /// How long an answer is waited for before a neighbour is asked again (RFC 4861 section 10:
    /// RETRANS_TIMER; RFC 1122 section 2.3.2.1 wants at least a second).
    pub retransmit: Duration,
    /// How often a neighbour is asked before it counts as gone (MAX_MULTICAST_SOLICIT).
    pub tries: u8,
    /// How long a neighbour's answer is good before it is asked again, directly, while packets go
    /// on to it (REACHABLE_TIME).
    pub reachable: Duration,
    /// How often a port says that it listens to the groups of a new IPv6 address, or of all when its
    /// link comes up (RFC 3810 section 9.1: Robustness Variable). With 0 it does not speak MLD: it answers no queries either.
    pub listener_reports: u8,
    /// Any number that nobody outside knows, so that nobody can choose addresses that collide in
    /// the neighbour table.
    pub seed: u64,
}

impl Default for RouterConfig {
    /// Own traffic is refused, options are passed on, 10,000 errors and 100,000 echo replies a
    /// second; the rest is as the RFCs have it.
    fn default() -> Self {
        Self {
            local: LocalTraffic::Refuse,
            options: OptionsPolicy::Pass,
            errors: Rate {
                per_second: 10_000,
                burst: 1_000,
            },
            echoes: Rate {
                per_second: 100_000,
                burst: 10_000,
            },
            ttl: 64,
            neighbour_queue: 32,
            retransmit: Duration::from_secs(1),
            tries: 3,
            reachable: Duration::from_secs(30),
            listener_reports: 2,
            seed: 0x2545_f491_4f6c_dd1d,
        }
    }
}

/// What becomes of packets to the router's own addresses that are neither ARP, neighbour discovery
/// nor echo requests.
///
/// ```
/// use linecard::forward::router::{LocalTraffic, RouterConfig};
/// assert_eq!(RouterConfig::default().local, LocalTraffic::Refuse);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalTraffic {
    /// They are answered by ICMP: protocol or port unreachable.
    Refuse,
    /// They are handed to the program, together with multicast and broadcast: for a control plane
    /// that has a stack of its own.
    Punt,
}

/// What becomes of packets with IPv4 options.
///
/// Source routes are never followed: such packets are dropped as
/// [`DropReason::OPTIONS`](crate::pipeline::DropReason::OPTIONS) (RFC 7126 sections 4.3 and 4.4).
///
/// ```
/// use linecard::forward::router::{OptionsPolicy, RouterConfig};
/// assert_eq!(RouterConfig::default().options, OptionsPolicy::Pass);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionsPolicy {
    /// They are forwarded with their options as they are. Record route and timestamp are not
    /// filled in, which RFC 1812 section 5.2.4 would have and RFC 7126 section 4.5 leaves open.
    Pass,
    /// They are dropped.
    Drop,
}

/// Why a router could not be made or changed.
///
/// ```
/// use linecard::forward::router::RouterError;
/// use linecard::packet::PortId;
/// assert_eq!(RouterError::NoSuchPort(PortId(9)).to_string(), "the router has no port 9");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouterError {
    /// Fewer than two hops or neighbours, or an index that has not more places than there are
    /// hops.
    TooLittleMemory,
    /// The port is past those that the router has memory for, or not configured.
    NoSuchPort(PortId),
    /// An MTU below 68 bytes (RFC 791), or below 1,280 on an interface that speaks IPv6 (RFC 8200
    /// section 5).
    MtuTooSmall(u16),
    /// Not an address that one station can have: multicast, broadcast, unspecified, loopback.
    NotUnicast,
    /// The interface has as many addresses as it can: [`Interface::ADDRESSES`](super::Interface::ADDRESSES).
    TooManyAddresses,
    /// The port has the address already, with another prefix length.
    OtherLink,
    /// All entries for next hops and neighbours are in use.
    TableFull,
    /// The next hop or address is not one of the router's.
    Unknown,
    /// The prefix length is longer than the address.
    PrefixLength(u8),
}

impl fmt::Display for RouterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLittleMemory => f.write_str(
                "the router needs two hops and neighbours at least, and an index with more places",
            ),
            Self::NoSuchPort(port) => write!(f, "the router has no {port}"),
            Self::MtuTooSmall(mtu) => write!(
                f,
                "an MTU of {mtu} is too small: IPv4 needs 68 bytes, IPv6 needs 1280"
            ),
            Self::NotUnicast => f.write_str("not an address that a station can have"),
            Self::TooManyAddresses => f.write_str("the interface can have no further address"),
            Self::OtherLink => {
                f.write_str("the port has the address already, with another prefix length")
            }
            Self::TableFull => f.write_str("all entries for next hops and neighbours are in use"),
            Self::Unknown => f.write_str("the router has no such next hop or address"),
            Self::PrefixLength(len) => write!(f, "a prefix length of {len} is too long"),
        }
    }
}

impl core::error::Error for RouterError {}

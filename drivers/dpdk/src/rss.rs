//! Which fields of a packet are hashed, by which key, and to which queue a hash goes.

use core::fmt;
use core::ops::{BitOr, Sub};
use std::vec::Vec;

use linecard::wire::rss::{KEY_LEN, SYMMETRIC_KEY_WORD};

use crate::error::Error;
use crate::ffi::{Info, Key, MOST_KEY};

/// How a device spreads packets over its queues (receive-side scaling).
///
/// The default is the device's own key and table, over every field that it offers. What is chosen
/// here is chosen, or [`Port::new`](crate::Port::new) says by name why it cannot be.
///
/// ```
/// use linecard_dpdk::{Config, Rss, RssFields, RssKey, RssTable};
///
/// let config = Config {
///     queues: 4,
///     rss: Rss {
///         fields: Some(RssFields::IP | RssFields::TCP | RssFields::UDP),
///         key: Some(RssKey::SYMMETRIC),
///         table: RssTable::First(3),
///         ..Rss::default()
///     },
///     ..Config::default()
/// };
/// assert_eq!(config.rss.fields.unwrap().to_string(), "ip+tcp+udp");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rss {
    /// What is hashed; all that the device offers if not given.
    pub fields: Option<RssFields>,
    /// The key; the device's own if not given.
    pub key: Option<RssKey>,
    /// How the hash is computed.
    pub function: RssFunction,
    /// Which queues packets go to.
    pub table: RssTable,
}

/// Kinds of packets whose addresses and ports are hashed: `RTE_ETH_RSS_*` of `rte_ethdev.h`.
///
/// A group ([`IP`](Self::IP), [`TCP`](Self::TCP), [`UDP`](Self::UDP), [`SCTP`](Self::SCTP)) means
/// those of it that the device offers, at least one; anything else must be offered.
///
/// ```
/// use linecard_dpdk::RssFields;
/// let fields = RssFields::named("tcp").unwrap() | RssFields::L3_SRC_ONLY;
/// assert!(fields.contains(RssFields::IPV6_TCP));
/// assert_eq!(fields.to_string(), "tcp+l3-src-only");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RssFields(u64);

/// The key of a hash.
///
/// ```
/// use linecard_dpdk::RssKey;
/// assert!(RssKey::new(&[0x6d; 40]).is_some());
/// assert!(RssKey::new(&[0; 65]).is_none(), "no device takes that many");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RssKey {
    bytes: [u8; MOST_KEY],
    /// None for a key that repeats, and is as long as the device wants it.
    len: Option<u8>,
}

/// How the hash is computed (`enum rte_eth_hash_function`). A libdpdk older than 23.11 lets nobody
/// choose when a port is set up.
///
/// ```
/// assert_eq!(linecard_dpdk::RssFunction::default(), linecard_dpdk::RssFunction::Device);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum RssFunction {
    /// As the device does it.
    #[default]
    Device = 0,
    /// Toeplitz's, as [`linecard::wire::rss`] computes it.
    Toeplitz = 1,
    /// Exclusive or of the fields.
    Xor = 2,
    /// Toeplitz's of the fields in an order that is the same for both directions.
    SymmetricToeplitz = 3,
}

/// Which queue a hash goes to.
///
/// ```
/// assert_eq!(linecard_dpdk::RssTable::default(), linecard_dpdk::RssTable::Device);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RssTable {
    /// As the device's driver sets it up, which is over all queues in turn.
    #[default]
    Device,
    /// The first so many queues in turn: the others get nothing but what a rule sends them.
    First(u16),
}

/// How a device spreads packets, as it says itself.
///
/// ```no_run
/// # fn example(port: linecard_dpdk::Port<'static>) {
/// let rss = port.rss();
/// println!("{} by a key of {} bytes", rss.fields, rss.key.len());
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RssState {
    /// What it can hash.
    pub offered: RssFields,
    /// What it hashes.
    pub fields: RssFields,
    /// Its key; empty if it does not say.
    pub key: Vec<u8>,
    /// The queue of each entry of its table; empty if it does not say.
    pub table: Vec<u16>,
}

/// What is to be asked of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// No bits: not at all.
    pub(crate) fields: u64,
    pub(crate) key: Key,
    /// Zero: the device's own.
    pub(crate) key_len: u8,
    pub(crate) function: u32,
    /// Entries of the table, and over how many queues; zero: the device's own.
    pub(crate) entries: u16,
    pub(crate) over: u16,
    /// Something of it was chosen by the program.
    pub(crate) chosen: bool,
}

impl Rss {
    /// What is to be asked of a device that can do this, with so many queues, and of which a hash for
    /// each packet is wanted or not.
    pub(crate) fn plan(&self, info: &Info, queues: u16, hash: bool) -> Result<Plan, Error> {
        let chosen = *self != Self::default();
        let offered = RssFields(info.rss);
        let mut plan = Plan {
            fields: 0,
            key: Key([0; MOST_KEY]),
            key_len: 0,
            function: self.function as u32,
            entries: 0,
            over: 0,
            chosen,
        };
        if offered.is_empty() {
            return match chosen {
                true => Err(Error::NoRss),
                false => Ok(plan),
            };
        }
        if !chosen && queues == 1 && !hash {
            return Ok(plan);
        }
        plan.fields = match self.fields {
            None => offered.0 & RssFields::TYPES,
            Some(wanted) => wanted.of(offered)?.0,
        };
        if let Some(key) = &self.key {
            // A device that does not say takes as many as nearly all do.
            let size = match info.key_size {
                0 => KEY_LEN,
                size => usize::from(size).min(MOST_KEY),
            };
            let len = key.len.map_or(size, usize::from);
            if len != size {
                return Err(Error::RssKey { len, wanted: size });
            }
            (plan.key, plan.key_len) = (Key(key.bytes), len as u8);
        }
        let (function, can) = (self.function as u32, info.functions);
        if function != 0 && can & 1 << function == 0 {
            return Err(Error::RssFunction {
                wanted: self.function,
            });
        }
        if let RssTable::First(over) = self.table {
            if over == 0 || over > queues {
                return Err(Error::Queues {
                    wanted: over,
                    most: queues,
                });
            }
            if info.table_size == 0 {
                return Err(Error::NoRssTable);
            }
            (plan.entries, plan.over) = (info.table_size, over);
        }
        Ok(plan)
    }
}

impl RssFields {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Addresses of IPv4.
    pub const IPV4: Self = Self(1 << 2);
    /// Addresses of fragments of IPv4.
    pub const FRAG_IPV4: Self = Self(1 << 3);
    /// Addresses and ports of TCP in IPv4.
    pub const IPV4_TCP: Self = Self(1 << 4);
    /// Addresses and ports of UDP in IPv4.
    pub const IPV4_UDP: Self = Self(1 << 5);
    /// Addresses and ports of SCTP in IPv4.
    pub const IPV4_SCTP: Self = Self(1 << 6);
    /// Addresses of IPv4 with something else in it.
    pub const IPV4_OTHER: Self = Self(1 << 7);
    /// Addresses of IPv6.
    pub const IPV6: Self = Self(1 << 8);
    /// Addresses of fragments of IPv6.
    pub const FRAG_IPV6: Self = Self(1 << 9);
    /// Addresses and ports of TCP in IPv6.
    pub const IPV6_TCP: Self = Self(1 << 10);
    /// Addresses and ports of UDP in IPv6.
    pub const IPV6_UDP: Self = Self(1 << 11);
    /// Addresses and ports of SCTP in IPv6.
    pub const IPV6_SCTP: Self = Self(1 << 12);
    /// Addresses of IPv6 with something else in it.
    pub const IPV6_OTHER: Self = Self(1 << 13);
    /// Ethernet's type and addresses of what is no IP.
    pub const L2_PAYLOAD: Self = Self(1 << 14);
    /// Addresses of IPv6 with extension headers.
    pub const IPV6_EX: Self = Self(1 << 15);
    /// Addresses and ports of TCP behind extension headers of IPv6.
    pub const IPV6_TCP_EX: Self = Self(1 << 16);
    /// Addresses and ports of UDP behind extension headers of IPv6.
    pub const IPV6_UDP_EX: Self = Self(1 << 17);
    /// The inner packet of VXLAN.
    pub const VXLAN: Self = Self(1 << 19);
    /// The inner packet of GENEVE.
    pub const GENEVE: Self = Self(1 << 20);
    /// The inner packet of NVGRE.
    pub const NVGRE: Self = Self(1 << 21);
    /// Ethernet's addresses.
    pub const ETH: Self = Self(1 << 24);
    /// The inner VLAN tag.
    pub const C_VLAN: Self = Self(1 << 26);
    /// Labels of MPLS.
    pub const MPLS: Self = Self(1 << 33);
    /// Of the ports, the destination's alone.
    pub const L4_DST_ONLY: Self = Self(1 << 60);
    /// Of the ports, the source's alone.
    pub const L4_SRC_ONLY: Self = Self(1 << 61);
    /// Of the IP addresses, the destination's alone.
    pub const L3_DST_ONLY: Self = Self(1 << 62);
    /// Of the IP addresses, the source's alone.
    pub const L3_SRC_ONLY: Self = Self(1 << 63);
    /// Addresses of any IP (`RTE_ETH_RSS_IP`).
    pub const IP: Self = Self(1 << 2 | 1 << 3 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 13 | 1 << 15);
    /// Addresses and ports of TCP (`RTE_ETH_RSS_TCP`).
    pub const TCP: Self = Self(1 << 4 | 1 << 10 | 1 << 16);
    /// Addresses and ports of UDP (`RTE_ETH_RSS_UDP`).
    pub const UDP: Self = Self(1 << 5 | 1 << 11 | 1 << 17);
    /// Addresses and ports of SCTP (`RTE_ETH_RSS_SCTP`).
    pub const SCTP: Self = Self(1 << 6 | 1 << 12);

    /// The bits that name kinds of packets, and not what of them: those above say which level, side or
    /// prefix, and are not taken all at once.
    const TYPES: u64 = (1 << 50) - 1;

    /// DPDK's bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// By DPDK's bits, also those that have no name here.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// By its name, as [`Display`](fmt::Display) writes one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut names = GROUPS.into_iter().chain(SINGLE);
        names
            .find(|&(known, _)| known == name)
            .map(|(_, field)| field)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those of it that are offered, if that is enough.
    fn of(self, offered: Self) -> Result<Self, Error> {
        let mut missing = self - offered;
        for (_, group) in GROUPS {
            if self.contains(group) && offered.0 & group.0 != 0 {
                missing = missing - group;
            }
        }
        match missing.is_empty() && !self.is_empty() {
            true => Ok(Self(self.0 & offered.0)),
            false => Err(Error::RssFields { missing, offered }),
        }
    }
}

impl BitOr for RssFields {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sub for RssFields {
    type Output = Self;

    /// Without those of `other`.
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for RssFields {
    /// The names, joined by `+`; bits without a name in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = *self;
        let mut between = "";
        for (name, field) in GROUPS.into_iter().chain(SINGLE) {
            if rest.contains(field) {
                write!(f, "{between}{name}")?;
                rest = rest - field;
                between = "+";
            }
        }
        match (rest.0, between) {
            (0, "") => f.write_str("nothing"),
            (0, _) => Ok(()),
            (bits, between) => write!(f, "{between}{bits:#x}"),
        }
    }
}

impl RssKey {
    /// The usual key that gives both directions of a flow the same hash
    /// ([`SYMMETRIC_KEY`](linecard::wire::rss::SYMMETRIC_KEY)), as long as the device wants it.
    pub const SYMMETRIC: Self = {
        let [high, low] = SYMMETRIC_KEY_WORD.to_be_bytes();
        let mut bytes = [high; MOST_KEY];
        let mut at = 1;
        while at < MOST_KEY {
            bytes[at] = low;
            at += 2;
        }
        Self { bytes, len: None }
    };

    /// A key of these bytes, 1 to 64. Most devices take 40, some 52: what the port's does not take is
    /// refused when it is set up.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        let mut bytes = [0; MOST_KEY];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        let len = u8::try_from(key.len()).ok().filter(|&len| len > 0)?;
        Some(Self {
            bytes,
            len: Some(len),
        })
    }
}

impl fmt::Debug for RssKey {
    /// Not the bytes: who knows them can send everything to one queue.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len {
            None => f.write_str("RssKey::SYMMETRIC"),
            Some(len) => write!(f, "RssKey({len} bytes)"),
        }
    }
}

/// Names of groups.
const GROUPS: [(&str, RssFields); 4] = [
    ("ip", RssFields::IP),
    ("tcp", RssFields::TCP),
    ("udp", RssFields::UDP),
    ("sctp", RssFields::SCTP),
];

/// Names of what is in groups, and of what is in none.
const SINGLE: [(&str, RssFields); 26] = [
    ("ipv4", RssFields::IPV4),
    ("ipv4-frag", RssFields::FRAG_IPV4),
    ("ipv4-tcp", RssFields::IPV4_TCP),
    ("ipv4-udp", RssFields::IPV4_UDP),
    ("ipv4-sctp", RssFields::IPV4_SCTP),
    ("ipv4-other", RssFields::IPV4_OTHER),
    ("ipv6", RssFields::IPV6),
    ("ipv6-frag", RssFields::FRAG_IPV6),
    ("ipv6-tcp", RssFields::IPV6_TCP),
    ("ipv6-udp", RssFields::IPV6_UDP),
    ("ipv6-sctp", RssFields::IPV6_SCTP),
    ("ipv6-other", RssFields::IPV6_OTHER),
    ("l2-payload", RssFields::L2_PAYLOAD),
    ("ipv6-ex", RssFields::IPV6_EX),
    ("ipv6-tcp-ex", RssFields::IPV6_TCP_EX),
    ("ipv6-udp-ex", RssFields::IPV6_UDP_EX),
    ("vxlan", RssFields::VXLAN),
    ("geneve", RssFields::GENEVE),
    ("nvgre", RssFields::NVGRE),
    ("eth", RssFields::ETH),
    ("c-vlan", RssFields::C_VLAN),
    ("mpls", RssFields::MPLS),
    ("l4-dst-only", RssFields::L4_DST_ONLY),
    ("l4-src-only", RssFields::L4_SRC_ONLY),
    ("l3-dst-only", RssFields::L3_DST_ONLY),
    ("l3-src-only", RssFields::L3_SRC_ONLY),
];

#[cfg(test)]
#[path = "rss_tests.rs"]
mod tests;

//! Ports, routes, neighbours, pairs and UDP rules, a line each.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use heapless::Vec;
use linecard::forward::router::IpPrefix;
use linecard::forward::udp::{Endpoint, Network, UdpRule};
use linecard::packet::PortId;
use linecard::wire::MacAddr;

use super::{Config, Port};

/// An address with the length of its network's prefix.
///
/// ```
/// use linecard_unikernel::config::Cidr;
/// let own: Cidr = "192.0.2.1/24".parse().unwrap();
/// assert!(own.contains("192.0.2.77".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// The address, with the bits behind the prefix as written.
    pub address: IpAddr,
    /// Bits of the prefix.
    pub prefix: u8,
}

/// Where packets for a prefix go.
///
/// ```
/// use linecard_unikernel::config::Config;
/// let config = Config::parse("--port virtio,addr=192.0.2.1/24 --route \"::/0 port port0\"")?;
/// assert_eq!((config.routes[0].port, config.routes[0].via), (0, None));
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Which packets.
    pub prefix: IpPrefix,
    /// The gateway; none means that the prefix is on the link.
    pub via: Option<IpAddr>,
    /// The port's number.
    pub port: usize,
}

/// A station that need not be asked for.
///
/// ```
/// use linecard_unikernel::config::Config;
/// let config = Config::parse(
///     "--port virtio,addr=192.0.2.1/24 --neighbour \"192.0.2.2 02:00:00:00:00:02\"",
/// )?;
/// assert_eq!(config.neighbours[0].port, 0);
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The port's number.
    pub port: usize,
}

/// A UDP rule, but for the Ethernet source that its outgoing port gives.
///
/// ```
/// use linecard_unikernel::config::Config;
/// let config = Config::parse("--port virtio --udp \"dst *:53 to port port0 dst *:5353\"")?;
/// assert_eq!(config.udp[0].rule.new_destination_port, Some(5353));
/// # Ok::<(), linecard_unikernel::config::ConfigError<'_>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpText {
    /// The rule.
    pub rule: UdpRule,
    /// The Ethernet source is to be that of the port by which packets leave.
    pub own_source: bool,
}

impl Cidr {
    /// Whether `address` is of this prefix's family and inside it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let network = |address| IpPrefix::new(address, self.prefix).ok();
        self.address.is_ipv4() == address.is_ipv4() && network(self.address) == network(address)
    }
}

impl FromStr for Cidr {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').ok_or(())?;
        let address = address.parse().map_err(|_| ())?;
        let prefix = prefix.parse().map_err(|_| ())?;
        IpPrefix::new(address, prefix).map_err(|_| ())?;
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// `virtio[:N][,name=NAME][,addr=CIDR]...[,mac=MAC]`
pub(super) fn port(text: &str) -> Option<Port<'_>> {
    let mut parts = text.split(',');
    let device = match parts.next()? {
        "virtio" => None,
        other => Some(other.strip_prefix("virtio:")?.parse().ok()?),
    };
    let mut port = Port {
        name: "",
        device,
        addresses: Vec::new(),
        mac: None,
    };
    for part in parts {
        match part.split_once('=')? {
            ("name", name) if !name.is_empty() => port.name = name,
            ("addr", address) => port.addresses.push(address.parse().ok()?).ok()?,
            ("mac", address) => port.mac = Some(mac(address)?),
            _ => return None,
        }
    }
    Some(port)
}

/// `PREFIX via ADDRESS [port NAME]` or `PREFIX port NAME`
pub(super) fn route(text: &str, config: &Config<'_>) -> Option<Route> {
    let mut words = text.split_ascii_whitespace();
    let prefix: IpPrefix = words.next()?.parse().ok()?;
    let (mut via, mut port) = (None, None);
    while let Some(word) = words.next() {
        match word {
            "via" if via.is_none() => via = Some(words.next()?.parse::<IpAddr>().ok()?),
            "port" if port.is_none() => port = Some(config.port(words.next()?)?),
            _ => return None,
        }
    }
    let port = match (port, via) {
        (Some(port), _) => port,
        (None, Some(via)) => config.link_of(via)?,
        (None, None) => return None,
    };
    Some(Route { prefix, via, port })
}

/// `ADDRESS MAC [port NAME]`
pub(super) fn neighbour(text: &str, config: &Config<'_>) -> Option<Neighbour> {
    let mut words = text.split_ascii_whitespace();
    let address: IpAddr = words.next()?.parse().ok()?;
    let mac = mac(words.next()?)?;
    let port = match (words.next(), words.next()) {
        (Some("port"), Some(name)) => config.port(name)?,
        (None, None) => config.link_of(address)?,
        _ => return None,
    };
    words
        .next()
        .is_none()
        .then_some(Neighbour { address, mac, port })
}

/// `NAME NAME`
pub(super) fn pair(text: &str, config: &Config<'_>) -> Option<(usize, usize)> {
    let (a, b) = text.trim_ascii().split_once(' ')?;
    Some((config.port(a)?, config.port(b.trim_ascii_start())?))
}

/// `[port NAME] [src PATTERN] [dst PATTERN] to port NAME [src ENDPOINT] [dst ENDPOINT] [dst-mac MAC
/// [src-mac MAC]]`
pub(super) fn udp(text: &str, config: &Config<'_>) -> Option<UdpText> {
    let mut words = text.split_ascii_whitespace();
    let mut rule = UdpRule::to(PortId(0));
    let (mut matching, mut to) = (true, None);
    while let Some(word) = words.next() {
        if matching && word == "to" {
            matching = false;
            continue;
        }
        let value = words.next()?;
        match (matching, word) {
            (true, "port") => rule.from = Some(PortId(config.port(value)? as u16)),
            (true, "src") => rule.source = pattern(value)?,
            (true, "dst") => rule.destination = pattern(value)?,
            (false, "port") => to = Some(config.port(value)?),
            (false, "src") => (rule.new_source, rule.new_source_port) = endpoint(value)?,
            (false, "dst") => (rule.new_destination, rule.new_destination_port) = endpoint(value)?,
            (false, "src-mac") => rule.new_source_mac = Some(mac(value)?),
            (false, "dst-mac") => rule.new_destination_mac = Some(mac(value)?),
            _ => return None,
        }
    }
    rule.to = PortId(to? as u16);
    let own_source = rule.new_destination_mac.is_some() && rule.new_source_mac.is_none();
    Some(UdpText { rule, own_source })
}

fn mac(text: &str) -> Option<MacAddr> {
    text.parse().ok().filter(|mac: &MacAddr| mac.is_unicast())
}

/// `ADDRESS[/LENGTH][:PORT]`, `[IPV6[/LENGTH]]:PORT` or `*:PORT`
fn pattern(text: &str) -> Option<Endpoint> {
    if let Some(network) = network(text) {
        return Some(Endpoint {
            network: Some(network),
            port: None,
        });
    }
    let (host, port) = text.rsplit_once(':')?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    Some(Endpoint {
        network: match host {
            "*" => None,
            host => Some(network(host)?),
        },
        port: Some(port.parse().ok()?),
    })
}

/// `ADDRESS[:PORT]`, `[IPV6]:PORT` or `*:PORT`
fn endpoint(text: &str) -> Option<(Option<IpAddr>, Option<u16>)> {
    if let Some(port) = text.strip_prefix("*:") {
        return Some((None, Some(port.parse().ok()?)));
    }
    if let Ok(address) = text.parse() {
        return Some((Some(address), None));
    }
    let both: SocketAddr = text.parse().ok()?;
    Some((Some(both.ip()), Some(both.port())))
}

fn network(text: &str) -> Option<Network> {
    if let Ok(address) = text.parse() {
        return Some(Network::host(address));
    }
    let cidr: Cidr = text.parse().ok()?;
    Network::new(cidr.address, cidr.prefix)
}

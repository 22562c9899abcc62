//! The ends of a UDP flow: a [`Pattern`] that packets are compared with, an [`Endpoint`] that is
//! written into them.

use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use super::values::Cidr;

/// Which addresses and UDP ports match: `ADDRESS`, `ADDRESS/LENGTH`, either with `:PORT` behind it
/// (IPv6 in brackets then), or `*:PORT` for any address.
///
/// ```
/// use linecard_linux::config::Pattern;
///
/// let dns: Pattern = "10.0.0.0/8:53".parse().unwrap();
/// assert_eq!(dns.network.unwrap().prefix, 8);
/// assert_eq!(dns.port, Some(53));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pattern {
    /// The network, no bits set behind its length; none matches every address of either version.
    pub network: Option<Cidr>,
    /// The UDP port; none matches every port.
    pub port: Option<u16>,
}

/// An address, a UDP port, both, or neither: what is written into a packet.
///
/// ```
/// use linecard_linux::config::Endpoint;
///
/// let dns: Endpoint = "*:53".parse().unwrap();
/// assert_eq!((dns.address, dns.port), (None, Some(53)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// The address; none leaves it.
    pub address: Option<IpAddr>,
    /// The UDP port; none leaves it.
    pub port: Option<u16>,
}

impl Pattern {
    /// What a message says a pattern looks like.
    pub(crate) const EXPECTED: &str = "ADDRESS[/LENGTH][:PORT], [IPV6[/LENGTH]]:PORT or *:PORT";
}

impl Endpoint {
    /// What a message says an endpoint looks like.
    pub(crate) const EXPECTED: &str = "ADDRESS[:PORT], [IPV6]:PORT or *:PORT";
}

impl FromStr for Pattern {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(network) = network(text) {
            return Ok(Self {
                network: Some(network),
                port: None,
            });
        }
        let (host, number) = text.rsplit_once(':').ok_or(())?;
        let network = match host {
            "*" => None,
            _ => match host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
            {
                Some(host) => Some(
                    network(host)
                        .ok()
                        .filter(|n| n.address.is_ipv6())
                        .ok_or(())?,
                ),
                None => Some(
                    network(host)
                        .ok()
                        .filter(|n| n.address.is_ipv4())
                        .ok_or(())?,
                ),
            },
        };
        Ok(Self {
            network,
            port: Some(port(number)?),
        })
    }
}

impl FromStr for Endpoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(number) = text.strip_prefix("*:") {
            return Ok(Self {
                address: None,
                port: Some(port(number)?),
            });
        }
        if let Ok(address) = text.parse() {
            return Ok(Self {
                address: Some(address),
                port: None,
            });
        }
        let both: SocketAddr = text.parse().map_err(|_| ())?;
        Ok(Self {
            address: Some(both.ip()),
            port: Some(both.port()),
        })
    }
}

/// An address alone is a network of its own.
fn network(text: &str) -> Result<Cidr, ()> {
    let cidr: Cidr = match text.parse::<IpAddr>() {
        Ok(address) => Cidr { address, prefix: 0 }.host(),
        Err(_) => text.parse()?,
    };
    (cidr.network() == cidr).then_some(cidr).ok_or(())
}

fn port(text: &str) -> Result<u16, ()> {
    // `parse` would take a sign for a number.
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(|_| ()),
        false => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_in_all_their_forms() {
        let pattern = |network: Option<&str>, port| {
            Ok(Pattern {
                network: network.map(|text| text.parse().unwrap()),
                port,
            })
        };
        for (text, expected) in [
            ("192.0.2.1", pattern(Some("192.0.2.1/32"), None)),
            ("192.0.2.0/24", pattern(Some("192.0.2.0/24"), None)),
            ("192.0.2.0/24:53", pattern(Some("192.0.2.0/24"), Some(53))),
            ("192.0.2.1:1", pattern(Some("192.0.2.1/32"), Some(1))),
            ("2001:db8::1", pattern(Some("2001:db8::1/128"), None)),
            ("2001:db8::/32", pattern(Some("2001:db8::/32"), None)),
            (
                "[2001:db8::/32]:65535",
                pattern(Some("2001:db8::/32"), Some(65535)),
            ),
            ("*:53", pattern(None, Some(53))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for bad in [
            "",
            "*",
            "192.0.2.1:",
            "192.0.2.1:+1",
            "192.0.2.1:1-9",
            "192.0.2.1/24",
            "[192.0.2.1]:1",
            "192.0.2.1:65536",
            "[::1]",
        ] {
            assert_eq!(bad.parse::<Pattern>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn endpoints_in_all_their_forms() {
        let endpoint = |address: Option<&str>, port| {
            Ok(Endpoint {
                address: address.map(|text| text.parse().unwrap()),
                port,
            })
        };
        for (text, expected) in [
            ("192.0.2.1", endpoint(Some("192.0.2.1"), None)),
            ("192.0.2.1:53", endpoint(Some("192.0.2.1"), Some(53))),
            ("[2001:db8::1]:53", endpoint(Some("2001:db8::1"), Some(53))),
            ("2001:db8::1", endpoint(Some("2001:db8::1"), None)),
            ("*:53", endpoint(None, Some(53))),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
        for bad in ["", "*", "*:", "*:+1", "192.0.2.0/24", "192.0.2.1:x"] {
            assert_eq!(bad.parse::<Endpoint>(), Err(()), "{bad}");
        }
    }
}

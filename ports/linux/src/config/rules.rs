//! What a forwarder is told, a rule a line: routes, neighbours, pairs, UDP rules.
//!
//! | rule | text |
//! |---|---|
//! | route | `PREFIX via ADDRESS [port NAME]` or `PREFIX port NAME` |
//! | neighbour | `ADDRESS MAC [port NAME]` |
//! | pair | `NAME NAME` |
//! | UDP | `[port NAME] [src PATTERN] [dst PATTERN] to port NAME [src ENDPOINT] [dst ENDPOINT] [dst-mac MAC [src-mac MAC]]` |
//!
//! A PATTERN is `ADDRESS[/LENGTH][:PORT]`, `[IPV6[/LENGTH]]:PORT` or `*:PORT`; an ENDPOINT is
//! `ADDRESS[:PORT]`, `[IPV6]:PORT` or `*:PORT`.

use core::net::IpAddr;
use core::str::{FromStr, SplitWhitespace};

use linecard::wire::MacAddr;

use super::endpoint::{Endpoint, Pattern};
use super::error::Problem;
use super::values::{self, Cidr};

/// Where packets for a prefix go, with its port still a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteText {
    pub(crate) prefix: Cidr,
    pub(crate) via: Option<IpAddr>,
    pub(crate) port: Option<String>,
}

/// The station that has an address, with its port still a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NeighbourText {
    pub(crate) address: IpAddr,
    pub(crate) mac: MacAddr,
    pub(crate) port: Option<String>,
}

/// Two ports that are wired together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairText(pub(crate) String, pub(crate) String);

/// Which UDP packets are rewritten, and into what, with ports still names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UdpText {
    pub(crate) from: Option<String>,
    pub(crate) source: Pattern,
    pub(crate) destination: Pattern,
    pub(crate) to: String,
    pub(crate) new_source: Endpoint,
    pub(crate) new_destination: Endpoint,
    pub(crate) source_mac: Option<MacAddr>,
    pub(crate) destination_mac: Option<MacAddr>,
}

impl FromStr for RouteText {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut words = Words::of("route", text);
        let prefix: Cidr = words.value("prefix", Cidr::EXPECTED)?;
        if prefix.network() != prefix {
            return Err(Problem::Invalid {
                what: "prefix",
                value: prefix.to_string(),
                expected: "no bits set behind its length",
            });
        }
        let (mut via, mut port) = (None, None);
        while let Some(word) = words.next() {
            match word {
                "via" if via.is_none() => via = Some(words.value("address", ADDRESS)?),
                "port" if port.is_none() => port = Some(words.name()?),
                _ => return Err(words.unexpected(word, &["via", "port"])),
            }
        }
        if via.is_none() && port.is_none() {
            return Err(Problem::Missing {
                what: "where the route leads",
                hint: "write `PREFIX via ADDRESS` or `PREFIX port NAME`",
            });
        }
        if via.is_some_and(|via: IpAddr| via.is_ipv4() != prefix.address.is_ipv4()) {
            return Err(Problem::Misplaced {
                what: "the next hop",
                reason: "prefix and next hop must both be IPv4 or both IPv6",
            });
        }
        Ok(Self { prefix, via, port })
    }
}

impl FromStr for NeighbourText {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut words = Words::of("neighbour", text);
        let address = words.value("address", ADDRESS)?;
        let mac = words.mac()?;
        let mut port = None;
        while let Some(word) = words.next() {
            match word {
                "port" if port.is_none() => port = Some(words.name()?),
                _ => return Err(words.unexpected(word, &["port"])),
            }
        }
        Ok(Self { address, mac, port })
    }
}

impl FromStr for PairText {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut words = Words::of("pair of ports", text);
        let (a, b) = (words.name()?, words.name()?);
        match words.next() {
            None => Ok(Self(a, b)),
            Some(word) => Err(words.unexpected(word, &[])),
        }
    }
}

impl FromStr for UdpText {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let mut words = Words::of("UDP rule", text);
        let (mut from, mut to) = (None, None);
        let (mut source, mut destination) = (None::<Pattern>, None::<Pattern>);
        let (mut new_source, mut new_destination) = (None::<Endpoint>, None::<Endpoint>);
        let (mut source_mac, mut destination_mac) = (None, None);
        let mut matching = true;
        while let Some(word) = words.next() {
            // Before `to` a word says what to match, behind it what to write.
            match (matching, word) {
                (true, "to") => matching = false,
                (true, "port") if from.is_none() => from = Some(words.name()?),
                (true, "src") if source.is_none() => source = Some(words.pattern()?),
                (true, "dst") if destination.is_none() => destination = Some(words.pattern()?),
                (true, _) => {
                    return Err(words.unexpected(word, &["port", "src", "dst", "to"]));
                }
                (false, "port") if to.is_none() => to = Some(words.name()?),
                (false, "src") if new_source.is_none() => new_source = Some(words.endpoint()?),
                (false, "dst") if new_destination.is_none() => {
                    new_destination = Some(words.endpoint()?);
                }
                (false, "src-mac") if source_mac.is_none() => source_mac = Some(words.mac()?),
                (false, "dst-mac") if destination_mac.is_none() => {
                    destination_mac = Some(words.mac()?);
                }
                (false, _) => {
                    let known = ["port", "src", "dst", "src-mac", "dst-mac"];
                    return Err(words.unexpected(word, &known));
                }
            }
        }
        if source_mac.is_some() && destination_mac.is_none() {
            return Err(Problem::Missing {
                what: "the Ethernet destination",
                hint: "write `dst-mac MAC` beside `src-mac MAC`",
            });
        }
        let [source, destination] = [source, destination].map(Option::unwrap_or_default);
        let [new_source, new_destination] =
            [new_source, new_destination].map(Option::unwrap_or_default);
        // An address of the other family cannot be written into the packet that matched.
        let families = [
            source.network.map(|network| network.address),
            destination.network.map(|network| network.address),
            new_source.address,
            new_destination.address,
        ]
        .map(|address| address.map(|address| address.is_ipv4()));
        if families.contains(&Some(true)) && families.contains(&Some(false)) {
            return Err(Problem::Misplaced {
                what: "an IPv6 address",
                reason: "this rule also has an IPv4 address, and packets are not translated",
            });
        }
        Ok(Self {
            from,
            source,
            destination,
            to: to.ok_or(Problem::Missing {
                what: "where the packets go",
                hint: "end the rule with `to port NAME ...`",
            })?,
            new_source,
            new_destination,
            source_mac,
            destination_mac,
        })
    }
}

/// The words of one rule.
struct Words<'t> {
    rule: &'static str,
    text: &'t str,
    words: SplitWhitespace<'t>,
}

impl<'t> Words<'t> {
    fn of(rule: &'static str, text: &'t str) -> Self {
        Self {
            rule,
            text,
            words: text.split_whitespace(),
        }
    }

    fn next(&mut self) -> Option<&'t str> {
        self.words.next()
    }

    fn value<T: FromStr>(
        &mut self,
        what: &'static str,
        expected: &'static str,
    ) -> Result<T, Problem> {
        let word = self.next().unwrap_or_default();
        word.parse().map_err(|_| Problem::Invalid {
            what,
            value: word.into(),
            expected,
        })
    }

    fn mac(&mut self) -> Result<MacAddr, Problem> {
        let mac: MacAddr = self.value("MAC address", values::MAC)?;
        if !mac.is_unicast() {
            return Err(Problem::Invalid {
                what: "MAC address",
                value: mac.to_string(),
                expected: values::MAC,
            });
        }
        Ok(mac)
    }

    fn endpoint(&mut self) -> Result<Endpoint, Problem> {
        self.value("endpoint", Endpoint::EXPECTED)
    }

    fn pattern(&mut self) -> Result<Pattern, Problem> {
        self.value("pattern", Pattern::EXPECTED)
    }

    fn name(&mut self) -> Result<String, Problem> {
        self.next().map(String::from).ok_or(Problem::Missing {
            what: "a port's name",
            hint: "write it behind `port`; ports without one are called port0, port1, ...",
        })
    }

    fn unexpected(&self, word: &str, known: &[&str]) -> Problem {
        if known.contains(&word) {
            return Problem::Duplicate {
                what: "the word",
                value: word.into(),
            };
        }
        if known.is_empty() {
            return Problem::Invalid {
                what: self.rule,
                value: self.text.into(),
                expected: "nothing more",
            };
        }
        Problem::Unknown {
            what: "word",
            value: word.into(),
            known: known.iter().map(|&word| word.into()).collect(),
        }
    }
}

const ADDRESS: &str = "an IPv4 or IPv6 address";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes() {
        let route: RouteText = "10.0.0.0/8 via 192.0.2.1 port wan".parse().unwrap();
        assert_eq!(route.prefix.to_string(), "10.0.0.0/8");
        assert_eq!(route.via, Some([192, 0, 2, 1].into()));
        assert_eq!(route.port.as_deref(), Some("wan"));
        let route: RouteText = "::/0 port wan".parse().unwrap();
        assert_eq!(route.via, None);
        for (text, message) in [
            (
                "",
                "`` is no prefix; expected as 192.0.2.1/24 or 2001:db8::1/64",
            ),
            (
                "10.0.0.1/8 via 192.0.2.1",
                "`10.0.0.1/8` is no prefix; expected no bits set behind its length",
            ),
            (
                "10.0.0.0/8",
                "where the route leads is missing; \
                 write `PREFIX via ADDRESS` or `PREFIX port NAME`",
            ),
            (
                "10.0.0.0/8 via",
                "`` is no address; expected an IPv4 or IPv6 address",
            ),
            (
                "10.0.0.0/8 via fe80::1",
                "the next hop has no use here: \
                 prefix and next hop must both be IPv4 or both IPv6",
            ),
            (
                "10.0.0.0/8 dev eth0",
                "unknown word `dev`; known: via, port",
            ),
            ("10.0.0.0/8 port a port b", "the word `port` is there twice"),
        ] {
            let error = text.parse::<RouteText>().unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    }

    #[test]
    fn neighbours_and_pairs() {
        let neighbour: NeighbourText = "fe80::1 02:00:00:00:00:01 port lan".parse().unwrap();
        assert_eq!(neighbour.mac, MacAddr([2, 0, 0, 0, 0, 1]));
        let error = "192.0.2.1 ff:ff:ff:ff:ff:ff".parse::<NeighbourText>();
        assert_eq!(
            error.unwrap_err().to_string(),
            "`ff:ff:ff:ff:ff:ff` is no MAC address; \
             expected a unicast address of six bytes in hexadecimal, as 02:00:00:00:00:01"
        );
        assert_eq!("a b".parse(), Ok(PairText("a".into(), "b".into())));
        assert_eq!(
            "a b c".parse::<PairText>().unwrap_err().to_string(),
            "`a b c` is no pair of ports; expected nothing more"
        );
    }

    #[test]
    fn udp_rules() {
        let rule: UdpText = "port a dst 192.0.2.1:53 \
             to port b src 198.51.100.1 dst *:5353 dst-mac 02:00:00:00:00:02"
            .parse()
            .unwrap();
        assert_eq!(rule.from.as_deref(), Some("a"));
        assert_eq!(rule.source, Pattern::default());
        assert_eq!(rule.destination.port, Some(53));
        assert_eq!(rule.to, "b");
        assert_eq!(rule.new_source.address, Some([198, 51, 100, 1].into()));
        assert_eq!(rule.new_destination, "*:5353".parse().unwrap());
        assert_eq!(rule.destination_mac, Some(MacAddr([2, 0, 0, 0, 0, 2])));
        for (text, message) in [
            (
                "dst 192.0.2.1",
                "where the packets go is missing; end the rule with `to port NAME ...`",
            ),
            (
                "dst-mac 02:00:00:00:00:02 to port b",
                "unknown word `dst-mac`; known: port, src, dst, to",
            ),
            (
                "dst 192.0.2.1 to port b dst ::1",
                "an IPv6 address has no use here: \
                 this rule also has an IPv4 address, and packets are not translated",
            ),
            (
                "dst 192.0.2.1:x to port b",
                "`192.0.2.1:x` is no pattern; \
                 expected ADDRESS[/LENGTH][:PORT], [IPV6[/LENGTH]]:PORT or *:PORT",
            ),
            (
                "to port b dst 192.0.2.0/24",
                "`192.0.2.0/24` is no endpoint; expected ADDRESS[:PORT], [IPV6]:PORT or *:PORT",
            ),
            (
                "to port b src-mac 02:00:00:00:00:02",
                "the Ethernet destination is missing; write `dst-mac MAC` beside `src-mac MAC`",
            ),
            (
                "to port b to port c",
                "unknown word `to`; known: port, src, dst, src-mac, dst-mac",
            ),
        ] {
            let error = text.parse::<UdpText>().unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    }
}

//! A router as configured: its tables filled, its memory sized, its interfaces set up.

use core::net::IpAddr;
use std::collections::HashSet;

use linecard::forward::router::{
    ChangeError, Hop, Interface, InterfaceConfig, IpPrefix, LinkLocal, Neighbour, Parked, Router,
    RouterConfig, RouterMemory, RouterStats, Routes, Target,
};
use linecard::lookup::{
    CacheLine, Lpm4, Lpm4Config, Lpm4Reader, Lpm6, Lpm6Config, Lpm6Reader, NextHop,
};
use linecard::packet::PortId;
use linecard::wire::MacAddr;

use crate::config::{self, Cidr};
use crate::error::Error;
use crate::memory::{PagePolicy, Table};

/// A router whose tables are DIR-24-8 for IPv4 and a trie for IPv6.
pub(crate) type TableRouter<'m, 'p> = Router<'m, 'p, Lpm4Reader<'m>, Lpm6Reader<'m>>;

/// What a router must know of a port.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) mac: MacAddr,
    pub(crate) mtu: usize,
    pub(crate) addresses: Vec<Cidr>,
}

/// Sets up a router and hands it to `run`, with how many entries it has room for; its tables live until
/// `run` returns.
pub(crate) fn with_router<'p, T>(
    config: &config::Router,
    facts: &[Facts],
    pages: PagePolicy,
    behaviour: RouterConfig,
    run: impl FnOnce(TableRouter<'_, 'p>, usize) -> Result<T, Error>,
) -> Result<T, Error> {
    let failed = |error: Box<dyn core::error::Error + Send + Sync>| Error::Forwarder {
        forwarder: "router",
        source: error,
    };
    let size = Size::of(config, facts);
    let mut lines4 = table("IPv4 routes", size.ipv4.lines(), pages)?;
    let mut lines6 = table("IPv6 routes", size.ipv6.lines(), pages)?;
    let mut routes = Routes::new(
        Lpm4::new(size.ipv4, &mut lines4).map_err(|error| failed(error.into()))?,
        Lpm6::new(size.ipv6, &mut lines6).map_err(|error| failed(error.into()))?,
    );
    let (ipv4, ipv6) = routes.readers();

    let mut interfaces = vec![Interface::NONE; facts.len()];
    let mut hops = vec![Hop::NONE; size.entries];
    let mut neighbours = vec![Neighbour::NONE; size.entries];
    let mut index = vec![[0; 4]; size.entries];
    let mut parked: Vec<Parked<'p>> = (0..PARKED).map(|_| Parked::EMPTY).collect();
    let stats = RouterStats::new();
    let memory = RouterMemory {
        interfaces: &mut interfaces,
        hops: &mut hops,
        neighbours: &mut neighbours,
        index: &mut index,
        parked: &mut parked,
        stats: &stats,
    };
    let mut router =
        Router::new(memory, ipv4, ipv6, behaviour).map_err(|error| failed(error.into()))?;
    fill(&mut router, &mut routes, config, facts).map_err(failed)?;
    run(router, size.entries)
}

/// Interfaces, addresses, routes and neighbours.
fn fill(
    router: &mut TableRouter<'_, '_>,
    routes: &mut Routes<'_>,
    config: &config::Router,
    facts: &[Facts],
) -> Result<(), Box<dyn core::error::Error + Send + Sync>> {
    for (port, facts) in (0..).map(PortId).zip(facts) {
        let mtu = u16::try_from(facts.mtu).unwrap_or(u16::MAX);
        let mut interface = InterfaceConfig::new(facts.mac, mtu);
        // Too little for IPv6 (RFC 8200 section 5) is enough for who does not ask for it.
        if mtu < 1280 && facts.addresses.iter().all(|own| own.address.is_ipv4()) {
            interface.link_local = LinkLocal::None;
        }
        router.set_interface(port, interface)?;
        for own in &facts.addresses {
            routes
                .add_address(router, port, own.address, own.prefix)
                .map_err(|error| format!("address {own}: {error}"))?;
        }
    }
    for route in &config.routes {
        let port = PortId(route.port as u16);
        let target = match route.via {
            Some(address) => Target::Gateway(port, address),
            None => Target::Connected(port),
        };
        IpPrefix::new(route.prefix.address, route.prefix.prefix)
            .map_err(ChangeError::from)
            .and_then(|prefix| routes.add(router, prefix, target))
            .map_err(|error| format!("route to {}: {error}", route.prefix))?;
    }
    for neighbour in &config.neighbours {
        let port = PortId(neighbour.port as u16);
        router
            .set_neighbour(port, neighbour.address, neighbour.mac)
            .map_err(|error| format!("neighbour {}: {error}", neighbour.address))?;
    }
    Ok(())
}

/// How much memory the configured routes and neighbours take.
struct Size {
    ipv4: Lpm4Config,
    ipv6: Lpm6Config,
    entries: usize,
}

impl Size {
    fn of(config: &config::Router, facts: &[Facts]) -> Self {
        let own = facts.iter().flat_map(|facts| &facts.addresses);
        // An address may need a route of its own, beside that of its link.
        let prefixes = own
            .flat_map(|own| [own.network(), own.host()])
            .chain(config.routes.iter().map(|route| route.prefix));
        let (mut routes4, mut routes6) = (0, 0);
        // Where the tables branch: after 24 bits, and after 20, 32, 40, 48 and so on.
        let mut nodes4 = HashSet::new();
        let (mut wide6, mut nodes6) = (HashSet::new(), HashSet::new());
        for prefix in prefixes {
            match prefix.address {
                IpAddr::V4(address) => {
                    routes4 += 1;
                    if prefix.prefix > 24 {
                        nodes4.insert(address.to_bits() >> 8);
                    }
                }
                IpAddr::V6(address) => {
                    routes6 += 1;
                    let bits = address.to_bits();
                    if prefix.prefix > 20 {
                        wide6.insert(bits >> 108);
                    }
                    for depth in (32..prefix.prefix).step_by(8) {
                        nodes6.insert((depth, bits >> (128 - u32::from(depth))));
                    }
                }
            }
        }
        let gateways: HashSet<_> = config
            .routes
            .iter()
            .map(|route| (route.port, route.via))
            .collect();
        let addresses: usize = facts.iter().map(|facts| facts.addresses.len()).sum();
        // An address has up to three entries: itself and two broadcasts. A port has two more: its
        // link, and its link-local address.
        let entries =
            gateways.len() + config.neighbours.len() + 3 * addresses + 2 * facts.len() + NEIGHBOURS;
        Self {
            ipv4: Lpm4Config {
                routes: routes4 + SPARE,
                nodes: nodes4.len() + SPARE,
            },
            ipv6: Lpm6Config {
                routes: routes6 + SPARE,
                wide_nodes: wide6.len() + SPARE,
                nodes: nodes6.len() + SPARE,
                leaves: nodes6.len() + SPARE,
            },
            entries: entries.min(usize::from(NextHop::MAX)),
        }
    }
}

fn table(
    purpose: &'static str,
    lines: usize,
    pages: PagePolicy,
) -> Result<Table<CacheLine>, Error> {
    Ok(Table::new(purpose, lines, pages, |_| CacheLine::ZERO)?)
}

/// Packets that wait for neighbours, of all neighbours together.
const PARKED: usize = 1_024;
/// Neighbours on connected links that are found while the router runs.
const NEIGHBOURS: usize = 4_096;
/// Room in the tables beyond what is configured.
const SPARE: usize = 16;

#[cfg(test)]
mod tests {
    use linecard::lookup::Prefix6;

    use super::*;
    use crate::config::Route;

    fn facts(mac: u8, addresses: &[&str]) -> Facts {
        Facts {
            mac: MacAddr([2, 0, 0, 0, 0, mac]),
            mtu: 1500,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }
    }

    fn route(prefix: &str, port: usize, via: Option<&str>) -> Route {
        Route {
            prefix: prefix.parse().unwrap(),
            port,
            via: via.map(|via| via.parse().unwrap()),
        }
    }

    #[test]
    fn there_is_room_for_all_that_is_configured() {
        let mut routes = vec![
            route("0.0.0.0/0", 1, Some("198.51.100.2")),
            route("2001:db8:ffff::/48", 0, Some("fe80::1")),
            route("203.0.113.128/25", 0, Some("192.0.2.9")),
            route("2001:db8:5::1/128", 1, None),
        ];
        for a in 0..=255 {
            routes.push(route(&format!("10.{a}.0.0/30"), 1, Some("198.51.100.3")));
            routes.push(route(&format!("2001:{a:x}00:0:1::/64"), 1, Some("fe80::2")));
            // Past the router's own addresses, which keep routes of their own.
            routes.push(route(&format!("192.0.2.{a}/32"), 0, None));
        }
        let config = config::Router {
            routes,
            ..config::Router::default()
        };
        let ports = [
            facts(1, &["192.0.2.1/24", "2001:db8::1/64"]),
            facts(2, &["198.51.100.1/24"]),
        ];
        let found = with_router(
            &config,
            &ports,
            PagePolicy::Never,
            RouterConfig::default(),
            |router, _| {
                let own = router.interface(PortId(0)).map(|port| port.ipv4().count());
                Ok((router.interface(PortId(2)).is_some(), own))
            },
        );
        assert_eq!(found.unwrap(), (false, Some(1)));
    }

    #[test]
    fn sizes_are_those_that_the_tables_need() {
        let config = config::Router {
            routes: vec![
                route("10.0.0.0/25", 0, None),
                route("10.0.0.128/25", 0, None),
                route("10.0.1.0/32", 0, None),
                route("2001:db8::/33", 0, None),
                route("2001:db8::/41", 0, None),
                route("2001:db8:1::/48", 0, None),
            ],
            ..config::Router::default()
        };
        let size = Size::of(&config, &[]);
        assert_eq!(size.ipv4.routes, 3 + SPARE);
        assert_eq!(size.ipv4.nodes, 2 + SPARE);
        assert_eq!(size.ipv6.wide_nodes, 1 + SPARE);
        // After /32 one for all three; after /40 one for the second and third.
        assert_eq!(size.ipv6.nodes, 2 + SPARE);

        let mut lines6 = vec![CacheLine::ZERO; size.ipv6.lines()];
        let mut table = Lpm6::new(size.ipv6, &mut lines6).unwrap();
        for route in &config.routes {
            if let IpAddr::V6(address) = route.prefix.address {
                let prefix = Prefix6::new(address.to_bits(), route.prefix.prefix).unwrap();
                table.insert(prefix, NextHop::new(1).unwrap()).unwrap();
                assert!(table.reader().lookup(address.to_bits()).is_some());
            }
        }
    }

    #[test]
    fn a_port_too_small_for_ipv6_is_one_of_ipv4_alone() {
        let with = |addresses: &[&str]| {
            let config = config::Router::default();
            let mut ports = [facts(1, addresses)];
            ports[0].mtu = 1000;
            let behaviour = RouterConfig::default();
            with_router(
                &config,
                &ports,
                PagePolicy::Never,
                behaviour,
                |router, _| Ok(router.interface(PortId(0)).map(|own| own.ipv6().count())),
            )
        };
        assert_eq!(with(&["192.0.2.1/24"]).unwrap(), Some(0));
        assert_eq!(
            with(&["192.0.2.1/24", "2001:db8::1/64"])
                .unwrap_err()
                .to_string(),
            "router: an MTU of 1000 is too small: IPv4 needs 68 bytes, IPv6 needs 1280"
        );
    }

    #[test]
    fn an_address_that_cannot_be_is_named() {
        let config = config::Router::default();
        let ports = [facts(1, &["192.0.2.255/24"])];
        let refused = with_router(
            &config,
            &ports,
            PagePolicy::Never,
            RouterConfig::default(),
            |_, _| Ok(()),
        );
        assert_eq!(
            refused.unwrap_err().to_string(),
            "router: address 192.0.2.255/24: not an address that a station can have"
        );
    }
}

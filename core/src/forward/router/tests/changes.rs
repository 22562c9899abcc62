//! Changes of routes and addresses that find no room: nothing is changed then.

use core::net::IpAddr;
use std::string::String;

use proptest::prelude::*;

use super::*;
use crate::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm6, Lpm6Config};

/// What somebody asks for; addresses and prefixes by number.
#[derive(Debug, Clone)]
enum Ask {
    Add(usize, Target),
    Remove(usize),
    AddAddress(u16, usize, u8),
    RemoveAddress(u16, usize),
}

const PREFIXES: [&str; 10] = [
    "0.0.0.0/0",
    "192.0.2.0/24",
    "192.0.2.0/30",
    "192.0.2.1/32",
    "192.0.2.128/25",
    "198.51.100.0/24",
    "2001:db8::/32",
    "2001:db8::/64",
    "2001:db8::/126",
    "2001:db8::1/128",
];
const ADDRESSES: [&str; 6] = [
    "192.0.2.1",
    "192.0.2.2",
    "192.0.2.129",
    "198.51.100.1",
    "2001:db8::1",
    "2001:db8:0:1::1",
];

fn asks() -> impl Strategy<Value = Ask> {
    let target = prop_oneof![
        Just(Target::Blackhole),
        (0..2_u16).prop_map(|port| Target::Connected(PortId(port))),
        (0..2_u16).prop_map(|port| Target::Local(PortId(port))),
        (0..2_u16, 50..60_u8)
            .prop_map(|(port, host)| Target::Gateway(PortId(port), [192, 0, 2, host].into())),
    ];
    prop_oneof![
        3 => (0..PREFIXES.len(), target).prop_map(|(prefix, target)| Ask::Add(prefix, target)),
        2 => (0..PREFIXES.len()).prop_map(Ask::Remove),
        2 => (0..2_u16, 0..ADDRESSES.len(), prop::sample::select(vec![8_u8, 24, 31, 32]))
            .prop_map(|(port, address, len)| Ask::AddAddress(port, address, len)),
        1 => (0..2_u16, 0..ADDRESSES.len()).prop_map(|(port, at)| Ask::RemoveAddress(port, at)),
    ]
}

/// All that may not change: routes, addresses, and how many routes lead to each next hop.
fn picture<A: Lpm<u32>, B: Lpm<u128>>(
    routes: &Routes<'_>,
    router: &Router<'_, '_, A, B>,
) -> Vec<String> {
    let (ipv4, ipv6) = routes.tables();
    let mut all: Vec<_> = ipv4
        .routes()
        .map(|route| std::format!("{route:?}"))
        .collect();
    all.extend(ipv6.routes().map(|route| std::format!("{route:?}")));
    for port in [PortId(0), PortId(1)] {
        let interface = router.interface(port).unwrap();
        let (ipv4, ipv6) = (interface.ipv4(), interface.ipv6());
        all.extend(ipv4.map(|own| std::format!("{port} {own:?}")));
        all.extend(ipv6.map(|own| std::format!("{port} {own:?}")));
    }
    let entries = router.table.iter();
    all.extend(entries.map(|(number, entry)| {
        std::format!("{number}: {:?} {:?} {}", entry.key, entry.state, entry.uses)
    }));
    all.sort();
    all
}

/// Asks in turn, of tables with room for so many routes and entries.
fn run(asks: &[Ask], room: usize, nodes: usize) -> usize {
    let four = Lpm4Config {
        routes: room,
        nodes,
    };
    let six = Lpm6Config {
        routes: room,
        wide_nodes: 4,
        nodes: 4 * nodes,
        leaves: nodes,
    };
    let mut a = vec![CacheLine::ZERO; four.lines()];
    let mut b = vec![CacheLine::ZERO; six.lines()];
    let mut routes = Routes::new(
        Lpm4::new(four, &mut a).unwrap(),
        Lpm6::new(six, &mut b).unwrap(),
    );
    let mut store: RouterStore<'_, 14, 8, 2> = RouterStore::new();
    let (ipv4, ipv6) = routes.readers();
    let mut router = Router::new(store.memory(), ipv4, ipv6, RouterConfig::default()).unwrap();
    for port in [0, 1] {
        let mac = ROUTER[usize::from(port)];
        let config = InterfaceConfig::new(mac, 1500);
        router.set_interface(PortId(port), config).unwrap();
    }
    let address = |at: usize| -> IpAddr { ADDRESSES[at].parse().unwrap() };
    let prefix = |at: usize| -> IpPrefix { PREFIXES[at].parse().unwrap() };
    let mut refused = 0;
    for ask in asks {
        let before = picture(&routes, &router);
        let done = match *ask {
            Ask::Add(at, target) => routes.add(&mut router, prefix(at), target),
            Ask::Remove(at) => routes.remove(&mut router, prefix(at)),
            Ask::AddAddress(port, at, len) => {
                routes.add_address(&mut router, PortId(port), address(at), len)
            }
            Ask::RemoveAddress(port, at) => {
                routes.remove_address(&mut router, PortId(port), address(at))
            }
        };
        if let Err(error) = done {
            refused += 1;
            assert_eq!(picture(&routes, &router), before, "{ask:?}: {error}");
        }
    }
    refused
}

#[test]
fn a_route_that_leaves_no_room_for_the_routers_own_address_is_not_added() {
    // The link's route and the new one fill the table; the address would need a third.
    let asks = [
        Ask::AddAddress(0, 0, 24),
        Ask::Add(2, Target::Blackhole),
        Ask::Remove(2),
    ];
    assert_eq!(run(&asks, 2, 4), 2, "neither added, nor there to remove");
}

#[test]
fn an_address_that_leaves_no_room_keeps_none_and_one_that_is_there_stays() {
    let asks = [
        Ask::Add(0, Target::Blackhole),
        Ask::AddAddress(0, 0, 24),
        Ask::AddAddress(0, 0, 8),
        Ask::AddAddress(1, 3, 24),
        Ask::AddAddress(0, 0, 24),
    ];
    assert_eq!(run(&asks, 2, 4), 2, "another link, and no room");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn refused_changes_change_nothing(
        asks in prop::collection::vec(asks(), 1..40),
        room in 1..8_usize,
        nodes in 0..3_usize,
    ) {
        run(&asks, room, nodes);
    }
}

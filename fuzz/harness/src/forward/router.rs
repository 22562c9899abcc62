//! The router on any stream.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use std::sync::Mutex;

use linecard::forward::router::{InterfaceConfig, Router, RouterConfig, RouterStore, Target};
use linecard::lookup::{Lpm, NextHop, Prefix4, Prefix6};
use linecard::packet::PortId;
use linecard::wire::ndp::Ndp;
use linecard::wire::{Arp, EtherType, Ethernet, Header, Ipv4, Ipv6, Ipv6Header, MacAddr};

use super::rig::{MACS, Sent, run, with_pool};
use crate::input::Input;

/// Whatever comes in, the router sends only whole packets with right checksums, from its own
/// Ethernet addresses, no longer than the port's MTU and with time left to live; and what it says
/// in neighbour discovery is such that it would take it itself.
pub fn router(bytes: &[u8]) {
    let (routes4, routes6) = (Routes::default(), Routes::default());
    with_pool(|pool, stats| {
        let mut store = Box::new(RouterStore::<'_, 32, 16, 2>::new());
        let config = RouterConfig::default();
        let mut router =
            Router::new(store.memory(), &routes4, &routes6, config).expect("the memory is enough");
        set_up(&mut router, &routes4, &routes6);
        let mut outputs = Vec::new();
        run(pool, stats, router, &mut Input::new(bytes), &mut outputs);
        let accounted = stats.sent.value() + stats.punted.value() + stats.dropped_in_all();
        assert_eq!(stats.received.value() + stats.made.value(), accounted);
        outputs.iter().for_each(check);
    });
}

fn set_up(
    router: &mut Router<'_, '_, &Routes<Prefix4>, &Routes<Prefix6>>,
    routes4: &Routes<Prefix4>,
    routes6: &Routes<Prefix6>,
) {
    for (port, mac) in [0, 1].map(PortId).into_iter().zip(MACS) {
        let own = Ipv4Addr::new(10, 0, port.0 as u8, 1);
        let mtu = MTUS[usize::from(port.0)];
        router
            .set_interface(port, InterfaceConfig::new(mac, mtu))
            .expect("a port");
        let link = router.add_ipv4(port, own, 24).expect("an address");
        routes4.add(&format!("10.0.{}.0/24", port.0), link);
        let link = router
            .add_ipv6(port, own6(port.0, 1), 64)
            .expect("an address");
        routes6.add(&format!("2001:db8:{}::/64", port.0), link);
    }
    let known = IpAddr::from([10, 0, 1, 2]);
    let known6 = IpAddr::from(own6(1, 2));
    for (port, address) in [
        (0, IpAddr::from([10, 0, 0, 7])),
        (1, known),
        (0, IpAddr::from(own6(0, 7))),
        (1, known6),
    ] {
        let mac = MacAddr([2, 0, 0, 0, 1, port as u8]);
        router
            .set_neighbour(PortId(port), address, mac)
            .expect("a neighbour");
    }
    let unknown = IpAddr::from([10, 0, 0, 9]);
    for (prefix, target) in [
        ("192.0.0.0/8", Target::Gateway(PortId(1), known)),
        ("198.0.0.0/8", Target::Gateway(PortId(0), unknown)),
        ("203.0.0.0/9", Target::Blackhole),
        ("203.128.0.0/10", Target::Unreachable),
        ("203.192.0.0/10", Target::Prohibited),
    ] {
        routes4.add(prefix, router.next_hop(target).expect("a hop"));
    }
    // A gateway without a global address, as routers announce themselves.
    let unknown = IpAddr::from(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9));
    for (prefix, target) in [
        ("2001:100::/24", Target::Gateway(PortId(1), known6)),
        ("2001:200::/24", Target::Gateway(PortId(0), unknown)),
        ("2001:300::/25", Target::Blackhole),
        ("2001:380::/26", Target::Unreachable),
        ("2001:3c0::/26", Target::Prohibited),
    ] {
        routes6.add(prefix, router.next_hop(target).expect("a hop"));
    }
}

/// An address on the link of a port; the first is the router's.
fn own6(port: u16, host: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, port, 0, 0, 0, 0, host)
}

fn check(sent: &Sent) {
    let port = usize::from(sent.port);
    let frame = Ethernet::new(&sent.bytes).expect("it has a header");
    assert_eq!(frame.source(), MACS[port]);
    let length = match frame.ethertype() {
        EtherType::ARP => {
            let arp = Arp::new(frame.payload).expect("it is whole");
            assert_eq!(arp.sender_mac(), MACS[port]);
            0
        }
        EtherType::IPV4 => {
            let packet = Ipv4::new(frame.payload).expect("it is whole");
            assert!(packet.checksum_ok());
            assert!(packet.ttl() > 0);
            packet.total_len()
        }
        EtherType::IPV6 => {
            let packet = Ipv6::new(frame.payload).expect("it is whole");
            assert!(packet.hop_limit() > 0);
            // No forwarded one has as much left.
            if packet.hop_limit() == 255 {
                let (header, _) = Ipv6Header::split(frame.payload).expect("it is whole");
                Ndp::new(header, packet.payload).expect("neighbour discovery by the book");
            }
            40 + packet.payload_len()
        }
        other => panic!("the router sent {other}"),
    };
    assert!(length <= MTUS[port], "{length} bytes by port {port}");
}

/// The second is small, so that packets are too large for it.
const MTUS: [u16; 2] = [1500, 1280];

/// A few routes, searched from the longest to the shortest.
#[derive(Debug)]
struct Routes<P>(Mutex<Vec<(P, NextHop)>>);

impl<P> Default for Routes<P> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<P: FromStr<Err: Debug>> Routes<P> {
    fn add(&self, prefix: &str, hop: NextHop) {
        let prefix = prefix.parse().expect("a prefix");
        self.0.lock().expect("nobody panicked").push((prefix, hop));
    }
}

impl<P> Routes<P> {
    fn longest(&self, matches: impl Fn(&P) -> bool, len: impl Fn(&P) -> u8) -> Option<NextHop> {
        let routes = self.0.lock().expect("nobody panicked");
        let matching = routes.iter().filter(|(prefix, _)| matches(prefix));
        matching
            .max_by_key(|(prefix, _)| len(prefix))
            .map(|&(_, hop)| hop)
    }
}

impl Lpm<u32> for &Routes<Prefix4> {
    fn lookup(&self, address: u32) -> Option<NextHop> {
        self.longest(|prefix| prefix.contains(address), |prefix| prefix.len())
    }
}

impl Lpm<u128> for &Routes<Prefix6> {
    fn lookup(&self, address: u128) -> Option<NextHop> {
        self.longest(|prefix| prefix.contains(address), |prefix| prefix.len())
    }
}

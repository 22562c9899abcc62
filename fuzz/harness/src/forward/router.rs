//! The router on any stream.

use core::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use linecard::forward::router::{
    InterfaceConfig, NoRoutes, Router, RouterConfig, RouterStore, Target,
};
use linecard::lookup::{Lpm, NextHop, Prefix4};
use linecard::packet::PortId;
use linecard::wire::{Arp, EtherType, Ethernet, Ipv4, Ipv6, MacAddr};

use super::rig::{MACS, Sent, run, with_pool};
use crate::input::Input;

/// Whatever comes in, the router sends only whole packets with right checksums, from its own
/// addresses, no longer than the port's MTU and with time left to live.
pub fn router(bytes: &[u8]) {
    let routes = Routes::default();
    with_pool(|pool, stats| {
        let mut store = Box::new(RouterStore::<'_, 32, 16, 2>::new());
        let mut router = Router::new(store.memory(), &routes, NoRoutes, RouterConfig::default())
            .expect("the memory is enough");
        set_up(&mut router, &routes);
        let mut outputs = Vec::new();
        run(pool, stats, router, &mut Input::new(bytes), &mut outputs);
        let accounted = stats.sent.value() + stats.punted.value() + stats.dropped_in_all();
        assert_eq!(stats.received.value() + stats.made.value(), accounted);
        outputs.iter().for_each(check);
    });
}

fn set_up(router: &mut Router<'_, '_, &Routes, NoRoutes>, routes: &Routes) {
    for (port, mac) in [0, 1].map(PortId).into_iter().zip(MACS) {
        let own = Ipv4Addr::new(10, 0, port.0 as u8, 1);
        let mtu = MTUS[usize::from(port.0)];
        router
            .set_interface(port, InterfaceConfig::new(mac, mtu))
            .expect("a port");
        let link = router.add_ipv4(port, own, 24).expect("an address");
        routes.add(&format!("10.0.{}.0/24", port.0), link);
    }
    let known = IpAddr::from([10, 0, 1, 2]);
    for (port, address) in [(0, IpAddr::from([10, 0, 0, 7])), (1, known)] {
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
        routes.add(prefix, router.next_hop(target).expect("a hop"));
    }
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
            40 + packet.payload_len()
        }
        other => panic!("the router sent {other}"),
    };
    assert!(length <= MTUS[port], "{length} bytes by port {port}");
}

/// The second is small, so that packets are too large for it.
const MTUS: [u16; 2] = [1500, 1280];

/// A few routes, searched from the longest to the shortest.
#[derive(Debug, Default)]
struct Routes(Mutex<Vec<(Prefix4, NextHop)>>);

impl Routes {
    fn add(&self, prefix: &str, hop: NextHop) {
        let prefix = prefix.parse().expect("a prefix");
        self.0.lock().expect("nobody panicked").push((prefix, hop));
    }
}

impl Lpm<u32> for &Routes {
    fn lookup(&self, address: u32) -> Option<NextHop> {
        let routes = self.0.lock().expect("nobody panicked");
        let matching = routes.iter().filter(|(prefix, _)| prefix.contains(address));
        matching
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|&(_, hop)| hop)
    }
}

//! The router, rule by rule, on a small network.
//!
//! ```text
//!  host A 192.0.2.10 ── port 0, .1        port 1, .1 ── host B 198.51.100.20
//!                                                  └─── gateway 198.51.100.254 ── 203.0.113.0/24
//!  port 2: 10.0.0.1/30, MTU 600
//! ```

use core::net::Ipv4Addr;
use std::vec;
use std::vec::Vec;

use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

use super::*;
use crate::forward::testing::{Lab, Out, with_lab};
use crate::lookup::{Prefix4, Prefix6};
use crate::packet::PortId;
use crate::pipeline::DropReason;
use crate::wire::MacAddr;

mod agree;
mod arp;
mod chains;
mod changes;
mod icmp4;
mod icmp6;
mod ipv4;
mod ipv6;
mod memory;
mod mld;
mod nd;
mod random;
mod resolve;
mod workers;

/// A table of a few routes, searched one by one, for whoever has looked ahead.
#[derive(Clone, Copy)]
pub(super) struct Few<P>([Option<(P, NextHop)>; 16]);

impl<P: Copy + PartialEq> Few<P> {
    const fn new() -> Self {
        Self([None; 16])
    }

    pub(super) fn insert(&mut self, prefix: P, hop: NextHop) {
        let known = self
            .0
            .iter()
            .position(|r| r.is_some_and(|(p, _)| p == prefix));
        let free = || self.0.iter().position(Option::is_none).unwrap();
        let at = known.unwrap_or_else(free);
        self.0[at] = Some((prefix, hop));
    }
}

macro_rules! few {
    ($prefix:ty, $address:ty) => {
        impl Lpm<$address> for Few<$prefix> {
            const ONE_LOAD: bool = true;

            fn lookup(&self, address: $address) -> Option<NextHop> {
                let all = self.0.iter().flatten();
                let matching = all.filter(|(prefix, _)| prefix.contains(address));
                matching
                    .max_by_key(|(prefix, _)| prefix.len())
                    .map(|&(_, hop)| hop)
            }
        }
    };
}
few!(Prefix4, u32);
few!(Prefix6, u128);

pub(super) type Net<'m, 'p> = Router<'m, 'p, Few<Prefix4>, Few<Prefix6>>;

pub(super) const ROUTER: [MacAddr; 3] = [
    MacAddr([2, 0, 0, 0, 0, 1]),
    MacAddr([2, 0, 0, 0, 1, 1]),
    MacAddr([2, 0, 0, 0, 2, 1]),
];
pub(super) const HOST_A: MacAddr = MacAddr([2, 0xa, 0, 0, 0, 10]);
pub(super) const HOST_B: MacAddr = MacAddr([2, 0xb, 0, 0, 0, 20]);
pub(super) const GATEWAY: MacAddr = MacAddr([2, 0xb, 0, 0, 0, 254]);

pub(super) const A: [u8; 4] = [192, 0, 2, 10];
pub(super) const B: [u8; 4] = [198, 51, 100, 20];
pub(super) const FAR: [u8; 4] = [203, 0, 113, 9];

/// Runs a test on the network; nobody has asked for anybody yet.
pub(super) fn with_net(test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut Net<'m, 'p>)) {
    // What MLD says is for its own tests.
    let config = RouterConfig {
        listener_reports: 0,
        ..RouterConfig::default()
    };
    with_net_as(config, test);
}

pub(super) fn with_net_as(
    config: RouterConfig,
    test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut Net<'m, 'p>),
) {
    with_lab(512, |lab| {
        let mut store: RouterStore<'_, 48, 40, 4> = RouterStore::new();
        let mut router =
            Router::new(store.memory(), Few::new(), Few::new(), config).expect("memory");
        set_up(&mut router);
        test(lab, &mut router);
    });
}

/// Interfaces, links and the route.
pub(super) fn set_up(router: &mut Net<'_, '_>) {
    for (port, (own, len, mtu)) in [
        ("192.0.2.1", 24, 1500),
        ("198.51.100.1", 24, 1500),
        ("10.0.0.1", 30, 600),
    ]
    .into_iter()
    .enumerate()
    {
        let id = PortId(port as u16);
        let mut config = InterfaceConfig::new(ROUTER[port], mtu);
        if mtu < 1280 {
            config.link_local = LinkLocal::None;
        }
        router.set_interface(id, config).expect("an interface");
        let own: Ipv4Addr = own.parse().expect("an address");
        let link = router.add_ipv4(id, own, len).expect("an address");
        let prefix = Prefix4::new(own.to_bits(), len).expect("a prefix");
        router.tables().0.insert(prefix, link);
    }
    route(router, "203.0.113.0/24", via("198.51.100.254"));
}

pub(super) fn via(gateway: &str) -> Target {
    Target::Gateway(PortId(1), gateway.parse().expect("an address"))
}

pub(super) fn route(router: &mut Net<'_, '_>, prefix: &str, target: Target) {
    let hop = router.next_hop(target).expect("an entry");
    let prefix = prefix.parse().expect("a prefix");
    router.tables().0.insert(prefix, hop);
}

/// All three hosts' Ethernet addresses are known.
pub(super) fn know_all(router: &mut Net<'_, '_>) {
    for (port, address, mac) in [
        (0, A, HOST_A),
        (1, B, HOST_B),
        (1, [198, 51, 100, 254], GATEWAY),
    ] {
        router
            .set_neighbour(PortId(port), address.into(), mac)
            .expect("an entry");
    }
}

/// A UDP packet from host A, as it comes in by port 0.
pub(super) fn udp(from: [u8; 4], to: [u8; 4], ttl: u8, payload: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
        .ipv4(from, to, ttl)
        .udp(4000, 5000);
    let mut bytes = Vec::new();
    let payload: Vec<u8> = (0..payload).map(|i| i as u8).collect();
    builder.write(&mut bytes, &payload).expect("a vector");
    bytes
}

/// Changes a frame's IPv4 header and keeps its checksum right.
pub(super) fn with_ip(mut frame: Vec<u8>, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    change(&mut frame[14..]);
    let len = usize::from(frame[14] & 0x0f) * 4;
    frame[24..26].fill(0);
    let sum = crate::wire::checksum::checksum(&frame[14..14 + len]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    frame
}

pub(super) fn macs(frame: &[u8]) -> (MacAddr, MacAddr) {
    let mac = |at: usize| MacAddr(frame[at..at + 6].try_into().expect("six bytes"));
    (mac(0), mac(6))
}

/// Everything that left is right in etherparse's eyes: lengths, header and layer-4 checksums.
pub(super) fn assert_well_formed(out: &Out) {
    for (_, bytes) in &out.sent {
        well_formed(bytes);
    }
}

fn well_formed(bytes: &[u8]) {
    let sliced = SlicedPacket::from_ethernet(bytes).expect("well formed");
    let net = sliced.net.as_ref().expect("a layer 3");
    let (fragment, source, destination) = match net {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            let len = usize::from(header.total_len);
            assert!(bytes.len() == 14 + len || bytes.len() <= 60.max(14 + len));
            (
                header.is_fragmenting_payload(),
                header.source.to_vec(),
                header.destination.to_vec(),
            )
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header().to_header();
            (
                ip.is_payload_fragmented(),
                header.source.to_vec(),
                header.destination.to_vec(),
            )
        }
        NetSlice::Arp(_) => return,
    };
    if fragment {
        return;
    }
    use crate::wire::{IpProtocol, checksum};
    let pseudo = match <[u8; 4]>::try_from(&source[..]) {
        Ok(from) => {
            let to: [u8; 4] = destination[..].try_into().unwrap();
            checksum::PseudoHeader::ipv4(from.into(), to.into())
        }
        Err(_) => {
            let from: [u8; 16] = source[..].try_into().unwrap();
            let to: [u8; 16] = destination[..].try_into().unwrap();
            checksum::PseudoHeader::ipv6(from.into(), to.into())
        }
    };
    match sliced.transport {
        Some(TransportSlice::Icmpv4(icmp)) => assert!(checksum::is_valid(icmp.slice())),
        Some(TransportSlice::Icmpv6(icmp)) => {
            assert!(pseudo.is_valid(IpProtocol::ICMPV6, icmp.slice()));
        }
        Some(TransportSlice::Udp(udp)) if udp.checksum() != 0 => {
            assert!(pseudo.is_valid(IpProtocol::UDP, udp.slice()));
        }
        Some(TransportSlice::Tcp(tcp)) => assert!(pseudo.is_valid(IpProtocol::TCP, tcp.slice())),
        _ => {}
    }
}

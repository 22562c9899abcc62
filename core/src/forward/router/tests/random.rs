//! Whatever comes in: nothing panics, nothing is lost, and what goes on is what came in, one hop
//! further.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use etherparse::{Ethernet2Slice, Ipv4HeaderSlice, Ipv6HeaderSlice};
use proptest::prelude::*;

use super::*;
use crate::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm6, Lpm6Config};
use crate::wire::{ArpHeader, ArpOperation, IpProtocol, checksum::PseudoHeader};

/// A frame that the router takes, of one kind or another.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let address = prop_oneof![
        Just(A),
        Just(B),
        Just(FAR),
        Just([192, 0, 2, 1]),
        Just([10, 0, 0, 2]),
        Just([198, 51, 100, 255]),
        any::<[u8; 4]>(),
    ];
    let address6 = prop_oneof![
        Just("2001:db8:a::10"),
        Just("2001:db8:b::20"),
        Just("2001:db8:a::1"),
        Just("fe80::1"),
        Just("ff02::1"),
        Just("2600::1"),
    ]
    .prop_map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
    let lens = prop_oneof![0usize..100, 560usize..1473];
    let ttl = prop_oneof![0u8..4, Just(64)];
    let ipv4 = (
        address.clone(),
        address.clone(),
        ttl.clone(),
        lens.clone(),
        0u8..5,
    )
        .prop_map(|(from, to, ttl, len, kind)| match kind {
            0 => echo(from, to, ttl, len),
            1 => with_ip(udp(from, to, ttl, len), |ip| ip[6] = 0x40),
            2 => with_ip(udp(from, to, ttl, len), |ip| {
                ip[6..8].copy_from_slice(&[0x20, 3])
            }),
            _ => udp(from, to, ttl, len),
        });
    let ipv6 = (address6.clone(), address6, ttl, lens, any::<bool>()).prop_map(
        |(from, to, ttl, len, echo)| {
            let ip = PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0).ipv6(from, to, ttl);
            let mut bytes = Vec::new();
            match echo {
                true => ip
                    .icmpv6_echo_request(1, 2)
                    .write(&mut bytes, &vec![1; len]),
                false => ip.udp(1, 2).write(&mut bytes, &vec![1; len]),
            }
            .unwrap();
            bytes
        },
    );
    let arp = (address.clone(), address, any::<bool>()).prop_map(|(from, to, asks)| {
        let operation = if asks {
            ArpOperation::REQUEST
        } else {
            ArpOperation::REPLY
        };
        let arp = ArpHeader::new(operation, (HOST_B, from.into()), (MacAddr::ZERO, to.into()));
        super::arp::frame(MacAddr::BROADCAST, HOST_B, arp)
    });
    prop_oneof![4 => ipv4, 3 => ipv6, 1 => arp]
}

fn echo(from: [u8; 4], to: [u8; 4], ttl: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(HOST_A.0, ROUTER[0].0)
        .ipv4(from, to, ttl)
        .icmpv4_echo_request(1, 2)
        .write(&mut bytes, &vec![1; len])
        .unwrap();
    bytes
}

/// The same with some bytes changed or cut off, perhaps with the header checksum right again.
pub(super) fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((0usize..90, any::<u8>()), 0..3);
    (
        frame(),
        changes,
        any::<bool>(),
        0u8..8,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut frame, changes, right, cut, at)| {
            for (at, byte) in changes {
                let at = at % frame.len();
                frame[at] = byte;
            }
            if right && frame[12..14] == [8, 0] && frame[14] & 0x0f >= 5 && frame.len() >= 74 {
                frame = with_ip(frame, |_| {});
            }
            if cut == 0 {
                let len = at.index(frame.len());
                frame.truncate(len);
            }
            frame
        })
}

const OWN4: [[u8; 4]; 3] = [[192, 0, 2, 1], [198, 51, 100, 1], [10, 0, 0, 1]];

/// Checks what left, against what came in.
fn check(out: &Out, given: &[(u16, Vec<u8>)]) {
    for (port, bytes) in &out.sent {
        let ethernet = Ethernet2Slice::from_slice_without_fcs(bytes).expect("Ethernet");
        assert_eq!(macs(bytes).1, ROUTER[usize::from(*port)]);
        let payload = ethernet.payload_slice();
        match ethernet.ether_type().0 {
            0x0800 => check4(*port, payload, given),
            0x86dd => check6(payload, given),
            0x0806 => assert!(payload.len() >= 28),
            other => panic!("ethertype {other:#x}"),
        }
    }
}

fn check4(port: u16, bytes: &[u8], given: &[(u16, Vec<u8>)]) {
    let ip = Ipv4HeaderSlice::from_slice(bytes).expect("IPv4");
    let total = usize::from(ip.total_len());
    assert!(total >= ip.slice().len() && total <= bytes.len());
    let sum = crate::wire::checksum::checksum(ip.slice());
    assert_eq!(sum, 0, "header checksum");
    assert!(total <= if port == 2 { 600 } else { 1500 });
    if ip.is_fragmenting_payload() {
        return;
    }
    let same = |(_, frame): &(u16, Vec<u8>)| {
        let Some(given) = frame.get(14..14 + total) else {
            return false;
        };
        given[..8] == bytes[..8]
            && given[8].checked_sub(1) == Some(bytes[8])
            && given[9] == bytes[9]
            && given[12..] == bytes[12..total]
    };
    // What nobody sent is of the router's own making.
    if !given.iter().any(same) {
        assert!(OWN4.contains(&ip.source()));
        assert_eq!(ip.protocol().0, 1);
        let icmp = &bytes[ip.slice().len()..total];
        assert!(crate::wire::checksum::is_valid(icmp), "ICMP checksum");
    }
}

fn check6(bytes: &[u8], given: &[(u16, Vec<u8>)]) {
    let ip = Ipv6HeaderSlice::from_slice(bytes).expect("IPv6");
    let total = 40 + usize::from(ip.payload_length());
    assert!(total <= bytes.len() && total <= 1500);
    let (source, destination) = (ip.source_addr(), ip.destination_addr());
    let same = |(_, frame): &(u16, Vec<u8>)| {
        let Some(given) = frame.get(14..14 + total) else {
            return false;
        };
        given[..7] == bytes[..7]
            && given[7].checked_sub(1) == Some(bytes[7])
            && given[8..] == bytes[8..total]
    };
    if !given.iter().any(same) {
        let own = ["2001:db8:a::1", "2001:db8:b::1"].map(|own| own.parse::<Ipv6Addr>().unwrap());
        assert!(own.contains(&source) || source.is_unicast_link_local());
        // Reports of listeners alone have options before them.
        let at = match ip.next_header().0 {
            0 => {
                assert_eq!((bytes[40], bytes[48]), (58, 143));
                48
            }
            other => {
                assert_eq!(other, 58);
                40
            }
        };
        let pseudo = PseudoHeader::ipv6(source, destination);
        assert!(pseudo.is_valid(IpProtocol::ICMPV6, &bytes[at..total]));
    }
}

fn run(frames: &[(u16, Vec<u8>)], known: bool, punt: bool) {
    let config = RouterConfig {
        local: if punt {
            LocalTraffic::Punt
        } else {
            LocalTraffic::Refuse
        },
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        for (port, own) in [(0, "2001:db8:a::1"), (1, "2001:db8:b::1")] {
            let own: Ipv6Addr = own.parse().unwrap();
            let hop = router.add_ipv6(PortId(port), own, 64).unwrap();
            let prefix = Prefix6::new(own.to_bits(), 64).unwrap();
            router.tables().1.insert(prefix, hop);
        }
        if known {
            know_all(router);
            router
                .set_neighbour(PortId(2), Ipv4Addr::new(10, 0, 0, 2).into(), HOST_B)
                .unwrap();
        }
        let out = lab.feed(router, frames);
        check(&out, frames);
        let left = out.sent.len() + out.dropped.len() + out.punted.len();
        assert_eq!(frames.len() + out.made, left + router.waiting());
        let waiting = router.waiting();
        let out = lab.pass(router, Duration::from_secs(5));
        check(&out, frames);
        assert_eq!(
            waiting + out.made,
            out.sent.len() + out.dropped.len() + router.waiting()
        );
        lab.pass(router, Duration::from_secs(5));
        assert_eq!(router.waiting(), 0, "nobody waits for ever");
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn anything(
        frames in prop::collection::vec((0u16..4, mutated()), 1..40),
        known: bool,
        punt: bool,
    ) {
        run(&frames, known, punt);
    }

    #[test]
    fn any_bytes(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..20),
        for_us: bool,
    ) {
        let frames: Vec<_> = frames.into_iter().map(|mut frame| {
            if for_us && frame.len() > 14 {
                frame[..6].copy_from_slice(&ROUTER[0].0);
                let kind = usize::from(frame[13]) % 3;
                frame[12..14].copy_from_slice(&[[8, 0], [0x86, 0xdd], [8, 6]][kind]);
            }
            (0, frame)
        }).collect();
        run(&frames, true, false);
    }
}

#[test]
fn routes_and_addresses_on_real_tables() {
    let (four, six) = (
        Lpm4Config {
            routes: 64,
            nodes: 16,
        },
        Lpm6Config {
            routes: 64,
            wide_nodes: 4,
            nodes: 64,
            leaves: 64,
        },
    );
    let (mut a, mut b) = (
        vec![CacheLine::ZERO; four.lines()],
        vec![CacheLine::ZERO; six.lines()],
    );
    let mut routes = Routes::new(
        Lpm4::new(four, &mut a).unwrap(),
        Lpm6::new(six, &mut b).unwrap(),
    );
    with_lab(32, |lab| {
        let mut store: RouterStore<'_, 64, 8, 4> = RouterStore::new();
        let (ipv4, ipv6) = routes.readers();
        let mut router = Router::new(store.memory(), ipv4, ipv6, RouterConfig::default()).unwrap();
        for (port, own) in [(0, "192.0.2.1"), (1, "198.51.100.1")] {
            let config = InterfaceConfig::new(ROUTER[usize::from(port)], 1500);
            router.set_interface(PortId(port), config).unwrap();
            routes
                .add_address(&mut router, PortId(port), own.parse().unwrap(), 24)
                .unwrap();
        }
        for (port, address, mac) in [(0, A, HOST_A), (1, B, HOST_B)] {
            router
                .set_neighbour(PortId(port), address.into(), mac)
                .unwrap();
        }
        let own = [192, 0, 2, 1];
        // A route that covers an own address: it is the router's all the same.
        let via_b = Target::Gateway(PortId(1), B.into());
        routes
            .add(&mut router, "192.0.2.0/30".parse().unwrap(), via_b)
            .unwrap();
        let out = lab.feed(
            &mut router,
            &[(0, udp(A, own, 64, 8)), (0, udp(A, [192, 0, 2, 2], 64, 8))],
        );
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
        assert_eq!(out.sent.len(), 2);
        assert_eq!(
            (out.sent[0].0, out.sent[1].0),
            (0, 1),
            "port unreachable, and to the gateway"
        );

        routes
            .remove(&mut router, "192.0.2.0/30".parse().unwrap())
            .unwrap();
        assert!(
            routes
                .remove(&mut router, "192.0.2.0/30".parse().unwrap())
                .is_err()
        );
        // The link's route is there as long as one of its addresses.
        let second = [192, 0, 2, 3].into();
        routes
            .add_address(&mut router, PortId(0), second, 24)
            .unwrap();
        routes
            .remove_address(&mut router, PortId(0), second)
            .unwrap();
        let mut back = udp(B, A, 64, 8);
        back[..6].copy_from_slice(&ROUTER[1].0);
        let out = lab.feed(&mut router, &[(1, back)]);
        assert_eq!((out.sent.len(), out.dropped.len()), (1, 0));
        routes
            .remove_address(&mut router, PortId(0), own.into())
            .unwrap();
        let out = lab.feed(
            &mut router,
            &[(0, udp(A, B, 64, 8)), (0, udp(A, [192, 0, 2, 9], 64, 8))],
        );
        assert_eq!(
            (out.sent.len(), out.dropped),
            (1, vec![DropReason::NO_ROUTE]),
            "no way back to tell"
        );
    });
}

//! Neighbour discovery, on the network of the IPv6 tests.

use core::net::Ipv6Addr;
use core::time::Duration;

use super::ipv6::{host_a, host_b, icmp6, ip, message, udp6, with_net6};
use super::*;
use crate::wire::ndp::{self, NeighborFlags, solicited_node};
use crate::wire::{Icmpv6Message, Ipv6};

fn solicits(from: Ipv6Addr, target: Ipv6Addr, mac: Option<MacAddr>) -> Vec<u8> {
    let group = solicited_node(target);
    let macs = (MacAddr::for_ipv6_multicast(group), HOST_A);
    icmp6(macs, (from, group), 255, |out, pseudo| {
        ndp::write_solicitation(out, target, mac, pseudo).unwrap()
    })
}

fn advertises(target: Ipv6Addr, mac: MacAddr, flags: NeighborFlags) -> (u16, Vec<u8>) {
    let to = ip("2001:db8:b::1");
    let frame = icmp6((ROUTER[1], mac), (target, to), 255, |out, pseudo| {
        ndp::write_advertisement(out, target, mac, flags, pseudo).unwrap()
    });
    (1, frame)
}

const ANSWER: NeighborFlags = NeighborFlags::SOLICITED.union(NeighborFlags::OVERRIDE);

/// The solicitation's target, if the frame is one.
fn asked(frame: &[u8]) -> Option<Ipv6Addr> {
    let view = Ipv6::new(frame.get(14..)?).ok()?;
    match ndp::Ndp::new(view.header, view.payload) {
        Ok(ndp::Ndp::NeighborSolicitation(message)) => Some(message.target()),
        _ => None,
    }
}

#[test]
fn solicitations_for_own_addresses_are_answered() {
    with_net6(|lab, router| {
        let link_local = LinkLocal::Derived.address(ROUTER[0]).unwrap();
        for (from, target, flags) in [
            (host_a(), ip("2001:db8:a::1"), 0xe0),
            (ip("fe80::a"), link_local, 0xe0),
            (ip("fe80::a"), ip("2001:db8:a::"), 0xc0), // anycast: no override
        ] {
            let out = lab.feed(router, &[(0, solicits(from, target, Some(HOST_A)))]);
            assert_well_formed(&out);
            let frame = &out.sent[0].1;
            assert_eq!(macs(frame), (HOST_A, ROUTER[0]));
            assert_eq!(router.neighbour(PortId(0), from.into()), Some(HOST_A));
            let view = Ipv6::new(&frame[14..]).unwrap();
            assert_eq!((view.destination(), view.hop_limit()), (from, 255));
            let Ok(ndp::Ndp::NeighborAdvertisement(told)) =
                ndp::Ndp::new(view.header, view.payload)
            else {
                panic!("no advertisement");
            };
            assert_eq!(
                (told.target(), told.target_mac()),
                (target, Some(ROUTER[0]))
            );
            assert_eq!(told.flags().bits(), flags);
        }
        let out = lab.feed(
            router,
            &[(0, solicits(host_a(), ip("2001:db8:a::2"), Some(HOST_A)))],
        );
        assert!(out.sent.is_empty(), "somebody else's");
    });
}

#[test]
fn who_looks_whether_an_address_is_free_is_told() {
    with_net6(|lab, router| {
        let out = lab.feed(
            router,
            &[(0, solicits(ip("::"), ip("2001:db8:a::1"), None))],
        );
        assert_well_formed(&out);
        let frame = &out.sent[0].1;
        assert_eq!(macs(frame).0, MacAddr([0x33, 0x33, 0, 0, 0, 1]));
        let view = Ipv6::new(&frame[14..]).unwrap();
        assert_eq!(view.destination(), ip("ff02::1"));
        assert_eq!(view.payload[4], 0xa0, "router and override, not solicited");
    });
}

#[test]
fn no_answer_goes_to_a_group_of_stations() {
    with_net6(|lab, router| {
        let own = ip("2001:db8:a::1");
        let group = MacAddr([3, 0, 0, 0, 0, 9]);
        let out = lab.feed(router, &[(0, solicits(host_a(), own, Some(group)))]);
        assert_eq!((out.sent.len(), out.dropped.len()), (0, 1));
        assert_eq!(router.neighbour(PortId(0), host_a().into()), None);
        let mut from_group = solicits(host_a(), own, None);
        from_group[6..12].copy_from_slice(&group.0);
        let out = lab.feed(router, &[(0, from_group)]);
        assert_eq!((out.sent.len(), out.dropped.len()), (0, 1));
        assert_eq!(router.stats().advertisements.value(), 0);
    });
}

#[test]
fn discovery_that_was_forwarded_or_damaged_is_discarded() {
    with_net6(|lab, router| {
        let good = solicits(host_a(), ip("2001:db8:a::1"), Some(HOST_A));
        let mut forwarded = good.clone();
        forwarded[21] = 254;
        let mut damaged = good.clone();
        damaged[60] ^= 1;
        for (frame, why) in [
            (forwarded, DropReason::MALFORMED_L4),
            (damaged, DropReason::L4_CHECKSUM),
        ] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!((out.sent.len(), out.dropped), (0, vec![why]));
        }
        assert_eq!(router.neighbour(PortId(0), host_a().into()), None);
    });
}

#[test]
fn packets_wait_for_a_neighbour_and_leave_in_order() {
    with_net6(|lab, router| {
        let frames: Vec<_> = (0..4)
            .map(|i| (0, udp6(host_a(), host_b(), 64, i)))
            .collect();
        let out = lab.feed(router, &frames);
        assert_well_formed(&out);
        assert_eq!(out.sent.len(), 1);
        let (port, question) = &out.sent[0];
        let group = solicited_node(host_b());
        assert_eq!((*port, asked(question)), (1, Some(host_b())));
        assert_eq!(
            macs(question),
            (MacAddr::for_ipv6_multicast(group), ROUTER[1])
        );
        let view = Ipv6::new(&question[14..]).unwrap();
        assert_eq!(
            (view.source(), view.destination()),
            (ip("2001:db8:b::1"), group)
        );

        let out = lab.feed(router, &[advertises(host_b(), HOST_B, ANSWER)]);
        let lens: Vec<_> = out.sent.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(lens, [62, 63, 64, 65]);
        assert!(
            out.sent
                .iter()
                .all(|(_, frame)| macs(frame) == (HOST_B, ROUTER[1]))
        );
        assert_eq!(lab.feed(router, &frames).exceptions, 0);
    });
}

#[test]
fn who_does_not_answer_is_given_up() {
    with_net6(|lab, router| {
        router
            .set_neighbour(PortId(0), host_a().into(), HOST_A)
            .unwrap();
        let frames: Vec<_> = (0..3)
            .map(|i| (0, udp6(host_a(), host_b(), 64, i)))
            .collect();
        lab.feed(router, &frames);
        let out = lab.pass(router, Duration::from_millis(3_100));
        assert_well_formed(&out);
        assert_eq!(out.dropped, [DropReason::NO_NEIGHBOUR; 3]);
        assert_eq!(
            out.sent
                .iter()
                .filter(|(_, frame)| asked(frame).is_some())
                .count(),
            2
        );
        let errors: Vec<_> = out.sent.iter().filter(|(port, _)| *port == 0).collect();
        assert_eq!(errors.len(), 1);
        assert_eq!(
            message(&errors[0].1),
            Icmpv6Message::Unreachable { code: 3 }
        );
    });
}

#[test]
fn what_an_advertisement_changes() {
    with_net6(|lab, router| {
        let known = |router: &Net<'_, '_>| router.neighbour(PortId(1), host_b().into());
        lab.feed(router, &[advertises(host_b(), HOST_B, ANSWER)]);
        assert_eq!(known(router), None, "nobody asked");
        lab.feed(router, &[(0, udp6(host_a(), host_b(), 64, 0))]);
        lab.feed(
            router,
            &[advertises(host_b(), HOST_B, NeighborFlags::SOLICITED)],
        );
        assert_eq!(known(router), Some(HOST_B));
        lab.feed(
            router,
            &[advertises(host_b(), GATEWAY, NeighborFlags::SOLICITED)],
        );
        assert_eq!(known(router), Some(HOST_B), "without override");
        lab.feed(
            router,
            &[advertises(host_b(), GATEWAY, NeighborFlags::OVERRIDE)],
        );
        assert_eq!(known(router), Some(GATEWAY));
        lab.feed(router, &[advertises(ip("2001:db8:b::1"), GATEWAY, ANSWER)]);
        assert_eq!(router.stats().conflicts.value(), 1);
    });
}

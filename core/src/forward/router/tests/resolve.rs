//! Packets that wait for a neighbour, and what becomes of them.

use core::time::Duration;
use std::boxed::Box;

use super::*;
use crate::mempool::{Pool, PoolConfig, Region, Slot};
use crate::packet::Packet;
use crate::wire::{Arp, ArpHeader, ArpOperation};

pub(super) fn says(mac: MacAddr, address: [u8; 4]) -> (u16, Vec<u8>) {
    let arp = ArpHeader::new(
        ArpOperation::REPLY,
        (mac, address.into()),
        (ROUTER[1], [198, 51, 100, 1].into()),
    );
    (1, super::arp::frame(ROUTER[1], mac, arp))
}

fn is_request(frame: &[u8], target: [u8; 4]) -> bool {
    frame[12..14] == [8, 6] && Arp::new(&frame[14..]).unwrap().target_ip() == Ipv4Addr::from(target)
}

#[test]
fn packets_wait_and_leave_in_order() {
    with_net(|lab, router| {
        let frames: Vec<_> = (0..5).map(|i| (0, udp(A, B, 64, i))).collect();
        let out = lab.feed(router, &frames);
        let expected = ArpHeader::request(ROUTER[1], [198, 51, 100, 1].into(), B.into());
        assert_eq!(out.sent.len(), 1, "one question, however many wait");
        assert_eq!(out.sent[0].0, 1);
        assert_eq!(macs(&out.sent[0].1), (MacAddr::BROADCAST, ROUTER[1]));
        assert_eq!(*Arp::new(&out.sent[0].1[14..]).unwrap().header, expected);
        assert_eq!((router.waiting(), out.dropped.len()), (5, 0));

        let out = lab.feed(router, &[says(HOST_B, B)]);
        assert_well_formed(&out);
        let lens: Vec<_> = out.sent.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(lens, [42, 43, 44, 45, 46]);
        assert!(
            out.sent
                .iter()
                .all(|(port, frame)| *port == 1 && frame[22] == 63)
        );
        assert_eq!(router.waiting(), 0);

        let out = lab.feed(router, &frames);
        assert_eq!(
            (out.sent.len(), out.exceptions),
            (5, 0),
            "the fast path knows it now"
        );
    });
}

#[test]
fn a_gateway_is_asked_for_once_whatever_lies_behind() {
    with_net(|lab, router| {
        let frames = [
            (0, udp(A, FAR, 64, 0)),
            (0, udp(A, [203, 0, 113, 77], 64, 1)),
        ];
        let out = lab.feed(router, &frames);
        assert_eq!(out.sent.len(), 1);
        assert!(is_request(&out.sent[0].1, [198, 51, 100, 254]));
        let out = lab.feed(router, &[says(GATEWAY, [198, 51, 100, 254])]);
        assert_eq!(out.sent.len(), 2);
        assert!(out.sent.iter().all(|(_, frame)| macs(frame).0 == GATEWAY));
    });
}

#[test]
fn who_does_not_answer_is_given_up() {
    with_net(|lab, router| {
        router.set_neighbour(PortId(0), A.into(), HOST_A).unwrap();
        for _ in 0..2 {
            let frames: Vec<_> = (0..3).map(|i| (0, udp(A, B, 64, i))).collect();
            assert_eq!(lab.feed(router, &frames).sent.len(), 1);
            let out = lab.pass(router, Duration::from_millis(2_900));
            assert_eq!(out.sent.len(), 2, "asked three times, a second apart");
            assert!(out.sent.iter().all(|(_, frame)| is_request(frame, B)));
            let out = lab.pass(router, Duration::from_millis(200));
            assert_eq!(out.dropped, [DropReason::NO_NEIGHBOUR; 3]);
            assert_well_formed(&out);
            let [(0, error)] = &out.sent[..] else {
                panic!("one error, to host A");
            };
            assert_eq!(error[34..36], [3, 1], "host unreachable");
            assert_eq!(
                error[42..70],
                udp(A, B, 64, 0)[14..],
                "about the first packet"
            );
            assert_eq!(router.waiting(), 0);
            // And again from the start.
        }
        assert_eq!(router.stats().unresolved.value(), 2);
    });
}

#[test]
fn a_neighbour_is_asked_again_while_packets_go_on() {
    with_net(|lab, router| {
        lab.feed(router, &[(0, udp(A, B, 64, 0))]);
        lab.feed(router, &[says(HOST_B, B)]);
        let out = lab.pass(router, Duration::from_millis(30_000));
        assert_eq!(out.sent.len(), 1);
        assert!(is_request(&out.sent[0].1, B));
        assert_eq!(macs(&out.sent[0].1).0, HOST_B, "directly");
        assert_eq!(lab.feed(router, &[(0, udp(A, B, 64, 0))]).exceptions, 0);
        lab.feed(router, &[says(HOST_B, B)]);
        assert!(lab.pass(router, Duration::from_secs(29)).sent.is_empty());
        // It goes away.
        let out = lab.pass(router, Duration::from_secs(5));
        assert_eq!(out.sent.len(), 3);
        assert_eq!(router.neighbour(PortId(1), B.into()), None);
        let out = lab.feed(router, &[(0, udp(A, B, 64, 0))]);
        assert!(is_request(&out.sent[0].1, B));
    });
}

#[test]
fn a_full_queue_loses_its_oldest() {
    let config = RouterConfig {
        neighbour_queue: 2,
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        let frames: Vec<_> = (0..5).map(|i| (0, udp(A, B, 64, i))).collect();
        let out = lab.feed(router, &frames);
        assert_eq!(out.dropped, [DropReason::NEIGHBOUR_QUEUE_FULL; 3]);
        let out = lab.feed(router, &[says(HOST_B, B)]);
        let lens: Vec<_> = out.sent.iter().map(|(_, frame)| frame.len()).collect();
        assert_eq!(lens, [45, 46]);
    });
}

#[test]
fn all_queues_together_are_bounded_and_so_are_questions() {
    with_net(|lab, router| {
        // 40 places; 47 entries, of which half may be asked for at a time.
        let frames: Vec<_> = (10..60u8)
            .flat_map(|i| {
                [
                    (0, udp(A, [198, 51, 100, i], 64, 0)),
                    (0, udp(A, [198, 51, 100, i], 64, 1)),
                ]
            })
            .collect();
        let out = lab.feed(router, &frames);
        assert_eq!(router.waiting(), 40);
        assert_eq!(out.sent.len(), 24, "questions");
        assert_eq!(out.dropped, [DropReason::NEIGHBOUR_QUEUE_FULL; 60]);
        // Those that answer still find room.
        let ask = ArpHeader::request(HOST_A, A.into(), [192, 0, 2, 1].into());
        let ask = super::arp::frame(MacAddr::BROADCAST, HOST_A, ask);
        assert_eq!(lab.feed(router, &[(0, ask)]).sent.len(), 1);
        assert_eq!(router.neighbour(PortId(0), A.into()), Some(HOST_A));
    });
}

#[test]
fn an_answer_waits_like_any_packet() {
    with_net(|lab, router| {
        // Nobody is known, and the time is up for a packet from host A.
        let out = lab.feed(router, &[(0, udp(A, B, 1, 8))]);
        assert_eq!(out.dropped, [DropReason::TTL_EXPIRED]);
        assert!(is_request(&out.sent[0].1, A));
        let arp = ArpHeader::new(
            ArpOperation::REPLY,
            (HOST_A, A.into()),
            (ROUTER[0], [192, 0, 2, 1].into()),
        );
        let out = lab.feed(router, &[(0, super::arp::frame(ROUTER[0], HOST_A, arp))]);
        assert_well_formed(&out);
        assert_eq!(macs(&out.sent[0].1), (HOST_A, ROUTER[0]));
        assert_eq!(out.sent[0].1[34], 11, "time exceeded");
    });
}

#[test]
fn a_neighbour_configured_late_gets_what_waits() {
    with_net(|lab, router| {
        lab.feed(router, &[(0, udp(A, B, 64, 0))]);
        router.set_neighbour(PortId(1), B.into(), HOST_B).unwrap();
        let out = lab.pass(router, Duration::from_millis(10));
        assert_eq!(macs(&out.sent[0].1), (HOST_B, ROUTER[1]));
        assert!(lab.pass(router, Duration::from_secs(100)).sent.is_empty());
    });
}

#[test]
fn a_router_that_is_closed_frees_what_waits_in_memory_that_stays() {
    let memory = vec![0u8; 64 * 2048 + 63].leak();
    let slots: &'static [Slot] = (0..64).map(|_| Slot::new()).collect::<Vec<_>>().leak();
    let pool = Pool::new(Region::from_slice(memory), slots, PoolConfig::default()).unwrap();
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
    let store: &'static mut RouterStore<'static> = Box::leak(Box::new(RouterStore::new()));
    let tables = (NoRoutes, NoRoutes);
    let config = RouterConfig::default();
    let mut router = Router::new(store.memory(), tables.0, tables.1, config).unwrap();
    let packet = Packet::new(pool.alloc().unwrap());
    let mut neighbour = Neighbour::NONE;
    let parked = router.parking.push(&mut neighbour, packet, false);
    assert!(parked.is_ok());
    assert_eq!((router.waiting(), pool.ledger().held), (1, 1));
    router.close();
    pool.audit().unwrap();
}

#[test]
fn packets_that_wait_are_freed_with_the_router() {
    // `with_net` audits the pool.
    with_net(|lab, router| {
        lab.feed(router, &[(0, udp(A, B, 64, 0)), (0, udp(A, FAR, 64, 0))]);
        assert_eq!(router.waiting(), 2);
    });
}

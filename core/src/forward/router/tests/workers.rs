//! A router on several workers: followers send what the leader knows.

use core::time::Duration;

use super::arp::says_on;
use super::*;
use crate::ring::{Inline, spsc::Ring};

type First<'m, 'r, 'p> = Leader<'m, 'r, 'p, Few<Prefix4>, Few<Prefix6>>;
type Other<'m, 'p> = Follower<'m, 'p, Few<Prefix4>, Few<Prefix6>>;

/// Ports from here on lead to the leader.
const OVER: u16 = 16;

/// A leader and a follower of the network, between which there is room for few changes.
fn with_two(
    test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut First<'m, '_, 'p>, &mut Other<'m, 'p>),
) {
    with_room_for::<4>(test);
}

fn with_room_for<const CHANGES: usize>(
    test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut First<'m, '_, 'p>, &mut Other<'m, 'p>),
) {
    with_lab(512, |lab| {
        let mut ring = Ring::<Inline<Change, CHANGES>>::new();
        let (changes, told) = ring.split();
        let mut store: RouterStore<'_, 48, 40, 4> = RouterStore::new();
        let mut copy: RouterStore<'_, 48, 1, 4> = RouterStore::new();
        let config = RouterConfig::default();
        let mut router = Router::new(store.memory(), Few::new(), Few::new(), config).unwrap();
        set_up(&mut router);
        let (ipv4, ipv6) = router.tables();
        let (ipv4, ipv6) = (*ipv4, *ipv6);
        let memory = copy.memory();
        let follower = Follower::new(&router, memory, ipv4, ipv6, told, PortId(OVER));
        let mut followers = [changes];
        let mut leader = Leader::new(router, &mut followers);
        test(lab, &mut leader, &mut follower.unwrap());
    });
}

#[test]
fn what_the_leader_learns_its_follower_sends() {
    with_two(|lab, leader, follower| {
        for (to, asked, mac) in [(FAR, [198, 51, 100, 254], GATEWAY), (B, B, HOST_B)] {
            let frame = udp(A, to, 64, 20);
            let out = lab.feed(follower, &[(0, frame.clone())]);
            assert_eq!(out.sent, [(OVER, frame.clone())], "as it came");
            let out = lab.feed(leader, &[(0, frame.clone())]);
            assert_eq!(out.sent.len(), 1, "who has it?");
            let out = lab.feed(leader, &[(1, says_on(1, mac, asked))]);
            let [(1, sent)] = &out.sent[..] else {
                panic!("{out:?}");
            };
            assert_eq!(macs(sent), (mac, ROUTER[1]));
            let out = lab.feed(follower, &[(0, frame)]);
            assert_eq!(out.sent, [(1, sent.clone())]);
            assert_eq!(out.exceptions, 0);
        }
    });
}

#[test]
fn what_is_not_plain_is_the_leaders() {
    with_two(|lab, leader, follower| {
        know_all(leader.router());
        lab.pass(leader, Duration::from_millis(10));
        let frames = [
            (0, udp(A, [192, 0, 2, 1], 64, 20)),
            (0, udp(A, B, 1, 20)),
            (1, says_on(1, HOST_B, B)),
            (0, vec![0; 60]),
        ];
        let out = lab.feed(follower, &frames);
        let over = frames.map(|(port, frame)| (OVER + port, frame));
        assert_eq!(out.sent, over);
        assert_eq!(lab.feed(follower, &[(0, udp(A, B, 64, 20))]).exceptions, 0);
    });
}

#[test]
fn a_neighbour_that_is_gone_is_gone_for_followers_too() {
    with_two(|lab, leader, follower| {
        lab.feed(
            leader,
            &[(0, udp(A, B, 64, 20)), (1, says_on(1, HOST_B, B))],
        );
        assert_eq!(lab.feed(follower, &[(0, udp(A, B, 64, 20))]).exceptions, 0);
        lab.pass(leader, Duration::from_secs(60));
        assert_eq!(lab.feed(follower, &[(0, udp(A, B, 64, 20))]).exceptions, 1);
    });
}

#[test]
fn changes_that_find_no_room_come_later() {
    with_two(|lab, leader, follower| {
        for host in 20..40 {
            let to = [198, 51, 100, host];
            lab.feed(
                leader,
                &[(0, udp(A, to, 64, 20)), (1, says_on(1, HOST_B, to))],
            );
        }
        for _ in 0..20 {
            lab.pass(leader, Duration::from_millis(10));
            lab.pass(follower, Duration::from_millis(10));
        }
        for host in 20..40 {
            let frame = udp(A, [198, 51, 100, host], 64, 20);
            assert_eq!(lab.feed(follower, &[(0, frame)]).exceptions, 0, "{host}");
        }
    });
}

#[test]
fn packets_do_not_wait_for_all_changes() {
    with_room_for::<256>(|lab, leader, follower| {
        let mac = |number| [2, 0, 0, 0, 9, number].into();
        // One after the other, and none of them learned.
        for number in 1..=100 {
            let router = leader.router();
            router
                .set_neighbour(PortId(1), B.into(), mac(number))
                .unwrap();
            lab.pass(leader, Duration::from_millis(1));
        }
        let sent = |out: Out| macs(&out.sent[0].1).0;
        let mut learned = Vec::new();
        for _ in 0..5 {
            let out = lab.feed(follower, &[(0, udp(A, B, 64, 20))]);
            learned.push(sent(out));
        }
        assert_eq!(learned, [32, 64, 96, 100, 100].map(mac));
    });
}

#[test]
fn memory_for_less_is_refused() {
    with_lab(8, |_| {
        let mut ring = Ring::<Inline<Change, 4>>::new();
        let mut store: RouterStore<'_, 48, 40, 4> = RouterStore::new();
        let config = RouterConfig::default();
        let router = Router::new(store.memory(), NoRoutes, NoRoutes, config).unwrap();
        let mut few: RouterStore<'_, 47, 1, 4> = RouterStore::new();
        let mut narrow: RouterStore<'_, 48, 1, 3> = RouterStore::new();
        for memory in [few.memory(), narrow.memory()] {
            let (_, told) = ring.split();
            let refused = Follower::new(&router, memory, NoRoutes, NoRoutes, told, PortId(OVER));
            assert_eq!(refused.map(drop).unwrap_err(), RouterError::TooLittleMemory);
        }
    });
}

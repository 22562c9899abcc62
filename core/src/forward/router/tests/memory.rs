//! Interfaces, addresses and next hops that come and go.

use core::time::Duration;

use super::*;

#[test]
fn what_cannot_be_configured_says_why() {
    with_net(|_, router| {
        let unicast = InterfaceConfig::new(HOST_A, 1500);
        let refused = |router: &mut Net<'_, '_>, port, config| {
            router.set_interface(PortId(port), config).unwrap_err()
        };
        assert_eq!(
            refused(router, 4, unicast),
            RouterError::NoSuchPort(PortId(4))
        );
        let mut small = unicast;
        small.mtu = 1279;
        assert_eq!(refused(router, 0, small), RouterError::MtuTooSmall(1279));
        small.link_local = LinkLocal::None;
        small.mtu = 67;
        assert_eq!(refused(router, 0, small), RouterError::MtuTooSmall(67));
        let group = InterfaceConfig::new(MacAddr::BROADCAST, 1500);
        assert_eq!(refused(router, 0, group), RouterError::NotUnicast);

        let mut add =
            |port, address: [u8; 4], len| router.add_ipv4(PortId(port), address.into(), len);
        assert_eq!(add(3, A, 24), Err(RouterError::NoSuchPort(PortId(3))));
        assert_eq!(add(0, A, 33), Err(RouterError::PrefixLength(33)));
        for address in [
            [224, 0, 0, 1],
            [127, 0, 0, 1],
            [0; 4],
            [255; 4],
            [172, 16, 0, 0],
        ] {
            assert_eq!(add(0, address, 24), Err(RouterError::NotUnicast));
        }
        for last in 1..4 {
            assert!(add(0, [172, 16, 0, last], 24).is_ok());
        }
        assert_eq!(
            add(0, [172, 16, 0, 9], 24),
            Err(RouterError::TooManyAddresses)
        );
    });
}

#[test]
fn the_table_fills_and_says_so() {
    with_net(|_, router| {
        let mut last = 0;
        let error = loop {
            let gateway = Ipv4Addr::new(198, 51, 100, last).into();
            match router.next_hop(Target::Gateway(PortId(1), gateway)) {
                Ok(_) => last += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, RouterError::TableFull);
        assert!(last > 20);
    });
}

#[test]
fn next_hops_are_shared_and_given_back() {
    with_net(|_, router| {
        let target = via("198.51.100.9");
        let hop = router.next_hop(target).unwrap();
        assert_eq!(router.next_hop(target), Ok(hop));
        router.release(hop);
        let other = router.next_hop(via("198.51.100.8")).unwrap();
        assert_ne!(other, hop, "still in use");
        router.release(hop);
        assert_eq!(
            router.next_hop(via("198.51.100.7")),
            Ok(hop),
            "its number is free"
        );
    });
}

#[test]
fn a_gateway_released_while_packets_wait_lets_them_go() {
    with_net(|lab, router| {
        router.set_neighbour(PortId(0), A.into(), HOST_A).unwrap();
        let hop = router.next_hop(via("198.51.100.9")).unwrap();
        router
            .tables()
            .0
            .insert("172.16.0.0/16".parse().unwrap(), hop);
        lab.feed(router, &[(0, udp(A, [172, 16, 0, 1], 64, 8))]);
        router.release(hop);
        let out = lab.pass(router, Duration::from_secs(4));
        assert_eq!(out.dropped, [DropReason::NO_NEIGHBOUR]);
        assert_eq!(router.waiting(), 0);
    });
}

#[test]
fn an_interface_changes_its_address_and_mtu() {
    with_net(|lab, router| {
        know_all(router);
        let config = InterfaceConfig::new(HOST_A, 1300);
        router.set_interface(PortId(1), config).unwrap();
        let out = lab.feed(router, &[(0, udp(A, B, 64, 8)), (0, udp(A, B, 64, 1400))]);
        assert_eq!(macs(&out.sent[0].1), (HOST_B, HOST_A));
        assert_eq!(out.dropped, [DropReason::TOO_BIG]);
    });
}

#[test]
fn an_address_goes() {
    with_net(|lab, router| {
        know_all(router);
        let own = Ipv4Addr::new(192, 0, 2, 1);
        router.remove_address(PortId(0), own.into()).unwrap();
        let again = router.remove_address(PortId(0), own.into());
        assert_eq!(again, Err(RouterError::Unknown));
        // It is a host of the link like others now, and there is nobody to ask from.
        let out = lab.feed(
            router,
            &[(1, {
                let mut frame = udp(B, own.octets(), 64, 8);
                frame[..6].copy_from_slice(&ROUTER[1].0);
                frame
            })],
        );
        assert_eq!((out.sent.len(), router.waiting()), (0, 1));
    });
}

#[test]
fn an_address_of_the_routers_may_have_been_a_hosts() {
    with_net(|lab, router| {
        know_all(router);
        lab.feed(router, &[(0, udp(A, [198, 51, 100, 33], 64, 8))]);
        assert_eq!(router.waiting(), 1);
        router
            .add_ipv4(PortId(1), [198, 51, 100, 33].into(), 24)
            .unwrap();
        let out = lab.pass(router, Duration::from_millis(10));
        assert_eq!(router.waiting(), 0);
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
        assert_eq!(
            out.sent[0].1[34..36],
            [3, 3],
            "port unreachable, from the router itself"
        );
    });
}

/// A host broadcasts to its link, in a frame for the router alone: nobody is asked who that is.
fn to_all_of_the_link() -> Vec<u8> {
    udp(A, [192, 0, 2, 255], 64, 8)
}

#[test]
fn a_links_broadcast_address_stays_with_its_last_address() {
    with_net(|lab, router| {
        know_all(router);
        let second = Ipv4Addr::new(192, 0, 2, 2);
        router.add_ipv4(PortId(0), second, 24).unwrap();
        router.remove_address(PortId(0), second.into()).unwrap();
        let out = lab.feed(router, &[(0, to_all_of_the_link())]);
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
        assert_eq!((out.sent.len(), router.waiting()), (0, 0));
    });
}

#[test]
fn a_links_anycast_address_stays_with_its_last_address() {
    with_net(|lab, router| {
        let ip = |text: &str| text.parse::<core::net::Ipv6Addr>().unwrap();
        let link = router.add_ipv6(PortId(0), ip("2001:db8::1"), 64).unwrap();
        let prefix = "2001:db8::/64".parse().unwrap();
        router.tables().1.insert(prefix, link);
        router.add_ipv6(PortId(0), ip("2001:db8::2"), 64).unwrap();
        router
            .remove_address(PortId(0), ip("2001:db8::2").into())
            .unwrap();
        // From a host behind the other port: the fast path takes it there if it knows no better.
        let mut frame = super::ipv6::udp6(ip("2001:db8:9::9"), ip("2001:db8::"), 64, 8);
        frame[..6].copy_from_slice(&ROUTER[1].0);
        let anycast = ip("2001:db8::").into();
        let taken = router.set_neighbour(PortId(0), anycast, HOST_A);
        assert_eq!(taken, Err(RouterError::NotUnicast), "it is the router's");
        let out = lab.feed(router, &[(1, frame)]);
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
    });
}

#[test]
fn an_address_that_finds_no_room_leaves_nothing_behind() {
    with_net(|_, router| {
        let mut last = 0;
        while router
            .next_hop(via(&std::format!("198.51.100.{last}")))
            .is_ok()
        {
            last += 1;
        }
        let (four, six) = ("10.9.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let four = router.add_ipv4(PortId(0), four, 24);
        let six = router.add_ipv6(PortId(0), six, 64);
        assert_eq!(
            (four, six),
            (Err(RouterError::TableFull), Err(RouterError::TableFull))
        );
        let interface = router.interface(PortId(0)).unwrap();
        assert_eq!((interface.ipv4().count(), interface.ipv6().count()), (1, 1));
    });
}

#[test]
fn ipv6_wants_its_minimum_mtu() {
    with_net(|_, router| {
        let own = "2001:db8::1".parse().unwrap();
        // The port has no link-local address, and an MTU that IPv4 alone can live with.
        let refused = router.add_ipv6(PortId(2), own, 64);
        assert_eq!(refused, Err(RouterError::MtuTooSmall(600)));
        router.add_ipv6(PortId(0), own, 64).unwrap();
        let mut config = InterfaceConfig::new(ROUTER[0], 1279);
        config.link_local = LinkLocal::None;
        let refused = router.set_interface(PortId(0), config);
        assert_eq!(refused, Err(RouterError::MtuTooSmall(1279)));
        let link_local = router
            .interface(PortId(0))
            .unwrap()
            .ipv6()
            .next()
            .unwrap()
            .0;
        assert!(link_local.is_unicast_link_local(), "nothing has changed");
    });
}

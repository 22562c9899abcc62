//! Multicast listener discovery: what is reported, when, and to whom.

use core::net::Ipv6Addr;
use core::time::Duration;

use super::*;
use crate::wire::checksum::PseudoHeader;
use crate::wire::mld::{MldHeader, MldRecordKind, MldReport};
use crate::wire::{Ethernet, Header, Icmpv6, Icmpv6Mut, Icmpv6Type, IpProtocol, Ipv6, Ipv6Header};

const QUERIER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x99);
const NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];

/// What a report says: where it left, where it went, and of which groups.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    port: u16,
    to: Ipv6Addr,
    /// None: version 1.
    kind: Option<MldRecordKind>,
    groups: Vec<Ipv6Addr>,
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// A report, with all that must hold for each.
fn said((port, bytes): &(u16, Vec<u8>)) -> Said {
    let ethernet = Ethernet::new(bytes).unwrap();
    let ip = Ipv6::new(ethernet.payload).unwrap();
    let to = ip.destination();
    assert_eq!(ethernet.source(), ROUTER[usize::from(*port)]);
    assert_eq!(ethernet.destination(), MacAddr::for_ipv6_multicast(to));
    assert!(ip.source().is_unicast_link_local());
    assert_eq!(
        (ip.hop_limit(), ip.next_header()),
        (1, IpProtocol::HOP_BY_HOP)
    );
    let (alert, message) = ip.payload.split_at(8);
    assert_eq!(alert, ALERT);
    let icmp = Icmpv6::new(message).unwrap();
    assert!(icmp.checksum_ok(&PseudoHeader::ipv6(ip.source(), to)));
    let (kind, groups) = match icmp.kind() {
        Icmpv6Type::LISTENER_REPORT => {
            assert_eq!(message.len(), 24);
            let (header, _) = MldHeader::split(message).unwrap();
            assert_eq!(header.group(), to);
            (None, vec![to])
        }
        _ => {
            let report = MldReport::new(message).unwrap();
            let records: Vec<_> = report.records().collect();
            assert_eq!(report.records.len() + 8, message.len());
            assert!(records.iter().all(|record| record.kind == records[0].kind));
            let groups = records.iter().map(|record| record.group).collect();
            (Some(records[0].kind), groups)
        }
    };
    Said {
        port: *port,
        to,
        kind,
        groups,
    }
}

/// A query to port 0, of this version.
fn query(version: u8, group: Ipv6Addr, delay: u16) -> Vec<u8> {
    let mut message = vec![0; if version == 1 { 24 } else { 28 }];
    MldHeader::new(Icmpv6Type::LISTENER_QUERY, delay, group)
        .write(&mut message)
        .unwrap();
    let to = if group.is_unspecified() { NODES } else { group };
    let mut icmp = Icmpv6Mut::new(&mut message).unwrap();
    icmp.fill_checksum(&PseudoHeader::ipv6(QUERIER, to));
    let len = (ALERT.len() + message.len()) as u16;
    let mut header = Ipv6Header::new(QUERIER, to, IpProtocol::HOP_BY_HOP, len);
    header.set_hop_limit(1);
    let mut bytes = vec![0; 54];
    bytes[..6].copy_from_slice(&MacAddr::for_ipv6_multicast(to).0);
    bytes[6..12].copy_from_slice(&HOST_A.0);
    bytes[12..14].copy_from_slice(&[0x86, 0xdd]);
    header.write(&mut bytes[14..]).unwrap();
    bytes.extend(ALERT);
    bytes.extend(message);
    bytes
}

/// The network with its default configuration, on which all ports but the last have spoken.
fn with_quiet_net(test: impl for<'m, 'p> FnOnce(&mut Lab<'p>, &mut Net<'m, 'p>)) {
    with_net_as(RouterConfig::default(), |lab, router| {
        lab.pass(router, Duration::from_secs(2));
        test(lab, router);
    });
}

#[test]
fn new_addresses_are_told_twice() {
    with_net_as(RouterConfig::default(), |lab, router| {
        let first = lab.pass(router, Duration::from_millis(10)).sent;
        let own = ["ff02::2", "ff02::1:ff00:1"].map(ip);
        let far = ["ff02::2", "ff02::1:ff00:101"].map(ip);
        let expected = |port, groups: &[Ipv6Addr]| Said {
            port,
            to: ip("ff02::16"),
            kind: Some(MldRecordKind::TO_EXCLUDE),
            groups: groups.to_vec(),
        };
        let all: Vec<_> = first.iter().map(said).collect();
        // Port 2 speaks no IPv6.
        assert_eq!(all, [expected(0, &own), expected(1, &far)]);
        let second = lab.pass(router, Duration::from_secs(1)).sent;
        let mut all: Vec<_> = second.iter().map(said).collect();
        all.sort_by_key(|said| said.port);
        assert_eq!(all, [expected(0, &own), expected(1, &far)]);
        assert!(lab.pass(router, Duration::from_secs(5)).sent.is_empty());

        // One more, which is solicited in a group of its own, and so is its link's anycast address.
        let added = ip("2001:db8::12:3456");
        router.add_ipv6(PortId(1), added, 64).unwrap();
        // The same again is none.
        router.add_ipv6(PortId(1), added, 64).unwrap();
        let all = lab.pass(router, Duration::from_secs(2)).sent;
        let groups = [
            "ff02::2",
            "ff02::1:ff00:101",
            "ff02::1:ff12:3456",
            "ff02::1:ff00:0",
        ];
        let one = || expected(1, &groups.map(ip));
        assert_eq!(all.iter().map(said).collect::<Vec<_>>(), [one(), one()]);
        assert_eq!(router.stats().listener_reports.value(), 6);
    });
}

#[test]
fn a_link_that_comes_up_is_told_again() {
    with_net_as(RouterConfig::default(), |lab, router| {
        // What is said from the beginning is lost on port 0.
        lab.down = vec![0];
        lab.pass(router, Duration::from_secs(5));
        let mut told = |down: &[u16]| {
            lab.down = down.to_vec();
            let all = lab.pass(router, Duration::from_secs(2)).sent;
            let all = all.iter().map(said).map(|said| (said.port, said.kind));
            all.collect::<Vec<_>>()
        };
        let again = |port| [(port, Some(MldRecordKind::TO_EXCLUDE)); 2];
        assert_eq!(told(&[0]), [], "whose link did not change");
        assert_eq!(told(&[]), again(0));
        assert_eq!(told(&[]), []);
        assert_eq!(told(&[0, 1]), []);
        assert_eq!(told(&[0]), again(1));
        assert_eq!(told(&[]), again(0));
    });
    // One that is silent stays so.
    with_net(|lab, router| {
        lab.down = vec![0];
        lab.pass(router, Duration::from_secs(1));
        lab.down.clear();
        assert!(lab.pass(router, Duration::from_secs(3)).sent.is_empty());
    });
}

#[test]
fn queries_are_answered_within_their_time() {
    with_quiet_net(|lab, router| {
        for group in [Ipv6Addr::UNSPECIFIED, ip("ff02::1:ff00:1"), ip("ff02::2")] {
            let out = lab.feed(router, &[(0, query(2, group, 1000))]);
            assert_eq!(out.dropped, [DropReason::CONSUMED]);
            assert!(out.sent.is_empty(), "not at once");
            let all = lab.pass(router, Duration::from_millis(1000)).sent;
            let all: Vec<_> = all.iter().map(said).collect();
            let expected = Said {
                port: 0,
                to: ip("ff02::16"),
                kind: Some(MldRecordKind::IS_EXCLUDE),
                groups: ["ff02::2", "ff02::1:ff00:1"].map(ip).to_vec(),
            };
            assert_eq!(all, [expected], "{group}");
        }
        // Several at once are one, and the shortest time counts.
        let general = |delay| (0, query(2, Ipv6Addr::UNSPECIFIED, delay));
        lab.feed(router, &[general(0x7fff), general(50), general(0x7fff)]);
        assert_eq!(lab.pass(router, Duration::from_millis(50)).sent.len(), 1);
        assert!(lab.pass(router, Duration::from_secs(40)).sent.is_empty());
    });
}

#[test]
fn delays_are_spread() {
    with_quiet_net(|lab, router| {
        let mut early = 0;
        for _ in 0..200 {
            lab.feed(router, &[(0, query(2, Ipv6Addr::UNSPECIFIED, 1000))]);
            let half = lab.pass(router, Duration::from_millis(500)).sent.len();
            let rest = lab.pass(router, Duration::from_millis(500)).sent.len();
            assert_eq!(half + rest, 1);
            early += half;
        }
        assert!((60..140).contains(&early), "{early} of 200");
    });
}

#[test]
fn a_querier_of_version_1_is_answered_in_its_own() {
    with_quiet_net(|lab, router| {
        let of = |all: Vec<(u16, Vec<u8>)>| all.iter().map(said).collect::<Vec<_>>();
        let one = |group: &str| Said {
            port: 0,
            to: ip(group),
            kind: None,
            groups: vec![ip(group)],
        };
        lab.feed(router, &[(0, query(1, Ipv6Addr::UNSPECIFIED, 1000))]);
        let all = of(lab.pass(router, Duration::from_secs(1)).sent);
        assert_eq!(all, [one("ff02::2"), one("ff02::1:ff00:1")]);
        // A while after it, others get that as well.
        lab.feed(router, &[(0, query(2, Ipv6Addr::UNSPECIFIED, 1000))]);
        let all = of(lab.pass(router, Duration::from_secs(1)).sent);
        assert_eq!(all.len(), 2);
        lab.pass(router, Duration::from_secs(260));
        lab.feed(router, &[(0, query(2, Ipv6Addr::UNSPECIFIED, 1000))]);
        let all = of(lab.pass(router, Duration::from_secs(1)).sent);
        assert_eq!(
            (all.len(), all[0].kind),
            (1, Some(MldRecordKind::IS_EXCLUDE))
        );
    });
}

#[test]
fn what_is_no_query_for_the_router_is_not_answered() {
    with_quiet_net(|lab, router| {
        let good = query(2, Ipv6Addr::UNSPECIFIED, 1000);
        let mut forwarded = good.clone();
        forwarded[21] = 2; // hop limit
        let mut deaf = good.clone();
        deaf[54..62].copy_from_slice(&[58, 0, 1, 4, 0, 0, 0, 0]);
        for (what, bytes) in [("hop limit", forwarded), ("no router alert", deaf)] {
            let out = lab.feed(router, &[(0, bytes)]);
            assert_eq!(out.dropped, [DropReason::MALFORMED_L4], "{what}");
        }
        let mut broken = good;
        broken[66] ^= 1;
        let out = lab.feed(router, &[(0, broken)]);
        assert_eq!(out.dropped, [DropReason::L4_CHECKSUM]);
        // Nobody reports the group of all nodes (RFC 3810 section 6), nor one of somebody else.
        let out = lab.feed(router, &[(0, query(2, NODES, 1000))]);
        assert_eq!(out.dropped, [DropReason::CONSUMED]);
        let out = lab.feed(router, &[(0, query(2, ip("ff02::1:ff00:7"), 1000))]);
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
        assert!(lab.pass(router, Duration::from_secs(3)).sent.is_empty());
    });
}

#[test]
fn a_router_told_to_be_silent_is() {
    with_net(|lab, router| {
        let asked = (0, query(2, Ipv6Addr::UNSPECIFIED, 1000));
        let out = lab.feed(router, &[asked]);
        assert_eq!(out.dropped, [DropReason::CONSUMED]);
        assert!(lab.pass(router, Duration::from_secs(3)).sent.is_empty());
    });
}

#[test]
fn a_program_with_a_stack_gets_queries_as_well() {
    let config = RouterConfig {
        local: LocalTraffic::Punt,
        ..RouterConfig::default()
    };
    with_net_as(config, |lab, router| {
        lab.pass(router, Duration::from_secs(2));
        let out = lab.feed(router, &[(0, query(2, Ipv6Addr::UNSPECIFIED, 1000))]);
        assert_eq!(out.punted.len(), 1);
        assert_eq!(lab.pass(router, Duration::from_secs(1)).sent.len(), 1);
    });
}

#[test]
fn without_a_frame_nothing_is_said_and_it_is_counted() {
    with_lab(1, |lab| {
        let mut store: RouterStore<'_, 8, 1, 1> = RouterStore::new();
        let config = RouterConfig::default();
        let mut router: Net<'_, '_> =
            Router::new(store.memory(), Few::new(), Few::new(), config).unwrap();
        let mac = InterfaceConfig::new(ROUTER[0], 1500);
        router.set_interface(PortId(0), mac).unwrap();
        let frame = lab.cache.alloc().unwrap();
        assert!(
            lab.pass(&mut router, Duration::from_secs(2))
                .sent
                .is_empty()
        );
        assert_eq!(router.stats().no_frame.value(), 2);
        lab.cache.free(frame);
    });
}

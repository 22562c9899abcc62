//! What is answered by ICMPv6, and what is not. Of the network in `ipv6`.

use core::net::Ipv6Addr;

use super::ipv6::*;
use super::*;
use crate::wire::{Icmpv6Message, Icmpv6Mut, Ipv6};

#[test]
fn errors_and_whom_they_are_from() {
    with_net6(|lab, router| {
        know_all6(router);
        route6(router, "2001:db8:1::/48", Target::Blackhole);
        route6(router, "2001:db8:2::/48", Target::Unreachable);
        route6(router, "2001:db8:3::/48", Target::Prohibited);
        let near = ip("2001:db8:a::1");
        let own = ip("2001:db8:b::1");
        let unreachable = |code| Some(Icmpv6Message::Unreachable { code });
        for (frame, expected, source, why) in [
            (
                udp6(host_a(), host_b(), 1, 8),
                Some(Icmpv6Message::TimeExceeded { code: 0 }),
                near,
                DropReason::TTL_EXPIRED,
            ),
            (
                udp6(host_a(), host_b(), 64, 1453),
                Some(Icmpv6Message::PacketTooBig { mtu: 1500 }),
                near,
                DropReason::TOO_BIG,
            ),
            (
                udp6(host_a(), ip("2600::1"), 64, 8),
                unreachable(0),
                near,
                DropReason::NO_ROUTE,
            ),
            (
                udp6(host_a(), ip("2001:db8:1::1"), 64, 8),
                None,
                near,
                DropReason::BLACKHOLE,
            ),
            (
                udp6(host_a(), ip("2001:db8:2::1"), 64, 8),
                unreachable(3),
                near,
                DropReason::BLACKHOLE,
            ),
            (
                udp6(host_a(), ip("2001:db8:3::1"), 64, 8),
                unreachable(1),
                near,
                DropReason::FILTERED,
            ),
            (
                udp6(host_a(), own, 64, 8),
                unreachable(4),
                own,
                DropReason::NOT_SPOKEN,
            ),
        ] {
            let mut frame = frame;
            if why == DropReason::TOO_BIG {
                frame.resize(1514 + 1, 7);
            }
            let out = lab.feed(router, &[(0, frame.clone())]);
            assert_well_formed(&out);
            assert_eq!(out.dropped, [why]);
            let got = out.sent.first().map(|(_, error)| message(error));
            assert_eq!(got, expected);
            if let Some((port, error)) = out.sent.first() {
                assert_eq!((*port, macs(error)), (0, (HOST_A, ROUTER[0])));
                let view = Ipv6::new(&error[14..]).unwrap();
                assert_eq!((view.source(), view.destination()), (source, host_a()));
                let quote = &view.payload[8..];
                assert_eq!(quote, &frame[14..14 + quote.len()]);
                assert_eq!(
                    quote.len(),
                    (frame.len() - 14).min(1232),
                    "up to 1280 bytes in all"
                );
            }
        }
    });
}

fn route6(router: &mut Net<'_, '_>, prefix: &str, target: Target) {
    let hop = router.next_hop(target).expect("an entry");
    router.tables().1.insert(prefix.parse().unwrap(), hop);
}

#[test]
fn no_errors_about() {
    with_net6(|lab, router| {
        know_all6(router);
        let error = icmp6(
            (ROUTER[0], HOST_A),
            (host_a(), host_b()),
            1,
            |out, pseudo| {
                let message = Icmpv6Message::TimeExceeded { code: 0 };
                crate::wire::icmpv6::write_error(out, message, &[0x60; 40], pseudo).unwrap()
            },
        );
        for (frame, why) in [
            (error, DropReason::TTL_EXPIRED),
            (udp6(ip("::"), host_b(), 1, 8), DropReason::MARTIAN_SOURCE),
            (
                udp6(ip("2001:db8:b::1"), host_b(), 1, 8),
                DropReason::TTL_EXPIRED,
            ), // itself
            (udp6(ip("2600::1"), host_b(), 1, 8), DropReason::TTL_EXPIRED), // no way back
        ] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!((out.sent.len(), out.dropped), (0, vec![why]));
        }
        // A link-local source goes no further, and is told so on its own link.
        router
            .set_neighbour(PortId(0), ip("fe80::a").into(), HOST_A)
            .unwrap();
        let out = lab.feed(router, &[(0, udp6(ip("fe80::a"), host_b(), 64, 8))]);
        assert_well_formed(&out);
        assert_eq!(
            message(&out.sent[0].1),
            Icmpv6Message::Unreachable { code: 2 }
        );
        let view = Ipv6::new(&out.sent[0].1[14..]).unwrap();
        assert!(view.source().is_unicast_link_local());
    });
}

#[test]
fn echo_for_each_own_address_and_for_all_nodes() {
    with_net6(|lab, router| {
        know_all6(router);
        let link_local = LinkLocal::Derived.address(ROUTER[0]).unwrap();
        router
            .set_neighbour(PortId(0), ip("fe80::a").into(), HOST_A)
            .unwrap();
        for (from, to, answers) in [
            (host_a(), ip("2001:db8:a::1"), ip("2001:db8:a::1")),
            (host_a(), ip("2001:db8:b::1"), ip("2001:db8:b::1")),
            (host_a(), ip("2001:db8:b::"), ip("2001:db8:a::1")), // any router there
            (ip("fe80::a"), link_local, link_local),
            (ip("fe80::a"), ip("ff02::1"), link_local),
            (ip("fe80::a"), ip("ff02::2"), link_local),
        ] {
            let to_mac = match to.is_multicast() {
                true => MacAddr::for_ipv6_multicast(to),
                false => ROUTER[0],
            };
            let request = icmp6((to_mac, HOST_A), (from, to), 64, |out, pseudo| {
                out[..16].copy_from_slice(&[128, 0, 0, 0, 0, 7, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8]);
                let mut icmp = crate::wire::Icmpv6Mut::new(&mut out[..16]).unwrap();
                icmp.fill_checksum(pseudo);
                16
            });
            let out = lab.feed(router, &[(0, request)]);
            assert_well_formed(&out);
            assert_eq!(out.sent.len(), 1, "{to}");
            let reply = &out.sent[0].1;
            assert_eq!(macs(reply), (HOST_A, ROUTER[0]));
            let view = Ipv6::new(&reply[14..]).unwrap();
            assert_eq!((view.source(), view.destination()), (answers, from));
            assert_eq!(
                message(reply),
                Icmpv6Message::EchoReply {
                    ident: 7,
                    sequence: 9
                }
            );
            assert_eq!(reply[62..], [1, 2, 3, 4, 5, 6, 7, 8]);
        }
        // Another port's link-local address is not reached from here.
        let other = LinkLocal::Derived.address(ROUTER[1]).unwrap();
        let out = lab.feed(router, &[(0, udp6(ip("fe80::a"), other, 64, 8))]);
        assert_eq!(out.dropped, [DropReason::MARTIAN_DESTINATION]);
    });
}

#[test]
fn nobody_speaks_to_the_router_in_its_own_name() {
    with_net6(|lab, router| {
        know_all6(router);
        let link_local = LinkLocal::Derived.address(ROUTER[0]).unwrap();
        for from in [ip("2001:db8:a::1"), ip("2001:db8:b::1"), link_local] {
            for to in [ip("2001:db8:a::1"), ip("2001:db8:b::"), ip("ff02::1")] {
                let ping = icmp6((ROUTER[0], HOST_A), (from, to), 64, |out, pseudo| {
                    let mut view = Icmpv6Mut::new(&mut out[..16]).unwrap();
                    let (ident, sequence) = (1, 2);
                    view.set_message(Icmpv6Message::EchoRequest { ident, sequence });
                    view.fill_checksum(pseudo);
                    16
                });
                let out = lab.feed(router, &[(0, udp6(from, to, 64, 8)), (0, ping)]);
                assert_eq!(out.dropped, [DropReason::MARTIAN_SOURCE; 2]);
                assert_eq!(out.sent.len(), 0);
            }
        }
    });
}

#[test]
fn extension_headers_to_the_router_itself() {
    with_net6(|lab, router| {
        know_all6(router);
        let own = ip("2001:db8:a::1");
        let with = |next: u8, extension: &[u8]| {
            let mut frame = udp6(host_a(), own, 64, 8);
            frame[20] = next;
            frame[19] += extension.len() as u8;
            frame.splice(54..54, extension.iter().copied());
            frame
        };
        let problem = |code, pointer| Icmpv6Message::ParameterProblem { code, pointer };
        for (frame, expected) in [
            (with(253, &[]), problem(1, 6)),
            (with(60, &[253, 0, 1, 4, 0, 0, 0, 0]), problem(1, 40)),
            (with(43, &[17, 0, 99, 1, 0, 0, 0, 0]), problem(0, 42)),
            (
                with(60, &[17, 0, 1, 4, 0, 0, 0, 0]),
                Icmpv6Message::Unreachable { code: 4 },
            ),
        ] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_well_formed(&out);
            assert_eq!(message(&out.sent[0].1), expected);
            assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
        }
        let out = lab.feed(router, &[(0, with(44, &[17, 0, 0, 1, 0, 0, 0, 9]))]);
        assert_eq!(
            (out.sent.len(), out.dropped),
            (0, vec![DropReason::FRAGMENT])
        );
        let out = lab.feed(router, &[(0, with(59, &[]))]);
        assert_eq!(
            (out.sent.len(), out.dropped),
            (0, vec![DropReason::CONSUMED])
        );
    });
}

/// RFC 8200 section 4.2: what the two highest bits of an unknown option ask for.
#[test]
fn options_that_the_router_itself_does_not_know() {
    with_net6(|lab, router| {
        know_all6(router);
        let ping = |header: u8, to: Ipv6Addr, option: u8| {
            let mut frame = icmp6((ROUTER[0], HOST_A), (host_a(), to), 64, |out, pseudo| {
                let mut view = Icmpv6Mut::new(&mut out[..16]).unwrap();
                let (ident, sequence) = (1, 2);
                view.set_message(Icmpv6Message::EchoRequest { ident, sequence });
                view.fill_checksum(pseudo);
                16
            });
            let next = core::mem::replace(&mut frame[20], header);
            frame[19] += 8;
            frame.splice(54..54, [next, 0, 0, option, 0, 1, 1, 0]);
            frame
        };
        let own = ip("2001:db8:a::1");
        let problem = Icmpv6Message::ParameterProblem {
            code: 2,
            pointer: 43,
        };
        let reply = Icmpv6Message::EchoReply {
            ident: 1,
            sequence: 2,
        };
        // Hop-by-hop and destination options; router alert is known, and so skipped.
        for header in [0, 60] {
            for (to, option, answer) in [
                (own, 0x1e, Some(reply)),
                (own, 0x5e, None),
                (own, 0x9e, Some(problem)),
                (own, 0xde, Some(problem)),
                (ip("ff02::1"), 0x1e, Some(reply)),
                (ip("ff02::1"), 0x5e, None),
                (ip("ff02::1"), 0x9e, Some(problem)),
                (ip("ff02::1"), 0xde, None),
            ] {
                let out = lab.feed(router, &[(0, ping(header, to, option))]);
                assert_well_formed(&out);
                let sent = out.sent.first().map(|(_, frame)| message(frame));
                assert_eq!(sent, answer, "{header} {to} {option:#x}");
                let dropped = usize::from(answer != Some(reply));
                assert_eq!(out.dropped, vec![DropReason::OPTIONS; dropped]);
            }
        }
    });
}

/// RFC 8200 section 4: "each extension header" of hop-by-hop options behind another "should" be
/// taken as an unknown next header.
#[test]
fn hop_by_hop_options_behind_another_header_are_faulted() {
    with_net6(|lab, router| {
        know_all6(router);
        let mut frame = udp6(host_a(), ip("2001:db8:a::1"), 64, 8);
        frame[20] = 60;
        frame[19] += 16;
        frame.splice(54..54, [0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]);
        let out = lab.feed(router, &[(0, frame)]);
        assert_well_formed(&out);
        let problem = Icmpv6Message::ParameterProblem {
            code: 1,
            pointer: 40,
        };
        assert_eq!(message(&out.sent[0].1), problem);
        assert_eq!(out.dropped, [DropReason::NOT_SPOKEN]);
    });
}

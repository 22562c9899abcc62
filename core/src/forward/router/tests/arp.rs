//! ARP for the router's own addresses, and what is learned from others.

use super::*;
use crate::wire::{ArpHeader, ArpOperation, EtherType, EthernetHeader, Header};

pub(super) fn frame(to: MacAddr, from: MacAddr, arp: ArpHeader) -> Vec<u8> {
    let mut bytes = vec![0; 60];
    let rest = EthernetHeader::new(to, from, EtherType::ARP)
        .write(&mut bytes)
        .unwrap();
    arp.write(rest).unwrap();
    bytes
}

fn asks(from: MacAddr, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let arp = ArpHeader::request(from, sender.into(), target.into());
    frame(MacAddr::BROADCAST, from, arp)
}

/// Says by a port that `sender` is at `from`.
pub(super) fn says_on(port: usize, from: MacAddr, sender: [u8; 4]) -> Vec<u8> {
    let own = (ROUTER[port], [198, 51, 100, 1].into());
    let arp = ArpHeader::new(ArpOperation::REPLY, (from, sender.into()), own);
    frame(ROUTER[port], from, arp)
}

fn says(from: MacAddr, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let arp = ArpHeader::new(
        ArpOperation::REPLY,
        (from, sender.into()),
        (ROUTER[0], target.into()),
    );
    frame(ROUTER[0], from, arp)
}

const OWN: [u8; 4] = [192, 0, 2, 1];

fn known(router: &Net<'_, '_>, address: [u8; 4]) -> Option<MacAddr> {
    router.neighbour(PortId(0), address.into())
}

#[test]
fn answers_for_its_own_addresses_on_their_port() {
    with_net(|lab, router| {
        let out = lab.feed(router, &[(0, asks(HOST_A, A, OWN))]);
        assert_well_formed(&out);
        let request = ArpHeader::request(HOST_A, A.into(), OWN.into());
        let expected = frame(HOST_A, ROUTER[0], request.reply(ROUTER[0]));
        assert_eq!(out.sent, [(0, expected)]);
        assert_eq!(known(router, A), Some(HOST_A), "who asks will be answered");

        for target in [[192, 0, 2, 2], [198, 51, 100, 1]] {
            let out = lab.feed(router, &[(0, asks(HOST_A, A, target))]);
            assert!(out.sent.is_empty(), "{target:?} is not its own there");
        }
    });
}

#[test]
fn a_probe_is_answered_and_teaches_nothing() {
    with_net(|lab, router| {
        let out = lab.feed(router, &[(0, asks(HOST_A, [0; 4], OWN))]);
        assert_eq!(out.sent.len(), 1);
        assert_eq!(known(router, [0; 4]), None);
    });
}

#[test]
fn only_hosts_of_the_link_are_learned() {
    with_net(|lab, router| {
        for sender in [B, [192, 0, 2, 255], [192, 0, 2, 0], [224, 0, 0, 1]] {
            lab.feed(router, &[(0, asks(HOST_A, sender, OWN))]);
            assert_eq!(known(router, sender), None, "{sender:?}");
        }
    });
}

#[test]
fn announcements_change_what_is_known_and_add_nothing() {
    with_net(|lab, router| {
        lab.feed(router, &[(0, asks(HOST_A, A, A)), (0, says(HOST_A, A, A))]);
        assert_eq!(known(router, A), None);
        lab.feed(router, &[(0, asks(HOST_A, A, OWN))]);
        lab.feed(router, &[(0, asks(HOST_B, A, A))]);
        assert_eq!(known(router, A), Some(HOST_B));
        let sent = lab.feed(router, &[(1, udp_from_b(A))]).sent;
        assert_eq!(
            macs(&sent[0].1),
            (HOST_B, ROUTER[0]),
            "the next packet goes there"
        );
    });
}

fn udp_from_b(to: [u8; 4]) -> Vec<u8> {
    let mut frame = udp(B, to, 64, 8);
    frame[..6].copy_from_slice(&ROUTER[1].0);
    frame
}

#[test]
fn nobody_takes_over_the_routers_address_or_a_configured_neighbour() {
    with_net(|lab, router| {
        lab.feed(
            router,
            &[(0, asks(HOST_A, OWN, A)), (0, says(HOST_A, OWN, OWN))],
        );
        assert_eq!(known(router, OWN), None);
        assert_eq!(router.stats().conflicts.value(), 2);
        router.set_neighbour(PortId(0), A.into(), HOST_A).unwrap();
        lab.feed(router, &[(0, says(HOST_B, A, OWN))]);
        assert_eq!(known(router, A), Some(HOST_A));
    });
}

#[test]
fn what_is_malformed_is_dropped() {
    with_net(|lab, router| {
        let good = asks(HOST_A, A, OWN);
        let at = |at: usize, byte: u8| {
            let mut frame = good.clone();
            frame[at] = byte;
            frame
        };
        for (frame, why) in [
            (good[..41].to_vec(), DropReason::TRUNCATED),
            (at(15, 6), DropReason::UNKNOWN_PROTOCOL),
            (at(18, 7), DropReason::MALFORMED_L3),
            (at(22, 1), DropReason::MALFORMED_L3),
        ] {
            let out = lab.feed(router, &[(0, frame)]);
            assert_eq!((out.sent.len(), out.dropped), (0, vec![why]));
        }
        // Neither a question nor an answer.
        let out = lab.feed(router, &[(0, at(21, 3))]);
        assert_eq!(
            (out.sent.len(), out.dropped),
            (0, vec![DropReason::CONSUMED])
        );
    });
}

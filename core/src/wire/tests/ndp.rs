//! Tests of neighbour discovery.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;
use zerocopy::IntoBytes;

use super::*;
use crate::wire::checksum::PseudoHeader;
use crate::wire::{Icmpv6, IpProtocol, MacAddr};

const HOST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const FAR: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);

/// An IPv6 header between these, as neighbour discovery sends it.
fn ip(source: Ipv6Addr, destination: Ipv6Addr) -> Ipv6Header {
    let mut header = Ipv6Header::new(source, destination, IpProtocol::ICMPV6, 0);
    header.set_hop_limit(255);
    header
}

/// A message of this fixed part and these options.
fn message(header: &impl Header, options: &[NdpOption<'_>]) -> Vec<u8> {
    let mut bytes = [0; 256];
    let mut place = header.write(&mut bytes).unwrap();
    for option in options {
        place = option.write(place).unwrap();
    }
    let left = place.len();
    bytes[..256 - left].to_vec()
}

fn router_solicitation() -> Icmpv6Header {
    let (header, _) = Icmpv6Header::split(&[133, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    *header
}

fn error(ip: &Ipv6Header, bytes: &[u8]) -> Option<WireError> {
    Ndp::new(ip, bytes).err()
}

#[test]
fn a_packet_that_was_forwarded_is_refused() {
    let bytes = message(&NeighborHeader::solicitation(ROUTER), &[]);
    let mut ip = ip(HOST, ROUTER);
    assert_eq!(error(&ip, &bytes), None);
    ip.set_hop_limit(254);
    assert_eq!(error(&ip, &bytes), Some(WireError::BadValue(254)));
}

#[test]
fn who_may_solicit_whom() {
    let bare = message(&NeighborHeader::solicitation(ROUTER), &[]);
    let with_mac = message(
        &NeighborHeader::solicitation(ROUTER),
        &[NdpOption::SourceLinkAddr(MAC)],
    );
    let nobody = Ipv6Addr::UNSPECIFIED;
    let bad = Some(WireError::BadAddress);
    assert_eq!(error(&ip(nobody, solicited_node(ROUTER)), &bare), None);
    assert_eq!(error(&ip(nobody, ROUTER), &bare), bad);
    assert_eq!(error(&ip(nobody, solicited_node(ROUTER)), &with_mac), bad);
    assert_eq!(error(&ip(HOST, ROUTER), &with_mac), None);

    let bare = message(&router_solicitation(), &[]);
    let with_mac = message(&router_solicitation(), &[NdpOption::SourceLinkAddr(MAC)]);
    assert_eq!(error(&ip(nobody, ALL_NODES), &bare), None);
    assert_eq!(error(&ip(nobody, ALL_NODES), &with_mac), bad);
}

#[test]
fn an_answer_to_all_answers_nobody() {
    let solicited = message(
        &NeighborHeader::advertisement(ROUTER, NeighborFlags::SOLICITED),
        &[],
    );
    let unsolicited = message(
        &NeighborHeader::advertisement(ROUTER, NeighborFlags::OVERRIDE),
        &[],
    );
    assert_eq!(error(&ip(ROUTER, HOST), &solicited), None);
    assert_eq!(
        error(&ip(ROUTER, ALL_NODES), &solicited),
        Some(WireError::BadAddress)
    );
    assert_eq!(error(&ip(ROUTER, ALL_NODES), &unsolicited), None);
}

#[test]
fn routers_speak_from_link_local_addresses() {
    let advertisement = message(
        &RouterAdvertisementHeader::new(64, RouterFlags::empty(), 1800),
        &[],
    );
    let redirect = message(&RedirectHeader::new(HOST, FAR), &[]);
    for bytes in [advertisement, redirect] {
        assert_eq!(error(&ip(ROUTER, HOST), &bytes), None);
        assert_eq!(error(&ip(FAR, HOST), &bytes), Some(WireError::BadAddress));
    }
}

#[test]
fn where_a_redirect_may_lead() {
    let check = |target, destination| {
        Redirect::new(RedirectHeader::new(target, destination).as_bytes()).err()
    };
    assert_eq!(check(HOST, FAR), None);
    assert_eq!(check(FAR, FAR), None);
    assert_eq!(check(FAR, HOST), Some(WireError::BadAddress));
    assert_eq!(check(HOST, ALL_NODES), Some(WireError::BadAddress));
}

#[test]
fn targets_codes_and_types() {
    let mut bytes = message(&NeighborHeader::solicitation(ALL_NODES), &[]);
    assert_eq!(Neighbor::new(&bytes).unwrap_err(), WireError::BadAddress);
    bytes[1] = 3;
    assert_eq!(Neighbor::new(&bytes).unwrap_err(), WireError::BadValue(3));
    bytes[0] = 128;
    assert_eq!(
        Neighbor::new(&bytes).unwrap_err(),
        WireError::Unsupported(128)
    );
    assert_eq!(
        error(&ip(HOST, ROUTER), &bytes),
        Some(WireError::Unsupported(128))
    );
    assert_eq!(
        RouterSolicitation::new(&bytes).unwrap_err(),
        WireError::Unsupported(128)
    );
    assert_eq!(
        Neighbor::new(&bytes[..23]).unwrap_err(),
        WireError::Truncated { needed: 24 }
    );
}

#[test]
fn options_of_length_zero_or_too_long() {
    let mut bytes = message(
        &NeighborHeader::solicitation(HOST),
        &[NdpOption::Mtu(1), NdpOption::Mtu(2)],
    );
    assert!(Neighbor::new(&bytes).is_ok());
    for length in [0, 2, 255] {
        bytes[33] = length;
        assert_eq!(
            Neighbor::new(&bytes).unwrap_err(),
            WireError::BadOption(5),
            "length {length}"
        );
    }
    bytes.truncate(33);
    assert_eq!(Neighbor::new(&bytes).unwrap_err(), WireError::BadOption(5));
}

#[test]
fn options_whose_length_is_not_that_of_their_kind() {
    for kind in 1..=5 {
        let bytes = [kind, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let first = NdpOptions::new(&bytes).next().unwrap();
        let is_redirected = NdpOptionKind(kind) == NdpOptionKind::REDIRECTED_HEADER;
        assert_eq!(first.is_ok(), is_redirected, "kind {kind}");
    }
}

#[test]
fn each_option_is_read_as_it_was_written() {
    let prefix = PrefixInformation::new(FAR, 64, PrefixFlags::ON_LINK, 7200, 3600);
    let options = [
        NdpOption::SourceLinkAddr(MAC),
        NdpOption::Prefix(&prefix),
        NdpOption::TargetLinkAddr(MAC),
        NdpOption::RedirectedHeader(&[7; 16]),
        NdpOption::Mtu(9000),
        NdpOption::Other(NdpOptionKind::NONCE, &[1; 6]),
    ];
    let bytes = message(
        &RouterAdvertisementHeader::new(0, RouterFlags::MANAGED, 0),
        &options,
    );
    let view = RouterAdvertisement::new(&bytes).unwrap();
    assert!(view.options().eq(options.map(Ok)));
    assert_eq!(view.source_mac(), Some(MAC));
    let shown: Vec<_> = view
        .options()
        .map(|option| option.unwrap().to_string())
        .collect();
    assert_eq!(
        shown[1],
        "prefix 2001:db8::9/64, valid 7200 s, preferred 3600 s"
    );
    assert_eq!(shown[5], "nonce of 6 bytes");
}

#[test]
fn an_option_that_does_not_fit() {
    let mut bytes = [9; 23];
    let option = NdpOption::RedirectedHeader(&[0; 9]);
    assert_eq!(
        option.write(&mut bytes),
        Err(WireError::NoRoom { needed: 24 })
    );
    let long = [0; 2040];
    let option = NdpOption::Other(NdpOptionKind(9), &long);
    assert_eq!(option.write(&mut [0; 3000]), Err(WireError::BadOption(9)));
    assert_eq!(bytes, [9; 23]);
}

#[test]
fn router_preference() {
    let mut header = RouterAdvertisementHeader::new(64, RouterFlags::all(), 0);
    for preference in [1, 0, -1, -2] {
        header.set_preference(preference);
        assert_eq!(
            (header.preference(), header.flags()),
            (preference, RouterFlags::all())
        );
        header.set_flags(RouterFlags::OTHER);
        assert_eq!(
            (header.preference(), header.flags()),
            (preference, RouterFlags::OTHER)
        );
        header.set_flags(RouterFlags::all());
    }
}

proptest! {
    #[test]
    fn what_is_written_has_the_right_checksum(
        target: [u8; 16], asker: [u8; 16], mac: [u8; 6], flags in 0_u8..8, with_mac: bool,
    ) {
        let (target, asker) = (Ipv6Addr::from(target), Ipv6Addr::from(asker));
        prop_assume!(!target.is_multicast());
        let pseudo = PseudoHeader::ipv6(target, asker);
        let flags = NeighborFlags::from_bits_truncate(flags << 5);
        let mut out = [0xff; 40];
        let len = write_advertisement(&mut out, target, MacAddr(mac), flags, &pseudo).unwrap();
        prop_assert!(Icmpv6::new(&out[..len]).unwrap().checksum_ok(&pseudo));
        let view = Neighbor::new(&out[..len]).unwrap();
        prop_assert_eq!((view.target(), view.flags(), view.target_mac()), (target, flags, Some(MacAddr(mac))));
        let _ = view.to_string();

        let mac = with_mac.then_some(MacAddr(mac));
        let len = write_solicitation(&mut out, target, mac, &pseudo).unwrap();
        prop_assert!(Icmpv6::new(&out[..len]).unwrap().checksum_ok(&pseudo));
        prop_assert_eq!(Neighbor::new(&out[..len]).unwrap().source_mac(), mac);
        prop_assert_eq!(Neighbor::new(&out[..len]).unwrap().flags(), NeighborFlags::empty());
        for short in 0..len {
            let error = WireError::NoRoom { needed: len as u16 };
            prop_assert_eq!(write_solicitation(&mut out[..short], target, mac, &pseudo), Err(error));
        }
    }

    #[test]
    fn any_bytes(
        kind in 132_u8..139, code in 0_u8..2, from in 0_usize..3,
        mut bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..6], 0..120),
    ) {
        if bytes.len() > 1 {
            (bytes[0], bytes[1]) = (kind, code);
        }
        let source = [Ipv6Addr::UNSPECIFIED, HOST, FAR][from];
        if let Ok(message) = Ndp::new(&ip(source, ROUTER), &bytes) {
            prop_assert_eq!(code, 0);
            let _ = message.to_string();
            let mut raw = message.options();
            while let Some(option) = raw.next_raw() {
                prop_assert!(option.is_ok());
            }
            prop_assert!(message.options().count() <= bytes.len() / 8);
        }
        let solicitation = RouterSolicitation::new(&bytes).map(|view| view.options.len());
        let advertisement = RouterAdvertisement::new(&bytes).map(|view| view.options.len());
        let neighbor = Neighbor::new(&bytes).map(|view| view.options.len());
        let redirect = Redirect::new(&bytes).map(|view| view.options.len());
        prop_assert_eq!(RouterSolicitationMut::new(&mut bytes).map(|view| view.options.len()), solicitation);
        prop_assert_eq!(RouterAdvertisementMut::new(&mut bytes).map(|view| view.options.len()), advertisement);
        prop_assert_eq!(NeighborMut::new(&mut bytes).map(|view| view.options.len()), neighbor);
        prop_assert_eq!(RedirectMut::new(&mut bytes).map(|view| view.options.len()), redirect);
    }
}

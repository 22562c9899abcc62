//! Tests of the IPv4 header and its views.

use core::net::Ipv4Addr;
use std::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::wire::{Header, IpProtocol, WireError};

/// Bytes that get past the first checks more often than random ones would.
fn packet_like() -> impl Strategy<Value = std::vec::Vec<u8>> {
    (
        proptest::collection::vec(any::<u8>(), 0..90),
        3_u8..=15,
        0_u16..100,
    )
        .prop_map(|(mut bytes, ihl, total)| {
            if bytes.len() >= 4 {
                bytes[0] = 0x40 | ihl;
                bytes[2..4].copy_from_slice(&total.to_be_bytes());
            }
            bytes
        })
}

#[test]
fn each_check_has_its_error() {
    let mut bytes = [0; 40];
    bytes[0] = 0x55;
    assert_eq!(Ipv4::new(&bytes).unwrap_err(), WireError::BadVersion(5));
    bytes[0] = 0x44;
    assert_eq!(
        Ipv4::new(&bytes).unwrap_err(),
        WireError::BadHeaderLength(16)
    );
    bytes[0] = 0x46;
    bytes[3] = 23;
    assert_eq!(
        Ipv4::new(&bytes).unwrap_err(),
        WireError::BadTotalLength(23)
    );
    bytes[3] = 41;
    assert_eq!(
        Ipv4::new(&bytes).unwrap_err(),
        WireError::Truncated { needed: 41 }
    );
    bytes[3] = 40;
    let packet = Ipv4::new(&bytes).unwrap();
    assert_eq!((packet.options.len(), packet.payload.len()), (4, 16));
}

#[test]
fn a_quote_may_be_cut_in_its_payload_only() {
    let mut bytes = [0; 28];
    bytes[0] = 0x46;
    bytes[2..4].copy_from_slice(&1500_u16.to_be_bytes());
    assert_eq!(
        Ipv4::new(&bytes).unwrap_err(),
        WireError::Truncated { needed: 1500 }
    );
    assert_eq!(Ipv4::new_quoted(&bytes).unwrap().payload.len(), 4);
    assert_eq!(
        Ipv4::new_quoted(&bytes[..23]).unwrap_err(),
        WireError::Truncated { needed: 24 }
    );
    bytes[2..4].copy_from_slice(&26_u16.to_be_bytes());
    assert_eq!(Ipv4::new_quoted(&bytes).unwrap().payload.len(), 2);
}

#[test]
fn fragments() {
    let mut header = Ipv4Header::new(
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::LOCALHOST,
        IpProtocol::ICMP,
        0,
    )
    .unwrap();
    assert!(header.dont_fragment() && !header.is_fragment());
    header.set_fragment(1480, true);
    header.set_dont_fragment(false);
    assert_eq!(
        (
            header.fragment_offset(),
            header.more_fragments(),
            header.dont_fragment()
        ),
        (1480, true, false)
    );
    assert!(header.to_string().contains("fragment at 1480+"));
    header.set_fragment(u16::MAX, false);
    assert_eq!(
        (header.fragment_offset(), header.more_fragments()),
        (65_528, false)
    );
    assert!(header.is_fragment());
    header.set_fragment(7, false);
    assert!(!header.is_fragment());
}

#[test]
fn a_payload_that_no_packet_can_hold() {
    let new = |len| {
        Ipv4Header::new(
            Ipv4Addr::LOCALHOST,
            Ipv4Addr::LOCALHOST,
            IpProtocol::ICMP,
            len,
        )
    };
    assert_eq!(new(65_515).unwrap().total_len(), 65_535);
    assert_eq!(new(65_516), Err(WireError::BadTotalLength(65_516)));
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in prop_oneof![packet_like(), proptest::collection::vec(any::<u8>(), 0..90)]) {
        let len = bytes.len();
        let accepted = match Ipv4::new(&bytes) {
            Ok(view) => {
                prop_assert_eq!(usize::from(view.header_len()), 20 + view.options.len());
                let total = usize::from(view.total_len());
                prop_assert_eq!(total, 20 + view.options.len() + view.payload.len());
                prop_assert!(total <= len);
                prop_assert_eq!(view.payload, &bytes[20 + view.options.len()..total]);
                prop_assert_eq!(Ipv4::new_quoted(&bytes).unwrap().payload, view.payload);
                let _ = view.to_string();
                Ok((view.options.len(), view.payload.len()))
            }
            Err(error) => Err(error),
        };
        let _ = Ipv4::new_quoted(&bytes);
        let written = Ipv4Mut::new(&mut bytes).map(|view| (view.options.len(), view.payload.len()));
        prop_assert_eq!(written, accepted);
    }

    #[test]
    fn what_is_written_is_read(dscp in 0_u8..64, ecn in 0_u8..4, ident: u16, ttl: u8, protocol: u8, s: [u8; 4], d: [u8; 4]) {
        let mut header = Ipv4Header::new(s.into(), d.into(), IpProtocol(protocol), 100).unwrap();
        header.set_dscp(dscp);
        header.set_ecn(ecn);
        header.set_ident(ident);
        header.set_ttl(ttl);
        let mut packet = [0; 120];
        header.write(&mut packet).unwrap();
        let view = Ipv4::new(&packet).unwrap();
        prop_assert_eq!((view.dscp(), view.ecn(), view.ident(), view.ttl()), (dscp, ecn, ident, ttl));
        prop_assert_eq!((view.source(), view.destination(), view.protocol().0), (s.into(), d.into(), protocol));
    }
}

proptest! {
    #[test]
    fn a_hop_less_is_what_a_full_checksum_says(
        mut bytes in proptest::collection::vec(any::<u8>(), 60..80), ihl in 5_u8..=15, ttl in 2_u8..,
    ) {
        (bytes[0], bytes[2], bytes[3], bytes[8]) = (0x40 | ihl, 0, 60, ttl);
        let mut packet = Ipv4Mut::new(&mut bytes).unwrap();
        packet.fill_checksum();
        prop_assert!(packet.checksum_ok());
        prop_assert_eq!(packet.decrement_ttl(), Some(ttl - 1));
        let incremental = packet.checksum();
        packet.fill_checksum();
        prop_assert_eq!(incremental, packet.checksum());
        prop_assert!(Ipv4::new(&bytes).unwrap().checksum_ok());
        bytes[16] ^= 1;
        prop_assert!(!Ipv4::new(&bytes).unwrap().checksum_ok());
    }
}

#[test]
fn a_checksum_sent_as_all_ones_stays_right() {
    // All other words add up to 0xffff, so that the checksum is zero, which some send as 0xffff.
    let mut bytes = *b"\x45\0\0\x14\0\0\0\0\x02\x11\0\0\x0a\0\0\x01\x0a\0\0\x02";
    let mut packet = Ipv4Mut::new(&mut bytes).unwrap();
    packet.fill_checksum();
    let checksum = packet.checksum();
    packet.set_ident(checksum);
    packet.fill_checksum();
    assert_eq!(packet.checksum(), 0);
    packet.set_checksum(0xffff);
    assert!(packet.checksum_ok());
    packet.decrement_ttl();
    assert!(packet.checksum_ok());
}

use core::net::{Ipv4Addr, Ipv6Addr};
use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn fields_are_where_the_wire_has_them() {
    let bytes: Vec<u8> = [1, 2, 3, 4, 0, 9, 7, 8, 0xaa, 0xbb].into();
    let udp = Udp::new(&bytes).unwrap();
    assert_eq!(
        (udp.source_port(), udp.destination_port()),
        (0x0102, 0x0304)
    );
    assert_eq!((udp.length(), udp.checksum()), (9, 0x0708));
    assert_eq!(udp.payload, [0xaa]);
    assert_eq!(udp.to_string(), "UDP 258 > 772, length 9");
}

#[test]
fn a_quote_may_be_cut_off() {
    let bytes = [0, 1, 0, 2, 0, 100, 0, 0, 9];
    assert_eq!(
        Udp::new(&bytes).unwrap_err(),
        WireError::Truncated { needed: 100 }
    );
    assert_eq!(Udp::new_quoted(&bytes).unwrap().payload, [9]);
    assert!(Udp::new_quoted(&bytes[..7]).is_err());
    let short = [0, 1, 0, 2, 0, 7, 0, 0];
    assert_eq!(
        Udp::new_quoted(&short).unwrap_err(),
        WireError::BadTotalLength(7)
    );
}

#[test]
fn without_a_checksum_over_both_versions() {
    let mut bytes = [0, 1, 0, 2, 0, 8, 0, 0];
    let ipv4 = PseudoHeader::ipv4(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST);
    let ipv6 = PseudoHeader::ipv6(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
    let mut udp = UdpMut::new(&mut bytes).unwrap();
    assert!(!udp.has_checksum());
    assert!(udp.checksum_ok(&ipv4));
    assert!(!udp.checksum_ok(&ipv6));
    // "openvpn#1037": a change must not make garbage of the zero.
    udp.set_source_port(9);
    udp.update_checksum(Delta::of_u16(1, 9));
    assert!(!udp.has_checksum());
}

#[test]
fn too_long_for_the_length_field() {
    assert!(UdpHeader::new(1, 2, 65_527).is_ok());
    assert_eq!(
        UdpHeader::new(1, 2, 65_528),
        Err(WireError::BadTotalLength(65_528))
    );
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..40), len in 0..48u16) {
        if let Some(field) = bytes.get_mut(4..6) {
            field.copy_from_slice(&len.to_be_bytes());
        }
        let good = (8..=bytes.len()).contains(&usize::from(len));
        let copy = bytes.clone();
        match Udp::new(&copy) {
            Ok(view) => {
                prop_assert!(good);
                prop_assert_eq!(view.payload.len() + 8, usize::from(len));
                let _ = (view.to_string(), view.header);
            }
            Err(error) => {
                prop_assert!(!good);
                prop_assert_eq!(UdpMut::new(&mut bytes).unwrap_err(), error);
            }
        }
        prop_assert_eq!(UdpMut::new(&mut bytes).is_ok(), good);
    }

    #[test]
    fn what_is_written_is_read(source: u16, destination: u16, length: u16, checksum: u16) {
        let mut header = UdpHeader::new(0, 0, 0).unwrap();
        header.set_source_port(source);
        header.set_destination_port(destination);
        header.set_length(length);
        header.set_checksum(checksum);
        prop_assert_eq!((header.source_port(), header.destination_port()), (source, destination));
        prop_assert_eq!((header.length(), header.checksum()), (length, checksum));
        prop_assert_eq!(header.as_bytes(), [source, destination, length, checksum].map(u16::to_be_bytes).concat());
    }

    #[test]
    fn agrees_with_etherparse(
        source: [u8; 4],
        destination: [u8; 4],
        ports: (u16, u16),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        garbage: u16,
    ) {
        let ip = etherparse::Ipv4Header::new(0, 1, etherparse::ip_number::UDP, source, destination).unwrap();
        let theirs = etherparse::UdpHeader::with_ipv4_checksum(ports.0, ports.1, &ip, &payload).unwrap();
        let mut bytes = [&theirs.to_bytes()[..], &payload].concat();
        let pseudo = PseudoHeader::ipv4(source.into(), destination.into());
        let mut udp = UdpMut::new(&mut bytes).unwrap();
        prop_assert!(udp.checksum_ok(&pseudo));
        // Whatever was in the field before.
        udp.set_checksum(garbage);
        udp.fill_checksum(&pseudo);
        prop_assert_eq!(udp.checksum(), theirs.checksum);
        udp.set_checksum(theirs.checksum ^ 1);
        prop_assert!(theirs.checksum == 1 || !udp.checksum_ok(&pseudo));
    }

    #[test]
    fn a_rewrite_keeps_the_checksum_right(
        old: [u8; 16],
        new: [u8; 16],
        peer: [u8; 16],
        ports: (u16, u16),
        payload in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let (old, new, peer) = (Ipv6Addr::from(old), Ipv6Addr::from(new), Ipv6Addr::from(peer));
        let mut bytes = std::vec![0; 8 + payload.len()];
        let header = UdpHeader::new(ports.0, 7, payload.len() as u16).unwrap();
        header.write(&mut bytes).unwrap().copy_from_slice(&payload);
        let mut udp = UdpMut::new(&mut bytes).unwrap();
        udp.fill_checksum(&PseudoHeader::ipv6(old, peer));
        udp.set_source_port(ports.1);
        udp.update_checksum(Delta::of_ipv6(old, new) + Delta::of_u16(ports.0, ports.1));
        let after = udp.checksum();
        prop_assert!(udp.checksum_ok(&PseudoHeader::ipv6(new, peer)));
        udp.fill_checksum(&PseudoHeader::ipv6(new, peer));
        prop_assert_eq!(after, udp.checksum());
    }
}

use core::net::Ipv6Addr;
use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn fields_are_where_the_wire_has_them() {
    let mut bytes: Vec<u8> = (0..30).collect();
    bytes[12] = 0x65;
    let tcp = Tcp::new(&bytes).unwrap();
    assert_eq!(
        (tcp.source_port(), tcp.destination_port()),
        (0x0001, 0x0203)
    );
    assert_eq!(tcp.sequence(), 0x0405_0607);
    assert_eq!(tcp.acknowledgment(), 0x0809_0a0b);
    assert_eq!((tcp.header_len(), tcp.reserved()), (24, 5));
    assert_eq!(tcp.flags(), TcpFlags::FIN | TcpFlags::RST | TcpFlags::PSH);
    assert_eq!((tcp.window(), tcp.checksum()), (0x0e0f, 0x1011));
    assert_eq!(tcp.urgent(), 0x1213);
    assert_eq!(tcp.options, &bytes[20..24]);
    assert_eq!(tcp.payload, &bytes[24..]);
}

#[test]
fn no_flags() {
    assert_eq!(TcpFlags::empty().to_string(), "none");
    assert_eq!(
        TcpFlags::all().to_string(),
        "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR"
    );
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), offset: u8) {
        if let Some(field) = bytes.get_mut(12) {
            *field = offset;
        }
        let len = usize::from(offset >> 4) * 4;
        let good = bytes.len() >= 20 && len >= 20 && bytes.len() >= len;
        let copy = bytes.clone();
        match Tcp::new(&copy) {
            Ok(view) => {
                prop_assert!(good);
                prop_assert_eq!(20 + view.options.len(), len);
                prop_assert_eq!(view.payload.len(), bytes.len() - len);
                prop_assert!(view.options().count() <= 40);
                let _ = view.to_string();
            }
            Err(error) => {
                prop_assert!(!good);
                prop_assert_eq!(TcpMut::new(&mut bytes).unwrap_err(), error);
            }
        }
        prop_assert_eq!(TcpMut::new(&mut bytes).is_ok(), good);
    }

    #[test]
    fn what_is_written_is_read(
        ports: (u16, u16),
        numbers: (u32, u32),
        rest: (u16, u16, u16),
        flags: u8,
        words in 0..16u8,
        before: u8,
    ) {
        let mut header = TcpHeader::new(0, 0, TcpFlags::empty());
        header.offset = before;
        header.set_source_port(ports.0);
        header.set_destination_port(ports.1);
        header.set_sequence(numbers.0);
        header.set_acknowledgment(numbers.1);
        header.set_header_words(words);
        header.set_flags(TcpFlags::from_bits_retain(flags));
        header.set_window(rest.0);
        header.set_checksum(rest.1);
        header.set_urgent(rest.2);
        prop_assert_eq!((header.source_port(), header.destination_port()), ports);
        prop_assert_eq!((header.sequence(), header.acknowledgment()), numbers);
        prop_assert_eq!((header.window(), header.checksum(), header.urgent()), rest);
        prop_assert_eq!(header.flags().bits(), flags);
        prop_assert_eq!((header.header_len(), header.reserved()), (words * 4, before & 0x0f));
    }

    #[test]
    fn agrees_with_etherparse(
        source: [u8; 4],
        destination: [u8; 4],
        ports: (u16, u16),
        flags: (bool, bool, bool),
        options in proptest::collection::vec(Just(1u8), 0..40),
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        garbage: u16,
    ) {
        let mut theirs = etherparse::TcpHeader::new(ports.0, ports.1, 7, 8);
        (theirs.syn, theirs.ece, theirs.ack) = flags;
        theirs.set_options_raw(&options).unwrap();
        let ip = etherparse::Ipv4Header::new(0, 1, etherparse::ip_number::TCP, source, destination).unwrap();
        theirs.checksum = theirs.calc_checksum_ipv4(&ip, &payload).unwrap();
        let mut bytes = [&theirs.to_bytes()[..], &payload].concat();
        let pseudo = PseudoHeader::ipv4(source.into(), destination.into());
        let mut tcp = TcpMut::new(&mut bytes).unwrap();
        prop_assert!(tcp.checksum_ok(&pseudo));
        prop_assert_eq!(tcp.flags().contains(TcpFlags::SYN), theirs.syn);
        prop_assert_eq!(tcp.flags().contains(TcpFlags::ECE), theirs.ece);
        prop_assert_eq!(tcp.flags().contains(TcpFlags::ACK), theirs.ack);
        prop_assert_eq!(usize::from(tcp.header_len()), theirs.header_len());
        tcp.set_checksum(garbage);
        tcp.fill_checksum(&pseudo);
        prop_assert_eq!(tcp.checksum(), theirs.checksum);
        tcp.set_checksum(theirs.checksum ^ 0x0100);
        prop_assert!(!tcp.checksum_ok(&pseudo));
    }

    #[test]
    fn a_rewrite_keeps_the_checksum_right(
        addresses: ([u8; 16], [u8; 16], [u8; 16]),
        ports: (u16, u16),
        payload in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let [old, new, peer] = [addresses.0, addresses.1, addresses.2].map(Ipv6Addr::from);
        let mut bytes = std::vec![0; 20 + payload.len()];
        let header = TcpHeader::new(ports.0, 7, TcpFlags::ACK);
        header.write(&mut bytes).unwrap().copy_from_slice(&payload);
        let mut tcp = TcpMut::new(&mut bytes).unwrap();
        tcp.fill_checksum(&PseudoHeader::ipv6(old, peer));
        tcp.set_source_port(ports.1);
        tcp.update_checksum(Delta::of_ipv6(old, new) + Delta::of_u16(ports.0, ports.1));
        let after = tcp.checksum();
        tcp.fill_checksum(&PseudoHeader::ipv6(new, peer));
        prop_assert_eq!(after, tcp.checksum());
    }
}

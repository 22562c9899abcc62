//! Tests of ICMP for IPv6.

use core::net::Ipv6Addr;
use std::string::ToString;
use std::vec;

use proptest::prelude::*;

use super::*;
use crate::wire::Ipv6Header;

fn message() -> impl Strategy<Value = Icmpv6Message> {
    let (code, two, four) = (any::<u8>(), any::<u16>(), any::<u32>());
    prop_oneof![
        code.prop_map(|code| Icmpv6Message::Unreachable { code }),
        four.prop_map(|mtu| Icmpv6Message::PacketTooBig { mtu }),
        code.prop_map(|code| Icmpv6Message::TimeExceeded { code }),
        (code, four).prop_map(|(code, pointer)| Icmpv6Message::ParameterProblem { code, pointer }),
        (two, two).prop_map(|(ident, sequence)| Icmpv6Message::EchoRequest { ident, sequence }),
        (two, two).prop_map(|(ident, sequence)| Icmpv6Message::EchoReply { ident, sequence }),
        (130_u8.., code, any::<[u8; 4]>()).prop_map(|(kind, code, rest)| Icmpv6Message::Other {
            kind: Icmpv6Type(kind),
            code,
            rest
        }),
    ]
}

const A: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const B: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const TIME_EXCEEDED: Icmpv6Message = Icmpv6Message::TimeExceeded { code: 0 };

/// A packet from and to these, with destination options if so wished, then this protocol and first
/// byte of it.
fn packet(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    options: bool,
    upper: (IpProtocol, u8),
) -> vec::Vec<u8> {
    let (protocol, first) = upper;
    let (next, len) = if options {
        (IpProtocol::DESTINATION, 16)
    } else {
        (protocol, 8)
    };
    let mut bytes = vec![0; 40];
    Ipv6Header::new(source, destination, next, len)
        .write(&mut bytes)
        .unwrap();
    if options {
        bytes.extend([protocol.0, 0, 1, 4, 0, 0, 0, 0]);
    }
    bytes.extend([first, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

#[test]
fn what_may_cause_an_error() {
    let may = |source, destination, options, upper, message| {
        let packet = packet(source, destination, options, upper);
        may_cause_error(&Ipv6::new(&packet).unwrap(), message)
    };
    let udp = (IpProtocol::UDP, 1);
    for options in [false, true] {
        assert!(may(A, B, options, udp, TIME_EXCEEDED));
        assert!(may(A, B, options, (IpProtocol::ICMPV6, 128), TIME_EXCEEDED));
        for kind in [1, 2, 3, 4, 100, 137] {
            assert!(
                !may(A, B, options, (IpProtocol::ICMPV6, kind), TIME_EXCEEDED),
                "type {kind}"
            );
        }
        for source in [Ipv6Addr::UNSPECIFIED, ALL_NODES] {
            assert!(!may(source, B, options, udp, TIME_EXCEEDED), "to {source}");
        }
        assert!(!may(A, ALL_NODES, options, udp, TIME_EXCEEDED));
        assert!(may(
            A,
            ALL_NODES,
            options,
            udp,
            Icmpv6Message::PacketTooBig { mtu: 1280 }
        ));
        let problem = |code| Icmpv6Message::ParameterProblem { code, pointer: 0 };
        assert!(may(A, ALL_NODES, options, udp, problem(2)));
        assert!(!may(A, ALL_NODES, options, udp, problem(1)));
    }
}

#[test]
fn a_quote_ends_where_extensions_start() {
    let mut bytes = [3, 0, 0, 0, 0, 0, 0, 0].to_vec();
    bytes.extend(packet(A, B, false, (IpProtocol::UDP, 0)));
    bytes.extend([0x20; 16]);
    bytes[12..14].copy_from_slice(&500_u16.to_be_bytes());
    let quote = |bytes: &[u8]| {
        Icmpv6::new(bytes)
            .unwrap()
            .quoted()
            .map(|quote| quote.unwrap().payload.len())
    };
    assert_eq!(quote(&bytes), Some(24));
    bytes[4] = 6;
    assert_eq!(quote(&bytes), Some(8));
    bytes[0] = 2; // in "packet too big" this is a part of the MTU
    assert_eq!(quote(&bytes), Some(24));
    bytes[0] = 128;
    assert_eq!(quote(&bytes), None);
}

#[test]
fn an_error_fits_the_smallest_mtu() {
    let pseudo = PseudoHeader::ipv6(A, B);
    let original = vec![0x60; 1500];
    let mut out = vec![0xff; 1500];
    let len = write_error(&mut out, TIME_EXCEEDED, &original, &pseudo).unwrap();
    assert_eq!(len + 40, 1280);
    assert!(Icmpv6::new(&out[..len]).unwrap().checksum_ok(&pseudo));
    assert_eq!(out[len], 0xff);

    let mut out = [0xff; 47];
    let error = WireError::NoRoom { needed: 48 };
    assert_eq!(
        write_error(&mut out, TIME_EXCEEDED, &original[..40], &pseudo),
        Err(error)
    );
    assert_eq!(out, [0xff; 47]);
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let pseudo = PseudoHeader::ipv6(A, B);
        match Icmpv6::new(&bytes) {
            Ok(view) => {
                prop_assert_eq!(view.payload.len() + 8, bytes.len());
                let _ = (view.to_string(), view.checksum_ok(&pseudo));
                prop_assert_eq!(view.quoted().is_some(), view.kind().is_error());
            }
            Err(error) => {
                prop_assert!(bytes.len() < 8);
                prop_assert_eq!(error, WireError::Truncated { needed: 8 });
            }
        }
        if let Ok(mut view) = Icmpv6Mut::new(&mut bytes) {
            view.fill_checksum(&pseudo);
            prop_assert!(view.checksum_ok(&pseudo));
            prop_assert!(pseudo.is_valid(IpProtocol::ICMPV6, &bytes));
            let other = PseudoHeader::ipv6(A, ALL_NODES);
            prop_assert!(!Icmpv6::new(&bytes).unwrap().checksum_ok(&other));
        }
    }

    #[test]
    fn what_is_said_is_understood(message in message(), checksum: u16) {
        let mut header = Icmpv6Header::new(message);
        prop_assert_eq!((header.message(), header.kind(), header.code()), (message, message.kind(), message.code()));
        let _ = header.to_string();
        header.set_checksum(checksum);
        header.set_message(message);
        prop_assert_eq!((header.message(), header.checksum()), (message, checksum));
    }
}

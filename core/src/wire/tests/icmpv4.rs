//! Tests of ICMP for IPv4.

use std::string::ToString;
use std::vec;

use proptest::prelude::*;

use super::*;
use crate::wire::{IpProtocol, Ipv4Header};

fn message() -> impl Strategy<Value = Icmpv4Message> {
    let (code, two) = (any::<u8>(), any::<u16>());
    prop_oneof![
        (two, two).prop_map(|(ident, sequence)| Icmpv4Message::EchoRequest { ident, sequence }),
        (two, two).prop_map(|(ident, sequence)| Icmpv4Message::EchoReply { ident, sequence }),
        (code, two)
            .prop_map(|(code, next_hop_mtu)| Icmpv4Message::Unreachable { code, next_hop_mtu }),
        (code, any::<[u8; 4]>()).prop_map(|(code, gateway)| Icmpv4Message::Redirect {
            code,
            gateway: gateway.into()
        }),
        code.prop_map(|code| Icmpv4Message::TimeExceeded { code }),
        (code, code).prop_map(|(code, pointer)| Icmpv4Message::ParameterProblem { code, pointer }),
        (13_u8.., code, any::<[u8; 4]>()).prop_map(|(kind, code, rest)| Icmpv4Message::Other {
            kind: Icmpv4Type(kind),
            code,
            rest
        }),
    ]
}

/// An IPv4 packet from and to these, with this first byte of payload.
fn packet(source: [u8; 4], destination: [u8; 4], protocol: IpProtocol, first: u8) -> [u8; 28] {
    let mut bytes = [0; 28];
    let header = Ipv4Header::new(source.into(), destination.into(), protocol, 8).unwrap();
    header.write(&mut bytes).unwrap()[0] = first;
    bytes
}

#[test]
fn what_may_cause_an_error() {
    let may = |source, destination, protocol, first| {
        may_cause_error(&Ipv4::new(&packet(source, destination, protocol, first)).unwrap())
    };
    let (a, b) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    assert!(may(a, b, IpProtocol::UDP, 3));
    assert!(may(a, b, IpProtocol::ICMP, 8));
    for kind in [3, 4, 5, 11, 12] {
        assert!(
            !may(a, b, IpProtocol::ICMP, kind),
            "about an error of type {kind}"
        );
    }
    for source in [
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255; 4],
    ] {
        assert!(!may(source, b, IpProtocol::UDP, 0), "to {source:?}");
    }
    for destination in [[224, 0, 0, 5], [239, 1, 1, 1], [255; 4]] {
        assert!(
            !may(a, destination, IpProtocol::UDP, 0),
            "about one to {destination:?}"
        );
    }
    let mut bytes = packet(a, b, IpProtocol::UDP, 0);
    for (offset, expected) in [(0x20, true), (0x00, true), (0x01, false)] {
        bytes[6] = offset;
        assert_eq!(may_cause_error(&Ipv4::new(&bytes).unwrap()), expected);
    }
}

#[test]
fn a_quote_ends_where_extensions_start() {
    let mut bytes = [0; 8].to_vec();
    bytes.extend(packet([10, 0, 0, 1], [10, 0, 0, 2], IpProtocol::UDP, 0));
    bytes.extend([0x20; 12]);
    bytes[10..12].copy_from_slice(&100_u16.to_be_bytes());
    let quote = |bytes: &[u8]| {
        Icmpv4::new(bytes)
            .unwrap()
            .quoted()
            .map(|quote| quote.unwrap().payload.len())
    };
    bytes[0] = 11;
    assert_eq!(quote(&bytes), Some(20));
    bytes[5] = 7;
    assert_eq!(quote(&bytes), Some(8));
    bytes[5] = 255;
    assert_eq!(quote(&bytes), Some(20));
    (bytes[0], bytes[5]) = (5, 1); // in a redirect this is a part of the address
    assert_eq!(quote(&bytes), Some(20));
    bytes[0] = 8;
    assert_eq!(quote(&bytes), None);
}

#[test]
fn an_error_is_at_most_576_bytes_long() {
    let message = Icmpv4Message::TimeExceeded { code: 0 };
    let original = vec![0x45; 1500];
    let mut out = vec![0xff; 1500];
    let len = write_error(&mut out, message, &original).unwrap();
    assert_eq!(len + 20, 576);
    assert!(Icmpv4::new(&out[..len]).unwrap().checksum_ok());
    assert_eq!(out[len], 0xff);

    let mut out = [0xff; 35];
    let error = WireError::NoRoom { needed: 36 };
    assert_eq!(write_error(&mut out, message, &original[..28]), Err(error));
    assert_eq!(out, [0xff; 35]);
}

#[test]
fn an_echo_with_a_code_is_none() {
    let (header, _) = Icmpv4Header::split(&[8, 1, 0, 0, 0, 0, 0, 0]).unwrap();
    assert_eq!(header.to_string(), "ICMP echo request, code 1");
    assert!(matches!(header.message(), Icmpv4Message::Other { .. }));
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        match Icmpv4::new(&bytes) {
            Ok(view) => {
                prop_assert_eq!(view.payload.len() + 8, bytes.len());
                let _ = (view.to_string(), view.checksum_ok());
                prop_assert_eq!(view.quoted().is_some(), view.kind().is_error());
            }
            Err(error) => {
                prop_assert!(bytes.len() < 8);
                prop_assert_eq!(error, WireError::Truncated { needed: 8 });
            }
        }
        if let Ok(mut view) = Icmpv4Mut::new(&mut bytes) {
            view.fill_checksum();
            prop_assert!(view.checksum_ok());
            prop_assert!(Icmpv4::new(&bytes).unwrap().checksum_ok());
            bytes[0] ^= 1;
            prop_assert!(!Icmpv4::new(&bytes).unwrap().checksum_ok());
        }
    }

    #[test]
    fn what_is_said_is_understood(message in message(), checksum: u16) {
        let mut header = Icmpv4Header::new(message);
        prop_assert_eq!((header.message(), header.kind(), header.code()), (message, message.kind(), message.code()));
        let _ = header.to_string();
        header.set_checksum(checksum);
        header.set_message(message);
        prop_assert_eq!((header.message(), header.checksum()), (message, checksum));
    }
}

//! Tests of the IPv6 extension headers.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::Header;

/// Extension headers of these kinds, the smallest there are, in front of TCP and one byte.
fn chain(kinds: &[IpProtocol]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, kind) in kinds.iter().enumerate() {
        let next = kinds.get(i + 1).copied().unwrap_or(IpProtocol::TCP);
        match *kind {
            IpProtocol::AH => bytes.extend([next.0, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 9, 9]),
            IpProtocol::FRAGMENT => bytes.extend([next.0, 0, 0, 1, 0, 0, 0, 5]),
            _ => bytes.extend([next.0, 0, 1, 4, 0, 0, 0, 0]),
        }
    }
    bytes.push(0xee);
    bytes
}

#[test]
fn the_order_of_the_rfc() {
    let kinds = [
        IpProtocol::HOP_BY_HOP,
        IpProtocol::DESTINATION,
        IpProtocol::ROUTING,
        IpProtocol::FRAGMENT,
        IpProtocol::AH,
        IpProtocol::DESTINATION,
    ];
    let bytes = chain(&kinds);
    let shown: Vec<_> = Ipv6Extensions::new(kinds[0], &bytes)
        .map(|extension| extension.unwrap().to_string())
        .collect();
    assert_eq!(
        shown,
        [
            "hop-by-hop options, 8 bytes: destination",
            "destination options, 8 bytes: routing",
            "routing type 1, 4 left: fragment",
            "fragment 0x00000005 at 0+: AH",
            "AH spi 0x00000001, seq 2: destination",
            "destination options, 8 bytes: TCP",
        ]
    );
    let upper = Ipv6Extensions::new(kinds[0], &bytes).upper().unwrap();
    assert_eq!(
        (upper.protocol, upper.payload, upper.offset),
        (IpProtocol::TCP, &[0xee][..], 56)
    );
    assert!(
        upper.has_header()
            && upper
                .fragment
                .is_some_and(|fragment| fragment.more_fragments())
    );
}

#[test]
fn hop_by_hop_comes_first_or_not_at_all() {
    let kinds = [IpProtocol::DESTINATION, IpProtocol::HOP_BY_HOP];
    let bytes = chain(&kinds);
    let mut extensions = Ipv6Extensions::new(kinds[0], &bytes);
    assert!(extensions.next().unwrap().is_ok());
    assert_eq!(
        extensions.next().unwrap().unwrap_err(),
        WireError::Misplaced(0)
    );
    assert!(extensions.next().is_none());
    assert_eq!(
        (extensions.next_header(), extensions.offset()),
        (IpProtocol::HOP_BY_HOP, 8)
    );
}

#[test]
fn a_chain_has_a_bound() {
    for (count, result) in [(8, Ok(IpProtocol::TCP)), (9, Err(WireError::TooMany(8)))] {
        let kinds: Vec<_> = core::iter::repeat_n(IpProtocol::DESTINATION, count).collect();
        let bytes = chain(&kinds);
        let upper = Ipv6Extensions::new(kinds[0], &bytes).upper();
        assert_eq!(upper.map(|upper| upper.protocol), result);
    }
}

#[test]
fn the_middle_of_a_packet_is_not_walked() {
    // It claims that destination options follow, but they are in another fragment.
    let bytes = [60, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff];
    let upper = Ipv6Extensions::new(IpProtocol::FRAGMENT, &bytes)
        .upper()
        .unwrap();
    assert_eq!(
        (upper.protocol, upper.offset, upper.has_header()),
        (IpProtocol::DESTINATION, 8, false)
    );
}

#[test]
fn what_is_no_extension_header() {
    assert!(
        Ipv6Extensions::new(IpProtocol::ESP, &[0; 40])
            .next()
            .is_none()
    );
    assert_eq!(
        Ipv6Extension::new(IpProtocol::TCP, &[0; 40]).unwrap_err(),
        WireError::Unsupported(6)
    );
}

#[test]
fn addresses_of_routing_headers() {
    let mut bytes = [0; 48];
    bytes[1] = 5;
    bytes[2] = Ipv6RoutingType::SEGMENT.0;
    bytes[39] = 2;
    let count = |bytes: &[u8]| {
        Ipv6Routing::new(bytes)
            .unwrap()
            .addresses()
            .map(|all| all.len())
    };
    for (last, expected) in [(0, Some(1)), (1, Some(2)), (2, None), (255, None)] {
        bytes[4] = last;
        assert_eq!(count(&bytes), expected, "last entry {last}");
    }
    bytes[2] = Ipv6RoutingType::SOURCE_ROUTE.0;
    assert_eq!(count(&bytes), None, "half an address is left over");
    bytes[1] = 4;
    assert_eq!(count(&bytes), Some(2));
    bytes[2] = Ipv6RoutingType::RPL.0;
    assert_eq!(count(&bytes), None);
}

#[test]
fn options_that_go_past_the_end() {
    for bytes in [&[5][..], &[5, 3, 0, 0], &[1, 1], &[1]] {
        let mut options = Ipv6Options::new(bytes);
        assert_eq!(
            options.next(),
            Some(Err(WireError::BadOption(bytes[0]))),
            "{bytes:?}"
        );
        assert_eq!(options.next(), None);
    }
    assert_eq!(Ipv6Options::new(&[0, 0, 1, 2, 0, 0]).next(), None);
    assert_eq!(
        Ipv6Options::new(&[5, 1, 0]).next(),
        Some(Err(WireError::BadOption(5)))
    );
}

#[test]
fn fragment_fields() {
    let mut header = Ipv6FragmentHeader::new(IpProtocol::UDP, 0xffff, false, 1);
    assert_eq!(
        (header.offset(), header.more_fragments(), header.is_atomic()),
        (0xfff8, false, false)
    );
    header.set_fragment(7, false);
    assert!(header.is_atomic());
    header.set_fragment(0, true);
    assert!(!header.is_atomic());
}

/// What the mutable view makes of the same bytes: the lengths of its parts.
fn parts_mut(kind: IpProtocol, bytes: &mut [u8]) -> Result<(usize, usize), WireError> {
    match kind {
        IpProtocol::ROUTING => {
            Ipv6RoutingMut::new(bytes).map(|view| (view.data.len() + 4, view.payload.len()))
        }
        IpProtocol::FRAGMENT => Ipv6FragmentMut::new(bytes).map(|view| (8, view.payload.len())),
        IpProtocol::AH => {
            AhMut::new(bytes).map(|view| (view.check_value.len() + 12, view.payload.len()))
        }
        _ => Ipv6OptionsExtMut::new(bytes).map(|view| (view.options.len() + 2, view.payload.len())),
    }
}

proptest! {
    #[test]
    fn any_bytes(
        kind in proptest::sample::select(&[0_u8, 43, 44, 51, 60][..]),
        mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
        len in 0_u8..12,
    ) {
        let kind = IpProtocol(kind);
        if bytes.len() > 1 {
            bytes[1] = len;
        }
        let read = Ipv6Extension::new(kind, &bytes).map(|extension| {
            let _ = extension.to_string();
            if let Ipv6Extension::Routing(routing) = extension {
                let _ = routing.addresses().map(Iterator::count);
            }
            (bytes.len() - extension.payload().len(), extension.payload().len())
        });
        if let Ok((header, _)) = read {
            let expected = match kind {
                IpProtocol::FRAGMENT => 8,
                IpProtocol::AH => (usize::from(len) + 2) * 4,
                _ => (usize::from(len) + 1) * 8,
            };
            prop_assert_eq!(header, expected);
        }
        prop_assert_eq!(parts_mut(kind, &mut bytes), read);
    }

    #[test]
    fn any_chain(
        first in proptest::sample::select(&[0_u8, 43, 44, 51, 60][..]),
        bytes in proptest::collection::vec(prop_oneof![
            proptest::sample::select(&[0_u8, 43, 44, 51, 60][..]), 0_u8..3, any::<u8>(),
        ], 0..160),
    ) {
        let mut extensions = Ipv6Extensions::new(IpProtocol(first), &bytes);
        let good = extensions.by_ref().filter(Result::is_ok).count();
        prop_assert!(good <= 8);
        prop_assert_eq!(extensions.payload(), &bytes[extensions.offset()..]);
        prop_assert!(extensions.next().is_none());
    }

    #[test]
    fn any_options(bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0_u8..6], 0..64)) {
        let mut options = Ipv6Options::new(&bytes);
        let mut last = None;
        while let Some(option) = options.next() {
            prop_assert!(last < Some(options.position()));
            last = Some(options.position());
            match option {
                Ok(option) => {
                    prop_assert_eq!(option.kind().0, bytes[options.position()]);
                    let _ = option.to_string();
                }
                Err(error) => {
                    prop_assert_eq!(error, WireError::BadOption(bytes[options.position()]));
                    prop_assert_eq!(options.next(), None);
                }
            }
        }
    }

    #[test]
    fn headers_are_written_where_they_are_read(ident: u32, more: bool, units in 0_u16..8192) {
        let header = Ipv6FragmentHeader::new(IpProtocol::TCP, units * 8, more, ident);
        let mut bytes = [0; 8];
        header.write(&mut bytes).unwrap();
        let view = Ipv6Fragment::new(&bytes).unwrap();
        prop_assert_eq!((view.offset(), view.more_fragments(), view.ident()), (units * 8, more, ident));
    }
}

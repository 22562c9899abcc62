//! Tests of the IPv6 header and its views.

use std::string::ToString;

use proptest::prelude::*;

use super::*;

#[test]
fn each_check_has_its_error() {
    let mut bytes = [0; 50];
    bytes[0] = 0x45;
    assert_eq!(Ipv6::new(&bytes).unwrap_err(), WireError::BadVersion(4));
    bytes[0] = 0x60;
    assert_eq!(
        Ipv6::new(&bytes[..39]).unwrap_err(),
        WireError::Truncated { needed: 40 }
    );
    bytes[5] = 11;
    assert_eq!(
        Ipv6::new(&bytes).unwrap_err(),
        WireError::Truncated { needed: 51 }
    );
    assert_eq!(Ipv6::new_quoted(&bytes).unwrap().payload.len(), 10);
    bytes[5] = 8;
    assert_eq!(Ipv6::new(&bytes).unwrap().payload.len(), 8);
    assert_eq!(Ipv6::new_quoted(&bytes).unwrap().payload.len(), 8);
}

#[test]
fn the_last_hop_is_not_taken() {
    for hops in [0, 1] {
        let mut header =
            Ipv6Header::new(Ipv6Addr::LOCALHOST, Ipv6Addr::LOCALHOST, IpProtocol::UDP, 0);
        header.set_hop_limit(hops);
        assert_eq!(
            (header.decrement_hop_limit(), header.hop_limit()),
            (None, hops)
        );
    }
}

proptest! {
    #[test]
    fn any_bytes(good: bool, mut bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if good && bytes.len() > 5 {
            (bytes[0], bytes[4], bytes[5]) = (0x6f, 0, bytes[5] & 0x3f);
        }
        let read = Ipv6::new(&bytes).map(|view| (*view.header, view.payload.len()));
        if let Ok((header, payload_len)) = read {
            prop_assert_eq!(usize::from(header.payload_len()), payload_len);
            prop_assert!(40 + payload_len <= bytes.len());
            let view = Ipv6::new(&bytes).unwrap();
            prop_assert_eq!(view.payload, &bytes[40..40 + payload_len]);
            let _ = (view.to_string(), view.upper());
        }
        let quoted = Ipv6::new_quoted(&bytes);
        prop_assert_eq!(quoted.is_ok(), bytes.len() >= 40 && bytes[0] >> 4 == 6);
        prop_assert_eq!(Ipv6Mut::new(&mut bytes).map(|view| (*view.header, view.payload.len())), read);
    }

    #[test]
    fn what_is_written_is_read(
        before: u32, dscp in 0_u8..64, ecn in 0_u8..4, flow in 0_u32..1 << 20, hops: u8, next: u8, s: [u8; 16], d: [u8; 16],
    ) {
        let mut header = Ipv6Header::new(s.into(), d.into(), IpProtocol(next), 9);
        header.version_class_flow.set(6 << 28 | before >> 4);
        header.set_dscp(dscp);
        header.set_ecn(ecn);
        header.set_flow_label(flow);
        header.set_hop_limit(hops);
        let mut packet = [0; 49];
        header.write(&mut packet).unwrap();
        let view = Ipv6::new(&packet).unwrap();
        prop_assert_eq!((view.dscp(), view.ecn(), view.flow_label(), view.hop_limit()), (dscp, ecn, flow, hops));
        prop_assert_eq!((view.source(), view.destination(), view.next_header().0), (s.into(), d.into(), next));
    }
}

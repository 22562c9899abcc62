//! Tests of LLC and SNAP.

use std::string::ToString;

use proptest::prelude::*;

use super::*;

#[test]
fn the_length_is_what_counts() {
    let bytes = [0x42, 0x42, 0x03, 1, 2, 0, 0, 0];
    assert_eq!(Llc::new(EtherType(5), &bytes).unwrap().payload, [1, 2]);
    assert_eq!(
        Llc::new(EtherType(9), &bytes).unwrap_err(),
        WireError::Truncated { needed: 9 }
    );
    assert_eq!(
        Llc::new(EtherType(2), &bytes).unwrap_err(),
        WireError::BadTotalLength(2)
    );
    assert_eq!(
        Llc::new(EtherType(1501), &bytes).unwrap_err(),
        WireError::Unsupported(1501)
    );
    assert_eq!(
        Llc::new(EtherType::IPV4, &bytes).unwrap_err(),
        WireError::Unsupported(0x0800)
    );
}

#[test]
fn numbered_frames_have_a_longer_control_field() {
    let bytes = [0x04, 0x04, 0x01, 0x0a, 9];
    let llc = Llc::new(EtherType(5), &bytes).unwrap();
    assert_eq!((llc.control, llc.payload), (&[0x0a][..], &[9][..]));
    assert_eq!(
        Llc::new(EtherType(3), &bytes).unwrap_err(),
        WireError::BadTotalLength(3)
    );
}

#[test]
fn whose_numbers_a_snap_header_has() {
    assert_eq!(
        SnapHeader::new([0, 0, 0xf8], 0x80f3).ethertype(),
        Some(EtherType(0x80f3))
    );
    assert_eq!(SnapHeader::new([8, 0, 7], 0x809b).ethertype(), None);
    assert_eq!(
        SnapHeader::for_ethertype(EtherType::ARP).to_string(),
        "SNAP ARP (0x0806)"
    );
    assert!(!LlcHeader::new(Sap::SNAP, Sap::SNAP, 0x13).is_snap());
}

proptest! {
    #[test]
    fn any_bytes(length in 0_u16..40, mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let accepted = match Llc::new(EtherType(length), &bytes) {
            Ok(view) => {
                let total = 3 + view.control.len() + view.payload.len();
                prop_assert_eq!(total, usize::from(length));
                prop_assert!(total <= bytes.len());
                let _ = (view.to_string(), Snap::new(view.payload).map(|snap| snap.to_string()));
                Ok((view.control.len(), view.payload.len()))
            }
            Err(error) => Err(error),
        };
        let written = LlcMut::new(EtherType(length), &mut bytes);
        prop_assert_eq!(written.map(|view| (view.control.len(), view.payload.len())), accepted);
        let snap = Snap::new(&bytes).map(|view| view.payload.len());
        prop_assert_eq!(snap.ok(), bytes.len().checked_sub(5));
        prop_assert_eq!(SnapMut::new(&mut bytes).map(|view| view.payload.len()), snap);
    }
}

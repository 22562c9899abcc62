//! Tests of VLAN tags.

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::wire::MacAddr;

/// A frame with `count` tags in front of IPv4.
fn tagged(count: usize) -> Vec<u8> {
    let mut frame = [0; 12].to_vec();
    for id in 0..count {
        frame.extend([0x81, 0x00, 0x00, id as u8]);
    }
    frame.extend([0x08, 0x00, 0xaa]);
    frame
}

#[test]
fn tags_are_followed_up_to_the_bound() {
    for count in 0..=4 {
        let frame = tagged(count);
        let mut tags = VlanTags::new(&Ethernet::new(&frame).unwrap());
        let ids: Vec<_> = tags.by_ref().map(|tag| tag.unwrap().1.tci().id()).collect();
        assert_eq!(ids, (0..count as u16).collect::<Vec<_>>());
        assert_eq!(
            (tags.ethertype(), tags.payload()),
            (EtherType::IPV4, &[0xaa][..])
        );
    }
    let frame = tagged(5);
    let mut tags = VlanTags::new(&Ethernet::new(&frame).unwrap());
    assert_eq!(tags.by_ref().filter(Result::is_ok).count(), 4);
    assert!(tags.next().is_none());
    let mut tags = VlanTags::new(&Ethernet::new(&frame).unwrap());
    assert_eq!(tags.by_ref().last(), Some(Err(WireError::TooMany(4))));
}

#[test]
fn a_cut_tag_ends_the_walk() {
    let frame = tagged(2);
    let mut tags = VlanTags::new(&Ethernet::new(&frame[..20]).unwrap());
    assert!(tags.next().unwrap().is_ok());
    assert_eq!(tags.next(), Some(Err(WireError::Truncated { needed: 4 })));
    assert_eq!(tags.next(), None);
}

#[test]
fn fields_do_not_leak_into_each_other() {
    assert_eq!(VlanTci::new(0xff, false, 0).0, 0xe000);
    assert_eq!(VlanTci::new(0, true, 0).0, 0x1000);
    assert_eq!(VlanTci::new(0, false, 0xffff).0, 0x0fff);
    assert_eq!(VlanTci(0x1001).to_string(), "vlan 1, p 0, DEI");
}

#[test]
fn a_frame_without_tag_is_left_alone() {
    let mut frame = *b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00abcd";
    let before = frame;
    assert_eq!(pop(&mut frame), Err(WireError::Unsupported(0x0800)));
    assert_eq!(
        pop(&mut frame[..17]),
        Err(WireError::Truncated { needed: 18 })
    );
    let tci = VlanTci(1);
    assert_eq!(
        push(&mut frame[..17], EtherType::VLAN, tci),
        Err(WireError::Truncated { needed: 18 })
    );
    assert_eq!(frame, before);
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let len = bytes.len();
        match Vlan::new(&bytes) {
            Ok(view) => {
                prop_assert_eq!(view.payload.len(), len - 4);
                let _ = view.to_string();
            }
            Err(error) => {
                prop_assert!(len < 4);
                prop_assert_eq!(error, WireError::Truncated { needed: 4 });
            }
        }
        prop_assert_eq!(VlanMut::new(&mut bytes).is_ok(), len >= 4);
        let _ = pop(&mut bytes);
        let _ = push(&mut bytes, EtherType::QINQ, VlanTci(1));
    }

    #[test]
    fn any_stack(kinds in proptest::collection::vec(0_usize..5, 0..8), cut in 0_usize..48) {
        let mut frame = [0; 12].to_vec();
        for kind in kinds {
            let kind = [0x8100_u16, 0x88a8, 0x9100, 0x0800, 0x86dd][kind];
            frame.extend(kind.to_be_bytes());
            frame.extend([0, 1]);
        }
        frame.truncate(cut);
        if let Ok(view) = Ethernet::new(&frame) {
            let mut tags = VlanTags::new(&view);
            let good = tags.by_ref().filter(Result::is_ok).count();
            prop_assert!(good <= 4);
            prop_assert_eq!(tags.payload().len(), frame.len() - 14 - 4 * good);
        }
    }

    #[test]
    fn push_then_pop(d: [u8; 6], s: [u8; 6], kind: u16, tci: u16, rest in proptest::collection::vec(any::<u8>(), 0..20)) {
        let mut bytes = [0; 18].to_vec();
        bytes.extend(&rest);
        let header = EthernetHeader::new(MacAddr(d), MacAddr(s), EtherType(kind));
        header.write(&mut bytes[4..]).unwrap();
        push(&mut bytes, EtherType::QINQ, VlanTci(tci)).unwrap();
        let frame = Ethernet::new(&bytes).unwrap();
        prop_assert_eq!((frame.destination(), frame.ethertype()), (MacAddr(d), EtherType::QINQ));
        let vlan = Vlan::new(frame.payload).unwrap();
        prop_assert_eq!((vlan.tci(), vlan.ethertype(), vlan.payload), (VlanTci(tci), EtherType(kind), &rest[..]));
        prop_assert_eq!(pop(&mut bytes), Ok((EtherType::QINQ, VlanTci(tci))));
        prop_assert_eq!(*Ethernet::new(&bytes[4..]).unwrap().header, header);
        prop_assert_eq!(&bytes[18..], &rest[..]);
    }
}

use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn every_combination_of_fields() {
    for bits in 0..8u16 {
        let mut fields = GreFields::empty();
        fields.set(GreFields::CHECKSUM, bits & 1 != 0);
        fields.set(GreFields::KEY, bits & 2 != 0);
        fields.set(GreFields::SEQUENCE, bits & 4 != 0);
        let header = GreHeader::new(EtherType::IPV4, fields);
        assert_eq!(header.fields(), fields);

        let mut bytes: Vec<u8> = std::vec![0; header.header_len() + 3];
        header.write(&mut bytes).unwrap().fill(0xee);
        let mut gre = GreMut::new(&mut bytes).unwrap();
        assert_eq!(gre.payload.len(), 3);
        assert_eq!(gre.set_key(0x0102_0304), fields.contains(GreFields::KEY));
        assert_eq!(
            gre.set_sequence(0x0506_0708),
            fields.contains(GreFields::SEQUENCE)
        );
        assert_eq!(gre.fill_checksum(), fields.contains(GreFields::CHECKSUM));
        assert!(gre.checksum_ok());

        let gre = Gre::new(&bytes).unwrap();
        assert!(gre.checksum_ok());
        assert_eq!(
            gre.key(),
            fields.contains(GreFields::KEY).then_some(0x0102_0304)
        );
        assert_eq!(
            gre.sequence(),
            fields.contains(GreFields::SEQUENCE).then_some(0x0506_0708)
        );
        assert_eq!(
            gre.checksum().is_some(),
            fields.contains(GreFields::CHECKSUM)
        );
        assert_eq!(gre.payload, [0xee; 3]);

        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let gre = Gre::new(&bytes).unwrap();
        assert_eq!(gre.checksum_ok(), !fields.contains(GreFields::CHECKSUM));
        assert_eq!(
            Gre::new(&bytes[..header.header_len() - 1]).unwrap_err(),
            WireError::Truncated {
                needed: header.header_len() as u16
            }
        );
    }
}

#[test]
fn refused() {
    for (flags, error) in [
        (0x0001, WireError::BadVersion(1)),
        (0x4000, WireError::BadValue(0x4000)),
        (0x0800, WireError::BadValue(0x0800)),
        (0x0400, WireError::BadValue(0x0400)),
    ] {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&u16::to_be_bytes(flags));
        assert_eq!(Gre::new(&bytes).unwrap_err(), error);
    }
    // Bits 6 to 12 "MUST be ignored on receipt".
    let bytes = [0x03, 0xf8, 0, 0];
    assert_eq!(Gre::new(&bytes).unwrap().header_len(), 4);
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let copy = bytes.clone();
        let view = Gre::new(&copy).map(|view| {
            let _ = (view.checksum_ok(), view.key(), view.sequence(), view.checksum());
            (view.fields.len(), view.payload.len(), view.to_string())
        });
        if let Ok((fields, payload, _)) = &view {
            prop_assert_eq!(4 + fields + payload, bytes.len());
        }
        let written = GreMut::new(&mut bytes)
            .map(|view| (view.fields.len(), view.payload.len(), view.to_string()));
        prop_assert_eq!(written, view);
    }

    #[test]
    fn what_is_written_is_read(protocol: u16, after: u16, flags: u16) {
        let fields = GreFields::from_bits_retain(flags);
        let mut header = GreHeader::new(EtherType(protocol), fields);
        prop_assert_eq!(header.fields(), GreFields::from_bits_truncate(flags));
        prop_assert_eq!((header.protocol().0, header.version()), (protocol, 0));
        header.set_protocol(EtherType(after));
        prop_assert_eq!(header.protocol().0, after);
    }
}

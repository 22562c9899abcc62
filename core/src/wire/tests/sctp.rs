use std::string::ToString;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

#[test]
fn fields_are_where_the_wire_has_them() {
    let bytes: Vec<u8> = (0..20).collect();
    let sctp = Sctp::new(&bytes).unwrap();
    assert_eq!(
        (sctp.source_port(), sctp.destination_port()),
        (0x0001, 0x0203)
    );
    assert_eq!(sctp.tag(), 0x0405_0607);
    assert_eq!(sctp.checksum(), 0x0b0a_0908);
    assert_eq!(sctp.payload, &bytes[12..]);
}

#[test]
fn chunks_with_and_without_padding() {
    let bytes = [
        3, 1, 0, 5, 0xaa, 0, 0, 0, // one byte, three of padding
        0, 3, 0, 8, 1, 2, 3, 4, // no padding
        64, 0, 0, 6, 5, 6, // the last without its padding
    ];
    let chunks: Vec<_> = SctpChunks::new(&bytes).map(Result::unwrap).collect();
    let parts: Vec<_> = chunks
        .iter()
        .map(|chunk| (chunk.kind.0, chunk.flags, chunk.value))
        .collect();
    assert_eq!(
        parts,
        [(3, 1, &[0xaa][..]), (0, 3, &[1, 2, 3, 4]), (64, 0, &[5, 6])]
    );
    assert_eq!(chunks[2].to_string(), "chunk 64, flags 0x00, length 6");
}

#[test]
fn a_length_that_cannot_be_stops_the_walk() {
    for (bytes, error) in [
        (&[0, 0, 0][..], WireError::Truncated { needed: 4 }),
        (&[0, 0, 0, 3, 0], WireError::BadTotalLength(3)),
        (&[0, 0, 0, 0], WireError::BadTotalLength(0)),
        (
            &[0, 0, 0xff, 0xff, 0],
            WireError::Truncated { needed: 65_535 },
        ),
    ] {
        let mut chunks = SctpChunks::new(bytes);
        assert_eq!(chunks.next(), Some(Err(error)));
        assert_eq!(chunks.next(), None);
    }
    assert_eq!(SctpChunks::new(&[]).next(), None);
}

proptest! {
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let copy = bytes.clone();
        let mut left = 15;
        for chunk in SctpChunks::new(&copy) {
            prop_assert!(left > 0);
            left -= 1;
            let _ = chunk.map(|chunk| chunk.to_string());
        }
        let view = Sctp::new(&copy).map(|view| (view.payload.len(), view.to_string()));
        prop_assert_eq!(view.is_ok(), bytes.len() >= 12);
        let written = SctpMut::new(&mut bytes).map(|view| (view.payload.len(), view.to_string()));
        prop_assert_eq!(written, view);
    }

    #[test]
    fn what_is_written_is_read(ports: (u16, u16), tag: u32, checksum: u32) {
        let mut header = SctpHeader::new(0, 0, 0);
        header.set_source_port(ports.0);
        header.set_destination_port(ports.1);
        header.set_tag(tag);
        prop_assert_eq!(header, SctpHeader::new(ports.0, ports.1, tag));
        header.set_checksum(checksum);
        prop_assert_eq!((header.source_port(), header.destination_port()), ports);
        prop_assert_eq!((header.tag(), header.checksum()), (tag, checksum));
    }

    /// As RFC 9260 section 6.8 says it: computed with the field zero, put in, lowest byte first.
    #[test]
    fn checksum_in_its_place(mut bytes in proptest::collection::vec(any::<u8>(), 12..60), bit in 0..96usize) {
        SctpMut::new(&mut bytes).unwrap().fill_checksum();
        prop_assert!(Sctp::new(&bytes).unwrap().checksum_ok());
        let mut zeroed = bytes.clone();
        zeroed[8..12].fill(0);
        prop_assert_eq!(&bytes[8..12], Crc32c::of(&zeroed).to_le_bytes());
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!SctpMut::new(&mut bytes).unwrap().checksum_ok());
    }
}

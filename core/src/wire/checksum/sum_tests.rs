//! [`Sum`] against a naive 16-bit reference and against etherparse.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// RFC 1071 word by word, with every carry put back at once.
fn naive(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0u16, |sum, word| {
        let word = u16::from_be_bytes([word[0], word.get(1).copied().unwrap_or(0)]);
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    })
}

#[test]
fn rfc_1071_example() {
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Sum::of(&bytes).value(), 0xddf2);
}

#[test]
fn header_of_a_real_packet() {
    let header = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0x00,
        0x01, 0xc0, 0xa8, 0x00, 0xc7,
    ];
    assert!(Sum::of_20(&header).is_valid());
    assert_eq!(Sum::of_20_except::<10>(&header).checksum(), 0xb861);
    assert_eq!(Sum::of_except(&header, 10).checksum(), 0xb861);
}

#[test]
fn zero_only_when_every_byte_is() {
    for len in 0..400 {
        let zeros = std::vec![0; len];
        assert_eq!(Sum::of(&zeros).value(), 0, "{len} zeros");
    }
    for at in 0..400 {
        let mut bytes = [0; 400];
        bytes[at] = 1;
        assert_ne!(Sum::of(&bytes).value(), 0, "a one at {at}");
        assert_ne!(Sum::of(&bytes[at..]).value(), 0, "a one before zeros");
    }
    assert_eq!(Sum::of(&[0xff; 200]).value(), 0xffff);
}

#[test]
fn the_largest_sums_do_not_overflow() {
    for len in [20, 64, 9000, 9001, 65_535, 300_000] {
        let ones = std::vec![0xff; len];
        assert_eq!(Sum::of(&ones).value(), naive(&ones), "{len} bytes of ones");
    }
}

#[test]
fn every_short_length_at_every_alignment() {
    let bytes: Vec<u8> = (0..400u32)
        .map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect();
    for start in 0..16 {
        for end in start..bytes.len() {
            let part = &bytes[start..end];
            assert_eq!(Sum::of(part).value(), naive(part), "{start}..{end}");
        }
    }
}

#[test]
fn a_field_out_of_reach_leaves_nothing_out() {
    let bytes = [1, 2, 3, 4, 5];
    for field in [1, 3, 4, 5, 100, usize::MAX] {
        assert_eq!(Sum::of_except(&bytes, field), Sum::of(&bytes), "{field}");
    }
}

#[test]
fn leaving_out_the_only_content_leaves_zero() {
    assert_eq!(Sum::of_except(&[0, 0, 0, 0, 0x12, 0x34], 4).value(), 0);
    // What remains is a multiple of 0xffff, which is not zero.
    let mut ones = [0xff; 26];
    ones[8..10].copy_from_slice(&[0x12, 0x34]);
    assert_eq!(Sum::of_except(&ones, 8).value(), 0xffff);
    let mut header = [0; 20];
    header[10] = 0x12;
    assert_eq!(Sum::of_20_except::<10>(&header).value(), 0);
}

/// Both zeros of one's complement, and the most that 20 bytes can carry.
#[test]
fn twenty_bytes_at_the_edges() {
    assert!(!Sum::is_valid_20(&[0; 20]));
    assert!(Sum::is_valid_20(&[0xff; 20]));
    for last in 0..=u8::MAX {
        let mut header = [0xff; 20];
        header[19] = last;
        assert_eq!(Sum::is_valid_20(&header), last == 0xff);
        header = [0; 20];
        header[18..].copy_from_slice(&[0xff, last]);
        assert_eq!(Sum::is_valid_20(&header), last == 0xff);
    }
}

proptest! {
    #[test]
    fn agrees_with_naive_and_etherparse(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
        let sum = Sum::of(&bytes);
        prop_assert_eq!(sum.value(), naive(&bytes));
        prop_assert_eq!(sum.is_valid(), naive(&bytes) == 0xffff);
        let theirs = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes);
        prop_assert_eq!(sum.checksum(), theirs.ones_complement().to_be());
    }

    #[test]
    fn pieces_add_up(
        bytes in prop::collection::vec(any::<u8>(), 1..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let total: Sum = cuts
            .windows(2)
            .map(|cut| Sum::of(&bytes[cut[0]..cut[1]]).at(cut[0]))
            .sum();
        prop_assert_eq!(total.value(), naive(&bytes));
    }

    #[test]
    fn twenty_bytes(header in any::<[u8; 20]>(), zeros in any::<bool>()) {
        let header = if zeros { [0; 20] } else { header };
        prop_assert_eq!(Sum::of_20(&header).value(), naive(&header));
        prop_assert_eq!(Sum::is_valid_20(&header), naive(&header) == 0xffff);
        // Few random headers are valid: make them so, at each word in turn.
        for at in (0..20).step_by(2) {
            let mut filled = header;
            filled[at..at + 2].fill(0);
            let checksum = Sum::of(&filled).checksum();
            filled[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
            prop_assert_eq!(Sum::is_valid_20(&filled), naive(&filled) == 0xffff);
            filled[at] ^= 0x10;
            prop_assert!(!Sum::is_valid_20(&filled));
        }
        let mut cleared = header;
        cleared[10..12].fill(0);
        prop_assert_eq!(Sum::of_20_except::<10>(&header).value(), naive(&cleared));
        let mut cleared = header;
        cleared[16..18].fill(0);
        prop_assert_eq!(Sum::of_20_except::<16>(&header).value(), naive(&cleared));
    }

    #[test]
    fn field_left_out(
        bytes in prop::collection::vec(any::<u8>(), 2..100),
        field in any::<prop::sample::Index>(),
    ) {
        let field = field.index(bytes.len() - 1) & !1;
        let mut cleared = bytes.clone();
        cleared[field..field + 2].fill(0);
        prop_assert_eq!(Sum::of_except(&bytes, field).value(), naive(&cleared));
    }

    #[test]
    fn numbers(a in any::<u16>(), b in any::<u32>()) {
        let mut bytes = a.to_be_bytes().to_vec();
        bytes.extend(b.to_be_bytes());
        prop_assert_eq!((Sum::of_u16(a) + Sum::of_u32(b)).value(), naive(&bytes));
    }
}

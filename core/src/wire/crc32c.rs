//! CRC32c, the Castagnoli polynomial 0x1edc6f41, as SCTP has it
//! ([RFC 9260](https://www.rfc-editor.org/rfc/rfc9260#appendix-A), appendix A).
//!
//! Four bytes at a time from four tables of 1 KiB, which are made when the crate is compiled: eight would
//! take twice the room in a small image and in the first-level cache, for a sum that few packets want.

/// The CRC32c of some bytes, from as many pieces as there are.
///
/// ```
/// use linecard::wire::Crc32c;
///
/// // The check value of the CRC catalogues.
/// assert_eq!(Crc32c::of(b"123456789"), 0xe306_9283);
/// assert_eq!(Crc32c::new().with(b"1234").with(b"56789").value(), 0xe306_9283);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crc32c(u32);

impl Crc32c {
    /// Of no bytes yet.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(!0)
    }

    /// The value for `bytes`.
    #[inline]
    #[must_use]
    pub fn of(bytes: &[u8]) -> u32 {
        Self::new().with(bytes).value()
    }

    /// After these bytes as well.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        let (words, tail) = bytes.as_chunks::<4>();
        let crc = words.iter().fold(self.0, |crc, word| {
            let bytes = (crc ^ u32::from_le_bytes(*word)).to_le_bytes();
            bytes
                .into_iter()
                .zip(&TABLES)
                .fold(0, |crc, (byte, table)| crc ^ table[usize::from(byte)])
        });
        let last = &TABLES[3];
        let crc = tail.iter().fold(crc, |crc, &byte| {
            crc >> 8 ^ last[usize::from(crc as u8 ^ byte)]
        });
        Self(crc)
    }

    /// The value for the bytes so far.
    #[inline]
    #[must_use]
    pub const fn value(self) -> u32 {
        !self.0
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

/// The polynomial, bit-reversed as the algorithm is.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What a byte contributes that 3, 2, 1, 0 bytes follow within its word.
static TABLES: [[u32; 256]; 4] = tables();

const fn tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 != 0 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        tables[3][byte] = crc;
        byte += 1;
    }
    let mut at = 3;
    while at > 0 {
        let mut byte = 0;
        while byte < 256 {
            let after = tables[at][byte];
            tables[at - 1][byte] = after >> 8 ^ tables[3][(after & 0xff) as usize];
            byte += 1;
        }
        at -= 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One bit after the other.
    fn naive(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                crc >> 1 ^ if crc & 1 != 0 { POLYNOMIAL } else { 0 }
            })
        })
    }

    /// RFC 3720, appendix B.4.
    #[test]
    fn published_values() {
        assert_eq!(Crc32c::of(&[]), 0);
        assert_eq!(Crc32c::of(&[0; 32]), 0x8a91_36aa);
        assert_eq!(Crc32c::of(&[0xff; 32]), 0x62a8_ab43);
        let ascending: [u8; 32] = core::array::from_fn(|i| i as u8);
        assert_eq!(Crc32c::of(&ascending), 0x46dd_794e);
        let descending: [u8; 32] = core::array::from_fn(|i| 31 - i as u8);
        assert_eq!(Crc32c::of(&descending), 0x113f_db5c);
    }

    proptest! {
        #[test]
        fn agrees_with_naive(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            cut in any::<prop::sample::Index>(),
        ) {
            prop_assert_eq!(Crc32c::of(&bytes), naive(&bytes));
            let (head, tail) = bytes.split_at(cut.index(bytes.len() + 1));
            prop_assert_eq!(Crc32c::default().with(head).with(tail).value(), naive(&bytes));
        }
    }
}

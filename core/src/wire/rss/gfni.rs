//! The hash by products of bit matrices.

use super::{KEY_LEN, RssHash};
use crate::platform::{Gfni, Matrices, matrices};

/// The hash by products of bit matrices, for any key, where the processor has instructions for them
/// (GFNI, AVX-512 and VBMI: Intel from Ice Lake on, AMD from Zen 4 on): 320 bytes of matrices.
///
/// Four inputs at a time by [`hash_bulk`](RssHash::hash_bulk) are where it is best: one alone
/// pays for a call and for changing the width of registers.
///
/// ```
/// use linecard::wire::rss::{MICROSOFT_KEY, RssHash, Toeplitz, ToeplitzGfni};
///
/// static TABLES: Toeplitz = Toeplitz::new(&MICROSOFT_KEY);
/// let inputs = [[1; 12], [2; 12], [3; 12], [4; 12], [5; 12]];
/// let mut hashes = [0; 5];
/// match ToeplitzGfni::new(&MICROSOFT_KEY) {
///     Some(matrices) => matrices.hash_bulk(&inputs, &mut hashes),
///     None => TABLES.hash_bulk(&inputs, &mut hashes),
/// };
/// assert_eq!(hashes[4], TABLES.hash(&[5; 12]));
/// ```
#[derive(Debug, Clone)]
pub struct ToeplitzGfni {
    matrices: Matrices,
    gfni: Gfni,
}

impl ToeplitzGfni {
    /// The matrices for this key; `None` where the processor cannot multiply them.
    #[must_use]
    pub fn new(key: &[u8; KEY_LEN]) -> Option<Self> {
        Some(Self {
            matrices: matrices(key),
            gfni: Gfni::detect()?,
        })
    }
}

impl RssHash for ToeplitzGfni {
    #[inline]
    fn hash<const N: usize>(&self, input: &[u8; N]) -> u32 {
        self.gfni.hash(&self.matrices, input)
    }

    fn hash_bulk<const N: usize>(&self, inputs: &[[u8; N]], hashes: &mut [u32]) -> usize {
        let count = inputs.len().min(hashes.len());
        let (fours, inputs) = inputs.split_at(count).0.as_chunks::<4>();
        let (four_hashes, hashes) = hashes.split_at_mut(count).0.as_chunks_mut::<4>();
        self.gfni.hash_fours(&self.matrices, fours, four_hashes);
        for (input, hash) in inputs.iter().zip(hashes) {
            *hash = self.hash(input);
        }
        count
    }
}

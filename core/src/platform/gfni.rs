//! Products of bit matrices, by GFNI on registers of 64 bytes (AVX-512): the Toeplitz hash.
//!
//! The hash is linear: what input byte `k` adds to output byte `j` is a product of a matrix of 8 by
//! 8 bits and that byte, and the matrix is the same for all pairs of one sum `k + j`. So a register
//! holds eight matrices, of eight such sums, and beside each the bytes it is for: `k = sum - j` for
//! `j` from 0 to 3, in the order of the answer. The answer is the sum of all eight.
//!
//! ```text
//!   matrices   │     8     │     9     │    10     │ …      8 bytes each, the key from bit 8·sum on
//!   bytes      │5 6 7 8    │6 7 8 9    │7 8 9 10   │ …      the other four: a second input
//! ```

/// The matrices of a key, for each sum of an input byte's and an output byte's place: 36 and 4 of them.
pub(crate) type Matrices = [[u64; 8]; GROUPS];

/// The matrix for each sum: row `r` is the eight bits of the key that start at bit `8 · sum + r`.
pub(crate) const fn matrices(key: &[u8; 40]) -> Matrices {
    let mut matrices = [[0; 8]; GROUPS];
    let mut sum = 0;
    while sum < 39 {
        let two = (key[sum] as u16) << 8 | key[sum + 1] as u16;
        let mut row = 0;
        while row < 8 {
            matrices[sum / 8][sum % 8] |= ((two >> (8 - row)) as u8 as u64) << (8 * row);
            row += 1;
        }
        sum += 1;
    }
    matrices
}

/// The proof that the processor has GFNI and AVX-512 with VBMI (Intel from Ice Lake on, AMD from Zen 4
/// on).
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gfni(());

/// There is none on other processors.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gfni {}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
impl Gfni {
    pub(crate) fn detect() -> Option<Self> {
        None
    }

    pub(crate) fn hash<const N: usize>(self, _: &Matrices, _: &[u8; N]) -> u32 {
        match self {}
    }

    pub(crate) fn hash_fours<const N: usize>(
        self,
        _: &Matrices,
        _: &[[[u8; N]; 4]],
        _: &mut [[u32; 4]],
    ) {
        match self {}
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
impl Gfni {
    /// Asks the processor, and whether its registers are switched on.
    pub(crate) fn detect() -> Option<Self> {
        use super::isa::{leaf_7_ebx, switched_on};
        let ebx = leaf_7_ebx();
        let all = ebx & EBX == EBX
            && core::arch::x86_64::__cpuid_count(7, 0).ecx & ECX == ECX
            && switched_on() & ZMM == ZMM;
        all.then_some(Self(()))
    }

    /// The hash of one input; of its first 36 bytes.
    #[inline]
    pub(crate) fn hash<const N: usize>(self, matrices: &Matrices, input: &[u8; N]) -> u32 {
        // SAFETY: the processor has what the function is compiled for: `detect`, from which alone
        // `self` can be, has found it.
        unsafe { arch::hash(matrices, input) }
    }

    /// The hashes of four inputs at a time, as many fours as both slices have.
    #[inline]
    pub(crate) fn hash_fours<const N: usize>(
        self,
        matrices: &Matrices,
        inputs: &[[[u8; N]; 4]],
        hashes: &mut [[u32; 4]],
    ) {
        // SAFETY: as in `hash`.
        unsafe { arch::hash_fours(matrices, inputs, hashes) }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod arch {
    use core::arch::x86_64::*;

    use super::{GROUPS, Matrices};

    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    pub(super) fn hash<const N: usize>(matrices: &Matrices, input: &[u8; N]) -> u32 {
        let bytes = load(input);
        let mut sum = _mm512_setzero_si512();
        for (matrices, places) in matrices.iter().zip(&PLACES).take(groups(N)) {
            let placed = _mm512_maskz_permutexvar_epi8(FIRST, load_places(places), bytes);
            sum = add(sum, placed, matrices);
        }
        let quarter = _mm_cvtsi128_si64(quarters(sum)) as u64;
        let other = _mm_cvtsi128_si64(_mm_unpackhi_epi64(quarters(sum), quarters(sum))) as u64;
        (quarter ^ other) as u32
    }

    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    pub(super) fn hash_fours<const N: usize>(
        matrices: &Matrices,
        inputs: &[[[u8; N]; 4]],
        hashes: &mut [[u32; 4]],
    ) {
        for ([a, b, c, d], hashes) in inputs.iter().zip(hashes) {
            let (one, two) = (pair(matrices, a, b), pair(matrices, c, d));
            // Each 16 bytes of these are the sums of the first pair and of the second.
            let sums = _mm512_xor_si512(
                _mm512_unpacklo_epi64(one, two),
                _mm512_unpackhi_epi64(one, two),
            );
            let all = quarters(sums);
            // SAFETY: four hashes are 16 bytes that may be written, and they need no alignment.
            unsafe { _mm_storeu_si128(hashes.as_mut_ptr().cast(), all) };
        }
    }

    /// Eight sums, each of the first input's in its lower half and of the second one's in the upper.
    #[target_feature(enable = "gfni,avx512f,avx512bw,avx512vbmi")]
    fn pair<const N: usize>(matrices: &Matrices, first: &[u8; N], second: &[u8; N]) -> __m512i {
        let (first, second) = (load(first), load(second));
        let mut sum = _mm512_setzero_si512();
        for (matrices, places) in matrices.iter().zip(&PLACES).take(groups(N)) {
            let places = load_places(places);
            let placed = _mm512_maskz_permutexvar_epi8(FIRST, places, first);
            let placed = _mm512_mask_permutexvar_epi8(placed, SECOND, places, second);
            sum = add(sum, placed, matrices);
        }
        sum
    }

    #[target_feature(enable = "gfni,avx512f")]
    fn add(sum: __m512i, bytes: __m512i, matrices: &[u64; 8]) -> __m512i {
        // SAFETY: eight numbers are 64 bytes, and they need no alignment.
        let matrices = unsafe { _mm512_loadu_si512(matrices.as_ptr().cast()) };
        _mm512_xor_si512(sum, _mm512_gf2p8affine_epi64_epi8::<0>(bytes, matrices))
    }

    /// The first 36 bytes, and zeroes behind them.
    #[target_feature(enable = "avx512f,avx512bw")]
    fn load<const N: usize>(bytes: &[u8; N]) -> __m512i {
        let count = if N < MOST { N } else { MOST };
        // SAFETY: no byte past `count` is read, and there are at least that many in `bytes`.
        unsafe { _mm512_maskz_loadu_epi8((1 << count) - 1, bytes.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    fn load_places(places: &[u8; 64]) -> __m512i {
        // SAFETY: these are 64 bytes, and they need no alignment.
        unsafe { _mm512_loadu_si512(places.as_ptr().cast()) }
    }

    /// The sum of the four quarters.
    #[target_feature(enable = "avx512f")]
    fn quarters(sum: __m512i) -> __m128i {
        let half = _mm256_xor_si256(
            _mm512_castsi512_si256(sum),
            _mm512_extracti64x4_epi64::<1>(sum),
        );
        _mm_xor_si128(
            _mm256_castsi256_si128(half),
            _mm256_extracti128_si256::<1>(half),
        )
    }

    /// Groups of eight matrices that an input of so many bytes needs.
    const fn groups(len: usize) -> usize {
        let groups = (len + 3).div_ceil(8);
        if groups < GROUPS { groups } else { GROUPS }
    }

    /// For each group, which byte of the input stands where, in both halves of each matrix's eight. The last of all
    /// 64 is never one of an input: it is zero.
    static PLACES: [[u8; 64]; GROUPS] = {
        let mut places = [[63; 64]; GROUPS];
        let mut at = 0;
        while at < GROUPS * 64 {
            let (sum, output) = (at / 8, 3 - at % 4);
            if sum >= output {
                places[at / 64][at % 64] = (sum - output) as u8;
            }
            at += 1;
        }
        places
    };

    /// The halves of all eight.
    const FIRST: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    const SECOND: u64 = !FIRST;

    /// Bytes of an input that count.
    const MOST: usize = 36;
}

/// Registers of eight matrices each.
const GROUPS: usize = 5;

// Intel SDM volume 2A, CPUID leaf 7: AVX512F and AVX512BW; AVX512_VBMI and GFNI.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
const EBX: u32 = 1 << 16 | 1 << 30;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
const ECX: u32 = 1 << 1 | 1 << 8;
/// XCR0: the registers of SSE, AVX and AVX-512 (Intel SDM volume 1, 13.3).
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
const ZMM: u64 = 0b1110_0110;

//! Sums by wide vectors, where the processor that runs the program has them.
//!
//! A program is compiled for the least of its processors, and what the compiler makes of a loop for
//! wider vectors is not always good. So the one loop that gains is here by hand: the Internet
//! checksum's.
//!
//! | vectors | processors | 9,000 bytes from the second cache, on Zen 4 |
//! |---|---|---|
//! | [512 bits](sum_of_bytes) | Intel from Ice Lake on, AMD from Zen 4 on | 82 ns; to load them is 81 |
//! | [256 bits](sum_of_words) | Intel from Haswell on, AMD from Excavator on | 87 to 92 ns, by how they lie |

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod avx512;

/// Whether there are vectors of 512 bits that cost nothing elsewhere.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(super) fn has_avx512() -> bool {
    imp::Vectors::known() == imp::Vectors::Avx512
}

/// Whether there are vectors of 256 bits. Finding that out costs a load and a comparison, but the first time.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
pub(super) fn has_avx2() -> bool {
    imp::has_avx2()
}

/// A sum of `bytes` as little-endian 16-bit words; an odd last byte counts as if a zero
/// followed. It is that sum but for a multiple of 2^16 - 1, and zero only if every byte is. `None` where the
/// processor has no vectors of 512 bits that cost it nothing elsewhere, or [`sum_of_words`] has not found
/// out yet.
#[inline]
pub(crate) fn sum_of_bytes(bytes: &[u8]) -> Option<u32> {
    imp::sum_of_bytes(bytes)
}

/// The exact sum of `blocks` as little-endian 16-bit words, at most 2^32 of them; `None` where the
/// processor has no vectors of 256 bits.
///
/// Finding that out costs a load and a comparison, but the first time.
#[inline]
pub(crate) fn sum_of_words(blocks: &[[u8; 64]]) -> Option<u64> {
    imp::sum_of_words(blocks)
}

// Without SSE2 vectors may not be touched: `isa` has where that is.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod imp {
    use core::arch::x86_64::__cpuid_count;
    use core::sync::atomic::{AtomicU8, Ordering};

    use super::{avx2, avx512};
    use crate::platform::isa::{leaf_7_ebx, switched_on};

    /// What a processor has, the later with all before it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    #[repr(u8)]
    pub(super) enum Vectors {
        /// Those of every x86-64.
        Basic = 1,
        Avx2,
        /// AVX-512F, BW and VNNI, with BMI2. Their full width is used only together with VBMI2, which
        /// came with the first processors that do not clock down for it.
        Avx512,
    }

    #[inline]
    pub(super) fn sum_of_bytes(bytes: &[u8]) -> Option<u32> {
        // SAFETY: the processor has AVX-512F, BW, VNNI and BMI2, and the system keeps their registers: that number
        // is stored only where `find_out` says so.
        (KNOWN.load(Ordering::Relaxed) == Vectors::Avx512 as u8)
            .then(|| unsafe { avx512::sum(bytes) })
    }

    #[inline]
    pub(super) fn sum_of_words(blocks: &[[u8; 64]]) -> Option<u64> {
        // SAFETY: the processor has AVX2, and the system keeps its registers.
        (Vectors::known() >= Vectors::Avx2).then(|| unsafe { avx2::sum(blocks) })
    }

    #[inline]
    pub(super) fn has_avx2() -> bool {
        Vectors::known() >= Vectors::Avx2
    }

    /// A number of [`Vectors`], or 0 until it is known.
    static KNOWN: AtomicU8 = AtomicU8::new(0);

    impl Vectors {
        #[inline]
        pub(super) fn known() -> Self {
            match KNOWN.load(Ordering::Relaxed) {
                0 => {
                    let found = Self::find_out();
                    KNOWN.store(found as u8, Ordering::Relaxed);
                    found
                }
                1 => Self::Basic,
                2 => Self::Avx2,
                _ => Self::Avx512,
            }
        }

        /// As the Intel SDM says, volume 1, sections 14.7.1 ("Detection of AVX2") and 15.2 ("Detection of
        /// AVX-512 Foundation Instructions"): the system has to keep the registers too, which one on bare
        /// metal may not. It keeps none that are not there.
        #[cold]
        fn find_out() -> Self {
            let (kept, ebx) = (switched_on(), leaf_7_ebx());
            if kept & YMM != YMM || ebx & AVX2 == 0 {
                Self::Basic
            } else if kept & ZMM == ZMM
                && ebx & AVX512 == AVX512
                && __cpuid_count(7, 0).ecx & NEWER == NEWER
            {
                Self::Avx512
            } else {
                Self::Avx2
            }
        }
    }

    /// CPUID.(07H,0):EBX, AVX2.
    const AVX2: u32 = 1 << 5;
    /// CPUID.(07H,0):EBX, BMI2, AVX512F and AVX512BW.
    const AVX512: u32 = 1 << 8 | 1 << 16 | 1 << 30;
    /// CPUID.(07H,0):ECX, AVX512_VBMI2 and AVX512_VNNI.
    const NEWER: u32 = 1 << 6 | 1 << 11;
    /// XCR0: the system keeps registers of 128 bits, and their upper halves.
    const YMM: u64 = 1 << 1 | 1 << 2;
    /// XCR0: and masks, the upper halves of those of 512 bits, and the other 16 of them.
    const ZMM: u64 = YMM | 1 << 5 | 1 << 6 | 1 << 7;
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod imp {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    pub(super) const fn has_avx2() -> bool {
        false
    }

    #[inline]
    pub(super) fn sum_of_bytes(_bytes: &[u8]) -> Option<u32> {
        None
    }

    #[inline]
    pub(super) fn sum_of_words(_blocks: &[[u8; 64]]) -> Option<u64> {
        None
    }
}

#[cfg(all(test, target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::imp::Vectors;
    use super::*;

    #[test]
    fn what_is_found_is_what_the_standard_library_finds() {
        let avx2 = std::is_x86_feature_detected!("avx2");
        let avx512 = std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("avx512vnni")
            && std::is_x86_feature_detected!("avx512vbmi2");
        let found = match (avx2, avx512) {
            (false, _) => Vectors::Basic,
            (true, false) => Vectors::Avx2,
            (true, true) => Vectors::Avx512,
        };
        for _ in 0..2 {
            assert_eq!(Vectors::known(), found);
        }
    }

    #[test]
    fn the_sum_is_exact_for_any_number_of_blocks() {
        for count in [0, 1, 2, 3, 9, 511, 512, 513, 1024, 1535] {
            for byte in BYTES {
                let bytes = filled(count * 64, byte);
                if let Some(sum) = sum_of_words(bytes.as_chunks().0) {
                    assert_eq!(sum, by_words(&bytes), "{count} blocks of {byte:?}");
                }
            }
        }
    }

    /// Every beginning within a cache line, and every length up to that of a jumbo frame.
    #[test]
    fn bytes_are_summed_wherever_they_lie() {
        for byte in BYTES {
            let bytes = filled(64 + 9216 + 1, byte);
            for first in 0..64 {
                let mut exact = 0;
                for (len, next) in bytes[first..=first + 9216].iter().enumerate() {
                    check(&bytes[first..first + len], exact);
                    exact += u64::from(*next) << (len % 2 * 8);
                }
            }
        }
    }

    #[test]
    fn runs_are_summed_wherever_they_lie() {
        for byte in BYTES {
            let bytes = filled(2 * 65536 + 256, byte);
            for first in 0..64 {
                for len in [65535, 65536, 65537, 65600, 131_000] {
                    let bytes = &bytes[first..first + len];
                    check(bytes, by_words(bytes));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_summed(bytes in proptest::collection::vec(any::<u8>(), 0..3000), at in 0..64usize) {
            let bytes = bytes.get(at..).unwrap_or_default();
            check(bytes, by_words(bytes));
        }
    }

    fn check(bytes: &[u8], exact: u64) {
        let here = Vectors::known() == Vectors::Avx512;
        assert_eq!(sum_of_bytes(bytes).is_some(), here);
        if let Some(sum) = sum_of_bytes(bytes) {
            let (at, len) = (bytes.as_ptr().addr() % 64, bytes.len());
            assert_eq!(
                u64::from(sum) % 0xffff,
                exact % 0xffff,
                "{len} bytes from {at} on"
            );
            assert_eq!(sum == 0, exact == 0, "{len} bytes from {at} on");
        }
    }

    fn by_words(bytes: &[u8]) -> u64 {
        let (words, odd) = bytes.as_chunks::<2>();
        let words = words.iter().map(|word| u16::from_le_bytes(*word));
        let odd = odd.iter().map(|byte| u16::from(*byte));
        words.chain(odd).map(u64::from).sum()
    }

    /// All of one byte, or of many.
    fn filled(len: usize, byte: Option<u8>) -> Vec<u8> {
        let each = |i: usize| byte.unwrap_or((i * 89 + i / 64 * 37) as u8);
        (0..len).map(each).collect()
    }

    const BYTES: [Option<u8>; 5] = [Some(0), Some(0xff), Some(0x80), Some(0x7f), None];
}

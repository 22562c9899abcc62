//! Where a number stands among sixteen sorted ones.

use core::sync::atomic::AtomicU16;

/// How many of the last fifteen `places` are at most `number`, if they are sorted: 0 to 15, and also if they are not.
/// Each is a relaxed load.
#[inline(always)]
pub(crate) fn rank(places: &[AtomicU16; 16], number: u16) -> usize {
    imp::rank(places, number)
}

#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
mod imp {
    use core::arch::asm;
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi16, _mm_movemask_epi8, _mm_packs_epi16, _mm_set1_epi16,
        _mm_setzero_si128, _mm_subs_epu16,
    };
    use core::sync::atomic::AtomicU16;

    #[inline(always)]
    pub(super) fn rank(places: &[AtomicU16; 16], number: u16) -> usize {
        // SAFETY: SSE2 is there, as this is not compiled otherwise.
        unsafe { compare_all(places, number) }
    }

    /// All at once, in two loads. Sorted as they are, those that are at most the number come first.
    #[inline]
    #[target_feature(enable = "sse2")]
    fn compare_all(places: &[AtomicU16; 16], number: u16) -> usize {
        let (first, second): (__m128i, __m128i);
        // SAFETY: both loads are of the 32 bytes of `places`, and want no alignment. They may be written
        // at the same time: so the loads are not the compiler's, and do what sixteen relaxed ones could. A
        // place lies within an aligned quadword, which the processor loads at once (Intel SDM volume 3,
        // section 9.1.1).
        unsafe {
            asm!("movdqu {first}, xmmword ptr [{places}]",
                "movdqu {second}, xmmword ptr [{places} + 16]",
                first = out(xmm_reg) first, second = lateout(xmm_reg) second,
                places = in(reg) places.as_ptr(),
                options(nostack, readonly, preserves_flags));
        }
        let (number, zero) = (_mm_set1_epi16(number.cast_signed()), _mm_setzero_si128());
        let first = _mm_cmpeq_epi16(_mm_subs_epu16(first, number), zero);
        let second = _mm_cmpeq_epi16(_mm_subs_epu16(second, number), zero);
        let above = !_mm_movemask_epi8(_mm_packs_epi16(first, second));
        // The first place is none of those asked for. There is always a bit: above those of the places.
        ((above >> 1).trailing_zeros() & 0xf) as usize
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2", not(miri))))]
mod imp {
    use core::sync::atomic::{AtomicU16, Ordering};

    /// By halves, without a branch by what is there.
    #[inline(always)]
    pub(super) fn rank(places: &[AtomicU16; 16], number: u16) -> usize {
        let mut rank = 0;
        for step in [8, 4, 2, 1] {
            let at_most = places[(rank + step) & 15].load(Ordering::Relaxed) <= number;
            rank += step * usize::from(at_most);
        }
        rank & 15
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_many_as_are_at_most_the_number(
            mut places: [u16; 16],
            few in 0..16usize,
            number: u16,
        ) {
            places.sort_unstable();
            // Whatever is in the first, and some that are alike.
            places[0] = number;
            let filled = places[few];
            places[1..few.max(1)].fill(filled);
            for number in places.into_iter().chain([number, 0, u16::MAX]) {
                let expected = places[1..].iter().filter(|place| **place <= number).count();
                let places = places.map(AtomicU16::new);
                prop_assert_eq!(rank(&places, number), expected);
            }
        }
    }
}

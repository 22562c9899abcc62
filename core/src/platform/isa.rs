//! What the processor has beyond what every processor of its kind has, and work that is compiled for that.
//!
//! A program that is built for every x86-64 may use what came with the first of them. [`Bits`]
//! is the proof that there is more: it can only be had by asking the processor, which takes microseconds
//! under a hypervisor, so that who needs one keeps it. Other processors have one form only.

/// Instructions that count and move bits: POPCNT, LZCNT, BMI1 and BMI2 (Intel from Haswell on, AMD
/// from Excavator on).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Nobody but [`Bits::detect`] sets it.
    here: bool,
}

/// Work that may be compiled more than once. Its method wants `#[inline(always)]`: what is not
/// inlined is compiled for any processor.
pub(crate) trait Work {
    type Output;

    fn work(self) -> Self::Output;
}

impl Bits {
    /// None, whatever the processor has: for tests of the other form.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { here: false };

    /// Asks the processor.
    pub(crate) fn detect() -> Self {
        Self {
            here: arch::has_bits(),
        }
    }

    /// Whether there are such instructions.
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
    pub(super) fn are_here(self) -> bool {
        self.here
    }

    /// Does the work.
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if self.here {
            // SAFETY: the processor has POPCNT, LZCNT, BMI1 and BMI2: `here` is true only where
            // `detect` has found all four.
            return unsafe { arch::run_with_bits(work) };
        }
        work.work()
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod arch {
    use core::arch::x86_64::{__cpuid, __cpuid_count};

    use super::Work;

    #[target_feature(enable = "popcnt,lzcnt,bmi1,bmi2")]
    pub(super) fn run_with_bits<W: Work>(work: W) -> W::Output {
        work.work()
    }

    pub(super) fn has_bits() -> bool {
        __cpuid(1).ecx & POPCNT != 0
            && leaf_7_ebx() & (BMI1 | BMI2) == BMI1 | BMI2
            && __cpuid(0x8000_0000).eax >= 0x8000_0001
            && __cpuid(0x8000_0001).ecx & LZCNT != 0
    }

    /// Which registers the operating system keeps for its threads; none where it does not say.
    #[cfg(target_feature = "sse2")]
    pub(in crate::platform) fn switched_on() -> u64 {
        if __cpuid(1).ecx & OSXSAVE == 0 {
            return 0;
        }
        let (low, high): (u32, u32);
        // SAFETY: XGETBV is there where CPUID says OSXSAVE, which it just did; register 0 always
        // exists then, and reading it changes nothing (Intel SDM volume 2, XGETBV).
        unsafe {
            core::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high,
                options(nomem, nostack, preserves_flags));
        }
        u64::from(high) << 32 | u64::from(low)
    }

    /// CPUID.(07H,0):EBX, zero where the highest leaf is below.
    pub(in crate::platform) fn leaf_7_ebx() -> u32 {
        match __cpuid(0).eax {
            ..7 => 0,
            _ => __cpuid_count(7, 0).ebx,
        }
    }

    // Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
    /// CPUID.01H:ECX.
    const POPCNT: u32 = 1 << 23;
    #[cfg(target_feature = "sse2")]
    const OSXSAVE: u32 = 1 << 27;
    /// CPUID.(07H,0):EBX.
    const BMI1: u32 = 1 << 3;
    const BMI2: u32 = 1 << 8;
    /// CPUID.80000001H:ECX.
    const LZCNT: u32 = 1 << 5;
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod arch {
    pub(super) fn has_bits() -> bool {
        false
    }
}

// Without SSE2 (soft floats, as some systems compile for bare metal) vectors may not be touched.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
pub(super) use arch::{leaf_7_ebx, switched_on};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same() {
        struct Count(u64);
        impl Work for Count {
            type Output = (u32, u32);

            #[inline(always)]
            fn work(self) -> (u32, u32) {
                (self.0.count_ones(), self.0.leading_zeros())
            }
        }
        for bits in [0, 1, 0x8000_0000_0000_0001, u64::MAX, 0x0123_4567_89ab_cdef] {
            let plain = Bits::NONE.run(Count(bits));
            assert_eq!(Bits::detect().run(Count(bits)), plain);
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn the_processor_is_asked_rightly() {
        let bits = std::arch::is_x86_feature_detected!("popcnt")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2");
        assert_eq!(Bits::detect().here, bits);
    }
}

//! Whether the processor counts bits in one instruction, and work that is compiled for that.

/// Which instructions work on bits may use: asked for once, kept by who needs it.
///
/// A program built for every x86-64 counts bits by some dozen instructions. What is run by
/// [`Bits::run`] is compiled twice, and the better one is taken where the processor has POPCNT,
/// LZCNT, BMI1 and BMI2 (Intel from Haswell on, AMD from Excavator on). Other processors have one form only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Nobody but [`Bits::detect`] sets it.
    native: bool,
}

impl Bits {
    /// Asks the processor, which takes it microseconds under a hypervisor.
    pub(crate) fn detect() -> Self {
        Self { native: native() }
    }

    /// Does `work`, which must be inlined for any of this to matter.
    #[inline(always)]
    pub(crate) fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if self.native {
            // SAFETY: the processor has POPCNT, LZCNT, BMI1 and BMI2: `native` is true only where
            // `detect` has found all four.
            return unsafe { run_native(work) };
        }
        work()
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[target_feature(enable = "popcnt,lzcnt,bmi1,bmi2")]
fn run_native<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn native() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    // CPUID.0:EAX and CPUID.80000000H:EAX are the highest leaves (Intel SDM volume 2A, CPUID).
    if __cpuid(0).eax < 7 || __cpuid(0x8000_0000).eax < 0x8000_0001 {
        return false;
    }
    let bits = __cpuid_count(7, 0).ebx;
    __cpuid(1).ecx & POPCNT != 0
        && bits & BMI1 != 0
        && bits & BMI2 != 0
        && __cpuid(0x8000_0001).ecx & LZCNT != 0
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn native() -> bool {
    false
}

/// CPUID.01H:ECX bit 23.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const POPCNT: u32 = 1 << 23;
/// CPUID.(07H,0):EBX bits 3 and 8.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const BMI1: u32 = 1 << 3;
#[cfg(all(target_arch = "x86_64", not(miri)))]
const BMI2: u32 = 1 << 8;
/// CPUID.80000001H:ECX bit 5.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const LZCNT: u32 = 1 << 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same() {
        let count = |bits: u64| (bits.count_ones(), bits.leading_zeros());
        for bits in [0, 1, 0x8000_0000_0000_0001, u64::MAX, 0x0123_4567_89ab_cdef] {
            let plain = Bits { native: false }.run(|| count(bits));
            assert_eq!(Bits::detect().run(|| count(bits)), plain);
        }
    }

    #[cfg(all(target_arch = "x86_64", not(miri)))]
    #[test]
    fn the_processor_is_asked_rightly() {
        let here = std::arch::is_x86_feature_detected!("popcnt")
            && std::arch::is_x86_feature_detected!("lzcnt")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2");
        assert_eq!(Bits::detect().native, here);
    }
}

//! Asking the processor for a cache line before it is needed.

use core::ptr::NonNull;

/// Asks for the cache line of `at`, to be read, into every level of the cache.
///
/// A hint: it reads nothing, faults on no address, and does nothing where there is no such
/// instruction.
///
/// ```
/// # use core::ptr::NonNull;
/// let header = [0u8; 64];
/// linecard::platform::prefetch_read(NonNull::from(&header).cast());
/// ```
#[inline(always)]
pub fn prefetch_read(at: NonNull<u8>) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: PREFETCHT0 is part of SSE, which every x86-64 has, and accesses no memory as
        // far as the program can see (Intel SDM volume 2, PREFETCHh).
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.as_ptr().cast()) };
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        // SAFETY: PRFM is a hint that every AArch64 has; it accesses no memory as far as the
        // program can see (Arm ARM C6.2, PRFM).
        unsafe {
            core::arch::asm!("prfm pldl1keep, [{}]", in(reg) at.as_ptr(),
                options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
    #[cfg(miri)]
    let _ = at;
}

/// Asks for the cache line of `at`, to be written.
///
/// A hint, as [`prefetch_read`]: the line is taken from other processors at once, and the write does
/// not wait for that. On x86-64 it is PREFETCHW, which does nothing where it is not there.
///
/// ```
/// # use core::ptr::NonNull;
/// let header = [0u8; 64];
/// linecard::platform::prefetch_write(NonNull::from(&header).cast());
/// ```
#[inline(always)]
pub fn prefetch_write(at: NonNull<u8>) {
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        // SAFETY: as in `prefetch_read`.
        unsafe {
            core::arch::asm!("prfm pstl1keep, [{}]", in(reg) at.as_ptr(),
                options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        // SAFETY: PREFETCHW is part of every AMD64 (AMD APM volume 3, PREFETCH), and decoded as no
        // operation by those of Intel's before they had it (Intel SDM volume 2, opcode map, 0F 0D);
        // it accesses no memory as far as the program can see.
        unsafe {
            core::arch::asm!("prefetchw [{}]", in(reg) at.as_ptr(),
                options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(any(not(any(target_arch = "x86_64", target_arch = "aarch64")), miri))]
    prefetch_read(at);
}

//! Order between memory that a device also reads and writes, and the device's registers.
//!
//! | call | orders | x86-64 | aarch64 |
//! |---|---|---|---|
//! | [`write()`] | earlier writes before later writes | nothing, total store order | `dmb oshst` |
//! | [`read()`] | earlier reads before later reads and writes | nothing | `dmb oshld` |
//! | [`full()`] | everything before everything, a write before a read too | `mfence` | `dmb osh` |
//! | [`mmio()`] | earlier memory accesses before a later register access | nothing | `dsb osh` |
//!
//! They are what Linux calls `dma_wmb`, `dma_rmb`, `virt_mb` and `mb` (Documentation/
//! memory-barriers.txt, "Compiler barrier" and "CPU memory barriers"), and each of them is a
//! compiler barrier too. The `osh` in aarch64 is the outer shareable domain, which devices are
//! part of where the `ish` of [`fence`] covers processors only. `dsb` waits for the accesses, so
//! that a register outside that domain cannot overtake them. On x86-64 stores to uncached memory
//! stay behind earlier stores to write-back memory (Intel SDM volume 3, 12.2.2), so only a read
//! after a write needs an instruction.
//!
//! None of these is about streaming (non-temporal) stores or write-combining memory; Linecard uses
//! neither on rings. On any other architecture each is a sequentially consistent [`fence`], which
//! is right for devices that share the processors' coherence domain.
//!
//! ```
//! use core::sync::atomic::{AtomicU16, Ordering};
//! use linecard::platform::barrier;
//! let (entry, index) = (AtomicU16::new(0), AtomicU16::new(0));
//! entry.store(7, Ordering::Relaxed);
//! barrier::write(); // the device sees the entry before the index that covers it
//! index.store(1, Ordering::Relaxed);
//! barrier::full(); // and we read its wish to be woken after that
//! # assert_eq!(entry.load(Ordering::Relaxed) + index.load(Ordering::Relaxed), 8);
//! ```

use core::sync::atomic::{Ordering, fence};

/// What was written before is seen by a device before what is written after.
#[inline(always)]
pub fn write() {
    // A release fence: no instruction on x86-64, and what Miri and other architectures know.
    order(Ordering::Release);
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    aarch64::write();
}

/// What was read before is read before anything after is read or written.
#[inline(always)]
pub fn read() {
    order(Ordering::Acquire);
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    aarch64::read();
}

/// Everything before is done, as a device sees it, before anything after.
///
/// The one that costs: it is needed where a ring's index is written and the other side's wish for
/// a notification is read.
#[inline(always)]
pub fn full() {
    fence(Ordering::SeqCst);
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    aarch64::full();
}

/// What was read and written in memory before is done before a device's register is accessed.
#[inline(always)]
pub fn mmio() {
    order(Ordering::AcqRel);
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    aarch64::mmio();
}

/// A fence of that order where it is enough, or the strongest where it is not known to be.
#[inline(always)]
fn order(order: Ordering) {
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64", miri)) {
        fence(order);
    } else {
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
mod aarch64 {
    use core::arch::asm;

    macro_rules! barrier {
        ($name:ident, $text:literal) => {
            #[inline(always)]
            pub(super) fn $name() {
                // SAFETY: a barrier accesses no memory and changes no register (Arm ARM C6.2, DMB
                // and DSB); without `nomem` the compiler moves no access across it either.
                unsafe { asm!($text, options(nostack, preserves_flags)) };
            }
        };
    }

    barrier!(write, "dmb oshst");
    barrier!(read, "dmb oshld");
    barrier!(full, "dmb osh");
    barrier!(mmio, "dsb osh");
}

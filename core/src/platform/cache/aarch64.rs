//! `DC CVAC` and `DC CIVAC` (Arm ARM C5.3), by virtual address to the point of coherency.

use core::arch::asm;

use super::CacheInstruction;

/// Bytes of the smallest line of any data cache.
pub(super) fn line(instruction: CacheInstruction) -> Option<usize> {
    if instruction != CacheInstruction::DcVac {
        return None;
    }
    let type_register: u64;
    // SAFETY: CTR_EL0 is readable at EL1, and at EL0 where the kernel allows it, as Linux does
    // (or it answers in the processor's place); reading it has no effect.
    unsafe {
        asm!("mrs {}, ctr_el0", out(reg) type_register,
            options(nomem, nostack, preserves_flags));
    }
    // DminLine, bits 19 to 16: logarithm of the line's size in words of 4 bytes.
    Some(4usize << ((type_register >> 16) & 0xf))
}

/// # Safety
/// `line` is mapped.
#[inline(always)]
pub(super) unsafe fn write_back(_: CacheInstruction, line: *mut u8) {
    // SAFETY: the caller promises that it is mapped; its contents do not change.
    unsafe { asm!("dc cvac, {}", in(reg) line, options(nostack, preserves_flags)) };
}

/// # Safety
/// `line` is mapped.
#[inline(always)]
pub(super) unsafe fn invalidate(_: CacheInstruction, line: *mut u8) {
    // Clean and invalidate: `IVAC` alone would lose what the processor wrote beside the frame.
    // SAFETY: as in `write_back`.
    unsafe { asm!("dc civac, {}", in(reg) line, options(nostack, preserves_flags)) };
}

/// `DSB`: maintenance is done before anything later (Arm ARM D7.5.10).
#[inline(always)]
pub(super) fn written_back() {
    // SAFETY: a barrier accesses no memory and changes no register.
    unsafe { asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// `DSB`, as after a write-back.
#[inline(always)]
pub(super) fn invalidated() {
    written_back();
}

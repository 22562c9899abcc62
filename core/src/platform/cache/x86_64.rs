//! `CLWB`, `CLFLUSHOPT` and `CLFLUSH` (Intel SDM volume 2A; AMD APM volume 3).

use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max};

use super::CacheInstruction;

/// Bytes of a line if the processor has the instruction.
pub(super) fn line(instruction: CacheInstruction) -> Option<usize> {
    let basic = __cpuid(1);
    let extended = if __get_cpuid_max(0).0 >= 7 {
        __cpuid_count(7, 0).ebx
    } else {
        0
    };
    let here = match instruction {
        CacheInstruction::Clwb => extended & CLWB != 0,
        CacheInstruction::ClflushOpt => extended & CLFLUSHOPT != 0,
        CacheInstruction::Clflush => basic.edx & CLFSH != 0,
        _ => false,
    };
    // CPUID.01H:EBX[15:8] counts in 8 bytes what all three work on.
    let line = ((basic.ebx >> 8) & 0xff) as usize * 8;
    here.then_some(line)
}

/// # Safety
/// `line` is mapped and the processor has the instruction.
#[inline(always)]
pub(super) unsafe fn write_back(instruction: CacheInstruction, line: *mut u8) {
    match instruction {
        // SAFETY: the caller promises both; the line's contents do not change.
        CacheInstruction::Clwb => unsafe {
            asm!("clwb [{}]", in(reg) line, options(nostack, preserves_flags));
        },
        // SAFETY: as above.
        _ => unsafe { invalidate(instruction, line) },
    }
}

/// # Safety
/// As [`write_back`].
#[inline(always)]
pub(super) unsafe fn invalidate(instruction: CacheInstruction, line: *mut u8) {
    match instruction {
        // CLWB may keep the line, so dropping it is for the one that came before it, which every
        // processor with CLWB has.
        // SAFETY: the caller promises both; the line's contents do not change.
        CacheInstruction::Clwb | CacheInstruction::ClflushOpt => unsafe {
            asm!("clflushopt [{}]", in(reg) line, options(nostack, preserves_flags));
        },
        // SAFETY: as above; every x86-64 has CLFLUSH.
        _ => unsafe {
            asm!("clflush [{}]", in(reg) line, options(nostack, preserves_flags));
        },
    }
}

/// `SFENCE`: the lines are written back before a later store, a doorbell's too.
#[inline(always)]
pub(super) fn written_back() {
    // SAFETY: a fence accesses no memory and is part of SSE, which every x86-64 has.
    unsafe { asm!("sfence", options(nostack, preserves_flags)) };
}

/// `MFENCE`: no later load comes before the lines are gone (SDM volume 2A, CLFLUSHOPT).
#[inline(always)]
pub(super) fn invalidated() {
    // SAFETY: as in `written_back`; SSE2.
    unsafe { asm!("mfence", options(nostack, preserves_flags)) };
}

/// CPUID.01H:EDX, CLFSH.
const CLFSH: u32 = 1 << 19;
/// CPUID.(07H,0):EBX, CLFLUSHOPT.
const CLFLUSHOPT: u32 = 1 << 23;
/// CPUID.(07H,0):EBX, CLWB.
const CLWB: u32 = 1 << 24;

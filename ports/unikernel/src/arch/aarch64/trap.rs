//! What the processor refuses to do: told on the console, and the end.
//!
//! Interrupts stay masked, so that nothing comes here but faults of the program itself, and errors
//! that memory reports late. A stack of its own is there for it, as the program's may be the reason.

use core::arch::{asm, global_asm};
use core::sync::atomic::{AtomicBool, Ordering};

use super::exit::{exit, is_ending, power_off};
use super::semihosting;
use crate::console::say;

/// The first instructions of every vector lead here: its number, and the program's stack pointer and
/// return address.
#[unsafe(no_mangle)]
extern "C" fn linecard_trap(vector: u64, stack: u64, caller: u64) -> ! {
    // Nobody answers the call that ends the emulator; or the telling itself is at fault.
    if is_ending() || TELLING.swap(true, Ordering::Relaxed) {
        power_off();
    }
    let (syndrome, instruction, address, state): (u64, u64, u64, u64);
    // SAFETY: they say what happened, and reading them has no effect.
    unsafe {
        asm!("mrs {}, esr_el1", "mrs {}, elr_el1", "mrs {}, far_el1", "mrs {}, spsr_el1",
            out(reg) syndrome, out(reg) instruction, out(reg) address, out(reg) state,
            options(nomem, nostack, preserves_flags));
    }
    let class = syndrome >> 26 & 0x3f;
    let data = matches!(class, 0x24 | 0x25);
    let why = match (class, syndrome & 0x3c) {
        (0x00, _) if is_call(instruction) => "no semihosting to write to",
        (0x24 | 0x25, 0x04) if is_guard(address) => "the stack is full",
        (0x24 | 0x25, 0x04) => "nothing is mapped",
        (0x24 | 0x25, 0x0c) if syndrome & WRITE != 0 => "it may not be written",
        (0x24 | 0x25, _) => "memory refused",
        (0x20 | 0x21, _) => "it is not code",
        (0x00, _) => "no such instruction",
        (0x07, _) => "floating point is off",
        (0x22, _) => "code is not aligned",
        (0x26, _) => "the stack is not aligned",
        (0x2f, _) => "a late error of memory",
        (0x3c, _) => "a breakpoint",
        _ => "unknown",
    };
    say!(
        "fault: {why} at {instruction:#x}, {} {address:#x} (class {class:#x}, syndrome \
         {syndrome:#x}, vector {vector}, stack {stack:#x}, called from {caller:#x}, state {state:#x})",
        if data { "address" } else { "last address" },
    );
    exit(false)
}

/// Whether the page below the stack is meant.
fn is_guard(address: u64) -> bool {
    unsafe extern "C" {
        static __guard: [u8; 0];
    }
    address.wrapping_sub((&raw const __guard).addr() as u64) < 4096
}

/// Whether the instruction there is a semihosting call.
fn is_call(address: u64) -> bool {
    let at: *const u32 = core::ptr::with_exposed_provenance(address as usize);
    // SAFETY: the processor has just read an instruction there, which is mapped therefore.
    let instruction = unsafe { at.read_volatile() };
    instruction == semihosting::INSTRUCTION
}

// Sixteen vectors of 128 bytes (Arm ARM D1.3, exception vectors).
global_asm!(
    r#"
    .section .text.trap, "ax", %progbits
    .balign 2048
    .globl linecard_vectors
linecard_vectors:
    .set vector, 0
    .rept 16
    .balign 128
    mov x0, #vector
    b linecard_trap_common
    .set vector, vector + 1
    .endr
    .balign 128
linecard_trap_common:
    mov x1, sp
    mov x2, x30
    adrp x3, linecard_trap_stack_end
    add x3, x3, :lo12:linecard_trap_stack_end
    mov sp, x3
    bl linecard_trap
    .section .bss.trap, "aw", %nobits
    .balign 16
    .skip 8192
linecard_trap_stack_end:
    .text
"#
);

static TELLING: AtomicBool = AtomicBool::new(false);
/// Of the syndrome of a data abort: it was a write (WnR).
const WRITE: u64 = 1 << 6;

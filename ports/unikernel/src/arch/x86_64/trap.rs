//! What the processor refuses to do: told on the console, and the end.
//!
//! Interrupts stay off, so that nothing comes here but faults of the program itself. They come on a
//! stack of their own, as the one that the program was on may be what has failed.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;

use super::exit::exit;
use super::protect;
use crate::console::say;

/// The registers that a fault leaves on the stack.
#[repr(C)]
struct Frame {
    vector: u64,
    error: u64,
    instruction: u64,
    segment: u64,
    flags: u64,
    stack: u64,
}

/// Routes all 32 faults here.
pub(crate) fn install() {
    unsafe extern "C" {
        static linecard_trap_entries: [u8; 0];
    }
    let entries = (&raw const linecard_trap_entries).addr();
    let table = TABLE.0.get();
    for vector in 0..VECTORS {
        let entry = entries + vector * ENTRY_LEN;
        // A gate for interrupts in segment 8, on the first of the task's stacks.
        let kind = 8 << 16 | 1 << 32 | 0x8e00 << 32;
        let low = (entry as u64 & 0xffff) | kind | (entry as u64 >> 16 & 0xffff) << 48;
        // SAFETY: `TABLE` has 32 descriptors, and this is the only place that touches it, once,
        // before it is loaded.
        unsafe { (*table)[vector] = [low, entry as u64 >> 32] };
    }
    #[repr(C, packed)]
    struct Pointer(u16, u64);
    let pointer = Pointer((VECTORS * 16 - 1) as u16, table.addr() as u64);
    // SAFETY: `pointer` describes `TABLE`, which lives for ever and holds valid gates.
    unsafe {
        asm!("lidt [{}]", in(reg) &raw const pointer, options(nostack, preserves_flags, readonly))
    };
}

#[unsafe(no_mangle)]
extern "C" fn linecard_trap(frame: &Frame) -> ! {
    let address: u64;
    // SAFETY: CR2 holds the address of the last page fault; reading it has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    let (why, address) = match frame.vector {
        PAGE_FAULT => (protect::reason(address, frame.error), address),
        _ => ("the processor refuses", frame.instruction),
    };
    say!(
        "fault: {why} at {:#x}, address {address:#x} (vector {}, error {:#x}, stack {:#x}, flags \
         {:#x}, segment {:#x})",
        frame.instruction,
        frame.vector,
        frame.error,
        frame.stack,
        frame.flags,
        frame.segment
    );
    exit(false)
}

// Entries of 16 bytes each; those faults that have no error code push a zero in its place.
global_asm!(
    r#"
    .section .text.trap, "ax", @progbits
    .balign 16
    .globl linecard_trap_entries
linecard_trap_entries:
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push 0
    .endif
    push vector
    jmp linecard_trap_common
    .set vector, vector + 1
    .endr
    .balign 16
linecard_trap_common:
    mov rdi, rsp
    and rsp, -16
    call linecard_trap
    ud2
    .text
"#
);

struct Table(UnsafeCell<[[u64; 2]; VECTORS]>);

// SAFETY: it is written once by `install`, which runs before anything else does, and then read by
// the processor alone.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([[0; 2]; VECTORS]));

const VECTORS: usize = 32;
/// Intel SDM volume 3, 6.15: an address that is not mapped, or not for this.
const PAGE_FAULT: u64 = 14;
const ENTRY_LEN: usize = 16;

//! Calls of a debugger or emulator (Arm, "Semihosting for AArch32 and AArch64", 2.0): how a test
//! gets an exit code and a file out of the machine. Where nobody answers, the instruction is a fault.

use core::arch::asm;

/// Ends the emulator with this exit code. It comes back, if at all, as a fault.
pub(super) fn exit(code: u64) {
    let block = [APPLICATION_EXIT, code];
    call(SYS_EXIT_EXTENDED, (&raw const block).cast());
}

/// Writes bytes as they are to the host's end of the semihosting console, one by one: what takes many
/// at once (`SYS_WRITE` to `:tt`) goes past the console to QEMU's own output in some versions.
pub(super) fn write(bytes: &[u8]) {
    for byte in bytes {
        call(SYS_WRITEC, byte);
    }
}

/// `block` is what the operation wants: it is alive, and nothing else is read.
fn call(operation: u64, block: *const u8) {
    // SAFETY: the host reads what `block` points to, which its callers borrow, and writes nothing but
    // `x0`. Without `nomem` all of it is in memory by now.
    unsafe {
        asm!(
            "hlt #0xf000",
            inout("x0") operation => _,
            in("x1") block,
            options(nostack, preserves_flags)
        );
    }
}

/// What `call` does, as the processor reads it: a fault here is that nobody answers.
#[cfg(feature = "image")]
pub(super) const INSTRUCTION: u32 = 0xd45e_0000;

const SYS_WRITEC: u64 = 0x03;
const SYS_EXIT_EXTENDED: u64 = 0x20;
/// `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u64 = 0x20026;

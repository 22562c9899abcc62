//! Calls of a debugger or emulator (Arm, "Semihosting for AArch32 and AArch64", 2.0): how a test
//! gets an exit code and a file out of the machine. Where nobody answers, the instruction is a fault.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

/// Ends the emulator with this exit code. It comes back, if at all, as a fault.
pub(super) fn exit(code: u64) {
    call(SYS_EXIT_EXTENDED, &[APPLICATION_EXIT, code, 0, 0]);
}

/// Writes bytes as they are to the host's end of the semihosting console.
pub(super) fn write(bytes: &[u8]) {
    let mut handle = CONSOLE.load(Ordering::Relaxed);
    if handle == NONE {
        let name = b":tt\0";
        handle = call(SYS_OPEN, &[name.as_ptr().addr() as u64, MODE_WB, 3, 0]);
        CONSOLE.store(handle, Ordering::Relaxed);
    }
    let (at, len) = (bytes.as_ptr().addr() as u64, bytes.len() as u64);
    // The rest that it did not write is lost: there is nobody to tell.
    call(SYS_WRITE, &[handle, at, len, 0]);
}

fn call(operation: u64, block: &[u64; 4]) -> u64 {
    let result;
    // SAFETY: the host reads the block, and what it points to, which is memory of live slices: the
    // callers'. It writes nothing. Without `nomem` all of it is in memory by now.
    unsafe {
        asm!(
            "hlt #0xf000",
            inout("x0") operation => result,
            in("x1") block.as_ptr(),
            options(nostack, preserves_flags)
        );
    }
    result
}

/// What [`call`] does, as the processor reads it: a fault here is that nobody answers.
#[cfg(feature = "image")]
pub(super) const INSTRUCTION: u32 = 0xd45e_0000;

/// The open console.
static CONSOLE: AtomicU64 = AtomicU64::new(NONE);

const NONE: u64 = u64::MAX;
const SYS_OPEN: u64 = 0x01;
const SYS_WRITE: u64 = 0x05;
const SYS_EXIT_EXTENDED: u64 = 0x20;
/// To write, in binary.
const MODE_WB: u64 = 5;
/// `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u64 = 0x20026;

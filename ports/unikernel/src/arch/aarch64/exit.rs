//! The end: an emulator's exit code, the firmware's power button, or a halt.

use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

use super::semihosting;

/// Ends the program. Under QEMU with `-semihosting` its exit status is the one of x86-64's
/// `isa-debug-exit`: 33 when all went well, 35 when not. Without, the machine is turned off.
pub fn exit(well: bool) -> ! {
    // If nobody answers, that is a fault, and the trap comes to `power_off`.
    ENDING.store(1, Ordering::Relaxed);
    semihosting::exit(if well { 33 } else { 35 });
    power_off()
}

/// Whether the program has come to its end.
#[cfg(feature = "image")]
pub(super) fn is_ending() -> bool {
    ENDING.load(Ordering::Relaxed) != 0
}

/// Turns the machine off: PSCI's SYSTEM_OFF (Arm DEN 0022), by whichever call the device tree
/// names.
pub(super) fn power_off() -> ! {
    let call = POWER.swap(0, Ordering::Relaxed);
    if call == HYPERVISOR {
        // SAFETY: the firmware that the device tree promises turns the machine off; nothing is left.
        unsafe { asm!("hvc #0", in("x0") SYSTEM_OFF, options(nostack)) };
    } else if call == MONITOR {
        // SAFETY: as above.
        unsafe { asm!("smc #0", in("x0") SYSTEM_OFF, options(nostack)) };
    }
    loop {
        // SAFETY: it waits for an event, and nothing comes, which is what is left.
        unsafe { asm!("wfe", options(nomem, nostack)) };
    }
}

/// Says how the firmware is called.
#[cfg(feature = "image")]
pub(super) fn power_by(call: Option<crate::device_tree::PowerCall>) {
    use crate::device_tree::PowerCall;
    let call = match call {
        Some(PowerCall::Hypervisor) => HYPERVISOR,
        Some(PowerCall::Monitor) => MONITOR,
        None => 0,
    };
    POWER.store(call, Ordering::Relaxed);
}

static ENDING: AtomicU8 = AtomicU8::new(0);
static POWER: AtomicU8 = AtomicU8::new(0);
const HYPERVISOR: u8 = 1;
const MONITOR: u8 = 2;
const SYSTEM_OFF: u64 = 0x8400_0008;

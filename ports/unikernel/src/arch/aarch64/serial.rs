//! The serial port, a PL011 (Arm DDI 0183), and the semihosting console for binary output.

use core::sync::atomic::{AtomicUsize, Ordering};

/// The port is at this address, which is mapped for devices.
#[cfg(feature = "image")]
pub(super) fn init(address: u64) {
    if let Ok(address) = usize::try_from(address) {
        BASE.store(address, Ordering::Relaxed);
    }
    // On, both ways; the rate and the form of bytes are as the firmware left them.
    write(CONTROL, 0x301);
}

/// Writes a byte when there is room for it; a port that never has room is given up on, so that a
/// program without a console runs.
pub(crate) fn put(byte: u8) {
    for _ in 0..PATIENCE {
        if read(FLAGS) & FULL == 0 {
            write(DATA, byte.into());
            return;
        }
        core::hint::spin_loop();
    }
}

/// The byte that was received, if there is one.
pub(crate) fn take() -> Option<u8> {
    (read(FLAGS) & EMPTY == 0).then(|| read(DATA) as u8)
}

/// Writes bytes as they are to the host's end of the semihosting console.
pub(crate) fn put_raw(bytes: &[u8]) {
    super::semihosting::write(bytes);
}

fn register(offset: usize) -> *mut u32 {
    let base = match BASE.load(Ordering::Relaxed) {
        0 => DEFAULT,
        base => base,
    };
    core::ptr::with_exposed_provenance_mut(base.wrapping_add(offset))
}

fn read(offset: usize) -> u32 {
    // SAFETY: `BASE` is a PL011's, mapped for devices by the boot code: QEMU's, until the device
    // tree says another; the registers here touch no memory.
    unsafe { register(offset).read_volatile() }
}

fn write(offset: usize, value: u32) {
    // SAFETY: as in `read`.
    unsafe { register(offset).write_volatile(value) };
}

/// Where it is; 0, which costs the image no page of data, until the device tree says.
static BASE: AtomicUsize = AtomicUsize::new(0);
/// Where QEMU's `virt` has it (`hw/arm/virt.c`, VIRT_UART).
const DEFAULT: usize = 0x0900_0000;

const DATA: usize = 0x00;
const FLAGS: usize = 0x18;
#[cfg(feature = "image")]
const CONTROL: usize = 0x30;
/// Of the flags: nothing received, no room to send.
const EMPTY: u32 = 1 << 4;
const FULL: u32 = 1 << 5;
/// Looks at the port before a byte is dropped: some milliseconds of them.
const PATIENCE: u32 = 100_000;

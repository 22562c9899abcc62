//! The first serial port, a 16550 at 115,200 baud, and QEMU's debug console for binary output.

use super::io::Port;

/// Sets the port up: 8 bits, no parity, FIFOs on, no interrupts.
#[cfg(feature = "image")]
pub(crate) fn init() {
    for (register, value) in [
        (1, 0x00),
        (3, 0x80), // the divisor's turn
        (0, 0x01),
        (1, 0x00),
        (3, 0x03),
        (2, 0xc7),
        (4, 0x03),
    ] {
        COM1.at(register).write8(value);
    }
}

/// Writes a byte when there is room for it; a port that is not there or never has room is given up
/// on, so that a program without a console runs.
pub(crate) fn put(byte: u8) {
    for _ in 0..PATIENCE {
        if COM1.at(5).read8() & 0x20 != 0 {
            COM1.write8(byte);
            return;
        }
        core::hint::spin_loop();
    }
}

/// The byte that was received, if there is one.
pub(crate) fn take() -> Option<u8> {
    let status = COM1.at(5).read8();
    // All ones: there is no port.
    (status != 0xff && status & 1 != 0).then(|| COM1.read8())
}

/// Writes bytes to QEMU's `isa-debugcon`, which takes everything as it is.
pub(crate) fn put_raw(bytes: &[u8]) {
    for &byte in bytes {
        DEBUG.write8(byte);
    }
}

const COM1: Port = Port(0x3f8);
const DEBUG: Port = Port(0xe9);
/// Looks at the port before a byte is dropped: some milliseconds of them.
const PATIENCE: u32 = 100_000;

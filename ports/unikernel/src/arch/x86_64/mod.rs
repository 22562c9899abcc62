//! x86-64: QEMU's `q35` and `microvm`, entered by PVH.

#[cfg(feature = "image")]
mod boot;
pub(super) mod clock;
pub(super) mod exit;
pub(crate) mod io;
pub(crate) mod serial;
#[cfg(feature = "image")]
mod start;
#[cfg(feature = "image")]
mod trap;

/// What the boot code mapped for devices: the upper half of the first 4 GiB.
pub(crate) const DEVICES: core::ops::Range<u64> = 2 << 30..4 << 30;

/// MMIO devices whose places are fixed: those of QEMU's `microvm`, which says them on the command
/// line only when it has no ACPI. A machine with PCI has other things there.
pub(crate) fn fixed_devices() -> impl Iterator<Item = (u64, u64)> {
    let places = if crate::pci::is_there() {
        0
    } else {
        MICROVM_PLACES
    };
    // From the last to the first: QEMU fills them so.
    (0..places)
        .rev()
        .map(|place| (MICROVM + MICROVM_LEN * place, MICROVM_LEN))
}

// QEMU, include/hw/i386/microvm.h: VIRTIO_MMIO_BASE, and the transports of a machine whose second
// I/O APIC is on, as it is by default.
const MICROVM: u64 = 0xfeb0_0000;
const MICROVM_LEN: u64 = 0x200;
const MICROVM_PLACES: u64 = 24;

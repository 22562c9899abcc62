//! x86-64: QEMU's `q35` and `microvm`, entered by PVH.

#[cfg(feature = "image")]
mod boot;
mod clock;
mod exit;
pub(crate) mod io;
#[cfg(feature = "image")]
mod libc;
#[cfg(feature = "image")]
mod protect;
pub(crate) mod serial;
#[cfg(feature = "image")]
mod start;
#[cfg(feature = "image")]
mod trap;

pub use clock::Calibration;
pub(crate) use clock::ticks;
pub use exit::exit;

/// Whether the boot code mapped these addresses for devices, as it did the upper half of the first
/// 4 GiB.
pub(crate) fn is_device(start: u64, end: u64) -> bool {
    2 << 30 <= start && start <= end && end <= 4 << 30
}

/// PCI; or without it the MMIO devices whose places are fixed: those of QEMU's `microvm`, which says
/// them on the command line only when it has no ACPI. A machine with PCI has other things there.
#[cfg(feature = "image")]
fn buses() -> crate::discover::Buses {
    let pci = crate::pci::Host::by_ports();
    let places = if pci.is_some() { 0 } else { MICROVM_PLACES };
    // From the last to the first: QEMU fills them so.
    let places = (0..places).rev();
    let places = places.map(|place| (MICROVM + MICROVM_LEN * place, MICROVM_LEN));
    crate::discover::Buses {
        pci,
        places: places.collect(),
    }
}

// QEMU, include/hw/i386/microvm.h: VIRTIO_MMIO_BASE, and the transports of a machine whose second
// I/O APIC is on, as it is by default.
#[cfg(feature = "image")]
const MICROVM: u64 = 0xfeb0_0000;
#[cfg(feature = "image")]
const MICROVM_LEN: u64 = 0x200;
#[cfg(feature = "image")]
const MICROVM_PLACES: u64 = 24;

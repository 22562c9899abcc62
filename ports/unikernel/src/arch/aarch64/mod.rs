//! aarch64: QEMU's `virt`, entered as Linux's arm64 boot protocol has it.

#[cfg(feature = "image")]
mod boot;
mod clock;
mod exit;
mod semihosting;
pub(crate) mod serial;
#[cfg(feature = "image")]
mod start;
#[cfg(feature = "image")]
mod trap;

pub use clock::Calibration;
pub(crate) use clock::ticks;
pub use exit::exit;
#[cfg(all(feature = "image", feature = "self-test"))]
pub(crate) use start::uncached;

/// Whether the boot code mapped these addresses for devices: those below memory and behind the
/// flash, and PCI's configuration space.
pub(crate) fn is_device(start: u64, end: u64) -> bool {
    [(128 << 20, 1 << 30), (256 << 30, 257 << 30)]
        .into_iter()
        .any(|(first, last)| first <= start && start <= end && end <= last)
}

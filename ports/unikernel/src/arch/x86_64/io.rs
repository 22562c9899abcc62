//! Ports: the other address space of x86.

use core::arch::asm;

/// A port that this program may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Port(pub(crate) u16);

impl Port {
    /// The port so many places further on.
    pub(crate) const fn at(self, offset: u16) -> Self {
        Self(self.0.wrapping_add(offset))
    }

    #[inline]
    pub(crate) fn read8(self) -> u8 {
        let value;
        // SAFETY: only this module's parent uses ports, those of devices which access no memory by
        // themselves: serial console, timer, PCI's configuration, exit.
        unsafe {
            asm!("in al, dx", in("dx") self.0, out("al") value, options(nostack, preserves_flags))
        };
        value
    }

    #[inline]
    pub(crate) fn write8(self, value: u8) {
        // SAFETY: as in `read8`.
        unsafe {
            asm!("out dx, al", in("dx") self.0, in("al") value, options(nostack, preserves_flags))
        };
    }

    #[inline]
    pub(crate) fn write16(self, value: u16) {
        // SAFETY: as in `read8`.
        unsafe {
            asm!("out dx, ax", in("dx") self.0, in("ax") value, options(nostack, preserves_flags))
        };
    }

    #[inline]
    pub(crate) fn read32(self) -> u32 {
        let value;
        // SAFETY: as in `read8`.
        unsafe {
            asm!("in eax, dx", in("dx") self.0, out("eax") value, options(nostack, preserves_flags))
        };
        value
    }

    #[inline]
    pub(crate) fn write32(self, value: u32) {
        // SAFETY: as in `read8`.
        unsafe {
            asm!("out dx, eax", in("dx") self.0, in("eax") value, options(nostack, preserves_flags))
        };
    }
}

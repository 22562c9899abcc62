//! PCI by the ports of old (PCI Local Bus 3.0, section 3.2.2.3.2): every function that there is.

use core::ptr::NonNull;

use linecard_virtio::transport::{Mapped, PciFunction, Window};

use crate::arch::io::Port;
use crate::arch::is_device;

/// A function's place.
///
/// ```
/// let place = linecard_unikernel::pci::Function { bus: 0, device: 2, function: 0 };
/// assert_eq!(place.to_string(), "pci 00:02.0");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The bus.
    pub bus: u8,
    /// The device on it, up to 31.
    pub device: u8,
    /// The device's function, up to 7.
    pub function: u8,
}

impl Function {
    fn read(self, offset: u8) -> u32 {
        self.select(offset);
        DATA.read32()
    }

    fn write(self, offset: u8, value: u32) {
        self.select(offset);
        DATA.write32(value);
    }

    fn select(self, offset: u8) {
        ADDRESS.write32(
            1 << 31
                | u32::from(self.bus) << 16
                | u32::from(self.device & 31) << 11
                | u32::from(self.function & 7) << 8
                | u32::from(offset & !3),
        );
    }

    /// Where base address register `bar` leads, and how many bytes are behind it; `None` if it is no
    /// memory, or the firmware has not given it a place.
    fn bar(self, bar: u8) -> Option<(u64, u64)> {
        if bar > 5 {
            return None;
        }
        let offset = 0x10 + 4 * bar;
        let low = self.read(offset);
        if low & 1 != 0 {
            return None;
        }
        let wide = low >> 1 & 3 == 2 && bar < 5;
        let high = if wide { self.read(offset + 4) } else { 0 };
        // It tells its size by the bits that stay zero; meanwhile it must not answer.
        let command = self.read(COMMAND) & 0xffff;
        self.write(COMMAND, command & !MEMORY_SPACE);
        self.write(offset, u32::MAX);
        let mut mask = u64::from(self.read(offset) & !0xf) | u64::from(u32::MAX) << 32;
        self.write(offset, low);
        if wide {
            self.write(offset + 4, u32::MAX);
            mask = mask & 0xffff_ffff | u64::from(self.read(offset + 4)) << 32;
            self.write(offset + 4, high);
        }
        self.write(COMMAND, command);
        let address = u64::from(low & !0xf) | u64::from(high) << 32;
        let len = (!mask).wrapping_add(1);
        (address != 0 && len != 0 && mask & 0xffff_fff0 != 0).then_some((address, len))
    }
}

impl core::fmt::Display for Function {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            bus,
            device,
            function,
        } = self;
        write!(f, "pci {bus:02x}:{device:02x}.{function}")
    }
}

impl PciFunction for Function {
    type Window = Mapped;

    fn config_read32(&mut self, offset: u8) -> u32 {
        self.read(offset)
    }

    fn config_write32(&mut self, offset: u8, value: u32) {
        self.write(offset, value);
    }

    fn map_bar(&mut self, bar: u8, offset: u64, len: u64) -> Option<Mapped> {
        let (address, size) = self.bar(bar)?;
        if offset.checked_add(len)? > size {
            return None;
        }
        let start = address.checked_add(offset)?;
        // What the boot code mapped uncached.
        if !is_device(start, start.checked_add(len)?) {
            return None;
        }
        let at: *mut u8 = core::ptr::with_exposed_provenance_mut(usize::try_from(start).ok()?);
        let len = usize::try_from(len).ok()?;
        // SAFETY: the boot code mapped this range uncached, one to one, for ever; it is behind a
        // register of this function, whose driver is the only one who is given it. Devices here
        // address memory by physical addresses, which are the program's own.
        let window = unsafe { Mapped::new(NonNull::new(at)?, len) };
        // A structure that is not on 4 bytes is not the specification's.
        (start.is_multiple_of(4) && !window.is_empty()).then_some(window)
    }
}

/// Every function of every bus that bridges lead to: calls `found` with its place, and its vendor
/// and device as one number.
pub fn scan(mut found: impl FnMut(Function, u32)) {
    // One bit for each bus that was seen behind a bridge.
    let mut buses = [0u64; 4];
    buses[0] = 1;
    for bus in 0..=u8::MAX {
        if buses[usize::from(bus >> 6)] & 1 << (bus & 63) == 0 {
            continue;
        }
        for device in 0..32 {
            for function in 0..8 {
                let place = Function {
                    bus,
                    device,
                    function,
                };
                let id = place.read(0);
                if id & 0xffff == 0xffff {
                    // Without a first function there are no others.
                    if function == 0 {
                        break;
                    }
                    continue;
                }
                found(place, id);
                let kind = place.read(0x0c) >> 16;
                if kind & 0x7f == BRIDGE {
                    let below = (place.read(0x18) >> 8) as u8;
                    if below > bus {
                        buses[usize::from(below >> 6)] |= 1 << (below & 63);
                    }
                }
                if function == 0 && kind & MANY_FUNCTIONS == 0 {
                    break;
                }
            }
        }
    }
}

/// Whether there is PCI at all: a bridge from the processor to it.
#[cfg(feature = "image")]
pub(crate) fn is_there() -> bool {
    let bridge = Function {
        bus: 0,
        device: 0,
        function: 0,
    };
    !matches!(bridge.read(0), 0 | u32::MAX)
}

const ADDRESS: Port = Port(0xcf8);
const DATA: Port = Port(0xcfc);
const COMMAND: u8 = 0x04;
const MEMORY_SPACE: u32 = 1 << 1;
/// A header of type 1.
const BRIDGE: u32 = 1;
const MANY_FUNCTIONS: u32 = 0x80;

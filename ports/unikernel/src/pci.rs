//! PCI: every function that there is, by the ports of old on x86-64 (PCI Local Bus 3.0, section
//! 3.2.2.3.2), or by memory where a device tree says so (PCI Express 5.0, section 7.2.2: ECAM).

use core::ops::{Range, RangeInclusive};
use core::ptr::NonNull;

use linecard_virtio::transport::{Mapped, PciFunction, Window};

#[cfg(target_arch = "x86_64")]
use crate::arch::io::Port;
use crate::arch::is_device;
use crate::device_tree::Ecam;

/// The bridge from the processor to PCI.
///
/// ```no_run
/// use linecard_unikernel::pci::Host;
/// fn ids(host: &mut Host) -> Vec<u32> {
///     let mut ids = vec![];
///     host.scan(|_, id| ids.push(id));
///     ids
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    access: Access,
    buses: RangeInclusive<u8>,
    /// Addresses for registers of devices that nobody has given a place.
    free: Range<u64>,
}

/// How configuration space is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// By two ports.
    #[cfg(target_arch = "x86_64")]
    Ports,
    /// At this address, which is mapped for devices, 1 MiB a bus from this one on.
    Memory(usize, u8),
}

/// A function's place.
///
/// ```no_run
/// use linecard_unikernel::pci::{Function, Host};
/// fn print(host: &mut Host) {
///     // As `pci 00:02.0: 0x10411af4`.
///     host.scan(|function: Function, id| println!("{function}: {id:#x}"));
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The bus.
    pub bus: u8,
    /// The device on it, up to 31.
    pub device: u8,
    /// The device's function, up to 7.
    pub function: u8,
    access: Access,
}

impl Function {
    fn read(self, offset: u8) -> u32 {
        match self.access {
            #[cfg(target_arch = "x86_64")]
            Access::Ports => {
                self.select(offset);
                DATA.read32()
            }
            // SAFETY: `Host::of` saw that the buses' configuration spaces are mapped for devices, and
            // only this module reaches them.
            Access::Memory(base, first) => unsafe {
                self.register(base, first, offset).read_volatile()
            },
        }
    }

    fn write(self, offset: u8, value: u32) {
        match self.access {
            #[cfg(target_arch = "x86_64")]
            Access::Ports => {
                self.select(offset);
                DATA.write32(value);
            }
            // SAFETY: as in `read`.
            Access::Memory(base, first) => unsafe {
                self.register(base, first, offset).write_volatile(value);
            },
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn select(self, offset: u8) {
        ADDRESS.write32(
            1 << 31
                | u32::from(self.bus) << 16
                | u32::from(self.device & 31) << 11
                | u32::from(self.function & 7) << 8
                | u32::from(offset & !3),
        );
    }

    /// Where a register of its configuration space is, which has 4 KiB of which 256 bytes are used
    /// here.
    fn register(self, base: usize, first: u8, offset: u8) -> *mut u32 {
        let at = usize::from(self.bus.saturating_sub(first)) << 20
            | usize::from(self.device & 31) << 15
            | usize::from(self.function & 7) << 12
            | usize::from(offset & !3);
        core::ptr::with_exposed_provenance_mut(base + at)
    }

    /// Where base address register `bar` leads, and how many bytes are behind it; `None` if it is no
    /// memory, or nobody has given it a place.
    fn bar(self, bar: u8) -> Option<(u64, u64)> {
        let Bar { address, len, .. } = self.probe(bar)?;
        (address != 0).then_some((address, len))
    }

    /// What base address register `bar` says of itself; `None` if it is not of memory.
    fn probe(self, bar: u8) -> Option<Bar> {
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
        (len != 0 && mask & 0xffff_fff0 != 0).then_some(Bar { address, len, wide })
    }

    /// Gives those base address registers that have no place one of the free addresses, as firmware
    /// does where there is one.
    fn place(self, free: &mut Range<u64>) {
        let mut bar = 0;
        while bar < 6 {
            let probed = self.probe(bar);
            if let Some(Bar {
                address: 0, len, ..
            }) = probed
                && let Some(start) = free.start.checked_next_multiple_of(len)
                && let Some(end) = start.checked_add(len)
                && end <= free.end
            {
                // Below 4 GiB, as the whole window is: the upper half stays zero.
                self.write(0x10 + 4 * bar, start as u32);
                free.start = end;
            }
            bar += if probed.is_some_and(|probed| probed.wide) {
                2
            } else {
                1
            };
        }
    }
}

/// A base address register of memory.
struct Bar {
    /// Where it leads; 0 for nowhere.
    address: u64,
    len: u64,
    /// Whether it takes up two.
    wide: bool,
}

impl core::fmt::Display for Function {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            bus,
            device,
            function,
            ..
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

impl Host {
    /// The one that is reached by ports, if it is there.
    #[cfg(target_arch = "x86_64")]
    #[cfg_attr(not(feature = "image"), allow(dead_code))]
    pub(crate) fn by_ports() -> Option<Self> {
        let host = Self {
            access: Access::Ports,
            buses: 0..=u8::MAX,
            free: 0..0,
        };
        (!matches!(host.function(0, 0, 0).read(0), 0 | u32::MAX)).then_some(host)
    }

    /// The one of a device tree, if it is where devices are mapped.
    #[cfg_attr(not(all(feature = "image", target_arch = "aarch64")), allow(dead_code))]
    pub(crate) fn of(ecam: &Ecam) -> Option<Self> {
        let (start, len) = ecam.config;
        let first = *ecam.buses.start();
        // As many buses as there is room for.
        let room = u8::try_from((len >> 20).checked_sub(1)?).unwrap_or(u8::MAX);
        let last = first.saturating_add(room).min(*ecam.buses.end());
        let (from, room) = ecam.memory.unwrap_or_default();
        // What is not mapped is not free, nor what has more than 32 bits; and 0 is no place.
        let end = from.saturating_add(room).min(1 << 32);
        let free = if from != 0 && is_device(from, end) {
            from..end
        } else {
            0..0
        };
        let base = usize::try_from(start).ok()?;
        is_device(start, start.checked_add(len)?).then_some(Self {
            access: Access::Memory(base, first),
            buses: first..=last,
            free,
        })
    }

    fn function(&self, bus: u8, device: u8, function: u8) -> Function {
        Function {
            bus,
            device,
            function,
            access: self.access,
        }
    }

    /// Every function of every bus that bridges lead to but the bridges: calls `found` with its place, and its vendor
    /// and device as one number. Where no device's registers have a place, as without firmware, all
    /// are given one first.
    pub fn scan(&mut self, mut found: impl FnMut(Function, u32)) {
        let mut placed = false;
        self.walk(|function, _| placed |= (0..6).any(|bar| function.bar(bar).is_some()));
        let mut free = self.free.clone();
        self.walk(|function, id| {
            if !placed {
                function.place(&mut free);
            }
            found(function, id);
        });
        self.free = free;
    }

    fn walk(&self, mut found: impl FnMut(Function, u32)) {
        // One bit for each bus that was seen behind a bridge.
        let mut seen = [0u64; 4];
        let first = *self.buses.start();
        seen[usize::from(first >> 6)] |= 1 << (first & 63);
        for bus in self.buses.clone() {
            if seen[usize::from(bus >> 6)] & 1 << (bus & 63) == 0 {
                continue;
            }
            for device in 0..32 {
                for function in 0..8 {
                    let place = self.function(bus, device, function);
                    let id = place.read(0);
                    if id & 0xffff == 0xffff {
                        // Without a first function there are no others.
                        if function == 0 {
                            break;
                        }
                        continue;
                    }
                    let kind = place.read(0x0c) >> 16;
                    if kind & 0x7f == BRIDGE {
                        let below = (place.read(0x18) >> 8) as u8;
                        if below > bus {
                            seen[usize::from(below >> 6)] |= 1 << (below & 63);
                        }
                    } else {
                        found(place, id);
                    }
                    if function == 0 && kind & MANY_FUNCTIONS == 0 {
                        break;
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
const ADDRESS: Port = Port(0xcf8);
#[cfg(target_arch = "x86_64")]
const DATA: Port = Port(0xcfc);
const COMMAND: u8 = 0x04;
const MEMORY_SPACE: u32 = 1 << 1;
/// A header of type 1.
const BRIDGE: u32 = 1;
const MANY_FUNCTIONS: u32 = 0x80;

#[cfg(test)]
mod tests {
    use std::vec;
    use std::vec::Vec;

    use super::*;

    /// Two buses whose configuration space is ordinary memory.
    struct Space(Vec<u32>);

    impl Space {
        fn new() -> Self {
            Self(vec![u32::MAX; 2 << 18])
        }

        fn add(&mut self, bus: usize, device: usize, function: usize, kind: u32) {
            let at = bus << 18 | device << 13 | function << 10;
            self.0[at..at + 64].fill(0);
            self.0[at] = (bus << 24 | device << 19 | function << 16) as u32 | VENDOR;
            self.0[at + 3] = kind << 16;
        }

        fn host(&mut self) -> Host {
            Host {
                access: Access::Memory(self.0.as_mut_ptr().expose_provenance(), 0),
                buses: 0..=1,
                free: 0x1000_0008..0x1000_0058,
            }
        }
    }

    const VENDOR: u32 = 0x1af4;

    fn found(host: &mut Host) -> Vec<(u8, u8, u8)> {
        let mut all = vec![];
        host.scan(|at, id| {
            assert_eq!(id & 0xffff, VENDOR);
            all.push((at.bus, at.device, at.function));
        });
        all
    }

    #[test]
    fn functions_are_found_behind_bridges_and_beside_each_other() {
        let mut space = Space::new();
        space.add(0, 0, 0, 0);
        space.add(0, 2, 0, MANY_FUNCTIONS);
        space.add(0, 2, 5, 0);
        // Not the first of many: its neighbour is not there.
        space.add(0, 3, 0, 0);
        space.add(0, 3, 1, 0);
        space.add(1, 31, 0, 0);
        let without = [(0, 0, 0), (0, 2, 0), (0, 2, 5), (0, 3, 0)];
        assert_eq!(found(&mut space.host()), without, "nothing leads to bus 1");
        space.add(0, 1, 0, BRIDGE);
        let bridge = (1 << 13) + 6;
        space.0[bridge] = 1 << 8;
        let mut with = without.to_vec();
        with.push((1, 31, 0));
        assert_eq!(found(&mut space.host()), with);
    }

    /// Plain memory keeps all that is written: it looks like registers of 16 bytes.
    #[test]
    fn registers_get_places_where_none_has_one() {
        let mut space = Space::new();
        space.add(0, 0, 0, 0);
        // Of 64 bits, of memory, and of ports.
        (space.0[4], space.0[6], space.0[7]) = (4, 0, 1);
        let mut host = space.host();
        let mut bars = vec![];
        host.scan(|at, _| bars = (0..6).map(|bar| at.bar(bar)).collect());
        assert_eq!(bars[2], Some((0x1000_0020, 16)), "{bars:x?}");
        assert_eq!(bars[3], None, "ports");
        assert_eq!(bars[4], Some((0x1000_0030, 16)));
        assert_eq!(
            bars[5],
            Some((0x1000_0040, 16)),
            "the last that there is room for"
        );
        assert_eq!((space.0[4], space.0[5]), (0x1000_0010, 0), "two registers");
        assert_eq!(host.free, 0x1000_0050..0x1000_0058);
        // Somebody has been here: nothing is moved.
        let before = space.0.clone();
        space.0[6] = 0;
        found(&mut space.host());
        assert_eq!((space.0[6], space.0[4]), (0, before[4]));
    }

    #[test]
    fn a_bridge_elsewhere_is_not_used() {
        let ecam = Ecam {
            config: (0x1000, 1 << 20),
            buses: 0..=0,
            memory: None,
        };
        assert_eq!(Host::of(&ecam), None);
    }
}

//! What is picked from a tree.

use core::ops::RangeInclusive;

use heapless::Vec;

use super::node::{Node, be32, number};
use super::{Tree, TreeError};
use crate::discover::Places;

/// A machine, as its device tree has it.
///
/// ```no_run
/// # let blob: &[u8] = &[];
/// use linecard_unikernel::device_tree::Machine;
/// let machine = Machine::of(blob)?;
/// for (address, len) in &machine.memory {
///     println!("{len} bytes of memory at {address:#x}");
/// }
/// # Ok::<(), linecard_unikernel::device_tree::TreeError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Machine<'a> {
    /// RAM: addresses and lengths.
    pub memory: Vec<(u64, u64), 8>,
    /// Parts of it that are kept by firmware or devices.
    pub reserved: Vec<(u64, u64), 16>,
    /// The command line.
    pub command_line: &'a str,
    /// Where the module is, and its length (Linux would take it for its first file system).
    pub module: Option<(u64, u64)>,
    /// The first PL011 serial port.
    pub serial: Option<u64>,
    /// Places of virtio devices on MMIO, the last first: QEMU fills them so.
    pub places: Places,
    /// The first PCI host bridge of the generic kind.
    pub ecam: Option<Ecam>,
    /// How the firmware is called that turns the machine off.
    pub power: Option<PowerCall>,
    /// Counts a second of the generic timer, where the firmware has not told the processor.
    pub timer: Option<u64>,
}

/// A PCI host bridge whose configuration space is memory (`pci-host-ecam-generic`).
///
/// ```
/// use linecard_unikernel::device_tree::Ecam;
/// // That of QEMU's `virt`.
/// let bridge = Ecam {
///     config: (0x40_1000_0000, 0x1000_0000),
///     buses: 0..=255,
///     memory: Some((0x1000_0000, 0x2eff_0000)),
/// };
/// assert_eq!(bridge.config.1 >> 20, 256, "a mebibyte for each bus");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ecam {
    /// Address and length of the configuration space.
    pub config: (u64, u64),
    /// The buses that it is of.
    pub buses: RangeInclusive<u8>,
    /// Memory below 4 GiB that is free for the devices' registers, at the same address for them and
    /// for the processor.
    pub memory: Option<(u64, u64)>,
}

/// How PSCI firmware is called (Arm DEN 0022, and its device tree binding).
///
/// ```
/// use linecard_unikernel::device_tree::PowerCall;
/// assert_ne!(PowerCall::Hypervisor, PowerCall::Monitor);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerCall {
    /// By `HVC`.
    Hypervisor,
    /// By `SMC`.
    Monitor,
}

impl<'a> Machine<'a> {
    /// What a tree says.
    ///
    /// # Errors
    /// [`TreeError`] if it is none.
    pub fn of(blob: &'a [u8]) -> Result<Self, TreeError> {
        let tree = Tree::new(blob)?;
        let mut machine = Self::default();
        for place in tree.reserved() {
            keep(&mut machine.reserved, place);
        }
        for node in tree.nodes() {
            machine.add(&node);
        }
        machine.places.reverse();
        Ok(machine)
    }

    fn add(&mut self, node: &Node<'a>) {
        if node.depth == 1 && node.name == "chosen" {
            self.command_line = node.text("bootargs").unwrap_or_default();
            let start = node.number("linux,initrd-start");
            let end = node.number("linux,initrd-end");
            let module = start
                .zip(end)
                .map(|(start, end)| (start, end.saturating_sub(start)));
            self.module = module.filter(|&(_, len)| len > 0);
        } else if !node.is_enabled() {
        } else if node.is_reserved() {
            node.places()
                .for_each(|place| keep(&mut self.reserved, place));
        } else if node.text("device_type") == Some("memory") {
            node.places()
                .for_each(|place| keep(&mut self.memory, place));
        } else if node.is("virtio,mmio") {
            node.places()
                .for_each(|place| keep(&mut self.places, place));
        } else if node.is("arm,pl011") {
            let first = node.places().next().map(|(address, _)| address);
            self.serial = self.serial.or(first);
        } else if node.is("arm,psci-1.0") || node.is("arm,psci-0.2") {
            self.power = match node.text("method") {
                Some("hvc") => Some(PowerCall::Hypervisor),
                Some("smc") => Some(PowerCall::Monitor),
                _ => None,
            };
        } else if node.is("arm,armv8-timer") {
            self.timer = node.number("clock-frequency");
        } else if node.is("pci-host-ecam-generic") && self.ecam.is_none() {
            self.ecam = Ecam::of(node);
        }
    }
}

impl Ecam {
    fn of(node: &Node<'_>) -> Option<Self> {
        let config = node.places().next()?;
        let buses = match node.property("bus-range") {
            Some(range) => {
                let bus = |offset| u8::try_from(be32(range, offset)?).ok();
                bus(0)?..=bus(4)?
            }
            None => 0..=u8::MAX,
        };
        // PCI's own addresses have three cells, of which the first says the kind; then come the
        // processor's address and the length, of two cells each (IEEE 1275, PCI bus binding 2.1).
        let ranges = node.property("ranges").unwrap_or_default().chunks_exact(28);
        let memory = ranges.filter_map(|range| {
            let kind = be32(range, 0)? >> 24 & 3;
            let device = number(range.get(4..12)?);
            let (here, len) = (number(range.get(12..20)?), number(range.get(20..28)?));
            (kind == MEMORY_32 && device == here).then_some((here, len))
        });
        Some(Self {
            config,
            buses,
            memory: memory.into_iter().next(),
        })
    }
}

/// Keeps a place if there is room for it.
fn keep<const N: usize>(places: &mut Vec<(u64, u64), N>, place: (u64, u64)) {
    let _ = places.push(place);
}

/// Memory with addresses of 32 bits.
const MEMORY_32: u32 = 2;

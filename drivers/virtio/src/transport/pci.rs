//! Devices on PCI, as modern devices are (VIRTIO 1.2, section 4.1).

use core::fmt;

use super::mmio::{LARGEST, PATIENCE, check_queue};
use super::{Doorbell, QueueMemory, Transport, TransportError, Window};
use crate::{Features, Status};

/// A function's configuration space and the memory behind its base address registers: what a
/// platform's PCI code gives.
///
/// ```
/// use linecard_virtio::transport::{Mapped, PciFunction};
///
/// /// No device at all: it reads as all ones.
/// struct Nothing;
/// impl PciFunction for Nothing {
///     type Window = Mapped;
///     fn config_read32(&mut self, _: u8) -> u32 { u32::MAX }
///     fn config_write32(&mut self, _: u8, _: u32) {}
///     fn map_bar(&mut self, _: u8, _: u64, _: u64) -> Option<Mapped> { None }
/// }
/// assert!(linecard_virtio::transport::Pci::new(Nothing).is_err());
/// ```
pub trait PciFunction: Send {
    /// Registers in the memory behind a base address register.
    type Window: Window + Clone + Send + fmt::Debug;

    /// Reads four bytes of the configuration space; `offset` is a multiple of 4.
    fn config_read32(&mut self, offset: u8) -> u32;

    /// Writes four bytes of the configuration space; `offset` is a multiple of 4.
    fn config_write32(&mut self, offset: u8, value: u32);

    /// The `len` bytes from `offset` behind base address register `bar`, mapped uncached, for as
    /// long as the program runs; `None` if there are not so many.
    fn map_bar(&mut self, bar: u8, offset: u64, len: u64) -> Option<Self::Window>;
}

/// A device on the PCI transport; legacy and transitional devices by their modern interface.
///
/// MSI-X and interrupts stay off; queues are polled.
///
/// ```
/// use linecard_virtio::transport::{Pci, PciFunction};
/// use linecard_virtio::{Transport, TransportError};
/// fn is_network<F: PciFunction>(function: F) -> Result<bool, TransportError> {
///     Ok(Pci::new(function)?.device_id() == 1)
/// }
/// ```
#[derive(Debug)]
pub struct Pci<F: PciFunction> {
    function: F,
    common: F::Window,
    notify: F::Window,
    /// Bytes between the doorbells of two queues.
    multiplier: u32,
    device: Option<F::Window>,
    /// Whether doorbells are rung with 32 bits: `VIRTIO_F_NOTIFICATION_DATA` was accepted.
    notification_data: bool,
}

/// The register by which a device is told of one queue.
///
/// ```
/// use linecard_virtio::Doorbell;
/// use linecard_virtio::transport::{Mapped, PciDoorbell};
/// fn third_queue(bell: &PciDoorbell<Mapped>) { bell.ring(2) }
/// ```
#[derive(Debug)]
pub struct PciDoorbell<W> {
    window: W,
    at: usize,
    /// Whether it takes 32 bits.
    wide: bool,
}

impl<F: PciFunction> Pci<F> {
    /// Finds the device's structures by its capabilities, and lets it access memory.
    ///
    /// # Errors
    ///
    /// [`TransportError::Gone`] if there is no function, [`TransportError::Unsupported`] if it is
    /// no virtio device or has no modern interface, [`TransportError::Malformed`] if a structure is
    /// not where its capability says.
    pub fn new(mut function: F) -> Result<Self, TransportError> {
        let id = function.config_read32(0);
        if id == u32::MAX {
            return Err(TransportError::Gone);
        }
        // Devices 0x1000 to 0x107f are virtio's (section 4.1.2).
        if id & 0xffff != VENDOR || !(0x1000..=0x107f).contains(&(id >> 16)) {
            return Err(TransportError::Unsupported("device of another vendor"));
        }
        let mut common = None;
        let mut notify = None;
        let mut device = None;
        for capability in capabilities(&mut function)? {
            let Capability { kind, at, .. } = capability;
            match kind {
                // Of several the first that can be used is to be taken (section 4.1.4).
                COMMON if common.is_none() => common = capability.map(&mut function, COMMON_LEN),
                NOTIFY if notify.is_none() => {
                    let multiplier = function.config_read32(at.wrapping_add(16) & !3);
                    notify = capability
                        .map(&mut function, 2)
                        .map(|window| (window, multiplier));
                }
                DEVICE if device.is_none() => device = capability.map(&mut function, 1),
                _ => {}
            }
        }
        let common = common.ok_or(TransportError::Malformed("no common configuration"))?;
        let (notify, multiplier) = notify.ok_or(TransportError::Malformed("no doorbells"))?;
        if !multiplier.is_power_of_two() && multiplier != 0 {
            return Err(TransportError::Malformed("doorbells at odd distances"));
        }
        let command = function.config_read32(COMMAND) & 0xffff;
        function.config_write32(
            COMMAND,
            command | MEMORY_SPACE | BUS_MASTER | INTERRUPTS_OFF,
        );
        Ok(Self {
            function,
            common,
            notify,
            multiplier,
            device,
            notification_data: false,
        })
    }

    fn select(&self, queue: u16) -> u16 {
        if queue >= self.common.read16(NUM_QUEUES) {
            return 0;
        }
        self.common.write16(QUEUE_SELECT, queue);
        let most = self.common.read16(QUEUE_SIZE);
        if most > LARGEST { 0 } else { most }
    }

    fn wait(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&F::Window) -> bool,
    ) -> Result<(), TransportError> {
        for _ in 0..PATIENCE {
            if done(&self.common) {
                return Ok(());
            }
            if self.is_gone() {
                return Err(TransportError::Gone);
            }
            self.pause();
        }
        Err(TransportError::TimedOut(what))
    }

    fn device_window(&self, offset: usize, len: usize) -> Result<&F::Window, TransportError> {
        let refused = TransportError::ConfigOutOfRange { offset, len };
        let window = self.device.as_ref().ok_or(refused)?;
        match offset.checked_add(len) {
            Some(end) if end <= window.len() => Ok(window),
            _ => Err(refused),
        }
    }
}

// SAFETY: as for the MMIO transport: `reset` and `reset_queue` wait for the device's word, read
// through `Window`, and `enable_queue` hands on just the three addresses.
unsafe impl<F: PciFunction> Transport for Pci<F> {
    type Doorbell = PciDoorbell<F::Window>;

    fn device_id(&mut self) -> u32 {
        let id = self.function.config_read32(0) >> 16;
        if id >= 0x1040 {
            return id - 0x1040;
        }
        // A transitional device says it in the subsystem (section 4.1.2.1).
        self.function.config_read32(SUBSYSTEM) >> 16
    }

    fn is_gone(&mut self) -> bool {
        self.function.config_read32(0) == u32::MAX
    }

    fn reset(&mut self) -> Result<(), TransportError> {
        self.common.write8(DEVICE_STATUS, 0);
        self.wait("reset", |common| common.read8(DEVICE_STATUS) == 0)
    }

    fn status(&mut self) -> Status {
        Status::from_bits_retain(self.common.read8(DEVICE_STATUS))
    }

    fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        self.common.write8(DEVICE_STATUS, status.bits());
        Ok(())
    }

    fn device_features(&mut self) -> u64 {
        let half = |select| {
            self.common.write32(DEVICE_FEATURE_SELECT, select);
            u64::from(self.common.read32(DEVICE_FEATURE))
        };
        half(0) | half(1) << 32
    }

    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError> {
        self.notification_data =
            Features::from_bits_retain(features).contains(Features::NOTIFICATION_DATA);
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.common.write32(DRIVER_FEATURE_SELECT, select);
            self.common.write32(DRIVER_FEATURE, half);
        }
        Ok(())
    }

    fn config_generation(&mut self) -> u32 {
        self.common.read8(CONFIG_GENERATION).into()
    }

    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        self.device_window(offset, out.len())?
            .read_field(offset, out);
        Ok(())
    }

    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
        self.device_window(offset, bytes.len())?
            .write_field(offset, bytes);
        Ok(())
    }

    fn queues(&mut self) -> u16 {
        match self.common.read16(NUM_QUEUES) {
            u16::MAX => 0,
            queues => queues,
        }
    }

    fn max_queue_size(&mut self, queue: u16) -> u16 {
        self.select(queue)
    }

    fn enable_queue(
        &mut self,
        queue: u16,
        memory: &QueueMemory,
    ) -> Result<Self::Doorbell, TransportError> {
        let most = self.select(queue);
        check_queue(queue, memory, most)?;
        if self.common.read16(QUEUE_ENABLE) != 0 {
            return Err(TransportError::QueueBusy(queue));
        }
        // Found before the device knows of the queue: it is not left enabled without a bell.
        let offset = u64::from(self.common.read16(QUEUE_NOTIFY_OFF))
            .wrapping_mul(u64::from(self.multiplier));
        let at = usize::try_from(offset)
            .ok()
            .filter(|at| {
                at.checked_add(2)
                    .is_some_and(|end| end <= self.notify.len())
            })
            .ok_or(TransportError::Malformed("a doorbell outside its window"))?;
        self.common.write16(QUEUE_SIZE, memory.size);
        self.common.write16(QUEUE_MSIX_VECTOR, NO_VECTOR);
        for (register, address) in [
            (QUEUE_DESC, memory.descriptors),
            (QUEUE_DRIVER, memory.driver),
            (QUEUE_DEVICE, memory.device),
        ] {
            self.common.write32(register, address.0 as u32);
            self.common.write32(register + 4, (address.0 >> 32) as u32);
        }
        self.common.write16(QUEUE_ENABLE, 1);
        Ok(PciDoorbell {
            window: self.notify.clone(),
            at,
            wide: self.notification_data,
        })
    }

    fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
        if self.select(queue) == 0 {
            return Err(TransportError::NoSuchQueue(queue));
        }
        if self.common.len() < QUEUE_RESET + 2 {
            return Err(TransportError::Unsupported("reset of one queue"));
        }
        self.common.write16(QUEUE_RESET, 1);
        // First the reset is done, then the queue is off (section 4.1.4.3.1).
        self.wait("reset a queue", |common| common.read16(QUEUE_RESET) == 0)?;
        self.wait("stop a queue", |common| common.read16(QUEUE_ENABLE) == 0)
    }
}

impl<W: Window + Send> Doorbell for PciDoorbell<W> {
    #[inline]
    fn ring(&self, value: u32) {
        // With notification data more than the queue's number is told (section 4.1.5.2).
        if self.wide {
            self.window.write32(self.at, value);
        } else {
            self.window.write16(self.at, value as u16);
        }
    }
}

/// A virtio structure's place, as a capability says it.
#[derive(Debug, Clone, Copy)]
struct Capability {
    kind: u8,
    /// Where the capability is in the configuration space.
    at: u8,
    bar: u8,
    offset: u32,
    len: u32,
}

impl Capability {
    /// Maps the structure if it has so many bytes.
    fn map<F: PciFunction>(&self, function: &mut F, least: u32) -> Option<F::Window> {
        if self.len < least || self.bar > 5 {
            return None;
        }
        function.map_bar(self.bar, self.offset.into(), self.len.into())
    }
}

/// The vendor capabilities, in the order of their list, of which a hostile device may make a ring.
fn capabilities<F: PciFunction>(
    function: &mut F,
) -> Result<impl Iterator<Item = Capability> + use<F>, TransportError> {
    let mut found: heapless::Vec<Capability, CAPABILITIES> = heapless::Vec::new();
    if (function.config_read32(COMMAND) >> 16) & HAS_CAPABILITIES == 0 {
        return Err(TransportError::Unsupported("legacy devices"));
    }
    let mut at = function.config_read32(CAPABILITY_POINTER) as u8 & !3;
    for _ in 0..CAPABILITIES {
        if at < FIRST_CAPABILITY {
            break;
        }
        let head = function.config_read32(at);
        let [id, next, len, kind] = head.to_le_bytes();
        if id == VENDOR_SPECIFIC && len >= 16 && at <= u8::MAX - 19 {
            let capability = Capability {
                kind,
                at,
                bar: function.config_read32(at + 4) as u8,
                offset: function.config_read32(at + 8),
                len: function.config_read32(at + 12),
            };
            // There is room: the list is as long as the walk.
            let _ = found.push(capability);
        }
        at = next & !3;
    }
    Ok(found.into_iter())
}

const VENDOR: u32 = 0x1af4;
// The configuration space (PCI Local Bus 3.0, section 6.1).
const COMMAND: u8 = 0x04;
const SUBSYSTEM: u8 = 0x2c;
const CAPABILITY_POINTER: u8 = 0x34;
const MEMORY_SPACE: u32 = 1 << 1;
const BUS_MASTER: u32 = 1 << 2;
const INTERRUPTS_OFF: u32 = 1 << 10;
/// In the status, the upper half of [`COMMAND`].
const HAS_CAPABILITIES: u32 = 1 << 4;
const VENDOR_SPECIFIC: u8 = 0x09;
const FIRST_CAPABILITY: u8 = 0x40;
/// As many as there is space for, four bytes each at the least, and no more steps.
const CAPABILITIES: usize = 48;

// Kinds of structures (section 4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const DEVICE: u8 = 4;

// The common configuration (section 4.1.4.3).
const DEVICE_FEATURE_SELECT: usize = 0;
const DEVICE_FEATURE: usize = 4;
const DRIVER_FEATURE_SELECT: usize = 8;
const DRIVER_FEATURE: usize = 12;
const NUM_QUEUES: usize = 18;
const DEVICE_STATUS: usize = 20;
const CONFIG_GENERATION: usize = 21;
const QUEUE_SELECT: usize = 22;
const QUEUE_SIZE: usize = 24;
const QUEUE_MSIX_VECTOR: usize = 26;
const QUEUE_ENABLE: usize = 28;
const QUEUE_NOTIFY_OFF: usize = 30;
const QUEUE_DESC: usize = 32;
const QUEUE_DRIVER: usize = 40;
const QUEUE_DEVICE: usize = 48;
const QUEUE_RESET: usize = 58;
/// What every device has of it: up to the last of the three addresses.
const COMMON_LEN: u32 = 56;
const NO_VECTOR: u16 = 0xffff;

#[cfg(test)]
#[path = "pci_tests.rs"]
mod tests;

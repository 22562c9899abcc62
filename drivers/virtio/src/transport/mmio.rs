//! Devices on a bus of memory-mapped registers alone (VIRTIO 1.2, section 4.2).

use super::{Doorbell, QueueMemory, Transport, TransportError, Window};
use crate::Status;

/// A device on the MMIO transport, version 2: QEMU's `microvm`, and `virt` of its Arm machines.
///
/// Legacy devices, version 1, are refused: `-global virtio-mmio.force-legacy=false` makes QEMU's
/// modern. Interrupts are not used; queues are polled.
///
/// ```no_run
/// use core::ptr::NonNull;
/// use linecard_virtio::Transport;
/// use linecard_virtio::transport::{Mapped, Mmio};
///
/// // The last of QEMU's Arm `virt`, where the first device of the command line is.
/// let registers = NonNull::new(0x0a00_3e00 as *mut u8).unwrap();
/// // SAFETY: the page tables map it as device memory, and nobody else uses it.
/// let mut device = Mmio::new(unsafe { Mapped::new(registers, 0x200) })?;
/// assert_eq!(device.device_id(), 1);
/// # Ok::<(), linecard_virtio::TransportError>(())
/// ```
#[derive(Debug)]
pub struct Mmio<W> {
    window: W,
    /// How many queues there are, once they were counted.
    queues: Option<u16>,
}

/// The register by which a device is told of its queues.
///
/// ```
/// use linecard_virtio::Doorbell;
/// use linecard_virtio::transport::{Mapped, MmioDoorbell};
/// fn first_queue(bell: &MmioDoorbell<Mapped>) { bell.ring(0) }
/// ```
#[derive(Debug)]
pub struct MmioDoorbell<W> {
    window: W,
}

impl<W: Window + Clone + Send> Mmio<W> {
    /// The device behind these registers.
    ///
    /// # Errors
    ///
    /// [`TransportError::Malformed`] if that is no virtio device, [`TransportError::Unsupported`]
    /// if it is a legacy one, [`TransportError::Gone`] if the place is empty (device 0).
    pub fn new(window: W) -> Result<Self, TransportError> {
        if window.len() < CONFIG {
            return Err(TransportError::Malformed("its registers are too few"));
        }
        if window.read32(MAGIC) != VIRT {
            return Err(TransportError::Malformed("its magic value is not `virt`"));
        }
        match window.read32(VERSION) {
            2 => {}
            1 => return Err(TransportError::Unsupported("legacy devices (version 1)")),
            _ => return Err(TransportError::Unsupported("device of this version")),
        }
        if window.read32(DEVICE_ID) == 0 {
            return Err(TransportError::Gone);
        }
        Ok(Self {
            window,
            queues: None,
        })
    }

    /// Selects a queue; how many descriptors it can have.
    fn select(&self, queue: u16) -> u16 {
        self.window.write32(QUEUE_SEL, queue.into());
        let most = self.window.read32(QUEUE_NUM_MAX);
        // Past what a ring can have nothing is believed; all ones is a device that is gone.
        u16::try_from(most)
            .ok()
            .filter(|&most| most <= LARGEST)
            .unwrap_or(0)
    }

    fn wait(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&W) -> bool,
    ) -> Result<(), TransportError> {
        for _ in 0..PATIENCE {
            if done(&self.window) {
                return Ok(());
            }
            if self.is_gone() {
                return Err(TransportError::Gone);
            }
            self.pause();
        }
        Err(TransportError::TimedOut(what))
    }

    fn check_config(&self, offset: usize, len: usize) -> Result<usize, TransportError> {
        let refused = TransportError::ConfigOutOfRange { offset, len };
        let start = CONFIG.checked_add(offset).ok_or(refused)?;
        match start.checked_add(len) {
            Some(end) if end <= self.window.len() => Ok(start),
            _ => Err(refused),
        }
    }
}

// SAFETY: `reset` and `reset_queue` answer `Ok` only when the device's registers say that it is
// done, after which a device by the specification touches the memory no more (sections 2.4.1 and
// 2.6.1); the register was read through `Window`, which orders later reads of memory behind it.
// `enable_queue` writes the three addresses that it was given for the queue that it selected.
unsafe impl<W: Window + Clone + Send> Transport for Mmio<W> {
    type Doorbell = MmioDoorbell<W>;

    fn device_id(&mut self) -> u32 {
        self.window.read32(DEVICE_ID)
    }

    fn is_gone(&mut self) -> bool {
        self.window.read32(MAGIC) != VIRT
    }

    fn reset(&mut self) -> Result<(), TransportError> {
        self.window.write32(STATUS, 0);
        self.wait("reset", |window| window.read32(STATUS) == 0)
    }

    fn status(&mut self) -> Status {
        Status::from_bits_retain(self.window.read32(STATUS) as u8)
    }

    fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        self.window.write32(STATUS, status.bits().into());
        Ok(())
    }

    fn device_features(&mut self) -> u64 {
        let half = |select| {
            self.window.write32(DEVICE_FEATURES_SEL, select);
            u64::from(self.window.read32(DEVICE_FEATURES))
        };
        half(0) | half(1) << 32
    }

    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError> {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.window.write32(DRIVER_FEATURES_SEL, select);
            self.window.write32(DRIVER_FEATURES, half);
        }
        Ok(())
    }

    fn config_generation(&mut self) -> u32 {
        self.window.read32(CONFIG_GENERATION)
    }

    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        let at = self.check_config(offset, out.len())?;
        self.window.read_field(at, out);
        Ok(())
    }

    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
        let at = self.check_config(offset, bytes.len())?;
        self.window.write_field(at, bytes);
        Ok(())
    }

    /// Nothing says it: queues are counted until one can have no descriptors.
    fn queues(&mut self) -> u16 {
        if let Some(queues) = self.queues {
            return queues;
        }
        let mut count = 0;
        while count < MOST_QUEUES && self.select(count) != 0 {
            count += 1;
        }
        self.queues = Some(count);
        count
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
        if self.window.read32(QUEUE_READY) != 0 {
            return Err(TransportError::QueueBusy(queue));
        }
        self.window.write32(QUEUE_NUM, memory.size.into());
        for (register, address) in [
            (QUEUE_DESC, memory.descriptors),
            (QUEUE_DRIVER, memory.driver),
            (QUEUE_DEVICE, memory.device),
        ] {
            self.window.write32(register, address.0 as u32);
            self.window.write32(register + 4, (address.0 >> 32) as u32);
        }
        self.window.write32(QUEUE_READY, 1);
        if self.window.read32(QUEUE_READY) != 1 {
            return Err(TransportError::Malformed("it does not take a queue"));
        }
        Ok(MmioDoorbell {
            window: self.window.clone(),
        })
    }

    fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
        if self.select(queue) == 0 {
            return Err(TransportError::NoSuchQueue(queue));
        }
        self.window.write32(QUEUE_RESET, 1);
        self.wait("reset a queue", |window| {
            window.read32(QUEUE_RESET) == 0 && window.read32(QUEUE_READY) == 0
        })
    }
}

impl<W: Window + Send> Doorbell for MmioDoorbell<W> {
    #[inline]
    fn ring(&self, value: u32) {
        self.window.write32(QUEUE_NOTIFY, value);
    }
}

/// Whether a queue that can have `most` descriptors can be had as `memory` says.
pub(super) fn check_queue(
    queue: u16,
    memory: &QueueMemory,
    most: u16,
) -> Result<(), TransportError> {
    if most == 0 {
        return Err(TransportError::NoSuchQueue(queue));
    }
    if memory.size == 0 || memory.size > most {
        return Err(TransportError::QueueSize {
            queue,
            size: memory.size,
            most,
        });
    }
    // Only vhost-user can carry another beginning.
    if memory.start != if memory.packed { 0x8000 } else { 0 } {
        return Err(TransportError::Unsupported("queues that begin elsewhere"));
    }
    Ok(())
}

// The registers (VIRTIO 1.2, table 4.1).
const MAGIC: usize = 0x000;
const VERSION: usize = 0x004;
const DEVICE_ID: usize = 0x008;
const DEVICE_FEATURES: usize = 0x010;
const DEVICE_FEATURES_SEL: usize = 0x014;
const DRIVER_FEATURES: usize = 0x020;
const DRIVER_FEATURES_SEL: usize = 0x024;
const QUEUE_SEL: usize = 0x030;
const QUEUE_NUM_MAX: usize = 0x034;
const QUEUE_NUM: usize = 0x038;
const QUEUE_READY: usize = 0x044;
const QUEUE_NOTIFY: usize = 0x050;
const STATUS: usize = 0x070;
const QUEUE_DESC: usize = 0x080;
const QUEUE_DRIVER: usize = 0x090;
const QUEUE_DEVICE: usize = 0x0a0;
const QUEUE_RESET: usize = 0x0c0;
const CONFIG_GENERATION: usize = 0x0fc;
/// Where the device's configuration space begins.
const CONFIG: usize = 0x100;
/// `virt`, little-endian.
const VIRT: u32 = 0x7472_6976;

/// The largest ring (section 2.7).
pub(super) const LARGEST: u16 = 32_768;
/// The most queues of a network device: 2 * 0x8000 and the control queue would be 65,537, of
/// which numbers of 16 bits can name so many.
const MOST_QUEUES: u16 = u16::MAX;
/// Looks at a register before the device is given up: a second or so of register reads.
pub(super) const PATIENCE: u32 = 1_000_000;

#[cfg(test)]
#[path = "mmio_tests.rs"]
mod tests;

//! A device on either bus, as one type.

use linecard_virtio::transport::{Mapped, Mmio, MmioDoorbell, Pci, PciDoorbell};
use linecard_virtio::{Doorbell, QueueMemory, Status, Transport, TransportError};

use crate::pci::Function;

/// A virtio device as it was found.
///
/// ```
/// use linecard_unikernel::transport::AnyTransport;
/// use linecard_virtio::Transport;
/// fn is_network(device: &mut AnyTransport) -> bool { device.device_id() == 1 }
/// ```
#[derive(Debug)]
pub enum AnyTransport {
    /// By memory-mapped registers alone.
    Mmio(Mmio<Mapped>),
    /// On PCI.
    Pci(Pci<Function>),
}

/// The doorbell of a queue of either.
///
/// ```
/// use linecard_unikernel::transport::AnyDoorbell;
/// use linecard_virtio::Doorbell;
/// fn tell(bell: &AnyDoorbell) { bell.ring(0) }
/// ```
#[derive(Debug)]
pub enum AnyDoorbell {
    /// By memory-mapped registers alone.
    Mmio(MmioDoorbell<Mapped>),
    /// On PCI.
    Pci(PciDoorbell<Mapped>),
}

macro_rules! each {
    ($self:expr, $device:ident => $do:expr) => {
        match $self {
            Self::Mmio($device) => $do,
            Self::Pci($device) => $do,
        }
    };
}

// SAFETY: each call is passed to the transport that it is of, which keeps the promises.
unsafe impl Transport for AnyTransport {
    type Doorbell = AnyDoorbell;

    fn device_id(&mut self) -> u32 {
        each!(self, device => device.device_id())
    }

    fn is_gone(&mut self) -> bool {
        each!(self, device => device.is_gone())
    }

    fn reset(&mut self) -> Result<(), TransportError> {
        each!(self, device => device.reset())
    }

    fn status(&mut self) -> Status {
        each!(self, device => device.status())
    }

    fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        each!(self, device => device.set_status(status))
    }

    fn device_features(&mut self) -> u64 {
        each!(self, device => device.device_features())
    }

    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError> {
        each!(self, device => device.set_driver_features(features))
    }

    fn config_generation(&mut self) -> u32 {
        each!(self, device => device.config_generation())
    }

    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        each!(self, device => device.read_config(offset, out))
    }

    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
        each!(self, device => device.write_config(offset, bytes))
    }

    fn queues(&mut self) -> u16 {
        each!(self, device => device.queues())
    }

    fn max_queue_size(&mut self, queue: u16) -> u16 {
        each!(self, device => device.max_queue_size(queue))
    }

    fn enable_queue(
        &mut self,
        queue: u16,
        memory: &QueueMemory,
    ) -> Result<AnyDoorbell, TransportError> {
        match self {
            Self::Mmio(device) => device.enable_queue(queue, memory).map(AnyDoorbell::Mmio),
            Self::Pci(device) => device.enable_queue(queue, memory).map(AnyDoorbell::Pci),
        }
    }

    fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
        each!(self, device => device.reset_queue(queue))
    }
}

impl Doorbell for AnyDoorbell {
    #[inline]
    fn ring(&self, value: u32) {
        each!(self, bell => bell.ring(value));
    }
}

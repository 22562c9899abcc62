//! One type for a port of any kind, so that one worker polls them side by side.

mod queues;

use core::ops::Range;

use linecard::device::{Device, Loopback, Null};
use linecard::mempool::Cache;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_pcap::PcapDevice;
use linecard_virtio::vhost_user::{Client, Server};

use super::generator::Generator;
use crate::clock::MonotonicClock;
use crate::error::Error;

pub use queues::{AnyRx, AnyTx};

/// The most descriptors of a vhost-user front end's rings.
pub(crate) const VHOST_RING: usize = crate::config::VhostUser::MAX_RING as usize;

/// The most queue pairs of a vhost-user front end.
pub(crate) const VHOST_QUEUES: usize = crate::config::VhostUser::MAX_QUEUES as usize;

/// A vhost-user front end as these ports have it.
pub type VhostClient<'r, 'p> = Client<'r, 'p, Arena<'static>, VHOST_RING, VHOST_QUEUES>;

/// A port of any kind, and the name it goes by.
///
/// ```
/// use linecard::device::{Device, Null, RxQueue};
/// use linecard::mempool::{Cache, PoolConfig};
/// use linecard::wire::MacAddr;
/// use linecard_linux::memory::{PagePolicy, PoolMemory};
/// use linecard_linux::port::{AnyDevice, AnyPort};
///
/// let mut memory = PoolMemory::new(64, PoolConfig::default(), PagePolicy::Prefer, false)?;
/// let pool = memory.pool();
/// let mut cache = Cache::new(&pool, "core 0", 32)?;
/// let mut port = AnyPort {
///     name: "nowhere".into(),
///     mac: MacAddr([2, 0, 0, 0, 0, 1]),
///     device: AnyDevice::Null(Null::sink()),
/// };
/// let (rx, _tx) = port.open(0, &mut cache)?;
/// assert!(rx.is_done());
/// assert_eq!(rx.stats().packets, 0);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AnyPort<'r, 'p> {
    /// Its name in the configuration.
    pub name: String,
    /// Its Ethernet address: the device's own, or the one that it was given.
    pub mac: MacAddr,
    /// What it is made of.
    pub device: AnyDevice<'r, 'p>,
}

/// What a port is made of.
///
/// ```
/// use linecard::device::Null;
/// use linecard_linux::port::AnyDevice;
///
/// let device = AnyDevice::Null(Null::source(60));
/// assert!(matches!(device, AnyDevice::Null(_)));
/// ```
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a handful of them, made once")]
pub enum AnyDevice<'r, 'p> {
    /// Queues of a network interface, by number.
    AfXdp(linecard_af_xdp::Port<'p>, Range<u16>),
    /// Capture files.
    Pcap(PcapDevice<MonotonicClock>),
    /// Made-up packets.
    Generator(Generator),
    /// A device of DPDK's.
    #[cfg(feature = "dpdk")]
    Dpdk(linecard_dpdk::Port<'p>),
    /// A device in another process.
    VhostUser(Box<VhostClient<'r, 'p>>),
    /// A virtual machine plugs in.
    VhostUserServer(Server),
    /// What is sent comes back.
    Loopback(Loopback<'r, 'p>),
    /// Nothing comes.
    Null(Null),
}

impl<'r, 'p: 'r> AnyPort<'r, 'p> {
    /// The queue pairs that the port is configured with; as many as `workers`, where it has as many as
    /// one likes.
    #[must_use]
    pub fn queues(&self, workers: u16) -> u16 {
        match &self.device {
            AnyDevice::Null(_) => workers,
            AnyDevice::Generator(port) => port.capabilities().queues,
            #[cfg(feature = "dpdk")]
            AnyDevice::Dpdk(port) => port.capabilities().queues,
            AnyDevice::AfXdp(_, numbers) => numbers.len() as u16,
            AnyDevice::VhostUser(port) => port.capabilities().queues,
            AnyDevice::VhostUserServer(port) => port.capabilities().queues,
            _ => 1,
        }
    }

    /// How many of those, from the first, send: all, but where an interface has too few transmit queues.
    #[must_use]
    pub fn sending(&self, workers: u16) -> u16 {
        match &self.device {
            AnyDevice::AfXdp(port, numbers) => {
                let numbers = numbers.clone();
                numbers.filter(|queue| port.sends_by(*queue)).count() as u16
            }
            _ => self.queues(workers),
        }
    }

    /// Opens a queue pair; frames to receive into come from `cache`.
    ///
    /// # Errors
    /// [`Error::Port`], with what the driver says.
    pub fn open(
        &mut self,
        queue: u16,
        cache: &mut Cache<'p>,
    ) -> Result<(AnyRx<'r, 'p>, AnyTx<'r, 'p>), Error> {
        let refused = |device: String, error: Box<dyn core::error::Error + Send + Sync>| {
            Error::port(&self.name, &device, error)
        };
        match &mut self.device {
            AnyDevice::AfXdp(port, numbers) => port
                .open_queue(numbers.start.saturating_add(queue), cache)
                .map(|(rx, tx)| (AnyRx::AfXdp(rx), AnyTx::AfXdp(tx)))
                .map_err(|error| refused(port.name().into(), error.into())),
            AnyDevice::Pcap(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::Pcap(rx), AnyTx::Pcap(tx)))
                .map_err(|error| refused(Device::name(port).into(), error.into())),
            AnyDevice::Generator(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::Generator(rx), AnyTx::Null(tx)))
                .map_err(|error| refused(Device::name(port).into(), error.into())),
            #[cfg(feature = "dpdk")]
            AnyDevice::Dpdk(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::Dpdk(rx), AnyTx::Dpdk(tx)))
                .map_err(|error| refused(port.name().into(), error.into())),
            AnyDevice::VhostUser(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::VhostUser(rx), AnyTx::VhostUser(tx)))
                .map_err(|error| refused(port.name().into(), error.into())),
            AnyDevice::VhostUserServer(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| {
                    let rx = AnyRx::VhostUserServer(Box::new(rx));
                    (rx, AnyTx::VhostUserServer(Box::new(tx)))
                })
                .map_err(|error| refused(Device::name(port).into(), error.into())),
            AnyDevice::Loopback(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::Loopback(rx), AnyTx::Loopback(tx)))
                .map_err(|error| refused("loopback".into(), error.into())),
            AnyDevice::Null(port) => port
                .open(queue, cache)
                .map(|(rx, tx)| (AnyRx::Null(rx), AnyTx::Null(tx)))
                .map_err(|error| refused("null".into(), error.into())),
        }
    }

    /// The longest layer-3 packet that the port sends, in bytes.
    #[must_use]
    pub fn mtu(&self) -> usize {
        match &self.device {
            AnyDevice::AfXdp(port, _) => port.mtu(),
            AnyDevice::Pcap(port) => port.mtu(),
            AnyDevice::Generator(port) => port.mtu(),
            #[cfg(feature = "dpdk")]
            AnyDevice::Dpdk(port) => port.mtu(),
            AnyDevice::VhostUser(port) => port.mtu(),
            AnyDevice::VhostUserServer(port) => port.mtu(),
            AnyDevice::Loopback(port) => port.mtu(),
            AnyDevice::Null(port) => port.mtu(),
        }
    }

    /// Looks after a port whose other end may come and go, and whose queues know of its link only what
    /// is asked here: to be called now and then, from a thread that may wait, while its queues are
    /// polled by others.
    pub fn tend(&mut self) {
        match &mut self.device {
            AnyDevice::VhostUser(port) => {
                port.tend();
            }
            AnyDevice::AfXdp(port, _) => {
                port.link();
            }
            #[cfg(feature = "dpdk")]
            AnyDevice::Dpdk(port) => {
                port.link();
            }
            _ => {}
        }
    }

    /// What the driver has to say of how it was set up.
    #[must_use]
    pub fn status(&self) -> Option<String> {
        match &self.device {
            AnyDevice::AfXdp(port, _) => Some(port.status().to_string()),
            AnyDevice::VhostUser(port) => Some(port.status().to_string()),
            AnyDevice::VhostUserServer(port) => Some(port.status().to_string()),
            _ => None,
        }
    }

    /// What the device counts by names of its own; nothing if it has none.
    #[must_use]
    pub fn device_stats(&self) -> Vec<(String, u64)> {
        match &self.device {
            #[cfg(feature = "dpdk")]
            AnyDevice::Dpdk(port) => port.xstats(),
            _ => Vec::new(),
        }
    }

    /// The error by which the port's output was cut short, once its queue is closed.
    #[must_use]
    pub fn output_failed(&self) -> Option<std::io::ErrorKind> {
        match &self.device {
            AnyDevice::Pcap(port) => port.output_failed(),
            _ => None,
        }
    }
}

//! A device that is none: for tests of this driver, and of what is built on it.
//!
//! ```text
//!   Net --- Fake (transport) ---+                  +--- Fake --- Net
//!                               |  World: both     |
//!   FakeHandle (the test) ------+  devices, steps -+--- FakeHandle
//! ```
//!
//! [`Fake`] is a [`Transport`] whose device is in the same process. It works when its doorbell is
//! rung, or when [`FakeHandle::step`] is called: it takes what was sent and gives it to its peer (or
//! to itself), in order and without loss, as long as there are buffers to receive into. It keeps the
//! driver to the rules; what the driver did against them is in [`FakeHandle::violations`].
//!
//! To be hostile there is [`FakeHandle::raw`], which writes to the rings what a broken device might.
//!
//! ```
//! use linecard_virtio::{Transport, fake::{Fake, FakeConfig}};
//! let (mut transport, handle) = Fake::new(FakeConfig { mac: [2, 0, 0, 0, 0, 9], ..FakeConfig::default() });
//! let mut mac = [0; 6];
//! transport.read_config(0, &mut mac)?;
//! assert_eq!(mac[5], 9);
//! assert!(handle.violations().is_empty());
//! # Ok::<(), linecard_virtio::TransportError>(())
//! ```

mod commands;
mod device;
mod handle;
#[allow(unsafe_code)]
mod memory;
#[allow(unsafe_code)]
mod raw;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

use crate::{Doorbell, Features, QueueMemory, Status, Transport, TransportError};

use device::Device;
pub use handle::FakeHandle;
pub use memory::HostMemory;
pub use raw::RawQueue;

/// What a fake device offers.
///
/// ```
/// use linecard_virtio::{Features, fake::FakeConfig};
/// let packed = FakeConfig { offer: Features::RING_PACKED | Features::VERSION_1, ..FakeConfig::default() };
/// assert_eq!(packed.queue_size, 256);
/// ```
#[derive(Debug, Clone)]
pub struct FakeConfig {
    /// Features offered.
    pub offer: Features,
    /// Features that the device does not agree to after all.
    pub refuse: Features,
    /// The device's type; 1 is a network device.
    pub device_id: u32,
    /// Its address.
    pub mac: [u8; 6],
    /// Its MTU in bytes.
    pub mtu: u16,
    /// Queue pairs.
    pub pairs: u16,
    /// Descriptors of a queue at most.
    pub queue_size: u16,
    /// It polls, and wants no doorbells: it works when it is stepped.
    pub polls: bool,
    /// Buffers that it uses of each queue at a step at most.
    pub at_a_time: usize,
}

impl Default for FakeConfig {
    /// All that this driver understands, split rings of 256, one queue pair, an MTU of 1,500.
    fn default() -> Self {
        Self {
            offer: Features::all_named()
                .difference(Features::RING_PACKED)
                .difference(Features::MQ)
                .difference(Features::RSS)
                .difference(Features::HASH_REPORT),
            refuse: Features::empty(),
            device_id: 1,
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            pairs: 1,
            queue_size: 256,
            polls: false,
            at_a_time: usize::MAX,
        }
    }
}

impl FakeConfig {
    /// The same with these features too.
    #[must_use]
    pub fn with(mut self, features: Features) -> Self {
        self.offer |= features;
        self
    }

    /// The same without these features.
    #[must_use]
    pub fn without(mut self, features: Features) -> Self {
        self.offer -= features;
        self
    }
}

/// The transport of a fake device. See the [module](self) for an example.
#[derive(Debug)]
pub struct Fake {
    world: Shared,
    device: usize,
}

/// The devices that packets go between.
type Shared = Arc<Mutex<Vec<Device>>>;

impl Fake {
    /// A device that receives what it sends, and the hand that a test has in it.
    #[must_use]
    pub fn new(config: FakeConfig) -> (Self, FakeHandle) {
        let world: Shared = Arc::new(Mutex::new(Vec::from([Device::new(config, 0)])));
        Self::of(&world, 0)
    }

    /// Two devices, each of which receives what the other sends.
    #[must_use]
    pub fn pair(left: FakeConfig, right: FakeConfig) -> [(Self, FakeHandle); 2] {
        let devices = Vec::from([Device::new(left, 1), Device::new(right, 0)]);
        let world: Shared = Arc::new(Mutex::new(devices));
        [Self::of(&world, 0), Self::of(&world, 1)]
    }

    fn of(world: &Shared, device: usize) -> (Self, FakeHandle) {
        let fake = Self {
            world: world.clone(),
            device,
        };
        (fake, FakeHandle::new(world.clone(), device))
    }

    fn with<R>(&self, run: impl FnOnce(&mut Device) -> R) -> R {
        run(&mut lock(&self.world)[self.device])
    }
}

fn lock(world: &Shared) -> MutexGuard<'_, Vec<Device>> {
    // A test that panicked has left it as it was.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The doorbell of a queue of a fake device: the device works while it is rung.
///
/// A driver gets it with a queue: [`Transport::enable_queue`], and see [`Fake`].
#[derive(Debug)]
pub struct FakeDoorbell {
    world: Shared,
    device: usize,
    queue: u16,
}

impl Doorbell for FakeDoorbell {
    fn ring(&self, value: u32) {
        let mut world = lock(&self.world);
        world[self.device].rung(self.queue, value);
        if !world[self.device].config.polls {
            device::step(&mut world);
        }
    }
}

// SAFETY: the device reads and writes queues and buffers only in `device::step`, under the lock, and
// forgets them in `reset` and `reset_queue`; the lock makes what it wrote visible.
#[allow(unsafe_code)]
unsafe impl Transport for Fake {
    type Doorbell = FakeDoorbell;

    /// It works at every pause, and answers at the first or never.
    const PATIENCE: u32 = 16;

    fn device_id(&mut self) -> u32 {
        self.with(|device| device.config.device_id)
    }

    fn is_gone(&mut self) -> bool {
        self.with(|device| device.gone)
    }

    fn reset(&mut self) -> Result<(), TransportError> {
        self.with(Device::reset)
    }

    fn status(&mut self) -> Status {
        self.with(|device| device.status)
    }

    fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        self.with(|device| device.set_status(status))
    }

    fn device_features(&mut self) -> u64 {
        self.with(|device| device.config.offer.bits())
    }

    fn set_driver_features(&mut self, features: u64) -> Result<(), TransportError> {
        self.with(|device| device.accept(Features::from_bits_retain(features)));
        Ok(())
    }

    fn config_generation(&mut self) -> u32 {
        self.with(Device::look_at_generation)
    }

    fn read_config(&mut self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        self.with(|device| device.read_config(offset, out))
    }

    fn write_config(&mut self, offset: usize, bytes: &[u8]) -> Result<(), TransportError> {
        // A modern network device has nothing that may be written (section 5.1.4.2).
        self.with(|device| device.violation("wrote to the configuration"));
        let len = bytes.len();
        Err(TransportError::ConfigOutOfRange { offset, len })
    }

    fn queues(&mut self) -> u16 {
        self.with(|device| device.queue_count())
    }

    fn max_queue_size(&mut self, queue: u16) -> u16 {
        self.with(|device| device.max_queue_size(queue))
    }

    fn enable_queue(
        &mut self,
        queue: u16,
        memory: &QueueMemory,
    ) -> Result<FakeDoorbell, TransportError> {
        self.with(|device| device.enable_queue(queue, memory))?;
        Ok(FakeDoorbell {
            world: self.world.clone(),
            device: self.device,
            queue,
        })
    }

    fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
        self.with(|device| device.reset_queue(queue))
    }

    fn pause(&mut self) {
        device::step(&mut lock(&self.world));
    }
}

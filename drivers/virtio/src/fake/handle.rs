//! The hand that a test has in a fake device.

use std::string::String;
use std::vec::Vec;

use super::raw::RawQueue;
use super::{Shared, device, lock};
use crate::net::{DeviceConfig, Header};
use crate::{Features, Status};

/// Looks at a fake device, and moves it. See the [module](super) for an example.
#[derive(Debug, Clone)]
pub struct FakeHandle {
    world: Shared,
    device: usize,
}

impl FakeHandle {
    pub(super) const fn new(world: Shared, device: usize) -> Self {
        Self { world, device }
    }

    fn with<R>(&self, run: impl FnOnce(&mut device::Device) -> R) -> R {
        run(&mut lock(&self.world)[self.device])
    }

    /// Lets this device, and its peer, work until there is nothing left to do.
    pub fn step(&self) {
        device::step(&mut lock(&self.world));
    }

    /// Stops the device from working by itself, or lets it.
    pub fn hold(&self, held: bool) {
        self.with(|device| device.held = held);
    }

    /// Makes the device answer no reset, or lets it.
    pub fn stick(&self, stuck: bool) {
        self.with(|device| device.stuck = stuck);
    }

    /// Takes the device away, or brings it back as if new.
    pub fn unplug(&self, gone: bool) {
        self.with(|device| {
            device.gone = false;
            device.stuck = false;
            // It forgets its queues: whatever it was, it touches nothing any more.
            let _ = device.reset();
            device.lost = true;
            device.gone = gone;
        });
    }

    /// A packet that the device is to give to the driver, from the Ethernet header.
    pub fn inject(&self, packet: &[u8]) {
        self.inject_with(Header::default(), packet);
    }

    /// The same with a header, whose number of buffers the device sets by itself.
    pub fn inject_with(&self, header: Header, packet: &[u8]) {
        self.with(|device| device.wire.push_back((header, packet.to_vec())));
        self.step();
    }

    /// What the device has for the driver, and had no room for yet; it is taken away.
    pub fn take_wire(&self) -> Vec<(Header, Vec<u8>)> {
        self.with(|device| device.wire.drain(..).collect())
    }

    /// Packets that fitted no buffer.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.with(|device| device.dropped)
    }

    /// What the driver did against the rules.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.with(|device| device.violations.clone())
    }

    /// The commands that came over the control queue: class, number, data.
    #[must_use]
    pub fn commands(&self) -> Vec<(u8, u8, Vec<u8>)> {
        self.with(|device| device.commands.clone())
    }

    /// Refuses commands of a class from now on.
    pub fn refuse_commands(&self, class: Option<u8>) {
        self.with(|device| device.refused_class = class);
    }

    /// Features that were accepted.
    #[must_use]
    pub fn accepted(&self) -> Features {
        self.with(|device| device.accepted)
    }

    /// The device's status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.with(|device| device.status)
    }

    /// Queue pairs that the device spreads packets over.
    #[must_use]
    pub fn active_pairs(&self) -> u16 {
        self.with(|device| device.active)
    }

    /// Doorbells that were rung of a queue.
    #[must_use]
    pub fn rings(&self, queue: u16) -> u64 {
        self.with(|device| device.rings.get(usize::from(queue)).copied().unwrap_or(0))
    }

    /// Breaks down: the status says that the device needs a reset.
    pub fn break_down(&self) {
        self.with(|device| device.status |= Status::DEVICE_NEEDS_RESET);
    }

    /// Takes the link up or down.
    pub fn set_link(&self, up: bool) {
        self.change(|status| match up {
            true => status | DeviceConfig::LINK_UP,
            false => status & !DeviceConfig::LINK_UP,
        });
    }

    /// Asks for an announcement.
    pub fn ask_to_announce(&self) {
        self.change(|status| status | DeviceConfig::ANNOUNCE);
    }

    fn change(&self, to: impl FnOnce(u16) -> u16) {
        self.with(|device| {
            device.net_status = to(device.net_status);
            device.generation = device.generation.wrapping_add(1);
        });
    }

    /// Changes the configuration at each look at its generation, or no more.
    pub fn set_restless(&self, restless: bool) {
        self.with(|device| device.restless = restless);
    }

    /// Changes what the configuration says of pairs and MTU, under way.
    pub fn set_config(&self, pairs: u16, mtu: u16) {
        self.with(|device| {
            device.config.pairs = pairs.min(device.config.pairs.max(1));
            device.config.mtu = mtu;
            device.generation = device.generation.wrapping_add(1);
        });
    }

    /// The memory of a queue, to do to it what a broken device might; `None` if it is not enabled. The
    /// device leaves a packed queue alone from then on until it was reset, as its descriptors may
    /// say anything.
    #[must_use]
    pub fn raw(&self, queue: u16) -> Option<RawQueue> {
        let memory = self.with(|device| {
            let memory = (*device.memories.get(usize::from(queue))?)?;
            if let Some(tainted) = device.tainted.get_mut(usize::from(queue)) {
                *tainted |= memory.packed;
            }
            Some(memory)
        })?;
        Some(RawQueue::new(memory))
    }
}

//! The device as its driver sees it: state, features, configuration, queues.

mod work;

use std::collections::VecDeque;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::FakeConfig;
use super::memory::Guest;
use crate::net::{DeviceConfig, Header};
use crate::queue::device::{
    DeviceQueue, GuestFault, PackedQueue, Position, RingAddresses, RingConfig, SplitQueue,
};
use crate::{Features, QueueMemory, Status, TransportError};

pub(super) use work::step;

/// One device of a [`Fake`](super::Fake).
#[derive(Debug)]
pub(super) struct Device {
    pub(super) config: FakeConfig,
    /// Who receives what this sends.
    peer: usize,
    pub(super) gone: bool,
    /// It lost its state without being asked to; what the driver does until it finds out is no
    /// violation.
    pub(super) lost: bool,
    /// It does nothing by itself.
    pub(super) held: bool,
    /// It does not answer a reset.
    pub(super) stuck: bool,
    pub(super) status: Status,
    pub(super) accepted: Features,
    /// Link and announcement.
    pub(super) net_status: u16,
    pub(super) generation: u32,
    /// The configuration changes at each look.
    pub(super) restless: bool,
    /// Each queue, where it is enabled.
    queues: Vec<Option<Queue>>,
    pub(super) memories: Vec<Option<QueueMemory>>,
    /// Packed queues that a test writes to by hand: their descriptors may say anything now, so that
    /// the device leaves them alone.
    pub(super) tainted: Vec<bool>,
    /// Pairs that are used.
    pub(super) active: u16,
    /// Packets that are to be received, each with its header.
    pub(super) wire: VecDeque<(Header, Vec<u8>)>,
    /// Packets that did not fit what there was to receive into.
    pub(super) dropped: u64,
    /// Doorbells, by queue.
    pub(super) rings: Vec<u64>,
    pub(super) violations: Vec<String>,
    /// Commands that came over the control queue: class, number, data.
    pub(super) commands: Vec<(u8, u8, Vec<u8>)>,
    /// Commands of this class are refused.
    pub(super) refused_class: Option<u8>,
}

#[derive(Debug)]
enum Queue {
    Split(SplitQueue<Guest>),
    Packed(PackedQueue<Guest>),
}

/// Runs the same for either kind.
macro_rules! for_each_kind {
    ($queue:expr, $name:ident => $run:expr) => {
        match $queue {
            Queue::Split($name) => $run,
            Queue::Packed($name) => $run,
        }
    };
}

use for_each_kind;

impl Device {
    pub(super) fn new(config: FakeConfig, peer: usize) -> Self {
        let queues = 2 * usize::from(config.pairs) + 1;
        Self {
            config,
            peer,
            gone: false,
            lost: false,
            held: false,
            stuck: false,
            status: Status::empty(),
            accepted: Features::empty(),
            net_status: DeviceConfig::LINK_UP,
            generation: 0,
            restless: false,
            queues: (0..queues).map(|_| None).collect(),
            memories: vec![None; queues],
            tainted: vec![false; queues],
            active: 1,
            wire: VecDeque::new(),
            dropped: 0,
            rings: vec![0; queues],
            violations: Vec::new(),
            commands: Vec::new(),
            refused_class: None,
        }
    }

    pub(super) fn violation(&mut self, what: impl ToString) {
        if !self.lost {
            self.violations.push(what.to_string());
        }
    }

    pub(super) fn reset(&mut self) -> Result<(), TransportError> {
        if self.gone {
            return Err(TransportError::Gone);
        }
        if self.stuck {
            return Err(TransportError::TimedOut("reset"));
        }
        self.lost = false;
        self.status = Status::empty();
        self.accepted = Features::empty();
        self.active = 1;
        self.queues.iter_mut().for_each(|queue| *queue = None);
        self.memories.fill(None);
        self.tainted.fill(false);
        self.wire.clear();
        Ok(())
    }

    pub(super) fn set_status(&mut self, status: Status) -> Result<(), TransportError> {
        if self.gone {
            return Err(TransportError::Gone);
        }
        if !status.contains(self.status - Status::DEVICE_NEEDS_RESET) {
            self.violation("took back a bit of the status");
        }
        self.status |= status;
        let refused = self.accepted.intersects(self.config.refuse)
            || !self.config.offer.contains(self.accepted);
        if status.contains(Status::FEATURES_OK) && refused {
            self.status -= Status::FEATURES_OK;
        }
        Ok(())
    }

    pub(super) fn accept(&mut self, features: Features) {
        if self.status.contains(Status::FEATURES_OK) {
            self.violation("features after FEATURES_OK");
        }
        if !self.config.offer.contains(features) {
            self.violation("accepted a feature that was not offered");
        }
        self.accepted = features;
    }

    pub(super) fn look_at_generation(&mut self) -> u32 {
        if self.restless {
            self.generation = self.generation.wrapping_add(1);
        }
        self.generation
    }

    pub(super) fn read_config(&self, offset: usize, out: &mut [u8]) -> Result<(), TransportError> {
        let mut space = [0; DeviceConfig::LEN];
        space[..6].copy_from_slice(&self.config.mac);
        space[6..8].copy_from_slice(&self.net_status.to_le_bytes());
        space[8..10].copy_from_slice(&self.config.pairs.to_le_bytes());
        space[10..12].copy_from_slice(&self.config.mtu.to_le_bytes());
        space[12..16].copy_from_slice(&10_000u32.to_le_bytes());
        space[16] = 1;
        space[17] = 40;
        space[18..20].copy_from_slice(&128u16.to_le_bytes());
        space[20..24].copy_from_slice(&0x3fu32.to_le_bytes());
        let len = out.len();
        let bytes = space
            .get(offset..)
            .and_then(|rest| rest.get(..len))
            .ok_or(TransportError::ConfigOutOfRange { offset, len })?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn queue_count(&self) -> u16 {
        let control = u16::from(self.config.offer.contains(Features::CTRL_VQ));
        2 * self.config.pairs + control
    }

    pub(super) fn max_queue_size(&self, queue: u16) -> u16 {
        match queue < self.queue_count() {
            true => self.config.queue_size,
            false => 0,
        }
    }

    pub(super) fn enable_queue(
        &mut self,
        queue: u16,
        memory: &QueueMemory,
    ) -> Result<(), TransportError> {
        if self.gone {
            return Err(TransportError::Gone);
        }
        let most = self.max_queue_size(queue);
        let place = usize::from(queue);
        if most == 0 {
            return Err(TransportError::NoSuchQueue(queue));
        }
        if memory.size > most {
            let size = memory.size;
            return Err(TransportError::QueueSize { queue, size, most });
        }
        if self.queues[place].is_some() {
            return Err(TransportError::QueueBusy(queue));
        }
        if !self.status.contains(Status::FEATURES_OK) {
            self.violation("enabled a queue before FEATURES_OK");
        }
        if memory.packed != self.accepted.contains(Features::RING_PACKED) {
            self.violation("a ring of the wrong kind");
        }
        let rings = RingAddresses {
            descriptors: memory.descriptors.0,
            driver: memory.driver.0,
            device: memory.device.0,
        };
        let start = match memory.packed {
            true => Position::packed(memory.start.into()),
            false => Position {
                index: memory.start,
                wrap: true,
            },
        };
        let config = RingConfig {
            size: memory.size,
            event_idx: self.accepted.contains(Features::EVENT_IDX),
            indirect: self.accepted.contains(Features::INDIRECT_DESC),
            in_order: self.accepted.contains(Features::IN_ORDER),
            start,
        };
        let malformed = |_: GuestFault| TransportError::Malformed("a queue");
        let mut made = match memory.packed {
            true => Queue::Packed(PackedQueue::new(Guest, rings, config).map_err(malformed)?),
            false => Queue::Split(SplitQueue::new(Guest, rings, config).map_err(malformed)?),
        };
        let wanted = !self.config.polls;
        for_each_kind!(&mut made, queue => queue.set_notify(wanted));
        self.queues[place] = Some(made);
        self.memories[place] = Some(*memory);
        Ok(())
    }

    pub(super) fn reset_queue(&mut self, queue: u16) -> Result<(), TransportError> {
        if !self.accepted.contains(Features::RING_RESET) {
            self.violation("reset a queue without RING_RESET");
        }
        if self.stuck {
            return Err(TransportError::TimedOut("reset a queue"));
        }
        let place = usize::from(queue);
        let slot = self.queues.get_mut(place);
        *slot.ok_or(TransportError::NoSuchQueue(queue))? = None;
        self.memories[place] = None;
        self.tainted[place] = false;
        Ok(())
    }

    pub(super) fn rung(&mut self, queue: u16, value: u32) {
        if !self.status.contains(Status::DRIVER_OK) {
            self.violation("rang before DRIVER_OK");
        }
        if value & 0xffff != u32::from(queue) {
            self.violation("rang with another queue's number");
        }
        if value >> 16 != 0 && !self.accepted.contains(Features::NOTIFICATION_DATA) {
            self.violation("rang with data that was not negotiated");
        }
        self.rings[usize::from(queue)] += 1;
    }

    /// The number of the control queue (section 5.1.2).
    fn control_queue(&self) -> usize {
        match self.accepted.intersects(Features::MQ | Features::RSS) {
            true => 2 * usize::from(self.config.pairs),
            false => 2,
        }
    }
}

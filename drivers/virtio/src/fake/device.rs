//! The device: it takes what was sent, and gives what is to be received.

use std::collections::VecDeque;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::FakeConfig;
use super::memory::Guest;
use crate::net::{DeviceConfig, Header};
use crate::queue::device::{
    Chain, DeviceQueue, GuestFault, PackedQueue, Position, RingAddresses, RingConfig, Segments,
    SplitQueue,
};
use crate::{Features, QueueMemory, Status, TransportError};

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

    /// Takes one packet that was sent through a pair.
    fn take(&mut self, pair: u16) -> Option<(Header, Vec<u8>)> {
        let hash_len = self.header_len();
        let place = 2 * usize::from(pair) + 1;
        if self.tainted[place] {
            return None;
        }
        let queue = self.queues.get_mut(place)?.as_mut()?;
        let bytes = for_each_kind!(queue, queue => {
            let mut segments = Segments::<64>::new();
            let chain = queue.pop(&mut segments).ok().flatten()?;
            let bytes = read(&chain, &segments);
            queue.put(chain, 0);
            // The driver polls.
            let _ = queue.publish();
            bytes
        });
        let Some((head, _)) = bytes.split_first_chunk::<{ Header::LEN }>() else {
            self.violation("sent a packet without a header");
            return None;
        };
        let header = Header::read(head);
        if header.num_buffers != 0 || header.gso_type != 0 {
            self.violation("sent a header that is not for sending");
        }
        if header.flags & Header::NEEDS_CSUM != 0 && !self.accepted.contains(Features::CSUM) {
            self.violation("asked for a checksum that was not negotiated");
        }
        Some((header, bytes.get(hash_len..).unwrap_or(&[]).to_vec()))
    }

    fn header_len(&self) -> usize {
        match self.accepted.contains(Features::HASH_REPORT) {
            true => Header::LEN_WITH_HASH,
            false => Header::LEN,
        }
    }

    /// Gives the first packet of the wire to be received; whether there was room, or it was dropped.
    fn give(&mut self) -> bool {
        let Some((header, packet)) = self.wire.front() else {
            return false;
        };
        let (mut header, mut bytes) = (*header, Vec::new());
        header.num_buffers = 1;
        if !self.accepted.contains(Features::GUEST_CSUM) {
            header.flags = 0;
        }
        bytes.extend(header.bytes());
        if self.accepted.contains(Features::HASH_REPORT) {
            let hash = packet.iter().map(|&byte| u32::from(byte)).sum::<u32>();
            bytes.extend(hash.to_le_bytes());
            bytes.extend([1, 0, 0, 0]);
        }
        bytes.extend(packet);
        let merge = self.accepted.contains(Features::MRG_RXBUF);
        let pair = packet
            .first()
            .map_or(0, |&byte| u16::from(byte) % self.active);
        let place = 2 * usize::from(pair);
        if self.tainted[place] {
            return false;
        }
        let Some(Some(queue)) = self.queues.get_mut(place) else {
            return false;
        };
        let given = for_each_kind!(queue, queue => give(queue, &mut bytes, merge));
        match given {
            Given::NoRoom => return false,
            Given::TooLong => self.dropped += 1,
            Given::Done => {}
        }
        self.wire.pop_front();
        true
    }

    /// Carries out one command.
    fn obey(&mut self) -> bool {
        let place = self.control_queue();
        if !self.accepted.contains(Features::CTRL_VQ) || self.tainted.get(place) == Some(&true) {
            return false;
        }
        let Some(Some(mut queue)) = self.queues.get_mut(place).map(Option::take) else {
            return false;
        };
        let done = for_each_kind!(&mut queue, queue => {
            let mut segments = Segments::<64>::new();
            match queue.pop(&mut segments) {
                Ok(Some(chain)) => {
                    let answer = self.command(&read(&chain, &segments));
                    let written = write(&chain, &segments, &[answer]);
                    queue.put(chain, written);
                    let _ = queue.publish();
                    true
                }
                _ => false,
            }
        });
        self.queues[place] = Some(queue);
        done
    }

    /// Asks for doorbells again, where they are wanted; whether there is more to do meanwhile.
    fn rearm(&mut self) -> bool {
        let wanted = !self.config.polls;
        let mut more = false;
        for queue in self.queues.iter_mut().flatten() {
            more |= for_each_kind!(queue, queue => queue.set_notify(wanted)) && wanted;
        }
        more
    }
}

/// Lets all devices work until there is nothing left to do.
pub(super) fn step(world: &mut [Device]) {
    // Each turn moves a packet, or is one of the last.
    for _ in 0..LONGEST_STEP {
        let mut moved = false;
        for index in 0..world.len() {
            moved |= step_one(world, index);
        }
        if !moved {
            // With the event index, what came between the last look and this counts.
            for device in &mut *world {
                device.rearm();
            }
            return;
        }
    }
}

/// Moves what can be moved of one device; whether that was anything.
fn step_one(world: &mut [Device], index: usize) -> bool {
    let device = &mut world[index];
    if device.held || device.gone || !device.status.contains(Status::DRIVER_OK) {
        return false;
    }
    let mut moved = device.obey();
    let (peer, active, at_a_time) = (device.peer, device.active, device.config.at_a_time);
    for pair in 0..active {
        for _ in 0..at_a_time {
            // A wire holds so much, and then the sender waits.
            if world[peer].wire.len() >= WIRE {
                break;
            }
            let Some(packet) = world[index].take(pair) else {
                break;
            };
            world[peer].wire.push_back(packet);
            moved = true;
        }
    }
    for _ in 0..at_a_time {
        if !world[index].give() {
            break;
        }
        moved = true;
    }
    moved
}

enum Given {
    Done,
    NoRoom,
    TooLong,
}

/// Writes a packet, header first, into one chain, or into as many as it takes.
fn give<Q: DeviceQueue>(queue: &mut Q, bytes: &mut [u8], merge: bool) -> Given {
    let mut segments = Segments::<256>::new();
    let mut chains = Vec::new();
    let mut room = 0;
    while room < bytes.len() && (merge || chains.is_empty()) {
        let Ok(Some(chain)) = queue.pop(&mut segments) else {
            chains
                .into_iter()
                .rev()
                .for_each(|chain| queue.unpop(chain));
            return Given::NoRoom;
        };
        room += chain.writable();
        chains.push(chain);
    }
    if room < bytes.len() {
        chains
            .into_iter()
            .rev()
            .for_each(|chain| queue.unpop(chain));
        return Given::TooLong;
    }
    // Where the header has it (section 5.1.6.1).
    let count = (chains.len() as u16).to_le_bytes();
    bytes[10..12].copy_from_slice(&count);
    let mut rest = &*bytes;
    for chain in chains {
        let written = write(&chain, &segments, rest);
        rest = &rest[written as usize..];
        queue.put(chain, written);
    }
    let _ = queue.publish();
    Given::Done
}

/// The bytes of a chain that the device may read.
#[allow(unsafe_code)]
fn read<const S: usize>(chain: &Chain, segments: &Segments<S>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for segment in segments
        .of(chain)
        .iter()
        .filter(|segment| !segment.is_writable())
    {
        let from = bytes.len();
        bytes.resize(from + segment.len(), 0);
        // SAFETY: the callers hold the queue that gave it.
        unsafe { segment.read(0, &mut bytes[from..]) };
    }
    bytes
}

/// Writes bytes into those of a chain that the device may write; gives how many fit.
#[allow(unsafe_code)]
fn write<const S: usize>(chain: &Chain, segments: &Segments<S>, bytes: &[u8]) -> u32 {
    let mut written = 0;
    for segment in segments
        .of(chain)
        .iter()
        .filter(|segment| segment.is_writable())
    {
        // SAFETY: the callers hold the queue that gave it.
        written += unsafe { segment.write(0, &bytes[written..]) };
    }
    written as u32
}

/// Packets on their way at a time.
const WIRE: usize = 64;

/// Turns of a step: more than any test sends at once.
const LONGEST_STEP: usize = 1 << 20;

//! What a device does by itself: it takes what was sent, gives what is to be received, and obeys.

use std::vec::Vec;

use super::{Device, Queue, for_each_kind};
use crate::net::Header;
use crate::queue::device::{Chain, DeviceQueue, Segments};
use crate::{Features, Status};
impl Device {
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
pub(in crate::fake) fn step(world: &mut [Device]) {
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

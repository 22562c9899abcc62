//! From the port.

use linecard::device::{Features, TxQueue};
use linecard::mempool::FrameIndex;
use linecard::packet::{Burst, BurstView, Packet};

use super::{Bench, Patience, Plan};
use crate::{Foreign, Harness, frames};

impl<H: Harness> Bench<H> {
    /// A packet that is the next numbered frame, of `len` bytes, as far back in its frame as it has
    /// to be. `None` if the pool has no frame.
    pub(crate) fn make(&mut self, len: usize) -> Option<Packet<'static>> {
        let mut packet = Packet::new(self.cache.alloc()?);
        let before = len.saturating_sub(packet.tailroom());
        packet.prepend(before).expect("frames have this room");
        packet
            .append(len - before)
            .expect("frames have the rest of the room");
        self.number(&mut packet);
        Some(packet)
    }

    /// Writes the next numbered frame into the room that `packet` has.
    pub(crate) fn number(&mut self, packet: &mut Packet<'static>) {
        frames::write(self.next, packet.len(), &mut self.scratch);
        packet.data_mut().copy_from_slice(&self.scratch);
        // Nothing of a driver's business without its flag: it tells which packet this is.
        packet.hash = self.next as u32;
        packet.mark = (self.next as u16) ^ 0x5a5a;
        self.next += 1;
    }

    fn fate(&self, packet: &Packet<'static>) -> Fate {
        let len = packet.total_len();
        let chained = packet.is_chained();
        let foreign = !core::ptr::eq(packet.frame().pool(), self.pool);
        if chained && !self.capabilities.features.contains(Features::TX_CHAINED)
            || foreign && self.profile.foreign == Foreign::Refused
        {
            Fate::Unsupported
        } else if len < self.profile.limits.shortest {
            Fate::Undersize
        } else if len > self.capabilities.max_frame {
            Fate::Oversize
        } else if packet.headroom() < self.profile.headroom {
            Fate::Doubtful
        } else {
            Fate::Sent
        }
    }

    /// Sends what is in `packets`, and checks what became of it; gives how many were taken.
    pub(crate) fn send(&mut self, packets: &mut BurstView<'static>) -> usize {
        let mut seals = core::mem::take(&mut self.seals);
        seals.clear();
        seals.extend(
            packets
                .iter()
                .map(|packet| (Seal::of(packet), self.fate(packet))),
        );
        let allocated = self.allocations();
        let (_, tx) = self.queue.as_mut().expect("an open queue");
        let taken = tx.tx_burst(&mut self.cache, packets);
        assert_eq!(
            self.allocations(),
            allocated,
            "tx_burst has asked the allocator for memory"
        );
        assert_eq!(
            seals.len(),
            taken + packets.len(),
            "tx_burst says that it took {taken} of {} and left {}",
            seals.len(),
            packets.len()
        );
        for (packet, (before, _)) in packets.iter().zip(&seals[taken..]) {
            assert_eq!(
                Seal::of(packet),
                *before,
                "a packet that was not taken has changed, or its place"
            );
        }
        let tally = &mut self.tally;
        tally.full += u64::from(!packets.is_empty());
        tally.taken += taken as u64;
        for (seal, fate) in &seals[..taken] {
            match fate {
                Fate::Sent => {
                    tally.sure += 1;
                    tally.sure_bytes += seal.len as u64;
                    if self.profile.collects {
                        self.outgoing.push(seal.number.into(), seal.len);
                    }
                }
                Fate::Doubtful => {
                    tally.doubtful += 1;
                    if self.profile.collects {
                        self.outgoing.push_doubtful(seal.number.into(), seal.len);
                    }
                }
                Fate::Undersize => tally.undersize += 1,
                Fate::Oversize => tally.oversize += 1,
                Fate::Unsupported => tally.unsupported += 1,
            }
        }
        self.seals = seals;
        taken
    }

    /// Takes back what the device is done with.
    pub(crate) fn reclaim(&mut self) -> usize {
        let allocated = self.allocations();
        let (_, tx) = self.queue.as_mut().expect("an open queue");
        let freed = tx.reclaim(&mut self.cache);
        assert_eq!(
            self.allocations(),
            allocated,
            "reclaim has asked the allocator for memory"
        );
        freed
    }

    /// Collects what the far side has of the port's frames, and checks it; gives how many.
    pub(crate) fn listen(&mut self) -> usize {
        let mut heard = 0;
        while self.profile.collects && self.harness.collect(&mut self.scratch) {
            self.outgoing.arrived(&self.scratch);
            heard += 1;
        }
        heard
    }

    /// Makes and sends all of `plan`, in bursts of up to `N`, and collects it.
    pub(crate) fn transmit<const N: usize>(&mut self, mut plan: Plan) {
        let mut patience = Patience::new(self.profile.limits.patience);
        let mut burst: Burst<'static, N> = Burst::new();
        while !plan.is_done() || !burst.is_empty() || !self.outgoing.is_complete() {
            self.fill(&mut burst, &mut plan);
            let taken = match self.may_send() {
                true => self.send(&mut burst),
                false => 0,
            };
            self.harness.step();
            let heard = self.listen();
            if taken == 0 {
                self.reclaim();
            }
            assert!(
                patience.keeps(taken + heard > 0),
                "sent: {}; {} not taken{}",
                self.outgoing.missing(),
                burst.len(),
                self.shortage()
            );
        }
    }

    /// Whether the far side is sure to have room for another burst.
    pub(crate) fn may_send(&self) -> bool {
        self.outgoing.len() < self.profile.limits.unheard
    }

    /// For a message: where the frames are, if there are none.
    fn shortage(&mut self) -> String {
        match self.cache.alloc() {
            Some(frame) => {
                self.cache.free(frame);
                String::new()
            }
            None => format!("; the pool is empty: {}", self.pool.ledger()),
        }
    }

    /// Adds packets of `plan` to a burst while it has room and the pool has frames.
    pub(crate) fn fill(&mut self, burst: &mut BurstView<'static>, plan: &mut Plan) {
        while burst.room() > 0 && !plan.is_done() {
            let Some(packet) = self.make(plan.len()) else {
                break;
            };
            burst.push(packet).expect("there is room");
            plan.step();
        }
    }
}

/// What is to become of a packet that a driver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    /// Sent, or counted as unsupported.
    Doubtful,
    Undersize,
    Oversize,
    Unsupported,
}

/// What a packet that is left with the caller must still be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seal {
    frame: FrameIndex,
    offset: usize,
    len: usize,
    number: u32,
    mark: u16,
    port: u16,
}

impl Seal {
    fn of(packet: &Packet<'_>) -> Self {
        Self {
            frame: packet.frame().index(),
            offset: packet.frame().offset(),
            len: packet.total_len(),
            number: packet.hash,
            mark: packet.mark,
            port: packet.port.0,
        }
    }
}

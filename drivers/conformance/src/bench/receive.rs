//! Towards the port.

use linecard::device::RxQueue;
use linecard::packet::{Burst, BurstView};

use super::{Bench, Patience, Plan};
use crate::{Harness, Inject, Injected, frames};

impl<H: Harness> Bench<H> {
    /// Lets the far side send one frame of `len` bytes.
    pub(crate) fn inject(&mut self, len: usize) -> Injected {
        frames::write(self.next, len, &mut self.scratch);
        let injected = self.harness.inject(&self.scratch);
        if injected == Injected::Taken {
            let limits = &self.profile.limits;
            match (limits.shortest..=limits.longest()).contains(&len) && len <= self.longest() {
                true => self.incoming.push(self.next, len),
                false => self.incoming.push_doubtful(self.next, len),
            }
            self.next += 1;
        }
        injected
    }

    /// Lets the far side send of `plan` what it may; gives how many.
    pub(crate) fn feed(&mut self, plan: &mut Plan) -> usize {
        let mut fed = 0;
        let live = self.profile.inject == Inject::Live;
        while live && !plan.is_done() && self.incoming.len() < self.profile.limits.window {
            let len = plan.len();
            match self.inject(len) {
                Injected::Taken => fed += 1,
                Injected::Busy => break,
                Injected::Impossible => {
                    let sure = len >= 60 && len <= self.longest();
                    assert!(!sure, "the far side cannot send a frame of {len} bytes");
                }
            }
            plan.step();
        }
        fed
    }

    /// Polls the port: adds to `out` what came, and checks it against what was to come.
    pub(crate) fn poll(&mut self, out: &mut BurstView<'static>) -> usize {
        let (before, room) = (out.len(), out.room());
        let allocated = self.allocations();
        let (rx, _) = self.queue.as_mut().expect("an open queue");
        let given = rx.rx_burst(&mut self.cache, out);
        assert_eq!(
            self.allocations(),
            allocated,
            "rx_burst has asked the allocator for memory"
        );
        assert_eq!(
            out.len(),
            before + given,
            "rx_burst says {given}, of a burst that had {before} packets"
        );
        assert!(given <= room);
        for packet in out.iter_mut().skip(before) {
            self.tally.received += 1;
            self.tally.received_bytes += packet.total_len() as u64;
            packet.hash = self.next as u32;
            match self.profile.inject {
                Inject::Endless(len) => {
                    assert_eq!(packet.total_len(), len, "a packet of another length");
                    self.next += 1;
                }
                _ => {
                    let number = if packet.is_chained() {
                        self.scratch.clear();
                        packet
                            .frame()
                            .segments()
                            .for_each(|part| self.scratch.extend_from_slice(part));
                        self.incoming.arrived(&self.scratch)
                    } else {
                        self.incoming.arrived(packet.data())
                    };
                    packet.hash = number as u32;
                }
            }
        }
        given
    }

    /// Polls, and frees what came; gives how many.
    pub(crate) fn poll_and_free(&mut self) -> usize {
        let mut burst: Burst<'static> = Burst::new();
        let given = self.poll(&mut burst);
        burst.free(&mut self.cache);
        given
    }

    /// Injects all of `plan`, where frames can be injected now, and receives all that is to come.
    pub(crate) fn receive(&mut self, mut plan: Plan) {
        if self.profile.inject != Inject::Live {
            plan = Plan::none();
        }
        let mut patience = Patience::new(self.profile.limits.patience);
        while !plan.is_done() || !self.incoming.is_complete() {
            let fed = self.feed(&mut plan);
            self.harness.step();
            let moved = fed + self.poll_and_free();
            assert!(
                patience.keeps(moved > 0),
                "received: {}",
                self.incoming.missing()
            );
        }
    }
}

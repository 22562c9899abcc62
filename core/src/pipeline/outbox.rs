//! Where packets wait for their port.

use heapless::Vec;

use super::{Context, DropReason, Egress, Verdict, WorkerStats};
use crate::device::TxQueue;
use crate::mempool::Cache;
use crate::packet::{Burst, Packet, PortId};
use crate::platform::Instant;

/// The transmit side of a worker: each port's queue, and the packets staged for it.
///
/// A port's packets are sent in the order in which they got their verdicts: what a device did not
/// take stays staged, and newer ones wait behind it. When there is no room to wait, the newest
/// are dropped as [`DropReason::TX_FULL`].
pub(super) struct Outbox<'p, T, const PORTS: usize, const BURST: usize> {
    ports: Vec<Out<'p, T, BURST>, PORTS>,
    pub(super) punted: Burst<'p, BURST>,
    stats: &'p WorkerStats,
}

struct Out<'p, T, const BURST: usize> {
    tx: T,
    staged: Burst<'p, BURST>,
    /// Whether something was handed to the device since the last flush.
    sent: bool,
    /// Whether the device took nothing when it was last asked: until the next flush it is not
    /// asked again for each packet.
    blocked: bool,
}

impl<'p, T: TxQueue<'p>, const PORTS: usize, const BURST: usize> Outbox<'p, T, PORTS, BURST> {
    pub(super) fn new(stats: &'p WorkerStats) -> Self {
        Self {
            ports: Vec::new(),
            punted: Burst::new(),
            stats,
        }
    }

    pub(super) fn add(&mut self, tx: T) -> Result<(), T> {
        self.ports
            .push(Out {
                tx,
                staged: Burst::new(),
                sent: false,
                blocked: false,
            })
            .map_err(|out| out.tx)
    }

    pub(super) const fn stats(&self) -> &'p WorkerStats {
        self.stats
    }

    pub(super) fn sender(&mut self, at: usize) -> Option<&mut T> {
        self.ports.get_mut(at).map(|out| &mut out.tx)
    }

    pub(super) fn senders(&self) -> impl Iterator<Item = &T> {
        self.ports.iter().map(|out| &out.tx)
    }

    pub(super) fn into_senders(self) -> impl Iterator<Item = T> {
        self.ports.into_iter().map(|out| out.tx)
    }

    /// Sends all of `burst` out by a port that has nothing waiting: the burst goes as it is, and is
    /// empty afterwards. Otherwise nothing has happened.
    #[inline]
    pub(super) fn send_all(
        &mut self,
        cache: &mut Cache<'p>,
        port: PortId,
        burst: &mut Burst<'p, BURST>,
    ) -> bool {
        let out = self.ports.get_mut(usize::from(port.0));
        let Some(out) = out.filter(|out| out.staged.is_empty()) else {
            return false;
        };
        let taken = out.tx.tx_burst(cache, burst);
        out.sent = true;
        self.stats.sent.add(taken as u64);
        if !burst.is_empty() {
            out.stage_all(cache, burst, self.stats);
        }
        true
    }

    /// Sends what is staged, and lets idle ports take back what they have sent.
    #[inline]
    pub(super) fn flush(&mut self, cache: &mut Cache<'p>) {
        for out in &mut self.ports {
            if !out.staged.is_empty() {
                out.send(cache, self.stats);
            } else if !out.sent {
                out.tx.reclaim(cache);
            }
            out.sent = false;
            out.blocked = false;
        }
    }

    pub(super) fn drain(&mut self, cache: &mut Cache<'p>, rounds: usize) {
        for _ in 0..rounds {
            self.flush(cache);
            if self.ports.iter().all(|out| out.staged.is_empty()) {
                break;
            }
        }
        for out in &mut self.ports {
            self.stats
                .drop(DropReason::SHUTDOWN, out.staged.free(cache));
        }
        // These were counted when they were punted.
        self.punted.free(cache);
    }

    /// Does with each packet of `burst` what its verdict says; `burst` is empty afterwards.
    #[inline(never)]
    pub(super) fn sort(
        &mut self,
        cache: &mut Cache<'p>,
        burst: &mut Burst<'p, BURST>,
        verdicts: &[Verdict],
        mut exception: impl FnMut(u16, Packet<'p>, &mut Context<'_, 'p>),
        now: Instant,
    ) {
        // Packets and verdicts are as many: `Worker::work` makes them so.
        for (packet, &verdict) in burst.drain().zip(verdicts) {
            if let Some(port) = verdict.port() {
                self.send(cache, port, packet);
            } else if let Some(why) = verdict.reason() {
                self.drop(cache, packet, why);
            } else if let Some(code) = verdict.exception_code() {
                self.stats.exceptions.add(1);
                exception(code, packet, &mut Context::new(now, cache, self));
            } else if verdict == Verdict::PUNT {
                self.punt(cache, packet);
            } else {
                self.drop(cache, packet, DropReason::UNDECIDED);
            }
        }
        for out in &mut self.ports {
            if !out.staged.is_empty() {
                out.send(cache, self.stats);
            }
        }
    }
}

impl<'p, T: TxQueue<'p>, const BURST: usize> Out<'p, T, BURST> {
    /// Hands what is staged to the device.
    fn send(&mut self, cache: &mut Cache<'p>, stats: &WorkerStats) {
        let taken = self.tx.tx_burst(cache, &mut self.staged);
        self.sent = true;
        self.blocked = taken == 0;
        stats.sent.add(taken as u64);
    }

    /// Stages what is left of a burst.
    #[cold]
    fn stage_all(
        &mut self,
        cache: &mut Cache<'p>,
        burst: &mut Burst<'p, BURST>,
        stats: &WorkerStats,
    ) {
        // The device took some, so that all of the rest fits.
        for packet in burst.drain() {
            if let Err(packet) = self.staged.push(packet) {
                stats.drop(DropReason::TX_FULL, 1);
                cache.free(packet.into_frame());
            }
        }
    }
}

impl<'p, T: TxQueue<'p>, const PORTS: usize, const BURST: usize> Egress<'p>
    for Outbox<'p, T, PORTS, BURST>
{
    #[inline]
    fn send(&mut self, cache: &mut Cache<'p>, to: PortId, packet: Packet<'p>) {
        let Some(out) = self.ports.get_mut(usize::from(to.0)) else {
            return self.drop(cache, packet, DropReason::NO_PORT);
        };
        if out.staged.room() == 0 && !out.blocked {
            out.send(cache, self.stats);
        }
        if let Err(packet) = out.staged.push(packet) {
            self.drop(cache, packet, DropReason::TX_FULL);
        }
    }

    fn punt(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>) {
        match self.punted.push(packet) {
            Ok(()) => self.stats.punted.add(1),
            Err(packet) => self.drop(cache, packet, DropReason::PUNT_FULL),
        }
    }

    fn made(&mut self) {
        self.stats.made.add(1);
    }

    fn link_up(&self, port: PortId) -> bool {
        let out = self.ports.get(usize::from(port.0));
        out.is_none_or(|out| out.tx.link_up())
    }

    #[inline]
    fn drop(&mut self, cache: &mut Cache<'p>, packet: Packet<'p>, why: DropReason) {
        self.stats.drop(why, 1);
        cache.free(packet.into_frame());
    }
}

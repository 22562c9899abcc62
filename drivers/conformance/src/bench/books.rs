//! What must add up at the end.

use linecard::device::{RxQueue, TxQueue};

use super::Bench;
use crate::{Harness, Inject, Overflow};

/// What passed the queue since it was opened or reset.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    pub(crate) taken: u64,
    pub(super) sure: u64,
    pub(super) sure_bytes: u64,
    pub(crate) doubtful: u64,
    pub(super) undersize: u64,
    pub(super) oversize: u64,
    pub(super) unsupported: u64,
    pub(crate) full: u64,
}

impl<H: Harness> Bench<H> {
    /// Checks what the queue counted against what passed it. Nothing may be under way.
    pub(crate) fn check_stats(&mut self) {
        self.incoming.give_up();
        self.outgoing.give_up();
        let (rx, tx) = (self.rx().stats(), self.tx().stats());
        let tally = &self.tally;
        assert_eq!(
            (rx.packets, rx.bytes),
            (tally.received, tally.received_bytes),
            "received packets and bytes, counted and real"
        );
        let unheard = self.profile.overflow == Overflow::Unheard;
        assert!(
            rx.dropped() == self.incoming.lost || unheard && rx.dropped() < self.incoming.lost,
            "packets that were not received, counted and {} real: {rx}",
            self.incoming.lost
        );
        assert_eq!(
            tx.packets + tx.dropped(),
            tally.taken,
            "packets that tx_burst took, counted and real: {tx}"
        );
        assert_eq!(
            (tx.undersize, tx.oversize),
            (tally.undersize, tally.oversize),
            "undersize and oversize packets, counted and real: {tx}"
        );
        let refused = tx.unsupported.checked_sub(tally.unsupported);
        let lost = match self.profile.collects {
            true => self.outgoing.lost,
            false => refused.unwrap_or(0),
        };
        assert_eq!(refused, Some(lost), "unsupported packets: {tx}");
        if tally.doubtful == 0 {
            assert_eq!(tx.bytes, tally.sure_bytes, "bytes sent, counted and real");
        }
        assert_eq!(
            tx.packets,
            tally.sure + tally.doubtful - lost,
            "packets sent, counted and real: {tx}"
        );
        assert_eq!(tx.completed, tx.packets, "completed and sent packets");
        assert_eq!(
            tx.full, tally.full,
            "bursts that did not fit, counted and real"
        );
        assert_eq!(
            (rx.invalid, tx.invalid),
            (0, 0),
            "the device kept the rules"
        );
    }

    /// Ends a test: everything arrives, the statistics add up, the queue closes, and every frame is
    /// back where it belongs.
    pub(crate) fn finish(mut self) {
        self.settle();
        // A doubled frame would come now.
        for _ in 0..3 {
            self.harness.step();
            self.listen();
            if !matches!(self.profile.inject, Inject::Endless(_)) {
                self.poll_and_free();
            }
        }
        self.check_stats();
        let ledger = self.pool.ledger();
        assert_eq!(
            (
                ledger.held,
                ledger.completing,
                ledger.surplus,
                ledger.violations
            ),
            (0, 0, 0, 0),
            "at the end: {ledger}"
        );
        self.close(true);
        self.retire();
    }

    /// Ends a test whose queue is closed: what the port has of frames must come back.
    pub(crate) fn retire(mut self) {
        assert!(self.queue.is_none());
        // What was sent before it was closed may arrive yet, in order and once.
        self.outgoing.forgive();
        self.harness.step();
        self.listen();
        let Self {
            harness,
            cache,
            pool,
            ..
        } = self;
        harness.finish();
        drop(cache);
        if let Err(error) = pool.audit() {
            panic!("the audit: {error}: {}", pool.ledger());
        }
        assert_eq!(pool.free_frames(), pool.frames());
    }
}

//! An open port between a test and its far side, and the books of what passed.

mod books;
mod plan;
mod receive;
mod send;

use linecard::device::{Capabilities, Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool};

use self::books::Tally;
pub(crate) use self::plan::{Patience, Plan};
use self::send::{Fate, Seal};
use crate::frames::Expected;
use crate::{Harness, Inject, Injected, Profile, Setup};

/// The receive queue of a harness's driver.
pub(crate) type RxOf<H> = <<H as Harness>::Device as Device<'static>>::Rx;
/// The transmit queue of a harness's driver.
pub(crate) type TxOf<H> = <<H as Harness>::Device as Device<'static>>::Tx;

/// A port with queue 0 open, its far side, and what is to be where.
pub(crate) struct Bench<H: Harness> {
    // First of the fields, so that it is closed first even when a test fails.
    pub(crate) queue: Option<(RxOf<H>, TxOf<H>)>,
    pub(crate) harness: H,
    pub(crate) cache: Cache<'static>,
    pub(crate) pool: &'static Pool<'static>,
    pub(crate) profile: Profile,
    pub(crate) capabilities: Capabilities,
    /// Injected and to be received.
    pub(crate) incoming: Expected,
    /// Sent and to be collected.
    pub(crate) outgoing: Expected,
    pub(crate) tally: Tally,
    /// Frames that were injected before the port was opened, to come again after a reset.
    prepared: Plan,
    /// The number of the next frame made, whichever way it goes.
    next: u64,
    scratch: Vec<u8>,
    seals: Vec<(Seal, Fate)>,
}

impl<H: Harness> Bench<H> {
    /// A port that is open. If frames must be known before that, those of `incoming` are injected
    /// here. `None` where the harness cannot run.
    pub(crate) fn new(incoming: &Plan) -> Option<Self> {
        Self::with(&Setup::default(), incoming)
    }

    pub(crate) fn with(setup: &Setup, incoming: &Plan) -> Option<Self> {
        let profile = H::profile();
        let harness = H::new(setup)?;
        let pool = harness.pool();
        assert!(
            pool.config().track,
            "the harness's pool does not track its frames"
        );
        let mut bench = Self {
            queue: None,
            cache: Cache::new(pool, "conformance", 64).expect("an account for the cache"),
            harness,
            pool,
            profile,
            capabilities: Capabilities::default(),
            incoming: Expected::new("received", profile.limits.pads_to),
            outgoing: Expected::new("sent", profile.limits.pads_to),
            tally: Tally::default(),
            prepared: incoming.clone(),
            next: 0,
            scratch: Vec::new(),
            seals: Vec::new(),
        };
        if profile.inject == Inject::Prepared {
            let mut plan = incoming.clone();
            while !plan.is_done() {
                let injected = bench.inject(plan.len());
                assert_ne!(
                    injected,
                    Injected::Busy,
                    "there is always room to prepare frames"
                );
                plan.step();
            }
        }
        bench.open();
        Some(bench)
    }

    /// Opens queue 0.
    pub(crate) fn open(&mut self) {
        assert!(self.queue.is_none());
        let opened = self.harness.device().open(0, &mut self.cache);
        self.queue = Some(opened.unwrap_or_else(|error| panic!("queue 0 does not open: {error}")));
        self.capabilities = self.harness.device().capabilities();
    }

    pub(crate) fn rx(&mut self) -> &mut RxOf<H> {
        &mut self.queue.as_mut().expect("an open queue").0
    }

    pub(crate) fn tx(&mut self) -> &mut TxOf<H> {
        &mut self.queue.as_mut().expect("an open queue").1
    }

    /// What the driver has asked of the allocator so far.
    fn allocations(&self) -> u64 {
        match self.profile.watch_allocations {
            true => linecard_testnet::allocations(),
            false => 0,
        }
    }

    /// The longest frame that is sure to arrive either way and to fit the pool's frames.
    pub(crate) fn longest(&self) -> usize {
        self.profile.limits.longest().min(self.pool.room())
    }

    /// Lets everything that is under way arrive, and every sent frame come back.
    pub(crate) fn settle(&mut self) {
        let mut patience = Patience::new(self.profile.limits.patience);
        loop {
            self.harness.step();
            let mut moved = self.listen();
            if !matches!(self.profile.inject, Inject::Endless(_)) {
                moved += self.poll_and_free();
            }
            moved += self.reclaim();
            let completing = self.pool.ledger().completing;
            // Of what was lost, the count may come late.
            let uncounted = self.incoming.lossy && {
                let missing = self.incoming.len() as u64 + self.incoming.lost;
                missing > self.rx().stats().dropped()
            };
            let kept = patience.keeps(moved > 0);
            let done = self.incoming.is_complete() && self.outgoing.is_complete();
            if done && completing == 0 && moved == 0 && !(uncounted && kept) {
                return;
            }
            assert!(
                kept,
                "after {:?} in which nothing happened: received: {}; sent: {}; the device is not \
                 done with {completing} frames",
                self.profile.limits.patience,
                self.incoming.missing(),
                self.outgoing.missing()
            );
        }
    }

    /// Resets the port. What was under way may be lost.
    pub(crate) fn reset(&mut self) {
        let (rx, tx) = self.queue.take().expect("an open queue");
        let reset = self.harness.device().reset(rx, tx, &mut self.cache);
        let (rx, tx) = reset.unwrap_or_else(|error| panic!("the port cannot be reset: {error}"));
        let (was_rx, was_tx) = (rx.stats(), tx.stats());
        assert_eq!(
            (was_rx.packets, was_rx.bytes, was_rx.dropped()),
            (0, 0, 0),
            "received since a reset: {was_rx}"
        );
        assert_eq!(
            (
                was_tx.packets,
                was_tx.bytes,
                was_tx.completed,
                was_tx.dropped()
            ),
            (0, 0, 0, 0),
            "sent since a reset: {was_tx}"
        );
        self.queue = Some((rx, tx));
        self.start_over();
    }

    /// Opens a port again that was closed. What was under way may be lost.
    pub(crate) fn reopen(&mut self) {
        self.open();
        self.start_over();
    }

    fn start_over(&mut self) {
        self.tally = Tally::default();
        self.outgoing.forgive();
        if self.profile.inject != Inject::Prepared {
            self.incoming.forgive();
            return;
        }
        self.incoming.clear();
        let mut plan = self.prepared.clone();
        let mut number = 0;
        while !plan.is_done() {
            self.incoming.push(number, plan.len());
            number += 1;
            plan.step();
        }
    }

    /// Closes the queue, one half before the other.
    pub(crate) fn close(&mut self, receiver_first: bool) {
        let (rx, tx) = self.queue.take().expect("an open queue");
        if receiver_first {
            drop(rx);
            drop(tx);
        } else {
            drop(tx);
            drop(rx);
        }
        let ledger = self.pool.ledger();
        assert_eq!(
            (ledger.posted, ledger.completing),
            (0, 0),
            "a closed queue has frames: {ledger}"
        );
    }
}

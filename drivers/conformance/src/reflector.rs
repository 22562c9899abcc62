//! A port that sends back what it receives.

use core::fmt;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::Cache;
use linecard::packet::Burst;

use crate::bench::{RxOf, TxOf};
use crate::{Forwarder, Harness, Injected, Limits, Setup, Totals, Wire};

/// Any [`Harness`] as a [`Forwarder`]: the port sends back each frame that it receives, from the
/// frame of the pool that it was received in. Where frames cannot be injected at any time, or not
/// be collected, there is nothing to forward.
///
/// ```
/// use linecard_conformance::{Forwarder, LoopbackHarness, Reflector, Wire};
/// let mut port = Reflector::<LoopbackHarness>::new().expect("it runs anywhere");
/// port.inject(&[7; 60]);
/// let mut frame = Vec::new();
/// while !port.collect(&mut frame) {
///     port.step();
/// }
/// assert_eq!(frame, [7; 60]);
/// ```
pub struct Reflector<H: Harness> {
    queue: (RxOf<H>, TxOf<H>),
    /// Received and not taken yet.
    burst: Burst<'static>,
    harness: H,
    cache: Cache<'static>,
}

impl<H: Harness> Wire for Reflector<H> {
    fn inject(&mut self, frame: &[u8]) -> Injected {
        self.harness.inject(frame)
    }

    fn collect(&mut self, frame: &mut Vec<u8>) -> bool {
        self.harness.collect(frame)
    }

    fn step(&mut self) {
        self.harness.step();
        let (rx, tx) = &mut self.queue;
        rx.rx_burst(&mut self.cache, &mut self.burst);
        match self.burst.is_empty() {
            true => drop(tx.reclaim(&mut self.cache)),
            false => drop(tx.tx_burst(&mut self.cache, &mut self.burst)),
        }
        self.harness.step();
    }
}

impl<H: Harness> Forwarder for Reflector<H> {
    fn limits() -> Limits {
        H::profile().limits
    }

    fn new() -> Option<Self> {
        if H::profile().leaves_out("forwarder_suite") {
            return None;
        }
        let mut harness = H::new(&Setup::default())?;
        let mut cache = Cache::new(harness.pool(), "reflector", 64).expect("an account");
        let opened = harness.device().open(0, &mut cache);
        let queue = opened.unwrap_or_else(|error| panic!("queue 0 does not open: {error}"));
        Some(Self {
            queue,
            burst: Burst::new(),
            harness,
            cache,
        })
    }

    fn finish(mut self) -> Option<Totals> {
        let pool = self.harness.pool();
        self.burst.free(&mut self.cache);
        let (rx, tx) = (self.queue.0.stats(), self.queue.1.stats());
        drop(self.queue);
        self.harness.finish();
        drop(self.cache);
        if let Err(error) = pool.audit() {
            panic!("the audit: {error}: {}", pool.ledger());
        }
        let missing = pool.frames() - pool.free_frames();
        Some(Totals { rx, tx, missing })
    }
}

impl<H: Harness> fmt::Debug for Reflector<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reflector")
            .field("rx", &self.queue.0.stats())
            .field("tx", &self.queue.1.stats())
            .finish_non_exhaustive()
    }
}

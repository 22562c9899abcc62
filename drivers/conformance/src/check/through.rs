//! What goes into a forwarder comes out of it: once, in order, unchanged.

use crate::bench::{Patience, Plan};
use crate::frames::{self, Expected};
use crate::{Forwarder, Injected, Limits};

/// A million frames come through, or as many as the limits say; none is lost or doubled, in the order in which they went in.
pub fn a_million_come_through<F: Forwarder>() {
    let Some(mut bench) = Through::<F>::new() else {
        return;
    };
    bench.pass(Plan::short(F::limits().packets), F::limits().window);
    bench.finish();
}

/// Frames of every length that the way carries come through unchanged.
pub fn lengths_come_through<F: Forwarder>() {
    let Some(mut bench) = Through::<F>::new() else {
        return;
    };
    let Limits {
        shortest,
        mtu,
        window,
        ..
    } = F::limits();
    let longest = F::limits().longest().min(1514);
    let mut edges = vec![0, 1, 13, 14, 15, 59, 60, 61, mtu, longest];
    edges.retain(|&len| (shortest..=longest).contains(&len));
    bench.pass(Plan::these(edges), window);
    bench.pass(Plan::up_to(3000, longest), window);
    bench.finish();
}

/// Frames in groups of every size come through, each group whole before the next goes in.
pub fn groups_come_through<F: Forwarder>() {
    let Some(mut bench) = Through::<F>::new() else {
        return;
    };
    let window = F::limits().window;
    for group in [1, 2, 31, 32, 33, window].into_iter().cycle().take(30) {
        bench.pass(Plan::short(group.min(window) as u64), window);
    }
    bench.finish();
}

struct Through<F: Forwarder> {
    forwarder: F,
    limits: Limits,
    expected: Expected,
    /// The number of the next frame.
    next: u64,
    bytes: u64,
    scratch: Vec<u8>,
}

impl<F: Forwarder> Through<F> {
    fn new() -> Option<Self> {
        let limits = F::limits();
        Some(Self {
            forwarder: F::new()?,
            limits,
            expected: Expected::new("forwarded", limits.pads_to),
            next: 0,
            bytes: 0,
            scratch: Vec::new(),
        })
    }

    /// Lets all of `plan` pass, with up to `window` frames inside at a time.
    fn pass(&mut self, mut plan: Plan, window: usize) {
        let mut patience = Patience::new(self.limits.patience);
        while !plan.is_done() || !self.expected.is_complete() {
            let mut moved = 0;
            while !plan.is_done() && self.expected.len() < window {
                frames::write(self.next, plan.len(), &mut self.scratch);
                match self.forwarder.inject(&self.scratch) {
                    Injected::Taken => self.expected.push(self.next, plan.len()),
                    Injected::Busy => break,
                    Injected::Impossible => panic!("cannot send {} bytes", plan.len()),
                }
                self.bytes += plan.len() as u64;
                self.next += 1;
                plan.step();
                moved += 1;
            }
            self.forwarder.step();
            moved += self.listen();
            assert!(
                patience.keeps(moved > 0),
                "forwarded: {}",
                self.expected.missing()
            );
        }
    }

    fn listen(&mut self) -> usize {
        let mut heard = 0;
        while self.forwarder.collect(&mut self.scratch) {
            self.expected.arrived(&self.scratch);
            heard += 1;
        }
        heard
    }

    fn finish(mut self) {
        // A doubled frame would come now.
        for _ in 0..3 {
            self.forwarder.step();
            self.listen();
        }
        self.expected.give_up();
        let Some(totals) = self.forwarder.finish() else {
            return;
        };
        assert_eq!(
            (totals.rx.packets, totals.tx.packets),
            (self.next, self.next),
            "frames that went through, counted and real: {totals:?}"
        );
        if self.limits.pads_to == 0 {
            assert_eq!(
                (totals.rx.bytes, totals.tx.bytes),
                (self.bytes, self.bytes),
                "bytes that went through, counted and real: {totals:?}"
            );
        }
        assert_eq!(
            (totals.rx.dropped(), totals.tx.dropped(), totals.missing),
            (0, 0, 0),
            "drops, and frames missing at the end: {totals:?}"
        );
    }
}

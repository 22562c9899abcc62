//! What a worker's thread tells the others and the one that watches.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use linecard::device::{RxQueue, RxStats, TxQueue, TxStats};
use linecard::platform::Instant;

use super::drive::Control;
use super::launch::WorkerEnd;
use crate::port::{AnyRx, AnyTx};
use crate::stats::Exchanged;

/// What a port's queues counted.
///
/// ```
/// use linecard_linux::runner::PortStats;
///
/// let stats = PortStats::default();
/// assert_eq!((stats.rx.packets, stats.tx.packets), (0, 0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Receiving.
    pub rx: RxStats,
    /// Sending.
    pub tx: TxStats,
}

/// Counters of a worker's queues, as they were a moment ago.
#[derive(Debug, Clone, Default)]
pub(super) struct Published {
    pub(super) ports: Vec<PortStats>,
    pub(super) exchanged: Exchanged,
}

/// One worker's place to tell something.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) published: Mutex<Published>,
    /// Nothing comes to it, and nothing can.
    pub(super) done: AtomicBool,
    /// It hands nothing over any more.
    pub(super) drained: AtomicBool,
    /// It has ended.
    pub(super) ended: AtomicBool,
    /// When it ended, in the clock's nanoseconds.
    pub(super) ended_at: AtomicU64,
    /// Nanoseconds that its thread had a CPU while it moved packets.
    pub(super) cpu_nanos: AtomicU64,
    /// Packets of others that its ports did not take at the end.
    pub(super) left: AtomicU64,
}

impl Published {
    /// Copies the queues' counters.
    pub(super) fn note<'q, 'r: 'q, 'p: 'r>(
        &mut self,
        queues: impl Iterator<Item = (&'q AnyRx<'r, 'p>, &'q AnyTx<'r, 'p>)>,
    ) {
        let mut exchanged = Exchanged::default();
        let mut ports = self.ports.iter_mut();
        for (rx, tx) in queues {
            exchanged.taken_over += rx.taken_over();
            exchanged.handed_over += tx.handed_over();
            exchanged.passed_on += tx.passed_on();
            if let Some(stats) = ports.next() {
                *stats = PortStats {
                    rx: rx.stats(),
                    tx: tx.stats(),
                };
            }
        }
        self.exchanged = exchanged;
    }
}

impl Desk {
    /// Of a worker with queues of so many ports.
    pub(super) fn new(ports: usize, now: Instant) -> Self {
        Self {
            published: Mutex::new(Published {
                ports: vec![PortStats::default(); ports],
                exchanged: Exchanged::default(),
            }),
            done: AtomicBool::new(false),
            drained: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            ended_at: AtomicU64::new(now.as_nanos()),
            cpu_nanos: AtomicU64::new(0),
            left: AtomicU64::new(0),
        }
    }

    /// What was published last.
    pub(super) fn published(&self) -> Published {
        self.lock().clone()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Published> {
        let published = self.published.lock();
        published.unwrap_or_else(PoisonError::into_inner)
    }

    /// When the worker ended.
    pub(super) fn ended_at(&self) -> Instant {
        Instant::from_nanos(self.ended_at.load(Ordering::Acquire))
    }

    /// What it leaves.
    pub(super) fn into_end(self) -> WorkerEnd {
        let published = self.published.into_inner();
        WorkerEnd {
            cpu_time: Duration::from_nanos(self.cpu_nanos.into_inner()),
            left: self.left.into_inner(),
            last: published.unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Sets a flag when it is dropped, in a panic too: the workers must learn that nobody watches them.
pub(super) struct Farewell<'a>(pub(super) &'a AtomicBool);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Says that a worker has ended, when it is dropped; if it did not end [well](Self::well), that the
/// others are to end, too.
pub(super) struct Leaving<'a> {
    control: &'a Control<'a>,
    desk: &'a Desk,
    well: bool,
}

impl<'a> Leaving<'a> {
    pub(super) fn new(control: &'a Control<'a>, desk: &'a Desk) -> Self {
        Self {
            control,
            desk,
            well: false,
        }
    }

    pub(super) fn well(mut self) {
        self.well = true;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.well {
            self.control.abandoned.store(true, Ordering::Release);
        }
        self.desk.drained.store(true, Ordering::Release);
        self.desk.ended.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Idle;
    use crate::signals::Stop;

    #[test]
    fn a_worker_that_comes_to_grief_ends_the_others() {
        let now = Instant::from_nanos(0);
        let stop = Stop::new();
        let control = Control {
            stop: &stop,
            deadline: None,
            idle: Idle::Spin,
            abandoned: AtomicBool::new(false),
            desks: vec![Desk::new(1, now), Desk::new(1, now)],
        };
        Leaving::new(&control, &control.desks[0]).well();
        assert!(!control.is_over(now) && !control.has_ended());
        let panicked = std::thread::scope(|scope| {
            let leaving = Leaving::new(&control, &control.desks[1]);
            let worker = scope.spawn(move || {
                let _leaving = leaving;
                panic!("as a worker might");
            });
            worker.join()
        });
        assert!(panicked.is_err());
        assert!(control.is_over(now) && control.has_ended());
        let drained = |desk: &Desk| desk.drained.load(Ordering::Acquire);
        assert!(control.desks.iter().all(drained), "nobody waits for it");
    }
}

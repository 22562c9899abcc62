//! What a polling thread and one that manages share.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

use crate::lock::{Guard, Lock};

/// Something that one thread polls and another one changes now and then.
///
/// The poller never waits: it tries the lock once a burst. The manager waits for as long as a burst
/// lasts, and says so before, so that it is let in.
///
/// Not a `Mutex`: to let go of one is an exchange, for which a processor waits until the guest's cache
/// lines have come that were written under it. A plain store waits for nothing.
#[derive(Debug)]
// Queues of different pairs are polled by different threads.
#[repr(align(128))]
pub(crate) struct Slot<T> {
    wanted: AtomicBool,
    inside: Lock<T>,
}

impl<T> Slot<T> {
    pub(crate) const fn new(inside: T) -> Self {
        Self {
            wanted: AtomicBool::new(false),
            inside: Lock::new(inside),
        }
    }

    /// What is inside, unless the manager has it or wants it.
    #[inline]
    pub(crate) fn poll(&self) -> Option<Guard<'_, T>> {
        if self.wanted.load(Ordering::Relaxed) {
            return None;
        }
        self.inside.try_lock()
    }

    /// What is inside, for the manager.
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.wanted.store(true, Ordering::Relaxed);
        let mut tries = 0_u32;
        let inside = loop {
            if let Some(inside) = self.inside.try_lock() {
                break inside;
            }
            // A poller that was put off its processor has it for long.
            tries = tries.saturating_add(1);
            if tries < YIELDS {
                thread::yield_now();
            } else {
                thread::sleep(PAUSE);
            }
        };
        self.wanted.store(false, Ordering::Relaxed);
        inside
    }
}

impl<T: Default> Default for Slot<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// How often the manager tries before it sleeps; and how long then.
const YIELDS: u32 = 16;
const PAUSE: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poller_stays_out_and_the_manager_waits() {
        let slot = Slot::new(0);
        let polled = slot.poll().expect("nobody has it");
        thread::scope(|scope| {
            scope.spawn(|| *slot.lock() += 1);
            // However long it takes the manager to come, it has not been in.
            while !slot.wanted.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            thread::sleep(4 * PAUSE);
            assert_eq!(*polled, 0);
            drop(polled);
        });
        assert_eq!(slot.poll().as_deref(), Some(&1));
        let managed = slot.lock();
        assert!(slot.poll().is_none());
        drop(managed);
    }
}

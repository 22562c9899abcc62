//! What a polling thread and one that manages share.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Something that one thread polls and another one changes now and then.
///
/// The poller never waits: it tries the lock once a burst. The manager takes it for as long as a
/// change lasts, and says so before, so that it is let in.
#[derive(Debug, Default)]
pub(crate) struct Slot<T> {
    wanted: AtomicBool,
    inside: Mutex<T>,
}

impl<T> Slot<T> {
    pub(crate) fn new(inside: T) -> Self {
        Self {
            wanted: AtomicBool::new(false),
            inside: Mutex::new(inside),
        }
    }

    /// What is inside, unless the manager has it or wants it.
    #[inline]
    pub(crate) fn poll(&self) -> Option<MutexGuard<'_, T>> {
        if self.wanted.load(Ordering::Relaxed) {
            return None;
        }
        match self.inside.try_lock() {
            Ok(inside) => Some(inside),
            Err(TryLockError::Poisoned(inside)) => Some(inside.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// What is inside, for the manager.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.wanted.store(true, Ordering::Relaxed);
        let inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        self.wanted.store(false, Ordering::Relaxed);
        inside
    }
}

//! SIGINT and SIGTERM ask for a clean end; the second one ends at once.
//!
//! A worker looks at the flag between bursts, so a clean end takes no longer than a burst and
//! every frame is accounted for. Whoever cannot wait sends the signal again: the process then
//! ends on the spot with 128 + the signal's number, and the kernel takes sockets and XDP programs
//! away, as it does after SIGKILL.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The wish to end, shared by the threads of a program. Cloning shares it.
///
/// ```
/// use linecard_linux::signals::Stop;
///
/// let stop = Stop::new();
/// let worker = stop.clone();
/// stop.request();
/// assert!(worker.is_requested());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: Arc<AtomicBool>,
}

impl Stop {
    /// A wish that nobody has had yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A wish that SIGINT and SIGTERM express; a second signal ends the process.
    ///
    /// # Errors
    /// What the kernel answered to `sigaction`.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::new();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first handler must see the flag before the second one sets it.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.requested))?;
            flag::register(signal, Arc::clone(&stop.requested))?;
        }
        Ok(stop)
    }

    /// Asks everyone who shares this to end.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Release);
    }

    /// Whether someone asked.
    #[inline]
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_signal_sets_the_flag_and_the_process_lives() {
        let stop = Stop::on_signals().unwrap();
        assert!(!stop.is_requested());
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(stop.is_requested());
    }
}

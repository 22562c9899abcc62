//! SIGINT, SIGTERM and SIGHUP ask for a clean end; the second one ends at once.
//!
//! SIGHUP, which comes when a terminal is closed, does so unless it is ignored: whoever starts the
//! program by `nohup` wants it to go on.
//!
//! A worker looks at the flag between bursts, so a clean end takes no longer than a burst and
//! every frame is accounted for. Whoever cannot wait sends the signal again: the process then
//! ends on the spot with 128 + the signal's number, and the kernel takes sockets and XDP programs
//! away, as it does after SIGKILL.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::{fs, io};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
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

    /// A wish that SIGINT, SIGTERM and SIGHUP express; a second signal ends the process.
    ///
    /// # Errors
    /// What the kernel answered to `sigaction`.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::new();
        let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up) {
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

/// Whether the process was started with this signal ignored, by `proc(5)`; where that cannot be asked, no.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 << (signal - 1) != 0)
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

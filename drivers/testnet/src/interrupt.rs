//! An end for a system call that goes on for long.

use std::io;

/// Interrupts a thread's system calls, from any other: one that is under way answers `Interrupted`.
///
/// By SIGURG, which nobody else here uses and whose handler does nothing. A thread that is between two calls when it
/// is interrupted does not notice, so whoever wants it to end sets a flag for it to look at and repeats.
///
/// ```
/// use std::sync::mpsc::channel;
/// use std::time::Duration;
///
/// use linecard_testnet::Interrupt;
///
/// # fn example() -> std::io::Result<()> {
/// let ((here, there), (end, ended)) = (channel(), channel());
/// let sleeper = std::thread::spawn(move || {
///     here.send(Interrupt::of_this_thread()).unwrap();
///     // SAFETY: it has no memory of ours.
///     let answer = unsafe { libc::pause() };
///     end.send(answer).unwrap();
/// });
/// let interrupt = there.recv().unwrap()?;
/// let answer = loop {
///     interrupt.raise()?;
///     if let Ok(answer) = ended.recv_timeout(Duration::from_millis(1)) {
///         break answer;
///     }
/// };
/// assert_eq!(answer, -1);
/// # sleeper.join().unwrap();
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Interrupt {
    thread: libc::pid_t,
}

impl Interrupt {
    /// Of the calling thread.
    ///
    /// # Errors
    /// What the kernel says of the handler.
    pub fn of_this_thread() -> io::Result<Self> {
        // SAFETY: all zeroes is a value of this structure: no flags, so that calls are not begun again by themselves.
        let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
        action.sa_sigaction = nothing as *const () as libc::sighandler_t;
        // SAFETY: the handler is a function of the kind that no flag asks for, and does nothing.
        let made =
            unsafe { libc::sigaction(libc::SIGURG, &raw const action, core::ptr::null_mut()) };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it only answers.
        let thread = unsafe { libc::gettid() };
        Ok(Self { thread })
    }

    /// The thread's number, as a [`Meter`](crate::Meter) asks for it.
    #[must_use]
    pub fn thread(self) -> u32 {
        self.thread.cast_unsigned()
    }

    /// Ends the system call that the thread is in, if it can be ended and the thread is in one.
    ///
    /// # Errors
    /// What the kernel says: that the thread is gone, foremost.
    pub fn raise(self) -> io::Result<()> {
        let process = std::process::id().cast_signed();
        // SAFETY: plain numbers, and the signal has a handler.
        match unsafe { libc::syscall(libc::SYS_tgkill, process, self.thread, libc::SIGURG) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

extern "C" fn nothing(_: libc::c_int) {}

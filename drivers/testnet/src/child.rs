//! A process that a test started, and that ends with it.

use core::time::Duration;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// A process that a test started; it is killed when this is dropped. What it prints is kept.
///
/// ```
/// use core::time::Duration;
/// use std::process::Command;
/// let mut child = linecard_testnet::Child::start(Command::new("echo").arg("hello"));
/// assert!(child.wait(Duration::from_secs(10)).success());
/// assert_eq!(child.printed(), "hello\n");
/// ```
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    printed: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Child {
    /// Starts a program.
    ///
    /// # Panics
    /// If there is no such program.
    pub fn start(command: &mut Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let printed = Arc::new(Mutex::new(String::new()));
        let readers = [
            process
                .stdout
                .take()
                .map(|out| collect(out, Arc::clone(&printed))),
            process
                .stderr
                .take()
                .map(|out| collect(out, Arc::clone(&printed))),
        ];
        Self {
            process,
            printed,
            readers: readers.into_iter().flatten().collect(),
        }
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has printed so far, to standard output and standard error.
    #[must_use]
    pub fn printed(&self) -> String {
        self.printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If the kernel refuses.
    pub fn signal(&self, number: i32) {
        signal(&self.process, number).unwrap_or_else(|error| panic!("signal {number}: {error}"));
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not come in time.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.process.try_wait().expect("a child of this process") {
                for reader in self.readers.drain(..) {
                    // A reader that failed has nothing more to say.
                    let _ = reader.join();
                }
                return status;
            }
            assert!(
                Instant::now() < end,
                "still running after {within:?}: {}",
                self.printed()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|status| status.is_some())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a process a signal.
pub(crate) fn signal(process: &std::process::Child, number: i32) -> io::Result<()> {
    // SAFETY: no pointers are passed; the number is that of a child of this process.
    match unsafe { libc::kill(process.id().cast_signed(), number) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Reads lines into `printed` until there are no more.
fn collect(
    from: impl Read + Send + 'static,
    printed: Arc<Mutex<String>>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line);
            printed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&text);
            line.clear();
        }
    })
}

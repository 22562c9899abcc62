//! Processors to themselves for those who are measured, where the machine allows it.
//!
//! Two threads that pass packets to and fro can each go only as fast as the other: when one of them
//! waits for its processor, both stand still. With real-time priority nobody else gets in between. It
//! is asked for by util-linux's `chrt`, bounded by its `prlimit`, and refused to ordinary users: then
//! everything runs as it is, and the spread shows it.

use core::time::Duration;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// A turn of some processes, this one among them, that go before all others until it is dropped.
/// Then the processors are given back for as long: so that the machine goes on, and the kernel,
/// which leaves the others a twentieth of each second in any case, has no reason to step in.
pub struct Turn {
    processes: Vec<u32>,
    began: Instant,
}

impl Turn {
    /// For these processes, 0 being none, and this one. Their threads with such [names](POLLERS) poll, and go
    /// behind their others, which only wait.
    #[must_use]
    pub fn new(others: &[u32]) -> Self {
        let mut processes = vec![std::process::id()];
        processes.extend(others.iter().filter(|&&process| process != 0));
        for process in &processes {
            let process = process.to_string();
            let limit = format!("--rttime={REAL_TIME}");
            ask("prlimit", &[&limit, "--pid", &process]);
            change(&["--all-tasks", "--fifo", "--pid", WAITS, &process]);
            let tasks = fs::read_dir(format!("/proc/{process}/task"));
            for task in tasks.into_iter().flatten().flatten() {
                let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
                let polls = POLLERS.iter().any(|poller| name.starts_with(poller));
                if let Some(task) = task.file_name().to_str().filter(|_| polls) {
                    change(&["--fifo", "--pid", POLLS, task]);
                }
            }
        }
        Self {
            processes,
            began: Instant::now(),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let taken = self.began.elapsed();
        for process in self.processes.iter().rev() {
            change(&["--all-tasks", "--other", "--pid", "0", &process.to_string()]);
        }
        thread::sleep(taken.min(Duration::from_millis(300)));
    }
}

fn change(arguments: &[&str]) {
    ask("chrt", arguments);
}

fn ask(program: &str, arguments: &[&str]) {
    // Refused: said above.
    let _ = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// How threads that poll are named: ours, and DPDK's by version.
pub const POLLERS: &[&str] = &["poller", "rte-worker", "lcore-worker", "dpdk-worker"];

/// Of real-time priorities, from 1 to 99: below those of the kernel's own threads.
const WAITS: &str = "20";
const POLLS: &str = "10";
/// Microseconds for which a thread may poll with real-time priority, all turns together, before the
/// kernel ends its process (RLIMIT_RTTIME, getrlimit(2)): whoever is left behind by a bench that was
/// killed in the middle of a turn would else have a processor for ever.
const REAL_TIME: u32 = 60_000_000;

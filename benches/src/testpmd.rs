//! DPDK's `dpdk-testpmd`, as a peer and as a back end.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use linecard_testnet::{DpdkFolder, Namespace};
use rustix::process::{Pid, Signal, kill_process};

use crate::testpmd_ports::Pages;

/// A running testpmd, ended with this value.
#[derive(Debug)]
pub struct Testpmd {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// The sockets that it made, which it leaves behind when it is killed.
    sockets: Vec<PathBuf>,
    /// Removed when it has ended.
    _folder: DpdkFolder,
}

impl Testpmd {
    /// Starts one whose two threads are on that CPU, on these pages, of which threads one forwards what
    /// comes in back out once it is told to.
    ///
    /// # Errors
    /// That it is not there, or does not come up.
    pub fn new(
        cpu: usize,
        pages: &Pages,
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::on(&format!("0@{cpu},1@{cpu}"), pages.shared(), devices, more)
    }

    /// Starts one with these threads, on these pages; otherwise as [`new`](Self::new).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn on(
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::by(Command::new(STDBUF), lcores, pages, devices, more)
    }

    /// Starts one in a network namespace; otherwise as [`on`](Self::on).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn inside(
        namespace: &Namespace,
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        Self::by(namespace.command(STDBUF), lcores, pages, devices, more)
    }

    fn by(
        mut command: Command,
        lcores: &str,
        pages: &[&str],
        devices: &[String],
        more: &[&str],
    ) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("linecard-bench-{}-{count}", std::process::id());
        command
            .args(["-oL", "dpdk-testpmd", "--lcores", lcores])
            .args(pages)
            .args(["--no-pci", "--no-shconf", "--no-telemetry"])
            .args(["--force-max-simd-bitwidth=512", "--file-prefix", &prefix]);
        for device in devices {
            command.args(["--vdev", device]);
        }
        let mut child = command
            .args([
                "--",
                "-i",
                "--total-num-mbufs=16384",
                "--port-topology=loop",
                "--no-flush-rx",
            ])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("dpdk-testpmd: {error} (Debian: dpdk-dev)"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("dpdk-testpmd has no standard input and output".into());
        };
        let (to, lines) = channel();
        thread::spawn(move || {
            // Ends with its output.
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if to
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
        let mut testpmd = Self {
            child,
            stdin,
            lines,
            sockets: devices
                .iter()
                .flat_map(|device| device.split(','))
                .filter_map(|argument| argument.strip_prefix("iface="))
                .map(PathBuf::from)
                .collect(),
            _folder: DpdkFolder::of(&prefix),
        };
        testpmd.ask("show port stats 0", "TX-bytes:")?;
        Ok(testpmd)
    }

    /// Gives a command, and waits for a line with this text.
    ///
    /// # Errors
    /// That no such line comes.
    pub fn ask(&mut self, command: &str, answer: &str) -> Result<String, String> {
        let gone = |_| format!("dpdk-testpmd did not take `{command}`");
        writeln!(self.stdin, "{command}").map_err(gone)?;
        self.stdin.flush().map_err(gone)?;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self
                .lines
                .recv_timeout(left)
                .map_err(|_| format!("dpdk-testpmd did not answer `{command}`"))?;
            if line.contains(answer) {
                return Ok(line);
            }
        }
    }

    /// Has it forward on that port alone, until it is [stopped](Self::stop).
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn start(&mut self, port: usize) -> Result<(), String> {
        self.ask(
            &format!("set portlist {port}\nstart"),
            "io packet forwarding",
        )?;
        Ok(())
    }

    /// Stops it; gives for how many ns it was at work for each packet, if it was started with
    /// `--record-core-cycles`: looking for packets in vain does not count.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn stop(&mut self) -> Result<f64, String> {
        let line = self.ask("stop", "CPU cycles/packet=")?;
        let mut numbers = line
            .split(|c: char| !c.is_ascii_digit() && c != '.')
            .filter_map(|number| number.parse::<f64>().ok());
        let cycles = numbers.next();
        let clock = line.split(" at ").nth(1).and_then(|text| {
            let megahertz = text.split_whitespace().next()?;
            megahertz.parse::<f64>().ok()
        });
        let nanos = cycles
            .zip(clock)
            .map(|(cycles, clock)| cycles * 1e3 / clock);
        nanos.ok_or(format!("no numbers in `{line}`"))
    }

    /// Packets that its port 0 has received.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn received(&mut self) -> Result<u64, String> {
        let line = self.ask("show port stats 0", "RX-packets:")?;
        let mut words = line.split_whitespace();
        let number = words.nth(1).and_then(|number| number.parse().ok());
        number.ok_or(format!("no number in `{line}`"))
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Keeps it from running, or lets it go on.
    pub fn hold(&self, held: bool) {
        let signal = if held { Signal::STOP } else { Signal::CONT };
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended, which shows elsewhere.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for path in &self.sockets {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Becomes testpmd; line by line, although it is a pipe.
const STDBUF: &str = "stdbuf";

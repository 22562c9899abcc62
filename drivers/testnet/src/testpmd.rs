//! DPDK's `dpdk-testpmd`, told what to do by commands.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use crate::child::signal;
use crate::{DpdkFolder, Namespace};

/// A running testpmd: killed, by its process number, when this is dropped, and with it go the sockets and
/// the folder that it leaves behind.
///
/// ```no_run
/// use linecard_testnet::Testpmd;
/// let eal = ["-l", "0-1", "--no-huge", "-m", "256"];
/// let mut testpmd = Testpmd::start(None, &eal, &["net_null0"], &[])?;
/// testpmd.ask("start", "io packet forwarding")?;
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct Testpmd {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    /// The last ones.
    seen: VecDeque<String>,
    /// The sockets that it made.
    sockets: Vec<PathBuf>,
    folder: DpdkFolder,
}

impl Testpmd {
    /// Whether the program is there; where not, a line says so. With `LINECARD_SKIP_DPDK` it is not looked
    /// for.
    ///
    /// # Panics
    /// If it is not and `LINECARD_REQUIRE_DPDK` is set.
    #[must_use]
    pub fn is_there() -> bool {
        if std::env::var_os("LINECARD_SKIP_DPDK").is_some() {
            return false;
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|folder| folder.join("dpdk-testpmd").exists());
        if !found {
            eprintln!("SUITE SKIPPED dpdk: there is no dpdk-testpmd");
            let required = std::env::var_os("LINECARD_REQUIRE_DPDK").is_some();
            assert!(!required, "dpdk-testpmd is required");
        }
        found
    }

    /// Starts one that shares nothing with other processes and touches no PCI device: with these further
    /// arguments of DPDK's environment, these virtual devices, and these further arguments of its own. It is
    /// ready for commands then, and forwards nothing.
    ///
    /// # Errors
    /// That it is not there, or does not come up.
    pub fn start(
        inside: Option<&Namespace>,
        eal: &[&str],
        devices: &[&str],
        more: &[&str],
    ) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("linecard-{}-{count}", std::process::id());
        // Becomes testpmd; line by line, although it is a pipe.
        let stdbuf = "stdbuf";
        let mut command = inside.map_or_else(|| Command::new(stdbuf), |net| net.command(stdbuf));
        command
            .args(["-oL", "dpdk-testpmd"])
            .args(eal)
            .args(["--no-pci", "--no-shconf", "--no-telemetry"])
            .args(["--file-prefix", &prefix])
            .args(devices.iter().flat_map(|device| ["--vdev", device]))
            .args(["--", "-i", "--total-num-mbufs=16384"])
            .args(["--port-topology=loop", "--no-flush-rx"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| format!("dpdk-testpmd: {error} (Debian: dpdk-dev)"))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err("dpdk-testpmd has no standard input and output".into());
        };
        let (to, lines) = channel();
        follow(stdout, to.clone());
        follow(stderr, to);
        let arguments = devices.iter().flat_map(|device| device.split(','));
        let made = arguments.filter_map(|argument| argument.strip_prefix("iface="));
        let mut testpmd = Self {
            child,
            stdin,
            lines,
            seen: VecDeque::new(),
            // `net_vhost`'s; `net_virtio_user` makes none, and `net_af_packet` has an interface there.
            sockets: made
                .filter(|name| name.contains('/'))
                .map(PathBuf::from)
                .collect(),
            folder: DpdkFolder::of(&prefix),
        };
        testpmd.ask("show port stats 0", "TX-bytes:")?;
        Ok(testpmd)
    }

    /// Gives a command, and waits 20 s at most for a line with this text; gives that line.
    ///
    /// # Errors
    /// That no such line comes, and what came.
    pub fn ask(&mut self, command: &str, answer: &str) -> Result<String, String> {
        // One that has died says so by what it prints no more.
        let _ = writeln!(self.stdin, "{command}").and_then(|()| self.stdin.flush());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let seen = self.seen.make_contiguous().join("\n");
                return Err(format!(
                    "dpdk-testpmd did not say `{answer}` to `{command}`; it said:\n{seen}"
                ));
            };
            if self.seen.len() == KEPT {
                self.seen.pop_front();
            }
            self.seen.push_back(line.clone());
            if line.contains(answer) {
                return Ok(line);
            }
        }
    }

    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The folder that DPDK made for it.
    #[must_use]
    pub const fn folder(&self) -> &DpdkFolder {
        &self.folder
    }

    /// Keeps it from running, or lets it go on.
    pub fn hold(&self, held: bool) {
        // It may have ended, which shows elsewhere.
        let _ = signal(
            &self.child,
            if held { libc::SIGSTOP } else { libc::SIGCONT },
        );
    }
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for path in &self.sockets {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Passes on lines until there are no more, which is when testpmd has ended.
fn follow(output: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

const PATIENCE: Duration = Duration::from_secs(20);
/// Lines that are kept to be told of.
const KEPT: usize = 200;

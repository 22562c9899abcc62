//! DPDK's `dpdk-testpmd`, as the other end.

use core::sync::atomic::{AtomicU32, Ordering};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use linecard_testnet::DpdkFolder;

/// A running testpmd: killed, by its process id, when dropped.
pub(crate) struct Testpmd {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
    /// The socket that it made, which it leaves behind when it is killed.
    socket: Option<PathBuf>,
    /// Removed when it has ended.
    folder: DpdkFolder,
}

/// Whether DPDK is there. With `LINECARD_REQUIRE_DPDK` it must be; with `LINECARD_SKIP_DPDK` it is not
/// asked for.
pub(crate) fn is_there() -> bool {
    if std::env::var_os("LINECARD_SKIP_DPDK").is_some() {
        return false;
    }
    let found = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("dpdk-testpmd").exists())
    });
    assert!(
        found || std::env::var_os("LINECARD_REQUIRE_DPDK").is_none(),
        "dpdk-testpmd is required and not there"
    );
    if !found {
        eprintln!("left out: there is no dpdk-testpmd");
    }
    found
}

impl Testpmd {
    /// Starts it with one virtual device, forwarding what comes in back out. Waits until it does.
    pub(crate) fn start(vdev: &str, more: &[&str]) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        assert!(cores > 1, "one core for testpmd, and one for the test");
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("linecard{}x{count}", std::process::id());
        // Line by line, although it is a pipe; `stdbuf` becomes testpmd.
        let mut child = Command::new("stdbuf")
            .args(["-oL", "dpdk-testpmd"])
            .args([
                "-l",
                "0-1",
                "--no-huge",
                "-m",
                "256",
                "--no-pci",
                "--no-shconf",
            ])
            .args([
                "--no-telemetry",
                "--file-prefix",
                &prefix,
                "--vdev",
                vdev,
                "--",
            ])
            .args([
                "-i",
                "--total-num-mbufs=16384",
                "--port-topology=loop",
                "--no-flush-rx",
            ])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("dpdk-testpmd starts");
        let stdin = child.stdin.take().unwrap();
        let (to, lines) = channel();
        follow(child.stdout.take().unwrap(), to.clone());
        follow(child.stderr.take().unwrap(), to);
        let mut testpmd = Self {
            child,
            stdin,
            lines,
            seen: Vec::new(),
            socket: made_socket(vdev),
            folder: DpdkFolder::of(&prefix),
        };
        testpmd.command("start");
        testpmd.wait_for("io packet forwarding", Duration::from_secs(20));
        testpmd
    }

    pub(crate) fn command(&mut self, command: &str) {
        // One that has died says so by what it prints no more.
        let _ = writeln!(self.stdin, "{command}");
        let _ = self.stdin.flush();
    }

    /// The first line with this text, and those before it since the last time.
    pub(crate) fn wait_for(&mut self, text: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let seen = self.seen.join("\n");
                panic!("testpmd did not say `{text}` in {patience:?}; it said:\n{seen}");
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Stops forwarding; gives how many packets it had no room to send.
    pub(crate) fn stop(&mut self) -> u64 {
        self.command("stop");
        let line = self.wait_for("TX-dropped:", Duration::from_secs(10));
        let rest = line.split("TX-dropped:").nth(1).unwrap_or_default();
        let digits: String = rest
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or(0)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(path) = self.socket.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[test]
fn a_testpmd_that_was_killed_leaves_no_folder() {
    if !is_there() {
        return;
    }
    let testpmd = Testpmd::start("net_null0", &[]);
    let folder = testpmd.folder.clone();
    assert!(folder.exists(), "DPDK makes it: {folder:?}");
    testpmd.kill();
    assert!(!folder.exists(), "it is left behind: {folder:?}");
}

/// The socket that a device makes: `net_vhost`'s, not `net_virtio_user`'s.
fn made_socket(vdev: &str) -> Option<PathBuf> {
    let mut arguments = vdev.split(',');
    arguments
        .find_map(|argument| argument.strip_prefix("iface="))
        .map(PathBuf::from)
}

/// Passes on lines until there are no more, which is when testpmd has ended.
fn follow(output: impl Read + Send + 'static, to: Sender<String>) {
    let mut output = BufReader::new(output);
    thread::spawn(move || {
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if to.send(text).is_err() {
                return;
            }
        }
    });
}

impl Drop for Testpmd {
    fn drop(&mut self) {
        self.end();
    }
}

//! QEMU with a Linux guest in it, that does what it is told.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use super::initrd::Boot;

/// A virtual machine whose one network device is in another process. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Machine {
    name: &'static str,
    process: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Machine {
    /// Starts one, by software emulation alone. Its device is plugged into the port that listens at
    /// `socket`, which must be there already; and again when another process listens there.
    pub(crate) fn start(name: &'static str, boot: &Boot, socket: &Path, packed: bool) -> Self {
        let last = name.bytes().last().unwrap_or(0);
        let packed = if packed { "on" } else { "off" };
        let mut process = Command::new("qemu-system-x86_64")
            .args(["-machine", "q35,memory-backend=mem", "-accel", "tcg"])
            .args(["-m", "192", "-nodefaults", "-display", "none", "-no-reboot"])
            .args(["-serial", "stdio", "-kernel"])
            .arg(&boot.kernel)
            .arg("-initrd")
            .arg(&boot.initrd)
            .args(["-append", "console=ttyS0 quiet loglevel=1 panic=-1"])
            .args(["-object", "memory-backend-memfd,id=mem,size=192M,share=on"])
            .arg("-chardev")
            .arg(format!(
                "socket,id=char0,path={},reconnect=1",
                socket.display()
            ))
            .args(["-netdev", "vhost-user,id=net0,chardev=char0", "-device"])
            // Without KVM there are no interrupts to hand to another process.
            .arg(format!(
                "virtio-net-pci,netdev=net0,vectors=0,packed={packed},mac=52:54:00:00:00:{last:02x}"
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("qemu-system-x86_64 starts");
        let stdin = process.stdin.take().unwrap();
        let lines = follow(process.stdout.take().unwrap());
        Self {
            name,
            process,
            stdin,
            lines,
        }
    }

    /// Waits until it has booted.
    pub(crate) fn booted(&self) {
        let (text, status) = self.answer(PATIENCE);
        assert_eq!(status, 0, "{}: {text}", self.name);
    }

    /// Runs a line of shell, which must end well; gives what it printed.
    #[track_caller]
    pub(crate) fn run(&mut self, line: &str) -> String {
        let (text, status) = self.ask(line);
        assert_eq!(status, 0, "{}: {line}: {text}", self.name);
        text
    }

    /// Runs a line of shell; gives what it printed, and its status.
    #[track_caller]
    pub(crate) fn ask(&mut self, line: &str) -> (String, i32) {
        self.begin(line);
        self.answer(PATIENCE)
    }

    /// Has a line of shell run; its answer is waited for by [`answer`](Self::answer).
    #[track_caller]
    pub(crate) fn begin(&mut self, line: &str) {
        let sent = writeln!(self.stdin, "{line}");
        sent.and_then(|()| self.stdin.flush())
            .unwrap_or_else(|error| panic!("{}: {line}: {error}", self.name));
    }

    #[track_caller]
    pub(crate) fn answer(&self, patience: Duration) -> (String, i32) {
        let deadline = Instant::now() + patience;
        let mut text = String::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{}: no answer in {patience:?}; it said: {text}", self.name);
            };
            if let Some(status) = line.strip_prefix("::") {
                return (text, status.parse().unwrap_or(-1));
            }
            text.push_str(&line);
            text.push('\n');
        }
    }

    /// A number that a line of shell prints.
    #[track_caller]
    pub(crate) fn number(&mut self, line: &str) -> u64 {
        let text = self.run(line);
        let number = text.trim().parse();
        number.unwrap_or_else(|error| panic!("{}: {line}: {error}: {text}", self.name))
    }

    /// Switches it off, and waits for QEMU's end.
    pub(crate) fn power_off(mut self) {
        self.begin("poweroff -f");
        let deadline = Instant::now() + PATIENCE;
        while self.process.try_wait().expect("a child").is_none() {
            assert!(Instant::now() < deadline, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lines until there are no more.
fn follow(output: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
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
    lines
}

/// For what takes a moment on a machine of its own.
const PATIENCE: Duration = Duration::from_secs(120);

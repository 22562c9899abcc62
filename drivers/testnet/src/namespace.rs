//! A network namespace that lives by its descriptor.

use core::time::Duration;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Instant;

use crate::Child;

/// A network namespace of the test's own.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// let (left, right) = (linecard_testnet::Namespace::new()?, linecard_testnet::Namespace::new()?);
/// left.pair("eth0", &right, "eth0");
/// left.ip("address add 192.0.2.1/24 dev eth0");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one, with `lo` up and IPv6 off until it is asked for; the calling thread stays where
    /// it is.
    ///
    /// # Errors
    /// What the kernel says: most often that this needs root.
    pub fn new() -> io::Result<Self> {
        let before = Self::current()?;
        // SAFETY: no pointers are passed; only this thread's network namespace changes.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let new = Self::current();
        // Nothing speaks that was not told to.
        let quiet = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        before.enter()?;
        quiet?;
        new
    }

    /// The calling thread's.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn current() -> io::Result<Self> {
        File::open("/proc/thread-self/ns/net").map(Self)
    }

    /// Moves the calling thread here.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn enter(&self) -> io::Result<()> {
        enter(&self.0)
    }

    /// Runs `work` with the calling thread here.
    ///
    /// # Panics
    /// If the thread cannot come here, or back.
    pub fn inside<R>(&self, work: impl FnOnce() -> R) -> R {
        let before = Self::current().expect("the thread's namespace");
        self.enter().expect("into the namespace");
        let result = work();
        before.enter().expect("back to where the thread was");
        result
    }

    /// A path by which `ip` finds it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }

    /// A program that will run here.
    ///
    /// # Panics
    /// If there is no descriptor left.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let here = self.0.try_clone().expect("another descriptor");
        // SAFETY: between fork and exec only `setns` is called, which is a plain system call, on a
        // descriptor that the closure keeps open.
        unsafe { command.pre_exec(move || enter(&here)) };
        command
    }

    /// Runs a program here to its end, and gives what it printed and whether it said that it went
    /// well.
    ///
    /// # Panics
    /// If there is no such program.
    #[must_use]
    pub fn output(&self, program: &str, arguments: &str) -> (String, bool) {
        let output = self
            .command(program)
            .args(arguments.split_whitespace())
            .output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        (text, output.status.success())
    }

    /// Runs a program here to its end; its complaint is the test's failure.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn run(&self, program: &str, arguments: &str) -> String {
        let (text, well) = self.output(program, arguments);
        assert!(well, "{program} {arguments}: {text}");
        text
    }

    /// Starts a server here, and waits until something listens on `port` (TCP).
    ///
    /// # Panics
    /// If there is no such program, if it ends, or if nothing listens within 30 s.
    #[must_use]
    pub fn serve(&self, program: &str, arguments: &str, port: u16) -> Child {
        let mut command = self.command(program);
        let mut server = Child::start(command.args(arguments.split_whitespace()));
        let end = Instant::now() + Duration::from_secs(30);
        let listening = format!("-Hltn sport = :{port}");
        while self.run("ss", &listening).is_empty() {
            assert!(
                !server.has_ended() && Instant::now() < end,
                "{program} does not listen on {port}: {}",
                server.printed()
            );
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// Runs `ip` here.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn ip(&self, arguments: &str) -> String {
        self.run("ip", arguments)
    }

    /// Makes a veth pair: `near` here, `far` there, both up. Each end has IPv6 off, as long as
    /// nobody has switched it on for new interfaces.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn pair(&self, near: &str, there: &Self, far: &str) {
        self.pair_with("", near, there, far);
    }

    /// As [`pair`](Self::pair), with options of `ip link add` for both ends.
    ///
    /// # Panics
    /// As [`pair`](Self::pair).
    pub fn pair_with(&self, options: &str, near: &str, there: &Self, far: &str) {
        let path = there.path();
        self.ip(&format!(
            "link add {near} {options} type veth peer name {far} {options} netns {path}"
        ));
        self.ip(&format!("link set {near} up"));
        there.ip(&format!("link set {far} up"));
    }

    /// Writes a setting under `/proc/sys/net`.
    ///
    /// # Panics
    /// If it does not go well.
    pub fn sysctl(&self, name: &str, value: &str) {
        let path = format!("/proc/sys/net/{name}");
        self.inside(|| fs::write(&path, value))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: no pointers are passed; only this thread's network namespace changes.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

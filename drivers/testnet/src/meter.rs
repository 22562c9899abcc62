//! What a thread asks of the kernel.

use core::time::Duration;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use crate::bpf::{self, Code, Map};

/// Counts a thread's system calls, and adds up the time between them: what it is at work by itself.
///
/// By programs at the kernel's `sys_enter` and `sys_exit`, which are there only while it [runs](Self::start): the
/// clock is the kernel's, so that a few percent of the processor are seen where the kernel's own accounting, by
/// its tick, sees a handful of samples. About 50 ns of each system call's way in and out are in that time. A stretch
/// of 100 microseconds and more counts for nothing: the thread waited for work, or for its processor.
///
/// ```no_run
/// use linecard_testnet::Meter;
///
/// # fn example(thread: u32) -> std::io::Result<()> {
/// let meter = Meter::of(thread)?;
/// let running = meter.start()?;
/// // The thread works.
/// let (calls, time) = running.stop()?;
/// println!("{calls} system calls, {time:?} between them");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Meter {
    map: Map,
    enter: OwnedFd,
    exit: OwnedFd,
}

/// A [`Meter`] at work.
#[derive(Debug)]
pub struct Running<'m> {
    meter: &'m Meter,
    _links: [OwnedFd; 2],
}

/// Where a value of the map has what.
const CALLS: i16 = 0;
const BETWEEN: i16 = 8;
const LAST_EXIT: i16 = 16;

impl Meter {
    /// Of a thread, by its number.
    ///
    /// # Errors
    /// What the kernel says of the programs.
    pub fn of(thread: u32) -> io::Result<Self> {
        let map = Map::array(1, 24)?;
        let namespace = fs::metadata("/proc/self/ns/pid")?;
        // R6 is the time, R0 the map's value; whoever is another thread ends here.
        let begin = |code: &mut Code| {
            code.set_wide(1, namespace.dev());
            code.set_wide(2, namespace.ino());
            code.copy(3, 10).add(3, -16).set(4, 8);
            code.call(bpf::THREAD_IN_NAMESPACE).if_not(0, 0, 1);
            code.load(4, 1, 10, -16).if_not(1, thread.cast_signed(), 1);
            code.call(bpf::TIME).copy(6, 0);
            code.set(0, 0).look_up(&map).if_is(0, 0, 1);
        };
        let end = |code: &mut Code| {
            code.label(1).give(0);
            code.program(bpf::RAW_TRACEPOINT)
        };
        let mut code = Code::default();
        begin(&mut code);
        code.set(1, 1).add_at(0, CALLS, 1);
        code.load(8, 1, 0, LAST_EXIT).if_is(1, 0, 1);
        code.subtract(6, 1).if_above(6, STRETCH, 1);
        code.load(8, 1, 0, BETWEEN).add_register(1, 6);
        code.store(8, 0, BETWEEN, 1);
        let enter = end(&mut code)?;
        let mut code = Code::default();
        begin(&mut code);
        code.store(8, 0, LAST_EXIT, 6);
        let exit = end(&mut code)?;
        Ok(Self { map, enter, exit })
    }

    /// Begins to count, from nothing.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn start(&self) -> io::Result<Running<'_>> {
        self.map.set(0, &[0; 3])?;
        let exit = bpf::trace(&self.exit, c"sys_exit")?;
        let enter = bpf::trace(&self.enter, c"sys_enter")?;
        Ok(Running {
            meter: self,
            _links: [enter, exit],
        })
    }
}

impl Running<'_> {
    /// Ends; gives the system calls, and the time between them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn stop(self) -> io::Result<(u64, Duration)> {
        let [calls, between, _] = self.meter.map.read(0)?;
        Ok((calls, Duration::from_nanos(between)))
    }
}

/// The longest stretch between two calls that counts as work, in nanoseconds.
const STRETCH: i32 = 100_000;

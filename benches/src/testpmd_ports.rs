//! `dpdk-testpmd` as a forwarder between two ports in its own memory.
//!
//! What it takes a packet is the time of its forwarding thread, without what that waited for a
//! processor, over the packets that its ports count meanwhile. Who is not being measured is held.

use core::time::Duration;
use std::fs;
use std::thread;
use std::time::Instant;

use linecard_linux::memory::Reservation;

use crate::counts;
use crate::harness::Contender;
use crate::quiet::POLLERS;
use crate::testpmd::Testpmd;

/// The pages that DPDK's memory and ours is on: huge ones where the machine gives them.
#[derive(Debug)]
pub struct Pages {
    /// To be dropped when what was asked for is mapped: the pages stay with who has them.
    reserved: Option<Reservation>,
}

impl Pages {
    /// Asks for so many bytes of huge pages. Under simulation there are none: valgrind has no room for
    /// the addresses that DPDK keeps free for them.
    #[must_use]
    pub fn ask(bytes: usize) -> Self {
        let reserved = match counts::is_simulated() {
            true => None,
            false => Reservation::for_bytes(bytes).ok(),
        };
        Self { reserved }
    }

    /// What a testpmd is told of 256 MiB, which a process beside it can map as well.
    #[must_use]
    pub fn shared(&self) -> &'static [&'static str] {
        match self.are_huge() {
            true => &["--in-memory", "--single-file-segments", "-m", "256"],
            false => &["--no-huge", "-m", "256"],
        }
    }

    /// Whether there are.
    #[must_use]
    pub fn are_huge(&self) -> bool {
        self.reserved.is_some()
    }

    /// What they are; under simulation, what those of the row are that is counted, so that it has its name.
    #[must_use]
    pub fn word(&self) -> &'static str {
        let huge = match counts::simulated() {
            Some(row) => row.ends_with(HUGE),
            None => self.are_huge(),
        };
        match huge {
            true => HUGE,
            false => "ordinary pages",
        }
    }
}

/// What a row says of the pages.
const HUGE: &str = "huge pages";

/// A forwarding mode of testpmd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Packets are left as they are, and not looked at.
    Io,
    /// The Ethernet addresses change places.
    MacSwap,
    /// So do the addresses of IP and the ports of UDP or TCP.
    FiveTuple,
}

/// Between which devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `net_null`: packets from nowhere to nowhere.
    Null,
    /// `net_ring`: what one sends it receives itself; so many packets go round.
    Ring,
}

/// testpmd in a mode, between two devices of a kind; its row says why if it is not there.
#[must_use]
pub fn contender(mode: Mode, kind: Kind) -> Contender {
    let word = Pages::ask(MEGABYTES << 20).word();
    let name = format!("testpmd {}, {}, {word}", mode.word(), kind.word());
    let name: &'static str = name.leak();
    Contender::lazy(name, move || forwards(name, mode, kind))
}

/// That on which testpmd forwards, and on which who stands beside it belongs.
#[must_use]
pub fn processor() -> usize {
    thread::available_parallelism().map_or(1, usize::from) - 1
}

fn forwards(name: &'static str, mode: Mode, kind: Kind) -> Result<Contender, String> {
    let pages = Pages::ask(MEGABYTES << 20);
    let megabytes = MEGABYTES.to_string();
    let arguments = match pages.are_huge() {
        true => ["--in-memory", "-m", &megabytes],
        false => ["--no-huge", "-m", &megabytes],
    };
    let devices = [0, 1].map(|number| format!("{}{number}", kind.word()));
    let mode = format!("--forward-mode={}", mode.word());
    let more = ["--port-topology=paired", "--burst=32", &mode];
    let lcores = format!("0@0,1@{}", processor());
    let mut testpmd = Testpmd::on(&lcores, &arguments, &devices, &more)?;
    drop(pages);
    let start = match kind {
        Kind::Null => "start".to_owned(),
        Kind::Ring => format!("start tx_first {PRIMED}"),
    };
    testpmd.ask(&start, "packet forwarding")?;
    let wait = Wait::of(testpmd.id())?;
    thread::sleep(Duration::from_millis(20));
    if testpmd.received()? == 0 {
        return Err("it forwards nothing".into());
    }
    testpmd.hold(true);
    Ok(Contender::new(name, move |units: u64| {
        testpmd.hold(false);
        thread::sleep(WARM);
        let mut look = || {
            let received = testpmd.received()?;
            Ok::<_, String>((received, Instant::now(), wait.read()))
        };
        let mut slice = || {
            let first = look()?;
            thread::sleep(SLICE);
            Ok::<_, String>((first, look()?))
        };
        // It is asked again where it does not answer once.
        let slice = slice().or_else(|why| {
            eprintln!("{name}: {why}");
            slice()
        });
        testpmd.hold(true);
        match slice {
            Ok(((before, began, waited), (after, ended, waits))) => {
                let took = (ended - began).saturating_sub(waits.saturating_sub(waited));
                // Port 0's: the other one receives as many, its burst by turns.
                let packets = 2 * after.saturating_sub(before).max(1);
                took.mul_f64(units as f64 / packets as f64)
            }
            // A turn that is not to be had: the median of the others is as good, and a testpmd that is
            // gone shows by all of them.
            Err(why) => {
                eprintln!("{name}: {why}");
                UNHEARD
            }
        }
    }))
}

impl Mode {
    /// What testpmd calls it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::MacSwap => "macswap",
            Self::FiveTuple => "5tswap",
        }
    }
}

impl Kind {
    /// The devices' name, without their number.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Null => "net_null",
            Self::Ring => "net_ring",
        }
    }
}

/// How long a thread has waited for a processor.
pub(crate) struct Wait {
    /// `/proc/PID/task/TID/schedstat`: time run, time waited, times run
    /// (`Documentation/scheduler/sched-stats.rst`).
    path: String,
}

impl Wait {
    /// Of a process's forwarding thread.
    fn of(process: u32) -> Result<Self, String> {
        Self::poller_of(process).map(|thread| Self::of_thread(process, thread))
    }

    /// Of that thread of a process.
    pub(crate) fn of_thread(process: u32, thread: u32) -> Self {
        let path = format!("/proc/{process}/task/{thread}/schedstat");
        Self { path }
    }

    /// The number of a process's forwarding thread.
    pub(crate) fn poller_of(process: u32) -> Result<u32, String> {
        let tasks = format!("/proc/{process}/task");
        let entries = fs::read_dir(&tasks).map_err(|error| format!("{tasks}: {error}"))?;
        for task in entries.flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let number = task.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(number) = number
                && POLLERS.iter().any(|poller| name.starts_with(poller))
            {
                return Ok(number);
            }
        }
        Err("dpdk-testpmd has no forwarding thread".into())
    }

    /// None at all where the kernel does not say.
    pub(crate) fn read(&self) -> Duration {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let waited = text.split_whitespace().nth(1);
        Duration::from_nanos(waited.and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
    }
}

/// Bursts that go round in each ring.
pub(crate) const PRIMED: usize = 2;

/// For its mbufs, and what else it keeps.
const MEGABYTES: usize = 128;

/// A turn in which it did not answer: so that a contender that never does is the last.
const UNHEARD: Duration = Duration::from_secs(3600);

/// Between being let go and the first look at its counters.
const WARM: Duration = Duration::from_millis(10);

/// Between two looks.
const SLICE: Duration = Duration::from_millis(60);

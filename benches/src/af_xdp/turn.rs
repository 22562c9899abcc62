//! A forwarder on a [lane](super::lane), and its turns.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::process::Child;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use linecard_linux::affinity;
use linecard_testnet::{Meter, Namespace};
use rustix::process::{Pid, Signal, kill_process};

use super::lane::Lane;
use crate::harness::{Besides, Contender};
use crate::testpmd::Testpmd;
use crate::testpmd_ports::Wait;

/// Who forwards.
pub enum Forwarder {
    /// A thread of ours.
    Thread(Poller),
    /// A process of one thread.
    Process(Peer),
    /// `dpdk-testpmd`.
    Testpmd(Box<Testpmd>),
    /// The kernel itself, in no thread of anybody's.
    Kernel,
}

impl Forwarder {
    /// Lets it work, or keeps it from it.
    pub fn hold(&self, held: bool) {
        match self {
            Self::Thread(poller) => poller.hold(held),
            Self::Process(peer) => peer.hold(held),
            Self::Testpmd(testpmd) => testpmd.hold(held),
            Self::Kernel => {}
        }
    }

    /// Its process and its thread, if it has one.
    fn thread(&self) -> Result<Option<(u32, u32)>, String> {
        match self {
            Self::Thread(poller) => Ok(Some((std::process::id(), poller.thread))),
            Self::Process(peer) => Ok(Some((peer.0.id(), peer.0.id()))),
            Self::Testpmd(testpmd) => {
                let process = testpmd.id();
                Ok(Some((process, Wait::poller_of(process)?)))
            }
            Self::Kernel => Ok(None),
        }
    }
}

/// The rows of a forwarder: nanoseconds of the clock a packet, without what its thread waited for a processor; of
/// these, what it was at work by itself; its system calls.
///
/// # Errors
/// That it forwards nothing.
pub fn contender(
    name: &'static str,
    lane: Lane,
    forwarder: Forwarder,
) -> Result<Contender, String> {
    let thread = forwarder.thread()?;
    let wait = thread.map(|(process, thread)| Wait::of_thread(process, thread));
    // Where the kernel has no such tracepoints the rows are not there.
    let meter = thread.and_then(|(_, thread)| Meter::of(thread).ok());
    let (own, calls) = (
        Besides::new(OWN, "ns of its own"),
        Besides::new(CALLS, "system calls"),
    );
    let besides = match meter {
        Some(_) => vec![own.clone(), calls.clone()],
        None => Vec::new(),
    };
    let mut turn = Turn {
        lane,
        forwarder,
        wait,
        meter,
        own: own.value,
        calls: calls.value,
    };
    turn.take()?;
    let run = move |units| match turn.take() {
        Ok(nanos) => Duration::from_secs_f64(nanos * units as f64 / 1e9),
        Err(error) => {
            // The others go on; its time is absurd.
            eprintln!("{name}: {error}");
            Duration::from_secs(3600)
        }
    };
    Ok(Contender::with(name, besides, run))
}

struct Turn {
    lane: Lane,
    forwarder: Forwarder,
    wait: Option<Wait>,
    meter: Option<Meter>,
    own: Rc<Cell<f64>>,
    calls: Rc<Cell<f64>>,
}

impl Turn {
    /// A turn; gives the nanoseconds a packet.
    fn take(&mut self) -> Result<f64, String> {
        self.forwarder.hold(false);
        self.lane.flood(true)?;
        thread::sleep(WARM);
        let result = self.measured();
        let ended = self.lane.flood(false);
        self.forwarder.hold(true);
        ended.and(result)
    }

    fn measured(&self) -> Result<f64, String> {
        let kernel = |error: std::io::Error| error.to_string();
        if let Some(meter) = &self.meter {
            let running = meter.start().map_err(kernel)?;
            let before = self.lane.count()?;
            thread::sleep(METERED);
            let packets = self.lane.count()?.saturating_sub(before);
            let (calls, own) = running.stop().map_err(kernel)?;
            if packets > 0 {
                self.calls.set(calls as f64 / packets as f64);
                self.own.set(own.as_nanos() as f64 / packets as f64);
            }
        }
        let waited = || self.wait.as_ref().map_or(Duration::ZERO, Wait::read);
        let (before, waits, began) = (self.lane.count()?, waited(), Instant::now());
        thread::sleep(SLICE);
        let (after, waits, took) = (self.lane.count()?, waited() - waits, began.elapsed());
        match after - before {
            0 => Err("it forwards nothing".into()),
            packets => Ok(took.saturating_sub(waits).as_nanos() as f64 / packets as f64),
        }
    }
}

/// A thread of ours that polls while it is let; it ends when this is dropped.
pub struct Poller {
    thread: u32,
    on: Arc<AtomicBool>,
    ends: Arc<AtomicBool>,
    handle: Option<thread::JoinHandle<()>>,
}

impl Poller {
    /// A thread in a namespace, on this processor if one is given, that calls what `make` makes there.
    ///
    /// # Errors
    /// What `make` says, or that it cannot be pinned.
    pub fn new<W: FnMut()>(
        inside: &Namespace,
        cpu: Option<usize>,
        make: impl FnOnce() -> Result<W, String> + Send + 'static,
    ) -> Result<Self, String> {
        let [on, ends] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let (goes_on, is_over) = (Arc::clone(&on), Arc::clone(&ends));
        let (ready, is_ready) = sync_channel(1);
        let begin = move || {
            if let Some(cpu) = cpu {
                affinity::pin(cpu).map_err(|error| error.to_string())?;
            }
            let thread = rustix::thread::gettid().as_raw_pid().cast_unsigned();
            make().map(|work| (work, thread))
        };
        let run = move || match begin() {
            Ok((mut work, thread)) => {
                let _ = ready.send(Ok(thread));
                while !is_over.load(Ordering::Relaxed) {
                    match goes_on.load(Ordering::Relaxed) {
                        true => (0..64).for_each(|_| work()),
                        false => thread::park(),
                    }
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        let poller = || thread::Builder::new().name("poller".into()).spawn(run);
        let handle = inside.inside(poller).map_err(|error| error.to_string())?;
        let thread = is_ready.recv().map_err(|error| error.to_string())??;
        Ok(Self {
            thread,
            on,
            ends,
            handle: Some(handle),
        })
    }

    /// Lets it poll, or keeps it from it.
    pub fn hold(&self, held: bool) {
        self.on.store(!held, Ordering::Relaxed);
        if let Some(handle) = &self.handle {
            handle.thread().unpark();
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.hold(true);
        if let Some(handle) = self.handle.take() {
            // It has nothing more to say if it panicked.
            let _ = handle.join();
        }
    }
}

/// A process of one thread, ended with this value.
pub struct Peer(pub Child);

impl Peer {
    fn hold(&self, held: bool) {
        let signal = if held { Signal::STOP } else { Signal::CONT };
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            // It may have ended, which shows elsewhere.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only if it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two processors: one for flood and reception, one for the forwarder.
///
/// # Errors
/// That there is one.
pub fn processors() -> Result<[usize; 2], String> {
    crate::hands::two()
}

/// What it is at work between its system calls.
pub const OWN: &str = "user time";
/// How often it asks the kernel.
pub const CALLS: &str = "system calls";

/// From the flood's beginning to the first look; under the meter; and without it.
const WARM: Duration = Duration::from_millis(15);
const METERED: Duration = Duration::from_millis(25);
const SLICE: Duration = Duration::from_millis(150);

//! A lane: what a forwarder over real interfaces stands between.
//!
//! ```text
//!   outside                 inside                  outside
//!   flood ── gen0 ═══ in0 ──> forwarder ──> out0 ═══ out1 ── nobody
//!   \______ first core _____/ \________ second core __________/
//! ```
//!
//! Two network namespaces of the bench's own, without names, and two veth pairs between them: they are gone with the
//! descriptors that hold them, whatever end the bench comes to, and nothing of the machine's own is touched. The flood
//! is made by the kernel (`BPF_PROG_TEST_RUN` with live frames) as long as a turn lasts, on the first core, which also
//! receives for `in0`; what the forwarder sends is for nobody at the other end, by its Ethernet address, so that the
//! kernel drops it on the forwarder's core, in the system call that sends it. A program in the driver of `out1` would
//! not do: it wants more room in front of a packet than senders leave, and each would be copied once more. What was
//! sent is in the statistics of `out0`.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;

use linecard_linux::affinity;
use linecard_testnet::{Flood, Interrupt, Namespace, Sink, set_merging};

use crate::routing::{FLOWS, FRAME, MAC, OTHER_MAC, ROUTES, bench_flows, frame};

/// Between what a forwarder stands.
pub struct Lane {
    /// Where the forwarder is, with `in0` and `out0`.
    pub inside: Namespace,
    outside: Namespace,
    generator: Option<Generator>,
    sink: Option<Sink>,
}

/// Who takes what comes in by `in0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// An XDP program.
    Xdp,
    /// The kernel's network stack, and who listens there.
    Stack,
}

impl Lane {
    /// The interfaces alone.
    ///
    /// # Errors
    /// That this needs root, or `ip`.
    pub fn new(input: Input) -> Result<Self, String> {
        possible()?;
        let namespace = || Namespace::new().map_err(|error| format!("a namespace: {error}"));
        let (inside, outside) = (namespace()?, namespace()?);
        outside.pair("gen0", &inside, "in0");
        inside.pair("out0", &outside, "out1");
        inside.ip(&format!("link set in0 address {MAC}"));
        inside.ip(&format!("link set out0 address {OTHER_MAC}"));
        if input == Input::Stack {
            // Or the veth takes nothing from a program: there is none at its own end.
            inside.inside(|| set_merging("in0", true));
        }
        Ok(Self {
            inside,
            outside,
            generator: None,
            sink: None,
        })
    }

    /// Likewise with a flood of the bench's flows at one end, from this processor if one is given.
    ///
    /// # Errors
    /// As [`new`](Self::new), or what the kernel says of the programs.
    pub fn flooded(input: Input, cpu: Option<usize>) -> Result<Self, String> {
        let (frame, destinations) = flows()?;
        Self::new(input)?.between(&frame, &destinations, cpu)
    }

    /// Puts a flood of such frames to these destinations at one end.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn between(
        mut self,
        frame: &[u8],
        destinations: &[[u8; 4]],
        cpu: Option<usize>,
    ) -> Result<Self, String> {
        let kernel = |error: std::io::Error| error.to_string();
        let flood = self.outside(|| Flood::new("gen0", frame, destinations, false));
        let flood = flood.map_err(kernel)?;
        self.generator = Some(Generator::new(&self.outside, flood, cpu, FULL)?);
        Ok(self)
    }

    /// A flood of the bench's flows that is none: bursts of 32 with a pause behind each, stamped with their time, and at
    /// the other end a program that writes down how old the last [`AGES`] packets are.
    ///
    /// # Errors
    /// As [`flooded`](Self::flooded).
    pub fn paced(input: Input, cpu: Option<usize>) -> Result<Self, String> {
        let kernel = |error: std::io::Error| error.to_string();
        let (frame, destinations) = flows()?;
        let mut lane = Self::new(input)?;
        let flood = lane.outside(|| Flood::new("gen0", &frame, &destinations, true));
        let flood = flood.map_err(kernel)?;
        let sink = lane.outside(|| Sink::of_stamped("out1", AGES));
        lane.sink = Some(sink.map_err(kernel)?);
        lane.generator = Some(Generator::new(&lane.outside, flood, cpu, PACED)?);
        Ok(lane)
    }

    /// The ages, in nanoseconds, of the last packets of a paced flood that came through.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ages(&self) -> Result<Vec<u64>, String> {
        let sink = self.sink.as_ref().ok_or("nobody writes down ages")?;
        let kernel = |error: std::io::Error| error.to_string();
        let count = sink.count().map_err(kernel)?;
        let last = count.saturating_sub(AGES.into())..count;
        let ages = last.map(|number| sink.age(number, AGES));
        ages.collect::<Result<_, _>>().map_err(kernel)
    }

    /// Does something outside, where `gen0` and `out1` are.
    pub fn outside<R>(&self, work: impl FnOnce() -> R) -> R {
        self.outside.inside(work)
    }

    /// Lets the flood begin, or ends it; it has ended then.
    ///
    /// # Errors
    /// What the kernel said of it.
    pub fn flood(&self, on: bool) -> Result<(), String> {
        let generator = self.generator.as_ref().ok_or("no flood")?;
        match on {
            true => generator.start(),
            false => generator.stop(),
        }
    }

    /// Packets that came through: sent by `out0` and taken at its other end.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn count(&self) -> Result<u64, String> {
        let table = self
            .inside
            .inside(|| fs::read_to_string("/proc/thread-self/net/dev"));
        let table = table.map_err(|error| error.to_string())?;
        // The tenth number behind the name: `dev_seq_printf_stats` in net/core/net-procfs.c.
        let mut lines = table.lines().map(str::trim);
        let numbers = lines.find_map(|line| line.strip_prefix("out0:"));
        let sent = numbers.and_then(|line| line.split_whitespace().nth(9)?.parse().ok());
        sent.ok_or("the kernel has no count of out0".into())
    }
}

/// A frame, and the bench's destinations.
fn flows() -> Result<(Vec<u8>, Vec<[u8; 4]>), String> {
    let flows = bench_flows(FLOWS, ROUTES);
    let frame = frame(flows.first().ok_or("no flows")?, FRAME)?;
    let destinations = flows.iter().filter_map(|flow| match flow.destination() {
        core::net::SocketAddr::V4(address) => Some(address.ip().octets()),
        core::net::SocketAddr::V6(_) => None,
    });
    Ok((frame, destinations.collect()))
}

/// Whether lanes can be had here.
///
/// # Errors
/// Why not.
pub fn possible() -> Result<(), String> {
    let ip = std::process::Command::new("ip").arg("-V").output();
    ip.map_err(|error| format!("ip: {error} (Debian: iproute2)"))?;
    let namespace = Namespace::new().map(drop);
    namespace.map_err(|error| format!("no network namespace of its own: {error} (it needs root)"))
}

/// A thread that sends a flood while it is told to; it ends when this is dropped.
struct Generator {
    on: Arc<AtomicBool>,
    go: Option<SyncSender<()>>,
    ended: Receiver<Result<(), String>>,
    /// Ends the call that the flood is in.
    interrupt: Interrupt,
    thread: Option<thread::JoinHandle<()>>,
}

impl Generator {
    fn new(
        outside: &Namespace,
        flood: Flood,
        cpu: Option<usize>,
        (frames, batch, pause): Pace,
    ) -> Result<Self, String> {
        let on = Arc::new(AtomicBool::new(false));
        let (go, turns) = sync_channel::<()>(1);
        let (end, ended) = sync_channel(1);
        let (here, interrupt) = sync_channel(1);
        let goes_on = Arc::clone(&on);
        let run = move || {
            let _ = here.send(Interrupt::of_this_thread());
            for () in turns {
                let mut result = Ok(());
                while goes_on.load(Ordering::Relaxed) && result.is_ok() {
                    result = match flood.send(frames, batch) {
                        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
                        other => other,
                    };
                    if !pause.is_zero() {
                        thread::sleep(pause);
                    }
                }
                if end
                    .send(result.map_err(|error| format!("the flood: {error}")))
                    .is_err()
                {
                    return;
                }
            }
        };
        let begin = move || {
            if let Some(cpu) = cpu {
                // Where that is not allowed it runs where the kernel likes.
                let _ = affinity::pin(cpu);
            }
            run();
        };
        // A thread inherits its parent's namespace.
        let thread = outside.inside(|| thread::Builder::new().name("flood".into()).spawn(begin));
        let thread = thread.map_err(|error| error.to_string())?;
        let interrupt = interrupt.recv().map_err(|error| error.to_string())?;
        Ok(Self {
            on,
            go: Some(go),
            ended,
            interrupt: interrupt.map_err(|error| error.to_string())?,
            thread: Some(thread),
        })
    }

    fn start(&self) -> Result<(), String> {
        self.on.store(true, Ordering::Relaxed);
        let go = self.go.as_ref().ok_or("the flood has ended")?;
        go.send(()).map_err(|error| error.to_string())
    }

    fn stop(&self) -> Result<(), String> {
        self.on.store(false, Ordering::Relaxed);
        loop {
            // Again, should it have come between two calls. Where it fails the thread is gone, which shows below.
            let _ = self.interrupt.raise();
            match self.ended.recv_timeout(AGAIN) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => {}
                Err(gone) => return Err(gone.to_string()),
            }
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.on.store(false, Ordering::Relaxed);
        drop(self.go.take());
        if let Some(thread) = self.thread.take() {
            while !thread.is_finished() {
                // If it has ended meanwhile there is nothing to interrupt.
                let _ = self.interrupt.raise();
                thread::sleep(AGAIN);
            }
            // It has nothing more to say if it panicked.
            let _ = thread.join();
        }
    }
}

/// Frames of one system call of the flood's, frames that the other end gets at once, and the pause behind.
type Pace = (u32, u32, Duration);

/// As long as it is let: between two calls there would be milliseconds without a packet.
const FULL: Pace = (1 << 30, 64, Duration::ZERO);

/// When a flood that has not ended is told again.
const AGAIN: Duration = Duration::from_millis(1);

/// A burst, and nothing on its way any more when the next one comes.
const PACED: Pace = (32, 32, Duration::from_micros(200));

/// Packets of a paced flood whose ages are known.
pub const AGES: u32 = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;
    use linecard_testnet::{Meter, available};

    /// A flood of several calls has gaps of milliseconds between them, in which a forwarder catches up: then it is
    /// the flood that is measured.
    #[test]
    fn a_flood_is_one_system_call_until_it_is_told_to_end() {
        if !available(&["ip"]) {
            return;
        }
        let lane = Lane::flooded(Input::Stack, None).expect("a lane");
        let thread = lane
            .generator
            .as_ref()
            .map(|flood| flood.interrupt.thread());
        let meter = Meter::of(thread.expect("a flood")).expect("a meter");
        for _ in 0..2 {
            lane.flood(true).expect("it begins");
            thread::sleep(Duration::from_millis(100));
            let running = meter.start().expect("it runs");
            thread::sleep(Duration::from_millis(300));
            let (calls, _) = running.stop().expect("it has run");
            lane.flood(false).expect("it ends");
            assert!(calls <= 1, "{calls} calls");
        }
    }
}

//! Packets to and fro by vhost-user, Linecard's back end beside DPDK's.
//!
//! Each serves a `dpdk-testpmd` with `net_virtio_user` as its front end, alike for both, on the first
//! core; the back ends are on the second one. 128 packets of 64 bytes go round. Who is not being
//! measured is held. All have huge pages where the machine gives them. Behind each back end stands for how long its front end was at work for a packet:
//! nothing can go round faster than that, whoever serves it.

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Instant;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, PoolConfig};
use linecard::packet::Burst;
use linecard_linux::affinity;
use linecard_linux::memory::{PagePolicy, PoolMemory};
use linecard_virtio::vhost_user::{Server, ServerConfig};

use crate::harness::Contender;
use crate::quiet::Turn;
use crate::testpmd::Testpmd;
use crate::testpmd_ports::Pages;
use crate::vhost::{BURSTS, FRAMES, PROCESS, socket};

/// Split rings.
///
/// # Errors
/// What is missing.
pub fn split() -> Result<Vec<Contender>, String> {
    contenders("split", "packed_vq=0")
}

/// Packed rings.
///
/// # Errors
/// What is missing.
pub fn packed() -> Result<Vec<Contender>, String> {
    contenders("packed", "packed_vq=1")
}

fn contenders(form: &str, options: &str) -> Result<Vec<Contender>, String> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("wants two cores".into());
    }
    let pages = Pages::ask(3 * PROCESS);
    let front_end = |path: &str| {
        let device = format!("net_virtio_user0,path={path},queues=1,{options}");
        Testpmd::new(0, &pages, &[device], &["--record-core-cycles"])
    };
    let (ours, theirs) = (socket(form, 10), socket(form, 11));
    let mut contenders = Vec::new();

    let server = Served::new(&ours)?;
    server.on.store(true, Ordering::Release);
    let mut guest = front_end(&ours)?;
    circulate(&mut guest)?;
    server.on.store(false, Ordering::Release);
    add(&mut contenders, "linecard", guest, 0, move |polls| {
        server.on.store(polls, Ordering::Release);
    });

    let device = format!("net_vhost0,iface={theirs},queues=1");
    let mut back_end = Testpmd::new(1, &pages, &[device], &[])?;
    back_end.start(0)?;
    let mut guest = front_end(&theirs)?;
    circulate(&mut guest)?;
    back_end.hold(true);
    let process = back_end.id();
    add(
        &mut contenders,
        "dpdk net_vhost",
        guest,
        process,
        move |polls| {
            back_end.hold(!polls);
        },
    );
    Ok(contenders)
}

/// How long the front end takes for so many packets: by its rate over a while.
fn measure(guest: &mut Testpmd, units: u64) -> Duration {
    thread::sleep(Duration::from_millis(20));
    let mut look = || (Instant::now(), guest.received().unwrap_or(0));
    let (began, before) = look();
    thread::sleep(SLICE);
    let (ended, after) = look();
    let packets = after.saturating_sub(before).max(1);
    (ended - began).mul_f64(units as f64 / packets as f64)
}

/// Adds a back end, which `serve` lets poll or holds, and which is a process of its own unless that
/// is 0; and behind it, for how much of its last turn its front end was at work.
fn add(
    contenders: &mut Vec<Contender>,
    name: &'static str,
    guest: Testpmd,
    process: u32,
    serve: impl Fn(bool) + 'static,
) {
    let guest = RefCell::new(guest);
    let nanos = Rc::new(Cell::new(0.0));
    let at_work = Rc::clone(&nanos);
    let run = move |units| {
        let mut guest = guest.borrow_mut();
        guest.hold(false);
        let quiet = Turn::new(&[guest.id(), process]);
        guest.start(0).expect("the front end forwards");
        serve(true);
        let took = measure(&mut guest, units);
        // A front end that is held at work would count that, so it runs dry first.
        serve(false);
        thread::sleep(Duration::from_millis(5));
        guest.hold(true);
        drop(quiet);
        // Not before: who waits for a thread of lower priority on its own processor waits for ever.
        guest.hold(false);
        nanos.set(guest.stop().expect("the front end has forwarded"));
        guest.hold(true);
        took
    };
    contenders.push(Contender::new(name, run));
    let at_work = move |units| Duration::from_secs_f64(at_work.get() * units as f64 / 1e9);
    contenders.push(Contender::new("    its front end, at work", at_work));
}

/// Puts packets into circulation, stops and holds the front end.
fn circulate(guest: &mut Testpmd) -> Result<(), String> {
    guest.ask(&format!("start tx_first {BURSTS}"), "io packet forwarding")?;
    // DPDK's back end looks for new connections once a second.
    thread::sleep(Duration::from_millis(1200));
    let received = guest.received()?;
    guest.stop()?;
    guest.hold(true);
    match received {
        0 => Err("nothing goes round".into()),
        _ => Ok(()),
    }
}

/// A thread, on the second CPU, that serves a front end and sends back what it sends.
struct Served {
    /// Whether it polls, or waits.
    on: Arc<AtomicBool>,
    /// The socket, which the server would leave behind: its thread does not end before the program.
    path: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Served {
    fn new(path: &str) -> Result<Self, String> {
        let on = Arc::new(AtomicBool::new(false));
        let polls = Arc::clone(&on);
        let served = Self {
            on,
            path: path.to_owned(),
        };
        let path = path.to_owned();
        let (ready, is_ready) = sync_channel(1);
        let run = move || {
            if let Err(error) = serve(&path, &polls, || drop(ready.send(Ok(())))) {
                // Nobody listens any more if it was ready before.
                let _ = ready.send(Err(error));
            }
        };
        let poller = thread::Builder::new().name("poller".into());
        poller.spawn(run).map_err(|error| error.to_string())?;
        is_ready.recv().map_err(|error| error.to_string())??;
        Ok(served)
    }
}

/// Of a front end, whose counters are read over a pipe.
const SLICE: Duration = Duration::from_millis(100);

/// Serves for as long as the program runs.
fn serve(path: &str, on: &AtomicBool, ready: impl FnOnce()) -> Result<(), String> {
    let text = |error: &dyn core::fmt::Display| error.to_string();
    affinity::pin(1).map_err(|error| text(&error))?;
    let memory = PoolMemory::shared(FRAMES, PoolConfig::default(), PagePolicy::Prefer, false, 0);
    let memory = memory.map_err(|error| text(&error))?;
    let (pool, _, _) = memory.leak_shared(0, 1).map_err(|error| text(&error))?;
    let pool = Box::leak(Box::new(pool));
    let mut cache = Cache::new(pool, "bench", 256).map_err(|error| text(&error))?;
    let mut server = Server::new(ServerConfig::new(path)).map_err(|error| text(&error))?;
    let (mut rx, mut tx) = server.open(0, &mut cache).map_err(|error| text(&error))?;
    ready();
    let mut burst = Burst::<'_, 32>::new();
    loop {
        while on.load(Ordering::Relaxed) {
            if rx.rx_burst(&mut cache, &mut burst) > 0 {
                tx.tx_burst(&mut cache, &mut burst);
                burst.free(&mut cache);
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

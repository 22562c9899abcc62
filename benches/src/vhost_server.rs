//! Packets to and fro by vhost-user, Linecard's back end beside DPDK's.
//!
//! Each serves a `dpdk-testpmd` with `net_virtio_user` as its front end, alike for both, on the first
//! core; the back ends are on the second one. 128 packets of 64 bytes go round. Who is not being
//! measured is held.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, PoolConfig};
use linecard::packet::Burst;
use linecard_linux::affinity;
use linecard_linux::memory::{PagePolicy, PoolMemory};
use linecard_virtio::vhost_user::{Server, ServerConfig};

use crate::harness::Contender;
use crate::quiet::Turn;
use crate::testpmd::Testpmd;
use crate::vhost::{BURSTS, FRAMES, measure, socket};

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
    let front_end = |path: &str| {
        let device = format!("net_virtio_user0,path={path},queues=1,{options}");
        Testpmd::new(0, &[device], &[])
    };
    let (ours, theirs) = (socket(form, 10), socket(form, 11));

    let server = Served::new(&ours)?;
    server.on.store(true, Ordering::Release);
    let mut guest = front_end(&ours)?;
    circulate(&mut guest)?;
    server.on.store(false, Ordering::Release);
    let linecard = Contender::new("linecard", move |units| {
        let server = &server;
        server.on.store(true, Ordering::Release);
        let quiet = Turn::new(&[guest.id()]);
        let took = measure(&mut guest, units);
        server.on.store(false, Ordering::Release);
        drop(quiet);
        took
    });

    let device = format!("net_vhost0,iface={theirs},queues=1");
    let mut back_end = Testpmd::new(1, &[device], &[])?;
    back_end.start(0)?;
    let mut guest = front_end(&theirs)?;
    circulate(&mut guest)?;
    back_end.hold(true);
    let dpdk = Contender::new("dpdk net_vhost", move |units| {
        back_end.hold(false);
        let quiet = Turn::new(&[back_end.id(), guest.id()]);
        let took = measure(&mut guest, units);
        back_end.hold(true);
        drop(quiet);
        took
    });
    Ok(vec![linecard, dpdk])
}

/// Puts packets into circulation, and holds the front end.
fn circulate(guest: &mut Testpmd) -> Result<(), String> {
    guest.ask(&format!("start tx_first {BURSTS}"), "io packet forwarding")?;
    // DPDK's back end looks for new connections once a second.
    thread::sleep(Duration::from_millis(1200));
    let received = guest.received()?;
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

/// Serves for as long as the program runs.
fn serve(path: &str, on: &AtomicBool, ready: impl FnOnce()) -> Result<(), String> {
    let text = |error: &dyn core::fmt::Display| error.to_string();
    affinity::pin(1).map_err(|error| text(&error))?;
    let memory = PoolMemory::shared(FRAMES, PoolConfig::default(), PagePolicy::Prefer, false, 0);
    let memory = memory.map_err(|error| text(&error))?;
    let (pool, _, _) = memory.leak_shared(0).map_err(|error| text(&error))?;
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

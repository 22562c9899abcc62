//! Packets to and fro by vhost-user: one core drives the front end, one DPDK's vhost behind it.
//!
//! Every contender is a front end of the same back end, a `dpdk-testpmd` with a `net_vhost` port for
//! each; 128 packets of 64 bytes go round. All have huge pages where the machine gives them. Whoever is not being measured is held. What is measured
//! is time on the clock: neither of the two cores can go faster than the other.

use core::cell::{Cell, RefCell};
use core::time::Duration;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::packet::Burst;
use linecard::platform::Arena;
use linecard::wire::MacAddr;
use linecard_linux::affinity;
use linecard_linux::memory::{PagePolicy, PoolMemory, PortMemory};
use linecard_virtio::Features;
use linecard_virtio::net::{Adapter, Config, Net, NetRx, NetTx};
use linecard_virtio::vhost_user::VhostUser;

use crate::harness::Contender;
use crate::quiet::Turn;
use crate::testpmd::Testpmd;
use crate::testpmd_ports::Pages;

/// Split rings.
///
/// # Errors
/// What is missing.
pub fn split() -> Result<Vec<Contender>, String> {
    contenders(false)
}

/// Packed rings.
///
/// # Errors
/// What is missing.
pub fn packed() -> Result<Vec<Contender>, String> {
    contenders(true)
}

fn contenders(packed: bool) -> Result<Vec<Contender>, String> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("wants two cores".into());
    }
    let theirs: &[(&'static str, &str)] = match packed {
        false => &[
            ("dpdk net_virtio_user", "packed_vq=0"),
            ("dpdk, vectorized", "packed_vq=0,mrg_rxbuf=0,vectorized=1"),
        ],
        true => &[
            ("dpdk net_virtio_user", "packed_vq=1"),
            (
                "dpdk, vectorized",
                "packed_vq=1,in_order=1,mrg_rxbuf=0,vectorized=1",
            ),
        ],
    };
    let form = if packed { "packed" } else { "split" };
    let socket = |index: usize| socket(form, index);
    let count = 1 + theirs.len();
    let devices: Vec<String> = (0..count)
        .map(|index| format!("net_vhost{index},iface={},queues=1", socket(index)))
        .collect();
    let pages = Pages::ask((1 + theirs.len()) * PROCESS);
    let back_end = Testpmd::new(1, &pages, &devices, &["--record-core-cycles"])?;
    let back_end = Rc::new(RefCell::new(back_end));
    let front_end = Loop::new(&socket(0), packed)?;
    let mut contenders = Vec::new();
    add(
        &mut contenders,
        &back_end,
        "linecard",
        (0, 0),
        move |units| front_end.run(units),
    );
    for (index, &(name, options)) in theirs.iter().enumerate() {
        let path = socket(1 + index);
        let device = format!("net_virtio_user0,path={path},queues=1,{options}");
        let mut peer = Testpmd::new(0, &pages, &[device], &[])?;
        back_end.borrow_mut().start(1 + index)?;
        peer.ask(&format!("start tx_first {BURSTS}"), "io packet forwarding")?;
        // Its back end looks for new connections once a second.
        thread::sleep(Duration::from_millis(1200));
        if peer.received()? == 0 {
            return Err(format!("{name}: nothing goes round"));
        }
        peer.hold(true);
        back_end.borrow_mut().stop()?;
        let front_end = (1 + index, peer.id());
        add(&mut contenders, &back_end, name, front_end, move |units| {
            measure(&mut peer, units)
        });
    }
    back_end.borrow().hold(true);
    Ok(contenders)
}

/// A socket's path.
pub(crate) fn socket(form: &str, index: usize) -> String {
    let name = format!("linecard-bench-{}-{form}-{index}.sock", std::process::id());
    std::env::temp_dir().join(name).display().to_string()
}

/// Adds a front end, with the port of the back end and its own process; and behind it, for how much
/// of its last turn the back end was at work: no front end can go faster than that.
fn add(
    contenders: &mut Vec<Contender>,
    back_end: &Rc<RefCell<Testpmd>>,
    name: &'static str,
    (port, process): (usize, u32),
    mut turn: impl FnMut(u64) -> Duration + 'static,
) {
    let back_end = Rc::clone(back_end);
    let nanos = Rc::new(Cell::new(0.0));
    let at_work = Rc::clone(&nanos);
    let run = move |units| {
        let mut back_end = back_end.borrow_mut();
        back_end.hold(false);
        back_end.start(port).expect("the back end forwards");
        let quiet = Turn::new(&[back_end.id(), process]);
        let took = turn(units);
        back_end.hold(true);
        drop(quiet);
        // Not before: who waits for a thread of lower priority on its own processor waits for ever.
        back_end.hold(false);
        nanos.set(back_end.stop().expect("the back end has forwarded"));
        back_end.hold(true);
        took
    };
    contenders.push(Contender::new(name, run));
    let at_work = move |units| Duration::from_secs_f64(at_work.get() * units as f64 / 1e9);
    contenders.push(Contender::new("    the back end, at work", at_work));
}

/// How long testpmd takes for so many packets: by its rate over a while.
pub(crate) fn measure(peer: &mut Testpmd, units: u64) -> Duration {
    peer.hold(false);
    thread::sleep(Duration::from_millis(20));
    let mut look = || (Instant::now(), peer.received().unwrap_or(0));
    let (began, before) = look();
    thread::sleep(SLICE);
    let (ended, after) = look();
    peer.hold(true);
    let packets = after.saturating_sub(before).max(1);
    (ended - began).mul_f64(units as f64 / packets as f64)
}

/// A thread, on the first CPU, that sends on what it receives.
struct Loop {
    go: SyncSender<u64>,
    done: Receiver<Duration>,
}

impl Loop {
    fn new(path: &str, packed: bool) -> Result<Self, String> {
        let (go, wanted) = sync_channel::<u64>(1);
        let (answer, done) = sync_channel(1);
        let path = path.to_owned();
        let (ready, is_ready) = sync_channel(1);
        let poller = thread::Builder::new().name("poller".into());
        let run = move || match Front::new(&path, packed) {
            Ok(mut front) => {
                let _ = ready.send(Ok(()));
                for units in wanted {
                    if answer.send(front.bounce(units)).is_err() {
                        return;
                    }
                }
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        poller.spawn(run).map_err(|error| error.to_string())?;
        is_ready.recv().map_err(|error| error.to_string())??;
        Ok(Self { go, done })
    }

    fn run(&self, units: u64) -> Duration {
        let _ = self.go.send(units);
        self.done.recv().expect("the thread answers")
    }
}

type Shared = Adapter<'static, VhostUser, Arena<'static>, RING, 1>;

struct Front {
    rx: NetRx<'static, 'static, VhostUser, Arena<'static>, RING, 1>,
    tx: NetTx<'static, 'static, VhostUser, Arena<'static>, RING, 1>,
    cache: Cache<'static>,
}

impl Front {
    fn new(path: &str, packed: bool) -> Result<Self, String> {
        let text = |error: &dyn core::fmt::Display| error.to_string();
        affinity::pin(0).map_err(|error| text(&error))?;
        let memory = PoolMemory::shared(
            FRAMES,
            PoolConfig::default(),
            PagePolicy::Prefer,
            false,
            PortMemory::RINGS,
        );
        let memory = memory.map_err(|error| text(&error))?;
        let (pool, _, mut ports) = memory.leak_shared(1, 1).map_err(|error| text(&error))?;
        let pool: &'static Pool<'static> = Box::leak(Box::new(pool));
        let port = ports.pop().ok_or("no memory for rings")?;
        let transport = VhostUser::new(path, MacAddr([2, 0, 0, 0, 0, 1]), 1500, vec![port.shared]);
        let adapter: &'static Shared = Box::leak(Box::new(Adapter::new(transport, port.rings)));
        let mut config = Config {
            depth: RING as u16,
            ..Config::default()
        };
        config.accept.set(Features::RING_PACKED, packed);
        config.require.set(Features::RING_PACKED, packed);
        let mut net = Net::new(adapter, pool, "bench", config).map_err(|error| text(&error))?;
        let mut cache = Cache::new(pool, "bench", 256).map_err(|error| text(&error))?;
        let (rx, tx) = net.open(0, &mut cache).map_err(|error| text(&error))?;
        Ok(Self { rx, tx, cache })
    }

    /// Sends on what comes in until so many packets have come.
    fn bounce(&mut self, units: u64) -> Duration {
        // What is left of the last time is taken out: some may have been lost.
        let mut burst = Burst::<'_, 32>::new();
        let mut idle = 0_u32;
        while idle < 100_000 {
            idle += 1;
            if self.rx.rx_burst(&mut self.cache, &mut burst) > 0 {
                burst.free(&mut self.cache);
                idle = 0;
            }
            self.tx.reclaim(&mut self.cache);
        }
        self.fill();
        let start = Instant::now();
        let (mut received, mut idle) = (0, 0_u32);
        while received < units {
            let got = self.rx.rx_burst(&mut self.cache, &mut burst);
            received += got as u64;
            if got == 0 {
                idle += 1;
                // All were lost, as when the back end was not ready.
                if idle > 200_000 {
                    self.fill();
                    idle = 0;
                }
                continue;
            }
            idle = 0;
            self.tx.tx_burst(&mut self.cache, &mut burst);
            burst.free(&mut self.cache);
        }
        start.elapsed()
    }

    /// Puts packets into circulation.
    fn fill(&mut self) {
        for _ in 0..BURSTS {
            let mut burst = Burst::<'_, 32>::new();
            burst.alloc(&mut self.cache, 32);
            for packet in &mut burst {
                if let Ok(data) = packet.append(64) {
                    data.fill(0x55);
                }
            }
            self.tx.tx_burst(&mut self.cache, &mut burst);
            burst.free(&mut self.cache);
        }
    }
}

/// Bursts of 32 packets that go round: half of a ring, so that none is lost.
pub(crate) const BURSTS: usize = 4;
/// As many as `net_virtio_user` has.
const RING: usize = 256;
/// Of the pool.
pub(crate) const FRAMES: usize = 4096;
/// Of memory that one process asks for: testpmd's own and what its ports add, or a pool and its rings.
pub(crate) const PROCESS: usize = 288 << 20;
/// Of a peer, whose counters are read over a pipe.
const SLICE: Duration = Duration::from_millis(100);

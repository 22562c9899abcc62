//! The front ends of [`vhost`](crate::vhost): a thread that sends on what it receives, by Linecard's driver
//! or by bare rings.

use core::time::Duration;
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
use linecard_virtio::queue::bare::Bare;
use linecard_virtio::vhost_user::VhostUser;

use crate::vhost::FRAMES;

/// A thread, on the first CPU, that sends on what it receives.
pub(crate) struct Loop {
    /// How many packets are to come in, and how many bursts of 32 are to go round.
    go: SyncSender<(u64, usize)>,
    done: Receiver<Duration>,
}

impl Loop {
    /// Linecard's driver.
    pub(crate) fn driver(path: &str, packed: bool) -> Result<Self, String> {
        let path = path.to_owned();
        Self::new(move || Front::new(&path, packed))
    }

    /// Rings alone: what the back end gives at most.
    pub(crate) fn bare(path: &str, packed: bool) -> Result<Self, String> {
        let path = path.to_owned();
        Self::new(move || Floor::new(&path, packed))
    }

    fn new<B: Bounce>(
        make: impl FnOnce() -> Result<B, String> + Send + 'static,
    ) -> Result<Self, String> {
        let (go, wanted) = sync_channel::<(u64, usize)>(1);
        let (answer, done) = sync_channel(1);
        let (ready, is_ready) = sync_channel(1);
        let poller = thread::Builder::new().name("poller".into());
        let run = move || match make() {
            Ok(mut front) => {
                let _ = ready.send(Ok(()));
                for (units, bursts) in wanted {
                    if answer.send(rounds(&mut front, units, bursts)).is_err() {
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

    pub(crate) fn run(&self, units: u64, bursts: usize) -> Duration {
        let _ = self.go.send((units, bursts));
        self.done.recv().expect("the thread answers")
    }
}

/// What a thread drives.
trait Bounce {
    /// Sends on what has come in; gives how many packets.
    fn bounce(&mut self) -> usize;

    /// Takes out what has come in; gives how many packets.
    fn swallow(&mut self) -> usize;

    /// Puts so many bursts of 32 packets into circulation.
    fn fill(&mut self, bursts: usize);
}

/// Sends on what comes in until so many packets have come.
fn rounds(front: &mut impl Bounce, units: u64, bursts: usize) -> Duration {
    // What is left of the last time is taken out: some may have been lost.
    let mut idle = 0_u32;
    while idle < 100_000 {
        idle += 1;
        if front.swallow() > 0 {
            idle = 0;
        }
    }
    front.fill(bursts);
    let start = Instant::now();
    let (mut received, mut idle) = (0, 0_u32);
    while received < units {
        let came = front.bounce();
        received += came as u64;
        if came > 0 {
            idle = 0;
            continue;
        }
        idle += 1;
        // All were lost, as when the back end was not ready: some hundredths of a second.
        if idle > 4_000_000 {
            front.fill(bursts);
            idle = 0;
        }
    }
    start.elapsed()
}

type Memory = (&'static Pool<'static>, VhostUser, Arena<'static>);

/// Frames and rings on the first CPU, and the way to the back end.
fn set_up(path: &str) -> Result<Memory, String> {
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
    Ok((pool, transport, port.rings))
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
        let (pool, transport, rings) = set_up(path)?;
        let adapter: &'static Shared = Box::leak(Box::new(Adapter::new(transport, rings)));
        let mut config = Config {
            depth: RING as u16,
            ..Config::default()
        };
        // As testpmd starts DPDK's: without offloads, of which the back end reads in every header, and
        // without events.
        let more = Features::CSUM | Features::GUEST_CSUM | Features::EVENT_IDX;
        config.accept.remove(more);
        config.accept.set(Features::RING_PACKED, packed);
        config.require.set(Features::RING_PACKED, packed);
        let mut net = Net::new(adapter, pool, "bench", config).map_err(|error| text(&error))?;
        let mut cache = Cache::new(pool, "bench", 256).map_err(|error| text(&error))?;
        let (rx, tx) = net.open(0, &mut cache).map_err(|error| text(&error))?;
        Ok(Self { rx, tx, cache })
    }
}

impl Bounce for Front {
    fn bounce(&mut self) -> usize {
        let mut burst = Burst::<'_, 32>::new();
        let came = self.rx.rx_burst(&mut self.cache, &mut burst);
        if came > 0 {
            self.tx.tx_burst(&mut self.cache, &mut burst);
            burst.free(&mut self.cache);
        }
        came
    }

    fn swallow(&mut self) -> usize {
        let mut burst = Burst::<'_, 32>::new();
        let came = self.rx.rx_burst(&mut self.cache, &mut burst);
        burst.free(&mut self.cache);
        self.tx.reclaim(&mut self.cache);
        came
    }

    fn fill(&mut self, bursts: usize) {
        for _ in 0..bursts {
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

struct Floor(Bare<VhostUser>);

impl Floor {
    fn new(path: &str, packed: bool) -> Result<Self, String> {
        let (_, transport, rings) = set_up(path)?;
        let bare = Bare::new(transport, &rings, packed);
        Ok(Self(bare.map_err(|error| error.to_string())?))
    }
}

impl Bounce for Floor {
    fn bounce(&mut self) -> usize {
        self.0.bounce().expect("DPDK keeps the order")
    }

    fn swallow(&mut self) -> usize {
        self.0.swallow().expect("DPDK keeps the order")
    }

    fn fill(&mut self, bursts: usize) {
        self.0.send(32 * bursts as u16);
    }
}

/// As many as `net_virtio_user` has.
const RING: usize = 256;

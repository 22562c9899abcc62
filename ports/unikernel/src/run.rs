//! Ports, forwarder and worker, until the end.

use core::fmt::Write;

use heapless::Vec;
use linecard::device::{Device, RxQueue, TxQueue};
use linecard::forward::router::RouterConfig;
use linecard::mempool::{Cache, Pool};
use linecard::packet::PortId;
use linecard::pipeline::{Worker, WorkerStats};
use linecard::platform::{Arena, Clock};
use linecard_virtio::Features;
use linecard_virtio::net::{self, Adapter, Net, NetRx, NetTx};

use crate::config::{Config, MAX_PORTS};
use crate::console::{Console, say};
use crate::discover::{Found, network_devices};
use crate::forwarder::Forwarder;
use crate::setup::{self, Facts, SetupError};
use crate::transport::AnyTransport;
use crate::{Boot, CycleClock};

/// A port.
type ImageNet = Net<'static, 'static, AnyTransport, Memory>;
/// A port's receive queue.
type Rx = NetRx<'static, 'static, AnyTransport, Memory>;
/// A port's transmit queue.
type Tx = NetTx<'static, 'static, AnyTransport, Memory>;

/// How devices reach memory: they see the processor's caches.
#[cfg(not(feature = "self-test"))]
type Memory = &'static Arena<'static>;
/// How devices reach memory: they see the processor's caches, which is not believed here, so that
/// every frame goes through the cache maintenance.
#[cfg(feature = "self-test")]
type Memory = linecard::platform::NonCoherent<&'static Arena<'static>>;

/// The worker that runs here.
pub type ImageWorker = Worker<'static, Rx, Tx, Forwarder, CycleClock, MAX_PORTS>;

/// Runs what the command line says until its duration is over or `q` is pressed; whether every frame
/// was where it belongs at the end. `s` prints the figures.
///
/// # Errors
/// [`SetupError`] if something could not be set up.
pub fn run(config: &Config<'_>, boot: Boot) -> Result<bool, SetupError> {
    let Boot {
        mut ram,
        calibration,
        buses,
        ..
    } = boot;
    if config.ports.is_empty() {
        return Err(SetupError::NoPorts);
    }
    let mut devices: Vec<Option<Found>, 16> = network_devices(config, buses, |place, why| {
        say!("{place}: {why}");
    })
    .into_iter()
    .map(Some)
    .collect();
    let rings = ram.region("rings", config.ports.len() * RING_BYTES)?;
    let adapters = config.ports.len() * size_of::<Adapter<'_, AnyTransport, Memory>>();
    let spare = SPARE + adapters + size_of::<ImageWorker>();
    let (pool, window) = setup::pool(config, &mut ram, spare)?;
    let windows = ram.slice("windows", 1, |_| window)?;
    let arena: &'static Arena<'static> =
        ram.item("the arena", || Arena::new(rings).with_windows(windows))?;
    #[cfg(not(feature = "self-test"))]
    let memory: Memory = arena;
    #[cfg(feature = "self-test")]
    let memory = Memory::new(arena, linecard::platform::CacheMaintenance::detect());

    let mut facts: Vec<Facts, MAX_PORTS> = Vec::new();
    let mut nets: Vec<ImageNet, MAX_PORTS> = Vec::new();
    for (index, port) in config.ports.iter().enumerate() {
        let next = || devices.iter().position(Option::is_some);
        let number = port.device.or_else(next).unwrap_or(devices.len());
        let found = devices.get_mut(number).and_then(Option::take);
        let found = found.ok_or(SetupError::NoDevice(number))?;
        let mut name = heapless::String::<32>::new();
        let _ = match port.name {
            "" => write!(name, "port{index}"),
            given => name.push_str(given).map_err(|_| core::fmt::Error),
        };
        let place = found.place;
        let adapter: &'static Adapter<'static, AnyTransport, Memory> =
            ram.item("a device", || Adapter::new(found.transport, memory))?;
        let wanted = net::Config {
            // Whoever starts the machine with `packed=on` wants them.
            accept: net::Config::default().accept | Features::RING_PACKED,
            ..net::Config::default()
        };
        let mut net = Net::new(adapter, pool, &name, wanted)?;
        if let Some(mac) = port.mac {
            net.set_mac(mac)?;
        }
        let (mac, mtu) = (net.mac(), net.mtu());
        let packed = net.features().contains(Features::RING_PACKED);
        say!(
            "{name}: {place}, {mac}, MTU {mtu}, {} rings",
            if packed { "packed" } else { "split" }
        );
        for own in &port.addresses {
            say!("{name}: {own}");
        }
        let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
        // As many as there are ports, which is what there is room for.
        let _ = facts.push(Facts { mac, mtu });
        let _ = nets.push(net);
    }
    // By now the measurement has lasted long enough.
    let clock = calibration.finish();
    let behaviour = RouterConfig {
        // Nobody outside is to know it.
        seed: clock.now().as_nanos().wrapping_mul(0x9e37_79b9_7f4a_7c15),
        ..RouterConfig::default()
    };
    let stage = Forwarder::new(config, &facts, behaviour, false, &mut ram)?;
    let cache = Cache::new(pool, "worker", CACHE)?;
    let stats = ram.item("statistics", WorkerStats::new)?;
    // It is worked with where it lies and dropped there, and gets its queues one by one: all of it is
    // tens of kilobytes, and a few copies of that would be the stack.
    let place: &'static mut Option<ImageWorker> = ram.item("the worker", || None)?;
    let worker = place.insert(Worker::new(stage, clock, cache, stats));
    for net in &mut nets {
        let (rx, tx) = net.open(0, worker.cache())?;
        // There are no more than `MAX_PORTS`.
        let _ = worker.add_port(rx, tx);
    }
    say!("ready {} us after entry", clock.now().as_nanos() / 1_000);
    work(worker, config, pool);
    worker.drain(DRAIN);
    figures(worker, config, pool);
    // Queues closed, devices reset, everything freed: then the pool has all its frames.
    worker.stage().close();
    *place = None;
    let audit = pool.audit();
    match &audit {
        Ok(()) => say!("audit: every frame is free"),
        Err(error) => say!("audit: {error}"),
    }
    Ok(audit.is_ok())
}

/// Round after round, until the time is over or `q` is pressed.
fn work(worker: &mut ImageWorker, config: &Config<'_>, pool: &Pool<'static>) {
    let (clock, stats) = (*worker.clock(), worker.stats());
    let end = config.duration.map(|duration| clock.now() + duration);
    let mut forwarded = false;
    loop {
        for _ in 0..ROUNDS {
            if round(worker) == 0 {
                core::hint::spin_loop();
            }
            if !forwarded && stats.sent.value() > stats.made.value() {
                forwarded = true;
                let now = clock.now().as_nanos() / 1_000;
                say!("first packet forwarded {now} us after entry");
            }
        }
        match Console.key() {
            Some(b'q') => break,
            Some(b's') => figures(worker, config, pool),
            _ => {}
        }
        if end.is_some_and(|end| clock.now() >= end) {
            break;
        }
    }
}

/// One round over all ports: the burst functions, and nothing else. It is a function of its own so
/// that the check of the linked image can begin here and show that nothing it reaches can panic.
#[inline(never)]
fn round(worker: &mut ImageWorker) -> usize {
    let received = worker.poll();
    worker.punted().drain().for_each(drop);
    #[cfg(feature = "deliberate-panic")]
    assert!(received < 33, "deliberate");
    received
}

/// The figures of the ports and the worker, and where every frame is.
fn figures(worker: &mut ImageWorker, config: &Config<'_>, pool: &Pool<'static>) {
    for index in 0..config.ports.len() {
        if let Some((rx, tx)) = worker.port(PortId(index as u16)) {
            let name = config.ports.get(index).map_or("", |port| port.name);
            say!("port {index} {name} rx: {}", RxQueue::stats(rx));
            say!("port {index} {name} tx: {}", TxQueue::stats(tx));
        }
    }
    say!("worker: {}", worker.stats());
    say!("ledger: {}", pool.ledger());
}

/// Memory for the rings of one port: two queues of 256 descriptors, their headers, and the control
/// queue.
const RING_BYTES: usize = 256 * 1024;
/// Memory that is left to forwarders.
const SPARE: usize = 512 * 1024;
/// Frames that the worker keeps at hand.
const CACHE: usize = 512;
/// Rounds between two looks at the console.
const ROUNDS: usize = 256;
/// Rounds in which what is staged is sent at the end.
const DRAIN: usize = 1_000;

//! Many packets over veth pairs, through a router whose two ports share one UMEM: each comes once
//! and in order, or is in a counter that the kernel or a worker has for it.
//!
//! ```text
//!  generator ── sender ── s0 ═ r0 ── router ── r1 ═ d0 ── receiver ── checker
//! ```
//!
//! `LINECARD_SOAK_VETH` is the number of packets; by default there are few, and `.ci/check veth-soak`
//! sends 10^7. Needs root.

use core::net::Ipv4Addr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;
use std::time::Instant;

use linecard::device::{Device, Null, NullRx, RxQueue, RxStats, TxQueue, TxStats};
use linecard::forward::CrossConnect;
use linecard::forward::router::{
    InterfaceConfig, NoRoutes, Router, RouterConfig, RouterStore, Target,
};
use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm4Reader};
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::packet::{BurstView, PortId};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::wire::MacAddr;
use linecard_af_xdp::{Config, Port, Rx, Tx, Umem};
use linecard_linux::clock::MonotonicClock;
use linecard_linux::memory::{PagePolicy, PoolMemory, Table};
use linecard_linux::port::{Checker, CheckerTx, Generator, GeneratorRx, Seen, flows};
use linecard_testnet::{CountingAllocator, Namespace, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The sender waits for the receiver, so that rings seldom overflow.
#[test]
fn what_is_sent_at_a_measured_pace_comes_once_and_in_order() {
    if !linecard_testnet::available(&["ip"]) {
        return;
    }
    let ended = run(packets(), Some(1024), 2048);
    assert!(
        ended.seen.in_order * 100 > ended.packets * 99,
        "{}",
        ended.seen
    );
}

/// Nobody waits, and the receiver's rings are the smallest: what is lost shows in the counters.
#[test]
fn what_is_lost_in_a_flood_is_counted() {
    if !linecard_testnet::available(&["ip"]) {
        return;
    }
    let ended = run(packets().min(200_000), None, 64);
    assert!(ended.seen.in_order > 0, "{}", ended.seen);
}

struct Ended {
    packets: u64,
    seen: Seen,
}

/// Sends so many packets, with at most `window` under way if that is given, to a receiver with
/// rings of `ring` entries; and settles the account.
fn run(packets: u64, window: Option<u64>, ring: u32) -> Ended {
    let [source, middle, sink] = [(); 3].map(|()| Namespace::new().expect("a namespace"));
    source.pair("s0", &middle, "r0");
    middle.pair("r1", &sink, "d0");

    let pools = [(); 3].map(|()| pool());
    let wide = Config::default();
    let narrow = Config {
        ring_size: ring,
        ..wide
    };
    let mut sender = End::open(&source, pools[0], &["s0"], wide);
    let mut router = End::open(&middle, pools[1], &["r0", "r1"], wide);
    let mut receiver = End::open(&sink, pools[2], &["d0"], narrow);
    let mac = |end: &End, port: usize| Device::mac(&end.ports[port]);
    let stage = routing(&router, mac(&receiver, 0));
    let flows = flows(FLOWS, |number| {
        ([10, 0, (number >> 8) as u8, number as u8], 53).into()
    });
    let mut generator = Generator::with_mac("in", &flows, 60, PagePolicy::Prefer, mac(&router, 0))
        .expect("memory")
        .count(packets)
        .stamped();
    let (made, _) = generator.open(0, &mut sender.cache).expect("the generator");
    let mut back = Checker::new("back", 0);
    let (_, back) = back.open(0, &mut sender.cache).expect("a sink");
    let mut checker = Checker::new("out", FLOWS as usize);
    let (_, checker) = checker.open(0, &mut receiver.cache).expect("a checker");
    let (nothing, _) = Null::sink().open(0, &mut receiver.cache).expect("a port");

    sender
        .queues
        .insert(0, (In::Made(made), Out::Checked(back)));
    receiver
        .queues
        .push((In::Nothing(nothing), Out::Checked(checker)));
    let [counted, routed, received] = [(); 3].map(|()| &*leak(WorkerStats::new()));
    let [all_sent, all_routed] = [const { AtomicBool::new(false) }; 2];
    let before = [
        Lost::of(&source, "s0", &middle, "r0"),
        Lost::of(&middle, "r1", &sink, "d0"),
    ];

    let begin = Instant::now();
    let (sent, forwarded, got) = thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            receiver.work(across(), received, |worker| {
                until_quiet(worker, &all_routed);
            })
        });
        let routing =
            scope.spawn(|| router.work(stage, routed, |worker| until_quiet(worker, &all_sent)));
        let sending = scope.spawn(|| {
            sender.work(across(), counted, |worker| {
                let under_way = || {
                    let arrived = received.received.value() + routed.dropped_in_all();
                    counted.sent.value().saturating_sub(arrived)
                };
                send_all(worker, window, under_way);
            })
        });
        let sent = sending.join().expect("the sender");
        all_sent.store(true, Ordering::Release);
        let forwarded = routing.join().expect("the router");
        all_routed.store(true, Ordering::Release);
        (sent, forwarded, receiving.join().expect("the receiver"))
    });
    let took = begin.elapsed();
    let lost = [
        Lost::of(&source, "s0", &middle, "r0").since(&before[0]),
        Lost::of(&middle, "r1", &sink, "d0").since(&before[1]),
    ];
    let seen = got.seen[1];
    println!(
        "{packets} packets in {took:.1?}, {:.2} Mpps: {seen}\n  sender   {counted}\n    {}\n  \
         router   {routed}\n    {}\n    {}\n  receiver {received}\n    {}\n  links    {lost:?}",
        packets as f64 / took.as_micros() as f64,
        sent.tx[1],
        forwarded.rx[0],
        forwarded.tx[1],
        got.rx[0],
    );

    // No worker loses a packet without a counter.
    for (name, stats) in [
        ("sender", counted),
        ("router", routed),
        ("receiver", received),
    ] {
        assert_eq!(
            stats.received.value() + stats.made.value(),
            stats.sent.value() + stats.punted.value() + stats.dropped_in_all(),
            "{name}: {stats}"
        );
    }
    for (name, ended) in [
        ("sender", &sent),
        ("router", &forwarded),
        ("receiver", &got),
    ] {
        assert_eq!(ended.allocations, 0, "{name}: allocations under way");
    }
    assert_eq!(sent.rx[0].packets, packets, "all were made");
    // Each hop: what came in goes out, or is dropped by name; what was handed to the kernel arrives,
    // or is in one of the interfaces' counters.
    let hops = [
        ("s0 to r0", &sent.tx[1], &forwarded.rx[0], &lost[0]),
        ("r1 to d0", &forwarded.tx[1], &got.rx[0], &lost[1]),
    ];
    for (name, tx, rx, lost) in hops {
        assert_eq!(tx.completed, tx.packets + tx.errors, "{name}: {tx}");
        assert_eq!(tx.errors, lost.sending, "{name}: {tx}, {lost:?}");
        assert_eq!(
            tx.packets,
            rx.packets + lost.receiving,
            "{name}: {rx}, {lost:?}"
        );
        // The receiving interface counts what the socket had no room for, among others.
        assert!(rx.dropped() <= lost.receiving, "{name}: {rx}, {lost:?}");
    }
    // Nothing comes but what was made, and every one of those once.
    assert!(seen.is_orderly(), "{seen}");
    assert_eq!(seen.in_order, got.rx[0].packets, "{seen}");
    let dropped = counted.dropped_in_all() + routed.dropped_in_all() + received.dropped_in_all();
    let tx_dropped = sent.tx[1].dropped() + forwarded.tx[1].dropped();
    let receiving = lost[0].receiving + lost[1].receiving;
    assert_eq!(packets, seen.in_order + dropped + tx_dropped + receiving);

    drop((sender.ports, router.ports, receiver.ports));
    for pool in pools {
        pool.audit().expect("every frame is back");
    }
    Ended { packets, seen }
}

/// The ports of one namespace, and what one worker takes of them.
struct End {
    ports: Vec<Port<'static>>,
    queues: Vec<(In, Out)>,
    cache: Cache<'static>,
}

impl End {
    fn open(
        there: &Namespace,
        pool: &'static Pool<'static>,
        names: &[&str],
        config: Config,
    ) -> Self {
        let umem = Umem::new(pool).expect("a UMEM");
        let mut cache = Cache::new(pool, "soak", 256).expect("an account");
        let mut ports = Vec::new();
        let mut queues = Vec::new();
        there.inside(|| {
            for name in names {
                let mut port = Port::new(&umem, name, config).expect("a port");
                let (rx, tx) = port.open_queue(0, &mut cache).expect("queue 0");
                ports.push(port);
                queues.push((In::Wire(rx), Out::Wire(tx)));
            }
        });
        Self {
            ports,
            queues,
            cache,
        }
    }

    /// Runs a worker on this thread as long as `run` does, and until the kernel has sent all.
    fn work<S: Stage<'static>>(
        &mut self,
        stage: S,
        stats: &'static WorkerStats,
        run: impl FnOnce(&mut Machine<S>),
    ) -> Counts {
        let pool = self.cache.pool();
        let spare = Cache::new(pool, "end", 1).expect("an account");
        let cache = core::mem::replace(&mut self.cache, spare);
        let mut worker: Machine<S> = Worker::new(stage, MonotonicClock::new(), cache, stats);
        for (rx, tx) in self.queues.drain(..) {
            worker.add_port(rx, tx).expect("room for a port");
        }
        worker.poll();
        let before = allocations();
        run(&mut worker);
        worker.drain(1000);
        let begin = Instant::now();
        while pool.ledger().completing > 0 && begin.elapsed() < PATIENCE {
            worker.drain(1);
        }
        let allocations = allocations() - before;
        let mut counts = Counts {
            allocations,
            ..Counts::default()
        };
        for port in 0..2 {
            let (rx, tx) = worker.port(PortId(port)).expect("there are two, or one");
            counts.rx.push(rx.stats());
            counts.tx.push(tx.stats());
            counts.seen.push(match tx {
                Out::Checked(tx) => tx.seen(),
                Out::Wire(_) => Seen::default(),
            });
        }
        counts
    }
}

type Machine<S> = Worker<'static, In, Out, S, MonotonicClock>;

/// What there is to say of a worker when it has ended; by port.
#[derive(Default)]
struct Counts {
    allocations: u64,
    rx: Vec<RxStats>,
    tx: Vec<TxStats>,
    seen: Vec<Seen>,
}

/// Any receiving side.
enum In {
    Made(GeneratorRx),
    Wire(Rx<'static>),
    Nothing(NullRx),
}

/// Any sending side.
enum Out {
    Checked(CheckerTx),
    Wire(Tx<'static>),
}

impl RxQueue<'static> for In {
    fn rx_burst(&mut self, cache: &mut Cache<'static>, out: &mut BurstView<'static>) -> usize {
        match self {
            Self::Made(rx) => rx.rx_burst(cache, out),
            Self::Wire(rx) => rx.rx_burst(cache, out),
            Self::Nothing(rx) => rx.rx_burst(cache, out),
        }
    }

    fn stats(&self) -> RxStats {
        match self {
            Self::Made(rx) => RxQueue::stats(rx),
            Self::Wire(rx) => rx.stats(),
            Self::Nothing(rx) => RxQueue::stats(rx),
        }
    }
}

impl TxQueue<'static> for Out {
    fn tx_burst(&mut self, cache: &mut Cache<'static>, packets: &mut BurstView<'static>) -> usize {
        match self {
            Self::Checked(tx) => tx.tx_burst(cache, packets),
            Self::Wire(tx) => tx.tx_burst(cache, packets),
        }
    }

    fn reclaim(&mut self, cache: &mut Cache<'static>) -> usize {
        match self {
            Self::Checked(tx) => tx.reclaim(cache),
            Self::Wire(tx) => tx.reclaim(cache),
        }
    }

    fn stats(&self) -> TxStats {
        match self {
            Self::Checked(tx) => TxQueue::stats(tx),
            Self::Wire(tx) => tx.stats(),
        }
    }
}

/// What two ends of a veth pair count as dropped, of what goes from the near to the far end.
#[derive(Debug, Clone, Copy)]
struct Lost {
    /// By the near end: the far end's queue was full. The socket is told.
    sending: u64,
    /// By the far end: the program did not get it to a socket that had room.
    receiving: u64,
}

impl Lost {
    fn of(near: &Namespace, near_name: &str, far: &Namespace, far_name: &str) -> Self {
        // Columns of /proc/net/dev: receive "drop" and transmit "drop".
        Self {
            sending: counter(near, near_name, 11),
            receiving: counter(far, far_name, 3),
        }
    }

    fn since(self, before: &Self) -> Self {
        Self {
            sending: self.sending - before.sending,
            receiving: self.receiving - before.receiving,
        }
    }
}

fn counter(there: &Namespace, interface: &str, column: usize) -> u64 {
    let table = there.inside(|| std::fs::read_to_string("/proc/thread-self/net/dev"));
    let table = table.expect("the kernel's table of interfaces");
    let line = table
        .lines()
        .find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'))
        .expect("the interface is in the table");
    let number = line.split_whitespace().nth(column).expect("the column");
    number.parse().expect("a number")
}

/// Polls until the generator has no more, and never has more than `window` packets under way for
/// longer than it takes to see that they are lost.
fn send_all(
    worker: &mut Machine<CrossConnect<16>>,
    window: Option<u64>,
    under_way: impl Fn() -> u64,
) {
    let window = window.unwrap_or(u64::MAX);
    let mut lost = 0;
    loop {
        if let Some((In::Made(rx), _)) = worker.port(PortId(0))
            && rx.is_done()
        {
            return;
        }
        let mut waited = 0;
        while under_way().saturating_sub(lost) >= window {
            thread::sleep(NAP);
            waited += 1;
            if waited == 500 {
                lost = under_way();
            }
        }
        worker.poll();
    }
}

/// Polls until nothing has come for a while after `last` was set.
fn until_quiet<S: Stage<'static>>(worker: &mut Machine<S>, last: &AtomicBool) {
    let mut quiet = None;
    loop {
        if worker.poll() > 0 {
            quiet = None;
            continue;
        }
        thread::sleep(NAP);
        if last.load(Ordering::Acquire) && quiet.get_or_insert_with(Instant::now).elapsed() > QUIET
        {
            return;
        }
    }
}

fn routing(
    router: &End,
    receiver: MacAddr,
) -> Router<'static, 'static, Lpm4Reader<'static>, NoRoutes> {
    let config = Lpm4Config {
        routes: 64,
        nodes: 16,
    };
    let lines = Table::new("routes", config.lines(), PagePolicy::Prefer, |_| {
        CacheLine::ZERO
    });
    let mut table = Lpm4::new(config, lines.expect("memory").leak()).expect("memory");
    let store: &mut RouterStore<'static> = leak(RouterStore::new());
    // Of what it would make itself the checker knows nothing.
    let config = RouterConfig {
        listener_reports: 0,
        ..RouterConfig::default()
    };
    let mut stage = Router::new(store.memory(), table.reader(), NoRoutes, config).expect("memory");
    for (port, id) in router.ports.iter().zip(0..) {
        let id = PortId(id);
        let interface = InterfaceConfig::new(Device::mac(port), 1500);
        stage.set_interface(id, interface).expect("an interface");
        let own = Ipv4Addr::new(192, 168, id.0 as u8, 1);
        stage.add_ipv4(id, own, 24).expect("an address");
    }
    let gateway = Ipv4Addr::new(192, 168, 1, 2);
    stage
        .set_neighbour(PortId(1), gateway.into(), receiver)
        .expect("a neighbour");
    let hop = stage.next_hop(Target::Gateway(PortId(1), gateway.into()));
    let everything = "10.0.0.0/8".parse().expect("a prefix");
    table
        .insert(everything, hop.expect("a next hop"))
        .expect("room");
    stage
}

fn across() -> CrossConnect<16> {
    let mut stage = CrossConnect::new();
    stage.pair(PortId(0), PortId(1)).expect("two ports");
    stage
}

fn pool() -> &'static Pool<'static> {
    let memory = PoolMemory::new(16_384, PoolConfig::default(), PagePolicy::Prefer, false);
    leak(memory.expect("memory").leak().0)
}

fn packets() -> u64 {
    match std::env::var("LINECARD_SOAK_VETH") {
        Ok(number) => number.parse().expect("LINECARD_SOAK_VETH is a number"),
        Err(_) => 200_000,
    }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

const FLOWS: u32 = 1024;
/// Three threads share what may be two cores.
const NAP: Duration = Duration::from_micros(20);
/// After so long without a packet none is under way any more.
const QUIET: Duration = Duration::from_millis(200);
/// For the kernel to say that it has sent everything.
const PATIENCE: Duration = Duration::from_secs(1);

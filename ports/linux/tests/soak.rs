//! Many packets in memory, through the router and the UDP forwarder: none is lost unaccounted, none
//! comes twice or out of order within its flow, and nothing is allocated on the way.
//!
//! `LINECARD_SOAK` is the number of packets through each forwarder; by default there are few, so
//! that the test does not take long. `.ci/check soak` sends 10^8 in a release build.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use linecard::device::{Device, RxQueue, RxStats};
use linecard::forward::router::{
    InterfaceConfig, NoRoutes, Router, RouterConfig, RouterStore, Target,
};
use linecard::forward::udp::{Endpoint, Network, UdpForwarder, UdpRule};
use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm4Reader, Prefix4};
use linecard::mempool::{Cache, PoolConfig};
use linecard::packet::{BurstView, PortId};
use linecard::pipeline::{DropReason, Stage, Worker, WorkerStats};
use linecard::wire::{Header, Ipv4Header, MacAddr};
use linecard_linux::clock::MonotonicClock;
use linecard_linux::memory::{PagePolicy, PoolMemory, Table};
use linecard_linux::port::{Checker, Flow, Generator, GeneratorRx, Stamp, flows};
use linecard_testnet::{CountingAllocator, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_router_loses_doubles_and_reorders_nothing() {
    let stage = router();
    let stats = soak("router", stage, |flow, count| match Kind::of(flow) {
        Kind::Good => Fate::Sent(count),
        Kind::BadChecksum => Fate::Dropped(DropReason::L3_CHECKSUM, count),
        Kind::LastHop => Fate::Dropped(DropReason::TTL_EXPIRED, count),
        Kind::Nowhere => Fate::Dropped(DropReason::NO_ROUTE, count),
    });
    // Senders were told, as often as the limit on ICMP errors allows.
    assert!(stats.made.value() > 0);
}

#[test]
fn the_udp_forwarder_loses_doubles_and_reorders_nothing() {
    let stage = udp_forwarder();
    let stats = soak("UDP forwarder", stage, |flow, count| match Kind::of(flow) {
        // It is no router: TTLs are nothing to it.
        Kind::Good | Kind::LastHop => Fate::Sent(count),
        Kind::BadChecksum => Fate::Dropped(DropReason::L3_CHECKSUM, count),
        Kind::Nowhere => Fate::Dropped(DropReason::NO_MATCH, count),
    });
    assert_eq!((stats.made.value(), stats.exceptions.value()), (0, 0));
}

/// What is to become of all packets of a flow.
enum Fate {
    Sent(u64),
    Dropped(DropReason, u64),
}

/// What is the matter with a flow's packets.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Good,
    /// The IPv4 header's checksum is wrong.
    BadChecksum,
    /// The TTL is 1.
    LastHop,
    /// There is no route to them, and no rule for them.
    Nowhere,
}

impl Kind {
    /// One flow in 64 of each bad kind.
    fn of(flow: u32) -> Self {
        match flow % 64 {
            1 => Self::BadChecksum,
            22 => Self::LastHop,
            43 => Self::Nowhere,
            _ => Self::Good,
        }
    }
}

/// Sends packets of all flows through `stage`, from port 0 to port 1, and settles the account.
fn soak<S: Stage<'static>>(
    name: &str,
    stage: S,
    fate: impl Fn(u32, u64) -> Fate,
) -> &'static WorkerStats {
    let packets = packets();
    let stats: &'static WorkerStats = leak(WorkerStats::new());
    let (pool, _) = PoolMemory::new(8192, PoolConfig::default(), PagePolicy::Prefer, false)
        .expect("memory")
        .leak();
    let pool = leak(pool);
    let mut cache = Cache::new(pool, "soak", 512).expect("an account");
    let mut source = Generator::with_mac("in", &all_flows(), 60, PagePolicy::Prefer, MAC)
        .expect("memory")
        .count(packets)
        .stamped();
    let (rx, _) = source.open(0, &mut cache).expect("the generator");
    // What the router says to the senders comes back by port 0: nothing with a stamp.
    let (_, back) = Checker::new("back", 0).open(0, &mut cache).expect("a sink");
    let mut sink = Checker::new("out", FLOWS as usize);
    let (_, out) = sink.open(0, &mut cache).expect("a sink");
    let mut worker: Worker<'_, _, _, _, _> =
        Worker::new(stage, MonotonicClock::new(), cache, stats);
    worker.add_port(Spoiling(Some(rx)), back).expect("port 0");
    worker.add_port(Spoiling(None), out).expect("port 1");

    let begin = Instant::now();
    let before = allocations();
    let mut idle = 0;
    while idle < 100 {
        idle = if worker.poll() == 0 { idle + 1 } else { 0 };
    }
    worker.drain(8);
    let allocated = allocations() - before;
    let took = begin.elapsed();
    println!(
        "{name}: {stats}, {:.1} ns a packet",
        took.as_nanos() as f64 / packets as f64
    );
    assert_eq!(allocated, 0, "allocations under way");
    let before = allocations();
    drop(core::hint::black_box(vec![0; 10]));
    assert_eq!(allocations(), before + 1, "the counter counts");

    // The worker's account: it is drained, so nothing waits.
    let (made, sent) = (stats.made.value(), stats.sent.value());
    assert_eq!(stats.received.value(), packets);
    assert_eq!(
        packets + made,
        sent + stats.punted.value() + stats.dropped_in_all(),
        "{stats}"
    );

    // Each flow's account.
    let (_, checker) = worker.port(PortId(1)).expect("port 1");
    let mut good = 0;
    let mut dropped = [0; DropReason::COUNT];
    for flow in 0..FLOWS {
        let count =
            packets / u64::from(FLOWS) + u64::from(u64::from(flow) < packets % u64::from(FLOWS));
        let reached = match fate(flow, count) {
            Fate::Sent(count) => count,
            Fate::Dropped(why, count) => {
                dropped[usize::from(why.code())] += count;
                0
            }
        };
        assert_eq!(checker.reached(flow as usize), Some(reached), "flow {flow}");
        good += reached;
    }
    let seen = checker.seen();
    assert!(seen.is_orderly(), "{seen}");
    assert_eq!((seen.in_order, seen.missing), (good, 0), "{seen}");
    for why in DropReason::all() {
        assert_eq!(
            stats.dropped(why),
            dropped[usize::from(why.code())],
            "{why}"
        );
    }
    let (_, back) = worker.port(PortId(0)).expect("port 0");
    let answers = back.seen();
    assert_eq!((answers.foreign, answers.damaged), (made, 0), "{answers}");
    assert_eq!(sent, good + made);

    drop(worker);
    pool.audit().expect("every frame is back");
    stats
}

/// Receives from a generator, and makes some flows' packets bad.
struct Spoiling(Option<GeneratorRx>);

impl<'p> RxQueue<'p> for Spoiling {
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        let Some(rx) = &mut self.0 else { return 0 };
        let before = out.len();
        let got = rx.rx_burst(cache, out);
        for packet in out.iter_mut().skip(before) {
            let Some((headers, payload)) = packet.data_mut().split_at_mut_checked(HEADERS) else {
                continue;
            };
            let Some(stamp) = Stamp::read(payload) else {
                continue;
            };
            let Some(Ok((ip, _))) = headers.get_mut(14..).map(Ipv4Header::split_mut) else {
                continue;
            };
            match Kind::of(stamp.flow) {
                Kind::Good | Kind::Nowhere => {}
                // Higher than the checksum says.
                Kind::BadChecksum => ip.set_ttl(65),
                Kind::LastHop => {
                    ip.set_ttl(1);
                    ip.fill_checksum();
                }
            }
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.0.as_ref().map(RxQueue::stats).unwrap_or_default()
    }
}

/// A route of its own for every flow, but for those that go nowhere.
fn router() -> Router<'static, 'static, Lpm4Reader<'static>, NoRoutes> {
    let config = Lpm4Config {
        routes: 16_384,
        nodes: 256,
    };
    let lines = Table::new("routes", config.lines(), PagePolicy::Prefer, |_| {
        CacheLine::ZERO
    });
    let mut table = Lpm4::new(config, lines.expect("memory").leak()).expect("memory");
    let store: &mut RouterStore<'static> = leak(RouterStore::new());
    let mut router = Router::new(
        store.memory(),
        table.reader(),
        NoRoutes,
        RouterConfig::default(),
    )
    .expect("memory");
    let peer = MacAddr([2, 0, 0, 0, 9, 0]);
    let mut hops = Vec::new();
    for (port, mac) in [(PortId(0), MAC), (PortId(1), MacAddr([2, 0, 0, 0, 0, 2]))] {
        router
            .set_interface(port, InterfaceConfig::new(mac, 1500))
            .expect("an interface");
        let net = |host| Ipv4Addr::new(192, 168, port.0 as u8, host);
        router.add_ipv4(port, net(1), 24).expect("an address");
        router
            .set_neighbour(port, net(2).into(), peer)
            .expect("a neighbour");
        let gateway = Target::Gateway(port, net(2).into());
        hops.push(router.next_hop(gateway).expect("a next hop"));
    }
    let route = |address: Ipv4Addr, len| Prefix4::new(address.to_bits(), len).expect("a prefix");
    // Back to the senders.
    table
        .insert(route(Ipv4Addr::new(198, 18, 0, 0), 15), hops[0])
        .expect("room");
    for number in 0..FLOWS {
        table
            .insert(route(destination(number), 24), hops[1])
            .expect("room");
    }
    router
}

/// Takes what goes to 10.0.0.0/8, which is all but what goes nowhere, and rewrites all of it.
fn udp_forwarder() -> UdpForwarder<4> {
    let mut forwarder = UdpForwarder::new();
    let mut rule = UdpRule::to(PortId(1));
    rule.from = Some(PortId(0));
    rule.destination = Endpoint {
        network: Network::new(Ipv4Addr::new(10, 0, 0, 0).into(), 8),
        port: None,
    };
    rule.new_source = Some(Ipv4Addr::new(192, 0, 2, 1).into());
    rule.new_destination = Some(Ipv4Addr::new(192, 0, 2, 2).into());
    rule.new_source_port = Some(4000);
    rule.new_destination_port = Some(5000);
    forwarder.add(rule).expect("room");
    forwarder
}

fn all_flows() -> Vec<Flow> {
    let mut flows = flows(FLOWS, |number| (destination(number), 53).into());
    for (flow, at) in flows.iter_mut().zip(0..) {
        if Kind::of(at) == Kind::Nowhere {
            let nowhere = IpAddr::from([11, 0, 0, 1]);
            *flow = Flow::new(flow.source(), SocketAddr::new(nowhere, 9)).expect("of one family");
        }
    }
    flows
}

fn destination(number: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, (number >> 8) as u8, number as u8, 1)
}

fn packets() -> u64 {
    match std::env::var("LINECARD_SOAK") {
        Ok(number) => number.parse().expect("LINECARD_SOAK is a number"),
        Err(_) => 2_000_000,
    }
}

fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// The address of the port that packets come in by.
const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const FLOWS: u32 = 8192;
/// Ethernet, IPv4, UDP.
const HEADERS: usize = 14 + 20 + 8;

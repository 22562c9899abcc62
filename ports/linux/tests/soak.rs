//! Many packets in memory, half of them IPv6, through the router and the UDP forwarder: none is lost
//! unaccounted, none comes twice or out of order within its flow, and nothing is allocated on the
//! way.
//!
//! `LINECARD_SOAK` is the number of packets through each forwarder; by default there are few, so
//! that the test does not take long. `.ci/check soak` sends 10^8 in a release build.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use linecard::device::{Device, RxQueue, RxStats};
use linecard::forward::router::{InterfaceConfig, Router, RouterConfig, RouterStore, Target};
use linecard::forward::udp::{Endpoint, Network, UdpForwarder, UdpRule};
use linecard::lookup::{
    CacheLine, Lpm4, Lpm4Config, Lpm4Reader, Lpm6, Lpm6Config, Lpm6Reader, Prefix4, Prefix6,
};
use linecard::mempool::{Cache, PoolConfig};
use linecard::packet::{BurstView, PortId};
use linecard::pipeline::{DropReason, Stage, Worker, WorkerStats};
use linecard::wire::{EthernetMut, Header, Ipv4Header, Ipv6Header, MacAddr};
use linecard_linux::clock::MonotonicClock;
use linecard_linux::memory::{PagePolicy, PoolMemory, Table};
use linecard_linux::port::{Checker, Flow, Generator, GeneratorRx, Stamp, flows};
use linecard_testnet::{CountingAllocator, allocations};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_router_loses_doubles_and_reorders_nothing() {
    let stage = router();
    let stats = soak("router", stage, |kind, flow, count| match kind {
        Kind::Good => Fate::Sent(count),
        Kind::Broken => Fate::Dropped(broken(flow), count),
        Kind::LastHop => Fate::Dropped(DropReason::TTL_EXPIRED, count),
        Kind::Nowhere => Fate::Dropped(DropReason::NO_ROUTE, count),
    });
    // Senders were told, as often as the limit on ICMP errors allows.
    assert!(stats.made.value() > 0);
}

#[test]
fn the_udp_forwarder_loses_doubles_and_reorders_nothing() {
    let stage = udp_forwarder();
    let stats = soak("UDP forwarder", stage, |kind, flow, count| match kind {
        // It is no router: TTLs are nothing to it.
        Kind::Good | Kind::LastHop => Fate::Sent(count),
        Kind::Broken => Fate::Dropped(broken(flow), count),
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
    /// The IPv4 header's checksum is wrong; the IPv6 packet is longer than its frame.
    Broken,
    /// The TTL, or hop limit, is 1.
    LastHop,
    /// There is no route to them, and no rule for them.
    Nowhere,
}

impl Kind {
    /// One flow in 64 of each bad kind.
    fn of(flow: u32) -> Self {
        match flow % 64 {
            1 => Self::Broken,
            22 => Self::LastHop,
            43 => Self::Nowhere,
            _ => Self::Good,
        }
    }
}

/// Why a broken flow's packets are dropped.
fn broken(flow: &Flow) -> DropReason {
    match flow.source().is_ipv4() {
        true => DropReason::L3_CHECKSUM,
        false => DropReason::TRUNCATED,
    }
}

/// Sends packets of all flows through `stage`, from port 0 to port 1, and settles the account.
fn soak<S: Stage<'static>>(
    name: &str,
    stage: S,
    fate: impl Fn(Kind, &Flow, u64) -> Fate,
) -> &'static WorkerStats {
    let packets = packets();
    let stats: &'static WorkerStats = leak(WorkerStats::new());
    let (pool, _) = PoolMemory::new(8192, PoolConfig::default(), PagePolicy::Prefer, false)
        .expect("memory")
        .leak();
    let pool = leak(pool);
    let mut cache = Cache::new(pool, "soak", 512).expect("an account");
    let flows = all_flows();
    let mut source = Generator::with_mac("in", &flows, FRAME, PagePolicy::Prefer, MAC)
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
    let mut sent_by_family = [0; 2];
    for (number, flow) in (0..FLOWS).zip(&flows) {
        let count =
            packets / u64::from(FLOWS) + u64::from(u64::from(number) < packets % u64::from(FLOWS));
        let reached = match fate(Kind::of(number), flow, count) {
            Fate::Sent(count) => {
                sent_by_family[usize::from(flow.source().is_ipv6())] += count;
                count
            }
            Fate::Dropped(why, count) => {
                dropped[usize::from(why.code())] += count;
                0
            }
        };
        let seen = checker.reached(number as usize);
        assert_eq!(seen, Some(reached), "flow {number}");
        good += reached;
    }
    assert!(
        sent_by_family.iter().all(|&sent| sent > packets / 3),
        "IPv4 and IPv6: {sent_by_family:?}"
    );
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
            spoil(packet.data_mut());
        }
        got
    }

    fn stats(&self) -> RxStats {
        self.0.as_ref().map(RxQueue::stats).unwrap_or_default()
    }
}

/// Makes a packet bad, if it is of a flow that is.
fn spoil(frame: &mut [u8]) -> Option<()> {
    let ethernet = EthernetMut::new(frame).ok()?;
    if let Ok((ip, rest)) = Ipv4Header::split_mut(ethernet.payload)
        && ip.version() == 4
    {
        match Kind::of(Stamp::read(rest.get(UDP..)?)?.flow) {
            Kind::Good | Kind::Nowhere => {}
            // Higher than the checksum says.
            Kind::Broken => ip.set_ttl(65),
            Kind::LastHop => {
                ip.set_ttl(1);
                ip.fill_checksum();
            }
        }
    } else if let Ok((ip, rest)) = Ipv6Header::split_mut(ethernet.payload) {
        match Kind::of(Stamp::read(rest.get(UDP..)?)?.flow) {
            Kind::Good | Kind::Nowhere => {}
            Kind::Broken => ip.set_payload_len(ip.payload_len() + 1),
            Kind::LastHop => ip.set_hop_limit(1),
        }
    }
    Some(())
}

/// A route of its own for every flow, but for those that go nowhere.
fn router() -> Router<'static, 'static, Lpm4Reader<'static>, Lpm6Reader<'static>> {
    let lines = |name, count| {
        let lines = Table::new(name, count, PagePolicy::Prefer, |_| CacheLine::ZERO);
        lines.expect("memory").leak()
    };
    let config = Lpm4Config {
        routes: 16_384,
        nodes: 256,
    };
    let mut table4 = Lpm4::new(config, lines("IPv4 routes", config.lines())).expect("memory");
    let config = Lpm6Config {
        routes: 16_384,
        wide_nodes: 4,
        nodes: 256,
        leaves: 1024,
    };
    let mut table6 = Lpm6::new(config, lines("IPv6 routes", config.lines())).expect("memory");
    let store: &mut RouterStore<'static> = leak(RouterStore::new());
    let config = RouterConfig {
        // Of groups the checkers know nothing.
        listener_reports: 0,
        ..RouterConfig::default()
    };
    let mut router =
        Router::new(store.memory(), table4.reader(), table6.reader(), config).expect("memory");
    let peer = MacAddr([2, 0, 0, 0, 9, 0]);
    let mut hops = Vec::new();
    for (port, mac) in [(PortId(0), MAC), (PortId(1), MacAddr([2, 0, 0, 0, 0, 2]))] {
        router
            .set_interface(port, InterfaceConfig::new(mac, 1500))
            .expect("an interface");
        let net4 = |host| Ipv4Addr::new(192, 168, port.0 as u8, host);
        let net6 = |host| Ipv6Addr::new(0xfd00, port.0, 0, 0, 0, 0, 0, host);
        router.add_ipv4(port, net4(1), 24).expect("an address");
        router.add_ipv6(port, net6(1), 64).expect("an address");
        let gateways = [IpAddr::from(net4(2)), net6(2).into()];
        hops.push(gateways.map(|gateway| {
            router
                .set_neighbour(port, gateway, peer)
                .expect("a neighbour");
            router
                .next_hop(Target::Gateway(port, gateway))
                .expect("a next hop")
        }));
    }
    let route4 = |address: Ipv4Addr, len| Prefix4::new(address.to_bits(), len).expect("a prefix");
    let route6 = |address: Ipv6Addr, len| Prefix6::new(address.to_bits(), len).expect("a prefix");
    // Back to the senders.
    let senders = route4(Ipv4Addr::new(198, 18, 0, 0), 15);
    table4.insert(senders, hops[0][0]).expect("room");
    let senders = route6(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48);
    table6.insert(senders, hops[0][1]).expect("room");
    for number in 0..FLOWS {
        match destination(number) {
            IpAddr::V4(address) => table4.insert(route4(address, 24), hops[1][0]),
            IpAddr::V6(address) => table6.insert(route6(address, 48), hops[1][1]),
        }
        .expect("room");
    }
    router
}

/// Takes what goes to 10.0.0.0/8 and 2001:db8::/32, which is all but what goes nowhere, and
/// rewrites all of it.
fn udp_forwarder() -> UdpForwarder<4> {
    let mut forwarder = UdpForwarder::new();
    let documentation = |host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host);
    for (network, len, source, destination) in [
        (
            IpAddr::from([10, 0, 0, 0]),
            8,
            IpAddr::from([192, 0, 2, 1]),
            IpAddr::from([192, 0, 2, 2]),
        ),
        (
            documentation(0).into(),
            32,
            documentation(1).into(),
            documentation(2).into(),
        ),
    ] {
        let mut rule = UdpRule::to(PortId(1));
        rule.from = Some(PortId(0));
        rule.destination = Endpoint {
            network: Network::new(network, len),
            port: None,
        };
        rule.new_source = Some(source);
        rule.new_destination = Some(destination);
        rule.new_source_port = Some(4000);
        rule.new_destination_port = Some(5000);
        forwarder.add(rule).expect("room");
    }
    forwarder
}

fn all_flows() -> Vec<Flow> {
    let mut flows = flows(FLOWS, |number| (destination(number), 53).into());
    for (flow, at) in flows.iter_mut().zip(0..) {
        if Kind::of(at) == Kind::Nowhere {
            let nowhere = match flow.source().is_ipv4() {
                true => IpAddr::from([11, 0, 0, 1]),
                false => IpAddr::from([0x3fff, 0, 0, 0, 0, 0, 0, 1]),
            };
            *flow = Flow::new(flow.source(), SocketAddr::new(nowhere, 9)).expect("of one family");
        }
    }
    flows
}

/// IPv4 and IPv6 in turn; flows are shuffled afterwards.
fn destination(number: u32) -> IpAddr {
    match number % 2 {
        0 => [10, (number >> 8) as u8, number as u8, 1].into(),
        _ => [0x2001, 0xdb8, number as u16, 0, 0, 0, 0, 1].into(),
    }
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
/// Ethernet, IPv6, UDP and a stamp.
const FRAME: usize = 14 + 40 + UDP + Stamp::LEN;
const UDP: usize = 8;

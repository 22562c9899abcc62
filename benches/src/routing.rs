//! The router, in memory: 64-byte frames of 8,192 flows in random order, 500,000 routes.
//!
//! Everything goes through the public pipeline: a worker that polls ports, its stage the router.

use core::time::Duration;

use linecard::device::{Device, Loopback, LoopbackTx, Null, RxQueue, RxStats, TxQueue, TxStats};
use linecard::forward::{
    CrossConnect,
    router::{InterfaceConfig, NoRoutes, Router, RouterConfig, RouterStore, Target},
};
use linecard::lookup::{CacheLine, Lpm4, Lpm4Config, Lpm4Reader, NextHop, Routes4};
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::packet::{BurstView, Offloads, Packet, PortId};
use linecard::pipeline::{Stage, Worker, WorkerStats};
use linecard::platform::{Clock, NoClock};
use linecard::ring::{Inline, spsc};
use linecard::trace::Observe;
use linecard::wire::{Header, Ipv4Header, MacAddr};
use linecard_linux::memory::{PagePolicy, PoolMemory, Table};
use linecard_linux::port::{Flow, Generator, flows};

use crate::carousel::{Belt, Boarding, SEATS, TTL};
use crate::floor::route as floor;
use crate::harness::{Contender, Random, cpu_time};
use crate::peer_router::{self, same_mac};

/// Routes in the table, and gateways that they lead to.
pub(crate) const ROUTES: usize = 500_000;
pub(crate) const GATEWAYS: u16 = 16;

/// Flows, and bytes of a frame without its FCS.
pub(crate) const FLOWS: u32 = 8192;
pub(crate) const FRAME: usize = 60;

/// The port that packets come in by has this address; they leave by port 1.
pub(crate) const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
pub(crate) const OTHER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 1, 0]);

pub(crate) type Forwarder<'m> = Router<'m, 'static, Lpm4Reader<'m>, NoRoutes>;

/// From the generator (allocation and copy of 64 bytes), and from packets already in hand, in the
/// order of the pool and shuffled.
pub fn router() -> Result<Vec<Contender>, String> {
    let generated_router = "linecard router, generated packets";
    let generated_connect = "linecard cross-connect, generated packets";
    let router = "linecard router, packets in hand";
    let connect = "linecard cross-connect, packets in hand";
    let shuffled_router = "linecard router, in hand, shuffled";
    let shuffled_connect = "linecard cross-connect, in hand, shuffled";
    let floor = "floor: a loop by hand, in hand";
    let shuffled_floor = "floor: a loop by hand, shuffled";
    let mut contenders = vec![
        Contender::lazy(generated_router, || {
            generated(generated_router, router_stage(same_mac)?)
        }),
        Contender::lazy(generated_connect, || {
            generated(generated_connect, cross_connect()?)
        }),
        Contender::lazy(router, || in_hand(router, false, router_stage(same_mac)?)),
        Contender::lazy(connect, || in_hand(connect, false, cross_connect()?)),
        Contender::lazy(shuffled_router, || {
            in_hand(shuffled_router, true, router_stage(same_mac)?)
        }),
        Contender::lazy(shuffled_connect, || {
            in_hand(shuffled_connect, true, cross_connect()?)
        }),
        Contender::lazy(floor, || floor::contender(floor, false)),
        Contender::lazy(shuffled_floor, || floor::contender(shuffled_floor, true)),
    ];
    peer_router::add(&mut contenders);
    Ok(contenders)
}

pub(crate) fn text(error: impl core::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// So many flows, to addresses inside the first so many routes, spread over all of them.
pub(crate) fn bench_flows(count: u32, routes: usize) -> Vec<Flow> {
    let routes: Vec<_> = Routes4::new(1, GATEWAYS).take(routes).collect();
    let stride = (routes.len() / count as usize).max(1);
    flows(count, |number| {
        let (prefix, _) = routes[number as usize * stride % routes.len()];
        let behind = u32::MAX.checked_shr(prefix.len().into()).unwrap_or(0);
        let host = number.wrapping_mul(2_654_435_761) & behind;
        let address = core::net::Ipv4Addr::from_bits(prefix.first() | host);
        core::net::SocketAddr::from((address, DISCARD))
    })
}

/// A frame a flow, with the TTL of the first ride.
pub(crate) fn frames() -> Result<Vec<Vec<u8>>, String> {
    let flows = bench_flows(FLOWS, ROUTES);
    flows.iter().map(|flow| frame(flow, FRAME)).collect()
}

/// A frame of so many bytes for the router, with the TTL of the first ride.
pub(crate) fn frame(flow: &Flow, size: usize) -> Result<Vec<u8>, String> {
    let from = MacAddr([2, 0, 0, 0, 0, 2]);
    let mut frame = flow.frame(size, MAC, from).ok_or("no frame")?;
    let (header, _) = Ipv4Header::split_mut(&mut frame[14..]).map_err(text)?;
    header.set_ttl(TTL);
    header.fill_checksum();
    Ok(frame)
}

/// Changes the order of things, the same way every time.
pub(crate) fn shuffle<T>(things: &mut [T]) {
    Random::default().shuffle(things);
}

pub(crate) fn cross_connect() -> Result<CrossConnect<16>, String> {
    let mut stage = CrossConnect::new();
    stage.pair(PortId(0), PortId(1)).map_err(text)?;
    Ok(stage)
}

/// A router with the bench's routes and gateways; these have the Ethernet addresses that `mac_of` says.
pub(crate) fn router_stage(mac_of: fn(u8) -> MacAddr) -> Result<Forwarder<'static>, String> {
    router_with(ROUTES, mac_of)
}

/// Likewise with so many routes.
pub(crate) fn router_with(
    routes: usize,
    mac_of: fn(u8) -> MacAddr,
) -> Result<Forwarder<'static>, String> {
    let config = Lpm4Config {
        routes: routes + 16,
        nodes: 8192 * routes.div_ceil(ROUTES),
    };
    let lines = Table::new("routes", config.lines(), PagePolicy::Prefer, |_| {
        CacheLine::ZERO
    });
    let lines = leak(lines.map_err(text)?);
    let mut table = Lpm4::new(config, lines).map_err(text)?;
    let store: &mut RouterStore<'static> = leak(RouterStore::new());
    // Nothing comes but what is measured.
    let config = RouterConfig {
        listener_reports: 0,
        ..RouterConfig::default()
    };
    let mut router = Router::new(store.memory(), table.reader(), NoRoutes, config).map_err(text)?;
    let out = PortId(1);
    router
        .set_interface(PortId(0), InterfaceConfig::new(MAC, 1500))
        .map_err(text)?;
    router
        .set_interface(out, InterfaceConfig::new(OTHER_MAC, 1500))
        .map_err(text)?;
    router
        .add_ipv4(out, [10, 0, 0, 1].into(), 24)
        .map_err(text)?;
    let mut hops: Vec<NextHop> = Vec::new();
    for gateway in 0..GATEWAYS as u8 {
        let address = [10, 0, 0, gateway + 2].into();
        router
            .set_neighbour(out, address, mac_of(gateway))
            .map_err(text)?;
        hops.push(
            router
                .next_hop(Target::Gateway(out, address))
                .map_err(text)?,
        );
    }
    for (prefix, hop) in Routes4::new(1, GATEWAYS).take(routes) {
        table
            .insert(prefix, hops[usize::from(hop.index())])
            .map_err(text)?;
    }
    Ok(router)
}

/// Of a forwarder that puts nothing before a packet: a line of headroom, and headers on eight lines in turn,
/// so that they do not crowd a few sets of the caches. DPDK's frames lie an odd number of lines apart for that.
pub(crate) const LEAN: PoolConfig = PoolConfig {
    frame_size: 2048,
    private: 0,
    headroom: 64,
    colours: 8,
    track: false,
};

pub(crate) fn pool(frames: usize) -> Result<&'static Pool<'static>, String> {
    let memory = PoolMemory::new(frames, LEAN, PagePolicy::Prefer, false);
    Ok(leak(leak(memory.map_err(text)?).pool()))
}

/// Polls until so many packets have passed, and gives the time that this took.
fn polled(units: u64, poll: &mut impl FnMut() -> usize) -> Duration {
    let start = cpu_time();
    let mut done = 0;
    let mut idle = 0;
    // A port that gives nothing any more would be a fault: say so by an absurd time.
    while done < units && idle < 1000 {
        let got = poll() as u64;
        idle = if got == 0 { idle + 1 } else { 0 };
        done += got;
    }
    if idle == 1000 {
        Duration::from_secs(3600)
    } else {
        cpu_time().saturating_sub(start)
    }
}

fn generated<S: Stage<'static> + 'static>(
    name: &'static str,
    stage: S,
) -> Result<Contender, String> {
    generated_flows(name, stage, FLOWS, ROUTES)
}

/// Packets of so many flows to so many routes, made in the moment in which they are received.
pub(crate) fn generated_flows<S: Stage<'static> + 'static>(
    name: &'static str,
    stage: S,
    flows: u32,
    routes: usize,
) -> Result<Contender, String> {
    let pool = pool(8192)?;
    let mut cache = Cache::new(pool, "bench", 512).map_err(text)?;
    let flows = bench_flows(flows, routes);
    let mut source =
        Generator::with_mac("in", &flows, FRAME, PagePolicy::Prefer, MAC).map_err(text)?;
    let (rx, _) = source.open(0, &mut cache).map_err(text)?;
    let (_, tx) = Null::sink().open(0, &mut cache).map_err(text)?;
    through(name, stage, cache, rx, tx)
}

/// One direction of a port; the other is missing, and gives and takes nothing.
struct Half<Q>(Option<Q>);

impl<'p, Q: RxQueue<'p>> RxQueue<'p> for Half<Q> {
    #[inline]
    fn rx_burst(&mut self, cache: &mut Cache<'p>, out: &mut BurstView<'p>) -> usize {
        self.0
            .as_mut()
            .map_or(0, |queue| queue.rx_burst(cache, out))
    }

    #[inline]
    fn rx_burst_by(
        &mut self,
        port: PortId,
        cache: &mut Cache<'p>,
        out: &mut BurstView<'p>,
    ) -> (usize, Offloads) {
        self.0.as_mut().map_or((0, Offloads::empty()), |queue| {
            queue.rx_burst_by(port, cache, out)
        })
    }

    fn stats(&self) -> RxStats {
        self.0.as_ref().map(RxQueue::stats).unwrap_or_default()
    }
}

impl<'p, Q: TxQueue<'p>> TxQueue<'p> for Half<Q> {
    #[inline]
    fn tx_burst(&mut self, cache: &mut Cache<'p>, packets: &mut BurstView<'p>) -> usize {
        self.0
            .as_mut()
            .map_or(0, |queue| queue.tx_burst(cache, packets))
    }

    fn reclaim(&mut self, cache: &mut Cache<'p>) -> usize {
        self.0.as_mut().map_or(0, |queue| queue.reclaim(cache))
    }

    fn stats(&self) -> TxStats {
        self.0.as_ref().map(TxQueue::stats).unwrap_or_default()
    }
}

/// From port 0, which only receives, through a stage, out by port 1, which only sends.
pub(crate) fn through<R, T, S>(
    name: &'static str,
    stage: S,
    cache: Cache<'static>,
    rx: R,
    tx: T,
) -> Result<Contender, String>
where
    R: RxQueue<'static> + 'static,
    T: TxQueue<'static> + 'static,
    S: Stage<'static> + 'static,
{
    through_by::<R, T, S, _, 32>(name, stage, cache, (rx, tx), NoClock, None)
}

/// Likewise in bursts of so many packets at most, by a clock, and under an observer of one burst in
/// so many.
pub(crate) fn through_by<R, T, S, C, const BURST: usize>(
    name: &'static str,
    stage: S,
    cache: Cache<'static>,
    (rx, tx): (R, T),
    clock: C,
    observer: Option<(&'static mut dyn Observe, u32)>,
) -> Result<Contender, String>
where
    R: RxQueue<'static> + 'static,
    T: TxQueue<'static> + 'static,
    S: Stage<'static> + 'static,
    C: Clock + 'static,
{
    let stats: &WorkerStats = leak(WorkerStats::new());
    let mut worker: Worker<'_, _, _, _, _, 16, BURST> = Worker::new(stage, clock, cache, stats);
    worker.add_port(Half(Some(rx)), Half(None)).map_err(text)?;
    worker.add_port(Half(None), Half(Some(tx))).map_err(text)?;
    if let Some((observer, every)) = observer {
        worker.observe(observer, every);
    }
    Ok(checked(name, stats, move || worker.poll()))
}

/// Every packet that came in must have left: a router that drops is fast.
fn checked(
    name: &'static str,
    stats: &'static WorkerStats,
    mut poll: impl FnMut() -> usize + 'static,
) -> Contender {
    Contender::new(name, move |units| {
        let took = polled(units, &mut poll);
        let (dropped, slow) = (stats.dropped_in_all(), stats.exceptions.value());
        assert!(
            dropped == 0 && slow == 0,
            "{name}: {stats}, {slow} exceptions"
        );
        took
    })
}

/// From packets already in hand, in the order of the pool or shuffled, through a stage and back.
pub(crate) fn in_hand<S: Stage<'static> + 'static>(
    name: &'static str,
    shuffled: bool,
    stage: S,
) -> Result<Contender, String> {
    let (cache, rx, tx) = belt(shuffled, frames()?)?;
    through(name, stage, cache, rx, tx)
}

/// A port that only receives, and one that only sends.
pub(crate) type Ends = (
    Cache<'static>,
    Boarding<'static, 'static>,
    LoopbackTx<'static, 'static>,
);

/// A belt with these frames, [`SEATS`] of them.
pub(crate) fn belt(shuffled: bool, frames: Vec<Vec<u8>>) -> Result<Ends, String> {
    let pool = pool(2 * SEATS)?;
    let mut cache = Cache::new(pool, "bench", 512).map_err(text)?;
    let mut packets: Vec<Packet<'static>> = Vec::new();
    while packets.len() < SEATS {
        packets.push(Packet::new(cache.alloc().ok_or("no frame")?));
    }
    packets.sort_by_key(|packet| packet.frame().index());
    if shuffled {
        shuffle(&mut packets);
    }
    let belt: &'static mut Belt<'static> =
        leak(spsc::Ring::<Inline<Packet<'static>, SEATS>>::new());
    let (mut producer, consumer) = belt.split();
    for (mut packet, frame) in packets.into_iter().zip(frames) {
        packet
            .append(frame.len())
            .map_err(text)?
            .copy_from_slice(&frame);
        producer.enqueue(packet).map_err(|_| "the belt is full")?;
    }
    let mut port = Loopback::new(consumer, producer, MAC);
    let (rx, tx) = port.open(0, &mut cache).map_err(text)?;
    Ok((cache, Boarding(rx), tx))
}

/// What a stage makes of the bench's frames, in their order.
pub(crate) fn forwarded<S: Stage<'static> + 'static>(stage: S) -> Result<Vec<Vec<u8>>, String> {
    let mut cache = Cache::new(pool(2 * SEATS)?, "frames", 512).map_err(text)?;
    let [(mut source, coming), (going, mut sink)] = [(); 2].map(|()| {
        let belt: &'static mut Belt<'static> =
            leak(spsc::Ring::<Inline<Packet<'static>, SEATS>>::new());
        belt.split()
    });
    let mut port = Loopback::new(coming, going, MAC);
    let (coming, going) = port.open(0, &mut cache).map_err(text)?;
    for frame in frames()? {
        let mut packet = Packet::new(cache.alloc().ok_or("no frame")?);
        packet.append(FRAME).map_err(text)?.copy_from_slice(&frame);
        source.enqueue(packet).map_err(|_| "the belt is full")?;
    }
    let mut run = through("frames", stage, cache, Boarding(coming), going)?.build()?;
    // One more than there are: it ends when nothing comes any more, and the worker has none in hand.
    let _ = run(u64::from(FLOWS) + 1);
    let mut frames = Vec::new();
    while let Some(packet) = sink.dequeue() {
        frames.push(packet.data().to_vec());
    }
    match frames.len() == FLOWS as usize {
        true => Ok(frames),
        false => Err(format!("{} frames came through", frames.len())),
    }
}

/// The UDP port of the discard service (RFC 863).
pub(crate) const DISCARD: u16 = 9;

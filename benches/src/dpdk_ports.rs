//! Linecard's pipeline on DPDK's ports, beside testpmd on the same devices.
//!
//! Both forward between two `net_null` or two `net_ring`, on one core, in bursts of 32, on the same
//! kind of pages. On `net_null` an mbuf is allocated for each packet received, and freed when it is
//! sent; on `net_ring` 128 packets go round, two bursts for each ring: a worker receives a burst before it works
//! on the one before, and would find a ring with one burst empty every third time. testpmd's `io` does not
//! look at their mbufs at all.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use linecard::device::{Device, RxQueue, TxQueue};
use linecard::forward::MacSwap;
use linecard::forward::udp::{Endpoint, Network, UdpForwarder, UdpRule};
use linecard::mempool::{Cache, Pool, PoolConfig};
use linecard::packet::{Burst, Packet, PortId};
use linecard::pipeline::Stage;
use linecard::wire::MacAddr;
use linecard_dpdk::{Config, Eal, EalConfig, HugePages, Memory, PRIVATE, Port, Rx, Tx};
use linecard_linux::memory::{PagePolicy, PoolMemory};
use linecard_linux::port::Flow;

use crate::harness::Contender;
use crate::peers;
use crate::ports::{self, FRAMES, LEN, forwarder, text, wires};
use crate::testpmd_ports::{self, Kind, Mode, PRIMED, Pages};

/// Mbufs in our frames, by our mempool handler, beside DPDK's own pool and mbufs with external buffers.
///
/// # Errors
/// What is missing.
pub fn mempool() -> Result<Vec<Contender>, String> {
    let (memory, pages) = memory()?;
    let mut cache = Cache::new(memory.pool(), "bench", 512).map_err(text)?;
    let name: &'static str = format!("linecard, mbufs in frames, {pages}").leak();
    let mut contenders = vec![Contender::timed(name, move |units| {
        assert!(
            memory.churn(&mut cache, units.div_ceil(32)) >= units,
            "{name}"
        );
    })];
    peers::add(
        &mut contenders,
        "rte_pktmbuf",
        &[
            ("rte_pktmbuf_pool_create", "pktmbuf_free"),
            ("rte_pktmbuf_pool_create_extbuf", "pktmbuf_extbuf"),
        ],
    );
    Ok(contenders)
}

/// A cross-connect beside `io`.
///
/// # Errors
/// What is missing.
pub fn io_null() -> Result<Vec<Contender>, String> {
    let ours = ours("linecard cross-connect", wires()?, Kind::Null)?;
    Ok(beside(ours, Mode::Io, Kind::Null))
}

/// The same, on rings.
///
/// # Errors
/// What is missing.
pub fn io_ring() -> Result<Vec<Contender>, String> {
    let ours = ours("linecard cross-connect", wires()?, Kind::Ring)?;
    Ok(beside(ours, Mode::Io, Kind::Ring))
}

/// A swap of the Ethernet addresses beside `macswap`.
///
/// # Errors
/// What is missing.
pub fn mac_swap_null() -> Result<Vec<Contender>, String> {
    let stage = MacSwap.and_then(wires()?);
    let ours = ours("linecard address swap", stage, Kind::Null)?;
    Ok(beside(ours, Mode::MacSwap, Kind::Null))
}

/// The same, on rings.
///
/// # Errors
/// What is missing.
pub fn mac_swap_ring() -> Result<Vec<Contender>, String> {
    let stage = MacSwap.and_then(wires()?);
    let ours = ours("linecard address swap", stage, Kind::Ring)?;
    Ok(beside(ours, Mode::MacSwap, Kind::Ring))
}

/// The UDP forwarder, which changes both ends of a flow and verifies the header's checksum, beside
/// `5tswap`, which finds packets of zeros on `net_null` and leaves all but their MAC addresses.
///
/// # Errors
/// What is missing.
pub fn udp_null() -> Result<Vec<Contender>, String> {
    let ours = ours("linecard UDP forwarder", udp(Kind::Null)?, Kind::Null)?;
    Ok(beside(ours, Mode::FiveTuple, Kind::Null))
}

/// The same, on rings, where testpmd makes packets of UDP as well.
///
/// # Errors
/// What is missing.
pub fn udp_ring() -> Result<Vec<Contender>, String> {
    let ours = ours("linecard UDP forwarder", udp(Kind::Ring)?, Kind::Ring)?;
    Ok(beside(ours, Mode::FiveTuple, Kind::Ring))
}

/// Ours, testpmd in a mode on the same devices, and a loop in C that does the same, but reads and writes one
/// line of each mbuf besides: less is not to be had by who looks at packets.
fn beside(ours: Contender, mode: Mode, kind: Kind) -> Vec<Contender> {
    let mut contenders = ports::beside(ours, mode, kind);
    let (mode, device) = (mode.word(), kind.word());
    let name: &'static str = format!("floor in C, {mode}, {device}").leak();
    let peer: &'static str = format!("floor_{mode}_{device}").leak();
    let mut floors = Vec::new();
    peers::add(&mut floors, name, &[(name, peer)]);
    let processor = testpmd_ports::processor();
    contenders.extend(floors.into_iter().map(|floor| floor.on(processor)));
    contenders
}

/// Sends a flow back, by the other port.
fn udp(kind: Kind) -> Result<UdpForwarder<8>, String> {
    let mut forwarder = UdpForwarder::new();
    for (from, [here, there]) in ENDS.into_iter().zip([[0, 1], [1, 0]]) {
        let (source, destination) = (from, ENDS[there]);
        let mut rule = UdpRule::to(PortId(there as u16));
        rule.from = Some(PortId(here as u16));
        // What was changed comes again by either port, where nothing fills frames anew.
        if kind == Kind::Ring {
            rule.destination = Endpoint {
                network: Some(Network::host(destination.0.into())),
                port: Some(destination.1),
            };
        }
        rule.new_source_mac = Some(MacAddr([2, 0, 0, 0, 0, there as u8]));
        rule.new_destination_mac = Some(MacAddr([2, 0, 0, 0, 0, here as u8]));
        (rule.new_source, rule.new_source_port) = (Some(destination.0.into()), Some(destination.1));
        (rule.new_destination, rule.new_destination_port) = (Some(source.0.into()), Some(source.1));
        forwarder.add(rule).map_err(text)?;
    }
    Ok(forwarder)
}

fn ours<S: Stage<'static> + 'static>(
    name: &str,
    stage: S,
    kind: Kind,
) -> Result<Contender, String> {
    let (memory, pages) = memory()?;
    let mut cache = Cache::new(memory.pool(), "bench", 512).map_err(text)?;
    let mut ports = Vec::new();
    for number in 0..2 {
        // Its rings stay behind by their names.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let device = format!("{}{}", kind.word(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut port = Port::new(&memory, &device, Config::default()).map_err(text)?;
        let (mut rx, mut tx) = port.open(0, &mut cache).map_err(text)?;
        match kind {
            Kind::Null if number == 0 => fill(&mut rx, &mut tx, &mut cache)?,
            Kind::Null => {}
            Kind::Ring => (0..PRIMED).try_for_each(|_| send(&mut tx, &mut cache, number))?,
        }
        ports.push((rx, tx));
    }
    let name = format!("{name}, {}, {pages}", kind.word());
    forwarder(name.leak(), stage, cache, ports)
}

/// Puts a packet in each frame that `net_null` will receive, which leaves in them what is there.
fn fill(
    rx: &mut Rx<'static>,
    tx: &mut Tx<'static>,
    cache: &mut Cache<'static>,
) -> Result<(), String> {
    let frame = frame(0)?;
    let mut all: Vec<Packet<'static>> = Vec::new();
    let mut burst = Burst::<'_, 32>::new();
    while rx.rx_burst(cache, &mut burst) > 0 {
        for packet in &mut burst {
            packet.data_mut().copy_from_slice(&frame);
        }
        all.extend(burst.drain());
    }
    while let Some(packet) = all.pop() {
        burst.push(packet).map_err(|_| "a burst of one")?;
        tx.tx_burst(cache, &mut burst);
    }
    Ok(())
}

/// Sends a burst into a ring.
fn send(tx: &mut Tx<'static>, cache: &mut Cache<'static>, port: usize) -> Result<(), String> {
    let frame = frame(port)?;
    let mut burst = Burst::<'_, 32>::new();
    burst.alloc(cache, 32);
    for packet in &mut burst {
        packet.append(LEN).map_err(text)?.copy_from_slice(&frame);
    }
    match tx.tx_burst(cache, &mut burst) {
        32 => Ok(()),
        sent => Err(format!("{sent} of 32 packets were sent")),
    }
}

/// A packet that is received by that port.
fn frame(port: usize) -> Result<Vec<u8>, String> {
    let (source, destination) = (ENDS[port], ENDS[1 - port]);
    let flow = Flow::new(source.into(), destination.into()).ok_or("no flow")?;
    let mac = |number: usize| MacAddr([2, 0, 0, 0, 0, number as u8]);
    flow.frame(LEN, mac(port), mac(1 - port))
        .ok_or("no frame".into())
}

/// DPDK and its memory, once for the program, and a word for the pages.
fn memory() -> Result<(Memory, &'static str), String> {
    static MADE: OnceLock<Result<(Memory, &'static str), String>> = OnceLock::new();
    MADE.get_or_init(make).clone()
}

fn make() -> Result<(Memory, &'static str), String> {
    let pages = Pages::ask((FRAMES * 2048) + ((EAL_MEGABYTES as usize + 4) << 20));
    let word = pages.word();
    let huge_pages = match pages.are_huge() {
        true => HugePages::InMemory,
        false => HugePages::No,
    };
    let eal = Eal::start(&EalConfig {
        huge_pages,
        megabytes: EAL_MEGABYTES,
        pci: false,
        ..EalConfig::default()
    });
    let config = PoolConfig {
        private: PRIVATE + 192,
        ..PoolConfig::default()
    };
    let pool = PoolMemory::new(FRAMES, config, PagePolicy::Prefer, false).map_err(text)?;
    let pool: &'static Pool<'static> = Box::leak(Box::new(pool.leak().0));
    let memory = Memory::new(eal.map_err(text)?, pool).map_err(text)?;
    drop(pages);
    Ok((memory, word))
}

/// Of DPDK's own structures.
const EAL_MEGABYTES: u32 = 64;

/// The two ends of the flow: what comes in by port 0 is from the first to the second.
const ENDS: [(core::net::Ipv4Addr, u16); 2] = [
    (core::net::Ipv4Addr::new(198, 18, 0, 1), 9),
    (core::net::Ipv4Addr::new(198, 18, 0, 2), 10),
];

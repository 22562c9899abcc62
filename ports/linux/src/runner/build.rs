//! From configuration to ports and stages.

use core::hash::BuildHasher;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::hash::RandomState;

use linecard::device::{Loopback, Null};
use linecard::forward::router::RouterConfig;
use linecard::forward::{CrossConnect, WellFormed};
use linecard::mempool::Pool;
use linecard::packet::{Packet, PortId};
use linecard::pipeline::Stage;
use linecard::ring::Inline;
use linecard::ring::spsc::Ring;
use linecard::wire::MacAddr;
use linecard_af_xdp::{CopyMode, Umem, XdpMode};
use linecard_pcap::{Capture, Pace, PcapDevice, Repeat};

use super::MAX_PORTS;
use super::dpdk::Dpdk;
use super::launch::{End, Launch};
use super::router::{Facts, with_router};
use super::routers::with_parts;
use super::udp::udp_forwarder;
use super::vhost::{VhostAdapter, front_end, server};
use crate::clock::MonotonicClock;
use crate::config::{self, AfXdpMode, Config, Device, Forwarder, Malformed, Timing, ZeroCopy};
use crate::error::Error;
use crate::port::{AnyDevice, AnyPort, Flow, Generator, flows};

/// Refuses a pool that cannot fill the ports' rings and still have a burst under way.
pub(super) fn check_pool(config: &Config) -> Result<(), Error> {
    let rings: usize = config
        .ports
        .iter()
        .map(|port| match &port.device {
            // As many are posted to receive into, and as many may wait to be sent.
            Device::AfXdp(xdp) => 2 * xdp.ring as usize * usize::from(xdp.queues),
            Device::VhostUser(vhost) => 2 * vhost.ring as usize * usize::from(vhost.queues),
            Device::Dpdk(dpdk) => 2 * usize::from(dpdk.ring) * usize::from(dpdk.queues),
            _ => 0,
        })
        .sum();
    // Two bursts in each worker, one staged for each port.
    let bursts = usize::from(config.worker.burst) * (2 + config.ports.len());
    let bursts = bursts * config.worker.count;
    let (frames, needed) = (config.pool.frames as usize, rings + bursts);
    if frames < needed {
        return Err(Error::PoolTooSmall { frames, needed });
    }
    Ok(())
}

/// What a loopback sends waits here until it is received.
pub(super) type LoopbackRing<'p> = Ring<Inline<Packet<'p>, LOOPBACK>>;

/// A ring for each loopback.
pub(super) fn rings<'p>(config: &Config) -> Vec<LoopbackRing<'p>> {
    let loopbacks = config
        .ports
        .iter()
        .filter(|port| port.device == Device::Loopback);
    loopbacks.map(|_| Ring::new()).collect()
}

/// Makes the ports, in order; their queues are not open yet.
pub(super) fn ports<'r, 'p>(
    config: &Config,
    pool: &'p Pool<'static>,
    rings: &'r mut [LoopbackRing<'p>],
    adapters: &'r [VhostAdapter<'p>],
    dpdk: &Dpdk,
    clock: MonotonicClock,
) -> Result<Vec<AnyPort<'r, 'p>>, Error> {
    let mut rings = rings.iter_mut();
    let mut adapters = adapters.iter();
    let mut umem = None;
    let mut ports = Vec::with_capacity(config.ports.len());
    for (index, port) in config.ports.iter().enumerate() {
        let refused = |error: Box<dyn core::error::Error + Send + Sync>| {
            Error::port(&port.name, &describe(&port.device), error)
        };
        let made = own_mac(config, index);
        let (device, mac) = match &port.device {
            Device::AfXdp(xdp) => {
                if umem.is_none() {
                    umem = Some(Umem::new(pool).map_err(|error| refused(error.into()))?);
                }
                let Some(umem) = &umem else { continue };
                let device = af_xdp(umem, xdp).map_err(|error| refused(error.into()))?;
                let mac = port.mac.unwrap_or(linecard::device::Device::mac(&device));
                (AnyDevice::AfXdp(device, xdp.numbers()), mac)
            }
            Device::Pcap(pcap) => {
                let name = describe(&port.device);
                let device = self::pcap(name, pcap, clock, made).map_err(refused)?;
                (AnyDevice::Pcap(device), made)
            }
            Device::Generator(generator) => {
                let flows = generated_flows(config, index, generator.flows);
                let device = Generator::with_mac(
                    port.name.clone(),
                    &flows,
                    usize::from(generator.size),
                    config.pool.huge_pages,
                    made,
                )?
                .queues(generator.queues);
                let device = match generator.count {
                    Some(count) => device.count(count),
                    None => device,
                };
                (AnyDevice::Generator(device), made)
            }
            #[cfg(feature = "dpdk")]
            Device::Dpdk(device) => {
                let device = dpdk.port(device).map_err(refused)?;
                let mac = port.mac.unwrap_or(linecard::device::Device::mac(&device));
                (AnyDevice::Dpdk(device), mac)
            }
            // Refused before (`Dpdk::new`).
            #[cfg(not(feature = "dpdk"))]
            Device::Dpdk(_) => {
                let _ = dpdk;
                continue;
            }
            Device::VhostUser(vhost) => {
                let Some(adapter) = adapters.next() else {
                    continue;
                };
                let device =
                    front_end(adapter, pool, vhost, made).map_err(|error| refused(error.into()))?;
                (AnyDevice::VhostUser(Box::new(device)), made)
            }
            Device::VhostUserServer(vhost) => {
                let device = server(vhost, made).map_err(|error| refused(error.into()))?;
                (AnyDevice::VhostUserServer(device), made)
            }
            Device::Loopback => {
                let Some(ring) = rings.next() else { continue };
                (AnyDevice::Loopback(Loopback::to_itself(ring)), made)
            }
            Device::Null => (AnyDevice::Null(Null::sink()), made),
        };
        ports.push(AnyPort {
            name: port.name.clone(),
            mac,
            device,
        });
    }
    Ok(ports)
}

/// Makes the stages and runs the workers with them.
pub(super) fn launch<'r, 'p: 'r>(launch: Launch<'_, 'r, 'p>) -> Result<End, Error> {
    let (ports, workers) = (&*launch.ports, launch.seats.len());
    match &launch.config.forwarder {
        Forwarder::CrossConnect(wires) => match wires.malformed {
            Malformed::Pass => launch.go(vec![cross_connect(&wires.pairs)?; workers]),
            Malformed::Drop => {
                let stage = || Ok(WellFormed.and_then(cross_connect(&wires.pairs)?));
                launch.go(each(workers, stage)?)
            }
        },
        Forwarder::Router(router) => {
            let facts: Vec<Facts> = ports
                .iter()
                .zip(&launch.config.ports)
                .map(|(port, config)| Facts {
                    mac: port.mac,
                    mtu: port.mtu(),
                    addresses: config.addresses.clone(),
                })
                .collect();
            let behaviour = RouterConfig {
                // Nobody outside is to know it.
                seed: RandomState::new().hash_one(std::process::id()),
                listener_reports: router.listener_reports,
                ..RouterConfig::default()
            };
            let pages = launch.config.pool.huge_pages;
            with_router(router, &facts, pages, behaviour, |stage, entries| {
                if workers == 1 {
                    return launch.go(vec![stage]);
                }
                let sizes = (entries, facts.len(), workers);
                with_parts(stage, sizes, |parts| launch.go(parts))
            })
        }
        Forwarder::Udp(rules) => {
            let macs: Vec<MacAddr> = ports.iter().map(|port| port.mac).collect();
            launch.go(each(workers, || udp_forwarder(rules, &macs))?)
        }
    }
}

/// A stage for each worker.
fn each<S>(workers: usize, stage: impl FnMut() -> Result<S, Error>) -> Result<Vec<S>, Error> {
    core::iter::repeat_with(stage).take(workers).collect()
}

/// Ports wired in pairs.
pub(crate) fn cross_connect(pairs: &[(usize, usize)]) -> Result<CrossConnect<MAX_PORTS>, Error> {
    let mut stage = CrossConnect::new();
    for &(a, b) in pairs {
        stage
            .pair(PortId(a as u16), PortId(b as u16))
            .map_err(|error| Error::Forwarder {
                forwarder: "cross-connect",
                source: error.into(),
            })?;
    }
    Ok(stage)
}

fn af_xdp<'p>(
    umem: &Umem<'p>,
    xdp: &config::AfXdp,
) -> Result<linecard_af_xdp::Port<'p>, linecard_af_xdp::Error> {
    let config = linecard_af_xdp::Config {
        mode: match xdp.mode {
            AfXdpMode::Auto => XdpMode::Auto,
            AfXdpMode::Native => XdpMode::Native,
            AfXdpMode::Generic => XdpMode::Generic,
        },
        copy: match xdp.zero_copy {
            ZeroCopy::Auto => CopyMode::Auto,
            ZeroCopy::Yes => CopyMode::ZeroCopy,
            ZeroCopy::No => CopyMode::Copy,
        },
        ring_size: xdp.ring,
        ..linecard_af_xdp::Config::default()
    };
    linecard_af_xdp::Port::new(umem, &xdp.interface, config)
}

fn pcap(
    name: String,
    pcap: &config::Pcap,
    clock: MonotonicClock,
    mac: MacAddr,
) -> Result<PcapDevice<MonotonicClock>, Box<dyn core::error::Error + Send + Sync>> {
    let mut device = PcapDevice::new(name, clock).mac_address(mac);
    if let Some(input) = &pcap.input {
        device = device
            .input(Capture::open(input)?)
            .pace(match pcap.timing {
                Timing::Fast => Pace::Fast,
                Timing::Original => Pace::Recorded,
            })
            .repeat(match pcap.rounds {
                Some(rounds) => Repeat::Times(rounds.get().into()),
                None => Repeat::Forever,
            });
    }
    if let Some(output) = &pcap.output {
        // Its clock counts from when the machine was started; a capture from 1970.
        let since_1970 = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_nanos() as u64);
        device = device
            .epoch(since_1970.saturating_sub(clock.nanos()))
            .output_file(output)?;
    }
    Ok(device)
}

/// Flows that the forwarder has something to do with: to its routes, to what its rules match, or
/// else to the network for benchmarks.
fn generated_flows(config: &Config, port: usize, count: u32) -> Vec<Flow> {
    let targets: Vec<SocketAddr> = match &config.forwarder {
        Forwarder::Router(router) => router
            .routes
            .iter()
            .filter(|route| route.port != port)
            .map(|route| SocketAddr::new(inside(route.prefix), DISCARD))
            .collect(),
        Forwarder::Udp(rules) => rules
            .iter()
            .filter(|rule| rule.from.is_none_or(|from| from == port))
            .map(|rule| {
                let address = rule.destination.network.map_or(BENCHMARK, inside);
                let port = rule.destination.port.unwrap_or(DISCARD);
                SocketAddr::new(address, port)
            })
            .collect(),
        Forwarder::CrossConnect(_) => Vec::new(),
    };
    // A step that visits all targets, however many flows there are.
    let step = (targets.len() / count.max(1) as usize).max(1);
    flows(count, |flow| {
        let place = (flow as usize).wrapping_mul(step) % targets.len().max(1);
        targets
            .get(place)
            .copied()
            .unwrap_or(SocketAddr::new(BENCHMARK, DISCARD))
    })
}

/// A station's address in a network: not the first, which names the network itself.
fn inside(prefix: config::Cidr) -> IpAddr {
    match prefix.address {
        IpAddr::V4(v4) if prefix.prefix < 31 => IpAddr::V4((v4.to_bits() | 1).into()),
        IpAddr::V6(v6) if prefix.prefix < 127 => IpAddr::V6((v6.to_bits() | 1).into()),
        address => address,
    }
}

/// The address of a port that has no hardware: as configured, or one made up.
pub(super) fn own_mac(config: &Config, index: usize) -> MacAddr {
    let configured = config.ports.get(index).and_then(|port| port.mac);
    configured.unwrap_or(memory_mac(index))
}

/// Locally administered, one for each port that has none of its own.
fn memory_mac(index: usize) -> MacAddr {
    MacAddr([0x02, b'l', b'c', 0, 0, index as u8])
}

pub(super) fn describe(device: &Device) -> String {
    match device {
        Device::AfXdp(xdp) => format!("af_xdp:{}", xdp.interface),
        Device::VhostUser(vhost) | Device::VhostUserServer(vhost) => {
            format!("{}:{}", device.kind(), vhost.path.display())
        }
        Device::Dpdk(dpdk) => format!("dpdk:{}", dpdk.device),
        Device::Pcap(pcap) => match &pcap.input {
            Some(input) => format!("pcap:{}", input.display()),
            None => "pcap:-".into(),
        },
        other => other.kind().into(),
    }
}

/// Packets that a loopback holds.
const LOOPBACK: usize = 1_024;
/// In the network for benchmarks (RFC 2544), in the half that sources are not from.
const BENCHMARK: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1));
/// The port of the discard service (RFC 863).
const DISCARD: u16 = 9;

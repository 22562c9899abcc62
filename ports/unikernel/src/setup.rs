//! From the command line to a pool and a forwarder.

use core::fmt;

use linecard::device::DeviceError;
use linecard::forward::router::{
    ChangeError, Hop, Interface, InterfaceConfig, IpPrefix, Neighbour, Parked, Router,
    RouterConfig, RouterError, RouterMemory, RouterStats, Target,
};
use linecard::forward::udp::{UdpForwarder, UdpRuleError};
use linecard::forward::{CrossConnect, CrossConnectError};
use linecard::lookup::{Lpm, NextHop};
use linecard::mempool::{Pool, PoolConfig, PoolError, Region, Slot};
use linecard::packet::PortId;
use linecard::platform::Window;
use linecard::wire::MacAddr;
use linecard_virtio::net::NetError;

use crate::config::{Config, MAX_PORTS, MAX_UDP};
use crate::memory::{OutOfMemory, Ram};
use crate::routes::FewRoutes;

/// A router over tables of few routes.
pub type FewRouter = Router<'static, 'static, &'static FewRoutes, &'static FewRoutes>;

/// What a forwarder must know of a port.
///
/// ```
/// use linecard::wire::MacAddr;
/// use linecard_unikernel::setup::Facts;
/// let facts = Facts { mac: MacAddr([2, 0, 0, 0, 0, 1]), mtu: 1500 };
/// # let _ = facts;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// Its MTU in bytes.
    pub mtu: u16,
}

/// Why something could not be set up.
///
/// ```
/// use linecard_unikernel::memory::OutOfMemory;
/// use linecard_unikernel::setup::SetupError;
/// let error = SetupError::from(OutOfMemory { purpose: "frames", wanted: 1 << 20, left: 0 });
/// assert_eq!(error.to_string(), "frames want 1048576 bytes of memory, 0 are left");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SetupError {
    /// Not enough memory.
    Memory(OutOfMemory),
    /// The pool, a cache or an account.
    Pool(PoolError),
    /// The router's interfaces or neighbours.
    Router(RouterError),
    /// The router's addresses and routes.
    Route(ChangeError),
    /// A rule of the UDP forwarder.
    Udp(UdpRuleError),
    /// The cross-connect.
    CrossConnect(CrossConnectError),
    /// A device.
    Device(NetError),
    /// A device's queues.
    Queue(DeviceError),
    /// There is no module to replay, or it is no capture of Ethernet.
    NoCapture,
    /// There is no such device, counted from 0.
    NoDevice(usize),
    /// The command line names no port.
    NoPorts,
}

/// The pool, of as many frames as the command line says or memory allows, leaving `spare` bytes; and
/// its frames as a window for devices.
///
/// # Errors
/// [`SetupError`].
pub fn pool(
    config: &Config<'_>,
    ram: &mut Ram,
    spare: usize,
) -> Result<(&'static Pool<'static>, Window<'static>), SetupError> {
    let layout = PoolConfig {
        frame_size: config.frame_size.unwrap_or(2048),
        ..PoolConfig::default()
    };
    let each = layout.frame_size.saturating_add(size_of::<Slot>()).max(1);
    let fit = ram.left().saturating_sub(spare) / each;
    let frames = config.frames.unwrap_or(fit.clamp(LEAST, MOST));
    let region: Region<'static> = ram.region("frames", frames.saturating_mul(layout.frame_size))?;
    let slots = ram.slice("the pool's slots", frames, |_| Slot::new())?;
    let window = Window::of(&region);
    let pool = Pool::new(region, slots, layout)?;
    Ok((ram.item("the pool", || pool)?, window))
}

/// The router of the command line.
///
/// # Errors
/// [`SetupError`].
pub fn router(
    config: &Config<'_>,
    facts: &[Facts],
    behaviour: RouterConfig,
    ram: &mut Ram,
) -> Result<FewRouter, SetupError> {
    let memory = RouterMemory {
        interfaces: ram.slice("interfaces", facts.len(), |_| Interface::NONE)?,
        hops: ram.slice("next hops", ENTRIES, |_| Hop::NONE)?,
        neighbours: ram.slice("neighbours", ENTRIES, |_| Neighbour::NONE)?,
        index: ram.slice("the neighbours' index", ENTRIES, |_| [0; 4])?,
        parked: ram.slice("packets that wait", PARKED, |_| Parked::EMPTY)?,
        stats: ram.item("statistics", RouterStats::new)?,
    };
    let mut routes = FewRoutes::new();
    let empty: &'static FewRoutes = ram.item("no routes", FewRoutes::new)?;
    let mut router = Router::new(memory, empty, empty, behaviour)?;
    for (index, (facts, port)) in facts.iter().zip(&config.ports).enumerate() {
        let id = PortId(index as u16);
        router.set_interface(id, InterfaceConfig::new(facts.mac, facts.mtu))?;
        for own in &port.addresses {
            let hop = match own.address {
                core::net::IpAddr::V4(address) => router.add_ipv4(id, address, own.prefix)?,
                core::net::IpAddr::V6(address) => router.add_ipv6(id, address, own.prefix)?,
            };
            let prefix = IpPrefix::new(own.address, own.prefix).map_err(ChangeError::from)?;
            insert(&mut router, &mut routes, prefix, hop)?;
        }
    }
    for route in &config.routes {
        let port = PortId(route.port as u16);
        let target = match route.via {
            Some(address) => Target::Gateway(port, address),
            None => Target::Connected(port),
        };
        let hop = router.next_hop(target)?;
        insert(&mut router, &mut routes, route.prefix, hop)?;
    }
    // An address of the router's own is reached by its link's route, or where a longer one would
    // lead past it by one of its own.
    for (index, port) in config.ports.iter().enumerate() {
        let id = PortId(index as u16);
        let link = router.next_hop(Target::Connected(id))?;
        for own in &port.addresses {
            let found = match own.address {
                core::net::IpAddr::V4(address) => (&routes).lookup(address.to_bits()),
                core::net::IpAddr::V6(address) => (&routes).lookup(address.to_bits()),
            };
            if found != Some(link) {
                let hop = router.next_hop(Target::Local(id))?;
                insert(&mut router, &mut routes, IpPrefix::host(own.address), hop)?;
            }
        }
        router.release(link);
    }
    for neighbour in &config.neighbours {
        let port = PortId(neighbour.port as u16);
        router.set_neighbour(port, neighbour.address, neighbour.mac)?;
    }
    let routes: &'static FewRoutes = ram.item("routes", || routes)?;
    let (ipv4, ipv6) = router.tables();
    *ipv4 = routes;
    *ipv6 = routes;
    Ok(router)
}

fn insert(
    router: &mut FewRouter,
    routes: &mut FewRoutes,
    prefix: IpPrefix,
    hop: NextHop,
) -> Result<(), SetupError> {
    match routes.insert(prefix, hop) {
        Ok(Some(old)) => router.release(old),
        Ok(None) => {}
        Err(error) => return Err(ChangeError::from(error).into()),
    }
    Ok(())
}

/// The UDP forwarder of the command line.
///
/// # Errors
/// [`SetupError::Udp`].
pub fn udp(config: &Config<'_>, facts: &[Facts]) -> Result<UdpForwarder<MAX_UDP>, SetupError> {
    let mut forwarder = UdpForwarder::new();
    for text in &config.udp {
        let mut rule = text.rule;
        if text.own_source {
            rule.new_source_mac = facts.get(usize::from(rule.to.0)).map(|facts| facts.mac);
        }
        forwarder.add(rule)?;
    }
    Ok(forwarder)
}

/// The cross-connect of the command line.
///
/// # Errors
/// [`SetupError::CrossConnect`].
pub fn cross_connect(config: &Config<'_>) -> Result<CrossConnect<MAX_PORTS>, SetupError> {
    let mut wires = CrossConnect::new();
    for &(a, b) in &config.pairs {
        wires.pair(PortId(a as u16), PortId(b as u16))?;
    }
    Ok(wires)
}

macro_rules! from {
    ($($variant:ident($error:ty))*) => {
        $(impl From<$error> for SetupError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*

        impl fmt::Display for SetupError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(error) => error.fmt(f),)*
                    Self::NoDevice(number) => write!(f, "there is no virtio network device {number}"),
                    Self::NoCapture => f.write_str("the module is no capture: classic pcap, Ethernet"),
                    Self::NoPorts => f.write_str("no port: name one, as `--port virtio`"),
                }
            }
        }
    };
}

from! {
    Memory(OutOfMemory)
    Pool(PoolError)
    Router(RouterError)
    Route(ChangeError)
    Udp(UdpRuleError)
    CrossConnect(CrossConnectError)
    Device(NetError)
    Queue(DeviceError)
}

impl core::error::Error for SetupError {}

/// Frames of a pool at the least, and at the most where nobody says how many.
const LEAST: usize = 256;
const MOST: usize = 2_048;
/// Next hops and neighbours of a router.
const ENTRIES: usize = 1_024;
/// Packets that wait for neighbours.
const PARKED: usize = 256;

//! What `linecard` is told to do: a TOML file, flags, or both, checked into one [`Config`].
//!
//! ```text
//!   file ──► Draft ─┐
//!                   ├─ overlay ─► Draft ─ Config::try_from ─► Config
//!   flags ─► Draft ─┘
//! ```
//!
//! Every setting is in `examples/router.toml`, with what it may be.
//!
//! A [`Draft`] holds what was written, each value with its [`Origin`]; a [`Config`] holds what is
//! meant, with every name resolved and every number in range. What stands between the two is a
//! [`ConfigError`] that points at the value: a line and column, or a flag.
//!
//! ```
//! use linecard_linux::config::{Config, Draft, Forwarder};
//! use std::path::Path;
//!
//! let text = r#"
//!     forwarder = "router"
//!     routes = ["0.0.0.0/0 via 198.51.100.2"]
//!
//!     [[port]]
//!     name = "lan"
//!     device = "af_xdp:veth0"
//!     addresses = ["192.0.2.1/24", "2001:db8::1/64"]
//!
//!     [[port]]
//!     name = "wan"
//!     device = "af_xdp:veth1"
//!     addresses = ["198.51.100.1/24"]
//!
//!     [worker]
//!     cpu = 1
//! "#;
//! let config = Config::try_from(Draft::parse(Path::new("router.toml"), text)?)?;
//! let Forwarder::Router(router) = &config.forwarder else { panic!() };
//! assert_eq!(config.ports[router.routes[0].port].name, "wan");
//! # Ok::<(), linecard_linux::config::ConfigError>(())
//! ```

mod af_xdp;
mod check;
mod device;
mod dpdk;
mod draft;
mod endpoint;
mod environment;
mod error;
mod file;
mod forwarder;
mod rss;
mod rules;
mod values;
mod vhost;
mod worker;

use core::net::IpAddr;
use core::time::Duration;
use std::path::PathBuf;

use linecard::forward::router::RouterConfig;
use linecard::wire::MacAddr;

pub use af_xdp::{AfXdp, AfXdpMode, ZeroCopy};
pub use device::{Device, Generator, Pcap, Timing};
pub use dpdk::{Dpdk, Eal, Iova};
pub use draft::{Draft, DraftDpdk, DraftPort, Setting};
pub use endpoint::{Endpoint, Pattern};
pub use error::{ConfigError, Origin, Problem};
pub use rss::{Rss, RssKey};
pub use values::Cidr;
pub use vhost::{Packed, VhostUser};

use crate::memory::PagePolicy;

/// A configuration that can be run. Ports are meant by their index in `ports`.
///
/// ```
/// use linecard_linux::config::{Config, Draft, DraftPort, Forwarder, Setting};
///
/// let port = |text: &str| DraftPort::new(Setting::flag("--port", text.into()));
/// let config = Config::try_from(Draft {
///     forwarder: Some(Setting::flag("--forwarder", "cross-connect".into())),
///     ports: vec![port("generator"), port("null")],
///     ..Draft::default()
/// })?;
/// let Forwarder::CrossConnect(wires) = &config.forwarder else { panic!() };
/// assert_eq!(wires.pairs, [(0, 1)]);
/// # Ok::<(), linecard_linux::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The ports, in order.
    pub ports: Vec<Port>,
    /// What happens to packets.
    pub forwarder: Forwarder,
    /// The frames they lie in.
    pub pool: Pool,
    /// Who moves them.
    pub worker: Worker,
    /// DPDK's environment, for ports on its devices.
    pub dpdk: Eal,
    /// What is said of it.
    pub stats: Stats,
    /// When to end; none runs until it is told to, or until nothing can come any more.
    pub duration: Option<Duration>,
}

/// One port.
///
/// ```
/// use linecard_linux::config::{Device, Port};
///
/// let port = Port {
///     name: "lan".into(),
///     device: Device::Loopback,
///     addresses: vec!["192.0.2.1/24".parse().unwrap()],
///     mac: None,
/// };
/// assert_eq!(port.device.kind(), "loopback");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name, unique.
    pub name: String,
    /// What it is made of.
    pub device: Device,
    /// The router's addresses there, each with its network.
    pub addresses: Vec<Cidr>,
    /// Its Ethernet address, where the device's own will not do.
    pub mac: Option<MacAddr>,
}

/// What happens to packets.
///
/// ```
/// use linecard_linux::config::{Forwarder, Router};
///
/// assert_eq!(Forwarder::Router(Router::default()).name(), "router");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forwarder {
    /// IPv4 and IPv6 routing.
    Router(Router),
    /// What comes in on one port of a pair leaves on the other.
    CrossConnect(CrossConnect),
    /// UDP flows are rewritten; the first rule that matches wins.
    Udp(Vec<UdpRule>),
}

impl Forwarder {
    /// The name it is chosen by.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Router(_) => "router",
            Self::CrossConnect(_) => "cross-connect",
            Self::Udp(_) => "udp",
        }
    }
}

/// Which ports are wired together.
///
/// ```
/// use linecard_linux::config::{CrossConnect, Malformed};
///
/// let wire = CrossConnect { pairs: vec![(0, 1)], ..CrossConnect::default() };
/// assert_eq!(wire.malformed, Malformed::Pass);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrossConnect {
    /// The pairs; a port may be its own.
    pub pairs: Vec<(usize, usize)>,
    /// What becomes of malformed packets.
    pub malformed: Malformed,
}

/// What a cross-connect does with packets that are not well formed. Router and UDP forwarder drop
/// them in any case.
///
/// ```
/// use linecard_linux::config::Malformed;
///
/// assert_eq!("drop".parse(), Ok(Malformed::Drop));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Malformed {
    /// They pass like others: a wire looks at nothing, whatever two stations speak over it. The
    /// default of `run`.
    #[default]
    Pass,
    /// They are dropped, with the reason counted; see [`WellFormed`](linecard::forward::WellFormed).
    /// The default of `replay`, whose output is for other programs to read.
    Drop,
}

/// What a router knows besides its ports' own networks.
///
/// ```
/// use linecard_linux::config::{Route, Router};
///
/// let mut router = Router::default();
/// router.routes.push(Route { prefix: "::/0".parse().unwrap(), port: 1, via: None });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Router {
    /// Routes, in the order written.
    pub routes: Vec<Route>,
    /// Stations that need not be asked for.
    pub neighbours: Vec<Neighbour>,
    /// How often a port says by MLD that it listens to the groups of an IPv6 address, 0 for a port
    /// that does not speak MLD; see [`listener_reports`](RouterConfig::listener_reports).
    pub listener_reports: u8,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            neighbours: Vec::new(),
            listener_reports: RouterConfig::default().listener_reports,
        }
    }
}

/// Where packets for a prefix go.
///
/// ```
/// use linecard_linux::config::Route;
///
/// let default = Route {
///     prefix: "0.0.0.0/0".parse().unwrap(),
///     port: 1,
///     via: Some([192, 0, 2, 1].into()),
/// };
/// assert!(default.prefix.contains([203, 0, 113, 9].into()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The prefix, no bits set behind its length.
    pub prefix: Cidr,
    /// The port they leave on.
    pub port: usize,
    /// The next hop; none where the destination itself is on the port's link.
    pub via: Option<IpAddr>,
}

/// The station that has an address.
///
/// ```
/// use linecard::wire::MacAddr;
/// use linecard_linux::config::Neighbour;
///
/// let mac = MacAddr([2, 0, 0, 0, 0, 1]);
/// let gateway = Neighbour { address: [192, 0, 2, 1].into(), mac, port: 0 };
/// assert!(gateway.mac.is_unicast());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// The port it is reached by.
    pub port: usize,
}

/// Which UDP packets are rewritten, and into what.
///
/// ```
/// use linecard_linux::config::{Endpoint, Pattern, UdpRule};
///
/// let dns = UdpRule {
///     from: None,
///     source: Pattern::default(),
///     destination: "*:53".parse().unwrap(),
///     to: 1,
///     new_source: Endpoint::default(),
///     new_destination: "192.0.2.53:5353".parse().unwrap(),
///     macs: None,
/// };
/// assert_eq!(dns.new_destination.port, Some(5353));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpRule {
    /// The port they come in on; none for any.
    pub from: Option<usize>,
    /// Where they come from.
    pub source: Pattern,
    /// Where they go to.
    pub destination: Pattern,
    /// The port they leave on.
    pub to: usize,
    /// What becomes of their source; what it does not name stays.
    pub new_source: Endpoint,
    /// What becomes of their destination; what it does not name stays.
    pub new_destination: Endpoint,
    /// Their new Ethernet destination, and their new source where it is not the port's own; none
    /// leaves both.
    pub macs: Option<(MacAddr, Option<MacAddr>)>,
}

/// The frames that packets lie in.
///
/// ```
/// use linecard_linux::config::Pool;
///
/// let pool = Pool::default();
/// assert_eq!(pool.frames * pool.frame_size, 32 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// How many.
    pub frames: u32,
    /// Bytes of each, a power of two.
    pub frame_size: u32,
    /// The pages they may lie on.
    pub huge_pages: PagePolicy,
    /// Whether to reserve huge pages that are missing, and to give them back at the end.
    pub reserve_huge_pages: bool,
}

impl Default for Pool {
    /// 16,384 frames of 2 KiB on huge pages if there are any: 32 MiB.
    fn default() -> Self {
        Self {
            frames: 16_384,
            frame_size: 2_048,
            huge_pages: PagePolicy::Prefer,
            reserve_huge_pages: false,
        }
    }
}

/// The threads that move packets.
///
/// ```
/// use linecard_linux::config::Worker;
///
/// assert!(Worker::BURSTS.contains(&Worker::default().burst));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// How many.
    pub count: usize,
    /// The CPU that each is kept on, in order; none lets the kernel move them.
    pub cpus: Vec<usize>,
    /// Most packets of a burst, one of [`BURSTS`](Self::BURSTS).
    pub burst: u16,
    /// What it does when nothing comes.
    pub idle: Idle,
}

impl Worker {
    /// The sizes of a burst that there are workers for.
    pub const BURSTS: [u16; 3] = [16, 32, 64];

    /// The CPU that worker `number` is kept on.
    #[must_use]
    pub fn cpu(&self, number: usize) -> Option<usize> {
        self.cpus.get(number).copied()
    }
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            count: 1,
            cpus: Vec::new(),
            burst: 32,
            idle: Idle::default(),
        }
    }
}

/// What a worker does when nothing comes.
///
/// ```
/// use linecard_linux::config::{Idle, Worker};
///
/// let thrifty = Worker { idle: Idle::Sleep(core::time::Duration::from_micros(50)), ..Worker::default() };
/// assert_ne!(thrifty, Worker::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Idle {
    /// Looks again at once: lowest latency, a whole CPU.
    Spin,
    /// Lets another thread run first, if one waits.
    #[default]
    Yield,
    /// Sleeps that long, at most 100 ms, after it found nothing for a while: spares the CPU, adds to
    /// the latency.
    Sleep(Duration),
}

/// What is said of a run.
///
/// ```
/// use linecard_linux::config::Stats;
///
/// let silent = Stats { interval: None, ..Stats::default() };
/// assert_eq!(silent.json, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Time between two lines; none for a silent run.
    pub interval: Option<Duration>,
    /// Where the final figures go as JSON.
    pub json: Option<PathBuf>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            interval: Some(Duration::from_secs(1)),
            json: None,
        }
    }
}

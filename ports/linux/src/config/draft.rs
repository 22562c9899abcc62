//! Settings as they were written, by whoever: flags and file end up in the same [`Draft`].

use std::path::PathBuf;

use super::error::{ConfigError, Origin, Problem};

/// A value and where it was written.
///
/// ```
/// use linecard_linux::config::Setting;
///
/// let burst = Setting::flag("--burst", 64);
/// assert_eq!(burst.value, 64);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T = String> {
    /// What is written.
    pub value: T,
    /// Where.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// What a flag of the command line says.
    #[must_use]
    pub fn flag(flag: &'static str, value: T) -> Self {
        Self {
            value,
            origin: Origin::Flag(flag),
        }
    }

    /// The error that this value is.
    #[must_use]
    pub fn error(&self, problem: Problem) -> ConfigError {
        ConfigError::new(Some(self.origin.clone()), problem)
    }
}

/// A configuration as it was written: nothing is checked, everything knows where it comes from.
///
/// Fill one from a file by [`Draft::read`](super::Draft::read), lay flags over it by
/// [`Draft::overlay`], and make it a [`Config`](super::Config) by `Config::try_from`.
///
/// ```
/// use linecard_linux::config::{Draft, Setting};
///
/// let mut draft = Draft::default();
/// draft.burst = Some(Setting::flag("--burst", 16));
/// draft.overlay(Draft { burst: Some(Setting::flag("--burst", 64)), ..Draft::default() });
/// assert_eq!(draft.burst.unwrap().value, 64);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// `router`, `cross-connect` or `udp`.
    pub forwarder: Option<Setting>,
    /// The ports, in order.
    pub ports: Vec<DraftPort>,
    /// Rules by the grammar of routes.
    pub routes: Vec<Setting>,
    /// Rules by the grammar of neighbours.
    pub neighbours: Vec<Setting>,
    /// How often ports say which groups they listen to.
    pub listener_reports: Option<Setting<u64>>,
    /// Pairs of port names.
    pub connect: Vec<Setting>,
    /// `pass` or `drop`: what a cross-connect does with malformed packets.
    pub malformed: Option<Setting>,
    /// Rules by the grammar of UDP rules.
    pub udp: Vec<Setting>,
    /// Frames of the pool.
    pub frames: Option<Setting<u64>>,
    /// Bytes of a frame.
    pub frame_size: Option<Setting<u64>>,
    /// `prefer`, `require` or `never`.
    pub huge_pages: Option<Setting>,
    /// Whether to reserve missing huge pages.
    pub reserve_huge_pages: Option<Setting<bool>>,
    /// Most packets of a burst.
    pub burst: Option<Setting<u64>>,
    /// How many workers.
    pub workers: Option<Setting<u64>>,
    /// The CPU of each worker.
    pub cpus: Option<Setting<Vec<u64>>>,
    /// `spin`, `yield` or `sleep:TIME`.
    pub idle: Option<Setting>,
    /// DPDK's environment.
    pub dpdk: DraftDpdk,
    /// How long to run.
    pub duration: Option<Setting>,
    /// Time between two lines of statistics.
    pub stats_interval: Option<Setting>,
    /// Where the statistics go as JSON.
    pub stats_json: Option<Setting<PathBuf>>,
}

/// A port as it was written.
///
/// ```
/// use linecard_linux::config::{DraftPort, Setting};
///
/// let mut port = DraftPort::new(Setting::flag("--port", "loopback".into()));
/// port.addresses.push(Setting::flag("--address", "192.0.2.1/24".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftPort {
    /// Its device, with options.
    pub device: Setting,
    /// Its name.
    pub name: Option<Setting>,
    /// Its addresses.
    pub addresses: Vec<Setting>,
    /// Its Ethernet address, where the device's own will not do.
    pub mac: Option<Setting>,
}

/// DPDK's environment as it was written.
///
/// ```
/// use linecard_linux::config::{DraftDpdk, Setting};
///
/// let quiet = DraftDpdk { log_level: Some(Setting::flag("test", "critical".into())), ..DraftDpdk::default() };
/// assert_ne!(quiet, DraftDpdk::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftDpdk {
    /// What its files are called.
    pub file_prefix: Option<Setting>,
    /// Whether its own structures are on huge pages.
    pub huge_pages: Option<Setting<bool>>,
    /// Megabytes for them.
    pub memory: Option<Setting<u64>>,
    /// Whether PCI devices are looked for.
    pub pci: Option<Setting<bool>>,
    /// `auto`, `virtual` or `physical`.
    pub iova: Option<Setting>,
    /// From which level on there are messages.
    pub log_level: Option<Setting>,
    /// More arguments.
    pub arguments: Vec<Setting>,
}

impl DraftPort {
    /// A port that is all in its device's text.
    #[must_use]
    pub fn new(device: Setting) -> Self {
        Self {
            device,
            name: None,
            addresses: Vec::new(),
            mac: None,
        }
    }
}

impl Draft {
    /// Lays `over` over this: single values replace, lists are appended.
    pub fn overlay(&mut self, over: Self) {
        fn replace<T>(under: &mut Option<T>, over: Option<T>) {
            if over.is_some() {
                *under = over;
            }
        }
        replace(&mut self.forwarder, over.forwarder);
        self.ports.extend(over.ports);
        self.routes.extend(over.routes);
        self.neighbours.extend(over.neighbours);
        replace(&mut self.listener_reports, over.listener_reports);
        self.connect.extend(over.connect);
        replace(&mut self.malformed, over.malformed);
        self.udp.extend(over.udp);
        replace(&mut self.frames, over.frames);
        replace(&mut self.frame_size, over.frame_size);
        replace(&mut self.huge_pages, over.huge_pages);
        replace(&mut self.reserve_huge_pages, over.reserve_huge_pages);
        replace(&mut self.burst, over.burst);
        replace(&mut self.workers, over.workers);
        replace(&mut self.cpus, over.cpus);
        replace(&mut self.idle, over.idle);
        let (dpdk, above) = (&mut self.dpdk, over.dpdk);
        replace(&mut dpdk.file_prefix, above.file_prefix);
        replace(&mut dpdk.huge_pages, above.huge_pages);
        replace(&mut dpdk.memory, above.memory);
        replace(&mut dpdk.pci, above.pci);
        replace(&mut dpdk.iova, above.iova);
        replace(&mut dpdk.log_level, above.log_level);
        dpdk.arguments.extend(above.arguments);
        replace(&mut self.duration, over.duration);
        replace(&mut self.stats_interval, over.stats_interval);
        replace(&mut self.stats_json, over.stats_json);
    }
}

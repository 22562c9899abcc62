//! How DPDK is started, and how a port is set up.

use std::string::String;
use std::vec::Vec;

use crate::rss::Rss;

/// How DPDK is started, once for the process.
///
/// The default needs no privilege: ordinary pages for DPDK's own structures (the packets are in
/// the pool, on whatever pages that has), no shared files, and the buses scanned.
///
/// ```
/// use linecard_dpdk::EalConfig;
///
/// let config = EalConfig { file_prefix: "router-a".into(), ..EalConfig::default() };
/// assert!(config.arguments(0).contains(&"--no-huge".to_string()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EalConfig {
    /// Names what this process keeps under `/run/dpdk`; each process its own. Empty: made of the
    /// process's number.
    pub file_prefix: String,
    /// The pages of DPDK's own structures.
    pub huge_pages: HugePages,
    /// Megabytes for them.
    pub megabytes: u32,
    /// Whether PCI devices are looked for.
    pub pci: bool,
    /// How devices address memory.
    pub iova: IovaMode,
    /// From which level on DPDK writes messages to the standard error: `error`, `notice`, `debug`.
    pub log_level: String,
    /// More arguments of the EAL, as they are.
    pub extra: Vec<String>,
}

/// The pages of DPDK's own structures: rings, queues, tables.
///
/// ```
/// assert_eq!(linecard_dpdk::HugePages::default(), linecard_dpdk::HugePages::No);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugePages {
    /// Ordinary ones (`--no-huge`).
    #[default]
    No,
    /// Huge ones, by no file that could be left behind (`--in-memory`).
    InMemory,
}

/// How devices address memory.
///
/// ```
/// assert_eq!(linecard_dpdk::IovaMode::default(), linecard_dpdk::IovaMode::Auto);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IovaMode {
    /// As DPDK finds best.
    #[default]
    Auto,
    /// By the process's addresses, through an IOMMU or in software.
    Virtual,
    /// By physical addresses, for which the process needs to be root and DPDK huge pages:
    /// [`Error::Physical`](crate::Error::Physical) if there are none.
    Physical,
}

/// How a port is set up; what the device cannot do is left out.
///
/// ```
/// use linecard_dpdk::Config;
/// let config = Config { queues: 4, mtu: Some(9000), ..Config::default() };
/// assert_eq!(config.ring, 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Queue pairs, among which received packets are spread by their hash.
    pub queues: u16,
    /// How they are spread.
    pub rss: Rss,
    /// Descriptors of each ring.
    pub ring: u16,
    /// The longest layer-3 packet in bytes; the device's own if not given.
    pub mtu: Option<u16>,
    /// Whether packets for other stations are received.
    pub promiscuous: bool,
    /// Whether received VLAN tags are taken off, into
    /// [`Packet::vlan_tci`](linecard::packet::Packet::vlan_tci).
    pub vlan_strip: bool,
    /// Whether checksums and hashes are asked of the device.
    pub offloads: bool,
    /// Whether the device is asked when packets were received: see
    /// [`Port::timestamps`](crate::Port::timestamps).
    pub timestamps: bool,
}

impl EalConfig {
    /// The arguments that DPDK gets, its one core on this CPU.
    #[must_use]
    pub fn arguments(&self, cpu: usize) -> Vec<String> {
        let mut arguments: Vec<String> = ["linecard", "--no-shconf", "--no-telemetry"]
            .map(Into::into)
            .into();
        let prefix = match self.file_prefix.is_empty() {
            true => std::format!("linecard-{}", std::process::id()),
            false => self.file_prefix.clone(),
        };
        arguments.push(std::format!("--file-prefix={prefix}"));
        arguments.push(std::format!("--lcores=0@{cpu}"));
        arguments.push(std::format!("--log-level=*:{}", self.log_level));
        arguments.push(match self.huge_pages {
            HugePages::No => "--no-huge".into(),
            HugePages::InMemory => "--in-memory".into(),
        });
        arguments.extend(["-m".into(), self.megabytes.to_string()]);
        if !self.pci {
            arguments.push("--no-pci".into());
        }
        match self.iova {
            IovaMode::Auto => {}
            IovaMode::Virtual => arguments.push("--iova-mode=va".into()),
            IovaMode::Physical => arguments.push("--iova-mode=pa".into()),
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}

impl Default for EalConfig {
    fn default() -> Self {
        Self {
            file_prefix: String::new(),
            huge_pages: HugePages::default(),
            megabytes: 64,
            pci: true,
            iova: IovaMode::default(),
            log_level: "error".into(),
            extra: Vec::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            queues: 1,
            rss: Rss::default(),
            ring: 1024,
            mtu: None,
            promiscuous: true,
            vlan_strip: false,
            offloads: true,
            timestamps: false,
        }
    }
}

//! Ports on DPDK's drivers.

use super::device::number;
use super::error::Problem;
use super::rss::Rss;

/// A device of DPDK's, by the arguments that DPDK knows it by.
///
/// Options that are not the port's go to the device, in order; `queues` goes to both with `net_vhost` and
/// `net_virtio_user`, which have an argument of that name.
///
/// ```
/// use linecard_linux::config::Device;
///
/// let Device::Dpdk(port) = "dpdk:net_pcap0,rx_pcap=in.pcap,ring=256".parse()? else { panic!() };
/// assert_eq!((port.device.as_str(), port.ring), ("net_pcap0,rx_pcap=in.pcap", 256));
/// # Ok::<(), linecard_linux::config::Problem>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dpdk {
    /// The device and its arguments: `net_ring0`, `0000:01:00.0`, `net_af_packet0,iface=eth1`.
    pub device: String,
    /// Descriptors of each ring.
    pub ring: u16,
    /// The longest layer-3 packet in bytes; the device's own if not given.
    pub mtu: Option<u16>,
    /// Queue pairs.
    pub queues: u16,
    /// How received packets are spread over them.
    pub rss: Rss,
    /// Arguments of DPDK's environment, which all ports share; more are in [`Eal::arguments`].
    pub eal: Vec<String>,
}

/// DPDK's environment: one for all ports, started once in a process.
///
/// ```
/// use linecard_linux::config::{Config, Draft};
/// use std::path::Path;
///
/// let text = r#"
///     forwarder = "cross-connect"
///     port = [{ device = "dpdk:net_ring0" }, { device = "dpdk:net_ring1" }]
///     [dpdk]
///     file-prefix = "router-a"
///     memory = 128
/// "#;
/// let config = Config::try_from(Draft::parse(Path::new("a.toml"), text)?)?;
/// assert_eq!((config.dpdk.megabytes, config.dpdk.huge_pages), (128, false));
/// # Ok::<(), linecard_linux::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eal {
    /// Names what the process keeps under `/run/dpdk`; made of its number if not given.
    pub file_prefix: Option<String>,
    /// Whether DPDK's own structures are on huge pages. (The packets are in the pool, on whatever
    /// pages that has.)
    pub huge_pages: bool,
    /// Megabytes for them.
    pub megabytes: u32,
    /// Whether PCI devices are looked for; if not given, where a port is one.
    pub pci: Option<bool>,
    /// How devices address memory.
    pub iova: Iova,
    /// From which level on DPDK writes messages to the standard error, one of
    /// [`LOG_LEVELS`](Self::LOG_LEVELS).
    pub log_level: String,
    /// More arguments, as they are.
    pub arguments: Vec<String>,
}

impl Eal {
    /// DPDK's names of levels.
    pub const LOG_LEVELS: [&str; 8] = [
        "emergency",
        "alert",
        "critical",
        "error",
        "warning",
        "notice",
        "info",
        "debug",
    ];
}

impl Default for Eal {
    /// Ordinary pages, 64 MB of them, and errors alone.
    fn default() -> Self {
        Self {
            file_prefix: None,
            huge_pages: false,
            megabytes: 64,
            pci: None,
            iova: Iova::default(),
            log_level: "error".into(),
            arguments: Vec::new(),
        }
    }
}

/// How devices of DPDK's address memory.
///
/// ```
/// assert_eq!(linecard_linux::config::Iova::default(), linecard_linux::config::Iova::Auto);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Iova {
    /// As DPDK finds best.
    #[default]
    Auto,
    /// By the process's addresses.
    Virtual,
    /// By physical ones, for which DPDK wants huge pages and root.
    Physical,
}

impl Iova {
    /// The names, and what they mean.
    pub(super) const NAMES: [(&str, Self); 3] = [
        ("auto", Self::Auto),
        ("virtual", Self::Virtual),
        ("physical", Self::Physical),
    ];
}

impl Dpdk {
    /// The options that are not the device's.
    pub(super) const OPTIONS: [&str; 7] = [
        "ring",
        "mtu",
        "queues",
        "rss",
        "rss-key",
        "rss-queues",
        "eal",
    ];

    pub(super) fn at(target: Option<&str>) -> Result<Self, Problem> {
        let device = target.filter(|device| !device.is_empty());
        let device = device.ok_or(Problem::Missing {
            what: "the device",
            hint: "name it, as in dpdk:net_af_packet0,iface=eth1 or dpdk:0000:01:00.0",
        })?;
        Ok(Self {
            device: device.into(),
            ring: 1024,
            mtu: None,
            queues: 1,
            rss: Rss::default(),
            eal: Vec::new(),
        })
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        match key {
            "ring" => self.ring = number("ring", value, 32, 32_768)? as u16,
            "mtu" => self.mtu = Some(number("mtu", value, 68, 65_000)? as u16),
            "queues" => {
                self.queues = number("queues", value, 1, MOST_QUEUES)? as u16;
                let name = self.device.split(',').next().unwrap_or_default();
                if ["net_vhost", "net_virtio_user"].map(|own| name.starts_with(own)) != [false; 2] {
                    self.add_argument(key, value);
                }
            }
            "rss" => self.rss.set_fields(value)?,
            "rss-key" => self.rss.set_key(value)?,
            "rss-queues" => self.rss.set_queues(value)?,
            "eal" => self.eal.push(value.into()),
            _ => self.add_argument(key, value),
        }
        Ok(())
    }

    fn add_argument(&mut self, key: &str, value: &str) {
        self.device.push(',');
        self.device.push_str(key);
        self.device.push('=');
        self.device.push_str(value);
    }

    /// Whether an option may be given once only.
    pub(super) fn is_single(key: &str) -> bool {
        key != "eal" && Self::OPTIONS.contains(&key)
    }
}

/// Queue pairs of a port at most: `RTE_MAX_QUEUES_PER_PORT` of `rte_config.h`.
pub(super) const MOST_QUEUES: u32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;

    #[test]
    fn what_is_not_the_ports_own_is_the_devices() {
        let text = "dpdk:net_pcap0,rx_pcap=a,mtu=9000,rx_pcap=b,eal=--iova-mode=va,eal=-v,ring=64";
        let dpdk = Dpdk {
            device: "net_pcap0,rx_pcap=a,rx_pcap=b".into(),
            ring: 64,
            mtu: Some(9000),
            queues: 1,
            rss: Rss::default(),
            eal: vec!["--iova-mode=va".into(), "-v".into()],
        };
        assert_eq!(text.parse(), Ok(Device::Dpdk(dpdk)));
        let Ok(Device::Dpdk(pci)) = "dpdk:0000:01:00.0".parse() else {
            panic!("a PCI address is a device");
        };
        assert_eq!(pci.device, "0000:01:00.0");
        let Ok(Device::Dpdk(vhost)) = "dpdk:net_vhost0,iface=a.sock,queues=2".parse() else {
            panic!("both want to know how many queues there are");
        };
        assert_eq!(vhost.device, "net_vhost0,iface=a.sock,queues=2");
        assert_eq!(vhost.queues, 2);
        for bad in [
            "dpdk",
            "dpdk:",
            "dpdk:x,ring=1",
            "dpdk:x,ring=64,ring=64",
            "dpdk:x,mtu=9",
            "dpdk:x,queues=0",
            "dpdk:x,queues=2,queues=2",
            "dpdk:x,rss=port",
            "dpdk:x,rss-key=zz",
            "dpdk:x,rss-queues=0",
        ] {
            assert!(bad.parse::<Device>().is_err(), "{bad}");
        }
    }
}

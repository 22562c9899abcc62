//! Ports on DPDK's drivers, of a build that has them.

use linecard::mempool::Pool;

use crate::config::{self, Config, Device};

/// Why a port on DPDK could not be had.
pub(super) type Refused = Box<dyn core::error::Error + Send + Sync>;

/// The pool as DPDK knows it; nothing where no port is DPDK's.
pub(super) struct Dpdk {
    #[cfg(feature = "dpdk")]
    memory: Option<linecard_dpdk::Memory>,
}

/// Bytes of each frame that are a driver's alone: an mbuf's where there is a port of DPDK's.
pub(super) fn private(config: &Config) -> usize {
    #[cfg(feature = "dpdk")]
    if devices(config).next().is_some() {
        // The mbufs of neighbouring frames are on different lines.
        return linecard_dpdk::PRIVATE + 64;
    }
    let _ = config;
    0
}

fn devices(config: &Config) -> impl Iterator<Item = &config::Dpdk> {
    config.ports.iter().filter_map(|port| match &port.device {
        Device::Dpdk(dpdk) => Some(dpdk),
        _ => None,
    })
}

#[cfg(feature = "dpdk")]
impl Dpdk {
    /// Starts DPDK, if there is a port of its.
    pub(super) fn new(config: &Config, pool: &'static Pool<'static>) -> Result<Self, Refused> {
        use linecard_dpdk::{Eal, EalConfig, HugePages, IovaMode, Memory};

        if devices(config).next().is_none() {
            return Ok(Self { memory: None });
        }
        let wanted = &config.dpdk;
        let of_ports = devices(config).flat_map(|dpdk| &dpdk.eal);
        let any_pci = || devices(config).any(|dpdk| !dpdk.device.starts_with("net_"));
        let eal = EalConfig {
            file_prefix: wanted.file_prefix.clone().unwrap_or_default(),
            huge_pages: match wanted.huge_pages {
                true => HugePages::InMemory,
                false => HugePages::No,
            },
            megabytes: wanted.megabytes,
            pci: wanted.pci.unwrap_or_else(any_pci),
            iova: match wanted.iova {
                config::Iova::Auto => IovaMode::Auto,
                config::Iova::Virtual => IovaMode::Virtual,
                config::Iova::Physical => IovaMode::Physical,
            },
            log_level: wanted.log_level.clone(),
            extra: wanted.arguments.iter().chain(of_ports).cloned().collect(),
        };
        // A process may run one configuration after another.
        let eal = match Eal::started() {
            Some(eal) => eal,
            None => Eal::start(&eal)?,
        };
        Ok(Self {
            memory: Some(Memory::new(eal, pool)?),
        })
    }

    /// The port of a device.
    pub(super) fn port<'p>(&self, dpdk: &config::Dpdk) -> Result<linecard_dpdk::Port<'p>, Refused> {
        let memory = self.memory.as_ref().ok_or("DPDK is not started")?;
        let config = linecard_dpdk::Config {
            ring: dpdk.ring,
            mtu: dpdk.mtu,
            queues: dpdk.queues,
            rss: rss(&dpdk.rss),
            ..linecard_dpdk::Config::default()
        };
        Ok(linecard_dpdk::Port::new(memory, &dpdk.device, config)?)
    }
}

/// How packets are to be spread, in the driver's words.
#[cfg(feature = "dpdk")]
fn rss(rss: &config::Rss) -> linecard_dpdk::Rss {
    use linecard_dpdk::{RssFields, RssKey, RssTable};

    // The names and the key's length were looked at when they were read.
    let fields = rss.fields.iter().filter_map(|name| RssFields::named(name));
    linecard_dpdk::Rss {
        fields: fields.reduce(|all, field| all | field),
        key: rss.key.as_ref().and_then(|key| match key {
            config::RssKey::Symmetric => Some(RssKey::SYMMETRIC),
            config::RssKey::Bytes(bytes) => RssKey::new(bytes),
        }),
        table: rss.queues.map_or(RssTable::Device, RssTable::First),
        ..linecard_dpdk::Rss::default()
    }
}

#[cfg(not(feature = "dpdk"))]
impl Dpdk {
    pub(super) fn new(config: &Config, _pool: &'static Pool<'static>) -> Result<Self, Refused> {
        match devices(config).next() {
            None => Ok(Self {}),
            Some(_) => Err(WITHOUT.into()),
        }
    }
}

/// What a build without DPDK says.
#[cfg(not(feature = "dpdk"))]
const WITHOUT: &str = "this program was built without DPDK; build it with `--features dpdk`, for \
    which libdpdk 22.11 or newer is needed";

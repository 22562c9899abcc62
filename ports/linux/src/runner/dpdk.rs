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
        use linecard_dpdk::{Eal, EalConfig, Memory};

        if devices(config).next().is_none() {
            return Ok(Self { memory: None });
        }
        let eal = EalConfig {
            pci: devices(config).any(|dpdk| !dpdk.device.starts_with("net_")),
            extra: devices(config).flat_map(|dpdk| dpdk.eal.clone()).collect(),
            ..EalConfig::default()
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
            ..linecard_dpdk::Config::default()
        };
        Ok(linecard_dpdk::Port::new(memory, &dpdk.device, config)?)
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

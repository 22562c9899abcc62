//! Ports on DPDK's drivers.

use super::device::number;
use super::error::Problem;

/// A device of DPDK's, by the arguments that DPDK knows it by.
///
/// Options that are not the port's go to the device, in order.
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
    /// Arguments of DPDK's environment, which all ports share.
    pub eal: Vec<String>,
}

impl Dpdk {
    /// The options that are not the device's.
    pub(super) const OPTIONS: [&str; 3] = ["ring", "mtu", "eal"];

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
            eal: Vec::new(),
        })
    }

    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), Problem> {
        match key {
            "ring" => self.ring = number("ring", value, 32, 32_768)? as u16,
            "mtu" => self.mtu = Some(number("mtu", value, 68, 65_000)? as u16),
            "eal" => self.eal.push(value.into()),
            _ => {
                self.device.push(',');
                self.device.push_str(key);
                self.device.push('=');
                self.device.push_str(value);
            }
        }
        Ok(())
    }

    /// Whether an option may be given once only.
    pub(super) fn is_single(key: &str) -> bool {
        matches!(key, "ring" | "mtu")
    }
}

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
            eal: vec!["--iova-mode=va".into(), "-v".into()],
        };
        assert_eq!(text.parse(), Ok(Device::Dpdk(dpdk)));
        let Ok(Device::Dpdk(pci)) = "dpdk:0000:01:00.0".parse() else {
            panic!("a PCI address is a device");
        };
        assert_eq!(pci.device, "0000:01:00.0");
        for bad in [
            "dpdk",
            "dpdk:",
            "dpdk:x,ring=1",
            "dpdk:x,ring=64,ring=64",
            "dpdk:x,mtu=9",
        ] {
            assert!(bad.parse::<Device>().is_err(), "{bad}");
        }
    }
}

//! A [`Draft`] into a [`Config`]: values read, names resolved, what does not go together refused.

use core::net::IpAddr;
use core::time::Duration;

use linecard::wire::MacAddr;

use super::device::Device;
use super::draft::{Draft, DraftPort, Setting};
use super::error::{ConfigError, Problem};
use super::forwarder::forwarder;
use super::values::{self, Cidr};
use super::worker::worker;
use super::{Config, Pool, Port, Stats};
use crate::memory::PagePolicy;

impl TryFrom<Draft> for Config {
    type Error = ConfigError;

    fn try_from(draft: Draft) -> Result<Self, ConfigError> {
        let ports = ports(&draft.ports)?;
        Ok(Self {
            forwarder: forwarder(&draft, &ports)?,
            ports,
            pool: pool(&draft)?,
            worker: worker(&draft)?,
            dpdk: super::environment::eal(&draft.dpdk)?,
            stats: stats(&draft)?,
            duration: draft.duration.as_ref().map(duration).transpose()?,
        })
    }
}

fn ports(drafts: &[DraftPort]) -> Result<Vec<Port>, ConfigError> {
    if drafts.is_empty() {
        return Err(ConfigError::new(
            None,
            Problem::Missing {
                what: "a port",
                hint: "give at least one, as `--port af_xdp:eth0` or `[[port]]` in the file",
            },
        ));
    }
    if let Some(extra) = drafts.get(MAX_PORTS) {
        return Err(extra.device.error(Problem::OutOfRange {
            what: "number of ports",
            value: drafts.len() as u64,
            min: 1,
            max: MAX_PORTS as u64,
        }));
    }
    let mut ports: Vec<Port> = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let port = port(index, draft)?;
        for earlier in &ports {
            if earlier.name == port.name {
                let named = draft.name.as_ref().unwrap_or(&draft.device);
                return Err(named.error(Problem::Duplicate {
                    what: "port",
                    value: port.name,
                }));
            }
            if let (Device::AfXdp(a), Device::AfXdp(b)) = (&earlier.device, &port.device)
                && a.interface == b.interface
                && let Some(both) = b.numbers().find(|queue| a.numbers().contains(queue))
            {
                return Err(draft.device.error(Problem::Duplicate {
                    what: "queue",
                    value: format!("{both} of {}", b.interface),
                }));
            }
            for ours in &port.addresses {
                if earlier.addresses.iter().any(|a| a.address == ours.address) {
                    return Err(draft.device.error(Problem::Duplicate {
                        what: "address",
                        value: ours.address.to_string(),
                    }));
                }
            }
        }
        ports.push(port);
    }
    Ok(ports)
}

fn port(index: usize, draft: &DraftPort) -> Result<Port, ConfigError> {
    let (device, options) =
        Device::parse(&draft.device.value).map_err(|problem| draft.device.error(problem))?;
    // An option inside the device's text was written where the text was.
    let mut draft = draft.clone();
    for (key, value) in options {
        let setting = Setting {
            value: value.to_owned(),
            origin: draft.device.origin.clone(),
        };
        match key {
            "addr" => draft.addresses.push(setting),
            "mac" if draft.mac.is_none() => draft.mac = Some(setting),
            "name" if draft.name.is_none() => draft.name = Some(setting),
            _ => {
                return Err(setting.error(Problem::Duplicate {
                    what: "option",
                    value: key.into(),
                }));
            }
        }
    }
    let name = match &draft.name {
        None => format!("port{index}"),
        Some(name) if !name.value.is_empty() && !name.value.contains(char::is_whitespace) => {
            name.value.clone()
        }
        Some(name) => {
            return Err(name.error(Problem::Invalid {
                what: "name of a port",
                value: name.value.clone(),
                expected: "at least one character and no blanks",
            }));
        }
    };
    let mut addresses: Vec<Cidr> = Vec::with_capacity(draft.addresses.len());
    for setting in &draft.addresses {
        let address = host_address(setting)?;
        if addresses.iter().any(|a| a.address == address.address) {
            return Err(setting.error(Problem::Duplicate {
                what: "address",
                value: address.address.to_string(),
            }));
        }
        addresses.push(address);
    }
    let mac = draft.mac.as_ref().map(|setting| {
        let mac = setting
            .value
            .parse()
            .ok()
            .filter(|mac: &MacAddr| mac.is_unicast());
        mac.ok_or_else(|| invalid(setting, "MAC address", values::MAC))
    });
    Ok(Port {
        name,
        device,
        addresses,
        mac: mac.transpose()?,
    })
}

/// An address that one interface can have.
fn host_address(setting: &Setting) -> Result<Cidr, ConfigError> {
    let cidr: Cidr = setting
        .value
        .parse()
        .map_err(|()| invalid(setting, "address", Cidr::EXPECTED))?;
    let usable = match cidr.address {
        // What the router takes (RFC 1812 sections 4.2.3.1 and 5.3.7, RFC 3021).
        IpAddr::V4(v4) => {
            let (own, mask) = (v4.to_bits(), cidr.mask4());
            let is_host = cidr.prefix > 30 || own & !mask != 0 && own | mask != u32::MAX;
            !matches!(v4.octets(), [0 | 127 | 224.., ..]) && is_host
        }
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && !v6.is_loopback(),
    };
    if !usable {
        return Err(invalid(
            setting,
            "address of a port",
            "a unicast address, not the loopback nor the first or last of its network",
        ));
    }
    Ok(cidr)
}

fn pool(draft: &Draft) -> Result<Pool, ConfigError> {
    let default = Pool::default();
    let frame_size = in_range(
        draft.frame_size.as_ref(),
        "frame size",
        default.frame_size.into(),
        MIN_FRAME_SIZE,
        MAX_FRAME_SIZE,
    )?;
    if let Some(setting) = &draft.frame_size
        && !frame_size.is_power_of_two()
    {
        return Err(setting.error(Problem::Invalid {
            what: "frame size",
            value: frame_size.to_string(),
            expected: "a power of two from 2048 to 32768",
        }));
    }
    Ok(Pool {
        frames: in_range(
            draft.frames.as_ref(),
            "number of frames",
            default.frames.into(),
            MIN_FRAMES,
            MAX_FRAMES,
        )? as u32,
        frame_size: frame_size as u32,
        huge_pages: match &draft.huge_pages {
            None => default.huge_pages,
            Some(setting) => setting.value.parse().map_err(|()| {
                setting.error(Problem::Unknown {
                    what: "choice of huge pages",
                    value: setting.value.clone(),
                    known: PagePolicy::NAMES.map(String::from).to_vec(),
                })
            })?,
        },
        reserve_huge_pages: match (&draft.reserve_huge_pages, &draft.huge_pages) {
            (Some(reserve), Some(pages)) if reserve.value && pages.value == "never" => {
                return Err(reserve.error(Problem::Misplaced {
                    what: "reserving huge pages",
                    reason: "huge pages are set to `never`",
                }));
            }
            (reserve, _) => reserve.as_ref().is_some_and(|reserve| reserve.value),
        },
    })
}

fn stats(draft: &Draft) -> Result<Stats, ConfigError> {
    let interval = match &draft.stats_interval {
        None => Stats::default().interval,
        Some(setting) if setting.value == "never" => None,
        Some(setting) => Some(duration(setting)?),
    };
    Ok(Stats {
        interval,
        json: draft.stats_json.as_ref().map(|json| json.value.clone()),
    })
}

fn duration(setting: &Setting) -> Result<Duration, ConfigError> {
    values::duration(&setting.value)
        .filter(|time| !time.is_zero())
        .ok_or_else(|| invalid(setting, "length of time", values::DURATION))
}

pub(super) fn invalid(
    setting: &Setting,
    what: &'static str,
    expected: &'static str,
) -> ConfigError {
    setting.error(Problem::Invalid {
        what,
        value: setting.value.clone(),
        expected,
    })
}

/// A setting read by the grammar of its rule.
pub(super) fn rule<T: core::str::FromStr<Err = Problem>>(
    setting: &Setting,
) -> Result<T, ConfigError> {
    setting
        .value
        .parse()
        .map_err(|problem| setting.error(problem))
}

pub(super) fn in_range(
    setting: Option<&Setting<u64>>,
    what: &'static str,
    default: u64,
    min: u64,
    max: u64,
) -> Result<u64, ConfigError> {
    match setting {
        Some(setting) if !(min..=max).contains(&setting.value) => {
            Err(setting.error(Problem::OutOfRange {
                what,
                value: setting.value,
                min,
                max,
            }))
        }
        Some(setting) => Ok(setting.value),
        None => Ok(default),
    }
}

pub(super) const MAX_RULES: usize = crate::runner::MAX_RULES;
const MAX_PORTS: usize = crate::runner::MAX_PORTS;
/// Fewer could not fill one burst on each of two ports.
const MIN_FRAMES: u64 = 64;
const MAX_FRAMES: u64 = 1 << 24;
const MIN_FRAME_SIZE: u64 = 2_048;
const MAX_FRAME_SIZE: u64 = 32_768;

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

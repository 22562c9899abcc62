//! A [`Draft`] into a [`Config`]: values read, names resolved, what does not go together refused.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashSet;

use linecard::wire::MacAddr;

use super::device::Device;
use super::draft::{Draft, DraftPort, Setting};
use super::error::{ConfigError, Problem};
use super::rules::{NeighbourText, PairText, RouteText, UdpText};
use super::values::{self, Cidr};
use super::{
    Config, Forwarder, Idle, Neighbour, Pool, Port, Route, Router, Stats, UdpRule, Worker,
};
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
                && (&a.interface, a.queue) == (&b.interface, b.queue)
            {
                return Err(draft.device.error(Problem::Duplicate {
                    what: "queue",
                    value: format!("{} of {}", b.queue, b.interface),
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
    let address = cidr.address;
    let broadcast = match address {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(_) => false,
    };
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() || broadcast {
        return Err(invalid(
            setting,
            "address of a port",
            "a unicast address that is not the loopback",
        ));
    }
    Ok(cidr)
}

fn forwarder(draft: &Draft, ports: &[Port]) -> Result<Forwarder, ConfigError> {
    let Some(chosen) = &draft.forwarder else {
        return Err(ConfigError::new(
            None,
            Problem::Missing {
                what: "the forwarder",
                hint: "choose one by `--forwarder router`, `cross-connect` or `udp`",
            },
        ));
    };
    let refuse = |settings: &[Setting], what, reason| match settings.first() {
        Some(setting) => Err(setting.error(Problem::Misplaced { what, reason })),
        None => Ok(()),
    };
    if chosen.value != "router" {
        let reason = "only the router routes; choose `--forwarder router`";
        refuse(&draft.routes, "a route", reason)?;
        refuse(&draft.neighbours, "a neighbour", reason)?;
    }
    if chosen.value != "cross-connect" {
        let reason = "only the cross-connect has pairs; choose `--forwarder cross-connect`";
        refuse(&draft.connect, "a pair of ports", reason)?;
    }
    if chosen.value != "udp" {
        let reason = "only the UDP forwarder has rules; choose `--forwarder udp`";
        refuse(&draft.udp, "a UDP rule", reason)?;
    }
    match chosen.value.as_str() {
        "router" => router(draft, ports).map(Forwarder::Router),
        "cross-connect" => pairs(chosen, draft, ports).map(Forwarder::CrossConnect),
        "udp" => udp(chosen, draft, ports).map(Forwarder::Udp),
        other => Err(chosen.error(Problem::Unknown {
            what: "forwarder",
            value: other.into(),
            known: ["router", "cross-connect", "udp"]
                .map(String::from)
                .to_vec(),
        })),
    }
}

fn router(draft: &Draft, ports: &[Port]) -> Result<Router, ConfigError> {
    if ports.iter().all(|port| port.addresses.is_empty()) {
        return Err(ConfigError::new(
            draft.ports.first().map(|port| port.device.origin.clone()),
            Problem::Missing {
                what: "an address for the router",
                hint: "give its ports addresses, as `--port af_xdp:eth0,addr=192.0.2.1/24` \
                       or `addresses = [...]` in the file",
            },
        ));
    }
    let mut routes = Vec::with_capacity(draft.routes.len());
    let mut seen = HashSet::with_capacity(draft.routes.len());
    for setting in &draft.routes {
        let text: RouteText = rule(setting)?;
        let route = Route {
            prefix: text.prefix,
            port: exit(setting, ports, text.port.as_deref(), text.via)?,
            via: text.via,
        };
        if !seen.insert(route.prefix) {
            return Err(setting.error(Problem::Duplicate {
                what: "route to",
                value: route.prefix.to_string(),
            }));
        }
        routes.push(route);
    }
    let mut neighbours = Vec::with_capacity(draft.neighbours.len());
    for setting in &draft.neighbours {
        let text: NeighbourText = rule(setting)?;
        neighbours.push(Neighbour {
            address: text.address,
            mac: text.mac,
            port: exit(setting, ports, text.port.as_deref(), Some(text.address))?,
        });
    }
    Ok(Router { routes, neighbours })
}

/// The port of that name, or else the one whose network holds the address.
fn exit(
    setting: &Setting,
    ports: &[Port],
    name: Option<&str>,
    address: Option<IpAddr>,
) -> Result<usize, ConfigError> {
    if let Some(name) = name {
        return by_name(setting, ports, name);
    }
    let Some(address) = address else {
        return Err(setting.error(Problem::Missing {
            what: "a port's name",
            hint: "write `port NAME`",
        }));
    };
    ports
        .iter()
        .position(|port| port.addresses.iter().any(|own| own.contains(address)))
        .ok_or_else(|| {
            setting.error(Problem::Unreachable {
                address: address.to_string(),
            })
        })
}

fn by_name(setting: &Setting, ports: &[Port], name: &str) -> Result<usize, ConfigError> {
    ports
        .iter()
        .position(|port| port.name == name)
        .ok_or_else(|| {
            setting.error(Problem::Unknown {
                what: "port",
                value: name.into(),
                known: ports.iter().map(|port| port.name.clone()).collect(),
            })
        })
}

fn pairs(
    chosen: &Setting,
    draft: &Draft,
    ports: &[Port],
) -> Result<Vec<(usize, usize)>, ConfigError> {
    if draft.connect.is_empty() {
        return match ports.len() {
            // Nothing to choose between.
            2 => Ok(vec![(0, 1)]),
            _ => Err(chosen.error(Problem::Missing {
                what: "which ports are connected",
                hint: "say `--connect \"NAME NAME\"` for each pair",
            })),
        };
    }
    let mut pairs = Vec::with_capacity(draft.connect.len());
    let mut taken = vec![false; ports.len()];
    for setting in &draft.connect {
        let PairText(a, b) = rule(setting)?;
        let (a, b) = (by_name(setting, ports, &a)?, by_name(setting, ports, &b)?);
        for index in if a == b { vec![a] } else { vec![a, b] } {
            if core::mem::replace(&mut taken[index], true) {
                return Err(setting.error(Problem::Duplicate {
                    what: "connected port",
                    value: ports[index].name.clone(),
                }));
            }
        }
        pairs.push((a, b));
    }
    Ok(pairs)
}

fn udp(chosen: &Setting, draft: &Draft, ports: &[Port]) -> Result<Vec<UdpRule>, ConfigError> {
    if draft.udp.is_empty() {
        return Err(chosen.error(Problem::Missing {
            what: "a UDP rule",
            hint: "give one, as `--udp \"dst 192.0.2.1:53 to port NAME dst 198.51.100.1:53\"`",
        }));
    }
    if let Some(extra) = draft.udp.get(MAX_RULES) {
        return Err(extra.error(Problem::OutOfRange {
            what: "number of UDP rules",
            value: draft.udp.len() as u64,
            min: 1,
            max: MAX_RULES as u64,
        }));
    }
    let rules = draft.udp.iter().map(|setting| {
        let text: UdpText = rule(setting)?;
        let from = text.from.as_deref();
        Ok(UdpRule {
            from: from.map(|name| by_name(setting, ports, name)).transpose()?,
            source: text.source,
            destination: text.destination,
            to: by_name(setting, ports, &text.to)?,
            new_source: text.new_source,
            new_destination: text.new_destination,
            macs: text.destination_mac.map(|to| (to, text.source_mac)),
        })
    });
    rules.collect()
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

fn worker(draft: &Draft) -> Result<Worker, ConfigError> {
    let default = Worker::default();
    let idle = draft.idle.as_ref().map(|setting| {
        match setting.value.as_str() {
            "spin" => Some(Idle::Spin),
            "yield" => Some(Idle::Yield),
            other => other
                .strip_prefix("sleep:")
                .and_then(values::duration)
                .filter(|time| !time.is_zero() && *time <= LONGEST_SLEEP)
                .map(Idle::Sleep),
        }
        .ok_or_else(|| {
            let expected = "spin, yield, or sleep:50us (100ms at most)";
            invalid(setting, "idle strategy", expected)
        })
    });
    Ok(Worker {
        cpu: match &draft.cpu {
            None => None,
            Some(_) => Some(in_range(draft.cpu.as_ref(), "CPU", 0, 0, MAX_CPU)? as usize),
        },
        burst: match &draft.burst {
            None => default.burst,
            Some(setting) => *Worker::BURSTS
                .iter()
                .find(|burst| u64::from(**burst) == setting.value)
                .ok_or_else(|| {
                    setting.error(Problem::Invalid {
                        what: "burst size",
                        value: setting.value.to_string(),
                        expected: "16, 32 or 64",
                    })
                })?,
        },
        idle: idle.transpose()?.unwrap_or(default.idle),
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

fn invalid(setting: &Setting, what: &'static str, expected: &'static str) -> ConfigError {
    setting.error(Problem::Invalid {
        what,
        value: setting.value.clone(),
        expected,
    })
}

fn rule<T: core::str::FromStr<Err = Problem>>(setting: &Setting) -> Result<T, ConfigError> {
    setting
        .value
        .parse()
        .map_err(|problem| setting.error(problem))
}

fn in_range(
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

/// So long it may take a worker to notice that it is to end.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
const MAX_RULES: usize = crate::runner::MAX_RULES;
const MAX_PORTS: usize = crate::runner::MAX_PORTS;
/// Fewer could not fill one burst on each of two ports.
const MIN_FRAMES: u64 = 64;
const MAX_FRAMES: u64 = 1 << 24;
const MIN_FRAME_SIZE: u64 = 2_048;
const MAX_FRAME_SIZE: u64 = 32_768;
/// The kernel's largest `NR_CPUS` is 8,192.
const MAX_CPU: u64 = 8_191;

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

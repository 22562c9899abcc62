//! What a [`Draft`] says of its forwarder: rules read, ports found by their names.

use core::net::IpAddr;
use std::collections::HashSet;

use super::check::{MAX_RULES, in_range, rule};
use super::draft::{Draft, Setting};
use super::error::{ConfigError, Problem};
use super::rules::{NeighbourText, PairText, RouteText, UdpText};
use super::{CrossConnect, Forwarder, Malformed, Neighbour, Port, Route, Router, UdpRule};

/// The forwarder that is chosen, with what was said of it.
pub(super) fn forwarder(draft: &Draft, ports: &[Port]) -> Result<Forwarder, ConfigError> {
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
        if let Some(setting) = &draft.listener_reports {
            return Err(setting.error(Problem::Misplaced {
                what: "a number of listener reports",
                reason: "only the router sends them; choose `--forwarder router`",
            }));
        }
    }
    if chosen.value != "cross-connect" {
        let reason = "only the cross-connect has pairs; choose `--forwarder cross-connect`";
        refuse(&draft.connect, "a pair of ports", reason)?;
        let reason = "only the cross-connect can pass them; the others drop them in any case";
        refuse(
            draft.malformed.as_slice(),
            "what becomes of malformed packets",
            reason,
        )?;
    }
    if chosen.value != "udp" {
        let reason = "only the UDP forwarder has rules; choose `--forwarder udp`";
        refuse(&draft.udp, "a UDP rule", reason)?;
    }
    match chosen.value.as_str() {
        "router" => router(draft, ports).map(Forwarder::Router),
        "cross-connect" => Ok(Forwarder::CrossConnect(CrossConnect {
            pairs: pairs(chosen, draft, ports)?,
            malformed: malformed(draft)?,
        })),
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
    let listener_reports = in_range(
        draft.listener_reports.as_ref(),
        "number of listener reports",
        Router::default().listener_reports.into(),
        0,
        u8::MAX.into(),
    )? as u8;
    Ok(Router {
        routes,
        neighbours,
        listener_reports,
    })
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

fn malformed(draft: &Draft) -> Result<Malformed, ConfigError> {
    let Some(setting) = &draft.malformed else {
        return Ok(Malformed::default());
    };
    setting.value.parse().map_err(|()| {
        setting.error(Problem::Unknown {
            what: "choice for malformed packets",
            value: setting.value.clone(),
            known: Malformed::NAMES.map(String::from).to_vec(),
        })
    })
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

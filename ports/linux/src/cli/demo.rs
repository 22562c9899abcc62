//! `linecard demo`: the router in memory, under a generator.

use core::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use linecard::lookup::Routes4;
use linecard::wire::MacAddr;

use super::args::DemoArgs;
use super::output;
use crate::affinity;
use crate::config::{Cidr, Config, Draft, DraftPort, Forwarder, Neighbour, Route, Router, Setting};
use crate::error::Error;
use crate::runner;
use crate::signals::Stop;

/// Routes made-up packets over made-up routes and prints what it costs.
///
/// # Errors
/// What [`runner::run`] says, or that the figures cannot be written.
pub(super) fn run(args: DemoArgs, stop: &Stop) -> Result<(), Error> {
    let began = Instant::now();
    let (routes, flows, size) = (args.routes, args.flows, args.size);
    let config = config(args)?;
    output::check(config.stats.json.as_deref())?;
    eprintln!(
        "linecard {}: an IPv4 router in memory, no root, no network",
        env!("CARGO_PKG_VERSION")
    );
    eprintln!(
        "{routes} routes, {flows} flows in random order, frames of {size} bytes ({} on the wire)",
        size + FRAME_CHECK
    );
    for cpu in &config.worker.cpus {
        eprintln!("worker on CPU {cpu}");
    }
    let report = runner::run(&config, stop, &mut |event| {
        if let runner::Event::Started = event {
            eprintln!("set up in {:.2} s", began.elapsed().as_secs_f64());
        }
        output::event(&event);
    })?;
    output::report(&report, config.stats.json.as_deref())
}

fn config(args: DemoArgs) -> Result<Config, Error> {
    let mut draft = args.common.draft();
    let workers = draft.cpus.as_ref().map_or(1, |cpus| cpus.value.len());
    draft.overlay(Draft {
        forwarder: Some(Setting::flag("demo", "router".into())),
        duration: Some(Setting::flag("--duration", args.duration)),
        ports: [
            format!(
                "generator,name=in,addr={IN},flows={},size={},queues={workers}",
                args.flows, args.size
            ),
            format!("null,name=out,addr={OUT}"),
        ]
        .map(|port| DraftPort::new(Setting::flag("demo", port)))
        .to_vec(),
        ..Draft::default()
    });
    let mut config = Config::try_from(draft)?;
    config.forwarder = Forwarder::Router(router(args.routes));
    if config.worker.cpus.is_empty() {
        // The last one: interrupts and everybody else's programs prefer the first.
        config.worker.cpus = affinity::allowed()
            .ok()
            .filter(|cpus| cpus.len() > 1)
            .and_then(|cpus| cpus.last().copied())
            .into_iter()
            .collect();
    }
    Ok(config)
}

/// Routes that look like the Internet's, over gateways whose addresses are known.
fn router(count: u32) -> Router {
    let gateway = |hop: u16| IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2 + hop as u8));
    let routes = Routes4::new(1, GATEWAYS)
        .take(count as usize)
        .map(|(prefix, hop)| Route {
            prefix: Cidr {
                address: Ipv4Addr::from_bits(prefix.first()).into(),
                prefix: prefix.len(),
            },
            port: 1,
            via: Some(gateway(hop.index())),
        })
        .collect();
    let neighbours = (0..GATEWAYS)
        .map(|hop| Neighbour {
            address: gateway(hop),
            mac: MacAddr([0x02, b'g', b'w', 0, 0, hop as u8]),
            port: 1,
        })
        .collect();
    Router {
        routes,
        neighbours,
        ..Router::default()
    }
}

const IN: &str = "192.0.2.1/24";
const OUT: &str = "198.51.100.1/24";
const GATEWAYS: u16 = 16;
/// Bytes of the frame check sequence, which a card adds and takes off.
const FRAME_CHECK: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_leads_to_a_gateway_that_is_known() {
        let router = router(10_000);
        assert_eq!(router.routes.len(), 10_000);
        for route in &router.routes {
            assert_eq!(route.prefix.network(), route.prefix);
            let via = route.via.unwrap();
            assert!(router.neighbours.iter().any(|n| n.address == via));
        }
    }
}

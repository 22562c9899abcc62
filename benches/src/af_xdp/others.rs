//! Forwarders that are not AF_XDP in Rust: DPDK's, packet sockets', the kernel's.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use linecard::wire::MacAddr;
use linecard_testnet::Namespace;

use super::lane::{Input, Lane};
use super::turn::{Forwarder, Peer, contender, processors};
use crate::harness::Contender;
use crate::routing::OTHER_MAC;
use crate::testpmd::Testpmd;

/// `dpdk-testpmd` in a mode, over two devices of a driver's.
pub fn testpmd(name: &'static str, driver: &'static str, mode: &'static str) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = processors()?;
        let input = match driver {
            "net_af_xdp" => Input::Xdp,
            _ => Input::Stack,
        };
        let lane = Lane::flooded(input, Some(one))?;
        let mut testpmd = start_testpmd(&lane.inside, [one, other], driver, mode)?;
        testpmd.ask("start", "packet forwarding")?;
        testpmd.hold(true);
        contender(name, lane, Forwarder::Testpmd(Box::new(testpmd)))
    })
}

/// One whose commands are on the first processor, and its forwarding on the second.
///
/// # Errors
/// That it is not there, or does not come up.
pub fn start_testpmd(
    inside: &Namespace,
    [one, other]: [usize; 2],
    driver: &str,
    mode: &str,
) -> Result<Testpmd, String> {
    let devices = ["in0", "out0"].into_iter().enumerate();
    let devices: Vec<String> = devices
        .map(|(number, interface)| format!("{driver}{number},iface={interface}"))
        .collect();
    let pages = ["--no-huge", "-m", "256"];
    let mode = format!("--forward-mode={mode}");
    let more = ["--port-topology=paired", "--burst=32", &mode];
    let lcores = format!("0@{one},1@{other}");
    Testpmd::inside(inside, &lcores, &pages, &devices, &more)
}

/// Our small program over packet sockets, in one of its forms: `tpacket` or `pcap`.
pub fn packet_socket(name: &'static str, form: &'static str) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = processors()?;
        let lane = Lane::flooded(Input::Stack, Some(one))?;
        let peer = start_packet_socket(&lane.inside, form, other)?;
        contender(name, lane, Forwarder::Process(peer))
    })
}

/// That program, on a processor.
///
/// # Errors
/// Why it is not there, or what it says.
pub fn start_packet_socket(inside: &Namespace, form: &str, cpu: usize) -> Result<Peer, String> {
    let Some(program) = option_env!("LINECARD_FORWARD") else {
        let why = option_env!("LINECARD_FORWARD_MISSING");
        return Err(why.unwrap_or("it was not built").into());
    };
    let mut command: Command = inside.command(program);
    command.args([form, "in0", "out0", &cpu.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.spawn();
    let mut peer = Peer(child.map_err(|error| format!("{program}: {error}"))?);
    let mut line = String::new();
    let stdout = peer.0.stdout.as_mut().ok_or("no standard output")?;
    // It says one line, and then forwards.
    let read = BufReader::new(stdout).read_line(&mut line);
    read.map_err(|error| error.to_string())?;
    match line.trim() {
        "ready" => Ok(peer),
        "" => Err(format!("{form} ended at once")),
        why => Err(why.to_owned()),
    }
}

/// The kernel's own routing: one route for all, and a neighbour that is known.
pub fn kernel(name: &'static str) -> Contender {
    Contender::lazy(name, move || {
        let [one, _] = processors()?;
        let lane = Lane::flooded(Input::Stack, Some(one))?;
        route_by_kernel(&lane);
        contender(name, lane, Forwarder::Kernel)
    })
}

/// Has the kernel route what comes in by `in0` out of `out0`.
pub fn route_by_kernel(lane: &Lane) {
    let inside = &lane.inside;
    inside.sysctl("ipv4/ip_forward", "1");
    inside.sysctl("ipv4/conf/all/rp_filter", "0");
    inside.sysctl("ipv4/conf/in0/rp_filter", "0");
    inside.ip("address add 192.0.2.1/24 dev in0");
    inside.ip("address add 198.51.100.1/24 dev out0");
    inside.ip(&format!(
        "neighbour add 198.51.100.2 lladdr {GATEWAY} dev out0 nud permanent"
    ));
    inside.ip("route add default via 198.51.100.2 dev out0");
}

/// Where the kernel sends everything to.
const GATEWAY: MacAddr = OTHER_MAC;

//! The study's questions over real interfaces: what copies cost, and where generator and worker should run.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::net::UdpSocket;

use linecard_linux::affinity;
use linecard_linux::port::Flow;

use super::finished;
use super::lane::{Input, Lane};
use super::ours::{self, cross_connect, open, worker};
use super::turn::{Forwarder, Poller, contender, processors};
use crate::copying::Copying;
use crate::harness::Contender;
use crate::routing::{DISCARD, FRAME, MAC, text};
use crate::udp;

/// One UDP forwarder three ways, of the same flood.
///
/// # Errors
/// That there is no root, or one processor.
pub fn copying() -> Result<Vec<Contender>, String> {
    super::possible()?;
    let over_af_xdp = |name: &'static str, copies: bool| {
        Contender::lazy(name, move || {
            let [one, other] = processors()?;
            let lane = one_flow(Input::Xdp, one)?;
            let poller = Poller::new(&lane.inside, Some(other), move || {
                worker(open(finished())?, udp::stage()?, move |queue, far| {
                    (Copying { queue, copies }, far)
                })
            })?;
            contender(name, lane, Forwarder::Thread(poller))
        })
    };
    Ok(vec![
        over_af_xdp("linecard UDP, AF_XDP as built", false),
        over_af_xdp("AF_XDP, copied into buffers of its own", true),
        sockets("UDP sockets, recv and send"),
    ])
}

/// What a reader should know.
pub const COPYING: &str = "One flow to one address, so that a socket can have it. In copy mode the kernel copies once each way in any case, \
    and sockets copy once each way too: what differs is its network stack, a system call for each packet each way, and one more copy.";

/// A forwarder over ordinary sockets: a system call to receive, and one to send.
fn sockets(name: &'static str) -> Contender {
    Contender::lazy(name, move || {
        let [one, other] = processors()?;
        let lane = one_flow(Input::Stack, one)?;
        let inside = &lane.inside;
        inside.ip(&format!("address add {HERE}/24 dev in0"));
        inside.ip(&format!("address add {NEAR}/24 dev out0"));
        let neighbour = format!("neighbour add {FAR} lladdr {MAC} dev out0 nud permanent");
        inside.ip(&neighbour);
        // The flood's sources are anywhere.
        inside.ip("route add default dev in0");
        let poller = Poller::new(inside, Some(other), || {
            let from = UdpSocket::bind((HERE, DISCARD)).map_err(text)?;
            let to = UdpSocket::bind((NEAR, 0)).map_err(text)?;
            to.connect((FAR, DISCARD)).map_err(text)?;
            // So that it can be held.
            let patience = Some(Duration::from_millis(10));
            from.set_read_timeout(patience).map_err(text)?;
            let mut buffer = [0; 2048];
            Ok(move || {
                let Ok(len) = from.recv(&mut buffer) else {
                    return;
                };
                // What finds no room is lost, as in any full queue.
                let _ = to.send(buffer.get(..len).unwrap_or_default());
            })
        })?;
        contender(name, lane, Forwarder::Thread(poller))
    })
}

/// A lane with a flood of one flow.
fn one_flow(input: Input, cpu: usize) -> Result<Lane, String> {
    let [source, destination] = [SOURCE, HERE].map(|address| SocketAddr::from((address, DISCARD)));
    let flow = Flow::new(source, destination).ok_or("two families")?;
    let frame = crate::routing::frame(&flow, FRAME)?;
    Lane::new(input)?.between(&frame, &[HERE.octets()], Some(cpu))
}

/// Where flood and worker run.
///
/// # Errors
/// As [`copying`].
pub fn affinity() -> Result<Vec<Contender>, String> {
    super::possible()?;
    let [one, other] = processors()?;
    let at = |name: &'static str, cpus: [Option<usize>; 2]| {
        Contender::lazy(name, move || {
            ours::placed(name, cpus, finished(), cross_connect)
        })
    };
    let mut contenders = vec![
        at(
            "linecard, flood and worker on two cores",
            [Some(one), Some(other)],
        ),
        at("neither pinned", [None, None]),
        at("worker pinned, flood not", [None, Some(other)]),
        at("both on one core", [Some(other), Some(other)]),
    ];
    let far = "on two cores of two NUMA nodes";
    let node = affinity::node_of_cpu(one);
    let cpus = affinity::allowed().map_err(text)?;
    let elsewhere = cpus
        .into_iter()
        .find(|&cpu| affinity::node_of_cpu(cpu) != node);
    contenders.push(match elsewhere {
        Some(cpu) => at(far, [Some(one), Some(cpu)]),
        None => Contender::missing(far, "this machine has one NUMA node"),
    });
    Ok(contenders)
}

/// Documentation addresses (RFC 5737) and one for benchmarks (RFC 2544).
const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const NEAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const SOURCE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

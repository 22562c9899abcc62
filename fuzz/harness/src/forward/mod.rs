//! Whole forwarders on a stream of packets of any bytes.
//!
//! The bytes of a run are a stream: each packet with the port that it comes in by and the time
//! that passes before it. A [`Worker`](linecard::pipeline::Worker) runs the forwarder on it as a
//! program would, with two ports that now and then take nothing. Afterwards every packet was sent,
//! dropped under a name or punted, each once, and every frame is back in the pool.

mod rig;
mod router;
mod udp;

pub use router::router;
pub use udp::udp_forwarder;

use linecard::forward::{CrossConnect, MacSwap, WellFormed};
use linecard::packet::PortId;
use linecard::pipeline::Stage;
use linecard::wire::parse::{VERIFY, parse};

use crate::input::Input;
use rig::{Sent, run, with_pool};

/// What comes in by a port leaves by the other, unchanged and in order; with a guard, if it is well
/// formed; with the addresses swapped, by the same one.
pub fn cross_connect(bytes: &[u8]) {
    with_pool(|pool, stats| {
        let mut wires: CrossConnect = CrossConnect::new();
        wires.pair(PortId(0), PortId(1)).expect("there are 16");
        let mut outputs = Vec::new();
        let inputs = run(pool, stats, wires, &mut Input::new(bytes), &mut outputs);
        for port in [0, 1] {
            let came = inputs.iter().filter(|sent| sent.port != port);
            let left = outputs.iter().filter(|sent| sent.port == port);
            assert!(
                came.map(|sent| &sent.bytes)
                    .eq(left.map(|sent| &sent.bytes))
            );
        }
    });
    with_pool(|pool, stats| {
        let mut wires: CrossConnect = CrossConnect::new();
        wires.pair(PortId(0), PortId(1)).expect("there are 16");
        let stage = WellFormed.and_then(wires);
        let mut outputs = Vec::new();
        let inputs = run(pool, stats, stage, &mut Input::new(bytes), &mut outputs);
        for port in [0, 1] {
            let came = inputs.iter().filter(|sent| sent.port != port);
            let good = came.filter(|sent| parse::<VERIFY>(&sent.bytes).outcome.is_well_formed());
            let left = outputs.iter().filter(|sent| sent.port == port);
            assert!(
                good.map(|sent| &sent.bytes)
                    .eq(left.map(|sent| &sent.bytes))
            );
        }
    });
    with_pool(|pool, stats| {
        let mut back: CrossConnect = CrossConnect::new();
        back.direct(PortId(0), PortId(0)).expect("there are 16");
        back.direct(PortId(1), PortId(1)).expect("there are 16");
        let stage = MacSwap.and_then(back);
        let mut outputs = Vec::new();
        let inputs = run(pool, stats, stage, &mut Input::new(bytes), &mut outputs);
        for port in [0, 1] {
            let mut left = outputs.iter().filter(|sent| sent.port == port);
            let came = inputs.iter().filter(|sent| sent.port == port);
            // What has no Ethernet header is dropped.
            for Sent { bytes, .. } in came.filter(|sent| sent.bytes.len() >= 14) {
                let swapped = [&bytes[6..12], &bytes[..6], &bytes[12..]].concat();
                assert_eq!(left.next().map(|sent| &sent.bytes), Some(&swapped));
            }
            assert!(left.next().is_none());
        }
    });
}

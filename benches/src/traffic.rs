//! Traffic that a router sees: sets of frames, one for each seat of the [belt](crate::carousel).
//!
//! | set | frames |
//! |---|---|
//! | 64-byte UDP | 8,192 flows in random order, 64 bytes with the FCS |
//! | IMIX | 64, 594 and 1,518 bytes, 7 : 4 : 1, in random order |
//! | ports by Zipf | UDP, two destination ports for 62 % of the packets, the others by Zipf's law |
//!
//! Each is seen by the router as it is and by the UDP forwarder, whose look-up is by port: a branch for
//! each rule, that the processor has to guess.

use core::net::SocketAddr;

use linecard::forward::udp::{Endpoint, Others, UdpForwarder, UdpRule};
use linecard::packet::PortId;
use linecard_linux::port::Flow;

use crate::carousel::SEATS;
use crate::harness::{Contender, Random};
use crate::peer_router::same_mac;
use crate::routing::{
    FLOWS, FRAME, ROUTES, belt, bench_flows, cross_connect, frame, router_stage, text, through,
};

/// A set of frames.
#[derive(Debug, Clone, Copy)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// The bytes of frame number so many, without its FCS.
    size: fn(&mut Random) -> usize,
    /// Its destination port; the discard service's if it has no other.
    port: fn(&mut Random) -> Option<u16>,
}

/// The sets.
pub const SETS: [Set; 3] = [
    Set {
        name: "64-byte UDP",
        size: |_| FRAME,
        port: |_| None,
    },
    Set {
        name: "IMIX",
        size: |random| match random.number() % 12 {
            0 => 1514,
            1..5 => 590,
            _ => FRAME,
        },
        port: |_| None,
    },
    Set {
        name: "ports by Zipf",
        size: |_| FRAME,
        port: |random| Some(zipf_port(random)),
    },
];

impl Set {
    /// Its frames, a flow each.
    ///
    /// # Errors
    /// Never: every size holds its headers.
    pub fn frames(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut random = Random::default();
        let flows = bench_flows(FLOWS, ROUTES);
        let frames = flows.iter().take(SEATS).map(|flow| {
            let size = (self.size)(&mut random);
            let Some(port) = (self.port)(&mut random) else {
                return frame(flow, size);
            };
            let destination = SocketAddr::new(flow.destination().ip(), port);
            let flow = Flow::new(flow.source(), destination).ok_or("two families")?;
            frame(&flow, size)
        });
        frames.collect()
    }
}

/// The k-th of these ports comes with a share of 1/k, but for the first two, which have 31 % each.
fn zipf_port(random: &mut Random) -> u16 {
    let (which, place) = (random.fraction(), random.fraction());
    if which < 0.62 {
        return PORTS[usize::from(which < 0.31)];
    }
    let others = &PORTS[2..];
    let harmonic: f64 = (1..=others.len()).map(|k| 1.0 / k as f64).sum();
    let mut sum = 0.0;
    for (k, port) in others.iter().enumerate() {
        sum += 1.0 / (k + 1) as f64 / harmonic;
        if place < sum {
            return *port;
        }
    }
    others[others.len() - 1]
}

/// The sets through the router, and beside it a cross-connect, which touches no header.
///
/// # Errors
/// That there is no memory.
pub fn routed() -> Result<Vec<Contender>, String> {
    let mut contenders = Vec::new();
    for set in SETS {
        let router: &'static str = format!("linecard router, {}", set.name).leak();
        contenders.push(Contender::lazy(router, move || {
            let (cache, rx, tx) = belt(false, set.frames()?)?;
            through(router, router_stage(same_mac)?, cache, rx, tx)
        }));
        let connect: &'static str = format!("linecard cross-connect, {}", set.name).leak();
        contenders.push(Contender::lazy(connect, move || {
            let (cache, rx, tx) = belt(false, set.frames()?)?;
            through(connect, cross_connect()?, cache, rx, tx)
        }));
    }
    Ok(contenders)
}

/// The sets through a UDP forwarder with a rule for each of 16 ports, the common ones first.
///
/// # Errors
/// That there is no memory.
pub fn udp_by_port() -> Result<Vec<Contender>, String> {
    let mut contenders = Vec::new();
    for (what, set) in [
        ("one port, the last rule", SETS[0]),
        ("ports by Zipf", SETS[2]),
    ] {
        let name: &'static str = format!("linecard UDP forwarder, {what}").leak();
        contenders.push(Contender::lazy(name, move || {
            let (cache, rx, tx) = belt(false, set.frames()?)?;
            through(name, forwarder()?, cache, rx, tx)
        }));
    }
    Ok(contenders)
}

/// A forwarder that gives what comes for each of the ports a new destination, and lets nothing fall.
pub(crate) fn forwarder() -> Result<UdpForwarder<32>, String> {
    let mut forwarder = UdpForwarder::new().others(Others::Drop);
    for port in PORTS.into_iter().chain([DISCARD]) {
        let mut rule = UdpRule::to(PortId(1));
        rule.destination = Endpoint {
            network: None,
            port: Some(port),
        };
        rule.new_source = Some([192, 0, 2, 1].into());
        forwarder.add(rule).map_err(text)?;
    }
    Ok(forwarder)
}

const PORTS: [u16; 15] = [
    443, 53, 80, 123, 500, 4500, 1194, 51820, 3478, 5060, 6881, 27015, 8080, 161, 5353,
];
/// RFC 863.
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(frames: &[Vec<u8>]) -> Vec<u16> {
        let port = |frame: &Vec<u8>| u16::from_be_bytes([frame[36], frame[37]]);
        frames.iter().map(port).collect()
    }

    #[test]
    fn two_ports_have_62_in_100_packets() {
        let ports = ports(&SETS[2].frames().expect("frames"));
        assert_eq!(ports.len(), SEATS);
        let two = ports.iter().filter(|port| PORTS[..2].contains(port));
        let share = two.count() as f64 / SEATS as f64;
        assert!((0.60..0.64).contains(&share), "{share}");
        let third = ports.iter().filter(|port| **port == PORTS[2]).count();
        let fourth = ports.iter().filter(|port| **port == PORTS[3]).count();
        let ratio = third as f64 / fourth as f64;
        assert!((1.6..2.5).contains(&ratio), "{ratio}");
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }

    #[test]
    fn imix_is_seven_to_four_to_one() {
        let frames = SETS[1].frames().expect("frames");
        let share = |size| {
            let of_size = frames.iter().filter(|frame| frame.len() == size).count();
            of_size as f64 / frames.len() as f64 * 12.0
        };
        let shares = [FRAME, 590, 1514].map(share);
        for (share, expected) in shares.into_iter().zip([7.0, 4.0, 1.0]) {
            assert!((share - expected).abs() < 0.3, "{shares:?}");
        }
        assert!(ports(&frames).iter().all(|port| *port == DISCARD));
    }
}

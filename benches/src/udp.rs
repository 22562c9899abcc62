//! The UDP forwarder, in memory: the router's packets, sent to and fro between two ports of UDP.

use core::net::Ipv4Addr;

use linecard::forward::udp::{Endpoint, UdpForwarder, UdpRule};
use linecard::packet::PortId;

use crate::floor::udp as floor;
use crate::harness::Contender;
use crate::peer_router::{compare, frame_slots};
use crate::peers::{PeerError, Peers, add_with};
use crate::routing::{self, DISCARD, MAC, OTHER_MAC};

/// Packets in hand, in the order of the pool and shuffled; by hand; loops in C that rewrite the same.
pub fn udp() -> Result<Vec<Contender>, String> {
    let floor = "floor: a loop by hand, in hand";
    let shuffled_floor = "floor: a loop by hand, shuffled";
    let mut contenders = vec![
        routing::in_hand("linecard UDP, packets in hand", false, stage()?)?,
        routing::in_hand("linecard UDP, in hand, shuffled", true, stage()?)?,
        Contender::lazy(floor, || floor::contender(floor, false)),
        Contender::lazy(shuffled_floor, || floor::contender(shuffled_floor, true)),
    ];
    add_with(&mut contenders, "DPDK's UDP loops", |peers| {
        check(peers)?;
        Ok(LOOPS.map(|(name, peer)| peers.contender(name, peer)).into())
    });
    Ok(contenders)
}

/// Gives the loops in C their packets and rules, and compares each packet that they send with ours.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check(peers: &Peers) -> Result<(), PeerError> {
    let mut input = Vec::new();
    for rule in RULES {
        input.extend(MAC.0);
        input.extend(OTHER_MAC.0);
        input.extend(1_u32.to_ne_bytes());
        input.extend(rule.source.octets());
        input.extend(rule.destination.octets());
        input.extend(rule.port.to_be_bytes());
        input.extend(rule.new_port.to_be_bytes());
        input.extend([0; 4]);
    }
    input.extend(frame_slots()?);
    // All of them work on what the first one has read.
    peers.prepare(LOOPS[0].1, Some(&input))?;
    let ours = stage().and_then(routing::forwarded);
    let ours = ours.map_err(PeerError::Ours)?;
    for (_, peer) in LOOPS {
        compare(peer, &ours, &peers.answer(peer)?)?;
    }
    Ok(())
}

/// The forwarder of both rules.
pub(crate) fn stage() -> Result<UdpForwarder<2>, String> {
    let mut stage = UdpForwarder::new();
    for wanted in RULES {
        let mut rule = UdpRule::to(PortId(1));
        rule.destination = Endpoint {
            network: None,
            port: Some(wanted.port),
        };
        rule.new_source_mac = Some(OTHER_MAC);
        rule.new_destination_mac = Some(MAC);
        rule.new_source = Some(wanted.source.into());
        rule.new_destination = Some(wanted.destination.into());
        rule.new_destination_port = Some(wanted.new_port);
        stage.add(rule).map_err(|error| error.to_string())?;
    }
    Ok(stage)
}

/// What is matched, and what it becomes.
pub(crate) struct Rule {
    pub(crate) port: u16,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) new_port: u16,
}

/// Every packet takes the one rule in one round and the other in the next, so that all of them change.
pub(crate) const RULES: [Rule; 2] = [
    Rule {
        port: DISCARD,
        source: Ipv4Addr::new(192, 0, 2, 1),
        destination: Ipv4Addr::new(198, 51, 100, 2),
        new_port: 5353,
    },
    Rule {
        port: 5353,
        source: Ipv4Addr::new(203, 0, 113, 77),
        destination: Ipv4Addr::new(192, 0, 2, 200),
        new_port: DISCARD,
    },
];

/// The loops, by name and by their name in the program.
const LOOPS: [(&str, &str); 4] = [
    ("DPDK, in hand", "udp"),
    ("DPDK, prefetch, in hand", "udp_prefetch"),
    ("DPDK, shuffled", "udp_shuffled"),
    ("DPDK, prefetch, shuffled", "udp_prefetch_shuffled"),
];

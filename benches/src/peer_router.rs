//! Routing loops in C over `rte_mbuf`s, with the same packets, routes and hops as our router.

use linecard::lookup::Routes4;
use linecard::wire::MacAddr;

use crate::harness::Contender;
use crate::peers::{PeerError, Peers, add_with};
use crate::routing::{self, GATEWAYS, ROUTES};

/// How a routing loop looks at packets, its table, and whether it asks for the next burst's headers. Those from
/// ring to ring receive and send as our contenders do; the others have all packets before them, and
/// sending is no part of their work.
const LOOPS: [(&str, [&str; 2]); 8] = [
    (
        "DPDK strict, rte_lpm",
        ["route_strict_lpm", "route_strict_lpm_shuffled"],
    ),
    (
        "DPDK strict, rte_lpm, prefetch",
        [
            "route_strict_lpm_prefetch",
            "route_strict_lpm_prefetch_shuffled",
        ],
    ),
    (
        "DPDK strict, rte_fib",
        ["route_strict_fib", "route_strict_fib_shuffled"],
    ),
    (
        "DPDK strict, rte_fib, prefetch",
        [
            "route_strict_fib_prefetch",
            "route_strict_fib_prefetch_shuffled",
        ],
    ),
    (
        "DPDK lighter, rte_lpm",
        ["route_light_lpm", "route_light_lpm_shuffled"],
    ),
    (
        "DPDK lighter, rte_lpm, prefetch",
        [
            "route_light_lpm_prefetch",
            "route_light_lpm_prefetch_shuffled",
        ],
    ),
    (
        "DPDK strict, rte_fib, from ring to ring",
        ["route_strict_fib_rings", "route_strict_fib_rings_shuffled"],
    ),
    (
        "DPDK lighter, rte_lpm, from ring to ring",
        ["route_light_lpm_rings", "route_light_lpm_rings_shuffled"],
    ),
];

/// The loops, in hand and shuffled, behind our contenders; each is compared with our router before it
/// runs.
pub(crate) fn add(contenders: &mut Vec<Contender>) {
    add_with(contenders, "DPDK's routing loops", |peers| {
        prepare(peers, same_mac)?;
        let mut more = Vec::new();
        for (order, what) in ["in hand", "shuffled"].iter().enumerate() {
            for (name, peer) in LOOPS {
                more.push(peers.contender(&format!("{name}, {what}"), peer[order]));
            }
        }
        check(peers, same_mac)?;
        Ok(more)
    });
}

/// Gives the loops their packets, routes and hops; a gateway has the Ethernet address that
/// `mac_of` says.
///
/// # Errors
/// As any question to the peers.
pub fn prepare(peers: &Peers, mac_of: fn(u8) -> MacAddr) -> Result<(), PeerError> {
    let mut input = Vec::new();
    input.extend((ROUTES as u32).to_ne_bytes());
    input.extend(u32::from(GATEWAYS).to_ne_bytes());
    for (prefix, hop) in Routes4::new(1, GATEWAYS).take(ROUTES) {
        input.extend(prefix.first().to_ne_bytes());
        input.extend(u16::from(prefix.len()).to_ne_bytes());
        input.extend(hop.index().to_ne_bytes());
    }
    // The hops: a destination, our other port's address, and the port.
    for hop in 0..=u8::MAX {
        input.extend(mac_of(hop).0);
        input.extend(routing::OTHER_MAC.0);
        input.extend(1_u32.to_ne_bytes());
    }
    input.extend(frame_slots()?);
    // All of them work on what the first one has read.
    peers.prepare(LOOPS[0].1[0], Some(&input))
}

/// The bench's frames, each in 64 bytes.
pub(crate) fn frame_slots() -> Result<Vec<u8>, PeerError> {
    let mut slots = Vec::new();
    for frame in routing::frames().map_err(PeerError::Ours)? {
        let end = slots.len() + 64;
        slots.extend(frame);
        slots.resize(end, 0);
    }
    Ok(slots)
}

/// Whether each loop gives, for each packet, the bytes that our router gives.
///
/// # Errors
/// [`PeerError::Differs`], or as any question to the peers.
pub fn check(peers: &Peers, mac_of: fn(u8) -> MacAddr) -> Result<(), PeerError> {
    let stage = routing::router_stage(mac_of).map_err(PeerError::Ours)?;
    let ours = routing::forwarded(stage).map_err(PeerError::Ours)?;
    for (_, loops) in LOOPS {
        for peer in loops {
            compare(peer, &ours, &peers.answer(peer)?)?;
        }
    }
    Ok(())
}

/// Our frames beside those of a peer, one behind the other.
pub(crate) fn compare(peer: &str, ours: &[Vec<u8>], theirs: &[u8]) -> Result<(), PeerError> {
    let lens = ours.iter().map(Vec::len).sum::<usize>();
    if lens != theirs.len() {
        let what = format!("{peer}: {} bytes, not {lens}", theirs.len());
        return Err(PeerError::Differs(what));
    }
    let mut rest = theirs;
    for (number, ours) in ours.iter().enumerate() {
        let (theirs, behind) = rest.split_at(ours.len());
        if ours != theirs {
            let what = format!("{peer}: packet {number} is {theirs:02x?}, not {ours:02x?}");
            return Err(PeerError::Differs(what));
        }
        rest = behind;
    }
    Ok(())
}

/// In the bench all gateways have the first port's own address, so that what was sent can be received
/// there again.
pub(crate) fn same_mac(_gateway: u8) -> MacAddr {
    routing::MAC
}

//! Forwarding over AF_XDP on veth, beside whoever else forwards packets of Linux interfaces.
//!
//! - [`lane`]: two interfaces with a flood at one end and nobody at the other; [`turn`]: a forwarder between them,
//!   and what is measured of it;
//! - [`ours`]: Linecard's forwarders; [`crates`]: loops over other crates; [`others`]: DPDK, packet sockets, the kernel;
//! - [`questions`]: what copies cost, and where to run; [`latency`]: stage by stage, and pauses;
//! - [`mod@self`]: the scenarios beside the peers.

pub mod crates;
pub mod lane;
pub mod latency;
pub mod others;
pub mod ours;
pub mod questions;
pub mod turn;

use linecard_af_xdp::Config;

use crate::harness::Contender;
use crate::peer_router::same_mac;
use crate::routing::router_stage;
use crate::udp;
use ours::cross_connect;

/// Packets of one interface out of the other as they are.
///
/// # Errors
/// That there is no root, or one processor.
pub fn cross_connects() -> Result<Vec<Contender>, String> {
    possible()?;
    Ok(vec![
        ours::forwarder("linecard cross-connect", finished(), cross_connect),
        ours::forwarder(
            "linecard, checksums looked at",
            Config::default(),
            cross_connect,
        ),
        crates::xdp("AF_XDP: crate xdp"),
        crates::xdpilone("AF_XDP: crate xdpilone"),
        others::testpmd("AF_XDP: testpmd io, net_af_xdp", "net_af_xdp", "io"),
        others::testpmd("testpmd io, net_af_packet", "net_af_packet", "io"),
        others::packet_socket("TPACKET_V3", "tpacket"),
        others::packet_socket("libpcap", "pcap"),
        others::kernel("kernel forwarding"),
    ])
}

/// Packets rewritten by a rule for their UDP port.
///
/// # Errors
/// As [`cross_connects`].
pub fn udp() -> Result<Vec<Contender>, String> {
    possible()?;
    Ok(vec![
        ours::forwarder("linecard UDP forwarder", finished(), udp::stage),
        ours::forwarder("linecard cross-connect", finished(), cross_connect),
        others::testpmd("AF_XDP: testpmd 5tswap, net_af_xdp", "net_af_xdp", "5tswap"),
        others::testpmd("testpmd 5tswap, net_af_packet", "net_af_packet", "5tswap"),
    ])
}

/// Packets routed by 500,000 routes; the kernel has one.
///
/// # Errors
/// As [`cross_connects`].
pub fn router() -> Result<Vec<Contender>, String> {
    possible()?;
    Ok(vec![
        ours::forwarder("linecard router", finished(), || router_stage(same_mac)),
        ours::forwarder("linecard cross-connect", finished(), cross_connect),
        crates::xdp("AF_XDP: crate xdp, cross-connect"),
        others::kernel("kernel forwarding"),
    ])
}

/// What the flood sends has its checksums, and none of the others looks at them either.
fn finished() -> Config {
    Config {
        checksums_finished: true,
        ..Config::default()
    }
}

fn possible() -> Result<(), String> {
    lane::possible()?;
    turn::processors().map(drop)
}

/// What a reader should know.
pub const NOTE: &str = "64-byte frames of 8,192 flows over veth, in copy mode: flood and reception on one core, the forwarder on the other, \
    more packets than it can forward. Time on the clock, without what the thread waited for its processor; most of it is the \
    kernel's, which makes an skb of each packet (in whatever thread sends, and for kernel forwarding on the flood's core). User \
    time is what the thread is at work between system calls, by the kernel's clock.";

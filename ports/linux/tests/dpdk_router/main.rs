//! The router between a port of DPDK's, on the left, and one of AF_XDP's: what hosts have of a
//! router on AF_XDP alone they have of this one, and nothing is copied on the way.

#[path = "../veth_router/hosts.rs"]
mod hosts;
#[path = "../veth_router/talk.rs"]
mod talk;
#[path = "../veth_router/traffic.rs"]
mod traffic;

use hosts::{Hosts, RIGHT_4};

/// The router's port on the left. (The driver wants 2,016 bytes of each mbuf.)
const LEFT: &str = "dpdk:net_af_packet0,iface=lc0,framecnt=4096";

/// Bits a second at which datagrams are sent. What the driver's ring in the kernel does not hold
/// while the router waits for a processor is gone, uncounted: it is to hold two seconds' worth.
const DATAGRAMS: u64 = 10_000_000;

/// What is particular of the pool.
const POOL: &str = "frame-size = 4096";

#[test]
fn no_payload_is_copied_between_dpdk_and_af_xdp() {
    let Some(hosts) = Hosts::new("copies") else {
        return;
    };
    let router = hosts.start();
    let text = hosts
        .left
        .run("ping", &format!("-c 200 -i 0.002 -s 1400 -W 2 {RIGHT_4}"));
    assert!(text.contains(" 0% packet loss"), "{text}");
    let printed = hosts.stop(router);
    assert!(
        printed.contains("0 posted") && printed.contains("0 completing"),
        "{printed}"
    );
    let text = std::fs::read_to_string(hosts.file("stats.json")).expect("the statistics");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let ports = json["ports"].as_array().expect("ports");
    assert_eq!(ports.len(), 2, "{text}");
    for port in ports {
        let sent = |name: &str| port["tx"][name].as_u64();
        assert!(sent("packets").is_some_and(|sent| sent >= 200), "{text}");
        assert_eq!(sent("copied").unwrap_or(0), 0, "{text}");
    }
}

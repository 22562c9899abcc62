//! Every scenario, as data.
//!
//! The bars are what is asked of each row: our time divided by the peer's, at most.

use crate::bar::Bar;
use crate::harness::Scenario;
use crate::{caches, hashes, headers, pools, rings, routing, udp, vhost, vhost_server};

/// The scenarios, in the order in which they are run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("router/in-memory", "packet", routing::router).bars(&[
        Bar::beside(
            "linecard router, packets in hand",
            &["DPDK strict", "in hand"],
            0.5,
        ),
        Bar::beside(
            "linecard router, packets in hand",
            &["DPDK lighter", "in hand"],
            0.9,
        ),
        Bar::beside(
            "linecard router, packets in hand",
            &["floor", "in hand"],
            1.25,
        ),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["DPDK strict", "shuffled"],
            0.5,
        ),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["DPDK lighter", "shuffled"],
            0.9,
        ),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["floor", "shuffled"],
            1.25,
        ),
    ]),
    Scenario::new("udp/in-memory", "packet", udp::udp).bars(&[
        Bar::beside("linecard UDP, packets in hand", &["DPDK", "in hand"], 0.5),
        Bar::beside(
            "linecard UDP, in hand, shuffled",
            &["DPDK", "shuffled"],
            0.5,
        ),
    ]),
    Scenario::new("ring/spsc/single", "item", rings::single).bars(BEST),
    Scenario::new("ring/spsc/bulk-32", "item", rings::bulk).bars(BEST),
    Scenario::new("ring/mpmc/single", "item", rings::mpmc_single).bars(BEST),
    Scenario::new("ring/mpmc/bulk-32", "item", rings::mpmc_bulk).bars(BEST),
    Scenario::new("mempool/bulk-32", "frame", pools::bulk).bars(&[
        Bar::beside("linecard", &["rte_pktmbuf"], 0.25),
        Bar::beside("linecard", &["rte_mempool"], 1.5),
    ]),
    Scenario::new("parse/udp", "packet", headers::parse_udp).bars(PARSE),
    Scenario::new("parse/udp/verified", "packet", headers::parse_udp_verified).bars(PARSE),
    Scenario::new("parse/vlan-tcp", "packet", headers::parse_vlan_tcp).bars(PARSE),
    Scenario::new("checksum/20", "checksum", headers::checksum_20).bars(SHORT_SUM),
    Scenario::new("checksum/64", "checksum", headers::checksum_64),
    Scenario::new("checksum/1500", "checksum", headers::checksum_1500).bars(LONG_SUM),
    Scenario::new("checksum/9000", "checksum", headers::checksum_9000).bars(LONG_SUM),
    Scenario::new("toeplitz/12", "hash", hashes::toeplitz_12).bars(BEST),
    Scenario::new("toeplitz/36", "hash", hashes::toeplitz_36).bars(BEST),
    Scenario::new("dma/header-for-device", "line", caches::header_for_device),
    Scenario::new("dma/packet-for-device", "line", caches::packet_for_device),
    Scenario::new("dma/packet-for-cpu", "line", caches::packet_for_cpu),
    Scenario::new("vhost-user/split", "packet", vhost::split).uncounted(),
    Scenario::new("vhost-user/packed", "packet", vhost::packed).uncounted(),
    Scenario::new("vhost-user-server/split", "packet", vhost_server::split).uncounted(),
    Scenario::new("vhost-user-server/packed", "packet", vhost_server::packed).uncounted(),
];

const BEST: &[Bar] = &[Bar::best("linecard", 1.0)];
const PARSE: &[Bar] = &[Bar::best("linecard", 0.8)];
const SHORT_SUM: &[Bar] = &[Bar::best("linecard", 0.8)];
const LONG_SUM: &[Bar] = &[Bar::best("linecard", 0.7)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
    }
}

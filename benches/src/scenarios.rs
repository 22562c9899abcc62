//! Every scenario, as data.

use crate::harness::Scenario;
use crate::{caches, headers, pools, rings, routing, vhost, vhost_server};

/// The scenarios, in the order in which they are run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "router/in-memory",
        unit: "packet",
        build: routing::router,
    },
    Scenario {
        name: "ring/spsc/single",
        unit: "item",
        build: rings::single,
    },
    Scenario {
        name: "ring/spsc/bulk-32",
        unit: "item",
        build: rings::bulk,
    },
    Scenario {
        name: "ring/mpmc/single",
        unit: "item",
        build: rings::mpmc_single,
    },
    Scenario {
        name: "ring/mpmc/bulk-32",
        unit: "item",
        build: rings::mpmc_bulk,
    },
    Scenario {
        name: "mempool/bulk-32",
        unit: "frame",
        build: pools::bulk,
    },
    Scenario {
        name: "parse/udp",
        unit: "packet",
        build: headers::parse_udp,
    },
    Scenario {
        name: "parse/udp/verified",
        unit: "packet",
        build: headers::parse_udp_verified,
    },
    Scenario {
        name: "parse/vlan-tcp",
        unit: "packet",
        build: headers::parse_vlan_tcp,
    },
    Scenario {
        name: "checksum/20",
        unit: "checksum",
        build: headers::checksum_20,
    },
    Scenario {
        name: "checksum/64",
        unit: "checksum",
        build: headers::checksum_64,
    },
    Scenario {
        name: "checksum/1500",
        unit: "checksum",
        build: headers::checksum_1500,
    },
    Scenario {
        name: "checksum/9000",
        unit: "checksum",
        build: headers::checksum_9000,
    },
    Scenario {
        name: "dma/header-for-device",
        unit: "line",
        build: caches::header_for_device,
    },
    Scenario {
        name: "dma/packet-for-device",
        unit: "line",
        build: caches::packet_for_device,
    },
    Scenario {
        name: "dma/packet-for-cpu",
        unit: "line",
        build: caches::packet_for_cpu,
    },
    Scenario {
        name: "vhost-user/split",
        unit: "packet",
        build: vhost::split,
    },
    Scenario {
        name: "vhost-user/packed",
        unit: "packet",
        build: vhost::packed,
    },
    Scenario {
        name: "vhost-user-server/split",
        unit: "packet",
        build: vhost_server::split,
    },
    Scenario {
        name: "vhost-user-server/packed",
        unit: "packet",
        build: vhost_server::packed,
    },
];

//! Every scenario, as data.
//!
//! The bars are what is asked of each row: our time divided by the peer's, at most.

use crate::bar::Bar;
#[cfg(feature = "dpdk")]
use crate::dpdk_ports;
use crate::harness::Scenario;
use crate::{
    af_xdp, alignment, caches, checksums, copying, cores, growth, hashes, headers, lpm, pools,
    ports, rings, routing, stages, threads, traffic, udp, vhost, vhost_server, virtio,
};

/// The scenarios, in the order in which they are run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("router/in-memory", "packet", routing::router).bars(&[
        Bar::beside(
            "linecard router, packets in hand",
            &["DPDK strict", "in hand"],
            0.5,
        )
        .floor(&["floor", "in hand"]),
        Bar::beside(
            "linecard router, packets in hand",
            &["DPDK lighter", "in hand"],
            0.9,
        )
        .floor(&["floor", "in hand"]),
        Bar::beside(
            "linecard router, packets in hand",
            &["floor", "in hand"],
            1.25,
        ),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["DPDK strict", "shuffled"],
            0.5,
        )
        .floor(&["floor", "shuffled"]),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["DPDK lighter", "shuffled"],
            0.9,
        )
        .floor(&["floor", "shuffled"]),
        Bar::beside(
            "linecard router, in hand, shuffled",
            &["floor", "shuffled"],
            1.25,
        ),
    ]),
    Scenario::new("udp/in-memory", "packet", udp::udp).bars(&[
        Bar::beside("linecard UDP, packets in hand", &["DPDK", "in hand"], 0.5)
            .floor(&["floor", "in hand"]),
        Bar::beside(
            "linecard UDP, in hand, shuffled",
            &["DPDK", "shuffled"],
            0.5,
        )
        .floor(&["floor", "shuffled"]),
    ]),
    Scenario::new("router/traffic", "packet", traffic::routed),
    Scenario::new("udp/ports", "packet", traffic::udp_by_port).note(
        "16 rules, by destination port. By Zipf two ports have 62 % of the packets, the others share the rest.",
    ),
    Scenario::new("ring/spsc/single", "item", rings::single)
        .bars(BEST)
        .note(RING_SINGLE_NOTE),
    Scenario::new("ring/spsc/bulk-32", "item", rings::bulk).bars(BEST),
    Scenario::new("ring/mpmc/single", "item", rings::mpmc_single)
        .bars(BEST)
        .note(
            "Two compare-and-swaps are what two claims cost that other threads may contest: a locked instruction waits for all \
             stores before it, of which a ring has two or three an operation.",
        ),
    Scenario::new("ring/mpmc/bulk-32", "item", rings::mpmc_bulk).bars(BEST),
    Scenario::new("ring/spsc/threads/single", "item", threads::spsc_single)
        .bars(BEST)
        .uncounted(),
    Scenario::new(
        "ring/spsc/threads/single-32-bytes",
        "item",
        threads::spsc_single_32,
    )
    .bars(BEST)
    .uncounted(),
    Scenario::new("ring/spsc/threads/bulk-32", "item", threads::spsc_bulk)
        .bars(ACROSS)
        .uncounted(),
    Scenario::new(
        "ring/spsc/threads/bulk-32-32-bytes",
        "item",
        threads::spsc_bulk_32,
    )
    .bars(ACROSS)
    .uncounted(),
    Scenario::new(
        "ring/spsc/threads/round-trip",
        "round trip",
        threads::spsc_round_trip,
    )
    .bars(BEST)
    .uncounted(),
    Scenario::new("ring/mpmc/threads/single", "item", threads::mpmc_single)
        .bars(BEST)
        .uncounted(),
    Scenario::new("ring/mpmc/threads/bulk-32", "item", threads::mpmc_bulk)
        .bars(BEST)
        .uncounted(),
    Scenario::new("mempool/bulk-32", "frame", pools::bulk).bars(&[
        Bar::beside("linecard", &["rte_pktmbuf"], 0.25),
        Bar::beside("linecard", &["rte_mempool"], 1.5),
        Bar::beside("linecard, frames alone", &["rte_mempool"], 1.5),
    ])
    .note(
        "rte_mempool hands out pointers of 8 bytes, and leaves what they point at as it was. A packet is a descriptor of 32 \
         bytes by value, as rte_pktmbuf's is one of 128 in memory: it is written when it comes out of the pool. A frame is 16 \
         bytes, which say where its data begins.",
    ),
    Scenario::new("mempool/threads/bulk-32", "frame", threads::frames)
        .bars(BEST)
        .uncounted(),
    Scenario::new("parse/udp", "packet", headers::parse::<0, false>).bars(PARSE),
    Scenario::new("parse/udp/verified", "packet", headers::parse::<0, true>).bars(PARSE),
    Scenario::new("parse/vlan-tcp", "packet", headers::parse::<1, false>).bars(PARSE),
    Scenario::new("parse/qinq-udp", "packet", headers::parse::<2, false>).bars(PARSE),
    Scenario::new("parse/ipv4-options", "packet", headers::parse::<3, false>).bars(PARSE),
    Scenario::new(
        "parse/ipv4-options/verified",
        "packet",
        headers::parse::<3, true>,
    )
    .bars(PARSE),
    Scenario::new("parse/ipv6-udp", "packet", headers::parse::<4, false>).bars(PARSE),
    Scenario::new(
        "parse/ipv6-extensions",
        "packet",
        headers::parse::<5, false>,
    )
    .bars(PARSE),
    Scenario::new("parse/tcp-timestamps", "packet", headers::parse::<6, false>).bars(PARSE),
    Scenario::new(
        "parse/mix",
        "packet",
        headers::parse::<{ headers::MIX }, false>,
    )
    .bars(PARSE),
    Scenario::new(
        "parse/mix/verified",
        "packet",
        headers::parse::<{ headers::MIX }, true>,
    )
    .bars(PARSE),
    Scenario::new("checksum/20", "checksum", checksums::of::<20>).bars(SHORT_SUM),
    Scenario::new("checksum/64", "checksum", checksums::of::<64>),
    Scenario::new("checksum/576", "checksum", checksums::of::<576>)
        .bars(LONG_SUM)
        .note(LONG_SUM_NOTE),
    Scenario::new("checksum/1500", "checksum", checksums::of::<1500>)
        .bars(LONG_SUM)
        .note(LONG_SUM_NOTE),
    Scenario::new("checksum/9000", "checksum", checksums::of::<9000>)
        .bars(LONG_SUM)
        .note(LONG_SUM_NOTE),
    Scenario::new("checksum/incremental", "change", checksums::incremental).bars(BEST),
    Scenario::new("lpm4/uniform", "look-up", lpm::ipv4_uniform).bars(LPM_4),
    Scenario::new("lpm4/routed", "look-up", lpm::ipv4_routed).bars(LPM_4),
    Scenario::new("lpm4/zipf", "look-up", lpm::ipv4_zipf).bars(LPM_4),
    Scenario::new("lpm4/update", "update", lpm::ipv4_update),
    Scenario::new("lpm4/internet/uniform", "look-up", lpm::internet4_uniform).bars(LPM_4),
    Scenario::new("lpm4/internet/routed", "look-up", lpm::internet4_routed).bars(LPM_4),
    Scenario::new("lpm4/internet/zipf", "look-up", lpm::internet4_zipf)
        .bars(LPM_4_COMPACT)
        .note("901,899 routes. The compact table has 8 MiB for them, its writer's part included."),
    Scenario::new("lpm4/internet/update", "update", lpm::internet4_update),
    Scenario::new("lpm6/routed", "look-up", lpm::ipv6_routed).bars(LPM_6),
    Scenario::new("lpm6/zipf", "look-up", lpm::ipv6_zipf).bars(LPM_6),
    Scenario::new("lpm6/update", "update", lpm::ipv6_update),
    Scenario::new("lpm6/internet/uniform", "look-up", lpm::internet6_uniform).bars(LPM_6),
    Scenario::new("lpm6/internet/routed", "look-up", lpm::internet6_routed).bars(LPM_6),
    Scenario::new("lpm6/internet/zipf", "look-up", lpm::internet6_zipf).bars(LPM_6),
    Scenario::new("lpm6/internet/update", "update", lpm::internet6_update),
    Scenario::new("toeplitz/12", "hash", hashes::toeplitz_12).bars(BEST),
    Scenario::new("toeplitz/36", "hash", hashes::toeplitz_36).bars(BEST),
    Scenario::new("dma/header-for-device", "line", caches::header_for_device),
    Scenario::new("dma/packet-for-device", "line", caches::packet_for_device),
    Scenario::new("dma/packet-for-cpu", "line", caches::packet_for_cpu),
    Scenario::new("alignment/ring", "item", alignment::ring).uncounted().note(
            "Two threads pinned to two cores, time on the clock. The textbook's ring has no copy of the other side's index, so \
             each item moves both indices, be it with one line or two: sharing a line costs it nothing more. A descriptor across \
             two lines moves both.",
        ),
    Scenario::new("affinity/generator-and-worker", "packet", cores::affinity).uncounted().note(
        "A generator hands packets to a router by a ring; time on the clock. On one core the two take turns.",
    ),
    Scenario::new("timers/router", "packet", stages::timers).bars(&[Bar::beside(
        "linecard router, timers on, one burst in 257",
        &["off"],
        1.01,
    )]),
    Scenario::new("copying/64", "packet", copying::short).note(copying::NOTE),
    Scenario::new("copying/1518", "packet", copying::long).note(copying::NOTE),
    Scenario::new("growth/flows", "packet", growth::flows).along("flows").note(
            "Packets are made when they are received, and routed by 500,000 routes. The cross-connect, which looks nothing up, \
             does not bend; the router does a little where the lines of the routing table that its flows need, 64 bytes each, \
             leave the second-level cache, and much between 2^16 and 2^18 flows, where they leave its share of the third.",
        ),
    Scenario::new("growth/routes", "packet", growth::routes).along("routes").note(
            "8,192 flows over all routes, packets in hand. A flow needs a line of the table, however many routes there are: it \
             hardly bends, and only while several flows still share lines.",
        ),
    Scenario::new("growth/burst", "packet", growth::burst).along("packets a burst at most").note(
            "What is done once a burst, the round over the ports, the calls of the driver and the router's room for 32 packets, \
             is divided by its packets. The router works on 32 at a time, so that beyond it has little more to divide."),
    Scenario::new("growth/size", "packet", growth::size).along("bytes of a frame, with its FCS").note(
            "Packets in hand: nothing but the headers is touched, so nothing bends it. A port that copies adds the copy (copying/*).",
        ),
    Scenario::new("cores/split", "packet", cores::split).uncounted().note(
            "Time on the clock. Split, each packet's descriptor and header move from core to core, and its frame comes back by the \
             pool's shared list: what the second core takes over is lost again.",
        ),
    Scenario::new("cores/scaling", "packet", cores::scaling).uncounted().note(
        "Time on the clock for a packet of all workers; they share nothing but the third-level cache and the memory.",
    ),
    Scenario::new("af_xdp/cross-connect", "packet", af_xdp::cross_connects)
        .bars(&[
            Bar::beside("linecard", &["AF_XDP"], 1.0),
            Bar::beside("linecard", &["TPACKET_V3"], 0.909),
            Bar::beside("user time: linecard", &["user time: AF_XDP"], 1.0),
            Bar::beside("system calls: linecard", &["system calls: AF_XDP"], 1.0),
        ])
        .note(af_xdp::NOTE)
        .by_the_clock(),
    Scenario::new("af_xdp/udp", "packet", af_xdp::udp)
        .bars(&[Bar::beside("linecard UDP", &["AF_XDP"], 1.0)])
        .note(af_xdp::NOTE)
        .by_the_clock(),
    Scenario::new("af_xdp/router", "packet", af_xdp::router)
        .bars(&[Bar::beside(
            "linecard router",
            &["linecard cross-connect"],
            1.053,
        )])
        .note(af_xdp::NOTE)
        .by_the_clock(),
    Scenario::new("af_xdp/affinity", "packet", af_xdp::questions::affinity)
        .note(af_xdp::NOTE)
        .by_the_clock(),
    Scenario::new("af_xdp/copying", "packet", af_xdp::questions::copying)
        .note(af_xdp::questions::COPYING)
        .by_the_clock(),
    Scenario::new("virtio/split", "packet", virtio::split),
    Scenario::new("virtio/packed", "packet", virtio::packed),
    Scenario::new("vhost-user/split", "packet", vhost::split)
        .bars(VHOST_USER)
        .note(VHOST_USER_NOTE)
        .uncounted(),
    Scenario::new("vhost-user/packed", "packet", vhost::packed)
        .bars(VHOST_USER)
        .note(VHOST_USER_NOTE)
        .uncounted(),
    Scenario::new("vhost-user/in-flight/split", "packet", vhost::split_along)
        .along("packets that go round")
        .uncounted(),
    Scenario::new("vhost-user/in-flight/packed", "packet", vhost::packed_along)
        .along("packets that go round")
        .uncounted(),
    Scenario::new("vhost-user-server/split", "packet", vhost_server::split)
        .bars(VHOST_SERVER)
        .uncounted(),
    Scenario::new("vhost-user-server/packed", "packet", vhost_server::packed)
        .bars(VHOST_SERVER)
        .uncounted(),
    Scenario::new("cross-connect/null", "packet", ports::null)
        .bars(&[Bar::beside("linecard", &["testpmd"], 0.3)])
        .uncounted(),
    Scenario::new("cross-connect/loopback", "packet", ports::cross_connect)
        .bars(&[Bar::beside("linecard", &["testpmd"], 1.5)])
        .uncounted(),
    Scenario::new("mac-swap/loopback", "packet", ports::mac_swap)
        .bars(&[Bar::beside("linecard", &["testpmd"], 0.8)])
        .uncounted(),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/mempool", "mbuf", dpdk_ports::mempool)
        .bars(BEST),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/io/net_null", "packet", dpdk_ports::io_null)
        .bars(TESTPMD),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/io/net_ring", "packet", dpdk_ports::io_ring)
        .bars(TESTPMD),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/macswap/net_null", "packet", dpdk_ports::mac_swap_null)
        .bars(TESTPMD),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/macswap/net_ring", "packet", dpdk_ports::mac_swap_ring)
        .bars(TESTPMD),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/5tswap/net_null", "packet", dpdk_ports::udp_null)
        .bars(TESTPMD),
    #[cfg(feature = "dpdk")]
    Scenario::new("dpdk/5tswap/net_ring", "packet", dpdk_ports::udp_ring)
        .bars(TESTPMD),
];

#[cfg(feature = "dpdk")]
const TESTPMD: &[Bar] = &[Bar::beside("linecard", &["testpmd"], 1.0).floor(&["floor in C"])];
const BEST: &[Bar] = &[Bar::best("linecard", 1.0)];
/// 1.5 times as many packets.
const VHOST_USER: &[Bar] = &[
    Bar::beside(
        "linecard, 128 packets",
        &["dpdk net_virtio_user", "128"],
        0.667,
    )
    .floor(&["bare rings", "128"]),
    Bar::beside(
        "linecard, 32 packets",
        &["dpdk net_virtio_user", "32"],
        0.667,
    )
    .floor(&["bare rings", "32"]),
];
const VHOST_SERVER: &[Bar] = &[Bar::beside("linecard", &["dpdk"], 0.667).floor(&["its front end"])];
const VHOST_USER_NOTE: &str = "Time on the clock; the ratio's other side is the same number of packets. No front end asks for \
     offloads. 32 packets go round after testpmd's `start tx_first`, 128 are the most that help. With 128 DPDK's vhost, which all have in common, is at work nearly \
     all the time wherever the two cores are near each other: there nobody can be \
     quicker than the row below says. Over packed rings that vhost shows packets by fours, so that both cores work at once; over \
     split ones by whole bursts. Linecard shows it its packets by eights, DPDK's front end all of a burst at once: of 32 that go round \
     the one keeps both cores at work, with the other they take turns. What a packet costs that vhost differs between ports and from run to run (over packed rings 36 to 62 ns for one front end), for no cause found. Bare rings have \
     neither pool nor packets: what is left of a front end without its driver.";
const ACROSS: &[Bar] = &[Bar::best("linecard", 0.8)];
const PARSE: &[Bar] = &[
    Bar::best("linecard", 0.8),
    Bar::beside("linecard", &["floor"], 1.1),
];
const SHORT_SUM: &[Bar] = &[Bar::best("linecard", 0.8)];
const LONG_SUM: &[Bar] = &[Bar::best("linecard", 0.7).floor(&["floor"])];
const RING_SINGLE_NOTE: &str = "An item in and out at once, so that the consumer has to look at the producer's index each time. What \
     bounds it is loads and stores, of which this core does three a cycle. Handles that are the loop's own, as where a thread's function \
     has them, are kept in registers: five loads and stores are left. In memory they are read and written each time, because of the \
     ordered stores between: nineteen. rte_ring keeps everything in the ring, and has fifteen.";
const LONG_SUM_NOTE: &str = "64 packets, each on lines of its own: more than the first cache holds, so that the bytes come from the second, whose \
     line every other cycle is the floor: it loads them and adds whole words, whose carries it loses. Linecard by AVX-512 where the \
     processor has it; rte_raw_cksum is compiled for this processor, and by AVX-512 as well.";
const LPM_4: &[Bar] = &[Bar::best("linecard", 0.9)];
const LPM_4_COMPACT: &[Bar] = &[
    Bar::best("linecard", 0.9),
    Bar::beside("linecard compact", &["linecard, bulk"], 5.0),
];
const LPM_6: &[Bar] = &[Bar::best("linecard", 0.5)];

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
